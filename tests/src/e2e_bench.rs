//! The parts of the runner `e2e-bench`: what each measures, and how numbers are summed up.

pub mod delivery;
pub mod exchange;
pub mod raw_sdk;
pub mod resources;

use std::time::Duration;

/// Times in order, for quantiles.
#[derive(Clone, Debug, Default)]
pub struct Times(Vec<Duration>);

impl FromIterator<Duration> for Times {
    fn from_iter<I: IntoIterator<Item = Duration>>(times: I) -> Self {
        let mut times: Vec<_> = times.into_iter().collect();
        times.sort_unstable();
        Self(times)
    }
}

impl Times {
    /// How many.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// The time that `share` (0 to 1) of all stay below, in milliseconds; nearest rank.
    pub fn quantile_ms(&self, share: f64) -> f64 {
        let rank = ((self.0.len().max(1) - 1) as f64 * share).round() as usize;
        self.0.get(rank).copied().unwrap_or_default().as_secs_f64() * 1000.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_by_nearest_rank() {
        let times: Times = [5, 1, 3, 2, 4].map(Duration::from_millis).into_iter().collect();
        assert_eq!((times.quantile_ms(0.0), times.quantile_ms(0.5), times.quantile_ms(1.0)), (1.0, 3.0, 5.0));
        assert_eq!(Times::default().quantile_ms(0.5), 0.0);
    }
}
