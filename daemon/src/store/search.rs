use super::ids::{ConversationId, MessageSeq, PersonaId};
use super::messages::{COLUMNS, MessageRow, read};
use super::{StoreError, Tx, pieces};

impl Tx<'_> {
    /// Messages of a persona, or of one conversation of it, that have every word of a query somewhere in a word of
    /// theirs; latest first. `None`: the query has no word.
    pub(crate) fn search(
        &self,
        persona: PersonaId,
        conversation: Option<ConversationId>,
        query: &str,
        before: MessageSeq,
        limit: u32,
    ) -> Result<Option<Vec<MessageRow>>, StoreError> {
        let Some(asked) = pieces::expression(persona.0, conversation.map(|id| id.0), query) else {
            return Ok(None);
        };
        // In this order the index is read from its end, and no further than the page is long.
        let sql = format!(
            "SELECT {COLUMNS} FROM search CROSS JOIN messages ON seq = search.rowid
             WHERE search MATCH ?1 AND search.rowid < ?2 AND persona = ?3 ORDER BY search.rowid DESC LIMIT ?4"
        );
        self.all("search messages", &sql, (asked, before, persona, limit), read).map(Some)
    }
}
