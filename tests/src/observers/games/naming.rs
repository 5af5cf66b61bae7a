//! Games of naming one among all: `next`, `next-idle`, `receipt`.
//!
//! The relay saw something of a lane at one time; which of all later requests at the relay follows from it? Two people are
//! simulated exactly; of the other users come as many answers, new ids and puts as these two make, as Poisson streams,
//! with the same waits. Two attacks: *forward* takes the request whose wait is the likeliest, *back* takes a request and
//! asks which answer it followed. The number is the share of right names, not an advantage over a coin.
//!
//! Nobody can do better than (1 − e^−x)/x on average where waits are exponential with mean w and answers come at a rate μ,
//! x = μw: of those whose refill is still to come each is equally likely the one that comes now.

use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;

use super::{Game, Setting, schedule, without};
use crate::observers::attack::Sample;
use crate::observers::clocks::Seconds;
use crate::observers::schedule::design::Rule;
use crate::observers::schedule::{Scene, Schedule};
use crate::observers::trace::{Id, Index, Operation, Run};
use crate::observers::workload::{conversation, exponential};

const SPAN: Seconds = 2400.0;
/// The first part, in which loops begin.
const FROM: Seconds = 300.0;
/// A conversation, in messages an hour.
const TALK: f64 = 60.0;
/// What comes later than this is not looked at.
const LATEST: Seconds = 300.0;
/// Means of the two waits that the attacks assume: one's own, and for the clock.
const WAITS: (Seconds, Seconds) = (8.0, 5.0);
/// Under the schedule of 2026-11-26: for a tick that takes it.
const TODAY: (Seconds, Seconds) = (2.0, 0.0);
/// A receipt waits for the clock only.
const CLOCK: (Seconds, Seconds) = (7.0, 0.0);

/// Which id follows on this lane?
pub struct Next {
    /// After the first message of an idle lane, which was listed; otherwise after a held get.
    pub idle: bool,
}

/// Which put is the receipt of this message of an idle lane?
pub struct Receipt;

/// What is to be named, and what there is beside it.
pub(crate) struct Question {
    /// The wait that is asked about.
    wait: Seconds,
    /// The waits of others.
    waits: Vec<Seconds>,
    /// Causes and effects a second of the others.
    causes: f64,
    effects: f64,
    /// Means of the waits that the attacks assume.
    means: (Seconds, Seconds),
}

impl Question {
    fn answer(&self, rng: &mut StdRng) -> Sample {
        let likely = |wait: Seconds| {
            let (own, clock) = self.means;
            if clock == 0.0 { -wait } else { ((-wait / own).exp() - (-wait / clock).exp()).ln() }
        };
        let mine = likely(self.wait);
        let stream = |rate: f64, rng: &mut StdRng| {
            let (mut at, mut best) = (exponential(1.0 / rate, rng), f64::NEG_INFINITY);
            while at < LATEST {
                best = best.max(likely(at));
                at += exponential(1.0 / rate, rng);
            }
            best
        };
        let (forward, back) = (stream(self.effects, rng), stream(self.causes, rng));
        (vec![f32::from(u8::from(mine > forward)), f32::from(u8::from(mine > back))], true)
    }

    /// (1 − e^−x)/x.
    pub(crate) fn closed_form(&self) -> f64 {
        let mean = self.waits.iter().sum::<f64>() / self.waits.len().max(1) as f64;
        closed_form(self.causes * mean)
    }
}

/// (1 − e^−x)/x.
pub fn closed_form(x: f64) -> f64 {
    if x < 1e-9 { 1.0 } else { (1.0 - (-x).exp()) / x }
}

impl Next {
    pub(crate) fn question(&self, setting: &Setting, rng: &mut StdRng) -> Option<Question> {
        let mut scene = Scene::of_people(2, SPAN);
        let (there, back) = scene.befriend(0, 1);
        if self.idle {
            let at = rng.gen_range(FROM..SPAN - LATEST);
            scene.write(at, there);
        } else {
            for message in conversation(setting.workload, (FROM, SPAN - LATEST), TALK, rng) {
                scene.write(message.at, if message.from_first { there } else { back });
            }
        }
        let run = schedule(setting).run(&scene.sorted(), rng);
        let index = Index::of(&run.seen);
        let lane_of = |id: &Id| run.boxes.get(id).and_then(|truth| truth.lane);
        let given = index.firsts.iter().filter_map(|(id, firsts)| Some((firsts.after?, *id)));
        let listed: Vec<(Seconds, Id)> = given.collect();
        // Without a digest the first message finds a get that waits.
        let causes = if self.idle && setting.design.is_some() { &listed } else { &index.wakes };
        let mut waits: Vec<Seconds> = causes
            .iter()
            .filter_map(|(at, id)| {
                let lane = lane_of(id)?;
                let mut next = index.new_after(*at).filter(|(_, next)| lane_of(next) == Some(lane));
                next.next().map(|(when, _)| when - at)
            })
            .filter(|wait| *wait < LATEST)
            .collect();
        waits.shuffle(rng);
        let wait = waits.pop()?;
        let others = f64::from(setting.users.max(3) - 2) / 2.0 / (SPAN - FROM);
        let late = |all: &[(Seconds, Id)]| all.iter().filter(|(at, _)| *at > FROM).count() as f64;
        Some(Question {
            wait,
            waits,
            // Answers of both kinds look the same to who asks what a new id followed.
            causes: others * (late(&index.wakes) + late(&listed)).max(1.0),
            effects: others * late(&index.new_gets).max(1.0),
            means: if setting.design.is_some() { WAITS } else { TODAY },
        })
    }
}

impl Game for Next {
    fn name(&self) -> &'static str {
        if self.idle { "next-idle" } else { "next" }
    }

    fn observer(&self) -> &'static str {
        "relay"
    }

    fn goal(&self, _: &Setting) -> Option<f64> {
        self.idle.then_some(0.05)
    }

    fn names(&self) -> bool {
        true
    }

    fn off(&self, mut setting: Setting) -> Setting {
        setting.design = None;
        // Among many users answers come together whatever the rules are.
        setting.users = 3;
        setting
    }

    fn play(&self, setting: &Setting, rng: &mut StdRng) -> Option<Sample> {
        Some(self.question(setting, rng)?.answer(rng))
    }
}

impl Game for Receipt {
    fn name(&self) -> &'static str {
        "receipt"
    }

    fn observer(&self) -> &'static str {
        "relay"
    }

    fn goal(&self, _: &Setting) -> Option<f64> {
        Some(0.05)
    }

    fn names(&self) -> bool {
        true
    }

    fn off(&self, mut setting: Setting) -> Setting {
        setting.users = 3;
        without(setting, Rule::ClockedReceipts)
    }

    fn play(&self, setting: &Setting, rng: &mut StdRng) -> Option<Sample> {
        let mut scene = Scene::of_people(2, SPAN);
        let (there, back) = scene.befriend(0, 1);
        let said = rng.gen_range(FROM..SPAN - LATEST);
        scene.write(said, there);
        let run = schedule(setting).run(&scene, rng);
        let first = |operation, lane, from: Seconds| {
            run.seen.iter().find(|one| {
                one.operation == operation
                    && one.at > from
                    && run.boxes.get(&one.id).is_some_and(|truth| truth.lane == Some(lane))
            })
        };
        let given = given(&run, there, said)?;
        let wait = first(Operation::Put, back, given)?.at - given;
        let others = f64::from(setting.users.max(3) - 2) / 2.0 / (SPAN - FROM);
        let puts = run.seen.iter().filter(|one| one.operation == Operation::Put && one.at > FROM).count();
        let rate = others * puts.max(1) as f64;
        let question = Question { wait, waits: Vec::new(), causes: rate, effects: rate, means: CLOCK };
        Some(question.answer(rng))
    }
}

/// When the relay gave out the box that was put into a lane after a time.
fn given(run: &Run, lane: usize, from: Seconds) -> Option<Seconds> {
    let put = run.seen.iter().find(|one| {
        one.operation == Operation::Put
            && one.at > from
            && run.boxes.get(&one.id).is_some_and(|truth| truth.lane == Some(lane))
    })?;
    let after =
        run.seen.iter().find(|one| one.operation == Operation::Get && one.id == put.id && one.at > put.at);
    // A held get is answered when the box is put.
    Some(after.map_or(put.at, |one| one.at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closed_form_falls_with_what_comes_between() {
        assert!((closed_form(0.0) - 1.0).abs() < 1e-9);
        assert!((closed_form(1.0) - 0.632).abs() < 1e-3);
        assert!(closed_form(100.0) < 0.0101);
    }
}
