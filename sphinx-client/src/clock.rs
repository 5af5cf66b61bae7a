//! The time of this machine, and a Poisson clock: a persona acts when it ticks, and not because something came in.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bauta_protocol::time::{Clock, Timestamp};
use rand::Rng as _;
use rand::rngs::OsRng;
use tokio::time::{Instant, sleep_until};

/// A gap longer than this many means is cut. The chance of one is 2 in a billion.
const LONGEST_GAP_IN_MEANS: f64 = 20.0;
/// Wall and monotonic clock differ by this much between two looks only after a suspend or a change of the clock.
const JUMP: Duration = Duration::from_secs(10);

/// The clock of this machine. Whatever decides by the time takes a [`Clock`], so that tests can set it.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the machine's clock")]
    fn now(&self) -> Timestamp {
        // A clock before 1970 counts as 1970: every check of a day or an expiry fails then, and nothing is lost.
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }
}

/// The present time as the SDK writes it.
#[expect(clippy::disallowed_methods, reason = "the SDK compares with this clock itself")]
pub(crate) fn sdk_now() -> time::OffsetDateTime {
    time::OffsetDateTime::now_utc()
}

/// A clock whose ticks are a Poisson process: gaps are exponential and independent of everything.
///
/// A tick that is awaited late does not shift the ones after it, and ticks that were missed are skipped.
#[derive(Debug)]
pub struct PoissonClock {
    mean: Duration,
    next: Option<Instant>,
}

impl PoissonClock {
    /// A clock with this mean gap.
    pub fn new(mean: Duration) -> Self {
        Self { mean, next: None }
    }

    /// Waits for the next tick. Cancel safe: the tick stays due.
    pub async fn tick(&mut self) {
        let due = match self.next {
            Some(due) => due,
            None => {
                let due = Instant::now() + self.gap();
                self.next = Some(due);
                due
            }
        };
        sleep_until(due).await;
        // A Poisson process has no memory, so after a long pause it can simply start again from now.
        self.next = Some(due.max(Instant::now() - self.mean) + self.gap());
    }

    /// The mean gap.
    pub fn mean(&self) -> Duration {
        self.mean
    }

    fn gap(&self) -> Duration {
        exponential_gap(self.mean, OsRng.r#gen::<f64>())
    }
}

/// The gap that belongs to `uniform` in [0, 1) under an exponential distribution with this mean.
///
/// Inverse transform sampling (Devroye, "Non-Uniform Random Variate Generation", 1986, II.2).
pub fn exponential_gap(mean: Duration, uniform: f64) -> Duration {
    let uniform = if uniform.is_nan() { 0.5 } else { uniform.clamp(0.0, 1.0) };
    let means = (-(1.0 - uniform).ln()).clamp(0.0, LONGEST_GAP_IN_MEANS);
    mean.mul_f64(means)
}

/// Notices a suspend: the wall clock continued while the monotonic clock did not.
pub(crate) struct JumpDetector {
    monotonic: std::time::Instant,
    wall: Timestamp,
}

impl JumpDetector {
    pub(crate) fn new() -> Self {
        Self { monotonic: std::time::Instant::now(), wall: SystemClock.now() }
    }

    pub(crate) fn jumped(&mut self) -> bool {
        self.jumped_at(std::time::Instant::now(), SystemClock.now())
    }

    fn jumped_at(&mut self, monotonic: std::time::Instant, wall: Timestamp) -> bool {
        let passed = monotonic.saturating_duration_since(self.monotonic);
        // One of the two is zero: the clock went on, or it was set back.
        let (shown, back) = (wall.since(self.wall), self.wall.since(wall));
        (self.monotonic, self.wall) = (monotonic, wall);
        if back.is_zero() { shown.abs_diff(passed) >= JUMP } else { back + passed >= JUMP }
    }
}

/// `base` plus or minus up to a quarter, so that repeated actions of many clients do not coincide.
pub(crate) fn jittered(base: Duration) -> Duration {
    base.mul_f64(OsRng.gen_range(0.75..1.25))
}

/// An exponential wait of this mean, cut at three times the mean.
pub(crate) fn wait(mean: Duration) -> Duration {
    exponential_gap(mean, OsRng.r#gen::<f64>() * (1.0 - (-3.0_f64).exp()))
}

/// A random duration up to `most`.
pub(crate) fn up_to(most: Duration) -> Duration {
    most.mul_f64(OsRng.r#gen::<f64>())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MEAN: Duration = Duration::from_secs(1);
    const SECOND: Duration = Duration::from_secs(1);

    fn gaps(n: usize) -> Vec<f64> {
        (0..n).map(|_| exponential_gap(MEAN, OsRng.r#gen::<f64>()).as_secs_f64()).collect()
    }

    #[test]
    fn the_mean_and_the_deviation_are_those_of_an_exponential() {
        let gaps = gaps(200_000);
        let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
        let variance = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / gaps.len() as f64;
        // Six standard errors: 1/sqrt(200 000) is 0.0022 for the mean, about 0.0063 for the variance.
        assert!((mean - 1.0).abs() < 0.014, "{mean}");
        assert!((variance - 1.0).abs() < 0.04, "{variance}");
    }

    #[test]
    fn the_past_says_nothing_about_the_rest_of_a_gap() {
        let gaps = gaps(200_000);
        let over = |t: f64| gaps.iter().filter(|gap| **gap > t).count() as f64 / gaps.len() as f64;
        for (waited, more) in [(0.5, 0.5), (1.0, 1.0), (2.0, 0.7)] {
            let given = over(waited + more) / over(waited);
            assert!((given - over(more)).abs() < 0.025, "{waited} {more}");
        }
    }

    #[test]
    fn a_suspend_is_noticed_and_ordinary_time_is_not() {
        let (t, w) = (std::time::Instant::now(), SystemClock.now());
        let mut clocks = JumpDetector { monotonic: t, wall: w };
        assert!(!clocks.jumped_at(t + SECOND, w.plus(SECOND)));
        assert!(clocks.jumped_at(t + 2 * SECOND, w.plus(3600 * SECOND)), "suspended for an hour");
        assert!(!clocks.jumped_at(t + 3 * SECOND, w.plus(3601 * SECOND)));
        assert!(clocks.jumped_at(t + 4 * SECOND, w), "the clock was set back");
        assert!(!clocks.jumped_at(t + 5 * SECOND, w.plus(2 * SECOND)), "a small correction");
        assert!(!clocks.jumped_at(t + 600 * SECOND, w.plus(597 * SECOND)), "a busy machine looks late");
    }

    proptest! {
        #[test]
        fn a_gap_is_never_negative_nor_endless(uniform in any::<f64>(), ms in 0u64..10_000_000) {
            let mean = Duration::from_millis(ms);
            let gap = exponential_gap(mean, uniform);
            prop_assert!(gap <= mean * 20 + Duration::from_nanos(20));
        }

        #[test]
        fn a_gap_grows_with_its_uniform(a in 0.0f64..1.0, b in 0.0f64..1.0) {
            let (low, high) = if a < b { (a, b) } else { (b, a) };
            prop_assert!(exponential_gap(MEAN, low) <= exponential_gap(MEAN, high));
        }

        #[test]
        fn jitter_stays_within_a_quarter(ms in 1u64..1_000_000) {
            let base = Duration::from_millis(ms);
            let shaken = jittered(base);
            prop_assert!(shaken >= base.mul_f64(0.749) && shaken <= base.mul_f64(1.251));
            prop_assert!(up_to(base) <= base);
            prop_assert!(wait(base) <= base.mul_f64(3.001));
        }
    }

    #[tokio::test]
    async fn the_clock_ticks_at_its_mean() {
        let mut clock = PoissonClock::new(Duration::from_millis(10));
        let start = Instant::now();
        for _ in 0..200 {
            clock.tick().await;
        }
        let mean = start.elapsed().as_secs_f64() / 200.0;
        // Five standard errors below; above, a busy machine wakes late.
        assert!(mean > 0.0065 && mean < 0.03, "{mean}");
    }
}
