//! Schedules: what a client sends to a relay, and when. A schedule turns a scene into a run.
//!
//! The scene says what people do and what the relay does to them; the schedule is the code under test, rebuilt. `today`
//! is the code of `daemon/src/engine` on 2026-11-26; `new` is the design that came after it, whose rules are in `design`.

pub mod client;
pub mod design;
pub mod new;
pub mod today;

use std::cmp::Ordering;

use rand::rngs::StdRng;

use super::clocks::{Clocks, Seconds};
use super::trace::Run;
use super::workload::Span;

/// One client with one persona.
#[derive(Clone, Debug, Default)]
pub struct Person {
    /// When its daemon runs.
    pub online: Vec<Span>,
}

/// One direction of a conversation.
#[derive(Clone, Copy, Debug)]
pub struct Lane {
    /// Who puts.
    pub writer: usize,
    /// Who gets; may be somebody who is not simulated.
    pub reader: usize,
    /// The lane of the other direction.
    pub back: usize,
}

/// A message that is put into a lane.
#[derive(Clone, Copy, Debug)]
pub struct Post {
    /// When.
    pub at: Seconds,
    /// Where.
    pub lane: usize,
}

/// What an active relay does.
#[derive(Clone, Copy, Debug)]
pub enum Attack {
    /// It answers gets of a lane with `Absent` at once, within the span, in place of holding them.
    AbsentAtOnce {
        /// The lane.
        lane: usize,
        /// From when to when.
        span: Span,
    },
    /// It answers the first put into the lane from then on with `Conflict`.
    Conflict {
        /// The lane.
        lane: usize,
        /// From when on.
        from: Seconds,
    },
}

/// What people do, and what the relay does.
#[derive(Clone, Debug, Default)]
pub struct Scene {
    /// How long it is watched.
    pub until: Seconds,
    /// Who is simulated exactly.
    pub people: Vec<Person>,
    /// The lanes between them.
    pub lanes: Vec<Lane>,
    /// What they write, in order.
    pub posts: Vec<Post>,
    /// What the relay does.
    pub attacks: Vec<Attack>,
}

impl Scene {
    /// People who are online all the time.
    pub fn of_people(number: usize, until: Seconds) -> Self {
        let person = Person { online: vec![(0.0, until)] };
        Self { until, people: vec![person; number], ..Self::default() }
    }

    /// Makes two people contacts; gives the lanes from the first and from the second.
    pub fn befriend(&mut self, first: usize, second: usize) -> (usize, usize) {
        let (there, back) = (self.lanes.len(), self.lanes.len() + 1);
        self.lanes.push(Lane { writer: first, reader: second, back });
        self.lanes.push(Lane { writer: second, reader: first, back: there });
        (there, back)
    }

    /// Adds a message; call `sorted` after the last one.
    pub fn write(&mut self, at: Seconds, lane: usize) {
        self.posts.push(Post { at, lane });
    }

    /// Puts messages into order.
    #[must_use]
    pub fn sorted(mut self) -> Self {
        self.posts.sort_by(|a, b| a.at.total_cmp(&b.at));
        self
    }
}

/// The rules of a schedule, each with its switch.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// The profile's clocks.
    pub clocks: Clocks,
    /// Loop boxes fill empty ticks.
    pub loops: bool,
    /// The next id follows an answer at the next tick. Otherwise after a wait of its own with this mean.
    pub refill: Option<Seconds>,
    /// A receipt waits for two ticks. Otherwise it is due at once.
    pub receipts_wait: bool,
    /// Boxes are deleted some time after they were read.
    pub deletes: bool,
    /// A forged `Conflict` is believed.
    pub believes_conflicts: bool,
    /// A client connects after a random delay.
    pub start_delay: bool,
    /// The inbox is drained on a clock of the profile.
    pub drains: bool,
}

impl Rules {
    /// The code as it is, in a profile.
    pub fn today(clocks: Clocks) -> Self {
        Self {
            clocks,
            loops: true,
            refill: None,
            receipts_wait: true,
            deletes: true,
            believes_conflicts: true,
            start_delay: true,
            drains: true,
        }
    }
}

/// The code under test, rebuilt.
pub trait Schedule {
    /// What the relay sees of a scene.
    fn run(&self, scene: &Scene, rng: &mut StdRng) -> Run;
}

/// What happens at a time; of one time, in the order in which it was planned.
struct Event<W> {
    at: Seconds,
    number: u64,
    what: W,
}

impl<W> PartialEq for Event<W> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}
impl<W> Eq for Event<W> {}
impl<W> PartialOrd for Event<W> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl<W> Ord for Event<W> {
    // The earliest is the greatest.
    fn cmp(&self, other: &Self) -> Ordering {
        other.at.total_cmp(&self.at).then(other.number.cmp(&self.number))
    }
}
