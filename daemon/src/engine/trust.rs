//! Whether the present time can be trusted enough to delete something because of its age.
//!
//! A machine may start with a clock that is far ahead: an empty battery, a virtual machine, a second system. Whatever
//! ends by its age would end at once: keys that handshakes on their way need, invitations, events. So nothing is deleted by
//! age until a relay has signed a descriptor that is dated as this clock says, be it before this start, or until the daemon
//! has run for a day and its clock went on evenly. A clock that jumps begins from the start.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bauta_protocol::time::{Day, Timestamp};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::DAY;

/// After this long with an even clock it is trusted without a relay.
const EVEN: Duration = DAY;

/// A clock that is further from where it should be has jumped. Suspends for a night are none.
const JUMP: Duration = DAY;

/// What is known of this machine's clock.
pub(crate) struct Trust {
    base: Mutex<Base>,
    confirmed: Notify,
}

struct Base {
    since: Instant,
    wall: Timestamp,
    confirmed: bool,
}

impl Trust {
    pub(crate) fn new(now: Timestamp) -> Self {
        let base = Base { since: Instant::now(), wall: now, confirmed: false };
        Self { base: Mutex::new(base), confirmed: Notify::new() }
    }

    /// A relay has signed a descriptor of that day.
    pub(crate) fn signed(&self, day: Day, now: Timestamp) {
        self.signed_at(day, now, Instant::now());
    }

    fn signed_at(&self, day: Day, now: Timestamp, at: Instant) {
        if day.0.abs_diff(now.day().0) > 1 {
            return;
        }
        let base = Base { since: at, wall: now, confirmed: true };
        let before = std::mem::replace(&mut *self.base.lock().unwrap_or_else(PoisonError::into_inner), base);
        if !before.confirmed {
            self.confirmed.notify_one();
        }
    }

    /// Whether things may end by their age.
    pub(crate) fn holds(&self, now: Timestamp) -> bool {
        self.holds_at(now, Instant::now())
    }

    fn holds_at(&self, now: Timestamp, at: Instant) -> bool {
        let mut base = self.base.lock().unwrap_or_else(PoisonError::into_inner);
        let ran = at.saturating_duration_since(base.since);
        let expected = base.wall.plus(ran);
        if now.since(expected).max(expected.since(now)) > JUMP {
            *base = Base { since: at, wall: now, confirmed: false };
            return false;
        }
        base.confirmed || ran >= EVEN
    }

    /// Waits until a relay has confirmed the time for the first time, or again after a jump.
    pub(crate) async fn confirmed(&self) {
        self.confirmed.notified().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_790_000_000_000);

    #[test]
    fn a_clock_is_trusted_when_a_relay_dates_alike() {
        let (trust, start) = (Trust::new(NOW), Instant::now());
        assert!(!trust.holds_at(NOW, start));
        for day in [NOW.day().0 - 2, NOW.day().0 + 2] {
            trust.signed_at(Day(day), NOW, start);
            assert!(!trust.holds_at(NOW, start));
        }
        trust.signed_at(Day(NOW.day().0 - 1), NOW, start);
        assert!(trust.holds_at(NOW, start));
        let later = start + DAY * 3;
        assert!(trust.holds_at(NOW.plus(DAY * 3), later));
        assert!(!trust.holds_at(NOW.plus(DAY * 400), later), "it jumped");
        assert!(!trust.holds_at(NOW.plus(DAY * 400), later), "and is not trusted a moment later");
        assert!(!trust.holds_at(NOW.plus(DAY * 3), later), "nor when it jumps back");
    }

    #[test]
    fn a_clock_that_runs_evenly_for_a_day_is_trusted_without_a_relay() {
        let (trust, start) = (Trust::new(NOW), Instant::now());
        let half = DAY / 2;
        assert!(!trust.holds_at(NOW.plus(half), start + half));
        assert!(!trust.holds_at(NOW.plus(DAY * 3), start + half), "it jumped, and begins from the start");
        assert!(!trust.holds_at(NOW.plus(DAY * 3 + half), start + DAY));
        assert!(trust.holds_at(NOW.plus(DAY * 4), start + DAY + half));
    }
}
