//! What a review found in the code of 2026-11-26 by reading and modelling, measured here with intervals.
//!
//! Each number is that of docs/anonymity.md, "Findings". Populations are simulated whole and exactly (level C without a
//! background); pairs and steps of one population are not independent, so several populations are added up and the
//! intervals are those of proportions all the same: read them as a guide.

use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use serde::{Deserialize, Serialize};

use super::clocks::Seconds;
use super::games::packets::{Delay, idle_events, named_of_two};
use super::games::{Setting, lanes, relays, schedule};
use super::play::{Effort, play};
use super::schedule::{Person, Scene, Schedule};
use super::stats::{ERROR, Estimate, Tally, Use, clopper_pearson, phi_inverse, rng_of};
use super::trace::{Index, Operation, Run};
use super::workload::{contact, conversation};

const PEOPLE: usize = 50;
const CONTACTS: usize = 6;
const HOURS: f64 = 3.0;
/// Two lanes first asked for within this are taken for one persona's.
const TOGETHER: Seconds = 20.0;

/// One measured finding.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Finding {
    /// Its number in docs/anonymity.md.
    pub finding: u32,
    /// What was counted.
    pub what: String,
    /// The share or number.
    pub estimate: Estimate,
    /// How many it was counted over; 0 where it is a closed form.
    pub of: u64,
}

/// Everything that the simulator can say about the findings.
pub fn measure(setting: &Setting, populations: u64, seed: u64) -> Vec<Finding> {
    let mut counts = Counts::default();
    for number in 0..populations {
        let mut rng = rng_of(seed, "population", Use::Finding, number);
        let run = schedule(setting).run(&population(setting, &mut rng), &mut rng);
        counts.add(&run);
    }
    let mut all = counts.findings();
    let effort = Effort::of(100 * populations, seed);
    let share = |(value, _): (Estimate, _)| value;
    all.push(of_estimate(
        1,
        "one forged conflict names the reader (advantage)",
        share(play(&relays::Name, setting, effort)),
        effort.trials,
    ));
    all.push(of_estimate(
        5,
        "two minutes of early answers show one clock (advantage)",
        share(play(&relays::Denied, setting, effort)),
        effort.trials,
    ));
    all.extend(idle_hours(setting, seed));
    for people in [40, 200] {
        all.push(machines(setting, people, populations, seed));
    }
    all.sort_by_key(|finding| finding.finding);
    all
}

fn of_estimate(finding: u32, what: &str, estimate: Estimate, of: u64) -> Finding {
    Finding { finding, what: what.to_owned(), estimate, of }
}

fn of_tally(finding: u32, what: &str, tally: Tally) -> Finding {
    let (low, high) = clopper_pearson(tally.right, tally.trials, ERROR);
    let value = tally.right as f64 / tally.trials.max(1) as f64;
    of_estimate(finding, what, Estimate { value, low, high }, tally.trials)
}

/// People with a few contacts each, who start in the first hour and write as the setting says.
fn population(setting: &Setting, rng: &mut StdRng) -> Scene {
    let until = HOURS * 3600.0;
    let mut scene = Scene { until, ..Scene::default() };
    for _ in 0..PEOPLE {
        let start = rng.gen_range(0.0..until * 0.3);
        scene.people.push(Person { online: vec![(start, until + 1.0)] });
    }
    let mut pairs: Vec<(usize, usize)> = (0..PEOPLE).flat_map(|a| (0..a).map(move |b| (a, b))).collect();
    pairs.shuffle(rng);
    let mut contacts: Vec<Vec<(usize, usize)>> = vec![Vec::new(); PEOPLE];
    for (a, b) in pairs {
        if contacts[a].len() < CONTACTS && contacts[b].len() < CONTACTS {
            let lanes = scene.befriend(a, b);
            contacts[a].push(lanes);
            contacts[b].push((lanes.1, lanes.0));
        }
    }
    for (who, person) in scene.people.clone().iter().enumerate() {
        let Some(&span) = person.online.first() else { continue };
        // Half of the messages of each conversation are the other's.
        for message in conversation(setting.workload, (span.0, until), setting.per_hour, rng) {
            if contacts[who].is_empty() {
                continue;
            }
            let (there, back) = contacts[who][contact(setting.workload, contacts[who].len(), rng)];
            scene.write(message.at, if message.from_first { there } else { back });
        }
    }
    scene.sorted()
}

#[derive(Default)]
struct Counts {
    loops: Tally,
    next: Tally,
    directions: Tally,
    precision: Tally,
    recall: Tally,
}

impl Counts {
    fn add(&mut self, run: &Run) {
        let index = Index::of(&run.seen);
        let end = run.seen.last().map_or(0.0, |one| one.at) - 60.0;
        for (id, firsts) in &index.firsts {
            let (Some(put), Some(is_loop)) = (firsts.put, run.is_loop(*id)) else { continue };
            if put < end {
                let guess = firsts.get.is_some_and(|get| get > put && get < put + 60.0);
                self.loops.count(guess == is_loop);
            }
        }
        let (right, trials) = lanes::named_next(run, &index);
        self.next.add(Tally { trials, right });
        self.directions(run, &index);
        self.starts(run, &index);
    }

    /// Finding 4: the first put that wakes a get 2 to 8 s after a message is its receipt.
    fn directions(&mut self, run: &Run, index: &Index) {
        for (number, (at, id)) in index.wakes.iter().enumerate() {
            let Some(truth) = run.boxes.get(id).filter(|truth| truth.message) else { continue };
            let Some(back) = truth.lane.and_then(|lane| run.lanes.get(lane)).map(|lane| lane.2) else {
                continue;
            };
            let next = index.wakes[number + 1..].iter().find(|(when, _)| *when >= at + 2.0);
            let found = next
                .filter(|(when, _)| *when < at + 8.0)
                .and_then(|(_, next)| run.boxes.get(next))
                .is_some_and(|next| next.lane == Some(back));
            self.directions.count(found);
        }
    }

    /// Finding 2: two lanes first asked for together are one persona's.
    fn starts(&mut self, run: &Run, index: &Index) {
        let mut first: Vec<Option<Seconds>> = vec![None; run.lanes.len()];
        for (at, id) in &index.new_gets {
            if let Some(lane) = run.boxes.get(id).and_then(|truth| truth.lane) {
                first[lane] = first[lane].or(Some(*at));
            }
        }
        let lanes: Vec<(Seconds, usize)> =
            first.iter().enumerate().filter_map(|(lane, at)| at.map(|at| (at, run.lanes[lane].1))).collect();
        for (number, (a, reader)) in lanes.iter().enumerate() {
            for (b, other) in &lanes[number + 1..] {
                let (same, near) = (reader == other, (a - b).abs() < TOGETHER);
                if near {
                    self.precision.count(same);
                }
                if same {
                    self.recall.count(near);
                }
            }
        }
    }

    fn findings(&self) -> Vec<Finding> {
        vec![
            of_tally(2, "two lanes first asked for within 20 s are one persona's", self.precision),
            of_tally(2, "two lanes of one persona are first asked for within 20 s", self.recall),
            of_tally(3, "boxes told apart: a loop's or a real one", self.loops),
            of_tally(4, "the next new id after an answer is of the same lane", self.next),
            of_tally(
                4,
                "the first answering put 2 to 8 s after a message is the other direction's",
                self.directions,
            ),
        ]
    }
}

/// Finding 6: how long an idle lane must be watched until one of 1,000 clients is named with 95 %.
fn idle_hours(setting: &Setting, seed: u64) -> Vec<Finding> {
    let kappa = Delay::learn(&mut rng_of(seed, "delay", Use::Finding, 0)).kappa(setting.rules.clocks.cover);
    let needed = (phi_inverse(1.0 - 1e-3) + phi_inverse(0.95)).powi(2) / kappa;
    let an_hour = idle_events(setting) as f64;
    let form = |what: &str, value| of_estimate(6, what, Estimate { value, low: value, high: value }, 0);
    vec![
        form("events that name one of 1,000 clients with 95 % (closed form)", needed),
        form("hours of one idle lane for that (closed form)", needed / an_hour),
        form("one of two clients after an hour of one idle lane (closed form)", named_of_two(an_hour, kappa)),
    ]
}

/// Finding 7: personas that run in pairs on one machine, all machines started once within four hours; how often the
/// persona whose first drain is nearest is the right one.
fn machines(setting: &Setting, people: usize, populations: u64, seed: u64) -> Finding {
    let mut tally = Tally::default();
    for number in 0..populations {
        let mut rng = rng_of(seed, "machines", Use::Finding, number ^ (people as u64) << 32);
        let mut scene = Scene { until: 4.5 * 3600.0, ..Scene::default() };
        for _ in 0..people / 2 {
            let start = rng.gen_range(0.0..4.0 * 3600.0);
            // Long enough for a first look: a tick, a publication, a drain.
            let person = Person { online: vec![(start, start + 600.0)] };
            scene.people.extend([person.clone(), person]);
        }
        let run = schedule(setting).run(&scene, &mut rng);
        let first: Vec<Seconds> = run
            .names
            .iter()
            .map(|name| {
                let named = |one: &&super::trace::Seen| {
                    one.id == *name && matches!(one.operation, Operation::Drain | Operation::Publish)
                };
                run.seen.iter().find(named).map_or(f64::INFINITY, |one| one.at)
            })
            .collect();
        for who in 0..first.len() {
            let nearest = (0..first.len())
                .filter(|other| *other != who)
                .min_by(|a, b| (first[*a] - first[who]).abs().total_cmp(&(first[*b] - first[who]).abs()));
            tally.count(nearest == Some(who ^ 1));
        }
    }
    of_tally(7, &format!("of {people} personas in pairs the right other one, after one morning"), tally)
}
