//! What the real timers do, with shorter ones.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use bauta_localnet::{Localnet, LocalnetConfig};
use bauta_protocol::id::RelayId;
use bauta_protocol::relay::Class;
use tokio::time::Instant;

use crate::timers::Tuning;
use crate::{GuardKeeper, Incoming, Mixnet, Network, Patience, RelayTarget, Service, ServiceConfig, Traffic};

struct Forgetful;

impl GuardKeeper for Forgetful {
    fn load(&self) -> Option<Vec<u8>> {
        None
    }

    fn save(&self, _: &[u8]) {}
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renewal_changes_the_address_and_breaks_nothing() {
    let net = Localnet::start(LocalnetConfig::default()).await.unwrap();
    let network = Network::local(&net.api_url()).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let id = RelayId([1; 32]);
    let config = ServiceConfig {
        network: network.clone(),
        relay_id: id,
        dir: dir.path().to_owned(),
        doors: 1,
        traffic: Traffic::Test,
        observer: None,
    };
    let (service, mut requests) = Service::start(config).await.unwrap();
    tokio::spawn(async move {
        while let Some(Incoming { body, responder, .. }) = requests.recv().await {
            responder.send(body);
        }
    });
    let tuning = Tuning {
        renew_after: Duration::from_secs(2),
        drain_old: Duration::from_secs(1),
        ..Traffic::Test.tuning()
    };
    let mixnet = Mixnet::with_tuning(network, Traffic::Test, tuning, Arc::new(Forgetful)).unwrap();
    let client = mixnet.client(1);
    let relay = RelayTarget { id, doors: service.doors() };
    let patience = Patience { deadline: Duration::from_secs(20), resend_after: Duration::from_secs(1) };
    let body = [3; 1088];
    let mut addresses = HashSet::new();
    let end = Instant::now() + Duration::from_secs(8);
    while Instant::now() < end {
        assert_eq!(client.exchange(&relay, Class::Small, &body, patience).await.unwrap(), body);
        addresses.extend(client.nym_address().map(|address| address.0));
    }
    assert!(addresses.len() >= 3, "{}", addresses.len());
    assert_eq!(client.state().borrow().rebuilds, 0, "the new one was there before the old one went");
    client.stop().await;
    service.stop().await;
}
