//! Trials, advantages and their intervals.
//!
//! A trial is one secret fair bit and one guess. The advantage of an attack is 2·P(correct) − 1. Its interval is the exact
//! one of Clopper and Pearson ("The use of confidence or fiducial limits illustrated in the case of the binomial",
//! Biometrika 26, 1934): quantiles of the beta distribution, here from `special` (AS 109 and AS 64). Several attacks on one game share the
//! error by Bonferroni's rule: each interval is made at 1 − 0.05/m.

use std::hash::{DefaultHasher, Hash, Hasher};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde::{Deserialize, Serialize};
use special::{Beta, Error};

/// The chance that an interval misses the truth, before it is shared among attacks.
pub const ERROR: f64 = 0.05;

/// A number with its interval.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
pub struct Estimate {
    /// The point estimate.
    pub value: f64,
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

/// Trials and how many guesses were right.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Tally {
    /// All trials.
    pub trials: u64,
    /// Right guesses.
    pub right: u64,
}

impl Tally {
    /// Counts one guess.
    pub fn count(&mut self, right: bool) {
        self.trials += 1;
        self.right += u64::from(right);
    }

    /// Another tally of the same game.
    pub fn add(&mut self, other: Tally) {
        self.trials += other.trials;
        self.right += other.right;
    }

    /// The chance to be right, where `attacks` were tried in all.
    pub fn proportion(&self, attacks: u32) -> Estimate {
        let (low, high) = clopper_pearson(self.right, self.trials, ERROR / f64::from(attacks.max(1)));
        let value = if self.trials == 0 { 0.5 } else { self.right as f64 / self.trials as f64 };
        Estimate { value, low, high }
    }

    /// The advantage over a coin, where `attacks` were tried in all.
    pub fn advantage(&self, attacks: u32) -> Estimate {
        let p = self.proportion(attacks);
        Estimate { value: 2.0 * p.value - 1.0, low: 2.0 * p.low - 1.0, high: 2.0 * p.high - 1.0 }
    }
}

/// The exact two-sided interval of a proportion, with chance `error` to miss it.
pub fn clopper_pearson(right: u64, trials: u64, error: f64) -> (f64, f64) {
    if trials == 0 {
        return (0.0, 1.0);
    }
    let (k, n) = (right as f64, trials as f64);
    let low = if right == 0 { 0.0 } else { beta_quantile(error / 2.0, k, n - k + 1.0) };
    let high = if right >= trials { 1.0 } else { beta_quantile(1.0 - error / 2.0, k + 1.0, n - k) };
    (low, high)
}

fn beta_quantile(chance: f64, a: f64, b: f64) -> f64 {
    chance.inv_inc_beta(a, b, a.ln_beta(b))
}

/// The standard normal distribution's function.
pub fn phi(x: f64) -> f64 {
    0.5 * (-x / std::f64::consts::SQRT_2).compl_error()
}

/// Its inverse.
pub fn phi_inverse(p: f64) -> f64 {
    std::f64::consts::SQRT_2 * (2.0 * p - 1.0).inv_error()
}

/// What trials are for. Attacks are tuned on other trials than those that are reported.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Use {
    /// To learn densities, trees and thresholds.
    Tuning,
    /// The schedule under test.
    Reported,
    /// The protection switched off.
    Off,
    /// The leak injected on purpose.
    Leak,
    /// Findings over whole populations.
    Finding,
}

/// The random numbers of one trial: independent of every other trial, the same for the same seed.
pub fn rng_of(seed: u64, game: &str, usage: Use, trial: u64) -> StdRng {
    let mut hasher = DefaultHasher::new();
    (seed, game, usage, trial).hash(&mut hasher);
    StdRng::seed_from_u64(hasher.finish())
}

/// The guess that a score means: positive for 1, negative for 0; a tie is decided by a coin.
pub fn guess(score: f64, rng: &mut impl Rng) -> bool {
    match score.partial_cmp(&0.0) {
        Some(std::cmp::Ordering::Greater) => true,
        Some(std::cmp::Ordering::Less) => false,
        _ => rng.r#gen(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(a: f64, b: f64) -> bool {
        (a - b).abs() < 5e-5
    }

    #[test]
    fn intervals_are_those_of_the_tables() {
        // R: binom.test(8, 10), binom.test(0, 10), binom.test(10, 10), binom.test(52, 100).
        for (right, trials, low, high) in [
            (8, 10, 0.44390, 0.97479),
            (0, 10, 0.0, 0.30850),
            (10, 10, 0.69150, 1.0),
            (52, 100, 0.41779, 0.62099),
        ] {
            let (l, h) = clopper_pearson(right, trials, 0.05);
            assert!(close(l, low) && close(h, high), "{right}/{trials}: {l} {h}");
        }
    }

    #[test]
    fn ends_of_an_interval_are_where_the_tail_has_half_the_error() {
        for (right, trials) in [(1, 3), (2000, 4000), (3999, 4000), (15_800, 16_000), (7, 16_000)] {
            let (low, high) = clopper_pearson(right, trials, 0.025);
            let (k, n) = (right as f64, trials as f64);
            // P(X ≥ k) at the lower end and P(X ≤ k) at the upper one, as regularised beta functions.
            assert!(
                (low.inc_beta(k, n - k + 1.0, k.ln_beta(n - k + 1.0)) - 0.0125).abs() < 1e-7,
                "{right}/{trials}"
            );
            assert!(
                (1.0 - high.inc_beta(k + 1.0, n - k, (k + 1.0).ln_beta(n - k)) - 0.0125).abs() < 1e-7,
                "{right}/{trials}"
            );
        }
    }

    #[test]
    fn an_advantage_is_twice_the_chance_less_one() {
        let tally = Tally { trials: 4000, right: 2000 };
        let advantage = tally.advantage(1);
        assert_eq!(advantage.value, 0.0);
        // 4,000 trials bound "none" by 0.05, also for two attacks.
        assert!(advantage.high < 0.05 && tally.advantage(2).high < 0.05);
        assert!(tally.advantage(2).high > advantage.high);
        assert!(Tally { trials: 200, right: 200 }.advantage(1).low > 0.95);
    }

    #[test]
    fn the_normal_distribution_is_that_of_the_tables() {
        assert!(close(phi(1.959_964), 0.975) && close(phi(0.0), 0.5));
        assert!(close(phi_inverse(0.999), 3.090_23) && close(phi_inverse(0.95), 1.644_85));
    }

    #[test]
    fn trials_repeat_by_seed_and_differ_otherwise() {
        let draw = |seed, usage, trial| rng_of(seed, "loop", usage, trial).r#gen::<u64>();
        assert_eq!(draw(1, Use::Off, 7), draw(1, Use::Off, 7));
        assert_ne!(draw(1, Use::Off, 7), draw(1, Use::Reported, 7));
        assert_ne!(draw(1, Use::Off, 7), draw(1, Use::Off, 8));
        assert_ne!(draw(1, Use::Off, 7), draw(2, Use::Off, 7));
    }

    #[test]
    fn ties_are_decided_by_a_fair_coin() {
        let mut rng = rng_of(1, "tie", Use::Tuning, 0);
        let mut tally = Tally::default();
        for _ in 0..10_000 {
            tally.count(guess(0.0, &mut rng));
        }
        assert!(tally.advantage(1).low < 0.0 && tally.advantage(1).high > 0.0);
        assert!(guess(1.0, &mut rng) && !guess(-1.0, &mut rng));
    }
}
