//! From the observations of a trial to a guess: two learners, tuned on trials of their own.
//!
//! A game turns what the observer sees into numbers, the first of which is a score by a model of the schedule. The
//! attacks are the same for all games:
//! - `likelihood`: the logarithm of the likelihood ratio of the score, its densities learned as histograms (Neyman and
//!   Pearson: nothing that looks at the score alone is better);
//! - `trees`: gradient-boosted trees over all numbers (Friedman, "Greedy function approximation", Annals of Statistics 29,
//!   2001), from the crate `gbdt`, to find what the model missed.

use gbdt::config::Config;
use gbdt::decision_tree::Data;
use gbdt::gradient_boost::GBDT;

/// What the observer sees of one trial, as numbers, and the secret bit.
pub type Sample = (Vec<f32>, bool);

/// Attacks on each game.
pub const NAMES: [&str; 2] = ["likelihood", "trees"];

const BINS: usize = 16;

/// Attacks that have learned.
pub struct Attacks {
    edges: Vec<f32>,
    ratios: Vec<f64>,
    trees: Option<GBDT>,
}

impl Attacks {
    /// Learns from trials that are not reported.
    pub fn learn(samples: &[Sample]) -> Self {
        let mut scores: Vec<f32> =
            samples.iter().filter_map(|(numbers, _)| numbers.first().copied()).collect();
        scores.sort_by(f32::total_cmp);
        let mut edges: Vec<f32> =
            (1..BINS).filter_map(|bin| scores.get(bin * scores.len() / BINS).copied()).collect();
        edges.dedup();
        let mut counts = vec![[0.5f64; 2]; 2 * edges.len() + 1];
        for (numbers, bit) in samples {
            if let Some(score) = numbers.first() {
                counts[bin(&edges, *score)][usize::from(*bit)] += 1.0;
            }
        }
        let all = counts.iter().fold([0.0; 2], |sum, bin| [sum[0] + bin[0], sum[1] + bin[1]]);
        let ratios = counts.iter().map(|bin| (bin[1] / all[1]).ln() - (bin[0] / all[0]).ln()).collect();
        Self { edges, ratios, trees: trees(samples) }
    }

    /// The score of each attack: positive for 1.
    pub fn scores(&self, numbers: &[f32]) -> [f64; 2] {
        let likelihood = numbers
            .first()
            .and_then(|score| self.ratios.get(bin(&self.edges, *score)))
            .copied()
            .unwrap_or(0.0);
        let trees = self.trees.as_ref().map_or(0.0, |trees| {
            let data = vec![Data::new_test_data(numbers.to_vec(), None)];
            f64::from(trees.predict(&data).first().copied().unwrap_or(0.5)) - 0.5
        });
        [likelihood, trees]
    }
}

/// Bins between edges, and one for each edge itself: scores are often ties.
fn bin(edges: &[f32], score: f32) -> usize {
    let below = edges.partition_point(|edge| *edge < score);
    if edges.get(below).is_some_and(|edge| *edge == score) { 2 * below + 1 } else { 2 * below }
}

fn trees(samples: &[Sample]) -> Option<GBDT> {
    let width = samples.first()?.0.len();
    let mut config = Config::new();
    config.set_feature_size(width);
    config.set_max_depth(3);
    config.set_iterations(40);
    config.set_shrinkage(0.2);
    config.set_min_leaf_size(8);
    config.set_loss("LogLikelyhood");
    let mut data: Vec<Data> = samples
        .iter()
        .map(|(numbers, bit)| {
            Data::new_training_data(numbers.clone(), 1.0, if *bit { 1.0 } else { -1.0 }, None)
        })
        .collect();
    let mut trees = GBDT::new(&config);
    trees.fit(&mut data);
    Some(trees)
}

#[cfg(test)]
mod tests {
    use rand::Rng;

    use super::*;
    use crate::observers::stats::{Tally, Use, guess, rng_of};

    fn play(sample: impl Fn(bool, &mut rand::rngs::StdRng) -> Vec<f32>) -> [f64; 2] {
        let mut rng = rng_of(1, "attack", Use::Tuning, 0);
        let mut draw = || {
            let bit: bool = rng.r#gen();
            (sample(bit, &mut rng), bit)
        };
        let learned: Vec<Sample> = (0..600).map(|_| draw()).collect();
        let reported: Vec<Sample> = (0..3000).map(|_| draw()).collect();
        let attacks = Attacks::learn(&learned);
        let mut coin = rng_of(1, "attack", Use::Reported, 0);
        let mut tallies = [Tally::default(); 2];
        for (numbers, bit) in &reported {
            for (tally, score) in tallies.iter_mut().zip(attacks.scores(numbers)) {
                tally.count(guess(score, &mut coin) == *bit);
            }
        }
        tallies.map(|tally| tally.advantage(1).value)
    }

    #[test]
    fn noise_gives_no_advantage() {
        let found = play(|_, rng| vec![rng.r#gen(), rng.r#gen()]);
        assert!(found.iter().all(|advantage| advantage.abs() < 0.08), "{found:?}");
    }

    #[test]
    fn a_shift_is_found_by_both_and_a_hidden_number_by_the_trees() {
        // Two uniform distributions that overlap by half: total variation 0.5.
        let found = play(|bit, rng| vec![rng.r#gen::<f32>() + if bit { 0.5 } else { 0.0 }, 0.0]);
        assert!(found.iter().all(|advantage| (0.42..0.56).contains(advantage)), "{found:?}");
        let found = play(|bit, rng| vec![rng.r#gen(), f32::from(u8::from(bit))]);
        assert!(found[0].abs() < 0.08 && found[1] > 0.95, "{found:?}");
    }
}
