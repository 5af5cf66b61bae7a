//! The schedule of the code as it is, event by event, over one relay.
//!
//! What it rebuilds: the loop of `Actor::run` (daemon/src/engine/actor.rs: tick, drain, check of the bundle, wake),
//! `prepare`, `start` and `put_urgent` (engine/actor/tick.rs), what each answer leads to (engine/actor/land.rs, receive.rs,
//! peer.rs `give_up`), how requests wait for a link and are sent again (sphinx-client/src/client.rs `keep_sending`,
//! client/supervisor.rs), and a relay that holds (relay/src/desk.rs `get`, desk/held.rs). Left out: invitations, several
//! relays, lost packets. All people use one relay, which is the relay's best case.

mod land;
mod relay;

use std::collections::{BinaryHeap, HashMap};

use rand::Rng;
use rand::rngs::StdRng;

use super::client::{Client, LoopBox, Reading, Step};
use super::{Attack, Rules, Scene, Schedule};
use crate::observers::clocks::Seconds;
use crate::observers::trace::{BoxTruth, Id, Run};
use crate::observers::workload::{DAY, exponential, transit};

/// `flight::EMPTY_ANSWER_PAUSE`.
const EMPTY_PAUSE: Seconds = 0.5;
/// A Nym client needs this long to connect.
const CONNECT: Seconds = 2.0;

/// Today's rules.
#[derive(Clone, Copy, Debug)]
pub struct Today(pub Rules);

impl Schedule for Today {
    fn run(&self, scene: &Scene, rng: &mut StdRng) -> Run {
        World::new(self.0, scene, rng).run()
    }
}

#[derive(Clone, Copy, Debug)]
enum What {
    Start(usize),
    Stop(usize),
    Tick(usize, u32),
    Drain(usize, u32),
    Say(usize),
    /// A request reaches the relay.
    Arrive(Request),
    /// An answer reaches the client.
    Land(Request, Reply),
    HoldEnds(Id, u64),
}

#[derive(Clone, Copy, Debug)]
struct Request {
    who: usize,
    epoch: u32,
    ask: Ask,
    /// How often its frame went out before.
    sending: u32,
    /// The hold that it began.
    ticket: u64,
}

#[derive(Clone, Copy, Debug)]
enum Ask {
    Put { lane: usize, place: u64, message: bool },
    Get { reading: usize, place: u64, id: Id },
    Fetch(usize),
    Deposit(usize),
    Drain,
    Publish,
    Describe,
    Delete(Id),
    Loop(Id, u8),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Reply {
    Done,
    Conflict,
    Absent,
    Box { message: bool },
}

type Event = super::Event<What>;

struct World<'a> {
    rules: Rules,
    scene: &'a Scene,
    rng: &'a mut StdRng,
    events: BinaryHeap<Event>,
    number: u64,
    now: Seconds,
    clients: Vec<Client>,
    /// Ids of each lane, made when they are needed.
    ids: Vec<Vec<Id>>,
    /// How far each lane is written.
    written: Vec<u64>,
    /// What the relay keeps: whether a box holds a message.
    kept: HashMap<Id, bool>,
    held: HashMap<Id, (u64, Request)>,
    conflicts: Vec<(usize, Seconds)>,
    run: Run,
}

impl<'a> World<'a> {
    fn new(rules: Rules, scene: &'a Scene, rng: &'a mut StdRng) -> Self {
        let mut clients: Vec<Client> = scene.people.iter().map(|_| Client::default()).collect();
        for (lane, one) in scene.lanes.iter().enumerate() {
            if let Some(client) = clients.get_mut(one.reader) {
                client.reading.push(Reading { lane, ..Reading::default() });
            }
        }
        let run = Run {
            tick: rules.clocks.tick,
            names: clients.iter().map(|_| Id(rng.r#gen())).collect(),
            lanes: scene.lanes.iter().map(|lane| (lane.writer, lane.reader, lane.back)).collect(),
            ..Run::default()
        };
        let conflicts = scene.attacks.iter().filter_map(|attack| match attack {
            Attack::Conflict { lane, from } => Some((*lane, *from)),
            Attack::AbsentAtOnce { .. } => None,
        });
        let mut world = Self {
            rules,
            conflicts: conflicts.collect(),
            scene,
            rng,
            events: BinaryHeap::new(),
            number: 0,
            now: 0.0,
            clients,
            ids: vec![Vec::new(); scene.lanes.len()],
            written: vec![0; scene.lanes.len()],
            kept: HashMap::new(),
            held: HashMap::new(),
            run,
        };
        for (who, person) in scene.people.iter().enumerate() {
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

    fn at(&mut self, at: Seconds, what: What) {
        self.number += 1;
        self.events.push(Event { at, number: self.number, what });
    }

    fn happen(&mut self, what: What) {
        match what {
            What::Start(who) => self.start(who),
            What::Stop(who) => {
                self.clients[who].online = false;
                self.clients[who].restart();
                self.held.retain(|_, (_, request)| request.who != who);
            }
            What::Tick(who, epoch) => self.tick(who, epoch),
            What::Drain(who, epoch) => {
                if self.clients[who].epoch == epoch {
                    self.send(who, Ask::Drain);
                    let next = self.now + exponential(self.rules.clocks.drain, self.rng);
                    self.at(next, What::Drain(who, epoch));
                }
            }
            What::Say(number) => self.say(number),
            What::Arrive(request) => self.arrive(request),
            What::Land(request, reply) => self.land(request, reply),
            What::HoldEnds(id, ticket) => {
                if self.held.get(&id).is_some_and(|(held, _)| *held == ticket)
                    && let Some((_, request)) = self.held.remove(&id)
                {
                    self.answer(request, Reply::Absent);
                }
            }
        }
    }

    /// `Actor::start` and `run`: the clocks run at once, the link is up later. Keys older than a day are published.
    fn start(&mut self, who: usize) {
        let delay =
            if self.rules.start_delay { self.rng.r#gen::<f64>() * self.rules.clocks.start } else { 0.0 };
        let now = self.now;
        let last_day = self.clients[who].up_at / DAY;
        let client = &mut self.clients[who];
        client.restart();
        self.run.starts.push((now, who));
        client.online = true;
        if client.epoch == 1 || (now / DAY).floor() > last_day.floor() {
            client.described = false;
            client.publish = true;
        }
        client.up_at = now + delay + CONNECT;
        let epoch = client.epoch;
        let tick = now + exponential(self.rules.clocks.tick, self.rng);
        self.at(tick, What::Tick(who, epoch));
        if self.rules.drains {
            let drain = now + exponential(self.rules.clocks.drain, self.rng);
            self.at(drain, What::Drain(who, epoch));
        }
    }

    fn tick(&mut self, who: usize, epoch: u32) {
        if self.clients[who].epoch != epoch || !self.clients[who].online {
            return;
        }
        let next = self.now + exponential(self.rules.clocks.tick, self.rng);
        self.at(next, What::Tick(who, epoch));
        let now = self.now;
        let step = self.clients[who].choose(now, self.rules.loops, self.rng);
        let client = &mut self.clients[who];
        let ask = match step {
            Step::Nothing => return,
            Step::Get { reading, place } => {
                client.reading[reading].under_way.insert(place);
                let lane = client.reading[reading].lane;
                Ask::Get { reading, place, id: self.id(lane, place) }
            }
            Step::Ack(lane) => {
                client.acks.retain(|(_, one)| *one != lane);
                self.put(who, lane, false);
                return;
            }
            Step::Fetch(lane) => {
                client.joins.retain(|(_, one)| *one != lane);
                Ask::Fetch(lane)
            }
            Step::Deposit(lane) => {
                client.deposits.retain(|one| *one != lane);
                Ask::Deposit(lane)
            }
            Step::Describe => {
                client.describing = true;
                Ask::Describe
            }
            Step::Publish => {
                client.publish = false;
                Ask::Publish
            }
            Step::Delete(id) => {
                client.deletes.retain(|(_, one)| *one != id);
                Ask::Delete(id)
            }
            Step::Loop(slot) => {
                if slot == client.loops.len() {
                    client.loops.push(LoopBox { id: Id(self.rng.r#gen()), stage: 0, waiting: false });
                }
                let one = &mut client.loops[slot];
                one.waiting = true;
                let truth = BoxTruth { lane: None, place: 0, message: false };
                self.run.boxes.insert(one.id, truth);
                Ask::Loop(one.id, one.stage)
            }
        };
        self.send(who, ask);
    }

    /// `put_urgent`: a user's message goes at once, and takes a receipt along.
    fn say(&mut self, number: usize) {
        let lane = self.scene.posts[number].lane;
        let who = self.scene.lanes[lane].writer;
        if !self.clients.get(who).is_some_and(|client| client.online) {
            return;
        }
        self.clients[who].acks.retain(|(_, one)| *one != lane);
        self.open_window(who, self.scene.lanes[lane].back);
        self.put(who, lane, true);
    }

    fn put(&mut self, who: usize, lane: usize, message: bool) {
        let place = self.written[lane];
        self.written[lane] += 1;
        self.send(who, Ask::Put { lane, place, message });
    }

    fn open_window(&mut self, who: usize, lane: usize) {
        let (now, until) = (self.now, self.now + self.rules.clocks.active);
        if let Some(reading) = self.clients[who].reading.iter_mut().find(|one| one.lane == lane) {
            reading.active_until = reading.active_until.max(until);
            reading.used_at = now;
        }
    }

    /// `keep_sending`: what waits for a link leaves within half a resend time after it is up.
    fn send(&mut self, who: usize, ask: Ask) {
        let up_at = self.clients[who].up_at;
        let leaves = if self.now < up_at {
            up_at + self.rng.r#gen::<f64>() * self.rules.clocks.resend / 2.0
        } else {
            self.now
        };
        let request = Request { who, epoch: self.clients[who].epoch, ask, sending: 0, ticket: 0 };
        let arrives = leaves + transit(self.rng);
        self.at(arrives, What::Arrive(request));
    }

    fn id(&mut self, lane: usize, place: u64) -> Id {
        let wanted = usize::try_from(place).unwrap_or(usize::MAX);
        while self.ids[lane].len() <= wanted {
            let (id, place) = (Id(self.rng.r#gen()), self.ids[lane].len() as u64);
            self.ids[lane].push(id);
            self.run.boxes.insert(id, BoxTruth { lane: Some(lane), place, message: true });
        }
        self.ids[lane][wanted]
    }
}

#[cfg(test)]
mod tests;
