//! Packets of one exchange, and the time a client takes to connect.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bauta_localnet::{Localnet, LocalnetConfig};
use bauta_protocol::id::RelayId;
use bauta_protocol::relay::Class;
use bauta_sphinx_client::{
    ConnectPhase, GuardKeeper, Mixnet, Network, Patience, Phase, RelayTarget, Service, ServiceConfig, Traffic,
};

const RELAY: RelayId = RelayId([1; 32]);
const PATIENCE: Patience =
    Patience { deadline: Duration::from_secs(60), resend_after: Duration::from_secs(20) };

/// Mean packets of one exchange, as its sides gave them to their gateways.
#[derive(Clone, Copy, Debug)]
pub struct Packets {
    /// From the client.
    pub out: f64,
    /// From the relay.
    pub back: f64,
}

struct NoGuards;

impl GuardKeeper for NoGuards {
    fn load(&self) -> Option<Vec<u8>> {
        None
    }

    fn save(&self, _: &[u8]) {}
}

/// Counts the packets of `exchanges` exchanges of a class on a mixnet of its own without cover traffic.
pub async fn packets(class: Class, exchanges: u32) -> Packets {
    let localnet =
        Localnet::start(LocalnetConfig { gateways: 3, ..LocalnetConfig::default() }).await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let network = Network::local(&localnet.api_url()).unwrap();
    let config = ServiceConfig {
        network: network.clone(),
        relay_id: RELAY,
        dir: dir.path().to_owned(),
        doors: 1,
        traffic: Traffic::Test,
        observer: None,
    };
    let (service, mut incoming) = Service::start(config).await.unwrap();
    let answering = tokio::spawn(async move {
        while let Some(request) = incoming.recv().await {
            request.responder.send(request.body);
        }
    });
    let mixnet = Mixnet::new(network, Traffic::Test, Arc::new(NoGuards)).unwrap();
    let target = RelayTarget { id: RELAY, doors: service.doors() };
    // The client then enters through another gateway, and what each gateway takes in is one side's packets.
    mixnet.avoid_gateways_of(&target.doors);
    let client = mixnet.client(0);
    let body = vec![7; class.request_len()];
    client.exchange(&target, class, &body, PATIENCE).await.unwrap();
    let before: Vec<_> = localnet.gateways().iter().map(|gateway| gateway.stats().from_clients).collect();
    for _ in 0..exchanges {
        client.exchange(&target, class, &body, PATIENCE).await.unwrap();
    }
    let taken = localnet.gateways().iter().zip(before).map(|(g, old)| g.stats().from_clients - old);
    let mut taken: Vec<f64> = taken.map(|packets| packets as f64 / f64::from(exchanges)).collect();
    client.stop().await;
    answering.abort();
    service.stop().await;
    localnet.stop().await;
    taken.sort_by(f64::total_cmp);
    // One gateway has no client. A request carries the SURBs of its reply, so it is never the smaller side.
    Packets { out: taken[2], back: taken[1] }
}

/// From the end of the random delay at start until the gateway has taken the client, as the SDK's own connect ends.
pub async fn connect(localnet: &Localnet) -> Duration {
    let network = Network::local(&localnet.api_url()).unwrap();
    let mixnet = Mixnet::new(network, Traffic::Full, Arc::new(NoGuards)).unwrap();
    let client = mixnet.client(0);
    let mut state = client.state();
    let mut began = None;
    let took = loop {
        match state.borrow_and_update().phase {
            Phase::Connecting(ConnectPhase::Waiting) => {}
            Phase::Connecting(ConnectPhase::ChoosingGateway | ConnectPhase::Registering) => {
                began.get_or_insert_with(Instant::now);
            }
            _ => break began.map(|began| began.elapsed()),
        }
        state.changed().await.unwrap();
    };
    client.stop().await;
    took.expect("the client said that it connects")
}
