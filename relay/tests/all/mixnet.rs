//! The whole relay over a mixnet on this machine: every operation, a restart, and the metrics.

use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bauta_localnet::{Localnet, LocalnetConfig};
use bauta_protocol::bundle::{IdentitySecret, Prekeys};
use bauta_protocol::descriptor::Descriptor;
use bauta_protocol::digest::chain::Known;
use bauta_protocol::digest::set::Tag;
use bauta_protocol::handshake::HANDSHAKE_LEN;
use bauta_protocol::id::Capability;
use bauta_protocol::limits::BOX_LEN;
use bauta_protocol::persona::PersonaSecret;
use bauta_protocol::relay::{
    Deposit, Deposited, Describe, Drain, Fetch, Fetched, Get, News, Page, Publish, Put, Reply, Request,
};
use bauta_protocol::time::{Clock as _, Timestamp};
use bauta_protocol::work::{find_deposit_work, find_put_work};
use bauta_relay::policy::Difficulty;
use bauta_relay::{Relay, RelayConfig, RelayError};
use bauta_sphinx_client::{
    Client, GuardKeeper, Mixnet, Network, Patience, RelayTarget, SystemClock, Traffic,
};
use getrandom::SysRng;
use rand_core::UnwrapErr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

#[derive(Default)]
struct Memory(Mutex<Option<Vec<u8>>>);

impl GuardKeeper for Memory {
    fn load(&self) -> Option<Vec<u8>> {
        self.0.lock().unwrap().clone()
    }

    fn save(&self, state: &[u8]) {
        *self.0.lock().unwrap() = Some(state.to_vec());
    }
}

/// A client that knows a relay.
#[derive(Clone)]
struct Visitor {
    client: Client,
    relay: RelayTarget,
}

impl Visitor {
    async fn ask(&self, request: Request) -> Reply {
        let patience = Patience { deadline: Duration::from_secs(180), resend_after: Duration::from_secs(3) };
        let class = request.class();
        let body = request.encode();
        let answer = self.client.exchange(&self.relay, class, &body, patience).await.expect("an answer");
        Reply::decode(class, &answer).unwrap()
    }

    async fn describe(&self) -> Descriptor {
        match self.ask(Request::Describe(Describe)).await {
            Reply::Descriptor(bytes) => Descriptor::from_bytes(bytes.as_slice(), self.relay.id).unwrap(),
            _ => panic!("no descriptor"),
        }
    }

    fn put(&self, cap: &Capability, fill: u8, terms: &Descriptor) -> Request {
        let id = cap.box_id();
        let go = AtomicBool::new(false);
        let nonce = find_put_work(&self.relay.id, terms.day(), &id, terms.put_bits(), &go).unwrap();
        Request::Put(Put {
            day: terms.day(),
            nonce,
            id,
            tag: Tag([fill; 8]),
            sealed: Box::new([fill; BOX_LEN]),
        })
    }
}

fn now() -> Timestamp {
    SystemClock.now()
}

fn config(data: &Path, net: &Localnet) -> RelayConfig {
    RelayConfig {
        data: data.to_owned(),
        network: Network::local(&net.api_url()).unwrap(),
        traffic: Traffic::Test,
        doors: 2,
        metrics: Some("127.0.0.1:0".parse().unwrap()),
        observer: None,
    }
}

async fn wait_for_held(relay: &Relay, held: usize) {
    let deadline = Instant::now() + Duration::from_secs(120);
    while relay.counts().held != held {
        assert!(Instant::now() < deadline, "{} requests are held, not {held}", relay.counts().held);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn scrape(relay: &Relay) -> String {
    let address = relay.metrics_address().unwrap();
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let request = format!("GET /metrics HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    text
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relay_over_the_mixnet() {
    let net = Localnet::start(LocalnetConfig { gateways: 3, ..LocalnetConfig::default() }).await.unwrap();
    let home = tempfile::tempdir().unwrap();
    let data = home.path().join("relay");
    let relay = Relay::start(config(&data, &net)).await.unwrap();
    let address = relay.address();
    assert_eq!(address.doors.len(), 2);
    let second = Relay::start(config(&data, &net)).await;
    assert!(matches!(second, Err(RelayError::InUse(_))), "one data directory, one relay");

    let network = Network::local(&net.api_url()).unwrap();
    let mixnet = Mixnet::new(network, Traffic::Test, Arc::new(Memory::default())).unwrap();
    let relay_target = RelayTarget { id: address.id, doors: address.doors.clone() };
    let visitor = Visitor { client: mixnet.client(1), relay: relay_target };

    let terms = visitor.describe().await;
    assert_eq!(terms.doors(), address.doors);
    boxes(&visitor, &relay, &terms).await;
    digest(&visitor, &terms).await;
    first_contact(&visitor, &terms).await;
    bundles(&visitor, &relay, &terms).await;
    let counts = relay.counts();
    assert_eq!((counts.boxes, counts.tombstones, counts.deposits, counts.bundles), (2, 0, 0, 1));
    assert!(counts.small_exchanges >= 6 && counts.large_exchanges >= 7 && counts.digest_exchanges >= 2);

    let text = scrape(&relay).await;
    assert!(text.contains("bauta_relay_boxes 2") && text.contains(r#"operation="put",outcome="conflict""#));

    // A graceful stop says nothing to the held request, and a restart finds everything, at the same doors.
    let kept = Capability::from_bytes(&[1; 32]);
    let nothing = Request::Get(Get { id: Capability::from_bytes(&[77; 32]).box_id() });
    let waiting = tokio::spawn({
        let visitor = visitor.clone();
        async move { visitor.ask(nothing).await }
    });
    wait_for_held(&relay, 1).await;
    relay.stop().await.unwrap();
    let relay = Relay::start(config(&data, &net)).await.unwrap();
    assert_eq!(relay.address(), address);
    assert!(visitor.describe().await.as_bytes() == terms.as_bytes() || now().day() > terms.day());
    assert!(
        visitor.ask(Request::Get(Get { id: kept.box_id() })).await == Reply::Box(Box::new([10; BOX_LEN]))
    );
    assert!(!waiting.is_finished());
    waiting.abort();
    visitor.client.stop().await;
    relay.stop().await.unwrap();
    net.stop().await;
}

async fn boxes(visitor: &Visitor, relay: &Relay, terms: &Descriptor) {
    let (one, two) = (Capability::from_bytes(&[1; 32]), Capability::from_bytes(&[2; 32]));
    assert!(visitor.ask(visitor.put(&one, 10, terms)).await == Reply::Done);
    assert!(visitor.ask(visitor.put(&one, 10, terms)).await == Reply::Done);
    assert!(visitor.ask(visitor.put(&one, 11, terms)).await == Reply::Conflict);
    let Request::Put(Put { day, nonce, id, tag, sealed }) = visitor.put(&two, 20, terms) else { panic!() };
    let put = Request::Put(Put { day, nonce, id, tag, sealed });

    let waiting = tokio::spawn({
        let visitor = visitor.clone();
        async move { visitor.ask(Request::Get(Get { id })).await }
    });
    wait_for_held(relay, 1).await;
    assert!(visitor.ask(put).await == Reply::Done);
    assert!(waiting.await.unwrap() == Reply::Box(Box::new([20; BOX_LEN])));

    assert!(visitor.ask(Request::Get(Get { id: one.box_id() })).await == Reply::Box(Box::new([10; BOX_LEN])));
}

/// The digest, whose answers travel in a class of their own.
async fn digest(visitor: &Visitor, terms: &Descriptor) {
    let news = loop {
        match visitor.ask(Request::News(News)).await {
            Reply::News(listing) => break listing.closed().unwrap(),
            Reply::Busy => tokio::time::sleep(Duration::from_millis(200)).await,
            _ => panic!("no news"),
        }
    };
    let known = Known::default().check_news(&news).unwrap().known;
    assert!(known.newest().unwrap().put_bits <= terms.put_bits());
    let Reply::Page(listing) = visitor.ask(Request::Page(Page { index: 0 })).await else { panic!("no page") };
    let (header, page) = listing.page(0).unwrap();
    known.check_page(&header, &page).unwrap();
}

async fn first_contact(visitor: &Visitor, terms: &Descriptor) {
    let owner = Capability::from_bytes(&[3; 32]);
    let (inbox, sealed) = (owner.inbox_id(), Box::new([5; HANDSHAKE_LEN]));
    let go = AtomicBool::new(false);
    let (day, bits) = (terms.day(), terms.deposit_bits());
    let work = find_deposit_work(&visitor.relay.id, &inbox, day, sealed.as_slice(), bits, &go).unwrap();
    let deposit = Request::Deposit(Deposit {
        inbox,
        day,
        gate_nonce: work.gate_nonce,
        work_nonce: work.work_nonce,
        sealed: sealed.clone(),
    });
    assert!(visitor.ask(deposit.clone()).await == Reply::Done);
    assert!(visitor.ask(deposit).await == Reply::Done);
    let drain = |after| Request::Drain(Drain { cap: owner.clone(), after });
    let Reply::Deposit(Deposited { seq, work, sealed: left }) = visitor.ask(drain(0)).await else {
        panic!("no deposit")
    };
    assert_eq!(left, sealed);
    assert!(work >= bits, "the relay says what it measured");
    assert!(visitor.ask(drain(seq)).await == Reply::Absent);
}

async fn bundles(visitor: &Visitor, relay: &Relay, terms: &Descriptor) {
    let mut rng = UnwrapErr(SysRng);
    let persona = PersonaSecret::generate(&mut rng);
    let (identity, inbox) = (IdentitySecret::generate(&mut rng), Capability::generate(&mut rng));
    let seen = terms.seen();
    let made =
        Prekeys::generate(&persona, &identity, &inbox, &relay.address(), seen, now(), &mut rng).unwrap();
    let fetch = Request::Fetch(Fetch { persona: persona.public() });
    assert!(visitor.ask(fetch.clone()).await == Reply::Absent);
    let bytes = Box::new(*made.bundle().as_bytes());
    let publish = Publish { bundle: bytes.clone(), inbox, known: made.bundle().version() };
    assert!(visitor.ask(Request::Publish(publish)).await == Reply::Done);
    let deposit_bits = Difficulty::EASY.deposit_bits;
    assert!(visitor.ask(fetch).await == Reply::Bundle(Fetched { bundle: bytes, deposit_bits }));
}

#[tokio::test]
async fn settings_that_cannot_work_are_refused_before_anything_is_made() {
    let home = tempfile::tempdir().unwrap();
    let data = home.path().join("relay");
    let good = RelayConfig {
        data: data.clone(),
        network: Network::local("http://127.0.0.1:1/api/").unwrap(),
        traffic: Traffic::Test,
        doors: 2,
        metrics: None,
        observer: None,
    };
    for doors in [0, 5] {
        let refused = Relay::start(RelayConfig { doors, ..good.clone() }).await;
        assert!(matches!(refused, Err(RelayError::Doors(_))));
    }
    let metrics = Some("0.0.0.0:9100".parse().unwrap());
    let refused = Relay::start(RelayConfig { metrics, ..good }).await;
    assert!(matches!(refused, Err(RelayError::MetricsNotLoopback(_))));
    assert!(!data.exists());
}
