//! Games of a passive relay about boxes and lanes: `loop`, `order`, `pair`.
//!
//! - `loop` (finding 3): is this box a loop's? Two contacts come and go for a day and write while they are online. The score
//!   is whether it was put or asked for first; the trees see gaps, requests before and after, the age when it was given
//!   out, and the deletion.
//! - `order` (finding 4): two held gets are answered, on lanes of two readers, as close together as two answers are at a
//!   relay with that many users. Which of the two next new ids belongs to which? With exponential waits the likelihoods
//!   of both orders are equal where both are possible, so the schedule is safe as far as the waits are longer than the gap
//!   (`naming` has the game of naming one among all).
//! - `pair` (finding 4): which of two live lanes is the other direction of this one? Score: the log-likelihood over all
//!   boxes that a put follows as a receipt would, `Σ log(1 + f(d)/λ)`. The share of puts that are followed within
//!   eight ticks is the disclosure attack on sealed senders (Martiny et al., "Improving Signal's Sealed Sender", NDSS
//!   2021), as a baseline.

use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;

use super::{Game, Setting, schedule, without};
use crate::observers::attack::Sample;
use crate::observers::clocks::Seconds;
use crate::observers::schedule::design::Rule;
use crate::observers::schedule::{Person, Scene, Schedule};
use crate::observers::trace::{Id, Index, Operation, Run, Seen};
use crate::observers::workload::{DAY, Message, Workload, conversation, exponential, online};

const SPAN: Seconds = 1800.0;
/// How long the people of `loop` come and go; those who are always online are watched for a sixth of it.
const LOOP_SPAN: Seconds = DAY + 7200.0;
/// Messages of the two of `loop`, for each that an online persona writes.
const WRITES: f64 = 3.0;
/// What is put in the last part of a run may get its get or its receipt after the end.
const TAIL: Seconds = 150.0;

/// Is this box a loop's?
pub struct Loops;
/// Which of two ids follows on which of two lanes?
pub struct Order;
/// Which lane is the other direction?
pub struct Pair;

impl Game for Loops {
    fn name(&self) -> &'static str {
        "loop"
    }

    fn observer(&self) -> &'static str {
        "relay"
    }

    fn goal(&self, _: &Setting) -> Option<f64> {
        Some(0.05)
    }

    fn off(&self, setting: Setting) -> Setting {
        without(setting, Rule::LivingLoops)
    }

    fn play(&self, setting: &Setting, rng: &mut StdRng) -> Option<Sample> {
        let mut scene = Scene { until: LOOP_SPAN, ..Scene::default() };
        for _ in 0..2 {
            let online = match setting.workload {
                Workload::Sessions => online(Workload::Sessions, 1, rng),
                Workload::Uniform => vec![(0.0, LOOP_SPAN / 6.0)],
            };
            scene.people.push(Person { online });
        }
        let (there, back) = scene.befriend(0, 1);
        for (who, person) in scene.people.clone().iter().enumerate() {
            for span in &person.online {
                for message in conversation(setting.workload, *span, WRITES * setting.per_hour, rng) {
                    scene.write(message.at, if message.from_first == (who == 0) { there } else { back });
                }
            }
        }
        let run = schedule(setting).run(&scene.sorted(), rng);
        self.ask(&run, &Index::of(&run.seen), rng)
    }

    fn ask(&self, run: &Run, index: &Index, rng: &mut StdRng) -> Option<Sample> {
        let bit: bool = rng.r#gen();
        let end = run.seen.last()?.at - TAIL;
        let mut boxes: Vec<Id> = index
            .firsts
            .iter()
            .filter(|(id, firsts)| {
                run.is_loop(**id) == Some(bit)
                    && firsts.put.is_some_and(|put| (run.from + 60.0..end).contains(&put))
            })
            .map(|(id, _)| *id)
            .collect();
        // Maps have no order that repeats.
        boxes.sort_unstable();
        let firsts = index.firsts.get(boxes.choose(rng)?)?;
        let (put, get) = (firsts.put?, firsts.get);
        let gap = get.map_or(1e6, |get| get - put);
        let score = if gap < 0.0 { -1.0 } else { 1.0 / (1.0 + gap / 60.0) };
        let deleted = firsts.delete.map_or(-1.0, |delete| delete - put);
        let since = firsts.last_ahead.map_or(1e6, |last| put - last);
        let age = firsts.after.map_or(-1.0, |after| after - put);
        let times = [score, gap, deleted, since, age].map(|number| number as f32);
        Some(([&times[..], &[firsts.gets as f32, firsts.asked_ahead as f32]].concat(), bit))
    }
}

impl Game for Order {
    fn name(&self) -> &'static str {
        "order"
    }

    fn observer(&self) -> &'static str {
        "relay"
    }

    fn goal(&self, _: &Setting) -> Option<f64> {
        None
    }

    fn off(&self, mut setting: Setting) -> Setting {
        setting.rules.refill = None;
        // Among many users two answers may come together, and then nothing tells them apart whatever the rules are.
        setting.users = setting.users.min(20);
        setting
    }

    fn play(&self, setting: &Setting, rng: &mut StdRng) -> Option<Sample> {
        let mut scene = Scene::of_people(4, 400.0);
        let (first, _) = scene.befriend(0, 1);
        let (second, _) = scene.befriend(2, 3);
        let answers = f64::from(setting.users) * setting.per_hour / 3600.0;
        // Among cover of all users two answers are never the only ones: `naming` asks about that.
        if setting.design.is_some() {
            return None;
        }
        scene.write(100.0, first);
        scene.write(100.0 + exponential(1.0 / answers, rng).min(200.0), second);
        let run = schedule(setting).run(&scene.sorted(), rng);
        self.ask(&run, &Index::of(&run.seen), rng)
    }

    fn ask(&self, run: &Run, index: &Index, rng: &mut StdRng) -> Option<Sample> {
        // An answer of a message and the first new id on its lane after it.
        let lane_of = |id: &Id| run.boxes.get(id).and_then(|truth| truth.lane);
        let mut steps = index.wakes.iter().filter(|(at, _)| *at > run.from).filter_map(|(at, id)| {
            run.boxes.get(id).filter(|truth| truth.message)?;
            let lane = lane_of(id)?;
            let next = index.new_after(*at).find(|(_, next)| lane_of(next) == Some(lane))?;
            Some((*at, run.lanes.get(lane)?.1, next.0))
        });
        let pairs: Vec<_> = std::iter::from_fn({
            let mut last = None;
            move || {
                let step = steps.next()?;
                Some((last.replace(step), step))
            }
        })
        .filter_map(|(before, after)| {
            before.filter(|before| before.1 != after.1).map(|before| (before, after))
        })
        .collect();
        let ((t, _, x), (s, _, y)) = *pairs.choose(rng)?;
        let bit: bool = rng.r#gen();
        // The ids are shown in an order that the bit decides; 1: the first belongs to the first answer.
        let (one, two) = if bit { (x, y) } else { (y, x) };
        let likely = |wait: f64| if wait < 0.0 { -50.0 } else { -wait / 8.0 };
        let score = likely(one - t) + likely(two - s) - likely(two - t) - likely(one - s);
        Some((
            vec![score as f32, (one - two) as f32, (one - t) as f32, (two - t) as f32, (s - t) as f32],
            bit,
        ))
    }
}

impl Game for Pair {
    fn name(&self) -> &'static str {
        "pair"
    }

    fn observer(&self) -> &'static str {
        "relay"
    }

    fn goal(&self, _: &Setting) -> Option<f64> {
        None
    }

    fn off(&self, mut setting: Setting) -> Setting {
        setting.rules.receipts_wait = false;
        without(setting, Rule::ClockedReceipts)
    }

    fn play(&self, setting: &Setting, rng: &mut StdRng) -> Option<Sample> {
        let mut scene = Scene::of_people(4, SPAN);
        let lanes = scene.befriend(0, 1);
        converse(&mut scene, lanes, setting, 40.0, rng);
        let others = scene.befriend(2, 3);
        converse(&mut scene, others, setting, 40.0, rng);
        let run = schedule(setting).run(&scene.sorted(), rng);
        self.ask(&run, &Index::of(&run.seen), rng)
    }

    fn ask(&self, run: &Run, _: &Index, rng: &mut StdRng) -> Option<Sample> {
        let mut puts = vec![Vec::new(); run.lanes.len()];
        let put = |one: &&Seen| one.operation == Operation::Put && !one.again && one.at > run.from;
        for one in run.seen.iter().filter(put) {
            if let Some(lane) = run.boxes.get(&one.id).and_then(|truth| truth.lane) {
                puts[lane].push(one.at);
            }
        }
        let live: Vec<usize> = (0..puts.len()).filter(|lane| puts[*lane].len() >= 3).collect();
        let lane = *live.choose(rng)?;
        let back = run.lanes.get(lane)?.2;
        let decoys: Vec<usize> = live.iter().copied().filter(|one| *one != lane && *one != back).collect();
        let decoy = *decoys.choose(rng)?;
        let bit: bool = rng.r#gen();
        let (one, two) = if bit { (back, decoy) } else { (decoy, back) };
        let [a, b] = [one, two].map(|other| follows(&puts[lane], &puts[other], run.tick));
        Some((vec![(a.0 - b.0) as f32, (a.1 - b.1) as f32, puts[lane].len() as f32], bit))
    }
}

/// How likely puts on the other lane follow those on this one, and how many do within eight ticks.
fn follows(these: &[Seconds], others: &[Seconds], tick: Seconds) -> (f64, f64) {
    let span = others.last().zip(others.first()).map_or(1.0, |(last, first)| (last - first).max(1.0));
    let rate = others.len() as f64 / span;
    let (mut score, mut near) = (0.0, 0.0);
    for at in these {
        let Some(next) = others.get(others.partition_point(|other| other <= at)) else { continue };
        let wait = next - at;
        // `Times::ack_delay`: two ticks, then a tick that takes it.
        let (due, mean) = (2.0 * tick, 1.5 * tick);
        let density = if wait < due { 0.0 } else { (-(wait - due) / mean).exp() / mean };
        score += (1.0 + density / rate).ln();
        near += f64::from(u8::from(wait < 8.0 * tick));
    }
    (score, near / these.len().max(1) as f64)
}

/// A conversation over the whole scene, with at least one message.
fn converse(
    scene: &mut Scene,
    (there, back): (usize, usize),
    setting: &Setting,
    per_hour: f64,
    rng: &mut StdRng,
) {
    let mut messages = conversation(setting.workload, (120.0, SPAN - TAIL), per_hour, rng);
    if messages.is_empty() {
        messages.push(Message { at: rng.gen_range(120.0..SPAN - TAIL), from_first: true });
    }
    for message in messages {
        scene.write(message.at, if message.from_first { there } else { back });
    }
}

/// How often the first new id after an answer is of the same lane: what finding 4 counts, over a whole population.
pub fn named_next(run: &Run, index: &Index) -> (u64, u64) {
    let (mut right, mut all) = (0, 0);
    for (at, id) in &index.wakes {
        let Some(truth) = run.boxes.get(id) else { continue };
        let Some((_, next)) = index.new_after(*at).find(|(_, next)| run.is_loop(*next) != Some(true)) else {
            continue;
        };
        all += 1;
        right += u64::from(run.boxes.get(&next).is_some_and(|next| next.lane == truth.lane));
    }
    (right, all)
}
