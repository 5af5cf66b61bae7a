//! Time as the protocol sees it: milliseconds and days since the Unix epoch, UTC, without leap seconds.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

const MS_PER_DAY: u64 = 24 * 60 * 60 * 1000;

/// A source of the present time. Everything takes the time from one, so that tests can set it.
pub trait Clock: Send + Sync + 'static {
    /// The present time.
    fn now(&self) -> Timestamp;
}

/// Milliseconds since the Unix epoch, UTC.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// The UTC day of this moment.
    pub fn day(self) -> Day {
        Day(u32::try_from(self.0 / MS_PER_DAY).unwrap_or(u32::MAX))
    }

    /// This moment and `duration` later, saturating; parts of a millisecond are dropped.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        let ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(ms))
    }

    /// `duration` before this moment, not before 1970; parts of a millisecond are dropped.
    #[must_use]
    pub fn minus(self, duration: Duration) -> Self {
        let ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        Self(self.0.saturating_sub(ms))
    }

    /// The time from `earlier` to this moment; zero when `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

/// Days since the Unix epoch, UTC.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct Day(pub u32);

impl Day {
    /// The first millisecond of this day.
    pub fn start(self) -> Timestamp {
        Timestamp(u64::from(self.0) * MS_PER_DAY)
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_differences() {
        assert_eq!(Timestamp(0).day(), Day(0));
        assert_eq!(Timestamp(MS_PER_DAY - 1).day(), Day(0));
        assert_eq!(Timestamp(MS_PER_DAY).day(), Day(1));
        assert_eq!(Day(20_000).start().day(), Day(20_000));
        assert_eq!(Timestamp(5).since(Timestamp(9)), Duration::ZERO);
        assert_eq!(Timestamp(9).since(Timestamp(5)), Duration::from_millis(4));
        assert_eq!(Timestamp(u64::MAX).plus(Duration::from_secs(1)), Timestamp(u64::MAX));
        assert_eq!(Timestamp(9).minus(Duration::from_millis(4)), Timestamp(5));
        assert_eq!(Timestamp(9).minus(Duration::MAX), Timestamp(0));
        assert_eq!(Timestamp(u64::MAX).day(), Day(u32::MAX));
    }
}
