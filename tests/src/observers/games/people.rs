//! Games about people: `presence`, `machine`, and two that are matters of structure, `streams` and `meeting`.
//!
//! - `presence` (finding 2): does a lane belong to this named persona or to that one? A named persona drains its inbox
//!   once a minute while it is online, and a lane's ids are asked for in the same hours. Score: the share of the lane's
//!   gets that fall within three minutes of a drain of the one, less that of the other, over one day.
//! - `machine` (finding 7): which of two personas runs on the machine of a third? Score: `Σ log(1 + f(d)/λ)` over the
//!   starts of the third, d the distance to the candidate's next start, λ four starts a day.
//! - `streams` (finding 9): do two posts' connections come from one machine? All streams of a home share one Nym client,
//!   exit and connection (sphinx-client/src/exit.rs `Pool`), so their tags are equal or they are not.
//! - `meeting` (finding 8): are two personas, both contacts of somebody who runs a relay, of one home? Descriptors are
//!   one table (daemon/src/store/schema.rs), so that relay is asked for its descriptor once instead of twice.

use rand::Rng;
use rand::rngs::StdRng;

use super::{Game, Setting, schedule};
use crate::observers::attack::Sample;
use crate::observers::clocks::Seconds;
use crate::observers::schedule::{Person, Scene, Schedule};
use crate::observers::trace::{Id, Operation, Run};
use crate::observers::workload::{DAY, Workload, online};

/// A drain within this says that a persona is online.
const NEAR: Seconds = 180.0;
/// A gap between drains longer than this is a time offline.
const AWAY: Seconds = 900.0;

/// Does this lane belong to this persona?
pub struct Presence;
/// Do these personas run on one machine?
pub struct Machine;
/// Do these streams come from one machine?
pub struct Streams;
/// Are these personas of one home?
pub struct Meeting;

/// People come and go in every workload here, or there would be nothing to see.
fn day(rng: &mut StdRng) -> Person {
    loop {
        let online = online(Workload::Sessions, 1, rng);
        if !online.is_empty() {
            return Person { online };
        }
    }
}

/// The game is about times of days, so loop boxes are left out: they are not looked at, and most of the work.
fn without_loops(setting: &Setting) -> Setting {
    let mut quiet = *setting;
    quiet.rules.loops = false;
    quiet
}

impl Game for Presence {
    fn name(&self) -> &'static str {
        "presence"
    }

    fn observer(&self) -> &'static str {
        "relay"
    }

    fn goal(&self) -> Option<f64> {
        None
    }

    fn off(&self, mut setting: Setting) -> Setting {
        setting.rules.drains = true;
        setting
    }

    fn play(&self, setting: &Setting, rng: &mut StdRng) -> Option<Sample> {
        let mut scene = Scene { until: DAY + 7200.0, people: vec![day(rng), day(rng)], ..Scene::default() };
        // The writer is somebody else: only the lane's reader is simulated.
        scene.befriend(2, 0);
        let run = schedule(&without_loops(setting)).run(&scene, rng);
        let gets: Vec<Seconds> = run
            .seen
            .iter()
            .filter(|one| one.operation == Operation::Get && !one.again)
            .filter(|one| run.boxes.get(&one.id).is_some_and(|truth| truth.lane == Some(0)))
            .map(|one| one.at)
            .collect();
        if gets.is_empty() {
            return None;
        }
        let bit: bool = rng.r#gen();
        let (first, second) = if bit { (0, 1) } else { (1, 0) };
        let [a, b] = [first, second].map(|one| {
            let drains = times(&run, run.names[one], Operation::Drain);
            gets.iter().filter(|at| nearest(&drains, **at) < NEAR).count() as f64 / gets.len() as f64
        });
        Some((vec![(a - b) as f32, a as f32, b as f32], bit))
    }
}

impl Game for Machine {
    fn name(&self) -> &'static str {
        "machine"
    }

    fn observer(&self) -> &'static str {
        "relay"
    }

    fn goal(&self) -> Option<f64> {
        None
    }

    fn off(&self, mut setting: Setting) -> Setting {
        setting.rules.start_delay = false;
        setting
    }

    fn play(&self, setting: &Setting, rng: &mut StdRng) -> Option<Sample> {
        let (here, there) = (day(rng), day(rng));
        let scene =
            Scene { until: DAY + 7200.0, people: vec![here.clone(), here, there], ..Scene::default() };
        let run = schedule(&without_loops(setting)).run(&scene, rng);
        let starts: Vec<Vec<Seconds>> =
            run.names.iter().map(|name| starts(&times(&run, *name, Operation::Drain))).collect();
        let bit: bool = rng.r#gen();
        let (first, second) = if bit { (1, 2) } else { (2, 1) };
        let [a, b] = [first, second].map(|other| common(&starts[0], &starts[other]));
        Some((vec![(a - b) as f32, starts[0].len() as f32], bit))
    }
}

/// All times at which a persona is named so.
fn times(run: &Run, name: Id, operation: Operation) -> Vec<Seconds> {
    run.seen.iter().filter(|one| one.operation == operation && one.id == name).map(|one| one.at).collect()
}

fn nearest(times: &[Seconds], at: Seconds) -> Seconds {
    let after = times.partition_point(|time| *time < at);
    let near = |place: Option<usize>| place.and_then(|place| times.get(place)).map(|time| (time - at).abs());
    [near(Some(after)), near(after.checked_sub(1))].into_iter().flatten().fold(f64::INFINITY, f64::min)
}

/// The first of the times after each absence.
fn starts(times: &[Seconds]) -> Vec<Seconds> {
    let mut starts: Vec<Seconds> = times.first().copied().into_iter().collect();
    starts.extend(times.windows(2).filter(|pair| pair[1] - pair[0] > AWAY).map(|pair| pair[1]));
    starts
}

fn common(these: &[Seconds], others: &[Seconds]) -> f64 {
    let rate = 4.0 / DAY;
    // Each start is seen by the first drain after it, an exponential minute later; the difference of two is Laplace's.
    these.iter().map(|at| (1.0 + (-nearest(others, *at) / 60.0).exp() / 120.0 / rate).ln()).sum()
}

impl Game for Streams {
    fn name(&self) -> &'static str {
        "streams"
    }

    fn observer(&self) -> &'static str {
        "exit, Gun relay"
    }

    fn goal(&self) -> Option<f64> {
        Some(0.0)
    }

    fn off(&self, mut setting: Setting) -> Setting {
        setting.shared.streams = true;
        setting
    }

    fn play(&self, setting: &Setting, rng: &mut StdRng) -> Option<Sample> {
        let same: bool = rng.r#gen();
        let equal = same && setting.shared.streams;
        Some((vec![f32::from(u8::from(equal))], same))
    }
}

impl Game for Meeting {
    fn name(&self) -> &'static str {
        "meeting"
    }

    fn observer(&self) -> &'static str {
        "contact with a relay"
    }

    fn goal(&self) -> Option<f64> {
        Some(0.0)
    }

    fn off(&self, mut setting: Setting) -> Setting {
        setting.shared.descriptors = true;
        setting
    }

    fn play(&self, setting: &Setting, rng: &mut StdRng) -> Option<Sample> {
        let same: bool = rng.r#gen();
        let describes: u8 = if same && setting.shared.descriptors { 1 } else { 2 };
        Some((vec![f32::from(describes)], same))
    }
}
