//! Methods that reveal nothing: not one exchange, stream or connection follows from a call, now or by the clock.
//!
//! A home with conversations, whose own clocks stand still, is asked for each of them. What an exchange would be made
//! of later has to be in the store first: so after each call there is no new row, and no earlier time, in what the
//! engine sends from.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bauta_ipc::methods::METHODS;
use bauta_ipc::{
    Access, Api, Client, EventApi as _, Grant, HomeLock, Listener, PairingRecord, Pairings as _, RpcError,
    ServerLimits, Service, Subscribe, Utc, codes, serve_with,
};
use bauta_protocol::address::RelayAddress;
use bauta_protocol::descriptor::RelayIdentity;
use bauta_protocol::id::DoorAddress;
use bauta_protocol::relay::Class;
use bauta_relay::{Desk, DeskConfig, SqliteOptions, SqliteStorage};
use bauta_sphinx_client::{
    ExchangeError, Pace, Patience, Phase, RelayTarget, State as Connection, SystemClock, Traffic,
};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::super::{Exchanger, Exchangers, Node, StoredPairings, Times, World};
use crate::gun::{Dial, DialError, Gun, GunConfig, Stream};
use crate::random;
use crate::store::{StoreError, Tx};
use crate::unlock::Unlock;

/// How many exchanges were begun, connections made or hurried, and streams opened.
type Seen = Arc<AtomicU64>;

/// A relay's desk without a mixnet before it.
struct Sea {
    desk: Arc<Desk>,
    seen: Seen,
}

struct Boat {
    desk: Arc<Desk>,
    seen: Seen,
    state: watch::Sender<Connection>,
}

impl Exchangers for Sea {
    fn exchanger(&self, _: u32) -> Arc<dyn Exchanger> {
        self.seen.fetch_add(1, Ordering::SeqCst);
        let state = Connection::new(Phase::Ready, Instant::now());
        let (desk, seen) = (Arc::clone(&self.desk), Arc::clone(&self.seen));
        Arc::new(Boat { desk, seen, state: watch::Sender::new(state) })
    }

    fn avoid_gateways_of(&self, _: &[DoorAddress]) {}
}

#[async_trait]
impl Exchanger for Boat {
    async fn exchange(
        &self,
        _: &RelayTarget,
        class: Class,
        body: &[u8],
        patience: Patience,
    ) -> Result<Vec<u8>, ExchangeError> {
        self.seen.fetch_add(1, Ordering::SeqCst);
        let answer = tokio::time::timeout(patience.deadline, self.desk.answer_body(class, body.to_vec()));
        answer.await.ok().flatten().ok_or(ExchangeError::Deadline)
    }

    fn state(&self) -> watch::Receiver<Connection> {
        self.state.subscribe()
    }

    fn set_in_use(&self, _: bool) {
        self.seen.fetch_add(1, Ordering::SeqCst);
    }

    fn connect_now(&self) {
        self.seen.fetch_add(1, Ordering::SeqCst);
    }

    async fn stop(&self) {
        self.seen.fetch_add(1, Ordering::SeqCst);
    }
}

/// Nobody is at home where streams lead.
struct Lines(Seen);

#[async_trait]
impl Dial for Lines {
    async fn dial(&self, _: &str, _: u16) -> Result<Box<dyn Stream>, DialError> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Err(DialError::Timeout)
    }
}

/// Clocks that run fast, or not at all.
fn times(mean: Option<Duration>) -> Times {
    const NEVER: Duration = Duration::from_secs(1 << 30);
    let quick = Times::of(Pace {
        tick_mean: mean.unwrap_or(NEVER),
        drain_mean: mean.map_or(NEVER, |mean| mean * 5),
        publish_check: Duration::from_millis(300),
        delete_after: Duration::from_millis(200),
        resend_after: Duration::from_millis(40),
        hold_resend_after: Duration::from_millis(200),
        exchange_deadline: Duration::from_secs(4),
        hold_deadline: Duration::from_secs(6),
        start_delay_max: Duration::ZERO,
    });
    match mean {
        Some(_) => quick,
        None => Times { waits: crate::engine::Waits { check: NEVER, ..quick.waits }, ..quick },
    }
}

async fn open(home: &Path, relay: &RelayAddress, desk: &Arc<Desk>, seen: &Seen, times: Times) -> Arc<Node> {
    let relays = vec!["http://gun.example/gun".parse().unwrap()];
    let dial: Arc<dyn Dial> = Arc::new(Lines(Arc::clone(seen)));
    let world = World {
        exchangers: Arc::new(Sea { desk: Arc::clone(desk), seen: Arc::clone(seen) }),
        time: Arc::new(SystemClock),
        times,
        network: "test".to_owned(),
        traffic: Traffic::Test,
        gun: Some(Gun::new(GunConfig { relays, extra_roots_pem: None, dial }).unwrap()),
    };
    Node::open_in(home, Unlock::KeyFile, vec![relay.clone()], world).await.unwrap()
}

/// A node behind its socket.
struct Door {
    client: Client,
    stop: CancellationToken,
    serving: tokio::task::JoinHandle<()>,
}

impl Door {
    async fn open(home: &Path, node: &Arc<Node>) -> Self {
        let stop = CancellationToken::new();
        let lock = HomeLock::acquire(home).unwrap();
        let listener = Listener::bind(&lock).await.unwrap();
        let api: Arc<dyn Api> = node.clone();
        let service = Service::new(api, Access::all()).with_desk(node.pairing_desk());
        let serving = tokio::spawn({
            let stop = stop.clone();
            async move {
                serve_with(listener, service, ServerLimits::default(), stop).await;
                drop(lock);
            }
        });
        Self { client: Client::open(home).await.unwrap(), stop, serving }
    }

    async fn close(self, node: Arc<Node>) {
        self.stop.cancel();
        drop(self.client);
        self.serving.await.unwrap();
        let now = CancellationToken::new();
        now.cancel();
        node.run(now).await.unwrap();
    }

    async fn call(&self, method: &str, params: Value) -> Value {
        match self.client.call_raw(method, params).await {
            Ok(result) => result,
            Err(error) => panic!("{method}: {error:?}"),
        }
    }
}

async fn until(what: &str, holds: impl AsyncFn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(180);
    while !holds().await {
        assert!(Instant::now() < deadline, "in vain: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// What rows of this home are called in the table below.
struct Names {
    message: String,
    request: String,
    post: String,
    iv: String,
    key: String,
    pairing: String,
}

/// Four personas of one home: alice knows bea and dan, wrote a post, and a stranger has written to her.
async fn furnish(door: &Door) -> Names {
    for persona in ["alice", "bea", "dan", "cat"] {
        door.call("persona.new", json!({"name": persona})).await;
    }
    for friend in ["bea", "dan"] {
        let invited = door.call("contact.invite", json!({"persona": "alice", "name": friend})).await;
        let add = json!({"persona": friend, "name": "alice", "address": invited["address"]});
        door.call("contact.add", add).await;
        until("they know each other", async || {
            let shown = door.call("contact.show", json!({"persona": "alice", "contact": friend})).await;
            shown["state"] == "active"
        })
        .await;
    }
    let mut message = String::new();
    for (from, to, text) in [("alice", "bea", "at nine"), ("bea", "alice", "at ten")] {
        let sent = door.call("message.send", json!({"persona": from, "contact": to, "text": text})).await;
        let id = sent["id"].as_str().unwrap().to_owned();
        let wait = json!({"id": id, "state": "delivered", "timeout_ms": 100_000});
        door.call("message.wait", wait).await;
        if from == "alice" {
            message = id;
        }
    }
    let alice = door.call("persona.show", json!({"persona": "alice"})).await;
    let add = json!({"persona": "cat", "name": "alice", "address": alice["address"]});
    door.call("contact.add", add).await;
    door.call("message.send", json!({"persona": "cat", "contact": "alice", "text": "hello"})).await;
    let requests = async || door.call("contact.requests", json!({"persona": "alice"})).await;
    until("a request", async || requests().await["requests"].as_array().is_some_and(|all| !all.is_empty()))
        .await;
    let request = requests().await["requests"][0]["id"].as_str().unwrap().to_owned();
    let post =
        json!({"persona": "alice", "text": "at the gate", "public": true, "author": "twitter.com/alice"});
    let post = door.call("post.encrypt", post).await;
    let bea = door.call("persona.show", json!({"persona": "bea"})).await;
    Names {
        message,
        request,
        post: post["text"].as_str().unwrap().to_owned(),
        iv: post["iv"].as_str().unwrap().to_owned(),
        key: bea["public_key"].as_str().unwrap().to_owned(),
        pairing: "a".to_owned(),
    }
}

/// What a call answers.
#[derive(Clone, Copy, PartialEq)]
enum Answer {
    /// The method does what it is there for.
    Result,
    /// It is for extensions, which this caller is not. The crate of the API, which does it, knows of no network.
    ForExtensions,
}

/// Each method that reveals nothing, with parameters, in an order in which all of them work.
fn table(names: &Names) -> Vec<(&'static str, Value, Answer)> {
    let Names { message, request, post, iv, key, pairing } = names;
    let alice = || json!({"persona": "alice"});
    let bea = || json!({"persona": "alice", "contact": "bea"});
    let done = Answer::Result;
    vec![
        ("hello", json!({}), done),
        ("event.subscribe", json!({}), done),
        (
            "pair.request",
            json!({"key": "none", "label": "a", "grants": ["status.read"]}),
            Answer::ForExtensions,
        ),
        ("session.challenge", json!({"id": pairing}), Answer::ForExtensions),
        ("session.prove", json!({"id": pairing, "signature": "none"}), Answer::ForExtensions),
        ("pair.list", json!({}), done),
        ("pair.revoke", json!({"id": pairing}), done),
        ("pair.forget", json!({"id": pairing}), done),
        ("status.get", json!({}), done),
        ("persona.list", json!({}), done),
        ("persona.show", alice(), done),
        ("backup.passphrase", json!({"passphrase": "correct horse"}), done),
        ("contact.list", alice(), done),
        ("contact.show", bea(), done),
        ("contact.requests", alice(), done),
        ("contact.verify", json!({"persona": "alice", "contact": "bea", "mark": true}), done),
        ("contact.mute", json!({"persona": "alice", "contact": "bea", "muted": true}), done),
        ("contact.rename", json!({"persona": "alice", "contact": "dan", "name": "daniel"}), done),
        ("contact.blocked", alice(), done),
        ("message.wait", json!({"id": message, "state": "delivered", "timeout_ms": 1_000}), done),
        ("message.inbox", alice(), done),
        ("message.history", bea(), done),
        ("message.search", json!({"persona": "alice", "text": "nine"}), done),
        ("message.read", bea(), done),
        ("message.keep", json!({"days": 365}), done),
        ("conversation.list", alice(), done),
        ("post.wait", json!({"persona": "alice", "iv": iv, "timeout_ms": 1_000}), done),
        ("post.check", json!({"persona": "alice", "text": post}), done),
        ("post.decrypt", json!({"persona": "alice", "text": post}), done),
        ("post.settings", json!({"spread_seconds": 60}), done),
        ("profile.set", json!({"profile": "twitter.com/bea", "of": key}), done),
        ("profile.list", json!({}), done),
        ("profile.forget", json!({"profile": "twitter.com/bea"}), done),
        ("config.list", json!({}), done),
        ("config.get", json!({"key": "history.days"}), done),
        ("config.set", json!({"key": "history.days", "values": ["300"]}), done),
        ("message.delete", json!({"persona": "alice", "contact": "bea", "id": message}), done),
        ("conversation.delete", bea(), done),
        ("contact.delete", json!({"persona": "alice", "contact": request}), done),
        ("contact.block", json!({"persona": "alice", "contact": "daniel"}), done),
        ("contact.delete", json!({"persona": "alice", "contact": "daniel"}), done),
    ]
}

/// All that an exchange, a stream or a connection is made from, a line each.
const SENT_FROM: &[&str] = &[
    "SELECT 'box ' || id || ' ' || due_at || ' ' || disputed FROM outbox",
    "SELECT 'delete ' || id || ' ' || due_at FROM capabilities",
    "SELECT 'keys ' || id FROM prekeys",
    "SELECT 'guest ' || contact || ' ' || phase || ' ' || hex(wanted) FROM guests",
    "SELECT 'invitation ' || id || ' ' || hex(wanted) FROM invites",
    "SELECT 'join ' || id || ' ' || attempt_at || ' ' || rejoin FROM contacts WHERE state != 4",
    "SELECT 'lane ' || id || ' ' || hex(wanted) || active_until FROM sessions",
    "SELECT 'receipt ' || id || ' ' || ack_due_at FROM sessions WHERE ack_due_at IS NOT NULL",
    "SELECT 'deposit ' || id || ' ' || deposit_at FROM sessions WHERE deposit_at IS NOT NULL",
    "SELECT 'message ' || seq FROM messages WHERE outgoing AND delivered_at IS NULL",
    "SELECT 'record ' || id || ' ' || due_at FROM publications WHERE state = 'queued'",
    "SELECT 'publish ' || id || ' ' || publish_wait FROM personas WHERE publish_wait IS NOT NULL",
    "SELECT 'look ' || id || ' ' || check_wait FROM personas WHERE check_wait IS NOT NULL",
    "SELECT 'read ' || id || ' ' || drain_wait FROM personas WHERE drain_wait IS NOT NULL",
    "SELECT 'relay ' || persona || hex(relay) || ifnull(describe_at, '') FROM known_relays",
];

async fn sent_from(node: &Node) -> BTreeSet<String> {
    let read = |tx: &Tx<'_>| {
        let mut all = BTreeSet::new();
        for sql in SENT_FROM {
            all.extend(tx.lines(sql)?);
        }
        Ok::<_, StoreError>(all)
    };
    node.shared.store.run(read).await.unwrap()
}

fn fits(answer: &Result<Value, RpcError>, expected: Answer) -> bool {
    match (answer, expected) {
        (Ok(_), Answer::Result) => true,
        (Err(error), Answer::ForExtensions) => error.is(&codes::REQUEST_METHOD),
        _ => false,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn from_a_method_that_reveals_nothing_nothing_follows() {
    let (home, ashore) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let storage = SqliteStorage::open(&ashore.path().join("relay.db"), SqliteOptions::default()).unwrap();
    let identity = RelayIdentity::generate(&mut random::rng());
    let doors = vec![DoorAddress([1; 96])];
    let config = DeskConfig { hold: Duration::from_millis(400), ..DeskConfig::default() };
    let desk = Desk::open(Arc::new(storage), identity, doors.clone(), Box::new(random::rng()), config).await;
    let desk = Arc::new(desk.unwrap());
    let relay = RelayAddress { id: desk.relay(), doors };
    let seen = Seen::default();
    let node = open(home.path(), &relay, &desk, &seen, times(Some(Duration::from_millis(8)))).await;
    let door = Door::open(home.path(), &node).await;
    let names = furnish(&door).await;
    door.close(node).await;

    let node = open(home.path(), &relay, &desk, &seen, times(None)).await;
    let door = Door::open(home.path(), &node).await;
    let paired = PairingRecord {
        id: names.pairing.clone(),
        origin: "chrome-extension://abc/".to_owned(),
        label: "Chromium".to_owned(),
        key: vec![4; 65],
        grants: vec![Grant::MessagesRead],
        personas: None,
        since: Utc::from_millis(0),
        last_used: None,
        revoked: false,
    };
    StoredPairings::new(node.shared.store.clone()).add(paired).await.unwrap();
    let before = seen.load(Ordering::SeqCst);
    let rows = table(&names);
    for (method, params, expected) in &rows {
        let kept = sent_from(&node).await;
        let answer = match *method {
            "hello" => Client::open(home.path()).await.map(|_| Value::Null),
            "event.subscribe" => {
                node.event_subscribe(Subscribe { since: Some(0) }).await.map(|_| Value::Null)
            }
            method => door.client.call_raw(method, params.clone()).await,
        };
        assert!(fits(&answer, *expected), "{method}: {answer:?}");
        let now = sent_from(&node).await;
        let new: Vec<_> = now.difference(&kept).collect();
        assert!(new.is_empty(), "{method} leads to {new:?}");
        assert_eq!(seen.load(Ordering::SeqCst), before, "{method} leads to an exchange");
    }
    let called: BTreeSet<&str> = rows.iter().map(|(method, ..)| *method).collect();
    let declared = METHODS.iter().filter(|method| method.reveals.starts_with("Nothing"));
    assert_eq!(called, declared.map(|method| method.name).collect(), "each of them has a row, and no other");

    // And the home is not deaf: what is sent is seen, in the store and outside, and nothing but that.
    let kept = sent_from(&node).await;
    door.call("message.send", json!({"persona": "alice", "contact": "bea", "text": "at noon"})).await;
    assert!(!sent_from(&node).await.is_subset(&kept));
    until("its box is put", async || seen.load(Ordering::SeqCst) > before).await;
    assert_eq!(seen.load(Ordering::SeqCst), before + 1);
    door.close(node).await;
}
