//! Cover: boxes of one's own (daemon/src/engine/loops.rs), each with an id of its own.
//!
//! They go the way of all others: put, asked for ahead of time or after a listing. What is decided here is what another
//! person decides for real boxes: when one is written, and when its reader is there.

use rand::Rng;
use rand::seq::IteratorRandom;

use super::{Ask, Lane, What, World, lists};
use crate::observers::clocks::Seconds;
use crate::observers::schedule::design::Rule;
use crate::observers::workload::exponential;

/// The shortest and the longest absence of a reader.
const ABSENCE: (Seconds, Seconds) = (60.0, 2.0 * 86_400.0);
/// Boxes that are remembered.
const MOST: usize = 128;
/// An id is asked for ahead of time so often.
const MOST_AHEAD: u8 = 2;
/// Without the rule `LivingLoops`: a loop's box is asked for and deleted so soon after.
const OF_TODAY: Seconds = 2.0;

/// One box.
#[derive(Clone, Copy, Debug)]
pub(super) struct LoopBox {
    pub(super) place: u64,
    written: bool,
    asked: bool,
    ahead: (u8, Seconds),
    /// When its reader is there, if it waits for one.
    pub(super) read_at: Option<Seconds>,
}

impl World<'_> {
    pub(super) fn make_loops(&mut self, who: usize) {
        let lane = self.lanes.len();
        self.lanes.push(Lane { writer: who, reader: who, back: lane, is_loop: true, ..Lane::default() });
        self.clients[who].own = lane;
    }

    pub(super) fn put_loop(&mut self, who: usize) {
        let loops = self.design.loops;
        if !loops.on {
            return;
        }
        if !self.has(Rule::LivingLoops) {
            return self.put_loop_of_today(who);
        }
        let boxes = &mut self.clients[who].boxes;
        if self.rng.r#gen::<f64>() < loops.to_holds
            && let Some(held) = boxes.iter_mut().filter(|one| !one.written && one.asked).choose(self.rng)
        {
            held.written = true;
            let place = held.place;
            return self.put_own(who, place);
        }
        let left = |one: &LoopBox| !one.written && !one.asked && one.ahead.0 >= MOST_AHEAD;
        // Those of all ages: conversations go on after minutes and after hours.
        let numbers = boxes.iter().enumerate().filter(|(_, one)| left(one)).map(|(number, _)| number);
        let number = match self.rng.r#gen::<f64>() < loops.left {
            true if loops.left < 1.0 => numbers.choose(self.rng),
            true => numbers.min(),
            false => None,
        };
        let number = number.unwrap_or_else(|| self.add(who));
        let (prompt, u): (f64, f64) = (self.rng.r#gen(), self.rng.r#gen());
        let away = (ABSENCE.0 * (1.0 - u).powf(-1.0 / loops.tail)).min(ABSENCE.1);
        let absence = if prompt < loops.prompt { 0.0 } else { away };
        let (now, boxes) = (self.now, &mut self.clients[who].boxes);
        boxes[number].written = true;
        boxes[number].read_at = Some(now + absence);
        let place = boxes[number].place;
        let mut waiting = boxes.iter_mut().filter(|one| one.read_at.is_some_and(|at| at > now));
        if let Some(oldest) = waiting.next()
            && waiting.count() >= loops.lying
        {
            oldest.read_at = Some(now);
            let place = oldest.place;
            let due = now + exponential(self.design.wait(self.design.paged), self.rng);
            for one in self.clients[who].listed.iter_mut().filter(|one| one.2 == place) {
                one.0 = one.0.min(due);
            }
        }
        self.put_own(who, place);
    }

    fn put_own(&mut self, who: usize, place: u64) {
        let lane = self.clients[who].own;
        self.send(who, Ask::Put { lane, place, message: false });
    }

    fn add(&mut self, who: usize) -> usize {
        let lane = self.clients[who].own;
        let place = self.lanes[lane].written;
        self.lanes[lane].written += 1;
        let boxes = &mut self.clients[who].boxes;
        if boxes.len() >= MOST {
            let unused = boxes.iter().position(|one| !one.written && !one.asked);
            boxes.remove(unused.unwrap_or(0));
        }
        boxes.push(LoopBox { place, written: false, asked: false, ahead: (0, 0.0), read_at: None });
        boxes.len() - 1
    }

    /// A get tick with nothing due asks ahead for a box of one's own: again, or for a new one.
    pub(super) fn own_ahead(&mut self, who: usize) -> Option<u64> {
        if !self.has(Rule::LivingLoops) || !self.has(Rule::Ahead) || !self.design.loops.on {
            return None;
        }
        let now = self.now;
        let again = |one: &LoopBox| {
            !one.written && !one.asked && (1..MOST_AHEAD).contains(&one.ahead.0) && one.ahead.1 <= now
        };
        let number = match self.clients[who].boxes.iter().position(again) {
            Some(number) => number,
            None => self.add(who),
        };
        let one = &mut self.clients[who].boxes[number];
        one.asked = true;
        one.ahead.0 += 1;
        Some(one.place)
    }

    /// The hold of a box of one's own ended, or an answer came.
    pub(super) fn own_landed(&mut self, who: usize, place: u64, came: bool) {
        let again = self.now + exponential(self.design.wait(self.design.refill), self.rng);
        let boxes = &mut self.clients[who].boxes;
        if came {
            return boxes.retain(|one| one.place != place);
        }
        if let Some(one) = boxes.iter_mut().find(|one| one.place == place) {
            one.asked = false;
            one.ahead.1 = again;
        }
    }

    /// After a restart nothing is asked for that was asked ahead.
    pub(super) fn own_restart(&mut self, who: usize) {
        self.clients[who].boxes.retain(|one| one.written);
    }

    pub(super) fn absent_until(&self, who: usize, place: u64) -> Seconds {
        let found = self.clients[who].boxes.iter().find(|one| one.place == place);
        found.and_then(|one| one.read_at).unwrap_or(0.0)
    }

    fn put_loop_of_today(&mut self, who: usize) {
        let lane = self.clients[who].own;
        let number = self.add(who);
        let place = self.clients[who].boxes[number].place;
        self.put_own(who, place);
        let id = self.id(lane, place);
        let due = self.now + exponential(OF_TODAY, self.rng);
        self.at(due, What::Learn { lane, place, how: lists::How::Page });
        if !self.has(Rule::NoDeletes) {
            self.clients[who].deletes.push((due + exponential(OF_TODAY, self.rng), id));
        }
    }
}
