//! The bare SDK, to compare with: a request of one packet with one SURB, and its echo.

use std::time::{Duration, Instant};

use async_trait::async_trait;
use bauta_localnet::Localnet;
use nym_client_core::client::base_client::storage::InMemGatewaysDetails;
use nym_network_defaults::{ApiUrl, NymNetworkDetails, ValidatorDetails};
use nym_sdk::mixnet::{
    AnonymousSenderTag, CombinedReplyStorage, EphemeralCredentialStorage, InMemEphemeralKeys, IncludedSurbs,
    MixnetClient, MixnetClientBuilder, MixnetClientSender, MixnetClientStorage, MixnetMessageSender as _,
    Recipient, ReplyStorageBackend,
};
use nym_sdk::{DebugConfig, ShutdownToken, ShutdownTracker};
use tokio::task::JoinHandle;
use tokio::time::timeout;

const REQUEST: usize = 1100;
const REPLY: usize = 1500;
/// An echo that takes longer counts as lost.
const PATIENCE: Duration = Duration::from_secs(20);

/// Reply SURBs in memory, without the reserve that the SDK's own ephemeral storage holds back.
#[derive(Clone)]
struct Replies(CombinedReplyStorage);

#[async_trait]
impl ReplyStorageBackend for Replies {
    type StorageError = std::io::Error;

    async fn flush_surb_storage(&mut self, _: &CombinedReplyStorage) -> Result<(), Self::StorageError> {
        Ok(())
    }

    async fn init_fresh(&mut self, _: &CombinedReplyStorage) -> Result<(), Self::StorageError> {
        Ok(())
    }

    async fn load_surb_storage(
        &self,
        _: time::OffsetDateTime,
    ) -> Result<CombinedReplyStorage, Self::StorageError> {
        Ok(self.0.clone())
    }
}

#[derive(Clone)]
struct Storage {
    keys: InMemEphemeralKeys,
    replies: Replies,
    credentials: EphemeralCredentialStorage,
    gateways: InMemGatewaysDetails,
}

impl Storage {
    fn new() -> Self {
        Self {
            keys: InMemEphemeralKeys::new(&mut rand::rngs::OsRng),
            replies: Replies(CombinedReplyStorage::new(0, 200)),
            credentials: EphemeralCredentialStorage::default(),
            gateways: InMemGatewaysDetails::default(),
        }
    }
}

impl MixnetClientStorage for Storage {
    type KeyStore = InMemEphemeralKeys;
    type ReplyStore = Replies;
    type CredentialStore = EphemeralCredentialStorage;
    type GatewaysDetailsStore = InMemGatewaysDetails;

    fn into_runtime_stores(self) -> (Replies, EphemeralCredentialStorage, InMemGatewaysDetails) {
        (self.replies, self.credentials, self.gateways)
    }

    fn key_store(&self) -> &Self::KeyStore {
        &self.keys
    }

    fn reply_store(&self) -> &Self::ReplyStore {
        &self.replies
    }

    fn credential_store(&self) -> &Self::CredentialStore {
        &self.credentials
    }

    fn gateway_details_store(&self) -> &Self::GatewaysDetailsStore {
        &self.gateways
    }
}

/// A client with Nym's default traffic, and an echo without cover, on different gateways.
pub struct RawSdk {
    client: MixnetClient,
    sender: MixnetClientSender,
    echo: Recipient,
    echoing: JoinHandle<()>,
    next: u64,
    /// How long the client took to connect.
    pub connect: Duration,
}

impl RawSdk {
    /// Connects both.
    pub async fn connect(localnet: &Localnet) -> Self {
        Self::connect_as(localnet, config()).await
    }

    /// Connects both, the client without cover traffic too: it then sends as fast as it can.
    pub async fn connect_fast(localnet: &Localnet) -> Self {
        Self::connect_as(localnet, quiet()).await
    }

    async fn connect_as(localnet: &Localnet, own: DebugConfig) -> Self {
        let gateways: Vec<_> = localnet.gateways().iter().map(|gateway| gateway.identity()).collect();
        let echo = connect(localnet, quiet(), &gateways[0]).await;
        let address = *echo.nym_address();
        let start = Instant::now();
        let client = connect(localnet, own, gateways.last().unwrap()).await;
        let connect = start.elapsed();
        let sender = client.split_sender();
        Self { client, sender, echo: address, echoing: tokio::spawn(answer(echo)), next: 1, connect }
    }

    /// Sends one request and waits for its echo. `None` if none came.
    pub async fn round_trip(&mut self) -> Option<Duration> {
        let start = Instant::now();
        let number = self.send().await;
        let back = async {
            while let Some(messages) = self.client.wait_for_messages().await {
                if messages.iter().any(|m| m.message.starts_with(&number)) {
                    return Some(start.elapsed());
                }
            }
            None
        };
        timeout(PATIENCE, back).await.ok().flatten()
    }

    /// Echoes a second with so many under way at a time.
    pub async fn rate(&mut self, at_once: u64, span: Duration) -> f64 {
        for _ in 0..at_once {
            self.send().await;
        }
        let (begun, mut echoes) = (Instant::now(), 0);
        while begun.elapsed() < span {
            let Ok(Some(messages)) = timeout(PATIENCE, self.client.wait_for_messages()).await else { break };
            for _ in messages {
                echoes += 1;
                self.send().await;
            }
        }
        f64::from(echoes) / begun.elapsed().as_secs_f64()
    }

    async fn send(&mut self) -> [u8; 8] {
        let number = self.next.to_be_bytes();
        self.next += 1;
        let mut request = vec![0; REQUEST];
        request[..8].copy_from_slice(&number);
        self.sender.send_message(self.echo, request, IncludedSurbs::new(1)).await.unwrap();
        number
    }

    /// Disconnects both.
    pub async fn stop(self) {
        self.echoing.abort();
        self.client.disconnect().await;
    }
}

async fn answer(mut echo: MixnetClient) {
    let sender = echo.split_sender();
    while let Some(messages) = echo.wait_for_messages().await {
        for message in messages {
            let (Some(tag), Some(number)) = (message.sender_tag, message.message.get(..8)) else { continue };
            let tag: AnonymousSenderTag = tag;
            let mut reply = vec![0; REPLY];
            reply[..8].copy_from_slice(number);
            sender.send_reply(tag, reply).await.unwrap();
        }
    }
}

fn config() -> DebugConfig {
    let mut config = DebugConfig::default();
    config.stats_reporting.enabled = false;
    config.topology.ignore_egress_epoch_role = true;
    config.reply_surbs.minimum_reply_surb_storage_threshold = 0;
    config.reply_surbs.minimum_reply_surb_threshold_buffer = 0;
    config
}

fn quiet() -> DebugConfig {
    let mut quiet = config();
    quiet.cover_traffic.disable_loop_cover_traffic_stream = true;
    quiet.traffic.disable_main_poisson_packet_distribution = true;
    quiet
}

async fn connect(localnet: &Localnet, config: DebugConfig, gateway: &str) -> MixnetClient {
    let api = localnet.api_url();
    let mut details = NymNetworkDetails::new_empty()
        .with_network_name("localnet".to_owned())
        .with_validator_endpoint(ValidatorDetails::new("http://127.0.0.1:1", Some(&api), None));
    details.set_nym_api_urls(vec![ApiUrl { url: api, front_hosts: None }]);
    let tracker = ShutdownTracker::new_from_external_shutdown_token(ShutdownToken::default());
    MixnetClientBuilder::new_with_storage(Storage::new())
        .network_details(details)
        .debug_config(config)
        .request_gateway(gateway.to_owned())
        .custom_shutdown(tracker)
        .build()
        .unwrap()
        .connect_to_mixnet()
        .await
        .unwrap()
}
