//! Which epoch it is.

use std::time::Duration;

use time::OffsetDateTime;

use crate::Epochs;

/// The present time.
#[expect(clippy::disallowed_methods, reason = "this is the one place that reads the machine's clock")]
pub(crate) fn now() -> OffsetDateTime {
    OffsetDateTime::now_utc()
}

/// One epoch of the network's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Epoch {
    pub(crate) id: u32,
    pub(crate) started: OffsetDateTime,
}

impl Epoch {
    /// The first epoch of a network. Rotation 0 would mean "unknown" in packet headers, so it is skipped.
    pub(crate) fn first(epochs: Epochs, now: OffsetDateTime) -> Self {
        Epoch { id: epochs.per_rotation, started: now }
    }

    pub(crate) fn rotation(self, epochs: Epochs) -> u32 {
        self.id / epochs.per_rotation
    }

    /// The epoch that begins the next rotation, now.
    pub(crate) fn next_rotation(self, epochs: Epochs, now: OffsetDateTime) -> Self {
        let id = (self.rotation(epochs).saturating_add(1)).saturating_mul(epochs.per_rotation);
        Epoch { id, started: now }
    }

    /// The epoch that the clock shows `now`.
    pub(crate) fn at(self, epochs: Epochs, now: OffsetDateTime) -> Self {
        let since = Duration::try_from(now - self.started).unwrap_or_default();
        let passed = since.as_nanos() / epochs.duration.as_nanos().max(1);
        let passed = u32::try_from(passed).unwrap_or(u32::MAX);
        Epoch {
            id: self.id.saturating_add(passed),
            started: self.started + epochs.duration.saturating_mul(passed),
        }
    }

    /// How long until the next epoch.
    pub(crate) fn remaining(self, epochs: Epochs, now: OffsetDateTime) -> Duration {
        Duration::try_from(self.started + epochs.duration - now).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EPOCHS: Epochs = Epochs { duration: Duration::from_secs(10), per_rotation: 4, automatic: true };

    #[test]
    fn the_clock_makes_epochs_and_epochs_make_rotations() {
        let start = OffsetDateTime::UNIX_EPOCH;
        let first = Epoch::first(EPOCHS, start);
        assert_eq!((first.id, first.rotation(EPOCHS)), (4, 1));
        assert_eq!(first.at(EPOCHS, start + Duration::from_secs(9)), first);
        let fifth = first.at(EPOCHS, start + Duration::from_secs(49));
        assert_eq!((fifth.id, fifth.rotation(EPOCHS)), (8, 2));
        assert_eq!(fifth.started, start + Duration::from_secs(40));
        assert_eq!(fifth.remaining(EPOCHS, start + Duration::from_secs(49)).as_secs(), 1);
        assert_eq!(first.at(EPOCHS, start - Duration::from_secs(99)), first, "clocks go back too");
    }

    #[test]
    fn a_rotation_on_demand_begins_a_rotation() {
        let start = OffsetDateTime::UNIX_EPOCH;
        let middle = Epoch { id: 6, started: start };
        let next = middle.next_rotation(EPOCHS, start + Duration::from_secs(3));
        assert_eq!((next.id, next.rotation(EPOCHS)), (8, 2));
        assert_eq!(next.started, start + Duration::from_secs(3));
    }
}
