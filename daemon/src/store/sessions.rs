use bauta_protocol::digest::set::Tag;
use bauta_protocol::handshake::HANDSHAKE_LEN;
use bauta_protocol::id::{BoxId, InboxId, RelayId};
use bauta_protocol::lane::WantedBox;
use bauta_protocol::time::Timestamp;
use rusqlite::Row;
use zeroize::Zeroizing;

use super::ids::{ContactId, PersonaId, SessionId};
use super::tx::{bytes, signed, unsigned};
use super::{StoreError, Tx};

/// A box to ask for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Wanted {
    pub(crate) index: u64,
    pub(crate) id: BoxId,
    pub(crate) tag: Tag,
}

impl From<WantedBox> for Wanted {
    fn from(WantedBox { index, id, tag }: WantedBox) -> Self {
        Self { index, id, tag }
    }
}

/// One session with a contact, as the store keeps it.
//
// A contact may have several: each handshake makes one, from either side. One of them is `contacts.current`, in which
// messages are sealed; the others are only read, until nobody has used them for as long as a relay keeps a box.
//
// `stale` closes a session for sealing for good. It is set when the state may be older than what the relay or the peer
// has seen (an old copy of the database, a box id that holds other bytes, a receipt for boxes that were never sealed).
// Sealing with such a state would use a lane key a second time, for other bytes. Reading is safe, so it continues.
//
// `initiator` says who made the handshake. Only an initiator has `handshake` and `inbox`, and only until the first box
// from the peer shows that the handshake was opened; until then it is left in the inbox again and again, because a
// relay may lose it and the peer reads the inbox rarely.
//
// `gap_since` begins when a later box of the peer's lane is there and the first missing one is not. Only such a gap is
// given up after a while: without later boxes nothing shows that the missing one was ever put.
//
// `heard_at` counts content only, not receipts: it decides which of two sessions the peer speaks over, and both sides
// send receipts over every session they read.
pub(crate) struct SessionRow {
    pub(crate) id: SessionId,
    pub(crate) contact: ContactId,
    pub(crate) persona: PersonaId,
    /// The peer's relay, where our boxes go.
    pub(crate) relay: RelayId,
    /// Ours, where we read.
    pub(crate) own_relay: RelayId,
    /// In the protocol's own serialisation.
    pub(crate) state: Zeroizing<Vec<u8>>,
    pub(crate) stale: bool,
    pub(crate) initiator: bool,
    pub(crate) gap_since: Option<Timestamp>,
    pub(crate) heard_at: Timestamp,
    pub(crate) handshake: Option<Box<[u8; HANDSHAKE_LEN]>>,
    pub(crate) inbox: Option<InboxId>,
    pub(crate) deposit_attempts: u32,
}

/// What a new session begins with.
pub(crate) struct NewSession<'a> {
    pub(crate) contact: ContactId,
    pub(crate) persona: PersonaId,
    pub(crate) relay: RelayId,
    pub(crate) own_relay: RelayId,
    pub(crate) state: &'a [u8],
    pub(crate) wanted: &'a [Wanted],
    pub(crate) stale: bool,
    pub(crate) initiator: bool,
    pub(crate) ack_due_at: Option<Timestamp>,
    /// A handshake to leave in an inbox.
    pub(crate) deposit: Option<NewDeposit<'a>>,
}

/// A handshake to leave in an inbox, from when on, and until when that makes sense.
pub(crate) struct NewDeposit<'a> {
    pub(crate) handshake: &'a [u8; HANDSHAKE_LEN],
    pub(crate) inbox: InboxId,
    pub(crate) at: Timestamp,
    pub(crate) until: Timestamp,
}

const COLUMNS: &str = "id, contact, persona, relay, own_relay, state, stale, initiator, gap_since, heard_at,
    handshake, inbox, deposit_attempts";

fn time(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Timestamp>> {
    Ok(row.get::<_, Option<i64>>(column)?.map(|at| Timestamp(unsigned(at))))
}

fn read(row: &Row<'_>) -> rusqlite::Result<SessionRow> {
    Ok(SessionRow {
        id: row.get(0)?,
        contact: row.get(1)?,
        persona: row.get(2)?,
        relay: RelayId(bytes(row, 3)?),
        own_relay: RelayId(bytes(row, 4)?),
        state: Zeroizing::new(row.get(5)?),
        stale: row.get(6)?,
        initiator: row.get(7)?,
        gap_since: time(row, 8)?,
        heard_at: time(row, 9)?.unwrap_or_default(),
        handshake: row.get::<_, Option<[u8; HANDSHAKE_LEN]>>(10)?.map(Box::new),
        inbox: row.get::<_, Option<[u8; 32]>>(11)?.map(InboxId),
        deposit_attempts: row.get(12)?,
    })
}

/// Index (8 bytes, big-endian), tag (8) and id (32) of each box.
pub(crate) fn pack_wanted(wanted: &[Wanted]) -> Vec<u8> {
    let packed = |one: &Wanted| one.index.to_be_bytes().into_iter().chain(one.tag.0).chain(one.id.0);
    wanted.iter().flat_map(packed).collect()
}

pub(crate) fn unpack_wanted(bytes: &[u8]) -> Vec<Wanted> {
    let one = |chunk: &[u8; 48]| {
        let (index, rest) = chunk.split_first_chunk()?;
        let (tag, id) = rest.split_first_chunk()?;
        Some(Wanted { index: u64::from_be_bytes(*index), tag: Tag(*tag), id: BoxId(id.try_into().ok()?) })
    };
    bytes.as_chunks::<48>().0.iter().filter_map(one).collect()
}

impl Tx<'_> {
    pub(crate) fn add_session(&self, new: &NewSession<'_>, now: Timestamp) -> Result<SessionId, StoreError> {
        self.advance();
        let id = SessionId(self.insert(
            "keep a session",
            "INSERT INTO sessions (contact, persona, relay, own_relay, state, wanted, stale, initiator, ack_due_at,
               begun_at, used_at, active_until) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?10, ?10)",
            (
                new.contact,
                new.persona,
                new.relay.0,
                new.own_relay.0,
                new.state,
                pack_wanted(new.wanted),
                new.stale,
                new.initiator,
                new.ack_due_at.map(|at| signed(at.0)),
                signed(now.0),
            ),
        )?);
        if let Some(deposit) = &new.deposit {
            let (handshake, inbox) = (deposit.handshake, deposit.inbox);
            self.execute(
                "keep a handshake",
                "UPDATE sessions SET handshake = ?2, inbox = ?3, deposit_at = ?4, deposit_until = ?5 WHERE id = ?1",
                (id, handshake.as_slice(), inbox.0, signed(deposit.at.0), signed(deposit.until.0)),
            )?;
        }
        Ok(id)
    }

    pub(crate) fn session(&self, id: SessionId) -> Result<Option<SessionRow>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM sessions WHERE id = ?1");
        self.one("read a session", &sql, [id], read)
    }

    pub(crate) fn sessions_of(&self, contact: ContactId) -> Result<Vec<SessionRow>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM sessions WHERE contact = ?1 ORDER BY id");
        self.all("list sessions", &sql, [contact], read)
    }

    /// Whether the last session that was begun here is closed for sealing.
    pub(crate) fn last_begun_is_stale(&self, contact: ContactId) -> Result<bool, StoreError> {
        let stale = self.one(
            "look for the last session begun here",
            "SELECT stale FROM sessions WHERE contact = ?1 AND initiator = 1 ORDER BY id DESC LIMIT 1",
            [contact],
            |row| row.get(0),
        )?;
        Ok(stale.unwrap_or(false))
    }

    /// Keeps a session that sealed something. Nothing of it may leave before this commits.
    pub(crate) fn save_sender(
        &self,
        session: SessionId,
        state: &[u8],
        ack_due_at: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.advance();
        self.execute(
            "keep a session",
            "UPDATE sessions SET state = ?2, ack_due_at = ?3, used_at = ?4 WHERE id = ?1",
            (session, state, ack_due_at.map(|at| signed(at.0)), signed(now.0)),
        )?;
        Ok(())
    }

    /// Keeps a session that opened something.
    pub(crate) fn save_reader(
        &self,
        session: SessionId,
        state: &[u8],
        wanted: &[Wanted],
        ack_due_at: Option<Timestamp>,
        gap_since: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.advance();
        self.execute(
            "keep a session",
            "UPDATE sessions SET state = ?2, wanted = ?3, ack_due_at = coalesce(min(ack_due_at, ?4), ?4),
               gap_since = ?5, used_at = ?6 WHERE id = ?1",
            (
                session,
                state,
                pack_wanted(wanted),
                ack_due_at.map(|at| signed(at.0)),
                gap_since.map(|at| signed(at.0)),
                signed(now.0),
            ),
        )?;
        Ok(())
    }

    /// The peer said something over it: the window opens until then, and its handshake is not deposited again.
    pub(crate) fn heard(
        &self,
        session: SessionId,
        content: bool,
        active_until: Timestamp,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.execute(
            "note what came",
            "UPDATE sessions SET answered = 1, handshake = NULL, deposit_at = NULL,
               heard_at = CASE WHEN ?2 THEN ?4 ELSE heard_at END, active_until = max(active_until, ?3) WHERE id = ?1",
            (session, content, signed(active_until.0), signed(now.0)),
        )?;
        Ok(())
    }

    pub(crate) fn keep_active(&self, session: SessionId, until: Timestamp) -> Result<(), StoreError> {
        self.execute(
            "note an activity",
            "UPDATE sessions SET active_until = max(active_until, ?2) WHERE id = ?1",
            (session, signed(until.0)),
        )?;
        Ok(())
    }

    /// Nothing of the session is put or asked for before a time.
    pub(crate) fn keep_quiet(&self, session: SessionId, until: Timestamp) -> Result<(), StoreError> {
        self.execute(
            "keep a session quiet",
            "UPDATE sessions SET quiet_until = ?2, active_until = 0 WHERE id = ?1",
            (session, signed(until.0)),
        )?;
        Ok(())
    }

    /// Of the sessions with a contact only so many are kept: the current one, and the last others. What another had not
    /// delivered is sealed again.
    pub(crate) fn bound_sessions(&self, contact: ContactId, most: u32) -> Result<(), StoreError> {
        self.execute(
            "bound the sessions of a contact",
            "DELETE FROM sessions WHERE contact = ?1 AND id NOT IN (
               SELECT s.id FROM sessions AS s JOIN contacts AS c ON c.id = s.contact WHERE s.contact = ?1
               ORDER BY s.id IS c.current DESC, s.id DESC LIMIT ?2)",
            (contact, most),
        )?;
        Ok(())
    }

    /// Whether the peer has spoken over a session that was begun before that time.
    pub(crate) fn was_in_use(&self, session: SessionId, before: Timestamp) -> Result<bool, StoreError> {
        let found = self.count(
            "look at a session",
            "SELECT count(*) FROM sessions WHERE id = ?1 AND answered = 1 AND begun_at < ?2",
            (session, signed(before.0)),
        )?;
        Ok(found > 0)
    }

    /// Sessions that were answered once, and with a message of before `since` that was put and has no receipt.
    pub(crate) fn silent_sessions(
        &self,
        persona: PersonaId,
        since: Timestamp,
    ) -> Result<Vec<SessionId>, StoreError> {
        self.all(
            "list silent sessions",
            "SELECT s.id FROM sessions AS s JOIN contacts AS c ON c.current = s.id
             WHERE s.persona = ?1 AND stale = 0 AND answered = 1 AND rejoin = 0 AND EXISTS (
               SELECT 1 FROM outbox AS o JOIN messages AS m ON m.seq = o.message
               WHERE o.session = s.id AND m.at <= ?2 AND (done_at IS NOT NULL OR attempts > 2))",
            (persona, signed(since.0)),
            |row| row.get(0),
        )
    }

    /// Nothing more can be read from the lane.
    pub(crate) fn stop_reading(&self, session: SessionId) -> Result<(), StoreError> {
        self.execute(
            "stop reading",
            "UPDATE sessions SET wanted = x'', gap_since = NULL WHERE id = ?1",
            [session],
        )?;
        Ok(())
    }

    /// The session never encrypts again, and what it has not delivered is dropped: it will be sealed again in another session.
    pub(crate) fn make_stale(&self, session: SessionId) -> Result<(), StoreError> {
        self.advance();
        self.execute(
            "close a session",
            "UPDATE sessions SET stale = 1, ack_due_at = NULL, handshake = NULL, deposit_at = NULL WHERE id = ?1",
            [session],
        )?;
        self.drop_outbox(session)
    }

    /// After an old copy of the database was put back.
    pub(crate) fn make_all_stale(&self, now: Timestamp) -> Result<(), StoreError> {
        let during = "close all sessions";
        self.execute(
            during,
            "UPDATE sessions SET stale = 1, ack_due_at = NULL, handshake = NULL, deposit_at = NULL",
            [],
        )?;
        self.execute(during, "DELETE FROM outbox WHERE session IS NOT NULL AND guest IS NULL", [])?;
        self.execute(during, "UPDATE requests SET stale = 1", [])?;
        self.execute(
            during,
            "UPDATE contacts SET current = NULL, rejoin = 1, attempt_at = 0, attempts = 0, restarted_at = ?1
             WHERE EXISTS (SELECT 1 FROM sessions WHERE contact = contacts.id)",
            [signed(now.0)],
        )?;
        self.renew_wishes(now)?;
        self.doubt_wishes(None)
    }

    /// Sessions whose handshake is to be left now.
    pub(crate) fn due_deposits(
        &self,
        persona: PersonaId,
        now: Timestamp,
    ) -> Result<Vec<SessionId>, StoreError> {
        self.all(
            "list deposits",
            "SELECT id FROM sessions WHERE persona = ?1 AND deposit_at <= ?2 AND stale = 0 AND answered = 0
             ORDER BY deposit_at LIMIT 4",
            (persona, signed(now.0)),
            |row| row.get(0),
        )
    }

    pub(crate) fn set_deposit(
        &self,
        session: SessionId,
        at: Option<Timestamp>,
        attempts: u32,
    ) -> Result<(), StoreError> {
        self.execute(
            "plan a deposit",
            "UPDATE sessions SET deposit_at = ?2, deposit_attempts = ?3 WHERE id = ?1 AND handshake IS NOT NULL",
            (session, at.map(|at| signed(at.0)), attempts),
        )?;
        Ok(())
    }

    /// Sessions whose handshake was never answered and now never will be.
    pub(crate) fn lapsed_deposits(&self, now: Timestamp) -> Result<Vec<(SessionId, ContactId)>, StoreError> {
        self.all(
            "list lapsed handshakes",
            "SELECT id, contact FROM sessions WHERE deposit_until <= ?1 AND handshake IS NOT NULL
               AND answered = 0 AND stale = 0",
            [signed(now.0)],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
    }

    pub(crate) fn forget_handshake(&self, session: SessionId) -> Result<(), StoreError> {
        self.execute(
            "forget a handshake",
            "UPDATE sessions SET handshake = NULL, deposit_at = NULL WHERE id = ?1",
            [session],
        )?;
        Ok(())
    }

    /// Sessions of a persona with an acknowledgement due.
    pub(crate) fn due_acks(&self, persona: PersonaId, now: Timestamp) -> Result<Vec<SessionId>, StoreError> {
        self.all(
            "list receipts",
            "SELECT id FROM sessions WHERE persona = ?1 AND ack_due_at <= ?2 AND stale = 0 AND quiet_until <= ?2
             ORDER BY ack_due_at LIMIT 16",
            (persona, signed(now.0)),
            |row| row.get(0),
        )
    }

    /// Sessions whose first missing box has been missing since before `since` while later ones were there.
    pub(crate) fn old_gaps(
        &self,
        persona: PersonaId,
        since: Timestamp,
    ) -> Result<Vec<SessionId>, StoreError> {
        self.all(
            "list gaps",
            "SELECT id FROM sessions WHERE persona = ?1 AND gap_since <= ?2",
            (persona, signed(since.0)),
            |row| row.get(0),
        )
    }

    /// Lanes to read, the most recently used first: session, own relay, wanted boxes, until when the window is open.
    pub(crate) fn lanes(
        &self,
        persona: PersonaId,
    ) -> Result<Vec<(SessionId, RelayId, Vec<Wanted>, Timestamp)>, StoreError> {
        self.all(
            "list lanes",
            "SELECT id, own_relay, wanted, active_until FROM sessions WHERE persona = ?1 ORDER BY used_at DESC",
            [persona],
            |row| {
                let wanted: Vec<u8> = row.get(2)?;
                Ok((row.get(0)?, RelayId(bytes(row, 1)?), unpack_wanted(&wanted), Timestamp(unsigned(row.get(3)?))))
            },
        )
    }

    /// Deletes sessions that nobody has used since `before` and that are not current.
    pub(crate) fn retire_sessions(&self, before: Timestamp) -> Result<(), StoreError> {
        self.execute(
            "retire sessions",
            "DELETE FROM sessions WHERE used_at < ?1
               AND NOT EXISTS (SELECT 1 FROM contacts WHERE current = sessions.id)",
            [signed(before.0)],
        )?;
        Ok(())
    }

    pub(crate) fn delete_sessions(&self, contact: ContactId) -> Result<(), StoreError> {
        self.execute("delete sessions", "DELETE FROM sessions WHERE contact = ?1", [contact])?;
        self.execute(
            "delete sessions",
            "UPDATE contacts SET current = NULL, rejoin = 0 WHERE id = ?1",
            [contact],
        )?;
        Ok(())
    }
}
