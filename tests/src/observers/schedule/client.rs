//! One client of today's schedule: what is due, and which of it a tick takes.
//!
//! The shares and their order are those of `choose` in daemon/src/engine/plan.rs; loop boxes are those of
//! daemon/src/engine/loop_lane.rs; the window is that of protocol/src/limits.rs (`WINDOW`).

use std::collections::{HashMap, HashSet};

use rand::Rng;
use rand::rngs::StdRng;

use crate::observers::clocks::Seconds;
use crate::observers::trace::Id;

/// Places of a lane that are asked for while its window is open.
pub(super) const WINDOW: u64 = 8;
/// `plan::MOST_GETS`.
const MOST_GETS: usize = 256;
/// `plan::FAVOURED`.
const FAVOURED: usize = 16;
/// `loop_lane::MOST`.
const MOST_LOOPS: usize = 4;
/// Shares of `plan`: heads in two halves, the window, receipts, first contact, descriptors, deletions.
const HALF_OF_HEADS: u32 = 4;
const REST: u32 = 4;
const ACKS: u32 = 4;
const FIRST_CONTACT: u32 = 4;
const DESCRIBES: u32 = 8;
const DELETES: u32 = 1;

/// A lane that the client reads.
#[derive(Clone, Debug, Default)]
pub(super) struct Reading {
    pub(super) lane: usize,
    /// The lowest place that is missing.
    pub(super) head: u64,
    /// Places behind it that came already.
    pub(super) got: HashSet<u64>,
    /// Asked for, without an answer yet.
    pub(super) under_way: HashSet<u64>,
    /// Not asked for again before.
    pub(super) paused: HashMap<u64, Seconds>,
    pub(super) active_until: Seconds,
    pub(super) used_at: Seconds,
}

/// A loop's box.
#[derive(Clone, Debug)]
pub(super) struct LoopBox {
    pub(super) id: Id,
    pub(super) stage: u8,
    pub(super) waiting: bool,
}

/// What a tick does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Step {
    Get { reading: usize, place: u64 },
    Ack(usize),
    Fetch(usize),
    Deposit(usize),
    Describe,
    Publish,
    Delete(Id),
    Loop(usize),
    Nothing,
}

/// The state of one client.
#[derive(Clone, Debug, Default)]
pub(super) struct Client {
    pub(super) online: bool,
    /// Grows with each start: what belongs to an earlier run of the daemon is dropped.
    pub(super) epoch: u32,
    /// When its link is up after a start.
    pub(super) up_at: Seconds,
    pub(super) reading: Vec<Reading>,
    /// Lanes that owe a receipt, and from when on.
    pub(super) acks: Vec<(Seconds, usize)>,
    /// Lanes whose reader's bundle is to be fetched, and from when on.
    pub(super) joins: Vec<(Seconds, usize)>,
    pub(super) deposits: Vec<usize>,
    pub(super) deletes: Vec<(Seconds, Id)>,
    pub(super) loops: Vec<LoopBox>,
    /// The descriptor of this day is there.
    pub(super) described: bool,
    pub(super) describing: bool,
    pub(super) publish: bool,
}

impl Reading {
    /// The missing places that may be asked for now, lowest first.
    fn wanted(&self, now: Seconds) -> impl Iterator<Item = u64> + '_ {
        (self.head..self.head + WINDOW)
            .filter(|place| !self.got.contains(place))
            .filter(move |place| self.paused.get(place).is_none_or(|until| *until <= now))
    }

    /// A box came.
    pub(super) fn take(&mut self, place: u64) {
        self.under_way.remove(&place);
        self.got.insert(place);
        while self.got.remove(&self.head) {
            self.paused.remove(&self.head);
            self.head += 1;
        }
    }
}

impl Client {
    /// One tick: `plan::choose`, and a loop box where nothing is due.
    pub(super) fn choose(&self, now: Seconds, loops: bool, rng: &mut StdRng) -> Step {
        let mut kinds: Vec<(u32, Vec<Step>)> = Vec::new();
        let mut offer = |share, steps: Vec<Step>| {
            if !steps.is_empty() {
                kinds.push((share, steps));
            }
        };
        if self.described {
            let (heads, rest) = self.gets(now);
            offer(HALF_OF_HEADS, heads.iter().take(FAVOURED).copied().collect());
            offer(HALF_OF_HEADS, heads);
            offer(REST, rest);
            offer(ACKS, due(&self.acks, now, Step::Ack));
            offer(FIRST_CONTACT, self.deposits.iter().copied().map(Step::Deposit).collect());
            offer(FIRST_CONTACT, due(&self.joins, now, Step::Fetch));
            offer(FIRST_CONTACT, if self.publish { vec![Step::Publish] } else { Vec::new() });
            offer(DELETES, due(&self.deletes, now, Step::Delete));
        } else if !self.describing {
            offer(DESCRIBES, vec![Step::Describe]);
        }
        let all: u32 = kinds.iter().map(|(share, _)| share).sum();
        if all > 0 {
            let mut place = rng.gen_range(0..all);
            for (share, steps) in &kinds {
                if place < *share {
                    return steps[rng.gen_range(0..steps.len())];
                }
                place -= share;
            }
        }
        if !(loops && self.described) {
            return Step::Nothing;
        }
        match self.loops.iter().position(|slot| !slot.waiting) {
            Some(slot) => Step::Loop(slot),
            None if self.loops.len() < MOST_LOOPS => Step::Loop(self.loops.len()),
            None => Step::Nothing,
        }
    }

    /// The heads of all lanes, those used last first, and the places behind the heads of open windows.
    fn gets(&self, now: Seconds) -> (Vec<Step>, Vec<Step>) {
        let (mut heads, mut rest) = (Vec::new(), Vec::new());
        if self.reading.iter().map(|lane| lane.under_way.len()).sum::<usize>() >= MOST_GETS {
            return (heads, rest);
        }
        let mut order: Vec<usize> = (0..self.reading.len()).collect();
        order.sort_by(|a, b| self.reading[*b].used_at.total_cmp(&self.reading[*a].used_at));
        for reading in order {
            let lane = &self.reading[reading];
            let mut wanted = lane.wanted(now);
            let step = |place| Step::Get { reading, place };
            let Some(head) = wanted.next() else { continue };
            if !lane.under_way.contains(&head) {
                heads.push(step(head));
            }
            if lane.active_until > now {
                rest.extend(wanted.filter(|place| !lane.under_way.contains(place)).map(step));
            }
        }
        (heads, rest)
    }

    /// A start after a crash: what was under way begins again, loop boxes are forgotten.
    pub(super) fn restart(&mut self) {
        self.epoch += 1;
        self.loops.clear();
        self.describing = false;
        for lane in &mut self.reading {
            lane.under_way.clear();
            lane.paused.clear();
        }
    }
}

fn due<T: Copy>(all: &[(Seconds, T)], now: Seconds, step: impl Fn(T) -> Step) -> Vec<Step> {
    all.iter().filter(|(at, _)| *at <= now).map(|(_, one)| step(*one)).collect()
}
