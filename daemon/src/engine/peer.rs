//! Sessions between the store and the protocol: reading, keeping, choosing, giving up.

use bauta_protocol::bundle::Bundle;
use bauta_protocol::limits::WINDOW;
use bauta_protocol::session::Session;
use bauta_protocol::time::Timestamp;
use bauta_protocol::to_json;
use serde::Serialize;
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use super::{Times, announce, waits};
use crate::store::{
    Change, ContactId, ContactRow, NewSession, PersonaRow, SessionId, SessionRow, StoreError, Tx, Wanted,
};

/// Sessions of one contact that are read at most: each handshake of theirs makes one.
pub(super) const MOST_READ: u32 = 3;

/// What is known at the time of a step.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    pub(crate) now: Timestamp,
    pub(crate) times: Times,
    /// Things may end by their age.
    pub(crate) trusted: bool,
}

impl Moment {
    /// When a receipt that falls due now should go.
    pub(super) fn ack_due(&self, due: bool) -> Option<Timestamp> {
        due.then(|| self.now.plus(self.times.ack_delay()))
    }

    /// Until when the window of a lane stays open after something happened.
    pub(super) fn active_until(&self) -> Timestamp {
        self.now.plus(self.times.active_for)
    }
}

/// Writes a state of the protocol for the store.
pub(crate) fn pack<T: Serialize>(state: &T) -> Result<Zeroizing<Vec<u8>>, StoreError> {
    to_json(state).map_err(|_| StoreError::Damaged("a state"))
}

/// Reads a state of the protocol from the store.
pub(crate) fn unpack<T: DeserializeOwned>(bytes: &[u8], what: &'static str) -> Result<T, StoreError> {
    serde_json::from_slice(bytes).map_err(|_| StoreError::Damaged(what))
}

pub(super) fn session_of(row: &SessionRow) -> Result<Session, StoreError> {
    unpack(&row.state, "a session")
}

/// The boxes to ask for next.
pub(super) fn wanted(session: &Session) -> Vec<Wanted> {
    session.wanted(WINDOW).into_iter().map(Wanted::from).collect()
}

/// Whether boxes behind the first missing one are there: then that one is late, or lost.
pub(super) fn has_gap(wanted: &[Wanted]) -> bool {
    match (wanted.first(), wanted.last()) {
        (Some(first), Some(last)) => {
            let span = last.index - first.index + 1;
            wanted.len() < WINDOW || span > u64::try_from(wanted.len()).unwrap_or(u64::MAX)
        }
        _ => false,
    }
}

/// The session to seal in: the contact's current one, or a livelier one that this side follows the peer to.
//
// When both sides begin at the same time there are two sessions, and each side would seal in the one it began. That
// works, but both lanes of both sessions are then read for ever, and every receipt is late by one lane. So one side
// gives its own session up for the one that the peer speaks over. Three rules keep that safe:
//
// - Only the side with the greater persona key follows. If both followed, each would move to the session that the
//   other is leaving, and they would change places without end.
// - It follows only while nothing that it sealed in its current session is unconfirmed. Otherwise the rest of a
//   message sequence would go over another lane than its beginning, and the peer, who reads lanes in no particular
//   order, could see the later messages first.
// - It follows only to a session over which content came later than over the current one, and that was not closed:
//   then the peer certainly has that session, and seals in it.
//
// The session that was left is still read until it is retired, so nothing on its way there is lost.
pub(super) fn speaking_session(
    tx: &Tx<'_>,
    persona: &PersonaRow,
    contact: &ContactRow,
) -> Result<Option<SessionRow>, StoreError> {
    let Some(current) = contact.current.map(|id| tx.session(id)).transpose()?.flatten() else {
        return Ok(None);
    };
    let follows = contact.public.is_some_and(|peer| persona.public > peer);
    if !follows || tx.has_sealed_open(current.id)? {
        return Ok(Some(current));
    }
    let livelier = tx
        .sessions_of(contact.id)?
        .into_iter()
        .filter(|other| !other.stale && other.heard_at > current.heard_at)
        .max_by_key(|other| other.heard_at);
    match livelier {
        None => Ok(Some(current)),
        Some(other) => {
            tx.set_current_session(contact.id, Some(other.id))?;
            Ok(Some(other))
        }
    }
}

/// A session that cannot go on is closed for sealing, and a new one is asked for. What it had not delivered will be
/// sealed again; the peer drops what it has already.
pub(super) fn give_up(tx: &Tx<'_>, row: &SessionRow, at: &Moment) -> Result<(), StoreError> {
    tx.doubt_delivered(row.id)?;
    tx.make_stale(row.id)?;
    let Some(contact) = tx.contact(row.contact)? else { return Ok(()) };
    if contact.current == Some(row.id) {
        // Hours later, so that what a relay did to this lane is not followed by a name.
        tx.ask_to_rejoin(contact.id, waits::after(at.times.waits.rejoin, at.now))?;
        tx.note_restart(contact.id, at.now)?;
        announce::contact_changed(tx, contact.id, Change::Restarted, at.now)?;
    }
    Ok(())
}

/// Keeps what a peer's bundle says, and writes an event when the long-term key is a new one.
pub(super) fn keep_bundle(
    tx: &Tx<'_>,
    contact: ContactId,
    bundle: &Bundle,
    now: Timestamp,
) -> Result<(), StoreError> {
    let Some(row) = tx.contact(contact)? else { return Ok(()) };
    tx.learn_relay(row.persona, bundle.relay().id, &bundle.relay().doors)?;
    if bundle.version() < row.bundle_version {
        return Ok(());
    }
    tx.set_contact_bundle(contact, bundle)?;
    if row.identity.is_some_and(|known| known != bundle.identity().0) {
        tx.note_identity_change(contact)?;
        announce::contact_changed(tx, contact, Change::Identity, now)?;
    }
    Ok(())
}

/// Keeps the session that a peer's handshake began. Normally messages are sealed in it from now on.
//
// Not so when the last session that was begun here is closed: its handshake may be in the peer's inbox still, or the
// peer may have taken it up after making the one that came now. Then the peer seals in a session that cannot answer,
// and this side in one that the peer has left; what either sends is read, but never confirmed. A new handshake from
// here ends that, because the peer reads it after the closed one and takes up whichever came last. It is begun once:
// after that the last session begun here is open, and the two sides settle on one as `speaking_session` says.
pub(super) fn add_peer_session(
    tx: &Tx<'_>,
    persona: &PersonaRow,
    contact: ContactId,
    session: &Session,
    bundle: &Bundle,
    stale: bool,
    at: &Moment,
) -> Result<SessionId, StoreError> {
    let before = tx.contact(contact)?;
    let known = before.as_ref().map_or(Timestamp(0), |row| row.bundle_version);
    // What this home lacks after a restore, only a handshake from here says.
    let to_tell = before.is_some_and(|row| row.kept_until.is_some() && row.current.is_none());
    keep_bundle(tx, contact, bundle, at.now)?;
    let id = tx.add_session(
        &NewSession {
            contact,
            persona: persona.id,
            relay: bundle.relay().id,
            own_relay: persona.relay,
            state: &pack(session)?,
            wanted: &wanted(session),
            stale,
            initiator: false,
            ack_due_at: if stale { None } else { at.ack_due(true) },
            deposit: None,
        },
        at.now,
    )?;
    tx.heard(id, true, at.active_until(), at.now)?;
    // A handshake that was held back may belong to a session that the peer has left: it is read, but not used.
    let old = bundle.version() < known;
    if stale || to_tell || tx.last_begun_is_stale(contact)? {
        tx.ask_to_rejoin(contact, waits::after(at.times.waits.contact, at.now))?;
    } else if !old || tx.contact(contact)?.is_none_or(|row| row.current.is_none()) {
        tx.set_current_session(contact, Some(id))?;
    }
    tx.bound_sessions(contact, MOST_READ)?;
    Ok(id)
}

#[cfg(test)]
mod tests {
    use bauta_protocol::digest::set::Tag;
    use bauta_protocol::id::BoxId;

    use super::*;

    #[test]
    fn a_gap_is_seen_from_what_is_wanted() {
        let wanted = |indices: &[u64]| -> Vec<Wanted> {
            indices
                .iter()
                .map(|index| Wanted { index: *index, id: BoxId([0; 32]), tag: Tag([0; 8]) })
                .collect()
        };
        assert!(!has_gap(&wanted(&[4, 5, 6, 7, 8, 9, 10, 11])));
        assert!(has_gap(&wanted(&[4, 6, 7, 8, 9, 10, 11])));
        assert!(has_gap(&wanted(&[4])));
        assert!(!has_gap(&[]));
    }
}
