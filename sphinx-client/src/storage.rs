//! Storage for the SDK: a client's in memory, a door's keys and registration on disk.

use async_trait::async_trait;
use nym_client_core::client::base_client::storage::{GatewaysDetailsStore, InMemGatewaysDetails};
use nym_client_core::client::key_manager::persistence::{InMemEphemeralKeys, KeyStore};
use nym_sdk::mixnet::{
    CombinedReplyStorage, EphemeralCredentialStorage, MixnetClientStorage, ReplyStorageBackend,
};
use rand::rngs::OsRng;

/// The SDK does not ask for more SURBs of one sender than this. No client sends that many.
const MOST_SURBS: usize = 200;

/// The storage of one Nym client.
#[derive(Clone)]
pub(crate) struct Storage<K, G> {
    keys: K,
    gateways: G,
    replies: Replies,
    credentials: EphemeralCredentialStorage,
}

/// A client's storage: nothing of it ever reaches a disk.
pub(crate) type Ephemeral = Storage<InMemEphemeralKeys, InMemGatewaysDetails>;

impl Ephemeral {
    /// Fresh keys, no gateway, no tags.
    pub(crate) fn fresh() -> Self {
        Self::new(InMemEphemeralKeys::new(&mut OsRng), InMemGatewaysDetails::default(), no_reserve())
    }
}

impl<K, G> Storage<K, G> {
    pub(crate) fn new(keys: K, gateways: G, replies: CombinedReplyStorage) -> Self {
        Self { keys, gateways, replies: Replies(replies), credentials: EphemeralCredentialStorage::default() }
    }

    /// The maps the SDK works on: sender tags, reply keys, received SURBs.
    pub(crate) fn replies(&self) -> CombinedReplyStorage {
        self.replies.0.clone()
    }
}

/// Reply storage that holds back no SURB.
pub(crate) fn no_reserve() -> CombinedReplyStorage {
    CombinedReplyStorage::new(0, MOST_SURBS)
}

/// Gives the SDK maps to which we keep a handle: they are bundles of `Arc`s.
#[derive(Clone)]
pub(crate) struct Replies(CombinedReplyStorage);

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

impl<K, G> MixnetClientStorage for Storage<K, G>
where
    K: KeyStore + Clone,
    G: GatewaysDetailsStore + Clone,
{
    type KeyStore = K;
    type ReplyStore = Replies;
    type CredentialStore = EphemeralCredentialStorage;
    type GatewaysDetailsStore = G;

    fn into_runtime_stores(self) -> (Self::ReplyStore, Self::CredentialStore, Self::GatewaysDetailsStore) {
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
