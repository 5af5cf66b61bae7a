use bauta_protocol::id::RelayId;
use bauta_protocol::time::Timestamp;
use rusqlite::Row;
use zeroize::Zeroizing;

use super::ids::{ContactId, InviteId, PersonaId, PrekeysId};
use super::numbers::stored_enum;
use super::sessions::{pack_wanted, unpack_wanted};
use super::tx::{bytes, signed, unsigned};
use super::{StoreError, Tx, Wanted};

/// An invitation of ours that nobody has answered yet.
pub(crate) struct InviteRow {
    pub(crate) id: InviteId,
    pub(crate) persona: PersonaId,
    /// The contact that was named for it.
    pub(crate) contact: Option<ContactId>,
    pub(crate) state: Zeroizing<Vec<u8>>,
    pub(crate) prekeys: PrekeysId,
}

/// What a new invitation begins with.
pub(crate) struct NewInvite<'a> {
    pub(crate) persona: PersonaId,
    pub(crate) contact: Option<ContactId>,
    pub(crate) state: &'a [u8],
    pub(crate) prekeys: PrekeysId,
    pub(crate) relay: RelayId,
    pub(crate) wanted: &'a [Wanted],
    pub(crate) expires_at: Timestamp,
}

stored_enum! {
    /// How far the answer to an invitation has come.
    enum GuestPhase {
        /// The host's bundle is being read.
        Asking = 1,
        /// Our boxes are being put.
        Answering = 2,
        /// Someone else has answered.
        Taken = 3,
        /// It ended before it could be answered, or its bundle is not the host's.
        Unusable = 4,
    }
}

/// An invitation that we answer.
pub(crate) struct GuestRow {
    pub(crate) state: Zeroizing<Vec<u8>>,
    pub(crate) relay: RelayId,
    pub(crate) phase: GuestPhase,
}

fn read(row: &Row<'_>) -> rusqlite::Result<InviteRow> {
    Ok(InviteRow {
        id: row.get(0)?,
        persona: row.get(1)?,
        contact: row.get(2)?,
        state: Zeroizing::new(row.get(3)?),
        prekeys: row.get(4)?,
    })
}

fn read_guest(row: &Row<'_>) -> rusqlite::Result<GuestRow> {
    Ok(GuestRow { state: Zeroizing::new(row.get(0)?), relay: RelayId(bytes(row, 1)?), phase: row.get(2)? })
}

impl Tx<'_> {
    pub(crate) fn add_invite(&self, new: &NewInvite<'_>) -> Result<InviteId, StoreError> {
        self.insert(
            "keep an invitation",
            "INSERT INTO invites (persona, contact, state, prekeys, relay, wanted, expires_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            (
                new.persona,
                new.contact,
                new.state,
                new.prekeys,
                new.relay.0,
                pack_wanted(new.wanted),
                signed(new.expires_at.0),
            ),
        )
        .map(InviteId)
    }

    pub(crate) fn invite(&self, id: InviteId) -> Result<Option<InviteRow>, StoreError> {
        self.one(
            "read an invitation",
            "SELECT id, persona, contact, state, prekeys FROM invites WHERE id = ?1",
            [id],
            read,
        )
    }

    pub(crate) fn save_invite(
        &self,
        id: InviteId,
        state: &[u8],
        wanted: &[Wanted],
        active_until: Timestamp,
    ) -> Result<(), StoreError> {
        self.execute(
            "keep an invitation",
            "UPDATE invites SET state = ?2, wanted = ?3, active_until = ?4 WHERE id = ?1",
            (id, state, pack_wanted(wanted), signed(active_until.0)),
        )?;
        Ok(())
    }

    pub(crate) fn delete_invite(&self, id: InviteId) -> Result<(), StoreError> {
        self.execute("delete an invitation", "DELETE FROM invites WHERE id = ?1", [id])?;
        Ok(())
    }

    /// Ends invitations whose time is over; returns the contacts that were named for them.
    pub(crate) fn expire_invites(&self, now: Timestamp) -> Result<Vec<ContactId>, StoreError> {
        let named = self.all(
            "list ended invitations",
            "SELECT contact FROM invites WHERE expires_at <= ?1 AND contact IS NOT NULL",
            [signed(now.0)],
            |row| row.get(0),
        )?;
        self.execute("end invitations", "DELETE FROM invites WHERE expires_at <= ?1", [signed(now.0)])?;
        Ok(named)
    }

    /// Open invitations to read: id, relay, wanted boxes, until when all of them are asked for at once.
    pub(crate) fn invite_lanes(
        &self,
        persona: PersonaId,
    ) -> Result<Vec<(InviteId, RelayId, Vec<Wanted>, Timestamp)>, StoreError> {
        self.all(
            "list invitations",
            "SELECT id, relay, wanted, active_until FROM invites WHERE persona = ?1 ORDER BY id DESC",
            [persona],
            |row| {
                let wanted: Vec<u8> = row.get(2)?;
                Ok((
                    row.get(0)?,
                    RelayId(bytes(row, 1)?),
                    unpack_wanted(&wanted),
                    Timestamp(unsigned(row.get(3)?)),
                ))
            },
        )
    }

    pub(crate) fn add_guest(
        &self,
        contact: ContactId,
        persona: PersonaId,
        state: &[u8],
        relay: RelayId,
        wanted: &[Wanted],
    ) -> Result<(), StoreError> {
        self.execute(
            "keep an answer",
            "INSERT INTO guests (contact, persona, state, relay, wanted, phase)
             VALUES (?1, ?2, ?3, ?4, ?5, 1)",
            (contact, persona, state, relay.0, pack_wanted(wanted)),
        )?;
        Ok(())
    }

    pub(crate) fn guest(&self, contact: ContactId) -> Result<Option<GuestRow>, StoreError> {
        self.one(
            "read an answer",
            "SELECT state, relay, phase FROM guests WHERE contact = ?1",
            [contact],
            read_guest,
        )
    }

    pub(crate) fn save_guest(
        &self,
        contact: ContactId,
        state: &[u8],
        wanted: &[Wanted],
        phase: GuestPhase,
    ) -> Result<(), StoreError> {
        self.execute(
            "keep an answer",
            "UPDATE guests SET state = ?2, wanted = ?3, phase = ?4 WHERE contact = ?1",
            (contact, state, pack_wanted(wanted), phase),
        )?;
        Ok(())
    }

    pub(crate) fn set_guest_phase(&self, contact: ContactId, phase: GuestPhase) -> Result<(), StoreError> {
        self.execute(
            "keep an answer's phase",
            "UPDATE guests SET phase = ?2, wanted = x'' WHERE contact = ?1",
            (contact, phase),
        )?;
        Ok(())
    }

    pub(crate) fn delete_guest(&self, contact: ContactId) -> Result<(), StoreError> {
        self.execute("delete an answer", "DELETE FROM guests WHERE contact = ?1", [contact])?;
        Ok(())
    }

    /// Invitations whose host's bundle we have asked for since before `since`.
    pub(crate) fn old_guests(&self, since: Timestamp) -> Result<Vec<ContactId>, StoreError> {
        self.all(
            "list old answers",
            "SELECT contact FROM guests JOIN contacts ON id = contact WHERE phase = 1 AND added_at < ?1",
            [signed(since.0)],
            |row| row.get(0),
        )
    }

    /// Invitations we answer, whose host's bundle is still to be read.
    pub(crate) fn guest_lanes(
        &self,
        persona: PersonaId,
    ) -> Result<Vec<(ContactId, RelayId, Vec<Wanted>)>, StoreError> {
        self.all(
            "list answers",
            "SELECT contact, relay, wanted FROM guests WHERE persona = ?1 AND phase = 1 ORDER BY contact DESC",
            [persona],
            |row| {
                let wanted: Vec<u8> = row.get(2)?;
                Ok((row.get(0)?, RelayId(bytes(row, 1)?), unpack_wanted(&wanted)))
            },
        )
    }
}
