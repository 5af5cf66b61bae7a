//! The same through a whole mixnet on this machine, and how fast one client can be answered.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use bauta_localnet::{Localnet, LocalnetConfig};
use bauta_protocol::digest::set::Tag;
use bauta_protocol::id::BoxId;
use bauta_protocol::limits::BOX_LEN;
use bauta_protocol::relay::{Get, Put, Reply, Request};
use bauta_protocol::time::Clock as _;
use bauta_relay::{Relay, RelayConfig};
use bauta_sphinx_client::{Client, GuardKeeper, Mixnet, Network, RelayTarget, SystemClock, Traffic};

use super::{Outcome, PATIENCE, Rates, Way, work};
use crate::e2e_bench::raw_sdk::RawSdk;

/// Exchanges of one client at a time when it asks as fast as it can: so many that the processor is the limit, not the
/// delay at the mixes, which differs between the two.
const AT_ONCE: u64 = 128;
/// For how long.
const SPAN: Duration = Duration::from_secs(20);

struct NoGuards;

impl GuardKeeper for NoGuards {
    fn load(&self) -> Option<Vec<u8>> {
        None
    }

    fn save(&self, _: &[u8]) {}
}

struct Town {
    localnet: Localnet,
    relay: Relay,
    mixnet: Mixnet,
    target: RelayTarget,
}

impl Town {
    async fn new(dir: &Path, traffic: Traffic) -> Self {
        let config = LocalnetConfig { gateways: 3, ..LocalnetConfig::default() };
        let localnet = Localnet::start(config).await.unwrap();
        let network = Network::local(&localnet.api_url()).unwrap();
        let config = RelayConfig {
            data: dir.join("relay"),
            network: network.clone(),
            traffic: Traffic::Test,
            doors: 2,
            metrics: None,
            observer: None,
        };
        let relay = Relay::start(config).await.unwrap();
        let address = relay.address();
        let mixnet = Mixnet::new(network, traffic, Arc::new(NoGuards)).unwrap();
        let target = RelayTarget { id: address.id, doors: address.doors };
        Self { localnet, relay, mixnet, target }
    }

    async fn stop(self) {
        self.relay.stop().await.unwrap();
        self.localnet.stop().await;
    }
}

/// Personas with a client each, all on this machine, in the profile `full`.
pub async fn run(dir: &Path, personas: usize, rates: Rates, span: Duration) -> Outcome {
    let town = Town::new(dir, Traffic::Full).await;
    let clients: Vec<_> =
        (0..personas).map(|label| Arc::new(town.mixnet.client(u32::try_from(label).unwrap()))).collect();
    // A persona's client starts after a random wait. The first exchange ends once it is there.
    let first = clients.iter().map(|client| put(client, &town.target));
    futures::future::join_all(first).await;
    let ways: Vec<_> =
        clients.iter().map(|client| Way::Mixnet(Arc::clone(client), town.target.clone())).collect();
    let outcome = super::run(&ways, personas, rates, span).await;
    for client in &clients {
        client.stop().await;
    }
    town.stop().await;
    outcome
}

/// Exchanges a second of one client that asks for a stored box, over and over, 128 at a time; and echoes a second
/// of the bare SDK over the same mixnet, both without cover traffic.
pub async fn fastest() -> (f64, f64) {
    let dir = tempfile::tempdir_in("target").unwrap();
    let town = Town::new(dir.path(), Traffic::Test).await;
    let client = Arc::new(town.mixnet.client(0));
    let id = put(&client, &town.target).await;
    let (stop, count) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU32::new(0)));
    let asking: Vec<_> = (0..AT_ONCE)
        .map(|_| {
            let way = Way::Mixnet(Arc::clone(&client), town.target.clone());
            let (stop, count) = (Arc::clone(&stop), Arc::clone(&count));
            tokio::spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    let reply = way.ask(Get { id }.into(), PATIENCE.deadline).await;
                    count.fetch_add(u32::from(matches!(reply, Some(Reply::Box(_)))), Ordering::Relaxed);
                }
            })
        })
        .collect();
    let begun = Instant::now();
    tokio::time::sleep(SPAN).await;
    let ours = f64::from(count.load(Ordering::Relaxed)) / begun.elapsed().as_secs_f64();
    stop.store(true, Ordering::Relaxed);
    for task in asking {
        task.await.unwrap();
    }
    client.stop().await;
    let mut raw = RawSdk::connect_fast(&town.localnet).await;
    let bare = raw.rate(AT_ONCE, SPAN).await;
    raw.stop().await;
    town.stop().await;
    (ours, bare)
}

async fn put(client: &Client, target: &RelayTarget) -> BoxId {
    let (id, day) = (BoxId(rand::random()), SystemClock.now().day());
    let nonce = work(target.id, day, &id);
    let request: Request =
        Put { day, nonce, id, tag: Tag(rand::random()), sealed: Box::new([7; BOX_LEN]) }.into();
    let body = request.encode();
    let reply = client.exchange(target, request.class(), &body, PATIENCE).await.unwrap();
    assert!(matches!(Reply::decode(request.class(), &reply), Ok(Reply::Done)));
    id
}
