//! A relay that asks for reply SURBs over every exchange, as the SDK does whenever it has too few.

use std::collections::HashMap;
use std::time::Duration;

use async_trait::async_trait;
use bauta_localnet::Localnet;
use bauta_protocol::id::DoorAddress;
use bauta_protocol::relay::Class;
use bauta_sphinx_client::{Patience, RelayTarget};
use nym_client_core::client::base_client::storage::InMemGatewaysDetails;
use nym_sdk::mixnet::{
    AnonymousSenderTag, CombinedReplyStorage, EphemeralCredentialStorage, InMemEphemeralKeys, IncludedSurbs,
    MixnetClient, MixnetClientBuilder, MixnetClientStorage, MixnetMessageSender as _, ReplyStorageBackend,
};
use nym_sdk::{DebugConfig, NymNetworkDetails, ShutdownToken, ShutdownTracker, ValidatorDetails};
use rand::rngs::OsRng;

use crate::support::*;

#[derive(Clone)]
struct Replies(CombinedReplyStorage);

#[async_trait]
impl ReplyStorageBackend for Replies {
    type StorageError = std::io::Error;

    async fn flush_surb_storage(&mut self, _: &CombinedReplyStorage) -> Result<(), std::io::Error> {
        Ok(())
    }

    async fn init_fresh(&mut self, _: &CombinedReplyStorage) -> Result<(), std::io::Error> {
        Ok(())
    }

    async fn load_surb_storage(
        &self,
        _: time::OffsetDateTime,
    ) -> Result<CombinedReplyStorage, std::io::Error> {
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

impl MixnetClientStorage for Storage {
    type KeyStore = InMemEphemeralKeys;
    type ReplyStore = Replies;
    type CredentialStore = EphemeralCredentialStorage;
    type GatewaysDetailsStore = InMemGatewaysDetails;

    fn into_runtime_stores(self) -> (Replies, EphemeralCredentialStorage, InMemGatewaysDetails) {
        (self.replies, self.credentials, self.gateways)
    }

    fn key_store(&self) -> &InMemEphemeralKeys {
        &self.keys
    }

    fn reply_store(&self) -> &Replies {
        &self.replies
    }

    fn credential_store(&self) -> &EphemeralCredentialStorage {
        &self.credentials
    }

    fn gateway_details_store(&self) -> &InMemGatewaysDetails {
        &self.gateways
    }
}

/// A client of the SDK as it comes, but for cover, and the maps it works on.
pub async fn plain(net: &Localnet, gateway: usize, reserve: usize) -> (MixnetClient, CombinedReplyStorage) {
    let api = net.api_url();
    let mut details = NymNetworkDetails::new_empty()
        .with_network_name("localnet".into())
        .with_validator_endpoint(ValidatorDetails::new("http://127.0.0.1:1", Some(&api), None));
    details.set_nym_api_urls(vec![nym_network_defaults::ApiUrl { url: api, front_hosts: None }]);
    let mut config = DebugConfig::default();
    config.cover_traffic.disable_loop_cover_traffic_stream = true;
    config.traffic.disable_main_poisson_packet_distribution = true;
    let replies = CombinedReplyStorage::new(reserve, 200);
    let storage = Storage {
        keys: InMemEphemeralKeys::new(&mut OsRng),
        replies: Replies(replies.clone()),
        credentials: EphemeralCredentialStorage::default(),
        gateways: InMemGatewaysDetails::default(),
    };
    let client = MixnetClientBuilder::new_with_storage(storage)
        .network_details(details)
        .debug_config(config)
        .request_gateway(net.gateways()[gateway].identity())
        .custom_shutdown(ShutdownTracker::new_from_external_shutdown_token(ShutdownToken::default()))
        .build()
        .unwrap()
        .connect_to_mixnet()
        .await
        .unwrap();
    (client, replies)
}

/// What the relay holds and still waits for, by sender tag.
#[derive(Debug, Default, Clone)]
struct Loot {
    held: usize,
    asked: usize,
}

fn loot(replies: &CombinedReplyStorage) -> HashMap<[u8; 16], Loot> {
    replies
        .surbs_storage()
        .as_raw_iter()
        .map(|entry| {
            let loot =
                Loot { held: entry.value().fresh_left(), asked: entry.value().pending_reception() as usize };
            (entry.key().to_bytes(), loot)
        })
        .collect()
}

/// One sender was asked and gave nothing, another gave what it was never asked for: they are one.
fn links(loot: &HashMap<[u8; 16], Loot>) -> bool {
    loot.values().any(|one| one.asked > 0 && one.held == 0) && loot.values().any(|one| one.held > 10)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_asks_for_surbs_gets_none_and_links_nothing() {
    let net = net(3).await;
    let (mut relay, replies) = plain(&net, 0, 10).await;
    let door = DoorAddress(relay.nym_address().to_bytes());
    let listening = tokio::spawn(async move { while relay.wait_for_messages().await.is_some() {} });
    let client = mixnet(&net).client(1);
    let target = RelayTarget { id: RELAY, doors: vec![door] };
    let patience = Patience { deadline: Duration::from_secs(180), resend_after: Duration::from_millis(400) };
    // Its SURBs go into asking, so it cannot answer: every sending is an exchange of its own to the relay.
    let asking = tokio::spawn({
        let client = client.clone();
        async move { client.exchange(&target, Class::Small, &body(Class::Small, 1), patience).await }
    });
    until("it has seen several senders", || loot(&replies).len() >= 5).await;
    asking.abort();
    let loot = loot(&replies);
    assert!(loot.values().any(|one| one.asked > 0), "it did ask: {loot:?}");
    assert_eq!(loot.values().map(|one| one.held).sum::<usize>(), 0, "and got none: {loot:?}");
    assert!(!links(&loot));
    client.stop().await;
    listening.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_relay_links_a_client_with_the_sdks_own_setting() {
    let net = net(3).await;
    let (mut relay, replies) = plain(&net, 0, 10).await;
    let address = *relay.nym_address();
    let listening = tokio::spawn(async move { while relay.wait_for_messages().await.is_some() {} });
    // Slow enough for the second exchange to be under way before the relay's request comes.
    net.mixes()[0].set_delay(Duration::from_millis(300));
    let (client, own) = plain(&net, 1, 0).await;
    for n in 0..2u8 {
        let known = own.key_storage().as_raw_iter().count();
        own.tags_storage().insert_new(&address, AnonymousSenderTag::new_random(&mut OsRng));
        client.send_message(address, vec![n; 1100], IncludedSurbs::new(1)).await.unwrap();
        until("the SDK has read the tag", || own.key_storage().as_raw_iter().count() > known).await;
    }
    until("the relay ties the two together", || links(&loot(&replies))).await;
    client.disconnect().await;
    listening.abort();
}
