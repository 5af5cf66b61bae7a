use bauta_protocol::content::Content;
use bauta_protocol::id::MessageId;
use bauta_protocol::time::Timestamp;
use bauta_protocol::timer::Timer;
use rusqlite::Row;

use super::expiry::{stays_unread, timer};
use super::ids::{ContactId, ConversationId, MessageSeq, PersonaId, SessionId};
use super::numbers::stored_enum;
use super::reason::Reason;
use super::tx::{bytes, signed, unsigned};
use super::{StoreError, Tx};

/// Own messages that are neither delivered nor failed. Without the name of the index SQLite reads the whole history.
pub(super) const OPEN: &str = "messages INDEXED BY messages_open WHERE state IN (1, 2)";

/// Messages that go out again for one contact's backup, at most.
const MOST_AGAIN: u32 = 2000;

stored_enum! {
    /// How far an own message has come. It moves down this list, never up.
    enum MessageState {
        /// In this store.
        Queued = 1,
        /// The contact's relay has all of it.
        Stored = 2,
        /// The contact has it.
        Delivered = 3,
        /// It will not arrive.
        Failed = 4,
    }
}

/// A message of a conversation.
pub(crate) struct MessageRow {
    pub(crate) seq: MessageSeq,
    pub(crate) persona: PersonaId,
    pub(crate) conversation: ConversationId,
    pub(crate) outgoing: bool,
    pub(crate) id: MessageId,
    /// The protocol's number for what it is.
    pub(crate) kind: u32,
    /// As the protocol encodes it.
    pub(crate) content: Vec<u8>,
    /// By the sender's clock.
    pub(crate) sent_at: Timestamp,
    /// When it was written here, or arrived here.
    pub(crate) at: Timestamp,
    /// Of own messages.
    pub(crate) state: Option<MessageState>,
    pub(crate) stored_at: Option<Timestamp>,
    pub(crate) delivered_at: Option<Timestamp>,
    /// Why it failed.
    pub(crate) reason: Option<Reason>,
    /// How long it stays.
    pub(crate) timer: Option<Timer>,
    /// When it disappears, as far as that is known yet.
    pub(crate) ends_at: Option<Timestamp>,
}

/// What a new message begins with.
pub(crate) struct NewMessage<'a> {
    pub(crate) persona: PersonaId,
    pub(crate) conversation: ConversationId,
    pub(crate) outgoing: bool,
    pub(crate) id: MessageId,
    /// The protocol's number for what it is.
    pub(crate) kind: u32,
    /// As the protocol encodes it.
    pub(crate) content: &'a [u8],
    /// The words of it, where it has any.
    pub(crate) text: Option<&'a str>,
    pub(crate) sent_at: Timestamp,
    /// How long it stays; `None`: for ever.
    pub(crate) timer: Option<Timer>,
}

pub(super) const COLUMNS: &str =
    "seq, persona, conversation, outgoing, id, content, sent_at, at, state, stored_at,
    delivered_at, reason, kind, timer, ends_at";

pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<MessageRow> {
    let time = |column: usize| -> rusqlite::Result<Option<Timestamp>> {
        Ok(row.get::<_, Option<i64>>(column)?.map(|at| Timestamp(unsigned(at))))
    };
    Ok(MessageRow {
        seq: row.get(0)?,
        persona: row.get(1)?,
        conversation: row.get(2)?,
        outgoing: row.get(3)?,
        id: MessageId(bytes(row, 4)?),
        content: row.get(5)?,
        sent_at: Timestamp(unsigned(row.get(6)?)),
        at: Timestamp(unsigned(row.get(7)?)),
        state: row.get(8)?,
        stored_at: time(9)?,
        delivered_at: time(10)?,
        reason: row.get(11)?,
        kind: row.get(12)?,
        timer: timer(row, 13)?,
        ends_at: time(14)?,
    })
}

impl Tx<'_> {
    /// Adds a message unless the conversation has one of that id and direction, or one of theirs was deleted.
    pub(crate) fn add_message(
        &self,
        new: &NewMessage<'_>,
        now: Timestamp,
    ) -> Result<Option<MessageSeq>, StoreError> {
        // One's own begins to end when it has left.
        let ends_at = new.timer.filter(|_| !new.outgoing).map(|timer| now.plus(stays_unread(timer)));
        let added = self.execute(
            "keep a message",
            "INSERT OR IGNORE INTO messages
               (persona, conversation, outgoing, id, kind, content, text, sent_at, at, state, unread, timer, ends_at)
             SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, CASE WHEN ?3 THEN 1 END, NOT ?3, ?10, ?11
             WHERE ?3 OR NOT EXISTS (SELECT 1 FROM forgotten WHERE conversation = ?2 AND id = ?4)",
            (
                new.persona,
                new.conversation,
                new.outgoing,
                new.id.0,
                new.kind,
                new.content,
                new.text,
                signed(new.sent_at.0),
                signed(now.0),
                new.timer.map(Timer::seconds),
                ends_at.map(|at| signed(at.0)),
            ),
        )?;
        if added == 0 {
            return Ok(None);
        }
        if new.kind != Content::POST_KEY {
            self.touch_conversation(new.conversation, now)?;
        }
        self.one("keep a message", "SELECT last_insert_rowid()", [], |row| row.get(0))
    }

    pub(crate) fn message(&self, seq: MessageSeq) -> Result<Option<MessageRow>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM messages WHERE seq = ?1");
        self.one("read a message", &sql, [seq], read)
    }

    pub(crate) fn own_message(&self, id: MessageId) -> Result<Option<MessageRow>, StoreError> {
        let sql =
            format!("SELECT {COLUMNS} FROM messages WHERE id = ?1 AND outgoing = 1 ORDER BY seq LIMIT 1");
        self.one("find a message", &sql, [id.0], read)
    }

    /// Own messages that the session does not carry yet and the contact has not confirmed, in order. Without a session:
    /// all that the contact has not confirmed.
    pub(crate) fn unsealed(
        &self,
        conversation: ConversationId,
        session: Option<SessionId>,
        limit: u32,
    ) -> Result<Vec<MessageRow>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM messages AS m WHERE conversation = ?1 AND state IN (1, 2)
               AND NOT EXISTS (SELECT 1 FROM sealed WHERE message = m.seq AND session = ?2)
             ORDER BY seq LIMIT ?3"
        );
        self.all("list unsealed messages", &sql, (conversation, session, limit), read)
    }

    /// Whether own messages wait to be confirmed by the contact.
    pub(crate) fn has_undelivered(&self, conversation: ConversationId) -> Result<bool, StoreError> {
        let open = self.count(
            "count open messages",
            "SELECT EXISTS (SELECT 1 FROM messages WHERE conversation = ?1 AND state IN (1, 2))",
            [conversation],
        )?;
        Ok(open > 0)
    }

    /// Whether messages of a session wait to be confirmed by the contact.
    pub(crate) fn has_sealed_open(&self, session: SessionId) -> Result<bool, StoreError> {
        let open = self.count(
            "count open messages",
            "SELECT EXISTS (SELECT 1 FROM messages JOIN sealed ON message = seq
               WHERE session = ?1 AND state IN (1, 2))",
            [session],
        )?;
        Ok(open > 0)
    }

    /// Contacts of a persona with messages that their current session does not carry yet, or who do not know what is wanted.
    pub(crate) fn contacts_to_seal(&self, persona: PersonaId) -> Result<Vec<ContactId>, StoreError> {
        self.all(
            "list contacts to seal for",
            "SELECT c.id FROM contacts AS c JOIN conversations AS v ON v.contact = c.id
             WHERE c.persona = ?1 AND current IS NOT NULL AND (own_timer_told = 0 OR EXISTS (
               SELECT 1 FROM messages AS m WHERE conversation = v.id AND state IN (1, 2)
                 AND NOT EXISTS (SELECT 1 FROM sealed WHERE message = m.seq AND session = c.current)))",
            [persona],
            |row| row.get(0),
        )
    }

    /// Notes which boxes hold a message; `None`: it is inside the session's handshake.
    pub(crate) fn note_sealed(
        &self,
        message: MessageSeq,
        session: SessionId,
        places: Option<(u64, u64)>,
    ) -> Result<(), StoreError> {
        self.execute(
            "note a sealed message",
            "INSERT OR REPLACE INTO sealed (message, session, first, last) VALUES (?1, ?2, ?3, ?4)",
            (message, session, places.map(|at| signed(at.0)), places.map(|at| signed(at.1))),
        )?;
        Ok(())
    }

    /// Own open messages in boxes below `acked` of the session, or in its handshake, in order.
    pub(crate) fn confirmed(&self, session: SessionId, acked: u64) -> Result<Vec<MessageSeq>, StoreError> {
        self.all(
            "list confirmed messages",
            "SELECT seq FROM sealed JOIN messages ON seq = message
             WHERE session = ?1 AND (last IS NULL OR last < ?2) AND state IN (1, 2) ORDER BY seq",
            (session, signed(acked)),
            |row| row.get(0),
        )
    }

    /// The own open message of which box `place` of the session is a part.
    pub(crate) fn message_in(
        &self,
        session: SessionId,
        place: u64,
    ) -> Result<Option<MessageSeq>, StoreError> {
        self.one(
            "find a message by its box",
            "SELECT seq FROM sealed JOIN messages ON seq = message
             WHERE session = ?1 AND first <= ?2 AND last >= ?2 AND state IN (1, 2)",
            (session, signed(place)),
            |row| row.get(0),
        )
    }

    pub(crate) fn forget_sealed(&self, message: MessageSeq) -> Result<(), StoreError> {
        self.execute("forget a box's message", "DELETE FROM sealed WHERE message = ?1", [message])?;
        Ok(())
    }

    /// Forgets what is in boxes of the session from an index on.
    pub(crate) fn forget_sealed_from(&self, session: SessionId, first: u64) -> Result<(), StoreError> {
        self.execute(
            "forget sealed messages",
            "DELETE FROM sealed WHERE session = ?1 AND last >= ?2",
            (session, signed(first)),
        )?;
        Ok(())
    }

    /// Forgets what is in boxes of the session that the relay has not confirmed: what the peer says of those places
    /// may be about other boxes.
    pub(crate) fn forget_undone(&self, session: SessionId) -> Result<(), StoreError> {
        self.execute(
            "forget sealed messages",
            "DELETE FROM sealed WHERE session = ?1 AND message IN (
               SELECT message FROM outbox WHERE session = ?1 AND done_at IS NULL AND message IS NOT NULL)",
            [session],
        )?;
        Ok(())
    }

    /// Receipts of a session are doubtful, because its state is an old copy: the last messages that it delivered go out
    /// again. Whoever has them drops them by their id.
    pub(crate) fn doubt_delivered(&self, session: SessionId) -> Result<(), StoreError> {
        self.execute(
            "doubt receipts",
            "UPDATE messages SET state = 2 WHERE outgoing = 1 AND state = 3 AND seq IN (
               SELECT message FROM sealed WHERE session = ?1 ORDER BY message DESC LIMIT 16)",
            [session],
        )?;
        Ok(())
    }

    /// Opens own messages again that a contact confirmed since a time, the last of them: a home that was made from a
    /// backup lacks them. Whoever has them drops them by their id.
    pub(crate) fn doubt_delivered_since(
        &self,
        conversation: ConversationId,
        since: Timestamp,
    ) -> Result<(), StoreError> {
        self.execute(
            "doubt receipts",
            "UPDATE messages SET state = 2 WHERE seq IN (
               SELECT seq FROM messages WHERE conversation = ?1 AND outgoing = 1 AND state = 3 AND delivered_at >= ?2
               ORDER BY seq DESC LIMIT ?3)",
            (conversation, signed(since.0), MOST_AGAIN),
        )?;
        Ok(())
    }

    /// The own queued message inside a session's handshake.
    pub(crate) fn in_handshake(&self, session: SessionId) -> Result<Option<MessageSeq>, StoreError> {
        self.one(
            "find the first message",
            "SELECT seq FROM sealed JOIN messages ON seq = message
             WHERE session = ?1 AND last IS NULL AND state = 1",
            [session],
            |row| row.get(0),
        )
    }

    /// Whether the relay has every box of a message.
    pub(crate) fn is_stored(&self, message: MessageSeq) -> Result<bool, StoreError> {
        let open = self.count(
            "count a message's boxes",
            "SELECT count(*) FROM outbox WHERE message = ?1 AND done_at IS NULL",
            [message],
        )?;
        Ok(open == 0)
    }

    /// Gives the messages of a conversation to another one.
    pub(crate) fn move_messages(&self, from: ConversationId, to: ConversationId) -> Result<(), StoreError> {
        self.execute(
            "move the ids of deleted messages",
            "UPDATE OR IGNORE forgotten SET conversation = ?2 WHERE conversation = ?1",
            (from, to),
        )?;
        self.execute(
            "move messages",
            "UPDATE OR IGNORE messages SET conversation = ?2 WHERE conversation = ?1",
            (from, to),
        )?;
        self.move_wish(from, to)
    }

    /// Moves a message on, never back; returns whether it moved.
    pub(crate) fn set_message_state(
        &self,
        message: MessageSeq,
        state: MessageState,
        reason: Option<Reason>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        // Delivered and failed are both final, so the one does not follow the other.
        let moved = self.execute(
            "move a message on",
            "UPDATE messages SET state = ?2, reason = ?3,
               stored_at = CASE WHEN ?2 = 2 THEN ?4 ELSE stored_at END,
               delivered_at = CASE WHEN ?2 = 3 THEN ?4 ELSE delivered_at END,
               ends_at = coalesce(ends_at, ?4 + timer * 1000)
             WHERE seq = ?1 AND state < ?2 AND state < 3",
            (message, state, reason, signed(now.0)),
        )?;
        Ok(moved > 0)
    }

    /// Forgets an own message that is no part of the conversation, with its boxes.
    pub(crate) fn delete_message(&self, message: MessageSeq) -> Result<(), StoreError> {
        self.execute("forget a message", "DELETE FROM messages WHERE seq = ?1", [message])?;
        Ok(())
    }

    /// Every own message of a conversation that is still open, in order.
    pub(crate) fn open_messages(&self, conversation: ConversationId) -> Result<Vec<MessageSeq>, StoreError> {
        self.all(
            "list open messages",
            "SELECT seq FROM messages WHERE conversation = ?1 AND state IN (1, 2) ORDER BY seq",
            [conversation],
            |row| row.get(0),
        )
    }

    /// A conversation, latest first, without what has ended by now.
    pub(crate) fn history(
        &self,
        conversation: ConversationId,
        before: MessageSeq,
        limit: u32,
        now: Timestamp,
    ) -> Result<Vec<MessageRow>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM messages WHERE conversation = ?1 AND seq < ?2 AND kind != ?4
               AND (ends_at IS NULL OR ends_at > ?5)
             ORDER BY seq DESC LIMIT ?3"
        );
        let params = (conversation, before, limit, Content::POST_KEY, signed(now.0));
        self.all("list a conversation", &sql, params, read)
    }

    /// A conversation from one of its messages on, oldest first: what has not ended by now.
    pub(crate) fn history_from(
        &self,
        conversation: ConversationId,
        from: MessageSeq,
        limit: u32,
        now: Timestamp,
    ) -> Result<Vec<MessageRow>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM messages WHERE conversation = ?1 AND seq >= ?2 AND kind != ?4
               AND (ends_at IS NULL OR ends_at > ?5)
             ORDER BY seq LIMIT ?3"
        );
        let params = (conversation, from, limit, Content::POST_KEY, signed(now.0));
        self.all("list a conversation", &sql, params, read)
    }

    /// Messages of a persona that no relay has stored yet.
    pub(crate) fn queued(&self, persona: PersonaId) -> Result<u64, StoreError> {
        self.count(
            "count queued messages",
            &format!("SELECT count(*) FROM {OPEN} AND state = 1 AND persona = ?1"),
            [persona],
        )
    }

    /// Messages of a persona that a relay has had since before `since` without a receipt.
    pub(crate) fn unreceived(&self, persona: PersonaId, since: Timestamp) -> Result<u64, StoreError> {
        self.count(
            "count unreceived messages",
            &format!("SELECT count(*) FROM {OPEN} AND state = 2 AND persona = ?1 AND stored_at <= ?2"),
            (persona, signed(since.0)),
        )
    }
}
