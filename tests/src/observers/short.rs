//! The short form for `make test`: that the harness can see, and what it sees of today's code.
//!
//! When the engine changes, what is expected here changes with it, and so do the tables of docs/anonymity.md.

use bauta_sphinx_client::Traffic;

use super::clocks::Clocks;
use super::command::typical;
use super::games::{Game, Setting, Shared, all, lanes, naming, packets, people, relays};
use super::invariants::{Check, check};
use super::play::{Effort, play};
use super::schedule::Rules;
use super::schedule::design::Design;
use super::stats::Estimate;
use super::workload::Workload;

fn today() -> Setting {
    Setting {
        rules: Rules::today(Clocks::of(Traffic::Full)),
        design: None,
        users: 20,
        workload: Workload::Sessions,
        per_hour: 2.0,
        shared: Shared::TODAY,
    }
}

fn advantage(game: &dyn Game, setting: &Setting) -> Estimate {
    play(game, setting, Effort { trials: 60, tuning: 100, seed: 1 }).0
}

#[test]
fn every_attack_wins_against_the_code_as_it_is() {
    // Cover packets look like real ones, so `sent` has nothing to see; the next test holds that.
    // Who is to name one among all has cover of others between, also there.
    let elsewhere = |name| matches!(name, "sent" | "digest" | "presence" | "machine");
    let days: [Box<dyn Game>; 2] = [
        Box::new(people::Presence { days: 1, a_day: 20.0 }),
        Box::new(people::Machine { days: 1, a_day: 20.0 }),
    ];
    let games = all().into_iter().filter(|game| !game.names() && !elsewhere(game.name()));
    for game in games.chain(days) {
        let found = advantage(game.as_ref(), &today());
        assert!(found.low > 0.5, "{}: {found:?}", game.name());
    }
}

#[test]
fn no_attack_wins_where_its_leak_is_closed() {
    let mut closed = today();
    closed.rules.believes_conflicts = false;
    closed.shared = Shared { descriptors: false, streams: false, ..Shared::TODAY };
    let games: [&dyn Game; 4] = [&relays::Name, &people::Streams, &people::Meeting, &packets::Sent];
    for game in games {
        let found = play(game, &closed, Effort { trials: 1000, tuning: 200, seed: 1 }).0;
        assert!(
            found.low < 0.05 && found.high > -0.05 && found.value.abs() < 0.12,
            "{}: {found:?}",
            game.name()
        );
    }
    // Waits of their own among many users: two orders are equally likely.
    let mut waits = today();
    (waits.rules.refill, waits.users, waits.per_hour) = (Some(8.0), 1000, 20.0);
    let found = play(&lanes::Order, &waits, Effort { trials: 300, tuning: 200, seed: 1 }).0;
    assert!(found.value < 0.3, "{found:?}");
}

/// The invariants that a trace breaks.
fn broken(checks: &[Check]) -> Vec<&'static str> {
    let mut broken: Vec<_> =
        checks.iter().filter(|check| !check.holds()).map(|check| check.invariant).collect();
    broken.dedup();
    broken
}

fn design() -> Setting {
    Setting { design: Some(Design::of(Clocks::of(Traffic::Full))), shared: Shared::of_rules(&[]), ..today() }
}

#[test]
fn the_design_keeps_every_invariant() {
    assert_eq!(broken(&check(&typical(&design(), 1))), Vec::<&str>::new());
}

#[test]
fn goals_of_the_design_are_met_where_the_document_says_so() {
    for (game, most) in
        [("name", 0.25), ("digest", 0.25), ("streams", 0.25), ("meeting", 0.25), ("reader", 0.25)]
    {
        let games = all();
        let game = games.iter().find(|one| one.name() == game).unwrap();
        let found = play(game.as_ref(), &design(), Effort { trials: 200, tuning: 100, seed: 1 }).0;
        assert!(found.value < most && found.low < 0.05, "{}: {found:?}", game.name());
    }
    // Names among all: loops of others stand between.
    let next = naming::Next { idle: false };
    let found = play(&next, &design(), Effort { trials: 100, tuning: 0, seed: 1 }).0;
    assert!(found.value < 0.1, "{found:?}");
    let three = Setting { users: 3, ..today() };
    let found = play(&next, &three, Effort { trials: 60, tuning: 0, seed: 1 }).0;
    assert!(found.value > 0.3, "{found:?}");
}

#[test]
fn today_breaks_every_invariant() {
    assert_eq!(broken(&check(&typical(&today(), 1))), ["I1", "I2", "I3", "I4"]);
}

#[test]
fn whole_engines_do_what_the_simulator_does() {
    let run = super::engines::record(4, 420.0, 1);
    let found = broken(&check(&run));
    // Loops and the ids that follow an answer need no statistics.
    assert!(found.contains(&"I2") && found.contains(&"I3"), "{found:?}");
    let labels = super::play::Labels {
        users: 4,
        profile: "full",
        workload: "sessions",
        per_hour: 2.0,
        schedule: "today",
    };
    let effort = Effort { trials: 60, tuning: 100, seed: 1 };
    let outcome = super::engines::outcome(&lanes::Loops, &run, &today(), labels, effort).unwrap();
    assert!(outcome.advantage.low > 0.5, "{:?}", outcome.advantage);
}
