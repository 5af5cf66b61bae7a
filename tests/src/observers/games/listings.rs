//! Games about listings and lost packets: `colisting`, `digest`, `flips`.
//!
//! - `colisting`: two boxes are put in one interval, twenty times. Are their lanes read by one client? The score is the
//!   likelihood ratio of the distances between the two gets, learned for the same rules. Under the schedule of
//!   2026-11-26 the relay acts (`relays::Denied`).
//! - `digest`: a client starts. Did it miss three hours, or nothing? The relay sees how `news` and `page` are asked for
//!   in the ten minutes after.
//! - `flips`: a gateway drops one answer of a client; the relay looks for the exchange that comes again, among those of
//!   all users that come again because a packet was lost by itself.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock};

use rand::Rng;
use rand::rngs::StdRng;

use super::{Game, Setting, relays, without};
use crate::observers::attack::Sample;
use crate::observers::clocks::Seconds;
use crate::observers::schedule::design::{Design, Rule};
use crate::observers::schedule::new::New;
use crate::observers::schedule::{Scene, Schedule};
use crate::observers::stats::{Use, rng_of};
use crate::observers::trace::Operation;
use crate::observers::workload::exponential;

/// Boxes put together, and the time between two such events: longer than holds and live lanes last.
const EVENTS: usize = 20;
const APART: Seconds = 600.0;
/// Ends of the bins of distances.
const BINS: [Seconds; 14] = [0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 10.0, 13.0, 16.0, 20.0, 30.0, 60.0];
/// Packets that get lost by themselves: an assumption.
const LOST: f64 = 0.005;

/// Do these lanes belong to one client?
pub struct Colisting;
/// Who starts after a long absence?
pub struct Digest;
/// Whose is the exchange whose answer was dropped?
pub struct Flips;

type Counts = [f64; BINS.len() + 1];

impl Game for Colisting {
    fn name(&self) -> &'static str {
        "colisting"
    }

    fn observer(&self) -> &'static str {
        "active relay"
    }

    fn goal(&self, _: &Setting) -> Option<f64> {
        Some(0.05)
    }

    fn off(&self, mut setting: Setting) -> Setting {
        setting.design = None;
        relays::Denied.off(setting)
    }

    fn play(&self, setting: &Setting, rng: &mut StdRng) -> Option<Sample> {
        let Some(design) = setting.design else { return relays::Denied.play(setting, rng) };
        let ratios = ratios(&design);
        let same: bool = rng.r#gen();
        let counts = distances(&design, same, rng);
        let score: f64 = counts.iter().zip(ratios.iter()).map(|(count, ratio)| count * ratio).sum();
        let numbers = std::iter::once(score as f32).chain(counts.iter().map(|count| *count as f32));
        Some((numbers.collect(), same))
    }
}

/// How often the gets of two boxes that were put together are so far apart.
fn distances(design: &Design, same: bool, rng: &mut StdRng) -> Counts {
    let mut scene = Scene::of_people(2, (EVENTS + 1) as f64 * APART);
    let lanes = [scene.befriend(2, 0).0, scene.befriend(2, usize::from(!same)).0];
    // Others write to either reader: they have a life beside these lanes.
    for event in 0..EVENTS {
        // In one interval, whatever the time of the way.
        let at = ((event + 1) as f64 * APART / design.interval).floor() * design.interval + 2.0;
        for lane in lanes {
            scene.write(at, lane);
        }
    }
    let run = New(*design).run(&scene, rng);
    let mut gets: [Vec<(Seconds, u64)>; 2] = Default::default();
    for one in run.seen.iter().filter(|one| one.operation == Operation::Get) {
        let Some(truth) = run.boxes.get(&one.id) else { continue };
        if let Some(number) = lanes.iter().position(|lane| truth.lane == Some(*lane)) {
            gets[number].push((one.at, truth.place));
        }
    }
    let mut counts = [0.0; BINS.len() + 1];
    for place in 0..EVENTS as u64 {
        // The get that is answered is the last one of its place.
        let last = |all: &[(Seconds, u64)]| all.iter().rev().find(|one| one.1 == place).map(|one| one.0);
        if let (Some(a), Some(b)) = (last(&gets[0]), last(&gets[1])) {
            counts[BINS.partition_point(|end| *end < (a - b).abs())] += 1.0;
        }
    }
    counts
}

/// The logarithm of the likelihood ratio of each bin, learned once for each design.
fn ratios(design: &Design) -> Arc<Counts> {
    static LEARNED: OnceLock<Mutex<HashMap<String, Arc<Counts>>>> = OnceLock::new();
    let key = format!("{design:?}");
    let learned = LEARNED.get_or_init(Mutex::default);
    if let Some(found) = learned.lock().ok().and_then(|all| all.get(&key).cloned()) {
        return found;
    }
    let mut sums = [[1.0; BINS.len() + 1]; 2];
    for trial in 0..400 {
        let mut rng = rng_of(0xc0, "colisting", Use::Tuning, trial);
        let same = trial % 2 == 0;
        for (sum, count) in sums[usize::from(same)].iter_mut().zip(distances(design, same, &mut rng)) {
            *sum += count;
        }
    }
    let all = sums.map(|one| one.iter().sum::<f64>());
    let mut ratios = [0.0; BINS.len() + 1];
    for (bin, ratio) in ratios.iter_mut().enumerate() {
        *ratio = (sums[1][bin] / all[1] / (sums[0][bin] / all[0])).ln();
    }
    let ratios = Arc::new(ratios);
    if let Ok(mut all) = learned.lock() {
        all.insert(key, Arc::clone(&ratios));
    }
    ratios
}

impl Game for Digest {
    fn name(&self) -> &'static str {
        "digest"
    }

    fn observer(&self) -> &'static str {
        "relay"
    }

    fn goal(&self, _: &Setting) -> Option<f64> {
        Some(0.05)
    }

    fn off(&self, setting: Setting) -> Setting {
        without(setting, Rule::PagesByClock)
    }

    fn play(&self, setting: &Setting, rng: &mut StdRng) -> Option<Sample> {
        const WATCHED: Seconds = 600.0;
        const PAGES: f64 = 16.0;
        let design = setting.design?;
        let missed: bool = rng.r#gen();
        let away = if missed { 3.0 * 3600.0 } else { 10.0 };
        let mut asked = Vec::new();
        let mut at = exponential(design.walk / PAGES, rng);
        while at < WATCHED {
            asked.push(at);
            at += exponential(design.walk / PAGES, rng);
        }
        if !design.rules.has(Rule::PagesByClock) {
            // One listing for each level of what was missed, at once.
            let levels = (away / design.interval + 1.0).log2().ceil() as usize;
            asked.extend((0..levels).map(|_| rng.r#gen::<f64>()));
        }
        let within = |end: Seconds| asked.iter().filter(|at| **at < end).count() as f32;
        Some((vec![within(5.0), within(20.0), within(120.0), within(WATCHED)], missed))
    }
}

impl Game for Flips {
    fn name(&self) -> &'static str {
        "flips"
    }

    fn observer(&self) -> &'static str {
        "gateway and relay"
    }

    fn goal(&self, _: &Setting) -> Option<f64> {
        None
    }

    fn names(&self) -> bool {
        true
    }

    fn off(&self, mut setting: Setting) -> Setting {
        setting.users = 3;
        setting
    }

    fn play(&self, setting: &Setting, rng: &mut StdRng) -> Option<Sample> {
        // An exchange that has no answer is made again by the clock, after a minute on average; without a wait of its
        // own it comes again at a time that the gateway knows.
        let design = setting.design;
        let waits = design.is_some_and(|design| design.rules.has(Rule::OwnWaits));
        let a_second = design.map_or(1.0 / setting.rules.clocks.tick, |one| one.put_rate + one.get_rate);
        let again = f64::from(setting.users.max(3) - 1) * a_second * LOST;
        let others = (exponential(1.0 / again, rng), exponential(1.0 / again, rng));
        let right = if waits {
            // The next one that comes again is taken.
            exponential(60.0, rng) < others.0
        } else {
            others.1 > 2.0
        };
        Some((vec![f32::from(u8::from(right)); 2], true))
    }
}
