use std::cmp::Reverse;

use bauta_protocol::time::Timestamp;

use super::ids::{ConversationId, MessageSeq, PersonaId};
use super::messages::{COLUMNS, MessageRow, read};
use super::tx::signed;
use super::{StoreError, Tx, pieces};

impl Tx<'_> {
    /// Messages of a persona, or of one conversation of it, that have every word of a query somewhere in a word of
    /// theirs; latest first, without what has ended by now. `None`: the query has no word.
    pub(crate) fn search(
        &self,
        persona: PersonaId,
        conversation: Option<ConversationId>,
        query: &str,
        before: MessageSeq,
        limit: u32,
        now: Timestamp,
    ) -> Result<Option<Vec<MessageRow>>, StoreError> {
        let Some(asked) = pieces::expression(persona.0, conversation.map(|id| id.0), query) else {
            return Ok(None);
        };
        // In this order an index is read from its end, and no further than the page is long.
        let page = |index: &str| {
            let sql = format!(
                "SELECT {COLUMNS} FROM {index} CROSS JOIN messages ON seq = {index}.rowid
                 WHERE {index} MATCH ?1 AND {index}.rowid < ?2 AND persona = ?3 AND (ends_at IS NULL OR ends_at > ?5)
                 ORDER BY {index}.rowid DESC LIMIT ?4"
            );
            self.all("search messages", &sql, (&asked, before, persona, limit, signed(now.0)), read)
        };
        let mut found = page("search")?;
        found.extend(page("search_brief")?);
        found.sort_unstable_by_key(|row| Reverse(row.seq));
        found.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(Some(found))
    }
}
