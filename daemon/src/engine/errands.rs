//! Errands that name a persona or ask for what is not a box: when they go.
//!
//! A relay that sees a name and a lane soon after each other joins them. So none of these follows at once from something
//! that a relay can see or cause: each waits for a random time, drawn when it became due and kept in the store.

use std::time::Duration;

use bauta_protocol::id::RelayId;
use bauta_protocol::time::Timestamp;

use super::bundle::{fresh_prekeys, new_prekeys};
use super::peer::{Moment, give_up};
use super::terms::terms;
use super::{DAY, greet};
use crate::random;
use crate::store::{PersonaId, PersonaRow, PrekeysRow, ROLLED_BACK_AT, StoreError, Tx};

/// A wait is at most this many means, so that a user can be told how long something takes at most.
const CUT: f64 = 3.0;

/// A bundle is replaced from its third day on.
const OLD_KEYS: Duration = DAY.saturating_mul(2);

/// With less than this left a bundle is replaced soon.
const LITTLE_LEFT: Duration = DAY.saturating_mul(2);

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

/// The mean waits of errands; each wait is exponential and at most three times as long. They are the same for everybody:
/// others would be a fingerprint.
#[derive(Clone, Copy, Debug)]
pub struct Waits {
    /// Of time online, from the third day of a bundle until it is replaced.
    pub publish: Duration,
    /// The same when less than two days of it are left, or nothing is published.
    pub publish_soon: Duration,
    /// Before a contact's bundle is fetched, and again before the handshake is left.
    pub contact: Duration,
    /// Before a conversation that broke is begun again.
    pub rejoin: Duration,
    /// Before a new descriptor is fetched.
    pub describe: Duration,
    /// Before a relay is asked for the box that it says is in the way.
    pub dispute: Duration,
    /// Before what failed is done again, for the first time; four times as long each further time, up to a day.
    pub retry: Duration,
    /// Between two handshakes of one contact; not random.
    pub handshake_gap: Duration,
    /// Between two looks whether the bundle is due.
    pub check: Duration,
    /// The longest search for work; not random, and not shortened.
    pub work: Duration,
}

impl Waits {
    /// The waits of everybody, so many times shorter.
    pub fn shortened(by: u32) -> Self {
        let by = by.max(1);
        Self {
            publish: HOUR * 4 / by,
            publish_soon: MINUTE * 20 / by,
            contact: MINUTE * 2 / by,
            rejoin: HOUR * 2 / by,
            describe: HOUR * 6 / by,
            dispute: MINUTE / by,
            retry: MINUTE / by,
            handshake_gap: MINUTE * 10 / by,
            check: MINUTE / by,
            work: MINUTE * 10,
        }
    }

    /// Before attempt `attempts` + 1 of something that failed.
    pub(super) fn again(&self, attempts: u32) -> Duration {
        // Four to the sixth minutes are more than a day.
        let longest = self.retry.saturating_mul(24 * 60);
        super::backoff::spread(self.retry.saturating_mul(1 << (2 * attempts.min(6))).min(longest))
    }
}

/// An exponential wait of this mean, cut at three times the mean.
pub(super) fn wait(mean: Duration) -> Duration {
    let below_cut = random::uniform() * (1.0 - (-CUT).exp());
    mean.mul_f64((-(1.0 - below_cut).ln()).clamp(0.0, CUT))
}

/// The moment after such a wait.
pub(super) fn after(mean: Duration, at: &Moment) -> Timestamp {
    at.now.plus(wait(mean))
}

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
        (Need::Some, None) => wait(waits.publish),
        (Need::Soon, None) => wait(waits.publish_soon),
        // Drawn when there was more time.
        (Need::Soon, Some(left)) if left > waits.publish_soon.mul_f64(CUT) => wait(waits.publish_soon),
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
    let left = wait(at.times.waits.publish_soon).max(Duration::from_millis(1));
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
            _ => tx.set_describe_at(persona, relay, Some(after(mean, at)))?,
        }
    }
    Ok(due)
}

/// When the bundle of a contact who was just added is fetched.
pub(crate) fn first_contact_at(at: &Moment) -> Timestamp {
    after(at.times.waits.contact, at)
}

/// Conversations that all begin again, because an old copy was put back, do so one by one.
pub(crate) fn spread_rejoins(tx: &Tx<'_>, at: &Moment) -> Result<(), StoreError> {
    for contact in tx.hasty_rejoins()? {
        tx.ask_to_rejoin(contact, after(at.times.waits.rejoin, at))?;
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
        // The peer has stopped to take what we send, although it did: one of the two was set back to an old copy whose
        // boxes are gone, so that no relay can show a conflict. Silence of a session that was never answered is no sign.
        for session in tx.silent_sessions(persona, at.now.minus(at.times.silence_after))? {
            if let Some(row) = tx.session(session)? {
                give_up(tx, &row, at)?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_have_their_mean_and_never_pass_the_cut() {
        let mean = MINUTE;
        let all: Vec<Duration> = (0..4000).map(|_| wait(mean)).collect();
        assert!(all.iter().all(|one| *one <= mean * 3));
        // Cutting at three means takes 16 % off the mean.
        let found = all.iter().sum::<Duration>().as_secs_f64() / 4000.0 / mean.as_secs_f64();
        assert!((0.78..0.90).contains(&found), "{found}");
    }

    #[test]
    fn what_fails_is_done_again_ever_less_often_and_at_least_daily() {
        let waits = Waits::shortened(1);
        for attempts in 0..20 {
            let again = waits.again(attempts);
            assert!(again >= MINUTE * 4_u32.pow(attempts.min(5)) && again <= DAY.mul_f64(1.5), "{attempts}");
        }
        assert!(waits.contact * 6 <= MINUTE * 12 && waits.work > MINUTE, "as the user is told");
    }
}
