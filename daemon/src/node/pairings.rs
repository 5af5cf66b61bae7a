//! The pairings of browser extensions, kept in the encrypted store.

use async_trait::async_trait;
use bauta_ipc::{PairingRecord, Pairings, RpcError};

use crate::store::Store;

pub(super) struct StoredPairings {
    store: Store,
}

impl StoredPairings {
    pub(super) fn new(store: Store) -> Self {
        Self { store }
    }
}

#[async_trait]
impl Pairings for StoredPairings {
    async fn add(&self, pairing: PairingRecord) -> Result<(), RpcError> {
        self.store.run(move |tx| Ok(tx.add_pairing(&pairing)?)).await
    }

    async fn all(&self) -> Result<Vec<PairingRecord>, RpcError> {
        self.store.run(|tx| Ok(tx.pairings()?)).await
    }

    async fn find(&self, id: &str) -> Result<Option<PairingRecord>, RpcError> {
        let id = id.to_owned();
        self.store.run(move |tx| Ok(tx.pairing(&id)?)).await
    }

    async fn revoke(&self, id: &str) -> Result<(), RpcError> {
        let id = id.to_owned();
        self.store.run(move |tx| Ok(tx.revoke_pairing(&id)?)).await
    }
}
