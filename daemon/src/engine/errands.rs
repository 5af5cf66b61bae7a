//! Errands that name a persona or ask for what is not a box: when they go.
//!
//! A relay that sees a name and a lane soon after each other joins them. So none of these follows at once from something
//! that a relay can see or cause: each waits for a random time, drawn when it became due and kept in the store.

use std::time::Duration;

use bauta_protocol::id::RelayId;
use bauta_protocol::time::Timestamp;

use super::bundle::{fresh_prekeys, new_prekeys};
use super::peer::Moment;
use super::terms::terms;
use super::waits::{self, CUT};
use super::{DAY, announce, greet};
use crate::store::{Change, PersonaId, PersonaRow, PrekeysRow, ROLLED_BACK_AT, StoreError, Tx};

/// A bundle is replaced from its third day on.
const OLD_KEYS: Duration = DAY.saturating_mul(2);

/// With less than this left a bundle is replaced soon.
const LITTLE_LEFT: Duration = DAY.saturating_mul(2);

/// Whether a bundle is to be published, and how soon.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Need {
    No,
    Some,
    Soon,
}

fn need(tx: &Tx<'_>, persona: PersonaId, now: Timestamp) -> Result<Need, StoreError> {
    let Some(published) = tx.published_prekeys(persona)? else { return Ok(Need::Soon) };
    // An old copy that was put back lacks the keys of later bundles, which contacts may hold.
    let rolled_back = tx.meta_u64(ROLLED_BACK_AT)?.is_some_and(|at| published.made_at.0 < at);
    Ok(match (published.expires_at.since(now), now.since(published.version)) {
        _ if rolled_back => Need::Soon,
        (left, _) if left < LITTLE_LEFT => Need::Soon,
        (_, age) if age >= OLD_KEYS => Need::Some,
        _ => Need::No,
    })
}

/// Counts down the time online until a persona's bundle is published; makes its keys when that time has come.
pub(super) fn count_down(
    tx: &Tx<'_>,
    persona: PersonaId,
    online: Duration,
    at: &Moment,
) -> Result<(), StoreError> {
    let waits = at.times.waits;
    let left = tx.publish_wait(persona)?;
    if left.is_some_and(|left| left.is_zero()) {
        return Ok(());
    }
    let left = match (need(tx, persona, at.now)?, left) {
        (Need::No, _) => return tx.set_publish_wait(persona, None),
        (Need::Some, None) => waits::wait(waits.publish),
        (Need::Soon, None) => waits::wait(waits.publish_soon),
        // Drawn when there was more time.
        (Need::Soon, Some(left)) if left > waits.publish_soon.mul_f64(CUT) => waits::wait(waits.publish_soon),
        (_, Some(left)) => left.saturating_sub(online),
    };
    if left.is_zero() {
        fresh_prekeys(tx, &tx.persona(persona)?, at.now)?;
    }
    tx.set_publish_wait(persona, Some(left))
}

/// Makes new keys that go out with the next tick, because the user asks for it.
pub(crate) fn publish_now(
    tx: &Tx<'_>,
    persona: &PersonaRow,
    now: Timestamp,
) -> Result<PrekeysRow, StoreError> {
    let made = new_prekeys(tx, persona, now)?;
    tx.set_publish_wait(persona.id, Some(Duration::ZERO))?;
    Ok(made)
}

/// The keys whose bundle is to be published now.
pub(super) fn due_publication(
    tx: &Tx<'_>,
    persona: PersonaId,
    at: &Moment,
) -> Result<Option<PrekeysRow>, StoreError> {
    match tx.publish_wait(persona)? {
        Some(left) if left.is_zero() => tx.newest_prekeys(persona, at.now),
        _ => Ok(None),
    }
}

/// The relay refused a bundle as older than one that it has: this machine's clock was set back, another home has the
/// persona, or the relay does not say the truth. New keys are made once a day at most, because each publication
/// names the persona, and a relay could ask for one after the other.
pub(super) fn refused_as_stale(tx: &Tx<'_>, persona: PersonaId, at: &Moment) -> Result<(), StoreError> {
    let newest = tx.newest_prekeys(persona, at.now)?;
    if newest.is_none_or(|newest| at.now.since(newest.made_at) >= DAY || at.now < newest.made_at) {
        new_prekeys(tx, &tx.persona(persona)?, at.now)?;
    }
    publish_later(tx, persona, at)
}

/// A publication failed: it is tried again, as if it had just become urgent.
pub(super) fn publish_later(tx: &Tx<'_>, persona: PersonaId, at: &Moment) -> Result<(), StoreError> {
    // Zero means now.
    let left = waits::wait(at.times.waits.publish_soon).max(Duration::from_millis(1));
    tx.set_publish_wait(persona, Some(left))
}

/// Relays of a persona to ask for their descriptor now. Where the last one holds, that is some hours after there may be
/// a new one; a relay that cannot be used without it is asked after minutes, and the persona's own at once.
pub(super) fn to_describe(tx: &Tx<'_>, persona: PersonaId, at: &Moment) -> Result<Vec<RelayId>, StoreError> {
    let own = tx.persona(persona)?.relay;
    let mut due = Vec::new();
    for relay in tx.relays_of(persona)? {
        let caught = tx.relay(persona, relay)?.is_none_or(|row| row.equivocated);
        if caught || tx.descriptor_of(persona, relay, at.now.day())?.is_some() {
            continue;
        }
        let usable = terms(tx, persona, relay, at.now)?.is_some();
        let mean = if usable { at.times.waits.describe } else { at.times.waits.contact };
        match tx.describe_at(persona, relay)? {
            // A time that was drawn when there was more of it, or by a clock that was ahead, is not waited for.
            Some(then) if then > at.now && then.since(at.now) <= mean.mul_f64(CUT) => {}
            Some(then) if then <= at.now => due.push(relay),
            // The first time is the user's own doing, and an own relay that cannot be used stops everything.
            _ if !usable && (relay == own || tx.latest_descriptor(persona, relay)?.is_none()) => {
                due.push(relay)
            }
            _ => tx.set_describe_at(persona, relay, Some(waits::after(mean, at.now)))?,
        }
    }
    Ok(due)
}

/// When the bundle of a contact who was just added is fetched.
pub(crate) fn first_contact_at(at: &Moment) -> Timestamp {
    waits::after(at.times.waits.contact, at.now)
}

/// Conversations that all begin again, because an old copy was put back or a backup restored, do so one by one.
pub(crate) fn spread_rejoins(tx: &Tx<'_>, at: &Moment) -> Result<(), StoreError> {
    for contact in tx.hasty_rejoins()? {
        // A restored home did nothing yet that a relay could compare with what follows.
        let is_new = tx.contact(contact)?.is_some_and(|row| row.kept_until.is_some());
        let waits = at.times.waits;
        let mean = if is_new { waits.contact.saturating_mul(5) } else { waits.rejoin };
        tx.ask_to_rejoin(contact, waits::after(mean, at.now))?;
    }
    Ok(())
}

/// What needs no exchange: handshakes that were held, conversations that fell silent.
pub(super) fn look_after(tx: &Tx<'_>, persona: PersonaId, at: &Moment) -> Result<(), StoreError> {
    let before = at.now.minus(at.times.waits.handshake_gap);
    for sealed in tx.release_handshakes(persona, before)? {
        greet::take_sealed(tx, &tx.persona(persona)?, &sealed, 0, at)?;
    }
    if at.trusted {
        // The peer has stopped to take what we send, although it did: one of the two was set back to an old copy, whose
        // boxes are gone, so that no relay can show a conflict. Or they are away: then the present session still serves,
        // so it is left open. Silence of a session that was never answered is no sign.
        for session in tx.silent_sessions(persona, at.now.minus(at.times.silence_after))? {
            if let Some(row) = tx.session(session)? {
                tx.ask_to_rejoin_beside(row.contact, waits::after(at.times.waits.rejoin, at.now))?;
                tx.note_restart(row.contact, at.now)?;
                announce::contact_changed(tx, row.contact, Change::Restarted, at.now)?;
            }
        }
    }
    Ok(())
}
