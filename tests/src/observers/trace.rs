//! What a relay sees, and beside it the truth that only the harness has.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::clocks::Seconds;

/// What a request names: a box, or a persona (an inbox counts as the persona that its bundle ties it to).
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub struct Id(pub u64);

/// What a request asks.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Operation {
    /// Keep a box.
    Put,
    /// Give a box.
    Get,
    /// Forget a box.
    Delete,
    /// Leave a handshake for a persona.
    Deposit,
    /// Empty a persona's inbox.
    Drain,
    /// Keep a persona's bundle.
    Publish,
    /// Give a persona's bundle.
    Fetch,
    /// Give the relay's descriptor.
    Describe,
    /// Give the last closed intervals.
    News,
    /// Give one page of what waits.
    Page,
}

impl Operation {
    /// Those that name a persona.
    pub fn names_a_persona(self) -> bool {
        matches!(self, Self::Deposit | Self::Drain | Self::Publish | Self::Fetch)
    }

    /// The operation of this name in `bauta_protocol::relay::Request::name`.
    pub fn of_name(name: &str) -> Option<Self> {
        Some(match name {
            "put" => Self::Put,
            "get" => Self::Get,
            "delete" => Self::Delete,
            "deposit" => Self::Deposit,
            "drain" => Self::Drain,
            "publish" => Self::Publish,
            "fetch" => Self::Fetch,
            "describe" => Self::Describe,
            "news" => Self::News,
            "page" => Self::Page,
            _ => return None,
        })
    }
}

/// The size of a request and its reply.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Size {
    /// One packet each way.
    Small,
    /// Several.
    Large,
}

/// One request at the relay. Nothing else reaches an attack.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
pub struct Seen {
    /// When it came.
    pub at: Seconds,
    /// What it asks.
    pub operation: Operation,
    /// What it names.
    pub id: Id,
    /// Its size.
    pub size: Size,
    /// The same frame came before: relays can tell by its bytes.
    pub again: bool,
}

/// Where a box belongs. `reader` is `writer` for a loop's box.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct BoxTruth {
    /// Which lane; loops have none.
    pub lane: Option<usize>,
    /// Its index in the lane.
    pub place: u64,
    /// It holds a message, not a receipt only.
    pub message: bool,
}

/// A recorded run: what the relay saw, in order, and the truth.
#[derive(Clone, Debug, Default)]
pub struct Run {
    /// In order of time.
    pub seen: Vec<Seen>,
    /// The persona behind each request; `None` for the background.
    pub by: Vec<Option<usize>>,
    /// The truth about boxes.
    pub boxes: HashMap<Id, BoxTruth>,
    /// For each lane: writer, reader and the lane back.
    pub lanes: Vec<(usize, usize, usize)>,
    /// The name of each persona.
    pub names: Vec<Id>,
    /// When each persona's daemon began to run.
    pub starts: Vec<(Seconds, usize)>,
    /// Questions are about what came after this; before it people get to know each other.
    pub from: Seconds,
    /// The mean gap of the clock, which everybody knows.
    pub tick: Seconds,
    /// Gets that were held and answered by a put: when, which box, whose.
    pub answered: Vec<(Seconds, Id, usize)>,
    /// Messages: when they were written and when they were read, and whether the lane was live.
    pub shown: Vec<(Seconds, Seconds, bool)>,
}

impl Run {
    /// Puts what came into the order of time.
    pub fn sort(&mut self) {
        let mut both: Vec<_> = self.seen.drain(..).zip(self.by.drain(..)).collect();
        both.sort_by(|a, b| a.0.at.total_cmp(&b.0.at));
        (self.seen, self.by) = both.into_iter().unzip();
    }

    /// Whether a box is a loop's.
    pub fn is_loop(&self, id: Id) -> Option<bool> {
        self.boxes.get(&id).map(|truth| truth.lane.is_none())
    }
}

/// First times of one box.
#[derive(Clone, Copy, Debug, Default)]
pub struct Firsts {
    /// When it was first put.
    pub put: Option<Seconds>,
    /// When it was first asked for.
    pub get: Option<Seconds>,
    /// When it was deleted.
    pub delete: Option<Seconds>,
    /// Requests for it, repeated frames left out.
    pub gets: u32,
    /// Of these, those that came before it was put, and the last one.
    pub asked_ahead: u32,
    /// The last request before it was put.
    pub last_ahead: Option<Seconds>,
    /// The first request after it was put.
    pub after: Option<Seconds>,
}

/// A trace indexed for attacks.
#[derive(Debug, Default)]
pub struct Index {
    /// First times by box.
    pub firsts: HashMap<Id, Firsts>,
    /// Boxes by the first time that they were asked for.
    pub new_gets: Vec<(Seconds, Id)>,
    /// Puts of boxes that somebody had asked for already, in order.
    pub wakes: Vec<(Seconds, Id)>,
}

impl Index {
    /// Reads a trace once.
    pub fn of(seen: &[Seen]) -> Self {
        let mut index = Self::default();
        for one in seen.iter().filter(|one| !one.again) {
            let firsts = match one.operation {
                Operation::Put | Operation::Get | Operation::Delete => {
                    index.firsts.entry(one.id).or_default()
                }
                _ => continue,
            };
            match one.operation {
                Operation::Put if firsts.put.is_none() => {
                    firsts.put = Some(one.at);
                    if firsts.get.is_some() {
                        index.wakes.push((one.at, one.id));
                    }
                }
                Operation::Get => {
                    firsts.gets += 1;
                    if firsts.put.is_none() {
                        firsts.asked_ahead += 1;
                        firsts.last_ahead = Some(one.at);
                    } else if firsts.after.is_none() {
                        firsts.after = Some(one.at);
                    }
                    if firsts.get.is_none() {
                        firsts.get = Some(one.at);
                        index.new_gets.push((one.at, one.id));
                    }
                }
                Operation::Delete => firsts.delete = firsts.delete.or(Some(one.at)),
                _ => {}
            }
        }
        index
    }

    /// The boxes first asked for after a time, in order.
    pub fn new_after(&self, at: Seconds) -> impl Iterator<Item = (Seconds, Id)> + '_ {
        let from = self.new_gets.partition_point(|(when, _)| *when <= at);
        self.new_gets.iter().skip(from).copied()
    }
}
