//! The schedule of the design, event by event, over one relay; each of its rules can be switched off alone.
//!
//! News and pages follow the wall clock and the client's coins only (I4), so nothing is lost by leaving their requests
//! out of a run: a box is learned of when they would show it (`lists`). What a tick carries is in `clock`, cover in
//! `loops`, what an answer leads to in `land`. Left out: invitations, several relays, lost packets, posts. All people use
//! one relay, which is the relay's best case.

mod clock;
mod land;
mod lists;
mod loops;
mod names;

use std::collections::{BTreeMap, BinaryHeap, HashMap};

use rand::Rng;
use rand::rngs::StdRng;

use super::design::{Design, Rule};
use super::{Scene, Schedule};
use crate::observers::clocks::Seconds;
use crate::observers::trace::{BoxTruth, Id, Operation, Run, Seen, Size};
use crate::observers::workload::{exponential, transit};

/// A Nym client needs this long to connect.
const CONNECT: Seconds = 2.0;

/// The schedule of a design.
#[derive(Clone, Copy, Debug)]
pub struct New(pub Design);

impl Schedule for New {
    fn run(&self, scene: &Scene, rng: &mut StdRng) -> Run {
        World::new(self.0, scene, rng).run()
    }
}

#[derive(Clone, Copy, Debug)]
enum What {
    Start(usize),
    Stop(usize),
    PutTick(usize, u32),
    GetTick(usize, u32),
    Name(usize, u32, Operation),
    Say(usize),
    Arrive(Request),
    Land(Request, Reply),
    HoldEnds(Id, u64),
    /// A listing may show this box to its reader.
    Learn {
        lane: usize,
        place: u64,
        how: lists::How,
    },
}

#[derive(Clone, Copy, Debug)]
struct Request {
    who: usize,
    epoch: u32,
    ask: Ask,
}

#[derive(Clone, Copy, Debug)]
enum Ask {
    Put {
        lane: usize,
        place: u64,
        message: bool,
    },
    /// `ahead`: the relay holds it.
    Get {
        lane: usize,
        place: u64,
        ahead: bool,
    },
    Delete(Id),
    Named(Operation, usize),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Reply {
    Done,
    Conflict,
    Box { message: bool },
    Absent,
}

type Event = super::Event<What>;

/// A place that was asked for before it was put.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Ahead {
    /// Due at that time; asked for so often before.
    Due(Seconds, u8),
    Asked(u8),
    /// Its hold ended; asked for so often.
    Ended(u8),
}

/// One direction of a session, or the boxes of one's own.
#[derive(Debug, Default)]
struct Lane {
    writer: usize,
    reader: usize,
    back: usize,
    is_loop: bool,
    ids: Vec<Id>,
    written: u64,
    head: u64,
    got: std::collections::BTreeSet<u64>,
    ahead: BTreeMap<u64, Ahead>,
    /// Its reader asks ahead until then.
    live_until: Seconds,
    /// When messages were written, by place, and whether the reader took the lane for live.
    said: HashMap<u64, (Seconds, bool)>,
}

#[derive(Debug, Default)]
struct Client {
    online: bool,
    epoch: u32,
    up_at: Seconds,
    reading: Vec<usize>,
    /// The lane of its own boxes, and what it knows of them.
    own: usize,
    boxes: Vec<loops::LoopBox>,
    /// Boxes that a listing showed, and when they are due.
    listed: Vec<(Seconds, usize, u64)>,
    /// Boxes that no listing showed before the client went.
    missed: Vec<(usize, u64)>,
    /// Receipts that are owed, and when they are due.
    owed: Vec<(Seconds, usize)>,
    deletes: Vec<(Seconds, Id)>,
    /// Clocks that stand still.
    asleep: [bool; 2],
    bundle_from: Seconds,
}

struct Kept {
    message: bool,
    at: Seconds,
}

struct World<'a> {
    design: Design,
    scene: &'a Scene,
    rng: &'a mut StdRng,
    events: BinaryHeap<Event>,
    number: u64,
    now: Seconds,
    salt: u64,
    clients: Vec<Client>,
    lanes: Vec<Lane>,
    kept: HashMap<Id, Kept>,
    held: HashMap<Id, (u64, Request)>,
    conflicts: Vec<(usize, Seconds)>,
    run: Run,
}

impl<'a> World<'a> {
    fn new(design: Design, scene: &'a Scene, rng: &'a mut StdRng) -> Self {
        let mut clients: Vec<Client> = scene.people.iter().map(|_| Client::default()).collect();
        let mut lanes = Vec::new();
        for (number, lane) in scene.lanes.iter().enumerate() {
            if let Some(client) = clients.get_mut(lane.reader) {
                client.reading.push(number);
            }
            lanes.push(Lane { writer: lane.writer, reader: lane.reader, back: lane.back, ..Lane::default() });
        }
        let run = Run {
            tick: 1.0 / design.get_rate,
            names: clients.iter().map(|_| Id(rng.r#gen())).collect(),
            lanes: scene.lanes.iter().map(|lane| (lane.writer, lane.reader, lane.back)).collect(),
            ..Run::default()
        };
        let conflicts = scene.attacks.iter().filter_map(|attack| match attack {
            super::Attack::Conflict { lane, from } => Some((*lane, *from)),
            super::Attack::AbsentAtOnce { .. } => None,
        });
        let mut world = Self {
            design,
            conflicts: conflicts.collect(),
            scene,
            salt: rng.r#gen(),
            rng,
            events: BinaryHeap::new(),
            number: 0,
            now: 0.0,
            clients,
            lanes,
            kept: HashMap::new(),
            held: HashMap::new(),
            run,
        };
        for (who, person) in scene.people.iter().enumerate() {
            world.make_loops(who);
            world.begin_names(who);
            for (from, to) in &person.online {
                world.at(*from, What::Start(who));
                world.at(*to, What::Stop(who));
            }
        }
        for (number, post) in scene.posts.iter().enumerate() {
            world.at(post.at, What::Say(number));
        }
        world
    }

    fn run(mut self) -> Run {
        while let Some(event) = self.events.pop() {
            if event.at > self.scene.until {
                break;
            }
            self.now = event.at;
            self.happen(event.what);
        }
        self.run.sort();
        self.run
    }

    fn has(&self, rule: Rule) -> bool {
        self.design.rules.has(rule)
    }

    fn at(&mut self, at: Seconds, what: What) {
        self.number += 1;
        self.events.push(Event { at, number: self.number, what });
    }

    fn after(&mut self, mean: Seconds, what: What) {
        let at = self.now + exponential(mean, self.rng);
        self.at(at, what);
    }

    fn happen(&mut self, what: What) {
        match what {
            What::Start(who) => self.start(who),
            What::Stop(who) => {
                let client = &mut self.clients[who];
                client.online = false;
                client.epoch += 1;
                self.held.retain(|_, (_, request)| request.who != who);
            }
            What::PutTick(who, epoch) => self.put_tick(who, epoch),
            What::GetTick(who, epoch) => self.get_tick(who, epoch),
            What::Name(who, epoch, operation) => self.name(who, epoch, operation),
            What::Say(number) => self.say(number),
            What::Arrive(request) => self.arrive(request),
            What::Land(request, reply) => self.land(request, reply),
            What::HoldEnds(id, ticket) => self.end_hold(id, ticket),
            What::Learn { lane, place, how } => self.learn(lane, place, how),
        }
    }

    /// A restart asks nothing again that was asked ahead; listings that wait stay.
    fn start(&mut self, who: usize) {
        self.run.starts.push((self.now, who));
        let client = &mut self.clients[who];
        client.epoch += 1;
        client.online = true;
        client.asleep = [false; 2];
        client.up_at = self.now + CONNECT;
        let (epoch, up_at) = (client.epoch, client.up_at);
        let missed = std::mem::take(&mut client.missed);
        for lane in &client.reading {
            for one in self.lanes[*lane].ahead.values_mut() {
                *one = match *one {
                    Ahead::Due(_, times) | Ahead::Asked(times) | Ahead::Ended(times) => Ahead::Ended(times),
                };
            }
        }
        self.own_restart(who);
        let (put, get) = (self.design.put_rate, self.design.get_rate);
        let at = up_at + exponential(1.0 / put, self.rng);
        self.at(at, What::PutTick(who, epoch));
        let at = up_at + exponential(1.0 / get, self.rng);
        self.at(at, What::GetTick(who, epoch));
        for (lane, place) in missed {
            self.learn_by_page(lane, place);
        }
        self.names_after_start(who, epoch);
        if !self.has(Rule::Digest) {
            self.ask_heads(who);
        }
    }

    fn is_up(&self, who: usize) -> bool {
        self.clients.get(who).is_some_and(|client| client.online && self.now >= client.up_at)
    }

    /// A user's message: its first box goes at once, and takes a receipt along.
    fn say(&mut self, number: usize) {
        let lane = self.scene.posts[number].lane;
        let (who, back) = (self.lanes[lane].writer, self.lanes[lane].back);
        let (now, live) = (self.now, self.now + self.design.live);
        match self.clients.get_mut(who) {
            Some(client) if !client.online => return,
            Some(client) => client.owed.retain(|(_, one)| *one != lane),
            None => {}
        }
        let place = self.lanes[lane].written;
        let was_live = self.lanes[lane].live_until > now;
        self.lanes[lane].said.insert(place, (now, was_live));
        self.lanes[back].live_until = live;
        self.refill(back);
        self.put(who, lane, true);
    }

    fn put(&mut self, who: usize, lane: usize, message: bool) {
        let place = self.lanes[lane].written;
        self.lanes[lane].written += 1;
        self.send(who, Ask::Put { lane, place, message });
    }

    fn send(&mut self, who: usize, ask: Ask) {
        let client = self.clients.get(who);
        let (up_at, epoch) = client.map_or((0.0, 0), |client| (client.up_at, client.epoch));
        let arrives = self.now.max(up_at) + transit(self.rng);
        self.at(arrives, What::Arrive(Request { who, epoch, ask }));
    }

    fn id(&mut self, lane: usize, place: u64) -> Id {
        let wanted = usize::try_from(place).unwrap_or(usize::MAX);
        while self.lanes[lane].ids.len() <= wanted {
            let (id, place) = (Id(self.rng.r#gen()), self.lanes[lane].ids.len() as u64);
            let is_loop = self.lanes[lane].is_loop;
            self.lanes[lane].ids.push(id);
            let truth = BoxTruth { lane: (!is_loop).then_some(lane), place, message: !is_loop };
            self.run.boxes.insert(id, truth);
        }
        self.lanes[lane].ids[wanted]
    }

    /// The relay: it sees, answers and holds.
    fn arrive(&mut self, request: Request) {
        self.see(request);
        match request.ask {
            Ask::Put { lane, place, message } => {
                let lies = |(one, from): &(usize, Seconds)| *one == lane && self.now >= *from;
                if let Some(number) = self.conflicts.iter().position(lies) {
                    self.conflicts.remove(number);
                    return self.answer(request, Reply::Conflict);
                }
                let id = self.id(lane, place);
                if let Some(truth) = self.run.boxes.get_mut(&id) {
                    truth.message = message;
                }
                self.kept.insert(id, Kept { message, at: self.now });
                match self.held.remove(&id) {
                    Some((_, waiting)) => {
                        self.run.answered.push((self.now, id, waiting.who));
                        self.answer(waiting, Reply::Box { message });
                    }
                    None => self.list(lane, place),
                }
                self.answer(request, Reply::Done);
            }
            Ask::Get { lane, place, ahead } => {
                let id = self.id(lane, place);
                if let Some(kept) = self.kept.get(&id) {
                    let message = kept.message;
                    return self.answer(request, Reply::Box { message });
                }
                if self.is_denied(lane) || !ahead {
                    return self.answer(request, Reply::Absent);
                }
                self.number += 1;
                let ticket = self.number;
                self.held.insert(id, (ticket, request));
                self.at(self.now + self.design.hold, What::HoldEnds(id, ticket));
            }
            Ask::Delete(_) | Ask::Named(..) => self.answer(request, Reply::Done),
        }
    }

    fn is_denied(&self, asked: usize) -> bool {
        self.scene.attacks.iter().any(|attack| match attack {
            super::Attack::AbsentAtOnce { lane, span } => {
                *lane == asked && (span.0..span.1).contains(&self.now)
            }
            super::Attack::Conflict { .. } => false,
        })
    }

    fn see(&mut self, request: Request) {
        let (operation, id, size) = match request.ask {
            Ask::Put { lane, place, .. } => (Operation::Put, self.id(lane, place), Size::Small),
            Ask::Get { lane, place, .. } => (Operation::Get, self.id(lane, place), Size::Small),
            Ask::Delete(id) => (Operation::Delete, id, Size::Small),
            Ask::Named(operation, whose) => {
                (operation, self.run.names.get(whose).copied().unwrap_or(Id(0)), Size::Large)
            }
        };
        self.run.seen.push(Seen { at: self.now, operation, id, size, again: false });
        self.run.by.push(Some(request.who));
    }

    fn answer(&mut self, request: Request, reply: Reply) {
        let arrives = self.now + transit(self.rng);
        self.at(arrives, What::Land(request, reply));
    }
}
