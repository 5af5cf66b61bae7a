//! Waits of minutes and hours: before what names somebody, and after what failed.

use std::time::Duration;

use bauta_protocol::time::Timestamp;

use super::backoff::spread;
use crate::random;

/// A wait is at most this many means, so that a user can be told how long something takes at most.
pub(super) const CUT: f64 = 3.0;

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
        spread(self.retry.saturating_mul(1 << (2 * attempts.min(6))).min(longest))
    }
}

/// An exponential wait of this mean, cut at three times the mean.
pub(super) fn wait(mean: Duration) -> Duration {
    let below_cut = random::uniform() * (1.0 - (-CUT).exp());
    mean.mul_f64((-(1.0 - below_cut).ln()).clamp(0.0, CUT))
}

/// The moment after such a wait.
pub(super) fn after(mean: Duration, now: Timestamp) -> Timestamp {
    now.plus(wait(mean))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::DAY;

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
