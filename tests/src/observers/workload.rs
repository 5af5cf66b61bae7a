//! What people do: when they are online, and to whom they write. Stated, because it decides results.
//!
//! `Sessions`: sessions a day Poisson(4) at hours of a daily curve, lengths lognormal with median 20 minutes, contacts by
//! Zipf's law, messages in conversations that excite themselves (Hawkes, "Spectra of some self-exciting and mutually
//! exciting point processes", Biometrika 58, 1971): each message is followed by Poisson(0.75) more, from either side.
//! `Uniform`: always online, messages as a Poisson process to contacts drawn evenly.

use rand::Rng;
use rand_distr::{Distribution, Exp1, LogNormal, Poisson, StandardNormal, Zipf};

use super::clocks::Seconds;

/// One day.
pub const DAY: Seconds = 86_400.0;
const SESSIONS_A_DAY: f64 = 4.0;
const MEDIAN_LENGTH: Seconds = 20.0 * 60.0;
/// Standard deviation of the logarithm of a session's length.
const SPREAD: f64 = 1.0;
/// Messages that follow a message, on average.
const BRANCHING: f64 = 0.75;
/// Mean gap between a message and one that follows.
const REPLY: Seconds = 25.0;
const ZIPF_EXPONENT: f64 = 1.1;

/// Which workload.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq, clap::ValueEnum, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Workload {
    /// Sessions, a daily curve, bursts and Zipf's law.
    Sessions,
    /// Always online, evenly spread.
    Uniform,
}

/// A span of time online.
pub type Span = (Seconds, Seconds);

/// A message that somebody writes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Message {
    /// When.
    pub at: Seconds,
    /// From which of two sides of a contact.
    pub from_first: bool,
}

/// An exponential wait.
pub fn exponential(mean: Seconds, rng: &mut impl Rng) -> Seconds {
    mean * <Exp1 as Distribution<f64>>::sample(&Exp1, rng)
}

fn poisson(mean: f64, rng: &mut impl Rng) -> u64 {
    if mean <= 0.0 {
        return 0;
    }
    Poisson::new(mean).map_or(0, |law| law.sample(rng) as u64)
}

/// How likely a session begins at this hour, between 0 and 1: none at night, most in the evening.
pub fn daily_curve(hour: f64) -> f64 {
    if !(7.0..24.0).contains(&hour) {
        0.0
    } else {
        0.4 + 0.6 * ((hour - 7.0) / 17.0 * std::f64::consts::PI).sin()
    }
}

/// When one person is online over `days`, in order and apart.
pub fn online(workload: Workload, days: u32, rng: &mut impl Rng) -> Vec<Span> {
    if workload == Workload::Uniform {
        return vec![(0.0, f64::from(days) * DAY)];
    }
    let mut all = Vec::new();
    for day in 0..days {
        for _ in 0..poisson(SESSIONS_A_DAY, rng) {
            let hour = loop {
                let hour = rng.gen_range(7.0..24.0);
                if rng.r#gen::<f64>() < daily_curve(hour) {
                    break hour;
                }
            };
            let from = f64::from(day) * DAY + hour * 3600.0;
            all.push((from, from + length(rng)));
        }
    }
    merged(all)
}

/// The length of a session.
pub fn length(rng: &mut impl Rng) -> Seconds {
    LogNormal::new(MEDIAN_LENGTH.ln(), SPREAD).map_or(MEDIAN_LENGTH, |law| law.sample(rng))
}

fn merged(mut all: Vec<Span>) -> Vec<Span> {
    all.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut out: Vec<Span> = Vec::new();
    for (from, to) in all {
        match out.last_mut() {
            Some(last) if from <= last.1 => last.1 = last.1.max(to),
            _ => out.push((from, to)),
        }
    }
    out
}

/// Which of `contacts` somebody writes to.
pub fn contact(workload: Workload, contacts: usize, rng: &mut impl Rng) -> usize {
    if contacts < 2 {
        return 0;
    }
    match workload {
        Workload::Uniform => rng.gen_range(0..contacts),
        Workload::Sessions => {
            let number = u64::try_from(contacts).unwrap_or(u64::MAX);
            let rank: f64 = Zipf::new(number, ZIPF_EXPONENT).map_or(1.0, |law| law.sample(rng));
            (rank as usize).clamp(1, contacts) - 1
        }
    }
}

/// What two contacts write within a span, at `per_hour` messages in all, in order.
pub fn conversation(workload: Workload, span: Span, per_hour: f64, rng: &mut impl Rng) -> Vec<Message> {
    let hours = (span.1 - span.0) / 3600.0;
    let beginnings = match workload {
        Workload::Uniform => per_hour * hours,
        // A cluster has 1/(1 − branching) messages.
        Workload::Sessions => per_hour * hours * (1.0 - BRANCHING),
    };
    let mut open: Vec<Message> = (0..poisson(beginnings, rng))
        .map(|_| Message { at: rng.gen_range(span.0..span.1), from_first: rng.r#gen() })
        .collect();
    if workload == Workload::Uniform {
        open.sort_by(|a, b| a.at.total_cmp(&b.at));
        return open;
    }
    let mut all = Vec::new();
    while let Some(message) = open.pop() {
        if message.at >= span.1 {
            continue;
        }
        all.push(message);
        for _ in 0..poisson(BRANCHING, rng) {
            // Three of four are answers.
            let answer = rng.r#gen::<f64>() < 0.75;
            open.push(Message {
                at: message.at + exponential(REPLY, rng),
                from_first: message.from_first != answer,
            });
        }
    }
    all.sort_by(|a, b| a.at.total_cmp(&b.at));
    all
}

/// The time between a packet's sending and its arrival over three mixes (15 ms each on average) and a network.
pub fn transit(rng: &mut impl Rng) -> Seconds {
    let mixes: f64 = (0..3).map(|_| exponential(0.015, rng)).sum();
    let network: f64 = StandardNormal.sample(rng);
    (0.1 + mixes + 0.01 * network).max(0.02)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observers::stats::{Use, rng_of};

    #[test]
    fn sessions_have_the_stated_number_and_length() {
        let mut rng = rng_of(1, "workload", Use::Tuning, 0);
        let days = online(Workload::Sessions, 2000, &mut rng);
        // Some of 4 a day overlap and become one.
        let a_day = days.len() as f64 / 2000.0;
        assert!((3.2..4.05).contains(&a_day), "{a_day}");
        let mut lengths: Vec<f64> = (0..20_001).map(|_| length(&mut rng)).collect();
        lengths.sort_by(f64::total_cmp);
        assert!((lengths[10_000] / 60.0 - 20.0).abs() < 1.0);
        assert!(days.windows(2).all(|pair| pair[0].1 < pair[1].0));
        assert!(days.iter().all(|(from, _)| (7.0..24.0).contains(&(from % DAY / 3600.0))));
    }

    #[test]
    fn conversations_have_the_stated_rate_and_come_in_bursts() {
        let mut rng = rng_of(1, "workload", Use::Tuning, 1);
        let count = |workload, rng: &mut _| conversation(workload, (0.0, 4e6), 6.0, rng);
        let gaps_below = |all: &[Message]| {
            all.windows(2).filter(|pair| pair[1].at - pair[0].at < 30.0).count() as f64 / all.len() as f64
        };
        let bursts = count(Workload::Sessions, &mut rng);
        let even = count(Workload::Uniform, &mut rng);
        for all in [&bursts, &even] {
            let per_hour = all.len() as f64 / (4e6 / 3600.0);
            assert!((per_hour - 6.0).abs() < 0.7, "{per_hour}");
        }
        assert!(gaps_below(&bursts) > 0.4 && gaps_below(&even) < 0.1);
    }

    #[test]
    fn the_first_contacts_are_written_to_most() {
        let mut rng = rng_of(1, "workload", Use::Tuning, 2);
        let mut counts = [0; 10];
        for _ in 0..10_000 {
            counts[contact(Workload::Sessions, 10, &mut rng)] += 1;
        }
        assert!(counts[0] > 2 * counts[2] && counts[9] > 0, "{counts:?}");
    }
}
