//! Level A: whole engines over a relay's real desk, with a tap at the desk.
//!
//! Every daemon is a `Node` over a fake network, as in daemon/tests; each exchange takes the time of a mixnet, and the tap
//! writes down what a relay sees. The truth comes from beside it: which home an exchange came from, and when the harness
//! sent a message.
//!
//! Time is real and runs `FASTER` times as fast: all times of the engine and the desk's hold are divided by that. A paused
//! clock of tokio would need its feature `test-util`, which the shipped programs would get too because features are those
//! of the whole workspace, and a sign from the store's thread that it is idle: a paused clock jumps while the runtime
//! waits for a transaction. `flight::EMPTY_ANSWER_PAUSE` is a constant and not divided; a get that was held to its end is
//! therefore asked again up to ten seconds of the protocol's time later than in truth.

pub mod facts;
pub mod network;

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use bauta_sphinx_client::Traffic;
use rand::Rng;

use self::network::{Home, Network};
use super::attack::{Attacks, Sample};
use super::clocks::{Clocks, Seconds};
use super::games::{Game, Setting};
use super::play::{Effort, Labels, Outcome, score};
use super::stats::{Use, rng_of};
use super::trace::{BoxTruth, Id, Index, Operation, Run};
use super::workload::{Message, Workload, conversation};

/// How much faster than the protocol's time a run is.
pub const FASTER: f64 = 20.0;
/// How long people talk, in the protocol's time.
pub const TALK: Seconds = 1500.0;
/// The last part, in which nobody begins to write.
const TAIL: Seconds = 150.0;
/// Messages an hour of a pair of friends.
const PER_HOUR: f64 = 60.0;
/// A put within this after a home's message is that message; receipts wait for two ticks and more.
const AT_ONCE: Seconds = 1.5;

/// Runs `homes` daemons in pairs of friends who talk for a time, and gives what the relay saw.
pub fn record(homes: usize, talk: Seconds, seed: u64) -> Run {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(record_in(homes.max(4) / 2 * 2, talk, seed))
}

async fn record_in(count: usize, span: Seconds, seed: u64) -> Run {
    let network = Network::new(Traffic::Full, FASTER).await;
    let mut homes = Vec::new();
    for number in 0..count {
        homes.push(Home::start(&network, number).await);
    }
    for pair in homes.chunks(2) {
        network::befriend(&pair[0], &pair[1]).await;
    }
    let mut rng = rng_of(seed, "engines", Use::Reported, 0);
    let began = network.now();
    let mut messages: Vec<(Seconds, usize)> = Vec::new();
    for pair in 0..count / 2 {
        let mut talk = conversation(Workload::Sessions, (60.0, span - TAIL), PER_HOUR, &mut rng);
        // One that stays silent gives nothing to ask about.
        for _ in talk.len()..6 {
            talk.push(Message { at: rng.gen_range(60.0..span - TAIL), from_first: rng.r#gen() });
        }
        messages.extend(talk.iter().map(|one| (one.at + began, 2 * pair + usize::from(!one.from_first))));
    }
    messages.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut sent = Vec::new();
    for (at, writer) in messages {
        network.sleep_until(at).await;
        sent.push((network.now(), writer));
        homes[writer].send(homes[writer ^ 1].name(), "hello").await;
    }
    network.sleep_until(began + span).await;
    drop(homes);
    let mut recorded = network.take();
    (recorded.from, recorded.tick) = (began, Clocks::of(Traffic::Full).tick);
    // Homes end at once; their threads need a moment.
    tokio::time::sleep(Duration::from_millis(200)).await;
    with_truth(recorded, count, &sent)
}

/// Finds out which lane each box belongs to. A home has one contact, so its reader and writer say it.
fn with_truth(mut run: Run, homes: usize, sent: &[(Seconds, usize)]) -> Run {
    run.sort();
    let (mut writers, mut readers) = (HashMap::new(), HashMap::<Id, HashSet<usize>>::new());
    for (one, by) in run.seen.iter().zip(&run.by) {
        let Some(by) = by else { continue };
        match one.operation {
            Operation::Put => drop(writers.entry(one.id).or_insert((*by, one.at))),
            Operation::Get => drop(readers.entry(one.id).or_default().insert(*by)),
            _ => {}
        }
    }
    run.lanes = (0..homes).map(|writer| (writer, writer ^ 1, writer ^ 1)).collect();
    let ids: HashSet<Id> = writers.keys().chain(readers.keys()).copied().collect();
    for id in ids {
        let reader = readers.get(&id).and_then(|all| all.iter().next().copied());
        let (lane, at) = match (writers.get(&id), reader) {
            (Some((writer, at)), Some(reader)) if *writer == reader => (None, *at),
            (Some((writer, at)), Some(_)) => (Some(*writer), *at),
            (None, Some(reader)) => (Some(reader ^ 1), 0.0),
            // Put, and never asked for within the run: a loop's or a real one, nobody knows.
            _ => continue,
        };
        let message = lane.is_some_and(|lane| {
            sent.iter().any(|(when, who)| *who == lane && (0.0..AT_ONCE).contains(&(at - when)))
        });
        run.boxes.insert(id, BoxTruth { lane, place: 0, message });
    }
    run
}

/// Puts a game's question to a recorded run. The attacks are those that learned from the simulator, so this shows
/// whether the simulator does what the engines do. `None` where the game needs a scene of its own.
pub fn outcome(
    game: &dyn Game,
    run: &Run,
    setting: &Setting,
    labels: Labels<'_>,
    effort: Effort,
) -> Option<Outcome> {
    let index = Index::of(&run.seen);
    let ask = |trial| game.ask(run, &index, &mut rng_of(effort.seed, game.name(), Use::Reported, trial));
    let asked: Vec<Sample> = (0..effort.trials).filter_map(ask).collect();
    if asked.is_empty() {
        return None;
    }
    let learned: Vec<Sample> = (0..effort.tuning)
        .filter_map(|trial| game.play(setting, &mut rng_of(effort.seed, game.name(), Use::Tuning, trial)))
        .collect();
    let tallies = score(&Attacks::learn(&learned), asked, game.name(), Use::Reported, effort.seed);
    Some(tallies.outcome(game, setting, labels, "A"))
}
