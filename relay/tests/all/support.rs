//! A desk with a clock that the test turns, and requests with their work done.

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::{Duration, Instant};

use bauta_protocol::address::RelayAddress;
use bauta_protocol::bundle::{IdentitySecret, Prekeys};
use bauta_protocol::descriptor::{Descriptor, DescriptorSeen, RelayIdentity};
use bauta_protocol::digest::set::Tag;
use bauta_protocol::handshake::HANDSHAKE_LEN;
use bauta_protocol::id::{BoxId, Capability, DoorAddress, InboxId, RelayId};
use bauta_protocol::limits::BOX_LEN;
use bauta_protocol::persona::PersonaSecret;
use bauta_protocol::relay::{Deposit, Describe, Drain, Fetch, Fetched, Get, Publish, Put, Reply, Request};
use bauta_protocol::time::{Clock, Day, Timestamp};
use bauta_protocol::work::{DepositWork, find_deposit_work, find_put_work};
use bauta_relay::policy::{Difficulty, Quotas};
use bauta_relay::{Desk, DeskConfig, SqliteOptions, SqliteStorage, Storage};
use getrandom::SysRng;
use rand_core::UnwrapErr;

/// What was worked out before.
type Memo<K, V> = LazyLock<Mutex<HashMap<K, V>>>;

pub(crate) const TODAY: Day = Day(20_000);

/// A clock that does not move until it is set.
#[derive(Debug)]
pub(crate) struct Hands(AtomicU64);

impl Hands {
    pub(crate) fn at(now: Timestamp) -> Arc<Self> {
        Arc::new(Self(AtomicU64::new(now.0)))
    }

    pub(crate) fn set(&self, now: Timestamp) {
        self.0.store(now.0, Ordering::SeqCst);
    }
}

impl Clock for Hands {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

/// A desk and its parts.
pub(crate) struct Office {
    pub(crate) desk: Arc<Desk>,
    pub(crate) store: Arc<SqliteStorage>,
    pub(crate) clock: Arc<Hands>,
}

pub(crate) struct Terms {
    pub(crate) hold: Duration,
    pub(crate) held: usize,
    pub(crate) online: u64,
    pub(crate) quotas: Quotas,
    pub(crate) doors: Vec<DoorAddress>,
}

impl Default for Terms {
    fn default() -> Self {
        let doors = vec![DoorAddress([1; 96]), DoorAddress([2; 96])];
        Self { hold: Duration::from_millis(1), held: 200, online: 1_000, quotas: Quotas::default(), doors }
    }
}

impl Office {
    pub(crate) async fn open(home: &Path, now: Timestamp, terms: Terms) -> Self {
        let options = SqliteOptions { quotas: terms.quotas, ..SqliteOptions::default() };
        let store = Arc::new(SqliteStorage::open(&home.join("relay.db"), options).unwrap());
        let clock = Hands::at(now);
        let config = DeskConfig {
            hold: terms.hold,
            held: terms.held,
            online: terms.online,
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            ..DeskConfig::default()
        };
        let storage = Arc::clone(&store) as Arc<dyn Storage>;
        let rng = Box::new(UnwrapErr(SysRng));
        let desk = Desk::open(storage, identity(), terms.doors, rng, config).await.unwrap();
        Self { desk: Arc::new(desk), store, clock }
    }

    pub(crate) async fn close(self) {
        self.store.close().await.unwrap();
    }

    /// What comes of a request; `Absent` if it is not answered, as a client takes it.
    pub(crate) async fn ask(&self, request: Request) -> Reply {
        self.desk.answer(request).await.unwrap_or(Reply::Absent)
    }

    /// Asks in a task of its own, and returns when the desk holds `held` requests.
    pub(crate) async fn ask_and_hold(&self, request: Request, held: usize) -> tokio::task::JoinHandle<Reply> {
        let desk = Arc::clone(&self.desk);
        let asked = tokio::spawn(async move { desk.answer(request).await.unwrap_or(Reply::Absent) });
        self.wait_for_held(held).await;
        asked
    }

    pub(crate) async fn wait_for_held(&self, held: usize) {
        let deadline = Instant::now() + Duration::from_secs(120);
        while self.desk.levels().held != held {
            assert!(Instant::now() < deadline, "{} requests are held, not {held}", self.desk.levels().held);
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    pub(crate) async fn descriptor(&self) -> Descriptor {
        match self.ask(Request::Describe(Describe)).await {
            Reply::Descriptor(bytes) => Descriptor::from_bytes(bytes.as_slice(), relay()).unwrap(),
            _ => panic!("no descriptor"),
        }
    }
}

pub(crate) fn identity() -> RelayIdentity {
    RelayIdentity::from_bytes(&[7; 32]).unwrap()
}

pub(crate) fn relay() -> RelayId {
    identity().id()
}

pub(crate) fn cap(name: u8) -> Capability {
    Capability::from_bytes(&[name; 32])
}

pub(crate) fn tag(name: u8) -> Tag {
    Tag([name; 8])
}

pub(crate) fn sealed(fill: u8) -> Box<[u8; BOX_LEN]> {
    Box::new([fill; BOX_LEN])
}

/// Work is done once for each day and box, also over many cases of a property.
pub(crate) fn put_nonce(day: Day, id: &BoxId, bits: u8) -> u64 {
    static DONE: Memo<(Day, BoxId, u8), u64> = LazyLock::new(Mutex::default);
    let mut done = DONE.lock().unwrap();
    *done
        .entry((day, *id, bits))
        .or_insert_with(|| find_put_work(&relay(), day, id, bits, &AtomicBool::new(false)).unwrap())
}

pub(crate) fn put(name: u8, fill: u8, day: Day) -> Request {
    let id = cap(name).box_id();
    let nonce = put_nonce(day, &id, Difficulty::EASY.put_bits);
    Request::Put(Put { day, nonce, id, tag: tag(name), sealed: sealed(fill) })
}

pub(crate) fn get(name: u8) -> Request {
    Request::Get(Get { id: cap(name).box_id() })
}

pub(crate) fn handshake(fill: u8) -> Box<[u8; HANDSHAKE_LEN]> {
    Box::new([fill; HANDSHAKE_LEN])
}

pub(crate) fn deposit_work(inbox: InboxId, fill: u8, day: Day) -> DepositWork {
    static DONE: Memo<(InboxId, u8, Day), DepositWork> = LazyLock::new(Mutex::default);
    let mut done = DONE.lock().unwrap();
    *done.entry((inbox, fill, day)).or_insert_with(|| {
        let (bits, go) = (Difficulty::EASY.deposit_bits, AtomicBool::new(false));
        find_deposit_work(&relay(), &inbox, day, handshake(fill).as_slice(), bits, &go).unwrap()
    })
}

pub(crate) fn deposit(inbox: u8, fill: u8, day: Day) -> Request {
    let inbox = cap(inbox).inbox_id();
    let DepositWork { gate_nonce, work_nonce } = deposit_work(inbox, fill, day);
    Request::Deposit(Deposit { inbox, day, gate_nonce, work_nonce, sealed: handshake(fill) })
}

pub(crate) fn drain(inbox: u8, after: u64) -> Request {
    Request::Drain(Drain { cap: cap(inbox), after })
}

pub(crate) fn persona(who: u8) -> PersonaSecret {
    PersonaSecret::from_bytes(&[who; 32]).unwrap()
}

pub(crate) fn fetch(who: u8) -> Request {
    Request::Fetch(Fetch { persona: persona(who).public() })
}

/// A bundle of `who`, as made at `version`, that receives at `at`.
pub(crate) fn bundle(who: u8, version: Timestamp, at: RelayId) -> Prekeys {
    let address = RelayAddress { id: at, doors: vec![DoorAddress([1; 96])] };
    let seen = DescriptorSeen { day: version.day(), hash: [0; 32] };
    let mut rng = UnwrapErr(SysRng);
    let identity = IdentitySecret::generate(&mut rng);
    Prekeys::generate(&persona(who), &identity, &cap(who), &address, seen, version, &mut rng).unwrap()
}

/// What a fetch gives while few deposits come.
pub(crate) fn found(bundle: &Prekeys) -> Reply {
    let deposit_bits = Difficulty::EASY.deposit_bits;
    Reply::Bundle(Fetched { bundle: Box::new(*bundle.bundle().as_bytes()), deposit_bits })
}

pub(crate) fn publish(bundle: &Prekeys) -> Request {
    let inbox = bundle.inbox().clone();
    Request::Publish(Publish {
        bundle: Box::new(*bundle.bundle().as_bytes()),
        inbox,
        known: bundle.bundle().version(),
    })
}
