//! What a persona does on the network, and when.
//!
//! One actor per persona owns one mixnet client. All state is in the store: an actor that is killed at any point goes
//! on from there. What follows an answer is committed first and sent later, when the persona's clock ticks.
//!
//! Decisions (`plan`) are pure; the steps of a conversation are functions over one transaction (`send`,
//! `receive`, `greet`, `invite`); the actor alone touches the network.

mod actor;
pub(crate) mod announce;
mod backoff;
mod bundle;
mod conflict;
mod content;
mod descriptors;
mod elsewhere;
mod errands;
mod exchanger;
mod flight;
mod greet;
mod housekeeping;
mod invite;
mod loop_lane;
mod nameless;
mod peer;
mod plan;
mod receive;
mod send;
mod terms;
mod timers;
mod trust;
mod waits;
mod work;

pub use self::exchanger::{Exchanger, Exchangers};
pub use self::waits::Waits;

pub(crate) use self::actor::{Actor, ActorHandle, Shared};
pub(crate) use self::backoff::after;
pub(crate) use self::bundle::{doors as relay_doors, fresh_prekeys, size as relay_size};
pub(crate) use self::content::Letter;
pub(crate) use self::errands::{first_contact_at, publish_now, spread_rejoins};
pub(crate) use self::greet::{accept, forget_held};
pub(crate) use self::housekeeping::{pull_back, tidy};
pub(crate) use self::invite::{answer_invitation, invite};
pub(crate) use self::nameless::Nameless;
pub(crate) use self::peer::{Moment, pack, unpack};
pub(crate) use self::send::{queue_message, wish};
pub(crate) use self::trust::Trust;

use std::time::Duration;

use bauta_sphinx_client::Pace;

/// Attempts to get a contact's bundle before their failure is shown as a problem.
pub(crate) const ATTEMPTS_SHOWN: u32 = 4;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The times of an engine. Apart from the pace they are constants of the protocol; tests shorten them.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// The clocks of the traffic profile.
    pub pace: Pace,
    /// A box without a receipt is put again after this: well before a relay forgets it.
    pub put_again_after: Duration,
    /// What waits for minutes or hours.
    pub waits: Waits,
    /// A message that was stored and not received for this long shows that a session which worked is broken.
    pub silence_after: Duration,
    /// A handshake without an answer is left again after this.
    pub deposit_again_after: Duration,
    /// A missing box is given up after this, when later ones are there.
    pub gap_after: Duration,
    /// The window of a lane stays open for this long after something was received or sent.
    pub active_for: Duration,
}

impl Times {
    /// The times of a traffic profile.
    pub fn of(pace: Pace) -> Self {
        Self {
            pace,
            waits: Waits::shortened(if pace.start_delay_max.is_zero() { 3000 } else { 1 }),
            silence_after: 5 * DAY,
            put_again_after: 14 * DAY,
            deposit_again_after: DAY,
            gap_after: 3 * DAY,
            active_for: Duration::from_secs(120),
        }
    }

    /// How long a receipt waits for company.
    fn ack_delay(&self) -> Duration {
        self.pace.tick_mean * 2
    }
}

#[cfg(test)]
mod tests;
