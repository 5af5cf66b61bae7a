use bauta_protocol::content::Content;
use bauta_protocol::digest::set::Tag;
use bauta_protocol::id::{BoxId, RelayId};
use bauta_protocol::lane::BoxKey;
use bauta_protocol::limits::BOX_LEN;
use bauta_protocol::time::Timestamp;
use rusqlite::Row;
use zeroize::Zeroizing;

use super::ids::{ContactId, InviteId, MessageSeq, OutboxId, PersonaId, SessionId};
use super::sessions::Wanted;
use super::tx::{bytes, signed, unsigned};
use super::{StoreError, Tx};

/// What a box in the outbox belongs to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum BoxFor {
    /// A lane, and the message in it (`None` for a receipt).
    Session { session: SessionId, message: Option<MessageSeq> },
    /// An invitation of ours.
    Invite(InviteId),
    /// The answer to an invitation: the contact.
    Guest(ContactId),
}

/// A box to be put.
pub(crate) struct NewBox<'a> {
    pub(crate) persona: PersonaId,
    pub(crate) relay: RelayId,
    pub(crate) id: BoxId,
    pub(crate) tag: Tag,
    pub(crate) bytes: &'a [u8; BOX_LEN],
    /// What it is sealed with, where a conflict of it is to be proved.
    pub(crate) key: Option<&'a BoxKey>,
    /// Its index in its lane.
    pub(crate) place: u64,
    pub(crate) owner: BoxFor,
}

/// A box that is due, without its bytes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct DueBox {
    pub(crate) row: OutboxId,
    /// The relay had it before; it is put again because nobody has confirmed it.
    pub(crate) again: bool,
    /// Its user is waiting, so it does not wait for the clock.
    pub(crate) urgent: bool,
}

/// A box with all that a put needs.
pub(crate) struct BoxRow {
    pub(crate) relay: RelayId,
    pub(crate) id: BoxId,
    pub(crate) tag: Tag,
    pub(crate) bytes: Box<[u8; BOX_LEN]>,
    pub(crate) owner: BoxFor,
    pub(crate) attempts: u32,
    /// What it is sealed with, until the relay has it.
    pub(crate) key: Option<BoxKey>,
}

fn read(row: &Row<'_>) -> rusqlite::Result<Option<BoxRow>> {
    let session: Option<SessionId> = row.get(3)?;
    let message: Option<MessageSeq> = row.get(4)?;
    let invite: Option<InviteId> = row.get(5)?;
    let guest: Option<ContactId> = row.get(6)?;
    let owner = match (session, invite, guest) {
        (Some(session), _, _) => BoxFor::Session { session, message },
        (None, Some(invite), _) => BoxFor::Invite(invite),
        (None, None, Some(guest)) => BoxFor::Guest(guest),
        (None, None, None) => return Ok(None),
    };
    Ok(Some(BoxRow {
        relay: RelayId(bytes(row, 0)?),
        id: BoxId(bytes(row, 1)?),
        bytes: Box::new(bytes(row, 2)?),
        owner,
        attempts: row.get(7)?,
        tag: Tag(bytes(row, 8)?),
        key: row.get::<_, Option<[u8; 32]>>(9)?.map(|key| BoxKey::from_ref(&Zeroizing::new(key))),
    }))
}

impl Tx<'_> {
    pub(crate) fn add_box(&self, new: &NewBox<'_>, due_at: Timestamp) -> Result<OutboxId, StoreError> {
        let (session, message, invite, guest) = match new.owner {
            BoxFor::Session { session, message } => (Some(session), message, None, None),
            BoxFor::Invite(invite) => (None, None, Some(invite), None),
            BoxFor::Guest(guest) => (None, None, None, Some(guest)),
        };
        self.insert(
            "queue a box",
            "INSERT INTO outbox (persona, relay, box, bytes, place, session, message, invite, guest, due_at, tag, key)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
            (
                new.persona,
                new.relay.0,
                new.id.0,
                new.bytes.as_slice(),
                signed(new.place),
                session,
                message,
                invite,
                guest,
                signed(due_at.0),
                new.tag.0,
                new.key.map(BoxKey::as_bytes),
            ),
        )
        .map(OutboxId)
    }

    /// Boxes to put now, in the order they were sealed. Of an answer to an invitation only the first one that is not
    /// done: whoever puts that one first has the invitation.
    pub(crate) fn due_boxes(
        &self,
        persona: PersonaId,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<DueBox>, StoreError> {
        self.all(
            "list due boxes",
            "SELECT id, done_at IS NOT NULL,
               done_at IS NULL AND attempts = 0 AND (invite IS NOT NULL OR EXISTS (
                 SELECT 1 FROM messages WHERE seq = o.message AND kind != ?4))
             FROM outbox AS o WHERE persona = ?1 AND due_at <= ?2 AND disputed = 0
               AND NOT EXISTS (SELECT 1 FROM sessions WHERE id = o.session AND quiet_until > ?2)
               AND (guest IS NULL OR NOT EXISTS (
                 SELECT 1 FROM outbox WHERE guest = o.guest AND place < o.place AND done_at IS NULL))
             ORDER BY id LIMIT ?3",
            (persona, signed(now.0), limit, Content::POST_KEY),
            |row| Ok(DueBox { row: row.get(0)?, again: row.get(1)?, urgent: row.get(2)? }),
        )
    }

    pub(crate) fn boxed(&self, row: OutboxId) -> Result<Option<BoxRow>, StoreError> {
        let found = self.one(
            "read a box",
            "SELECT relay, box, bytes, session, message, invite, guest, attempts, tag, key FROM outbox WHERE id = ?1",
            [row],
            read,
        )?;
        Ok(found.flatten())
    }

    /// The relay has the box; without a receipt it is put again at `again_at`.
    pub(crate) fn box_done(
        &self,
        row: OutboxId,
        again_at: Timestamp,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.execute(
            "note a stored box",
            "UPDATE outbox SET done_at = coalesce(done_at, ?2), due_at = ?3, attempts = 0, key = NULL, disputed = 0
             WHERE id = ?1",
            (row, signed(now.0), signed(again_at.0)),
        )?;
        Ok(())
    }

    pub(crate) fn box_later(&self, row: OutboxId, at: Timestamp, attempts: u32) -> Result<(), StoreError> {
        self.execute(
            "plan a box",
            "UPDATE outbox SET due_at = ?2, attempts = ?3 WHERE id = ?1",
            (row, signed(at.0), attempts),
        )?;
        Ok(())
    }

    /// The relay said that it has other bytes under this name: they are asked for at `at`.
    pub(crate) fn dispute_box(&self, row: OutboxId, at: Timestamp) -> Result<(), StoreError> {
        self.execute(
            "note a conflict",
            "UPDATE outbox SET disputed = 1, due_at = ?2 WHERE id = ?1",
            (row, signed(at.0)),
        )?;
        Ok(())
    }

    /// The relay did not show what it said it has: the box is put again at `at`.
    pub(crate) fn settle_box(&self, row: OutboxId, at: Timestamp, attempts: u32) -> Result<(), StoreError> {
        self.execute(
            "settle a conflict",
            "UPDATE outbox SET disputed = 0, due_at = ?2, attempts = ?3 WHERE id = ?1",
            (row, signed(at.0), attempts),
        )?;
        Ok(())
    }

    /// Boxes in conflict whose bytes are due to be asked for.
    pub(crate) fn disputed_boxes(
        &self,
        persona: PersonaId,
        now: Timestamp,
    ) -> Result<Vec<(OutboxId, RelayId, Wanted)>, StoreError> {
        self.all(
            "list conflicts",
            "SELECT id, relay, place, box, tag FROM outbox WHERE persona = ?1 AND disputed = 1 AND due_at <= ?2
             ORDER BY due_at LIMIT 16",
            (persona, signed(now.0)),
            |row| {
                let (index, id, tag) = (unsigned(row.get(2)?), BoxId(bytes(row, 3)?), Tag(bytes(row, 4)?));
                Ok((row.get(0)?, RelayId(bytes(row, 1)?), Wanted { index, id, tag }))
            },
        )
    }

    pub(crate) fn drop_box(&self, row: OutboxId) -> Result<(), StoreError> {
        self.execute("drop a box", "DELETE FROM outbox WHERE id = ?1", [row])?;
        Ok(())
    }

    /// The peer has every box of the session below `acked`.
    pub(crate) fn drop_acked(&self, session: SessionId, acked: u64) -> Result<(), StoreError> {
        self.execute(
            "drop confirmed boxes",
            "DELETE FROM outbox WHERE session = ?1 AND place < ?2",
            (session, signed(acked)),
        )?;
        Ok(())
    }

    pub(crate) fn drop_outbox(&self, session: SessionId) -> Result<(), StoreError> {
        self.execute("drop boxes", "DELETE FROM outbox WHERE session = ?1", [session])?;
        Ok(())
    }

    pub(crate) fn drop_guest_boxes(&self, contact: ContactId) -> Result<(), StoreError> {
        self.execute("drop boxes", "DELETE FROM outbox WHERE guest = ?1", [contact])?;
        Ok(())
    }

    /// Whether every box of an answer to an invitation is stored.
    pub(crate) fn guest_is_done(&self, contact: ContactId) -> Result<bool, StoreError> {
        let open = self.count(
            "count an answer's boxes",
            "SELECT count(*) FROM outbox WHERE guest = ?1 AND done_at IS NULL",
            [contact],
        )?;
        Ok(open == 0)
    }
}
