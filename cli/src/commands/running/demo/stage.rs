use std::path::Path;
use std::sync::Arc;

use bauta_daemon::gun::GunUrl;
use bauta_daemon::node::GunSettings;
use bauta_ipc::{RpcError, codes};
use bauta_localnet::{ExitPolicy, Localnet, LocalnetConfig};
use bauta_relay::{Relay, RelayConfig};
use bauta_sphinx_client::{Network, Observer, Traffic};

use super::gun_peer::GunPeer;
use super::narrator::Narrator;
use super::people::Person;
use super::recorder::Recorder;
use super::report::{DiskView, GunView, NodeView, Observers, RelayView};
use crate::failure;

/// The name of the relay's directory.
pub(super) const RELAY: &str = "relay";

/// The mixnet and the relays, and what observes them.
pub(super) struct Scenery {
    localnet: Localnet,
    relay: Relay,
    recorder: Arc<Recorder>,
    gun: GunPeer,
}

/// Two people.
pub(super) struct Cast {
    pub(super) alice: Person,
    pub(super) bob: Person,
}

impl Scenery {
    pub(super) async fn build(dir: &Path, traffic: Traffic, narrator: &Narrator) -> Result<Self, RpcError> {
        narrator.phase("Starting three mixes, two gateways and an exit");
        let gun = GunPeer::start().await?;
        let exit = ExitPolicy::Only(vec![gun.address()]);
        let localnet = Localnet::start(LocalnetConfig { exit, ..LocalnetConfig::default() })
            .await
            .map_err(|error| RpcError::of(&codes::LOCALNET_FAILED, &error))?;
        narrator.phase("Starting a relay with two doors");
        let recorder = Arc::new(Recorder::default());
        let config = RelayConfig {
            data: dir.join(RELAY),
            network: network(&localnet)?,
            traffic,
            doors: 2,
            metrics: None,
            observer: Some(Arc::clone(&recorder) as Arc<dyn Observer>),
        };
        let relay = Relay::start(config).await.map_err(|error| failure(&error, &codes::RELAY_FAILED))?;
        narrator.step(
            "A mixnet runs on this machine: three mixes, two gateways, an exit, a directory; a relay; and a Gun relay.",
        );
        Ok(Self { localnet, relay, recorder, gun })
    }

    pub(super) async fn invite(
        &self,
        dir: &Path,
        traffic: Traffic,
        narrator: &Narrator,
    ) -> Result<Cast, RpcError> {
        narrator.phase("Starting two daemons");
        let exit = self.localnet.network_file().exit;
        let exit =
            exit.map(|exit| exit.parse()).transpose().map_err(|error| failure(&error, &codes::INTERNAL))?;
        let url: GunUrl = self.gun.url().parse().map_err(|error| failure(&error, &codes::INTERNAL))?;
        let start = async |name: &str| {
            let (network, relay) = (network(&self.localnet)?, self.relay.address());
            let gun = GunSettings {
                relays: Some(vec![url.clone()]),
                network_exit: exit.clone(),
                ..GunSettings::default()
            };
            Person::start(name, dir.join(name), network, relay, traffic, gun).await
        };
        let (alice, bob) = futures::try_join!(start("alice"), start("bob"))?;
        narrator.step("Alice and Bob each have a daemon and a persona.");
        Ok(Cast { alice, bob })
    }

    /// What each observer has seen so far, before any search.
    pub(super) fn observers(&self) -> Observers {
        let stats = self.localnet.stats();
        let counts = self.relay.counts();
        let view = |nodes: &[bauta_localnet::Node], packets: fn(bauta_localnet::NodeStats) -> u64| {
            let node = |node: &bauta_localnet::Node| {
                let packets = stats.node(node.id()).map(packets).unwrap_or_default();
                NodeView { id: node.id(), packets }
            };
            nodes.iter().map(node).collect()
        };
        Observers {
            relay: RelayView::new(self.recorder.notes(), counts.boxes + counts.tombstones),
            gateways: view(self.localnet.gateways(), |stats| stats.from_clients),
            mixes: view(self.localnet.mixes(), |stats| stats.forwarded),
            gun: GunView::new(&self.gun.seen()),
            disks: DiskView::default(),
        }
    }

    /// What the Gun relay stores.
    pub(super) fn gun_content(&self) -> String {
        self.gun.content()
    }

    pub(super) async fn close(self) -> Result<(), RpcError> {
        let stopped = self.relay.stop().await.map_err(|error| failure(&error, &codes::RELAY_FAILED));
        self.localnet.stop().await;
        stopped
    }
}

impl Cast {
    pub(super) async fn close(self) -> Result<(), RpcError> {
        let (alice, bob) = futures::join!(self.alice.close(), self.bob.close());
        alice.and(bob)
    }
}

fn network(localnet: &Localnet) -> Result<Network, RpcError> {
    Network::local(&localnet.api_url()).map_err(|error| failure(&error, &codes::INTERNAL))
}
