use bauta_protocol::content::Content;
use bauta_protocol::time::Timestamp;

use super::ids::{ConversationId, MessageSeq, PersonaId};
use super::messages::{COLUMNS, MessageRow, read};
use super::tx::signed;
use super::{StoreError, Tx};

/// Which received messages are meant.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct InboxFilter {
    /// Only those that nobody has seen.
    pub(crate) unread: bool,
    /// Only those that arrived at this time or later.
    pub(crate) since: Option<Timestamp>,
}

impl Tx<'_> {
    /// Received messages of a persona, oldest first.
    pub(crate) fn inbox(
        &self,
        persona: PersonaId,
        filter: InboxFilter,
        after: MessageSeq,
        limit: u32,
    ) -> Result<Vec<MessageRow>, StoreError> {
        // Each part is there only where it is asked for, so that the index is used which fits.
        let unread = if filter.unread { "AND unread = 1" } else { "" };
        let since = match filter.since {
            // Times may run backwards where a clock was set, so the first message of that time is only where to begin.
            Some(_) => "AND at >= ?4 AND seq >= (SELECT min(seq) FROM messages WHERE at >= ?4)",
            None => "AND ?4 IS NULL",
        };
        let sql = format!(
            "SELECT {COLUMNS} FROM messages WHERE persona = ?1 AND outgoing = 0 AND seq > ?2 {unread} {since}
             ORDER BY seq LIMIT ?3"
        );
        let since = filter.since.map(|at| signed(at.0));
        self.all("list received messages", &sql, (persona, after, limit, since), read)
    }

    /// Received messages of a conversation that nobody has seen.
    pub(crate) fn unread(&self, conversation: ConversationId) -> Result<u64, StoreError> {
        self.count(
            "count unread messages",
            "SELECT count(*) FROM messages WHERE conversation = ?1 AND unread = 1",
            [conversation],
        )
    }

    /// Messages of a conversation were seen, up to one of them.
    pub(crate) fn mark_read(
        &self,
        conversation: ConversationId,
        up_to: MessageSeq,
    ) -> Result<(), StoreError> {
        self.execute(
            "mark messages as read",
            "UPDATE messages SET unread = 0 WHERE conversation = ?1 AND unread = 1 AND seq <= ?2",
            (conversation, up_to),
        )?;
        Ok(())
    }

    /// The last message of a conversation.
    pub(crate) fn last_message(
        &self,
        conversation: ConversationId,
    ) -> Result<Option<MessageRow>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM messages WHERE conversation = ?1 AND kind != ?2 ORDER BY seq DESC LIMIT 1"
        );
        self.one("read the last message", &sql, (conversation, Content::POST_KEY), read)
    }
}
