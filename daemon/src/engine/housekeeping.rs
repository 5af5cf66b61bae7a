//! What has to end, ends: keys, handshakes, sessions, invitations, events.

use bauta_protocol::limits::TTL;
use bauta_protocol::time::{Day, Timestamp};

use super::peer::Moment;
use super::{DAY, announce, descriptors, invite};
use crate::store::{Change, ROLLED_BACK_AT, StoreError, Tx};

/// After this nothing can come over a lane that nobody writes to: the relay keeps no box longer.
const SESSION_KEPT: std::time::Duration = TTL.saturating_add(DAY);

/// How long events are kept.
const EVENTS_KEPT: std::time::Duration = DAY.saturating_mul(30);

/// An invitation that could not be read for this long has ended.
const INVITATION_READ: std::time::Duration = TTL.saturating_add(DAY);

/// Does what is due. Cheap when nothing is; does nothing while the clock is not trusted.
pub(crate) fn tidy(tx: &Tx<'_>, at: &Moment) -> Result<(), StoreError> {
    let now = at.now;
    if !at.trusted {
        return Ok(());
    }
    tx.pull_back_ends(now)?;
    tx.erase_prekeys(now)?;
    for contact in tx.expire_invites(now)? {
        announce::contact_changed(tx, contact, Change::State, now)?;
    }
    for (session, contact) in tx.lapsed_deposits(now)? {
        tx.forget_handshake(session)?;
        // The session is still read, in case the answer is on its way; what waits is sealed in a new one.
        if tx.contact(contact)?.is_some_and(|row| row.current == Some(session)) {
            tx.ask_to_rejoin(contact, now)?;
        }
    }
    for contact in tx.old_guests(before(now, INVITATION_READ))? {
        invite::unusable(tx, contact, at)?;
    }
    tx.retire_sessions(before(now, SESSION_KEPT))?;
    tx.prune_events(before(now, EVENTS_KEPT))?;
    tx.prune_publications(before(now, EVENTS_KEPT))?;
    tx.forget_descriptors_before(Day(now.day().0.saturating_sub(descriptors::KEEP_DAYS)))
}

/// Waits that were drawn while the clock was ahead would last until then: none is longer than a relay keeps a box.
pub(crate) fn pull_back(tx: &Tx<'_>, now: Timestamp) -> Result<(), StoreError> {
    // An old copy that was noticed while the clock was ahead would make all keys until then count as the copy's.
    if tx.meta_u64(ROLLED_BACK_AT)?.is_some_and(|at| at > now.0) {
        tx.set_meta(ROLLED_BACK_AT, &now.0.to_be_bytes())?;
    }
    tx.pull_back_times(now, now.plus(SESSION_KEPT))
}

fn before(now: Timestamp, span: std::time::Duration) -> Timestamp {
    Timestamp(now.0.saturating_sub(u64::try_from(span.as_millis()).unwrap_or(u64::MAX)))
}
