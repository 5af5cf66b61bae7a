//! The network of level A: daemons, one relay's desk, and exchanges that take the time of a mixnet.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bauta_daemon::node::{Exchanger, Exchangers, Node, Times, World};
use bauta_daemon::unlock::Unlock;
use bauta_ipc::{
    AddContact, ContactApi, ContactState, CreateInvitation, ListOf, MessageApi, MessageState, NewPersona,
    PersonaApi, SendMessage, WaitFor,
};
use bauta_protocol::address::RelayAddress;
use bauta_protocol::bundle::Bundle;
use bauta_protocol::descriptor::RelayIdentity;
use bauta_protocol::id::DoorAddress;
use bauta_protocol::relay::{Class, Reply, Request};
use bauta_relay::{Desk, DeskConfig, SqliteOptions, SqliteStorage};
use bauta_sphinx_client::{ExchangeError, Pace, Patience, Phase, RelayTarget, State, SystemClock, Traffic};
use getrandom::SysRng;
use rand_core::UnwrapErr;
use tokio::sync::watch;

use crate::observers::clocks::{Clocks, Seconds};
use crate::observers::trace::{Id, Operation, Run, Seen, Size};
use crate::observers::workload::transit;

/// A relay, its tap and the clock.
pub struct Network {
    desk: Desk,
    relay: RelayAddress,
    times: Times,
    faster: f64,
    began: Instant,
    tap: Mutex<Tap>,
    /// What the relay says in place of the truth.
    forge: Mutex<Option<Forge>>,
    _dir: tempfile::TempDir,
}

/// Makes an answer for a home's request; `None`: the truth.
pub type Forge = Box<dyn FnMut(usize, &Request) -> Option<Reply> + Send>;

#[derive(Default)]
struct Tap {
    run: Run,
    /// Whose inbox is whose: a bundle says it.
    inboxes: std::collections::HashMap<[u8; 32], Id>,
}

impl Network {
    /// A relay whose hold is that of the protocol, and engines with a profile's times, all `faster`.
    pub async fn new(profile: Traffic, faster: f64) -> Arc<Self> {
        let dir = tempfile::tempdir().unwrap();
        let storage = SqliteStorage::open(&dir.path().join("relay.db"), SqliteOptions::default()).unwrap();
        let hold = Duration::from_secs_f64(Clocks::of(profile).hold / faster);
        let config = DeskConfig { hold, ..DeskConfig::default() };
        let doors = vec![DoorAddress([1; 96]), DoorAddress([2; 96])];
        let identity = RelayIdentity::generate(&mut UnwrapErr(SysRng));
        let rng = Box::new(UnwrapErr(SysRng));
        let desk = Desk::open(Arc::new(storage), identity, doors.clone(), rng, config).await.unwrap();
        let relay = RelayAddress { id: desk.relay(), doors };
        let times = Times {
            active_for: Times::of(profile.pace()).active_for.div_f64(faster),
            ..Times::of(divided(profile.pace(), faster))
        };
        let (tap, forge) = (Mutex::default(), Mutex::default());
        Arc::new(Self { desk, relay, times, faster, began: Instant::now(), tap, forge, _dir: dir })
    }

    /// The protocol's time since the beginning.
    pub fn now(&self) -> Seconds {
        self.began.elapsed().as_secs_f64() * self.faster
    }

    /// Waits until that time.
    pub async fn sleep_until(&self, at: Seconds) {
        let wait = (at - self.now()) / self.faster;
        tokio::time::sleep(Duration::from_secs_f64(wait.max(0.0))).await;
    }

    /// What the relay saw so far.
    pub fn take(&self) -> Run {
        std::mem::take(&mut self.tap.lock().unwrap().run)
    }

    /// Makes the relay lie from now on, or tell the truth again.
    pub fn set_forge(&self, forge: Option<Forge>) {
        *self.forge.lock().unwrap() = forge;
    }

    /// A look at what was seen since a time.
    pub fn since(&self, at: Seconds) -> Vec<(Seen, usize)> {
        let tap = self.tap.lock().unwrap();
        let both = tap.run.seen.iter().zip(&tap.run.by);
        both.filter(|(one, _)| one.at >= at).filter_map(|(one, by)| by.map(|by| (*one, by))).collect()
    }

    /// The name of a home's persona at the relay.
    pub fn name_of(&self, home: usize) -> Option<Id> {
        self.tap.lock().unwrap().run.names.get(home).copied()
    }

    fn see(&self, home: usize, class: Class, request: &Request) {
        let mut tap = self.tap.lock().unwrap();
        let id = match request {
            Request::Put(put) => number(&put.id.0),
            Request::Get(get) => number(&get.id.0),
            Request::Delete(delete) => number(&delete.cap.box_id().0),
            Request::Fetch(fetch) => number(fetch.persona.to_string().as_bytes()),
            Request::Publish(publish) => {
                let bundle = Bundle::from_bytes(&publish.bundle[..]).unwrap();
                let name = number(bundle.persona().to_string().as_bytes());
                tap.inboxes.insert(bundle.inbox().0, name);
                name
            }
            Request::Deposit(deposit) => named(&tap, &deposit.inbox.0),
            Request::Drain(drain) => named(&tap, &drain.cap.inbox_id().0),
            Request::Describe(_) | Request::News(_) | Request::Page(_) => Id(0),
        };
        // Questions about the digest name nothing, and are not in the trace.
        let Some(operation) = Operation::of_name(request.name()) else { return };
        let size = if class.reply_len() > 2000 { Size::Large } else { Size::Small };
        tap.run.seen.push(Seen { at: self.now(), operation, id, size, again: false });
        tap.run.by.push(Some(home));
        if operation == Operation::Publish {
            if tap.run.names.len() <= home {
                tap.run.names.resize(home + 1, Id(0));
            }
            tap.run.names[home] = id;
        }
    }

    fn note_start(&self, home: usize) {
        let (now, mut tap) = (self.now(), self.tap.lock().unwrap());
        // A home has a second client for look-ups; it starts once all the same.
        if tap.run.starts.iter().all(|(_, who)| *who != home) {
            tap.run.starts.push((now, home));
        }
    }
}

pub(super) fn number(bytes: &[u8]) -> Id {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    Id(hasher.finish())
}

fn named(tap: &Tap, inbox: &[u8; 32]) -> Id {
    tap.inboxes.get(inbox).copied().unwrap_or_else(|| number(inbox))
}

fn divided(pace: Pace, faster: f64) -> Pace {
    Pace {
        tick_mean: pace.tick_mean.div_f64(faster),
        drain_mean: pace.drain_mean.div_f64(faster),
        publish_check: pace.publish_check.div_f64(faster),
        delete_after: pace.delete_after.div_f64(faster),
        resend_after: pace.resend_after.div_f64(faster),
        hold_resend_after: pace.hold_resend_after.div_f64(faster),
        // On a busy machine an exchange may take longer than a divided deadline, and nothing here is ever lost.
        exchange_deadline: pace.exchange_deadline,
        hold_deadline: pace.hold_deadline.div_f64(faster) + Duration::from_secs(5),
        start_delay_max: pace.start_delay_max.div_f64(faster),
    }
}

struct Way {
    network: Arc<Network>,
    home: usize,
    state: watch::Sender<State>,
}

struct Ways(Arc<Network>, usize);

impl Exchangers for Ways {
    fn exchanger(&self, _: u32) -> Arc<dyn Exchanger> {
        self.0.note_start(self.1);
        let state = State::new(Phase::Ready, Instant::now());
        Arc::new(Way { network: Arc::clone(&self.0), home: self.1, state: watch::Sender::new(state) })
    }

    fn avoid_gateways_of(&self, _: &[DoorAddress]) {}
}

#[async_trait]
impl Exchanger for Way {
    async fn exchange(
        &self,
        _: &RelayTarget,
        class: Class,
        body: &[u8],
        patience: Patience,
    ) -> Result<Vec<u8>, ExchangeError> {
        let network = &self.network;
        let half = || Duration::from_secs_f64(transit(&mut rand::rngs::OsRng) / network.faster);
        tokio::time::sleep(half()).await;
        let request = Request::decode(class, body).unwrap();
        network.see(self.home, class, &request);
        let forged = network.forge.lock().unwrap().as_mut().and_then(|forge| forge(self.home, &request));
        if let Some(forged) = forged {
            tokio::time::sleep(half()).await;
            return Ok(forged.encode(class).unwrap());
        }
        let answered =
            tokio::time::timeout(patience.deadline, network.desk.answer_body(class, body.to_vec())).await;
        let answer = answered.ok().flatten().ok_or(ExchangeError::Deadline)?;
        tokio::time::sleep(half()).await;
        Ok(answer)
    }

    fn state(&self) -> watch::Receiver<State> {
        self.state.subscribe()
    }

    async fn stop(&self) {}
}

/// A daemon with one persona.
pub struct Home {
    name: String,
    address: String,
    node: Arc<Node>,
    _dir: tempfile::TempDir,
}

impl Home {
    /// Starts one.
    pub async fn start(network: &Arc<Network>, number: usize) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let world = World {
            exchangers: Arc::new(Ways(Arc::clone(network), number)),
            time: Arc::new(SystemClock),
            times: network.times,
            network: "test".to_owned(),
            traffic: Traffic::Test,
            gun: None,
        };
        let relays = vec![network.relay.clone()];
        let node = Node::open_in(dir.path(), Unlock::KeyFile, relays, world).await.unwrap();
        let name = format!("person-{number}");
        let address =
            node.persona_new(NewPersona { name: name.clone(), apart: false }).await.unwrap().address;
        Self { name, address, node, _dir: dir }
    }

    /// Its persona's name, and that of the contact elsewhere.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Sends a message; gives its id.
    pub async fn send(&self, contact: &str, text: &str) -> String {
        let message =
            SendMessage { persona: None, contact: contact.to_owned(), text: text.to_owned(), id: None };
        self.node.message_send(message).await.unwrap().id
    }

    /// Adds a contact by the address that it gives to everybody.
    pub async fn add(&self, other: &Home) {
        let add = AddContact { persona: None, name: other.name.clone(), address: other.address.clone() };
        self.node.contact_add(add).await.unwrap();
    }

    async fn delivered(&self, id: String) {
        let wait = WaitFor { id, state: MessageState::Delivered, timeout_ms: 60_000 };
        self.node.message_wait(wait).await.unwrap();
    }

    async fn is_friend(&self) {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let contacts = self.node.contact_list(ListOf::default()).await.unwrap().contacts;
            if contacts.iter().any(|contact| contact.state == ContactState::Active) {
                return;
            }
            assert!(Instant::now() < deadline, "{} has no contact after a minute", self.name);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// Makes two homes contacts by an invitation, with a message each way.
pub async fn befriend(first: &Home, second: &Home) {
    let invite = CreateInvitation { persona: None, name: Some(second.name.clone()) };
    let address = first.node.contact_invite(invite).await.unwrap().address;
    let add = AddContact { persona: None, name: first.name.clone(), address };
    second.node.contact_add(add).await.unwrap();
    first.is_friend().await;
    second.is_friend().await;
    for (from, to) in [(first, second), (second, first)] {
        let id = from.send(&to.name, "hello").await;
        from.delivered(id).await;
    }
}
