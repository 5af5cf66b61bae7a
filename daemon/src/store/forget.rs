use std::collections::BTreeSet;

use bauta_protocol::content::Content;
use bauta_protocol::handshake::HANDSHAKE_LEN;
use bauta_protocol::id::{MessageId, PersonaKey};
use bauta_protocol::time::Timestamp;

use super::ids::{ContactId, ConversationId, MessageSeq, PersonaId};
use super::tx::{signed, unsigned};
use super::{StoreError, Tx};

/// The indexes, and the note that something was deleted since one was last merged, which the triggers of the schema write.
const INDEXES: [(&str, &str); 2] = [("search_brief", "search_brief_unmerged"), ("search", "search_unmerged")];

// What is deleted must be in no file of the home, must not come back, and must not show to the other side.
//
// - Words are in the row of a message, in the pieces of the index and, as ciphertext whose keys are gone, in sealed boxes.
//   The row goes at once, and `erase` empties the log of the database after it. The pieces are found no more at once, and
//   are gone when the index is merged (`purge_index`), which whoever deletes waits for.
// - A message comes back where its sender has no receipt of it: the same id is sealed again, in another box or in another
//   session. So the ids of deleted messages are kept for as long as their conversation is.
// - Boxes that are sealed still go out, without their message: a lane has no holes, and one that never comes would show
//   to the other side as a loss. The state of a session is not touched, so that no key of it is used twice.
//
// Conversations are deleted and the index is merged in steps, and other work has its turn in between.
impl Tx<'_> {
    /// Takes a step, of about so many pages, towards indexes without pieces of what was deleted; returns whether more
    /// steps are to follow.
    pub(crate) fn purge_index(&self, pages: u32) -> Result<bool, StoreError> {
        for (index, unmerged) in INDEXES {
            if self.meta(unmerged)?.is_none() {
                continue;
            }
            let changes = || self.count("count changes", "SELECT total_changes()", []);
            let before = changes()?;
            let merge = format!("INSERT INTO {index} ({index}, rank) VALUES ('merge', ?1)");
            self.execute("merge the index", &merge, [-i64::from(pages)])?;
            // One that does nothing counts as one change or none (FTS5's documentation, "The 'merge' Command").
            if changes()?.saturating_sub(before) >= 2 {
                return Ok(true);
            }
            self.clear_meta(unmerged)?;
            self.erase();
        }
        Ok(false)
    }

    /// Deletes a message.
    pub(crate) fn erase_message(&self, message: MessageSeq) -> Result<(), StoreError> {
        self.execute(
            "part boxes from their message",
            "UPDATE outbox SET message = NULL WHERE message = ?1",
            [message],
        )?;
        self.execute(
            "remember a deleted message",
            "INSERT OR IGNORE INTO forgotten (conversation, id)
             SELECT conversation, id FROM messages WHERE seq = ?1 AND outgoing = 0",
            [message],
        )?;
        self.delete_message(message)?;
        self.erase();
        Ok(())
    }

    /// Messages of a conversation with an id: one of each direction at most.
    pub(crate) fn messages_of_id(
        &self,
        conversation: ConversationId,
        id: MessageId,
    ) -> Result<Vec<MessageSeq>, StoreError> {
        self.all(
            "find a message",
            "SELECT seq FROM messages WHERE conversation = ?1 AND id = ?2 AND kind != ?3",
            (conversation, id.0, Content::POST_KEY),
            |row| row.get(0),
        )
    }

    /// Deletes some messages of a conversation; returns whether there are more. Keys of posts on their way to its contact
    /// are no part of it.
    pub(crate) fn erase_some(&self, conversation: ConversationId, most: u32) -> Result<bool, StoreError> {
        let some: Vec<MessageSeq> = self.all(
            "list messages to delete",
            "SELECT seq FROM messages WHERE conversation = ?1 AND kind != ?2 ORDER BY seq LIMIT ?3",
            (conversation, Content::POST_KEY, most),
            |row| row.get(0),
        )?;
        for message in &some {
            self.erase_message(*message)?;
        }
        self.note_last_activity(conversation)?;
        Ok(some.len() >= usize::try_from(most).unwrap_or(usize::MAX))
    }

    /// A conversation of a persona that has messages, of whatever kind.
    pub(crate) fn filled_conversation(
        &self,
        persona: PersonaId,
    ) -> Result<Option<ConversationId>, StoreError> {
        self.one(
            "find a conversation",
            "SELECT v.id FROM conversations AS v WHERE v.persona = ?1
               AND EXISTS (SELECT 1 FROM messages WHERE conversation = v.id AND kind != ?2) LIMIT 1",
            (persona, Content::POST_KEY),
            |row| row.get(0),
        )
    }

    /// The last message is another one.
    pub(crate) fn note_last_activity(&self, conversation: ConversationId) -> Result<(), StoreError> {
        self.execute(
            "note the last message",
            "UPDATE contacts SET last_message_at = (
               SELECT at FROM messages WHERE conversation = ?1 AND kind != ?2 ORDER BY seq DESC LIMIT 1)
             WHERE id = (SELECT contact FROM conversations WHERE id = ?1)",
            (conversation, Content::POST_KEY),
        )?;
        Ok(())
    }

    /// A handshake of a contact that came too soon after another, and is held.
    pub(crate) fn held_handshake(
        &self,
        contact: ContactId,
    ) -> Result<Option<[u8; HANDSHAKE_LEN]>, StoreError> {
        let held =
            self.one("read a held handshake", "SELECT held FROM contacts WHERE id = ?1", [contact], |row| {
                row.get(0)
            })?;
        Ok(held.flatten())
    }

    pub(crate) fn unblock_key(&self, persona: PersonaId, key: &PersonaKey) -> Result<bool, StoreError> {
        let gone = self.execute(
            "unblock a key",
            "DELETE FROM blocked WHERE persona = ?1 AND public = ?2",
            (persona, key.to_string()),
        )?;
        Ok(gone > 0)
    }

    /// Keys that a persona blocks, and since when: those after a key, by key.
    pub(crate) fn blocked_keys(
        &self,
        persona: PersonaId,
        after: Option<&PersonaKey>,
        limit: u32,
    ) -> Result<Vec<(PersonaKey, Timestamp)>, StoreError> {
        let after = after.map(ToString::to_string).unwrap_or_default();
        let rows: Vec<(String, i64)> = self.all(
            "list blocked keys",
            "SELECT public, at FROM blocked WHERE persona = ?1 AND public > ?2 ORDER BY public LIMIT ?3",
            (persona, after, limit),
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?;
        let read = |(key, at): (String, i64)| {
            let key = key.parse().map_err(|_| StoreError::Damaged("a blocked key"))?;
            Ok((key, Timestamp(unsigned(at))))
        };
        rows.into_iter().map(read).collect()
    }

    pub(crate) fn rename_contact(&self, contact: ContactId, name: &str) -> Result<(), StoreError> {
        self.execute("rename a contact", "UPDATE contacts SET name = ?2 WHERE id = ?1", (contact, name))?;
        // The old name may say more than the new one.
        self.erase();
        Ok(())
    }

    pub(crate) fn mute_contact(&self, contact: ContactId, muted: bool) -> Result<(), StoreError> {
        self.execute("mute a contact", "UPDATE contacts SET muted = ?2 WHERE id = ?1", (contact, muted))?;
        Ok(())
    }

    /// Deletes a persona with all that is of it: its key, contacts, conversations, sessions, posts and events.
    pub(crate) fn delete_persona(&self, persona: PersonaId) -> Result<(), StoreError> {
        self.execute("delete a persona", "DELETE FROM personas WHERE id = ?1", [persona])?;
        self.erase();
        Ok(())
    }

    /// Forgets a pairing, also one that was revoked; returns whether it was there.
    pub(crate) fn delete_pairing(&self, id: &str) -> Result<bool, StoreError> {
        let gone = self.execute("forget a pairing", "DELETE FROM pairings WHERE id = ?1", [id])?;
        self.erase();
        Ok(gone > 0)
    }

    /// Deletes some messages of before a time, oldest first; returns their conversations. None: there are no more. Own
    /// ones that wait to be sent or confirmed stay until then.
    pub(crate) fn erase_old(
        &self,
        before: Timestamp,
        most: u32,
    ) -> Result<BTreeSet<ConversationId>, StoreError> {
        let old = self.all(
            "list old messages",
            "SELECT seq, conversation FROM messages WHERE at < ?1 AND (state IS NULL OR state > 2) AND kind != ?2
             ORDER BY at LIMIT ?3",
            (signed(before.0), Content::POST_KEY, most),
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?;
        self.erase_listed(old)
    }

    /// Deletes messages; returns their conversations.
    pub(super) fn erase_listed(
        &self,
        messages: Vec<(MessageSeq, ConversationId)>,
    ) -> Result<BTreeSet<ConversationId>, StoreError> {
        for (message, _) in &messages {
            self.erase_message(*message)?;
        }
        let conversations: BTreeSet<ConversationId> =
            messages.into_iter().map(|(_, conversation)| conversation).collect();
        for conversation in &conversations {
            self.note_last_activity(*conversation)?;
        }
        Ok(conversations)
    }
}
