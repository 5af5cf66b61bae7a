//! A node without a mixnet, and what it answers.

mod conversations;
mod disk;
mod frames;
mod limited;
mod lists;
mod nothing;
mod settings;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use async_trait::async_trait;
use bauta_ipc::{Access, Api, Client, HomeLock, Listener, ServerLimits, Service, serve_with};
use bauta_protocol::address::RelayAddress;
use bauta_protocol::id::{DoorAddress, RelayId};
use bauta_protocol::relay::Class;
use bauta_sphinx_client::{
    ExchangeError, NoGateway, Patience, Phase, RelayTarget, State as Connection, SystemClock, Traffic,
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{Exchanger, Exchangers, Node, Times, World};
use crate::unlock::Unlock;

pub(super) const RELAY: RelayId = RelayId([1; 32]);

/// A mixnet that nothing leaves.
#[derive(Clone, Default)]
pub(super) struct Stillness {
    /// From now on gateways refuse whoever is new.
    pub(super) refuses: Arc<AtomicBool>,
}

struct Still(watch::Sender<Connection>);

impl Exchangers for Stillness {
    fn exchanger(&self, _: u32) -> Arc<dyn Exchanger> {
        let state = Connection {
            no_gateway: self.refuses.load(Ordering::Relaxed).then_some(NoGateway::Clock),
            ..Connection::new(Phase::Ready, Instant::now())
        };
        Arc::new(Still(watch::Sender::new(state)))
    }

    fn avoid_gateways_of(&self, _: &[DoorAddress]) {}
}

#[async_trait]
impl Exchanger for Still {
    async fn exchange(
        &self,
        _: &RelayTarget,
        _: Class,
        _: &[u8],
        _: Patience,
    ) -> Result<Vec<u8>, ExchangeError> {
        std::future::pending().await
    }

    fn state(&self) -> watch::Receiver<Connection> {
        self.0.subscribe()
    }

    async fn stop(&self) {}
}

/// A node in a home of its own, behind its socket.
pub(super) struct Served {
    pub(super) node: Arc<Node>,
    home: tempfile::TempDir,
    stop: CancellationToken,
}

impl Served {
    pub(super) async fn start() -> Self {
        Self::start_over(Stillness::default()).await
    }

    pub(super) async fn start_over(mixnet: Stillness) -> Self {
        let home = tempfile::tempdir().unwrap();
        let world = World {
            exchangers: Arc::new(mixnet),
            time: Arc::new(SystemClock),
            times: Times::of(Traffic::Test.pace()),
            network: "test".to_owned(),
            traffic: Traffic::Test,
            gun: None,
        };
        let relay = RelayAddress { id: RELAY, doors: vec![DoorAddress([1; 96])] };
        let node = Node::open_in(home.path(), Unlock::KeyFile, vec![relay], world).await.unwrap();
        let stop = CancellationToken::new();
        let lock = HomeLock::acquire(home.path()).unwrap();
        let listener = Listener::bind(&lock).await.unwrap();
        let api: Arc<dyn Api> = node.clone();
        let service = Service::new(api, Access::all()).with_desk(node.pairing_desk());
        tokio::spawn(serve_with(listener, service, ServerLimits::default(), stop.clone()));
        Self { node, home, stop }
    }

    pub(super) async fn client(&self) -> Client {
        Client::open(self.home.path()).await.unwrap()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}
