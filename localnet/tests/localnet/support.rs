//! SDK clients, and waiting for conditions.

use std::{collections::HashSet, path::Path, time::Duration};

use bauta_localnet::{Localnet, Node};
use nym_network_defaults::{ApiUrl, NymNetworkDetails, ValidatorDetails};
use nym_sdk::{
    DebugConfig,
    mixnet::{
        AnonymousSenderTag, IncludedSurbs, MixnetClient, MixnetClientBuilder, MixnetMessageSender, Recipient,
        StoragePaths,
    },
};
use nym_task::{ShutdownToken, ShutdownTracker};
use tokio::time::{Instant, sleep, timeout, timeout_at};

pub(crate) const PATIENCE: Duration = Duration::from_secs(180);

/// No cover traffic and no delays: what a test waits for comes at once.
pub(crate) fn fast() -> DebugConfig {
    let mut config = DebugConfig::default();
    config.stats_reporting.enabled = false;
    config.cover_traffic.disable_loop_cover_traffic_stream = true;
    config.traffic.disable_main_poisson_packet_distribution = true;
    config.traffic.average_packet_delay = Duration::from_millis(1);
    config.acknowledgements.average_ack_delay = Duration::from_millis(1);
    config.acknowledgements.ack_wait_addition = Duration::from_millis(300);
    config.topology.topology_refresh_rate = Duration::from_secs(1);
    config
}

pub(crate) fn network_details(net: &Localnet) -> NymNetworkDetails {
    let api = net.api_url();
    let mut details = NymNetworkDetails::new_empty()
        .with_network_name("localnet".into())
        .with_validator_endpoint(ValidatorDetails::new("http://127.0.0.1:1", Some(&api), None));
    details.set_nym_api_urls(vec![ApiUrl { url: api, front_hosts: None }]);
    details
}

pub(crate) fn shutdown() -> ShutdownTracker {
    ShutdownTracker::new_from_external_shutdown_token(ShutdownToken::default())
}

/// A client with keys for this run only.
pub(crate) async fn connect(net: &Localnet, gateway: &Node) -> MixnetClient {
    try_connect(net, gateway).await.unwrap()
}

/// The same, or what the SDK says if it is turned away.
pub(crate) async fn try_connect(net: &Localnet, gateway: &Node) -> nym_sdk::Result<MixnetClient> {
    let client = MixnetClientBuilder::new_ephemeral()
        .network_details(network_details(net))
        .debug_config(fast())
        .request_gateway(gateway.identity())
        .custom_shutdown(shutdown())
        .build()
        .unwrap();
    timeout(PATIENCE, client.connect_to_mixnet()).await.expect("an answer in time")
}

/// A client whose keys and registration are kept in `dir`.
pub(crate) async fn connect_kept(
    net: &Localnet,
    gateway: &Node,
    dir: &Path,
) -> nym_sdk::Result<MixnetClient> {
    let client = MixnetClientBuilder::new_with_default_storage(StoragePaths::new_from_dir(dir)?)
        .await?
        .network_details(network_details(net))
        .debug_config(fast())
        .request_gateway(gateway.identity())
        .custom_shutdown(shutdown())
        .build()?;
    timeout(PATIENCE, client.connect_to_mixnet()).await.expect("an answer in time")
}

pub(crate) async fn send(client: &MixnetClient, to: Recipient, text: &str) {
    client.send_message(to, text.as_bytes(), IncludedSurbs::none()).await.unwrap();
}

/// Waits until this text comes, passing over others; the sender's tag, if it can be answered.
pub(crate) async fn hear(client: &mut MixnetClient, text: &str) -> Option<AnonymousSenderTag> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let messages = timeout_at(deadline, client.wait_for_messages()).await;
        let messages = messages.unwrap_or_else(|_| panic!("{text:.40} has not come"));
        let mut messages = messages.expect("the client lives").into_iter();
        if let Some(message) = messages.find(|message| message.message == text.as_bytes()) {
            return message.sender_tag;
        }
    }
}

/// Waits until all these texts have come, in any order, and nothing else.
pub(crate) async fn receive_all(client: &mut MixnetClient, texts: impl IntoIterator<Item = String>) {
    let mut missing: HashSet<String> = texts.into_iter().collect();
    let deadline = Instant::now() + PATIENCE;
    while !missing.is_empty() {
        let messages = timeout_at(deadline, client.wait_for_messages()).await;
        let messages = messages
            .unwrap_or_else(|_| panic!("{} messages are missing: {missing:?}", missing.len()))
            .expect("the client lives");
        for message in messages.into_iter().filter(|message| !message.message.is_empty()) {
            let text = String::from_utf8(message.message).unwrap();
            assert!(missing.remove(&text), "{text} came twice or was never sent");
        }
    }
}

/// Sends `text` from one to the other, again and again, until it has come.
pub(crate) async fn until_heard(from: &MixnetClient, to: &mut MixnetClient, text: &str) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        // A client that is just connecting again refuses; the next attempt may succeed.
        let sent = from.send_message(*to.nym_address(), text, IncludedSurbs::none());
        let _ = timeout(Duration::from_secs(1), sent).await;
        if timeout(Duration::from_millis(500), hear(to, text)).await.is_ok() {
            return;
        }
        assert!(Instant::now() < deadline, "{text} was not heard");
    }
}

/// Waits for a condition.
pub(crate) async fn until(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "{what}");
        sleep(Duration::from_millis(5)).await;
    }
}
