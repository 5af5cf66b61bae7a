use bauta_protocol::bundle::Bundle;
use bauta_protocol::handshake::HANDSHAKE_LEN;
use bauta_protocol::id::{PersonaKey, RelayId};
use bauta_protocol::time::{Day, Timestamp};
use rusqlite::Row;

use super::ids::{ContactId, ConversationId, PersonaId, SessionId};
use super::numbers::stored_enum;
use super::tx::{damaged, signed, unsigned};
use super::{StoreError, Tx};

stored_enum! {
    /// How far the conversation with a contact has come.
    enum ContactState {
        /// An invitation is out, and nobody has answered it yet.
        Invited = 1,
        /// Added here; the first exchange of keys is under way.
        Pending = 2,
        Active = 3,
        /// Nothing is read from or sent to them.
        Blocked = 4,
    }
}

/// A contact of one persona.
pub(crate) struct ContactRow {
    pub(crate) id: ContactId,
    pub(crate) persona: PersonaId,
    pub(crate) conversation: ConversationId,
    pub(crate) name: String,
    pub(crate) public: Option<PersonaKey>,
    pub(crate) state: ContactState,
    pub(crate) verified: bool,
    pub(crate) added_at: Timestamp,
    pub(crate) last_message_at: Option<Timestamp>,
    /// Where the peer reads.
    pub(crate) relay: Option<RelayId>,
    pub(crate) bundle: Option<Vec<u8>>,
    pub(crate) bundle_version: Timestamp,
    /// The peer's long-term session key, as last shown in a bundle.
    pub(crate) identity: Option<[u8; 32]>,
    /// The session that messages are sealed in.
    pub(crate) current: Option<SessionId>,
    pub(crate) rejoin: bool,
    pub(crate) attempts: u32,
    /// When our descriptor was last sent to them.
    pub(crate) descriptor_day: Day,
    /// The session key is another than before, and nobody has compared it yet.
    pub(crate) identity_changed: bool,
    /// Nobody wants to be told of their messages.
    pub(crate) muted: bool,
    /// This home was made from a backup of that time, and they were not told yet.
    pub(crate) kept_until: Option<Timestamp>,
}

/// A place in the list of contacts. It stays good when the contact that was there moves.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct ContactPlace {
    pub(crate) active_at: Timestamp,
    pub(crate) contact: ContactId,
}

impl ContactRow {
    pub(crate) fn place(&self) -> ContactPlace {
        ContactPlace { active_at: self.last_message_at.unwrap_or(self.added_at), contact: self.id }
    }
}

/// What a new contact begins with.
pub(crate) struct NewContact<'a> {
    pub(crate) persona: PersonaId,
    pub(crate) name: &'a str,
    pub(crate) public: Option<PersonaKey>,
    pub(crate) state: ContactState,
    pub(crate) relay: Option<RelayId>,
}

const COLUMNS: &str = "id, persona, name, public, state, verified, added_at, last_message_at, relay, bundle,
    bundle_version, identity, current, rejoin, attempts, descriptor_day,
    identity_changed, (SELECT id FROM conversations WHERE contact = contacts.id), muted, kept_until";

fn read(row: &Row<'_>) -> rusqlite::Result<ContactRow> {
    let public: Option<String> = row.get(3)?;
    Ok(ContactRow {
        id: row.get(0)?,
        persona: row.get(1)?,
        name: row.get(2)?,
        public: public.map(|text| text.parse()).transpose().map_err(|_| damaged(3))?,
        state: row.get(4)?,
        verified: row.get(5)?,
        added_at: Timestamp(unsigned(row.get(6)?)),
        last_message_at: row.get::<_, Option<i64>>(7)?.map(|at| Timestamp(unsigned(at))),
        relay: row.get::<_, Option<[u8; 32]>>(8)?.map(RelayId),
        bundle: row.get(9)?,
        bundle_version: Timestamp(unsigned(row.get(10)?)),
        identity: row.get(11)?,
        current: row.get(12)?,
        rejoin: row.get(13)?,
        attempts: row.get(14)?,
        descriptor_day: Day(row.get(15)?),
        identity_changed: row.get(16)?,
        conversation: row.get(17)?,
        muted: row.get(18)?,
        kept_until: row.get::<_, Option<i64>>(19)?.map(|at| Timestamp(unsigned(at))),
    })
}

impl Tx<'_> {
    pub(crate) fn add_contact(&self, new: &NewContact<'_>, now: Timestamp) -> Result<ContactId, StoreError> {
        let contact = self.insert(
            "add a contact",
            "INSERT INTO contacts (persona, name, public, state, relay, added_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            (
                new.persona,
                new.name,
                new.public.map(|key| key.to_string()),
                new.state,
                new.relay.map(|relay| relay.0),
                signed(now.0),
            ),
        )?;
        self.execute(
            "begin a conversation",
            "INSERT INTO conversations (persona, contact) VALUES (?1, ?2)",
            (new.persona, contact),
        )?;
        Ok(ContactId(contact))
    }

    /// Whom a conversation is with.
    pub(crate) fn contact_in(&self, conversation: ConversationId) -> Result<Option<ContactRow>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM contacts WHERE id = (SELECT contact FROM conversations WHERE id = ?1)"
        );
        self.one("read a contact", &sql, [conversation], read)
    }

    pub(crate) fn contact(&self, id: ContactId) -> Result<Option<ContactRow>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM contacts WHERE id = ?1");
        self.one("read a contact", &sql, [id], read)
    }

    /// By last activity, newest first; from the first, or after a place.
    pub(crate) fn contacts(
        &self,
        persona: PersonaId,
        after: Option<ContactPlace>,
        limit: u32,
    ) -> Result<Vec<ContactRow>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM contacts WHERE persona = ?1
               AND (?2 IS NULL OR (coalesce(last_message_at, added_at), id) < (?2, ?3))
             ORDER BY coalesce(last_message_at, added_at) DESC, id DESC LIMIT ?4"
        );
        let (active_at, contact) = match after {
            Some(place) => (Some(signed(place.active_at.0)), Some(place.contact)),
            None => (None, None),
        };
        self.all("list contacts", &sql, (persona, active_at, contact, limit), read)
    }

    pub(crate) fn contact_named(
        &self,
        persona: PersonaId,
        name: &str,
    ) -> Result<Option<ContactRow>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM contacts WHERE persona = ?1 AND name = ?2");
        self.one("find a contact", &sql, (persona, name), read)
    }

    pub(crate) fn contact_of(
        &self,
        persona: PersonaId,
        key: &PersonaKey,
    ) -> Result<Option<ContactRow>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM contacts WHERE persona = ?1 AND public = ?2");
        self.one("find a contact", &sql, (persona, key.to_string()), read)
    }

    /// Contacts for which a session is to be begun now: none is current, and something waits or was asked for.
    pub(crate) fn contacts_to_join(
        &self,
        persona: PersonaId,
        now: Timestamp,
    ) -> Result<Vec<ContactId>, StoreError> {
        self.all(
            "list contacts to join",
            "SELECT id FROM contacts AS c WHERE persona = ?1 AND (current IS NULL OR rejoin = 1) AND public IS NOT NULL
               AND state IN (2, 3) AND attempt_at <= ?2
               AND NOT EXISTS (SELECT 1 FROM guests WHERE contact = c.id)
               AND (rejoin = 1 OR bundle IS NULL
                    OR EXISTS (SELECT 1 FROM messages AS m JOIN conversations AS v ON v.id = m.conversation
                              WHERE v.contact = c.id AND m.state IN (1, 2)))
             ORDER BY attempt_at LIMIT 16",
            (persona, signed(now.0)),
            |row| row.get(0),
        )
    }

    pub(crate) fn set_contact_state(
        &self,
        contact: ContactId,
        state: ContactState,
    ) -> Result<(), StoreError> {
        self.execute(
            "keep a contact's state",
            "UPDATE contacts SET state = ?2 WHERE id = ?1",
            (contact, state),
        )?;
        Ok(())
    }

    pub(crate) fn set_contact_key(&self, contact: ContactId, key: &PersonaKey) -> Result<(), StoreError> {
        self.execute(
            "keep a contact's key",
            "UPDATE contacts SET public = ?2 WHERE id = ?1",
            (contact, key.to_string()),
        )?;
        Ok(())
    }

    /// Keeps a bundle unless a newer one was seen.
    pub(crate) fn set_contact_bundle(&self, contact: ContactId, bundle: &Bundle) -> Result<(), StoreError> {
        self.execute(
            "keep a contact's bundle",
            "UPDATE contacts SET bundle = ?2, identity = ?3, bundle_version = ?4, relay = ?5
             WHERE id = ?1 AND bundle_version <= ?4",
            (
                contact,
                bundle.as_bytes().as_slice(),
                bundle.identity().0,
                signed(bundle.version().0),
                bundle.relay().id.0,
            ),
        )?;
        Ok(())
    }

    pub(crate) fn set_contact_verified(&self, contact: ContactId, verified: bool) -> Result<(), StoreError> {
        self.execute(
            "keep a verification",
            "UPDATE contacts SET verified = ?2, identity_changed = CASE WHEN ?2 THEN 0 ELSE identity_changed END
             WHERE id = ?1",
            (contact, verified),
        )?;
        Ok(())
    }

    /// The session key is another than before.
    pub(crate) fn note_identity_change(&self, contact: ContactId) -> Result<(), StoreError> {
        self.execute(
            "note a new key",
            "UPDATE contacts SET verified = 0, identity_changed = 1 WHERE id = ?1",
            [contact],
        )?;
        Ok(())
    }

    pub(crate) fn set_current_session(
        &self,
        contact: ContactId,
        session: Option<SessionId>,
    ) -> Result<(), StoreError> {
        self.execute(
            "choose a session",
            "UPDATE contacts SET current = ?2, rejoin = CASE WHEN ?2 IS NULL THEN rejoin ELSE 0 END,
             attempts = 0, attempt_at = 0 WHERE id = ?1",
            (contact, session),
        )?;
        Ok(())
    }

    /// Asks for a new session, from a time on.
    pub(crate) fn ask_to_rejoin(&self, contact: ContactId, at: Timestamp) -> Result<(), StoreError> {
        self.execute(
            "ask for a new session",
            "UPDATE contacts SET current = NULL, rejoin = 1, attempt_at = ?2, attempts = 0 WHERE id = ?1",
            (contact, signed(at.0)),
        )?;
        Ok(())
    }

    /// Asks for a new session, from a time on; until then the present one is used.
    pub(crate) fn ask_to_rejoin_beside(&self, contact: ContactId, at: Timestamp) -> Result<(), StoreError> {
        self.execute(
            "ask for a new session",
            "UPDATE contacts SET rejoin = 1, attempt_at = ?2, attempts = 0 WHERE id = ?1",
            (contact, signed(at.0)),
        )?;
        Ok(())
    }

    pub(crate) fn set_contact_attempt(
        &self,
        contact: ContactId,
        at: Timestamp,
        attempts: u32,
    ) -> Result<(), StoreError> {
        self.execute(
            "note an attempt",
            "UPDATE contacts SET attempt_at = ?2, attempts = ?3 WHERE id = ?1",
            (contact, signed(at.0), attempts),
        )?;
        Ok(())
    }

    /// The conversation with a contact begins again.
    pub(crate) fn note_restart(&self, contact: ContactId, now: Timestamp) -> Result<(), StoreError> {
        self.execute(
            "note a new beginning",
            "UPDATE contacts SET restarted_at = ?2 WHERE id = ?1",
            (contact, signed(now.0)),
        )?;
        // One of the two may have lost what the other said.
        self.doubt_wishes(Some(contact))
    }

    /// The contact knows that this home was made from a backup.
    pub(crate) fn told_of_backup(&self, contact: ContactId) -> Result<(), StoreError> {
        self.execute(
            "note what a contact was told",
            "UPDATE contacts SET kept_until = NULL WHERE id = ?1 AND kept_until IS NOT NULL",
            [contact],
        )?;
        Ok(())
    }

    /// Names of contacts whose conversation began again after that time.
    pub(crate) fn restarted(&self, since: Timestamp) -> Result<Vec<String>, StoreError> {
        self.all(
            "list new beginnings",
            "SELECT name FROM contacts WHERE restarted_at > ?1 AND state <> 4 ORDER BY restarted_at DESC, id",
            [signed(since.0)],
            |row| row.get(0),
        )
    }

    /// The work that the contact's inbox asked for last.
    pub(crate) fn deposit_bits(&self, contact: ContactId) -> Result<Option<u8>, StoreError> {
        let bits = self.one(
            "read an inbox's work",
            "SELECT deposit_bits FROM contacts WHERE id = ?1",
            [contact],
            |row| row.get::<_, Option<u8>>(0),
        )?;
        Ok(bits.flatten())
    }

    pub(crate) fn set_deposit_bits(&self, contact: ContactId, bits: u8) -> Result<(), StoreError> {
        self.execute(
            "keep an inbox's work",
            "UPDATE contacts SET deposit_bits = ?2 WHERE id = ?1",
            (contact, bits),
        )?;
        Ok(())
    }

    /// When a handshake of theirs was last taken.
    pub(crate) fn taken_at(&self, contact: ContactId) -> Result<Timestamp, StoreError> {
        let at = self.one(
            "read when a handshake came",
            "SELECT taken_at FROM contacts WHERE id = ?1",
            [contact],
            |row| row.get(0),
        )?;
        Ok(Timestamp(at.map_or(0, unsigned)))
    }

    /// A handshake of theirs was taken; one that was held before it is dropped.
    pub(crate) fn note_taken(&self, contact: ContactId, now: Timestamp) -> Result<(), StoreError> {
        self.execute(
            "note a handshake",
            "UPDATE contacts SET taken_at = ?2, held = NULL WHERE id = ?1",
            (contact, signed(now.0)),
        )?;
        Ok(())
    }

    /// Keeps a handshake that came too soon, in place of the one that was held.
    pub(crate) fn hold_handshake(
        &self,
        contact: ContactId,
        sealed: &[u8; HANDSHAKE_LEN],
    ) -> Result<(), StoreError> {
        self.execute(
            "hold a handshake",
            "UPDATE contacts SET held = ?2 WHERE id = ?1",
            (contact, sealed.as_slice()),
        )?;
        Ok(())
    }

    /// Handshakes that were held and may be taken now; they are forgotten here.
    pub(crate) fn release_handshakes(
        &self,
        persona: PersonaId,
        taken_before: Timestamp,
    ) -> Result<Vec<[u8; HANDSHAKE_LEN]>, StoreError> {
        let held = self.all(
            "read held handshakes",
            "SELECT id, held FROM contacts WHERE persona = ?1 AND held IS NOT NULL AND taken_at <= ?2 LIMIT 4",
            (persona, signed(taken_before.0)),
            |row| Ok((row.get::<_, ContactId>(0)?, row.get::<_, [u8; HANDSHAKE_LEN]>(1)?)),
        )?;
        let mut released = Vec::with_capacity(held.len());
        for (contact, sealed) in held {
            self.execute("release a handshake", "UPDATE contacts SET held = NULL WHERE id = ?1", [contact])?;
            released.push(sealed);
        }
        Ok(released)
    }

    /// Contacts whose conversation begins again, at no time yet: all of them, after an old copy was put back.
    pub(crate) fn hasty_rejoins(&self) -> Result<Vec<ContactId>, StoreError> {
        self.all(
            "list contacts that begin again",
            "SELECT id FROM contacts WHERE rejoin = 1 AND current IS NULL AND attempt_at = 0",
            [],
            |row| row.get(0),
        )
    }

    pub(crate) fn touch_conversation(
        &self,
        conversation: ConversationId,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.execute(
            "note an activity",
            "UPDATE contacts SET last_message_at = max(coalesce(last_message_at, 0), ?2)
             WHERE id = (SELECT contact FROM conversations WHERE id = ?1)",
            (conversation, signed(now.0)),
        )?;
        Ok(())
    }

    pub(crate) fn set_descriptor_day(&self, contact: ContactId, day: Day) -> Result<(), StoreError> {
        self.execute(
            "note a day",
            "UPDATE contacts SET descriptor_day = ?2 WHERE id = ?1",
            (contact, day.0),
        )?;
        Ok(())
    }

    /// Deletes a contact with its conversation, sessions and events.
    pub(crate) fn delete_contact(&self, contact: ContactId) -> Result<(), StoreError> {
        self.execute("delete a contact", "DELETE FROM contacts WHERE id = ?1", [contact])?;
        self.erase();
        Ok(())
    }

    pub(crate) fn block_key(
        &self,
        persona: PersonaId,
        key: &PersonaKey,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.execute(
            "block a key",
            "INSERT OR IGNORE INTO blocked (persona, public, at) VALUES (?1, ?2, ?3)",
            (persona, key.to_string(), signed(now.0)),
        )?;
        Ok(())
    }

    pub(crate) fn is_blocked(&self, persona: PersonaId, key: &PersonaKey) -> Result<bool, StoreError> {
        let found = self.count(
            "look for a block",
            "SELECT count(*) FROM blocked WHERE persona = ?1 AND public = ?2",
            (persona, key.to_string()),
        )?;
        Ok(found > 0)
    }
}
