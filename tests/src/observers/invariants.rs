//! The invariants of docs/anonymity.md as checks over a trace and its truth.
//!
//! A check says how often it looked and how often the rule was broken. It can run over every trace that has a relay's
//! view and the truth beside it, simulated or recorded.

use std::collections::HashMap;

use serde::Serialize;

use super::clocks::Seconds;
use super::trace::{Id, Index, Operation, Run};

/// Exchanges in which a `get` may name an id, in all.
const MOST_GETS: usize = 8;
/// The same in the first hour.
const MOST_GETS_IN_AN_HOUR: usize = 3;
/// Exchanges in which a `put` may name an id within an hour.
const MOST_PUTS_IN_AN_HOUR: usize = 4;
/// Length of an interval of a relay.
const INTERVAL: Seconds = 10.0;
/// The least mean wait between an answer and what follows from it. Waits have a mean of 8 s and put ticks one of 7 s, but
/// what is seen first after an answer is the first of several that wait.
const LEAST_WAIT: Seconds = 4.5;
/// What follows an answer by more than this is not counted as following from it.
const FOLLOWS_WITHIN: Seconds = 60.0;
/// How far shares of loops and of real boxes may differ. Two people who are always online and write a lot wait for
/// each other's boxes more often than most; how well a box is told apart is the game `loop`.
const SAME_SHARE: f64 = 0.5;

/// What one check found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Check {
    /// `I1` to `I4`.
    pub invariant: &'static str,
    /// What was looked at.
    pub what: &'static str,
    /// How often it was looked at.
    pub looked: usize,
    /// How often the rule was broken.
    pub broken: usize,
    /// The number that decides, where it is a mean or a share.
    pub value: Option<f64>,
}

impl Check {
    /// Whether the rule holds. A rule that nothing in the trace touches holds.
    pub fn holds(&self) -> bool {
        self.broken == 0
    }
}

/// All checks over one run.
pub fn check(run: &Run) -> Vec<Check> {
    let index = Index::of(&run.seen);
    vec![
        names_are_few(run),
        puts_are_few(run),
        idle_lanes_are_silent(run, &index),
        frames_are_few(run),
        answers_start_nothing(run, &index),
        receipts_wait(run, &index),
        cover_is_traffic(run, &index),
        starts_show_nothing(run),
        news_follow_the_clock(run),
    ]
}

/// I1: every id is named a bounded number of times.
fn names_are_few(run: &Run) -> Check {
    let mut gets: HashMap<Id, Vec<Seconds>> = HashMap::new();
    for one in run.seen.iter().filter(|one| one.operation == Operation::Get && !one.again) {
        gets.entry(one.id).or_default().push(one.at);
    }
    let broken = gets.values().filter(|times| {
        let early = times.first().map_or(0, |first| times.iter().filter(|at| **at < first + 3600.0).count());
        times.len() > MOST_GETS || early > MOST_GETS_IN_AN_HOUR
    });
    Check {
        invariant: "I1",
        what: "ids named by get",
        looked: gets.len(),
        broken: broken.count(),
        value: None,
    }
}

/// I1: a put is made again after 1, 4, 16 … minutes, so four times within an hour.
fn puts_are_few(run: &Run) -> Check {
    let mut puts: HashMap<Id, Vec<Seconds>> = HashMap::new();
    for one in run.seen.iter().filter(|one| one.operation == Operation::Put && !one.again) {
        puts.entry(one.id).or_default().push(one.at);
    }
    let broken = puts.values().filter(|times| {
        times.windows(MOST_PUTS_IN_AN_HOUR + 1).any(|few| few[MOST_PUTS_IN_AN_HOUR] - few[0] < 3600.0)
    });
    Check {
        invariant: "I1",
        what: "ids named by put",
        looked: puts.len(),
        broken: broken.count(),
        value: None,
    }
}

/// I1: an idle lane appears in no exchange. An id that is asked for and never put is one of an idle lane.
fn idle_lanes_are_silent(run: &Run, index: &Index) -> Check {
    let last = run.seen.last().map_or(0.0, |one| one.at);
    let idle = index.firsts.values().filter(|firsts| {
        firsts.put.is_none() && firsts.get.is_some_and(|get| get < last - 600.0) && firsts.gets > 2
    });
    Check {
        invariant: "I1",
        what: "idle ids asked for again and again",
        looked: index.firsts.len(),
        broken: idle.count(),
        value: None,
    }
}

/// I1: two frames an exchange at most.
fn frames_are_few(run: &Run) -> Check {
    let (mut frames, mut most, mut looked) = (HashMap::<Id, u32>::new(), 0, 0);
    let mut broken = 0;
    for one in &run.seen {
        if one.again {
            let count = frames.entry(one.id).or_insert(1);
            *count += 1;
            most = most.max(*count);
            broken += usize::from(*count == 3);
        } else {
            looked += 1;
            frames.remove(&one.id);
        }
    }
    Check {
        invariant: "I1",
        what: "exchanges of more than two frames",
        looked,
        broken,
        value: Some(f64::from(most)),
    }
}

/// I2: no exchange starts because an answer came.
fn answers_start_nothing(run: &Run, index: &Index) -> Check {
    let mut waits = Vec::new();
    for (at, id) in &index.wakes {
        let lane = run.boxes.get(id).and_then(|truth| truth.lane);
        let follows = index
            .new_after(*at)
            .take_while(|(when, _)| *when < at + FOLLOWS_WITHIN)
            .find(|(_, next)| lane.is_some() && run.boxes.get(next).and_then(|truth| truth.lane) == lane);
        waits.extend(follows.map(|(when, _)| when - at));
    }
    mean_wait("I2", "the next id after an answer", &waits)
}

/// I2 again: a receipt is no answer to a message.
fn receipts_wait(run: &Run, index: &Index) -> Check {
    let mut waits = Vec::new();
    for (number, (at, id)) in index.wakes.iter().enumerate() {
        let Some(truth) = run.boxes.get(id).filter(|truth| truth.message) else { continue };
        let Some((_, _, back)) = truth.lane.and_then(|lane| run.lanes.get(lane)) else { continue };
        let follows =
            index.wakes[number + 1..].iter().take_while(|(when, _)| *when < at + FOLLOWS_WITHIN).find(
                |(_, next)| run.boxes.get(next).is_some_and(|next| next.lane == Some(*back) && !next.message),
            );
        waits.extend(follows.map(|(when, _)| when - at));
    }
    mean_wait("I2", "the receipt after a message", &waits)
}

fn mean_wait(invariant: &'static str, what: &'static str, waits: &[Seconds]) -> Check {
    let mean = (!waits.is_empty()).then(|| waits.iter().sum::<f64>() / waits.len() as f64);
    let broken = if mean.is_some_and(|mean| mean < LEAST_WAIT) { waits.len() } else { 0 };
    Check { invariant, what, looked: waits.len(), broken, value: mean }
}

/// I3: cover is the same code as traffic, so the same share of both is asked for before it is put.
fn cover_is_traffic(run: &Run, index: &Index) -> Check {
    let (mut asked_first, mut all) = ([0usize; 2], [0usize; 2]);
    for (id, firsts) in &index.firsts {
        let (Some(is_loop), Some(put), Some(get)) = (run.is_loop(*id), firsts.put, firsts.get) else {
            continue;
        };
        all[usize::from(is_loop)] += 1;
        asked_first[usize::from(is_loop)] += usize::from(get < put);
    }
    let share = |kind: usize| asked_first[kind] as f64 / all[kind].max(1) as f64;
    let apart = (share(0) - share(1)).abs();
    let enough = all.iter().all(|count| *count >= 20);
    Check {
        invariant: "I3",
        what: "loops asked for before they are put, against real boxes",
        looked: all[0].min(all[1]),
        broken: if enough && apart > SAME_SHARE { all[1] } else { 0 },
        value: enough.then_some(apart),
    }
}

/// I4: what names no lane does not follow a start.
fn starts_show_nothing(run: &Run) -> Check {
    let broken = run.starts.iter().filter(|(at, who)| {
        run.seen.iter().zip(&run.by).any(|(one, by)| {
            *by == Some(*who) && one.operation == Operation::Describe && (*at..at + 60.0).contains(&one.at)
        })
    });
    Check {
        invariant: "I4",
        what: "starts with a describe within a minute",
        looked: run.starts.len(),
        broken: broken.count(),
        value: None,
    }
}

/// I4: a client asks for `news` once in an interval, so never three times within the length of one.
fn news_follow_the_clock(run: &Run) -> Check {
    let mut asked: HashMap<usize, Vec<Seconds>> = HashMap::new();
    for (one, by) in run.seen.iter().zip(&run.by) {
        if let Some(by) = by.filter(|_| one.operation == Operation::News) {
            asked.entry(by).or_default().push(one.at);
        }
    }
    let broken =
        |times: &Vec<Seconds>| times.windows(3).filter(|three| three[2] - three[0] < 0.95 * INTERVAL).count();
    Check {
        invariant: "I4",
        what: "news asked for more than once in an interval",
        looked: asked.values().map(Vec::len).sum(),
        broken: asked.values().map(broken).sum(),
        value: None,
    }
}
