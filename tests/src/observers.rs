//! What observers learn: games, attacks, schedules and statistics.
//!
//! The games and the rules of honesty are those of docs/anonymity.md. A game draws a secret fair bit, makes a run that
//! depends on it, and gives an attack what the observer sees; the score of many trials is the attack's advantage.

pub mod attack;
pub mod clocks;
pub mod command;
pub mod curves;
pub mod engines;
pub mod findings;
pub mod games;
pub mod invariants;
pub mod play;
pub mod report;
pub mod schedule;
#[cfg(test)]
mod short;
pub mod stats;
pub mod trace;
pub mod workload;
