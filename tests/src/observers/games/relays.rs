//! Games of a relay that acts: `name`, and `colisting` as it is played against the schedule of 2026-11-26.
//!
//! - `Denied` (finding 5): the relay answers `Absent` at once to the heads of two lanes for two minutes and holds all
//!   others. One clock that serves both asks for them less often than two clocks do. Score: requests for both in that time.
//! - `name` (finding 1): the relay answers one put with `Conflict`, and watches whom a `fetch` names soon after. The score
//!   is for the persona that is fetched first within two minutes; others are fetched by chance as often as people make
//!   first contacts (one a week each is assumed).

use rand::Rng;
use rand::rngs::StdRng;

use super::{Game, Setting, schedule, without};
use crate::observers::attack::Sample;
use crate::observers::clocks::Seconds;
use crate::observers::schedule::design::Rule;
use crate::observers::schedule::{Attack, Scene, Schedule};
use crate::observers::trace::{Operation, Run};
use crate::observers::workload::{DAY, exponential};

/// How long two heads are denied.
const DENIED: Seconds = 120.0;
/// Before that, starts settle.
const BEFORE: Seconds = 300.0;
/// A fetch within this counts.
const SOON: Seconds = 120.0;
/// Lanes that a reader has beside the one or two that are denied.
const OTHER_LANES: usize = 4;

/// Do these two ids belong to one client?
pub struct Denied;
/// Whose is this lane?
pub struct Name;

impl Game for Denied {
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
        setting.rules.refill = None;
        setting
    }

    fn play(&self, setting: &Setting, rng: &mut StdRng) -> Option<Sample> {
        let mut scene = Scene::of_people(2, BEFORE + DENIED + 5.0);
        for reader in [0, 1] {
            for _ in 0..OTHER_LANES + 2 {
                scene.befriend(2, reader);
            }
        }
        let same: bool = rng.r#gen();
        let lanes = [0, if same { 2 } else { 2 * (OTHER_LANES + 2) }];
        let span = (BEFORE, BEFORE + DENIED);
        scene.attacks = lanes.iter().map(|lane| Attack::AbsentAtOnce { lane: *lane, span }).collect();
        let run = schedule(setting).run(&scene, rng);
        let mut asked = lanes.map(|lane| {
            run.seen
                .iter()
                .filter(|one| one.operation == Operation::Get && !one.again && one.at >= span.0)
                .filter(|one| run.boxes.get(&one.id).is_some_and(|truth| truth.lane == Some(lane)))
                .count()
        });
        asked.sort_unstable();
        Some((vec![(asked[0] + asked[1]) as f32, asked[0] as f32, asked[1] as f32], same))
    }
}

impl Game for Name {
    fn name(&self) -> &'static str {
        "name"
    }

    fn observer(&self) -> &'static str {
        "active relay"
    }

    fn goal(&self, _: &Setting) -> Option<f64> {
        Some(0.05)
    }

    fn off(&self, mut setting: Setting) -> Setting {
        setting.rules.believes_conflicts = true;
        without(setting, Rule::ProvenConflicts)
    }

    fn play(&self, setting: &Setting, rng: &mut StdRng) -> Option<Sample> {
        let mut scene = Scene::of_people(3, BEFORE + SOON + 10.0);
        let (lane, _) = scene.befriend(0, 1);
        scene.write(BEFORE, lane);
        scene.attacks = vec![Attack::Conflict { lane, from: BEFORE }];
        let run = schedule(setting).run(&scene, rng);
        let bit: bool = rng.r#gen();
        let shown = if bit { [1, 2] } else { [2, 1] };
        let [a, b] = shown.map(|who| fetched(&run, who).min(exponential(7.0 * DAY, rng)));
        let score = match (a < SOON, b < SOON) {
            (true, false) => 1.0,
            (false, true) => -1.0,
            _ => 0.0,
        };
        Some((vec![score, a.min(SOON) as f32, b.min(SOON) as f32], bit))
    }
}

/// How long after the lie a persona is first fetched.
fn fetched(run: &Run, who: usize) -> Seconds {
    let name = run.names.get(who).copied();
    run.seen
        .iter()
        .find(|one| one.operation == Operation::Fetch && Some(one.id) == name && one.at >= BEFORE)
        .map_or(f64::INFINITY, |one| one.at - BEFORE)
}
