//! Mask's posts: written, opened, and their keys on the way to Gun relays and back.
//!
//! What is to be published is in the store until a relay has it; the publisher continues from there after any crash.
//! Nothing here runs on an async thread for long: hashes and ciphers go to the blocking pool.

mod error;
mod find;
mod guns;
mod known;
mod lookup;
mod nodes;
mod open;
mod profiles;
mod publisher;
mod reading;
mod settings;
mod tags;
mod write;

use std::sync::Arc;

use bauta_protocol::id::PersonaKey;
use bauta_protocol::mask::{PostIv, PublicKey};
use bauta_protocol::time::Timestamp;
use tokio::sync::Semaphore;

pub(crate) use self::error::PostError;
pub(crate) use self::find::{FoundPost, find, is_p256, named_network};
pub(crate) use self::guns::{Guns, Way};
pub(crate) use self::known::{Known, KnownAuthor, Readers, Shown, known};
pub(crate) use self::open::{Checked, LOOKUP_PERSONAS, Needs, OpenedPost, Opening};
pub(crate) use self::profiles::{OtherKey, learn, name_of};
pub(crate) use self::settings::{Change, Settings, SettingsError};
pub(crate) use self::write::{
    Author, Delivery, Extending, MAX_WRITTEN, NewPost, Recipient, Recipients, WriteFormat, network_of,
};

use self::lookup::AT_A_TIME;
use self::publisher::Publisher;
use crate::engine::Shared;
use crate::store::{Happened, StoreError, Tx};

/// The posts of a home: what runs for them, and the ways to the Gun relays.
pub(crate) struct Posts {
    shared: Arc<Shared>,
    /// Without it, keys wait and nothing is looked up.
    guns: Option<Guns>,
    publisher: Publisher,
    /// Bounds what all look-ups read at a time.
    lookups: Arc<Semaphore>,
}

impl Posts {
    /// Continues to publish what is queued.
    pub(crate) fn start(shared: Arc<Shared>, guns: Option<Guns>) -> Self {
        let publisher = Publisher::start(Arc::clone(&shared), guns.clone());
        Self { shared, guns, publisher, lookups: Arc::new(Semaphore::new(AT_A_TIME)) }
    }
}

/// Announces how far the publications of a post are.
fn announce(tx: &Tx<'_>, iv: PostIv, now: Timestamp) -> Result<(), StoreError> {
    match tx.publications(iv)? {
        Some(count) => tx.emit(Happened::PostState { iv, count }, now),
        None => Ok(()),
    }
}

/// A key of the store in the type of the formats.
fn mask_key(key: &PersonaKey) -> Result<PublicKey, PostError> {
    PublicKey::from_sec1(key.as_bytes()).map_err(PostError::Key)
}

/// Runs what uses the processor for long.
pub(crate) async fn off_thread<T, F>(work: F) -> Result<T, PostError>
where
    T: Send + 'static,
    F: FnOnce() -> T + Send + 'static,
{
    tokio::task::spawn_blocking(work).await.map_err(PostError::Thread)
}
