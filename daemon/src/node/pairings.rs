//! The pairings of browser extensions, kept in the encrypted store.

use async_trait::async_trait;
use bauta_ipc::{Grant, PairingRecord, Pairings, RpcError, Utc};
use bauta_protocol::time::Timestamp;

use super::view::utc;
use crate::store::{PairingRow, Store, StoreError};

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
        let row = row(pairing);
        self.store.run(move |tx| Ok(tx.add_pairing(&row)?)).await
    }

    async fn all(&self) -> Result<Vec<PairingRecord>, RpcError> {
        let rows = self.store.run(|tx| -> Result<_, StoreError> { tx.pairings() }).await?;
        rows.into_iter().map(record).collect()
    }

    async fn find(&self, id: &str) -> Result<Option<PairingRecord>, RpcError> {
        let id = id.to_owned();
        let row = self.store.run(move |tx| -> Result<_, StoreError> { tx.pairing(&id) }).await?;
        row.map(record).transpose()
    }

    async fn revoke(&self, id: &str) -> Result<(), RpcError> {
        let id = id.to_owned();
        self.store.run(move |tx| Ok(tx.revoke_pairing(&id)?)).await
    }

    async fn note_use(&self, id: &str, at: Utc) -> Result<(), RpcError> {
        let id = id.to_owned();
        self.store.run(move |tx| Ok(tx.note_pairing_use(&id, Timestamp(at.millis()))?)).await
    }

    async fn forget(&self, id: &str) -> Result<(), RpcError> {
        let id = id.to_owned();
        self.store.run(move |tx| Ok(tx.delete_pairing(&id).map(|_| ())?)).await
    }
}

fn row(record: PairingRecord) -> PairingRow {
    PairingRow {
        id: record.id,
        origin: record.origin,
        label: record.label,
        key: record.key,
        grants: record.grants.iter().map(|grant| grant.name().to_owned()).collect(),
        personas: record.personas,
        since: Timestamp(record.since.millis()),
        last_used: record.last_used.map(|at| Timestamp(at.millis())),
        revoked: record.revoked,
    }
}

fn record(row: PairingRow) -> Result<PairingRecord, RpcError> {
    let grant = |name: &String| {
        let found = Grant::ALL.into_iter().find(|grant| grant.name() == name);
        found.ok_or(StoreError::Damaged("a pairing"))
    };
    Ok(PairingRecord {
        grants: row.grants.iter().map(grant).collect::<Result<_, _>>()?,
        id: row.id,
        origin: row.origin,
        label: row.label,
        key: row.key,
        personas: row.personas,
        since: utc(row.since),
        last_used: row.last_used.map(utc),
        revoked: row.revoked,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pairing_is_the_same_after_the_store() {
        let pairing = PairingRecord {
            id: "a".to_owned(),
            origin: "chrome-extension://abc/".to_owned(),
            label: "Chromium".to_owned(),
            key: vec![4; 65],
            grants: Grant::ALL.to_vec(),
            personas: Some(vec!["alice".to_owned()]),
            since: utc(Timestamp(1_790_000_000_000)),
            last_used: Some(utc(Timestamp(1_790_000_000_001))),
            revoked: false,
        };
        assert_eq!(record(row(pairing.clone())).unwrap(), pairing);
        let unknown = PairingRow { grants: vec!["all.of.it".to_owned()], ..row(pairing) };
        assert!(record(unknown).is_err());
    }
}
