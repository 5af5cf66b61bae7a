//! Games about people: `presence`, `machine`, and two that are matters of structure, `streams` and `meeting`.
//!
//! - `presence` (finding 2): does a lane belong to this named persona or to that one? What names a persona comes while it
//!   is online, and so do the gets of its lane. Score: how many of each are near to one of the other, less the same for
//!   the other persona.
//! - `machine` (finding 7): which of two personas runs on the machine of a third? A start shows where a persona is named
//!   again after an absence, or where a known lane of it gets what had waited. Score: `Σ log(1 + f(d)/λ)` over the starts
//!   of the third, d the distance to the candidate's nearest start, λ four starts a day.
//! - `streams` (finding 9): do two posts' connections come from one machine? All streams of a home share one Nym client,
//!   exit and connection (sphinx-client/src/exit.rs `Pool`), so their tags are equal or they are not.
//! - `meeting` (finding 8): are two personas, both contacts of somebody who runs a relay, of one home? Descriptors are
//!   one table (daemon/src/store/schema.rs), so that relay is asked for its descriptor once instead of twice.

use rand::Rng;
use rand::rngs::StdRng;

use super::{Game, Setting, schedule, without};
use crate::observers::attack::Sample;
use crate::observers::clocks::Seconds;
use crate::observers::schedule::design::Rule;
use crate::observers::schedule::{Person, Scene, Schedule};
use crate::observers::trace::{Id, Operation, Run, Seen};
use crate::observers::workload::{DAY, Workload, exponential, online};

/// Named requests and gets this near to each other are of one time online; the trees see all three.
const NEAR: [Seconds; 3] = [180.0, 600.0, 1800.0];
/// A gap longer than this is a time offline.
const AWAY: Seconds = 900.0;
/// A box that was got so long after it was put waited for its reader: it shows a start.
const WAITED: Seconds = 300.0;

/// Does this lane belong to this persona?
pub struct Presence {
    /// How long it is watched.
    pub days: u32,
    /// Messages a day on the lane.
    pub a_day: f64,
}

/// Do these personas run on one machine?
pub struct Machine {
    /// How long they are watched.
    pub days: u32,
    /// Messages a day on one lane of each.
    pub a_day: f64,
}

/// Do these streams come from one machine?
pub struct Streams;
/// Are these personas of one home?
pub struct Meeting;

/// People come and go in every workload here, or there would be nothing to see.
fn person(days: u32, rng: &mut StdRng) -> Person {
    loop {
        let online = online(Workload::Sessions, days, rng);
        if !online.is_empty() {
            return Person { online };
        }
    }
}

/// Cover is left out: it is not looked at, and most of the work. Its ticks stay.
fn without_loops(setting: &Setting) -> Setting {
    let mut quiet = *setting;
    quiet.rules.loops = false;
    if let Some(design) = &mut quiet.design {
        design.loops.on = false;
    }
    quiet
}

/// People over some days, and messages of strangers on one lane of each.
fn scene_of(people: Vec<Person>, days: u32, a_day: f64, rng: &mut StdRng) -> Scene {
    let until = f64::from(days) * DAY;
    let number = people.len();
    let mut scene = Scene { until, people, ..Scene::default() };
    for reader in 0..number {
        let (lane, _) = scene.befriend(number, reader);
        let mut at = exponential(DAY / a_day, rng);
        while at < until {
            scene.write(at, lane);
            at += exponential(DAY / a_day, rng);
        }
    }
    scene.sorted()
}

/// When the boxes of a lane were given out; `waited`: only those that had waited for their reader.
fn given(run: &Run, lane: usize, waited: bool) -> Vec<Seconds> {
    let of_lane = |one: &&Seen| run.boxes.get(&one.id).is_some_and(|truth| truth.lane == Some(lane));
    let mut put = std::collections::HashMap::new();
    let mut given = Vec::new();
    for one in run.seen.iter().filter(|one| !one.again).filter(of_lane) {
        match one.operation {
            Operation::Put => drop(put.insert(one.id, one.at)),
            Operation::Get if !waited => given.push(one.at),
            Operation::Get if put.get(&one.id).is_some_and(|put| one.at - put > WAITED) => given.push(one.at),
            _ => {}
        }
    }
    given
}

impl Game for Presence {
    fn name(&self) -> &'static str {
        "presence"
    }

    fn observer(&self) -> &'static str {
        "relay"
    }

    fn goal(&self, _: &Setting) -> Option<f64> {
        None
    }

    fn off(&self, mut setting: Setting) -> Setting {
        setting.rules.drains = true;
        without(setting, Rule::SlowNames)
    }

    fn play(&self, setting: &Setting, rng: &mut StdRng) -> Option<Sample> {
        let people = vec![person(self.days, rng), person(self.days, rng)];
        let scene = scene_of(people, self.days, self.a_day, rng);
        let run = schedule(&without_loops(setting)).run(&scene, rng);
        let gets = given(&run, 0, false);
        if gets.is_empty() {
            return None;
        }
        let bit: bool = rng.r#gen();
        let shown = if bit { [0, 1] } else { [1, 0] };
        let [a, b] = shown.map(|one| {
            let named = times(&run, run.names[one]);
            // Of the named requests those with a get nearby, and of the gets those with a named request nearby.
            let share = |these: &[Seconds], those: &[Seconds], near: Seconds| {
                let hits = these.iter().filter(|at| nearest(those, **at) < near).count();
                hits as f64 / these.len().max(1) as f64
            };
            NEAR.map(|near| share(&gets, &named, near) + share(&named, &gets, near))
        });
        let differences = [a[1] - b[1], a[0] - b[0], a[2] - b[2]].map(|number| number as f32);
        Some((differences.to_vec(), bit))
    }
}

impl Game for Machine {
    fn name(&self) -> &'static str {
        "machine"
    }

    fn observer(&self) -> &'static str {
        "relay"
    }

    fn goal(&self, _: &Setting) -> Option<f64> {
        None
    }

    fn off(&self, mut setting: Setting) -> Setting {
        setting.rules.start_delay = false;
        without(without(setting, Rule::StaggeredStarts), Rule::SlowNames)
    }

    fn play(&self, setting: &Setting, rng: &mut StdRng) -> Option<Sample> {
        let (here, there) = (person(self.days, rng), person(self.days, rng));
        // The second persona of a machine, and of another one: neither is the one in use.
        let people = vec![here.clone(), second(&here, setting, rng), second(&there, setting, rng)];
        let scene = scene_of(people, self.days, self.a_day, rng);
        let run = schedule(&without_loops(setting)).run(&scene, rng);
        // A start shows where a persona is named again after an absence, or gets what waited.
        let starts: Vec<Vec<Seconds>> = run
            .names
            .iter()
            .enumerate()
            .map(|(who, name)| {
                let mut shown = times(&run, *name);
                shown.extend(given(&run, 2 * who, true));
                shown.sort_by(f64::total_cmp);
                starts(&shown)
            })
            .collect();
        let bit: bool = rng.r#gen();
        let shown = if bit { [1, 2] } else { [2, 1] };
        let staggered = setting.design.is_some_and(|design| design.rules.has(Rule::StaggeredStarts));
        let spread = if staggered { STAGGER } else { 60.0 };
        let [a, b] = shown.map(|other| common(&starts[0], &starts[other], spread));
        let [c, d] = shown.map(|other| common(&starts[0], &starts[other], spread / 4.0));
        Some((vec![(a - b) as f32, (c - d) as f32, starts[0].len() as f32], bit))
    }
}

/// Each but the persona in use starts after an exponential wait with this mean.
const STAGGER: Seconds = 20.0 * 60.0;

/// Another persona of a machine.
fn second(person: &Person, setting: &Setting, rng: &mut StdRng) -> Person {
    let staggered = setting.design.is_some_and(|design| design.rules.has(Rule::StaggeredStarts));
    if !staggered {
        return person.clone();
    }
    let late = person.online.iter().map(|(from, to)| (from + exponential(STAGGER, rng), *to));
    Person { online: late.filter(|(from, to)| from < to).collect() }
}

/// All times at which a persona is named.
fn times(run: &Run, name: Id) -> Vec<Seconds> {
    let named = |one: &&Seen| one.operation.names_a_persona() && one.id == name;
    run.seen.iter().filter(named).map(|one| one.at).collect()
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

/// The likelihood that the other starts follow these within about `spread`, against four starts a day by chance.
fn common(these: &[Seconds], others: &[Seconds], spread: Seconds) -> f64 {
    let rate = 4.0 / DAY;
    these.iter().map(|at| (1.0 + (-nearest(others, *at) / spread).exp() / (2.0 * spread) / rate).ln()).sum()
}

impl Game for Streams {
    fn name(&self) -> &'static str {
        "streams"
    }

    fn observer(&self) -> &'static str {
        "exit, Gun relay"
    }

    fn goal(&self, _: &Setting) -> Option<f64> {
        Some(0.05)
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

    fn goal(&self, _: &Setting) -> Option<f64> {
        Some(0.05)
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
