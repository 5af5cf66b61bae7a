//! Which exit to use. Pure: time, candidates and randomness are passed in.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use nym_sdk::mixnet::Recipient;
use rand::Rng;
use rand::seq::SliceRandom as _;
use tokio::time::Instant;

/// An exit that failed once is tried last for this long, ...
const FIRST_PAUSE: Duration = Duration::from_secs(60);
/// ... and after each further failure for twice as long, up to this.
const LONGEST_PAUSE: Duration = Duration::from_secs(3600);
/// How many failures are remembered.
const MOST_REMEMBERED: usize = 4096;

/// What is known about the exits. One that works is kept: the fewer exits see what is asked for, the better.
#[derive(Default)]
pub(super) struct Choice {
    in_use: Option<Key>,
    failures: HashMap<Key, Failures>,
}

use super::in_use::Key;

#[derive(Clone, Copy)]
struct Failures {
    count: u32,
    until: Instant,
}

impl Choice {
    /// The candidates, best first: the one in use, those that did not fail, those that did. `others`, which somebody else
    /// uses, come after all but the failed.
    ///
    /// Exits behind `entry`, the gateway through which we enter, come after others:
    /// that gateway would see both ends. `ranked` candidates are otherwise kept in their order, others shuffled.
    pub(super) fn order<R: Rng>(
        &self,
        now: Instant,
        mut candidates: Vec<Recipient>,
        ranked: bool,
        entry: &str,
        others: &HashSet<Key>,
        rng: &mut R,
    ) -> Vec<Recipient> {
        if !ranked {
            candidates.shuffle(rng);
        }
        candidates.sort_by_cached_key(|exit| {
            let key = exit.to_bytes();
            let failing = self.failures.get(&key).filter(|failures| failures.until > now);
            let pause = failing.map(|failures| failures.until - now);
            let both_ends = exit.gateway().to_base58_string() == entry;
            (pause, others.contains(&key), self.in_use != Some(key), both_ends)
        });
        candidates
    }

    /// This exit is tried: what is begun meanwhile goes through it, too.
    pub(super) fn chosen(&mut self, exit: &Recipient) {
        self.in_use = Some(exit.to_bytes());
    }

    /// This exit answered.
    pub(super) fn worked(&mut self, exit: &Recipient) {
        self.failures.remove(&exit.to_bytes());
        self.in_use = Some(exit.to_bytes());
    }

    /// This exit did not answer.
    pub(super) fn failed(&mut self, exit: &Recipient, now: Instant) {
        let key = exit.to_bytes();
        if self.in_use == Some(key) {
            self.in_use = None;
        }
        if self.failures.len() >= MOST_REMEMBERED {
            self.failures.retain(|_, failures| failures.until > now);
        }
        if self.failures.len() >= MOST_REMEMBERED {
            return;
        }
        let failures = self.failures.entry(key).or_insert(Failures { count: 0, until: now });
        let doublings = failures.count.min(16);
        failures.count = failures.count.saturating_add(1);
        failures.until = now + FIRST_PAUSE.saturating_mul(1 << doublings).min(LONGEST_PAUSE);
    }
}

#[cfg(test)]
mod tests {
    use nym_sdk::mixnet::{ed25519, x25519};
    use rand::rngs::StdRng;
    use rand::{RngCore as _, SeedableRng as _};

    use super::*;

    fn exits(count: usize) -> Vec<Recipient> {
        let mut rng = StdRng::seed_from_u64(1);
        let mut key = || {
            let mut secret = [0; 32];
            rng.fill_bytes(&mut secret);
            secret
        };
        (0..count)
            .map(|_| {
                let identity =
                    |secret: [u8; 32]| ed25519::PrivateKey::from_bytes(&secret).unwrap().public_key();
                let encryption = x25519::PrivateKey::from_secret(key());
                Recipient::new(identity(key()), encryption.public_key(), identity(key()))
            })
            .collect()
    }

    #[test]
    fn one_that_works_is_kept_and_one_that_fails_is_left() {
        let (exits, now, mut rng) = (exits(4), Instant::now(), StdRng::seed_from_u64(2));
        let mut choice = Choice::default();
        let mut order = |choice: &Choice, after: u64| {
            choice.order(now + Duration::from_secs(after), exits.clone(), true, "", &HashSet::new(), &mut rng)
        };
        assert!(order(&choice, 0) == exits);
        choice.chosen(&exits[2]);
        assert!(order(&choice, 0)[0] == exits[2]);
        choice.worked(&exits[2]);
        assert!(order(&choice, 0)[0] == exits[2]);
        choice.failed(&exits[2], now);
        assert!(order(&choice, 1)[0] == exits[0]);
        assert!(order(&choice, 1)[3] == exits[2]);
        assert!(order(&choice, 61)[2] == exits[2], "it may be tried again");
        choice.failed(&exits[2], now);
        assert!(order(&choice, 61)[3] == exits[2], "the second pause is longer");
        choice.worked(&exits[2]);
        assert!(order(&choice, 61)[0] == exits[2]);
    }

    #[test]
    fn while_all_fail_the_one_due_first_comes_first() {
        let (exits, now, mut rng) = (exits(3), Instant::now(), StdRng::seed_from_u64(3));
        let mut choice = Choice::default();
        for (seconds, exit) in [(2, 0), (0, 1), (1, 2)] {
            choice.failed(&exits[exit], now + Duration::from_secs(seconds));
        }
        let at = now + Duration::from_secs(5);
        let order = choice.order(at, exits.clone(), false, "", &HashSet::new(), &mut rng);
        assert!(order == [exits[1], exits[2], exits[0]]);
    }

    #[test]
    fn an_exit_at_our_own_gateway_comes_after_others() {
        let (exits, mut rng) = (exits(5), StdRng::seed_from_u64(4));
        let entry = exits[1].gateway().to_base58_string();
        for _ in 0..20 {
            let (now, none) = (Instant::now(), HashSet::new());
            let order = Choice::default().order(now, exits.clone(), false, &entry, &none, &mut rng);
            assert!(order.len() == 5 && order[4] == exits[1]);
        }
    }

    #[test]
    fn an_exit_of_somebody_else_comes_after_others_and_before_those_that_fail() {
        let (exits, now, mut rng) = (exits(3), Instant::now(), StdRng::seed_from_u64(5));
        let mut choice = Choice::default();
        choice.failed(&exits[0], now);
        let others = HashSet::from([exits[1].to_bytes()]);
        for ranked in [true, false] {
            let order = choice.order(now, exits.clone(), ranked, "", &others, &mut rng);
            assert!(order == [exits[2], exits[1], exits[0]]);
        }
    }

    #[test]
    fn memory_is_bounded() {
        let now = Instant::now();
        let mut choice = Choice::default();
        let exit = exits(1)[0];
        for _ in 0..100 {
            choice.failed(&exit, now);
        }
        assert_eq!(choice.failures.len(), 1);
        assert!(choice.failures.values().all(|failures| failures.until - now <= LONGEST_PAUSE));
    }
}
