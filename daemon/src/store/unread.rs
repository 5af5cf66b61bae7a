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
    /// The time now: what has ended by then is left out.
    pub(crate) now: Timestamp,
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
               AND (ends_at IS NULL OR ends_at > ?5)
             ORDER BY seq LIMIT ?3"
        );
        let since = filter.since.map(|at| signed(at.0));
        self.all("list received messages", &sql, (persona, after, limit, since, signed(filter.now.0)), read)
    }

    /// Received messages of a conversation that nobody has seen.
    pub(crate) fn unread(&self, conversation: ConversationId, now: Timestamp) -> Result<u64, StoreError> {
        let all = self.count(
            "count unread messages",
            "SELECT count(*) FROM messages WHERE conversation = ?1 AND unread = 1",
            [conversation],
        )?;
        // Few, and by their own index: all the others are counted without a look at their rows.
        let ended = self.count(
            "count unread messages that ended",
            "SELECT count(*) FROM messages WHERE ends_at <= ?2 AND +conversation = ?1 AND +unread = 1",
            (conversation, signed(now.0)),
        )?;
        Ok(all.saturating_sub(ended))
    }

    /// Messages of a conversation were seen, up to one of them: the timers of those that have one begin. Returns whether
    /// any was unread.
    pub(crate) fn mark_read(
        &self,
        conversation: ConversationId,
        up_to: MessageSeq,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        // The lesser of two, and NULL where one of them is.
        let marked = self.execute(
            "mark messages as read",
            "UPDATE messages SET unread = 0, ends_at = min(ends_at, ?3 + timer * 1000)
             WHERE conversation = ?1 AND unread = 1 AND seq <= ?2",
            (conversation, up_to, signed(now.0)),
        )?;
        Ok(marked > 0)
    }

    /// The last message of a conversation that has not ended by now.
    pub(crate) fn last_message(
        &self,
        conversation: ConversationId,
        now: Timestamp,
    ) -> Result<Option<MessageRow>, StoreError> {
        Ok(self.history(conversation, MessageSeq::END, 1, now)?.pop())
    }
}
