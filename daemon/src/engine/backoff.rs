//! How long to wait after a failure.

use std::time::Duration;

/// Doublings at most: with a base of 8 s the longest wait is about 8 minutes.
const MOST_DOUBLINGS: u32 = 6;

/// The wait before attempt `attempts` + 1: doubled each time, and up to half as long again at random, so that many
/// waits that began together do not end together.
pub(crate) fn after(base: Duration, attempts: u32) -> Duration {
    spread(base.saturating_mul(1 << attempts.min(MOST_DOUBLINGS)))
}

/// `wait`, or up to half as long again.
pub(super) fn spread(wait: Duration) -> Duration {
    wait.mul_f64(1.0 + crate::random::uniform() / 2.0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn waits_grow_and_stay_bounded(attempts: u32, ms in 1u64..60_000) {
            let base = Duration::from_millis(ms);
            let wait = after(base, attempts);
            prop_assert!(wait >= base);
            prop_assert!(wait <= base * 96 + Duration::from_millis(1));
        }
    }
}
