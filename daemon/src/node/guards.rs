//! The mixnet client's guards, kept in the encrypted store.

use std::sync::{Mutex, PoisonError};

use bauta_sphinx_client::GuardKeeper;

use crate::store::{Store, StoreError};

const KEY: &str = "guards";

pub(super) struct StoredGuards {
    store: Store,
    last: Mutex<Option<Vec<u8>>>,
}

impl StoredGuards {
    pub(super) async fn load(store: Store) -> Result<Self, StoreError> {
        let last = store.run(|tx| -> Result<_, StoreError> { tx.meta(KEY) }).await?;
        Ok(Self { store, last: Mutex::new(last) })
    }
}

impl GuardKeeper for StoredGuards {
    fn load(&self) -> Option<Vec<u8>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn save(&self, state: &[u8]) {
        let state = state.to_vec();
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(state.clone());
        self.store.later("keep the guards", move |tx| tx.set_meta(KEY, &state));
    }
}
