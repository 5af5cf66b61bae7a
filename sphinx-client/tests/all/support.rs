use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bauta_localnet::{Localnet, LocalnetConfig};
use bauta_protocol::id::RelayId;
use bauta_protocol::limits::{LARGE_BODY, QUESTION_BODY};
use bauta_protocol::relay::Class;
use bauta_sphinx_client::{
    Client, ExchangeError, GuardKeeper, Incoming, LOG_DIRECTIVES, Mixnet, Network, Observer, Patience,
    RelayTarget, Service, ServiceConfig, Traffic,
};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

pub const RELAY: RelayId = RelayId([9; 32]);

pub const PATIENCE: Patience =
    Patience { deadline: Duration::from_secs(180), resend_after: Duration::from_millis(1500) };

pub fn log() {
    let directives = std::env::var("RUST_LOG").unwrap_or_else(|_| format!("warn,{LOG_DIRECTIVES}"));
    let _ = tracing_subscriber::fmt().with_env_filter(directives).with_test_writer().try_init();
}

pub async fn net(gateways: usize) -> Localnet {
    log();
    Localnet::start(LocalnetConfig { gateways, ..Default::default() }).await.unwrap()
}

#[derive(Default)]
pub struct Keeper(pub Mutex<Option<Vec<u8>>>);

impl GuardKeeper for Keeper {
    fn load(&self) -> Option<Vec<u8>> {
        self.0.lock().unwrap().clone()
    }

    fn save(&self, state: &[u8]) {
        *self.0.lock().unwrap() = Some(state.to_vec());
    }
}

pub fn network(net: &Localnet) -> Network {
    Network::local(&net.api_url()).unwrap()
}

pub fn mixnet(net: &Localnet) -> Mixnet {
    Mixnet::new(network(net), Traffic::Test, Arc::new(Keeper::default())).unwrap()
}

/// What an operator could write down.
#[derive(Default)]
pub struct Sightings {
    pub requests: Mutex<HashMap<[u8; 16], u32>>,
    pub replies: Mutex<HashMap<[u8; 16], u32>>,
}

impl Observer for Sightings {
    fn request(&self, sender_tag: [u8; 16], _: usize) {
        *self.requests.lock().unwrap().entry(sender_tag).or_default() += 1;
    }

    fn reply(&self, sender_tag: [u8; 16], _: usize) {
        *self.replies.lock().unwrap().entry(sender_tag).or_default() += 1;
    }
}

pub fn service_config(net: &Localnet, dir: &Path, doors: usize) -> ServiceConfig {
    ServiceConfig {
        network: network(net),
        relay_id: RELAY,
        dir: dir.to_owned(),
        doors,
        traffic: Traffic::Test,
        observer: None,
    }
}

/// A service that answers each request with its body turned round, and counts how often it was asked each.
pub struct Echo {
    pub service: Service,
    pub done: Arc<Mutex<HashMap<Vec<u8>, u32>>>,
    task: JoinHandle<()>,
}

pub fn answer_to(body: &[u8]) -> Vec<u8> {
    let len = if body.len() == QUESTION_BODY { LARGE_BODY } else { body.len() };
    body.iter().rev().map(|byte| !byte).cycle().take(len).collect()
}

pub async fn echo(config: ServiceConfig) -> Echo {
    let (service, requests) = Service::start(config).await.unwrap();
    let done = Arc::default();
    let task = tokio::spawn(serve(requests, Arc::clone(&done)));
    Echo { service, done, task }
}

async fn serve(mut requests: mpsc::Receiver<Incoming>, done: Arc<Mutex<HashMap<Vec<u8>, u32>>>) {
    while let Some(Incoming { body, responder, .. }) = requests.recv().await {
        *done.lock().unwrap().entry(body.clone()).or_default() += 1;
        responder.send(answer_to(&body));
    }
}

impl Echo {
    pub fn target(&self) -> RelayTarget {
        target(&self.service)
    }

    pub async fn stop(self) {
        self.service.stop().await;
        self.task.abort();
    }
}

pub fn target(service: &Service) -> RelayTarget {
    RelayTarget { id: RELAY, doors: service.doors() }
}

pub fn body(class: Class, n: u32) -> Vec<u8> {
    let mut body = vec![0; class.request_len()];
    body[..4].copy_from_slice(&n.to_be_bytes());
    for (i, byte) in body.iter_mut().enumerate().skip(4) {
        *byte = (i as u32).wrapping_mul(n.wrapping_add(7)) as u8;
    }
    body
}

/// One exchange with an echo, begun anew where its connection is lost; its answer is checked.
pub async fn ask(client: &Client, relay: &RelayTarget, class: Class, n: u32) {
    let body = body(class, n);
    let answer = loop {
        match client.exchange(relay, class, &body, PATIENCE).await {
            // As the engine does: it begins anew.
            Err(ExchangeError::Interrupted) => {}
            answer => break answer.unwrap(),
        }
    };
    assert!(answer == answer_to(&body), "a wrong answer was delivered");
}

/// Waits for a condition, for as long as a busy machine may need.
pub async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_secs(180), "waited in vain: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

pub fn gateway_of<'a>(net: &'a Localnet, client: &Client) -> &'a bauta_localnet::Node {
    let identity = client.gateway().unwrap();
    net.gateways().iter().find(|gateway| gateway.identity() == identity).unwrap()
}
