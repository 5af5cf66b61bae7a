use std::collections::HashMap;
use std::future::Future;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bauta_daemon::node::{Exchanger, Exchangers, Node, NodeError, Times, World};
use bauta_daemon::unlock::Unlock;
use bauta_ipc::{
    AcceptRequest, AddContact, Api, Contact, CreateInvitation, Event, EventBody, InboxOf, ListOf,
    MAX_WAIT_MS, MessageState, NewPersona, Persona, ReceivedMessage, Request as Stranger, RpcError,
    SendMessage, Subscribe, WaitFor,
};
use bauta_protocol::address::RelayAddress;
use bauta_protocol::descriptor::{Descriptor, RelayIdentity};
use bauta_protocol::id::{BoxId, DoorAddress, RelayId};
use bauta_protocol::relay::{Class, Describe, Put, Reply, Request};
use bauta_protocol::time::{Clock, Timestamp};
use bauta_relay::{Desk, DeskConfig, SqliteOptions, SqliteStorage, Storage};
use bauta_sphinx_client::{ExchangeError, Pace, Patience, Phase, RelayTarget, State, SystemClock, Traffic};
use futures::StreamExt;
use getrandom::SysRng;
use rand_core::{Rng, UnwrapErr};
use tokio::sync::watch;

pub(crate) fn rng() -> UnwrapErr<SysRng> {
    UnwrapErr(SysRng)
}

pub(crate) fn below(bound: u64) -> u64 {
    rng().next_u64() % bound
}

/// The time, which a test may turn forward.
#[derive(Default)]
pub(crate) struct TestClock(AtomicU64);

impl TestClock {
    pub(crate) fn skip(&self, span: Duration) {
        self.0.fetch_add(u64::try_from(span.as_millis()).unwrap(), Ordering::Relaxed);
    }

    pub(crate) fn set_back(&self, span: Duration) {
        self.0.fetch_sub(u64::try_from(span.as_millis()).unwrap(), Ordering::Relaxed);
    }

    fn read(&self) -> Timestamp {
        Timestamp(SystemClock.now().0 + self.0.load(Ordering::Relaxed))
    }
}

pub(crate) struct SharedClock(pub(crate) Arc<TestClock>);

impl Clock for SharedClock {
    fn now(&self) -> Timestamp {
        self.0.read()
    }
}

/// Times that make a test short.
pub(crate) fn quick() -> Times {
    let pace = Pace {
        tick_mean: Duration::from_millis(8),
        drain_mean: Duration::from_millis(40),
        publish_check: Duration::from_millis(300),
        delete_after: Duration::from_millis(200),
        resend_after: Duration::from_millis(40),
        hold_resend_after: Duration::from_millis(200),
        exchange_deadline: Duration::from_millis(400),
        hold_deadline: Duration::from_millis(600),
        start_delay_max: Duration::ZERO,
    };
    Times { active_for: Duration::from_secs(2), ..Times::of(pace) }
}

/// What is between homes and relays, in place of a mixnet.
pub(crate) struct Sea {
    desks: Mutex<HashMap<RelayId, Arc<Desk>>>,
    pub(crate) clock: Arc<TestClock>,
    /// Exchanges lost on either way, doubled, and the longest delay in milliseconds.
    pub(crate) lost_permille: AtomicU32,
    pub(crate) doubled_permille: AtomicU32,
    pub(crate) delay_ms: AtomicU32,
    /// Boxes whose put is answered with `Done` and forgotten.
    pub(crate) swallow_puts: AtomicU32,
    /// Every box that was put, with the bytes it had first; and those put with other bytes.
    put: Mutex<HashMap<BoxId, Vec<u8>>>,
    /// How often a box was put that had been put before.
    pub(crate) repeated: AtomicU64,
    pub(crate) reused: Mutex<Vec<BoxId>>,
    pub(crate) counts: Mutex<HashMap<&'static str, u64>>,
    by_home: Mutex<HashMap<(usize, RelayId), u64>>,
    dir: tempfile::TempDir,
}

impl Sea {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            desks: Mutex::default(),
            clock: Arc::default(),
            lost_permille: AtomicU32::new(0),
            doubled_permille: AtomicU32::new(0),
            delay_ms: AtomicU32::new(0),
            swallow_puts: AtomicU32::new(0),
            put: Mutex::default(),
            repeated: AtomicU64::new(0),
            reused: Mutex::default(),
            counts: Mutex::default(),
            by_home: Mutex::default(),
            dir: tempfile::tempdir().unwrap(),
        })
    }

    pub(crate) async fn relay(&self) -> RelayAddress {
        self.relay_of(RelayIdentity::generate(&mut rng())).await
    }

    pub(crate) async fn relay_of(&self, identity: RelayIdentity) -> RelayAddress {
        let doors = vec![door(), door()];
        let name = format!("{}.db", identity.id());
        let storage = SqliteStorage::open(&self.dir.path().join(name), SqliteOptions::default()).unwrap();
        let config = DeskConfig {
            hold: Duration::from_millis(400),
            clock: Arc::new(SharedClock(Arc::clone(&self.clock))),
            ..DeskConfig::default()
        };
        let storage: Arc<dyn Storage> = Arc::new(storage);
        let desk = Desk::open(storage, identity, doors.clone(), Box::new(rng()), config).await.unwrap();
        let id = desk.relay();
        self.desks.lock().unwrap().insert(id, Arc::new(desk));
        RelayAddress { id, doors }
    }

    fn find(&self, relay: RelayId) -> Option<Arc<Desk>> {
        self.desks.lock().unwrap().get(&relay).cloned()
    }

    fn watch(&self, request: &Request) {
        *self.counts.lock().unwrap().entry(request.name()).or_default() += 1;
        if let Request::Put(Put { id, sealed, .. }) = request {
            let mut put = self.put.lock().unwrap();
            self.repeated.fetch_add(u64::from(put.contains_key(id)), Ordering::Relaxed);
            let first = put.entry(*id).or_insert_with(|| sealed.to_vec());
            if first.as_slice() != sealed.as_slice() {
                self.reused.lock().unwrap().push(*id);
            }
        }
    }

    /// Exchanges of a home with a relay.
    pub(crate) fn count_of(&self, home: &Home, relay: RelayId) -> u64 {
        let key = (Arc::as_ptr(&home.boats) as usize, relay);
        self.by_home.lock().unwrap().get(&key).copied().unwrap_or(0)
    }

    pub(crate) fn count(&self, name: &str) -> u64 {
        self.counts.lock().unwrap().get(name).copied().unwrap_or(0)
    }
}

pub(crate) fn door() -> DoorAddress {
    let mut bytes = [0; 96];
    rng().fill_bytes(&mut bytes);
    DoorAddress(bytes)
}

/// Makes an answer to a request of a class; `None`: the truth.
pub(crate) type Forge = Box<dyn FnMut(Class, &Request) -> Option<Vec<u8>> + Send>;

/// One home's way over the sea.
pub(crate) struct Boats {
    sea: Arc<Sea>,
    /// What a relay shows this home in place of its descriptor.
    pub(crate) shown: Mutex<HashMap<RelayId, Descriptor>>,
    /// What the relays answer this home in place of the truth.
    pub(crate) forge: Mutex<Option<Forge>>,
    pub(crate) cut: AtomicBool,
}

struct Boat {
    boats: Arc<Boats>,
    state: watch::Sender<State>,
}

struct Shipyard(Arc<Boats>);

impl Exchangers for Shipyard {
    fn exchanger(&self, _: u32) -> Arc<dyn Exchanger> {
        let state = State::new(Phase::Ready, Instant::now());
        Arc::new(Boat { boats: Arc::clone(&self.0), state: watch::Sender::new(state) })
    }

    fn avoid_gateways_of(&self, _: &[DoorAddress]) {}
}

#[async_trait]
impl Exchanger for Boat {
    async fn exchange(
        &self,
        relay: &RelayTarget,
        class: Class,
        body: &[u8],
        patience: Patience,
    ) -> Result<Vec<u8>, ExchangeError> {
        assert_eq!(body.len(), class.request_len());
        let sea = &self.boats.sea;
        let delay = || Duration::from_millis(below(u64::from(sea.delay_ms.load(Ordering::Relaxed)) + 1));
        let lost = || below(1000) < u64::from(sea.lost_permille.load(Ordering::Relaxed));
        tokio::time::sleep(delay()).await;
        if self.boats.cut.load(Ordering::Relaxed) || lost() {
            tokio::time::sleep(patience.deadline / 4).await;
            return Err(ExchangeError::Deadline);
        }
        let request = Request::decode(class, body).unwrap();
        sea.watch(&request);
        if let Some(forged) =
            self.boats.forge.lock().unwrap().as_mut().and_then(|forge| forge(class, &request))
        {
            return Ok(forged);
        }
        if matches!(request, Request::Put(_))
            && sea
                .swallow_puts
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1))
                .is_ok()
        {
            return Ok(Reply::Done.encode(class).unwrap());
        }
        if let (Request::Describe(Describe), Some(shown)) =
            (&request, self.boats.shown.lock().unwrap().get(&relay.id))
        {
            return Ok(Reply::Descriptor(Box::new(*shown.as_bytes())).encode(class).unwrap());
        }
        *sea.by_home.lock().unwrap().entry((Arc::as_ptr(&self.boats) as usize, relay.id)).or_default() += 1;
        let desk = sea.find(relay.id).ok_or(ExchangeError::NoDoor)?;
        if below(1000) < u64::from(sea.doubled_permille.load(Ordering::Relaxed)) {
            let (desk, body) = (Arc::clone(&desk), body.to_vec());
            tokio::spawn(async move { desk.answer_body(class, body).await });
        }
        let answered = tokio::time::timeout(patience.deadline, desk.answer_body(class, body.to_vec())).await;
        let answer = answered.ok().flatten().ok_or(ExchangeError::Deadline)?;
        tokio::time::sleep(delay()).await;
        if lost() { Err(ExchangeError::Deadline) } else { Ok(answer) }
    }

    fn state(&self) -> watch::Receiver<State> {
        self.state.subscribe()
    }

    async fn stop(&self) {}
}

/// A home on disk, whether its daemon runs or not.
pub(crate) struct Home {
    dir: tempfile::TempDir,
    sea: Arc<Sea>,
    relays: Vec<RelayAddress>,
    pub(crate) boats: Arc<Boats>,
    node: Option<Arc<Node>>,
    pub(crate) times: Times,
    /// The way to Gun relays, at the next start.
    pub(crate) gun: Option<bauta_daemon::gun::Gun>,
}

impl Home {
    pub(crate) fn new(sea: &Arc<Sea>, relays: &[RelayAddress]) -> Self {
        let boats = Boats {
            sea: Arc::clone(sea),
            shown: Mutex::default(),
            forge: Mutex::default(),
            cut: AtomicBool::new(false),
        };
        Self {
            dir: tempfile::tempdir().unwrap(),
            sea: Arc::clone(sea),
            relays: relays.to_vec(),
            boats: Arc::new(boats),
            node: None,
            times: quick(),
            gun: None,
        }
    }

    /// A home with one persona, running.
    pub(crate) async fn with(sea: &Arc<Sea>, relays: &[RelayAddress], name: &str) -> (Self, Persona) {
        let mut home = Self::new(sea, relays);
        home.start().await;
        let persona =
            home.api().persona_new(NewPersona { name: name.to_owned(), apart: false }).await.unwrap();
        (home, persona)
    }

    pub(crate) async fn try_start(&mut self, unlock: Unlock) -> Result<(), NodeError> {
        let world = World {
            exchangers: Arc::new(Shipyard(Arc::clone(&self.boats))),
            time: Arc::new(SharedClock(Arc::clone(&self.sea.clock))),
            times: self.times,
            network: "test".to_owned(),
            traffic: Traffic::Test,
            gun: self.gun.clone(),
        };
        self.node = Some(Node::open_in(self.dir.path(), unlock, self.relays.clone(), world).await?);
        Ok(())
    }

    pub(crate) async fn start(&mut self) {
        self.try_start(Unlock::KeyFile).await.unwrap();
    }

    /// Ends the daemon as `kill -9` would: nothing is reported, nothing is finished.
    pub(crate) async fn crash(&mut self) {
        let node = self.node.take().unwrap();
        let gone: Weak<Node> = Arc::downgrade(&node);
        drop(node);
        until("the daemon is gone", async || gone.upgrade().is_none()).await;
        // Its store's thread may still be in a transaction.
        let lock = std::fs::File::open(self.path().join("store.lock")).unwrap();
        until("the store is closed", async || {
            rustix::fs::flock(&lock, rustix::fs::FlockOperation::NonBlockingLockExclusive).is_ok()
        })
        .await;
    }

    pub(crate) fn is_running(&self) -> bool {
        self.node.is_some()
    }

    pub(crate) fn api(&self) -> Arc<dyn Api> {
        self.node.clone().unwrap()
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.dir.path().to_owned()
    }

    pub(crate) async fn invite(&self, name: Option<&str>) -> String {
        let params = CreateInvitation { persona: None, name: name.map(str::to_owned) };
        self.api().contact_invite(params).await.unwrap().address
    }

    pub(crate) async fn add(&self, name: &str, address: &str) -> Result<Contact, RpcError> {
        let params = AddContact { persona: None, name: name.to_owned(), address: address.to_owned() };
        self.api().contact_add(params).await
    }

    pub(crate) async fn send(&self, contact: &str, text: &str) -> String {
        let params =
            SendMessage { persona: None, contact: contact.to_owned(), text: text.to_owned(), id: None };
        self.api().message_send(params).await.unwrap().id
    }

    pub(crate) async fn wait(&self, id: &str, state: MessageState) {
        let params = WaitFor { id: id.to_owned(), state, timeout_ms: MAX_WAIT_MS };
        self.api().message_wait(params).await.unwrap();
    }

    /// Texts received, in order, with their senders.
    pub(crate) async fn inbox(&self) -> Vec<(String, String)> {
        let mut all = Vec::new();
        let mut after = None;
        loop {
            let page = self.api().message_inbox(InboxOf { after, ..InboxOf::default() }).await.unwrap();
            let text = |message: ReceivedMessage| Some((message.from, message.body.text()?.to_owned()));
            all.extend(page.messages.into_iter().filter_map(text));
            match page.next {
                Some(next) => after = Some(next),
                None => return all,
            }
        }
    }

    pub(crate) async fn texts(&self) -> Vec<String> {
        self.inbox().await.into_iter().map(|(_, text)| text).collect()
    }

    pub(crate) async fn wait_for_texts(&self, expected: &[&str]) {
        until("the messages are there", async || self.texts().await.len() >= expected.len()).await;
        assert_eq!(self.texts().await, expected);
    }

    pub(crate) async fn contacts(&self) -> Vec<Contact> {
        self.api().contact_list(ListOf::default()).await.unwrap().contacts
    }

    pub(crate) async fn wait_for_contact(&self, name: &str, state: bauta_ipc::ContactState) {
        until("the contact is there", async || {
            self.contacts().await.iter().any(|contact| contact.name == name && contact.state == state)
        })
        .await;
    }

    pub(crate) async fn requests(&self) -> Vec<Stranger> {
        self.api().contact_requests(ListOf::default()).await.unwrap().requests
    }

    pub(crate) async fn wait_for_request(&self) -> Stranger {
        until("a request is there", async || !self.requests().await.is_empty()).await;
        self.requests().await.remove(0)
    }

    pub(crate) async fn accept(&self, id: &str, name: &str) -> Contact {
        let params = AcceptRequest { persona: None, id: id.to_owned(), name: name.to_owned() };
        self.api().contact_accept(params).await.unwrap()
    }

    /// Every event so far.
    pub(crate) async fn events(&self) -> Vec<Event> {
        let end = self.api().event_subscribe(Subscribe { since: None }).await.unwrap().cursor;
        let mut stream = self.api().event_subscribe(Subscribe { since: Some(0) }).await.unwrap();
        let mut events: Vec<Event> = Vec::new();
        while events.last().map_or(0, |last| last.cursor) < end {
            events.push(stream.events.next().await.unwrap().unwrap());
        }
        events
    }

    pub(crate) async fn saw(&self, is: impl Fn(&EventBody) -> bool) -> bool {
        self.events().await.iter().any(|event| is(&event.body))
    }
}

/// Waits until something holds, for as long as a busy machine may need.
pub(crate) async fn until<F: Future<Output = bool>>(what: &str, holds: impl Fn() -> F) {
    let deadline = Instant::now() + Duration::from_millis(MAX_WAIT_MS);
    while !holds().await {
        assert!(Instant::now() < deadline, "in vain: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Two homes that know each other by an invitation.
pub(crate) async fn friends(sea: &Arc<Sea>, relays: &[RelayAddress]) -> (Home, Home) {
    let (alice, _) = Home::with(sea, relays, "alice").await;
    let (bob, _) = Home::with(sea, relays, "bob").await;
    let invitation = alice.invite(Some("bob")).await;
    bob.add("alice", &invitation).await.unwrap();
    alice.wait_for_contact("bob", bauta_ipc::ContactState::Active).await;
    bob.wait_for_contact("alice", bauta_ipc::ContactState::Active).await;
    (alice, bob)
}
