//! Plays a game: tunes the attacks, counts the trials of the schedule under test, of the schedule without protection, and
//! of the injected leak.

use rand::Rng;
use serde::{Deserialize, Serialize};

use super::attack::{Attacks, NAMES, Sample};
use super::games::{Game, Setting};
use super::stats::{Estimate, Tally, Use, guess, rng_of};

/// Share of the trials that leak in the check that leaks are found.
const LEAK: f64 = 0.05;
/// Trials in which the leak is looked for, at least. Its advantage is 0.05 at most, and an attack that wins 0.6 of what
/// leaks has 0.03: 16,000 trials have intervals of half that.
const LEAK_TRIALS: u64 = 16_000;
/// What the off-switch must reach.
const MUST_WIN: f64 = 0.5;

/// The result of one game.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Outcome {
    /// The game.
    pub game: String,
    /// Who observes.
    pub observer: String,
    /// `A` or `C`.
    pub level: String,
    /// Personas online.
    pub users: u32,
    /// The traffic profile.
    pub profile: String,
    /// The workload.
    pub workload: String,
    /// Messages an hour of each persona.
    pub per_hour: f64,
    /// `new`, or `today`; with the rule that is off, if one is.
    #[serde(default)]
    pub schedule: String,
    /// Trials of the schedule under test.
    pub trials: u64,
    /// The better attack.
    pub attack: String,
    /// Its advantage.
    pub advantage: Estimate,
    /// The same without the protection.
    pub off: Option<Estimate>,
    /// Whether the off-switch wins as it must.
    pub off_wins: Option<bool>,
    /// The advantage of an ideal schedule in which 5 % of the trials leak.
    pub leak: Option<Estimate>,
    /// Whether the leak is found.
    pub leak_found: Option<bool>,
    /// The goal of docs/anonymity.md.
    pub goal: Option<f64>,
    /// Whether the upper end meets it.
    pub met: Option<bool>,
}

impl Outcome {
    /// With the numbers of the schedule without protection and of the leak.
    fn checked(mut self, off: Estimate, leak: Estimate) -> Self {
        self.off = Some(off);
        self.off_wins = Some(off.low >= MUST_WIN);
        self.leak = Some(leak);
        self.leak_found = Some(leak.low > 0.0);
        self
    }
}

/// How many trials, from which seed.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// Trials reported.
    pub trials: u64,
    /// Trials to learn from.
    pub tuning: u64,
    /// Where all randomness comes from.
    pub seed: u64,
}

impl Effort {
    /// As many trials; a quarter of that to learn from, 200 at least.
    pub fn of(trials: u64, seed: u64) -> Self {
        Self { trials, tuning: (trials / 4).max(200), seed }
    }
}

/// Plays one game in level C.
pub fn play(game: &dyn Game, setting: &Setting, effort: Effort) -> (Estimate, Tallies) {
    let sample = |usage, setting: &Setting, trial| draw(game, setting, effort.seed, usage, trial);
    if game.names() {
        let mut tallies = Tallies { names: true, ..Tallies::default() };
        for numbers in (0..effort.trials).filter_map(|trial| sample(Use::Reported, setting, trial)) {
            tallies.count_names(&numbers);
        }
        return (tallies.best().1, tallies);
    }
    let learned: Vec<Sample> =
        (0..effort.tuning).filter_map(|trial| sample(Use::Tuning, setting, trial)).collect();
    let attacks = Attacks::learn(&learned);
    let reported = (0..effort.trials).filter_map(|trial| sample(Use::Reported, setting, trial));
    let tallies = score(&attacks, reported, game.name(), Use::Reported, effort.seed);
    (tallies.best().1, tallies)
}

/// Plays one game in level C, with its off-switch and its leak.
pub fn outcome(game: &dyn Game, setting: &Setting, labels: Labels<'_>, effort: Effort) -> Outcome {
    let (_, tallies) = play(game, setting, effort);
    let outcome = tallies.outcome(game, setting, labels, "C");
    let off_setting = game.off(*setting);
    let fewer = Effort { trials: (effort.trials / 4).max(200), ..effort };
    if game.names() {
        let off = play(game, &off_setting, Effort { seed: fewer.seed ^ 0xff, ..fewer }).0;
        let leak = leak_of_names(game, &off_setting, effort);
        return outcome.checked(off, leak);
    }
    let learned: Vec<Sample> = (0..fewer.tuning)
        .filter_map(|trial| draw(game, &off_setting, fewer.seed, Use::Tuning, trial + (1 << 32)))
        .collect();
    let attacks = Attacks::learn(&learned);
    let off_trials =
        (0..fewer.trials).filter_map(|trial| draw(game, &off_setting, fewer.seed, Use::Off, trial));
    let off = score(&attacks, off_trials, game.name(), Use::Off, fewer.seed).best().1;
    let leak = leak(game, &off_setting, &attacks, effort);
    outcome.checked(off, leak)
}

/// An ideal schedule is a coin: what the observer sees does not depend on the bit. One trial of twenty is one of the
/// schedule without protection instead.
fn leak(game: &dyn Game, off: &Setting, attacks: &Attacks, effort: Effort) -> Estimate {
    let mut tallies = Tallies::default();
    for trial in 0..effort.trials.max(LEAK_TRIALS) {
        let mut rng = rng_of(effort.seed ^ 0x1eac, game.name(), Use::Leak, trial);
        if rng.r#gen::<f64>() < LEAK {
            if let Some((numbers, bit)) = draw(game, off, effort.seed, Use::Leak, trial) {
                tallies.count(attacks.scores(&numbers), bit, &mut rng);
            }
        } else {
            tallies.count([0.0; 2], rng.r#gen(), &mut rng);
        }
    }
    tallies.best().1
}

/// The same where one is to be named among all: nobody is ever named but in the trials that leak.
fn leak_of_names(game: &dyn Game, off: &Setting, effort: Effort) -> Estimate {
    let mut tallies = Tallies { names: true, ..Tallies::default() };
    for trial in 0..effort.trials {
        let leaks = rng_of(effort.seed ^ 0x1eac, game.name(), Use::Leak, trial).r#gen::<f64>() < LEAK;
        let sample = leaks.then(|| draw(game, off, effort.seed, Use::Leak, trial)).flatten();
        tallies.count_names(&sample.unwrap_or((vec![0.0; NAMES.len()], true)));
    }
    tallies.best().1
}

fn draw(game: &dyn Game, setting: &Setting, seed: u64, usage: Use, trial: u64) -> Option<Sample> {
    game.play(setting, &mut rng_of(seed, game.name(), usage, trial))
}

/// Right guesses of each attack.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tallies {
    each: [Tally; NAMES.len()],
    names: bool,
}

/// What a line is named by.
#[derive(Clone, Copy, Debug)]
pub struct Labels<'a> {
    /// Personas online.
    pub users: u32,
    /// The traffic profile.
    pub profile: &'a str,
    /// The workload.
    pub workload: &'a str,
    /// Messages an hour of each persona.
    pub per_hour: f64,
    /// The schedule.
    pub schedule: &'a str,
}

impl Tallies {
    fn count(&mut self, scores: [f64; NAMES.len()], bit: bool, rng: &mut impl Rng) {
        for (tally, score) in self.each.iter_mut().zip(scores) {
            tally.count(guess(score, rng) == bit);
        }
    }

    fn count_names(&mut self, (numbers, _): &Sample) {
        for (tally, number) in self.each.iter_mut().zip(numbers) {
            tally.count(*number > 0.5);
        }
    }

    /// The better attack. Its interval is corrected for the number of attacks.
    pub fn best(&self) -> (&'static str, Estimate) {
        let attacks = u32::try_from(NAMES.len()).unwrap_or(u32::MAX);
        let of = |tally: &Tally| {
            if self.names { tally.proportion(attacks) } else { tally.advantage(attacks) }
        };
        let names = if self.names { ["forward", "back"] } else { NAMES };
        let mut best = (names[0], of(&self.each[0]));
        for (name, tally) in names.iter().zip(&self.each).skip(1) {
            let advantage = of(tally);
            if advantage.value > best.1.value {
                best = (name, advantage);
            }
        }
        best
    }

    /// A line of the table.
    pub fn outcome(&self, game: &dyn Game, setting: &Setting, labels: Labels<'_>, level: &str) -> Outcome {
        let (attack, advantage) = self.best();
        // Goals are those of the default profile; what others cost and give is published.
        let goal = game.goal(setting).filter(|_| labels.profile == "full");
        Outcome {
            game: game.name().to_owned(),
            observer: game.observer().to_owned(),
            level: level.to_owned(),
            users: labels.users,
            profile: labels.profile.to_owned(),
            workload: labels.workload.to_owned(),
            per_hour: labels.per_hour,
            schedule: labels.schedule.to_owned(),
            trials: self.each[0].trials,
            attack: attack.to_owned(),
            advantage,
            off: None,
            off_wins: None,
            leak: None,
            leak_found: None,
            goal,
            met: goal.map(|goal| advantage.high <= goal + f64::EPSILON),
        }
    }
}

/// Lets attacks guess; every trial has a coin of its own for ties.
pub fn score(
    attacks: &Attacks,
    samples: impl IntoIterator<Item = Sample>,
    game: &str,
    usage: Use,
    seed: u64,
) -> Tallies {
    let mut tallies = Tallies::default();
    for (trial, (numbers, bit)) in (0u64..).zip(samples) {
        let mut coin = rng_of(seed ^ 0xc01, game, usage, trial);
        tallies.count(attacks.scores(&numbers), bit, &mut coin);
    }
    tallies
}
