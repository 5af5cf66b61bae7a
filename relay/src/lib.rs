//! The Bauta relay: a service on the Nym mixnet that stores boxes, inboxes and bundles without being able to read boxes.
//!
//! Anyone can run one; it needs no public address. All it stores is sealed, by its users or by itself.
//! The [`Desk`] knows the rules: a request goes in, a reply comes out, over any [`Storage`].
//! The [`Relay`] feeds it from the mixnet. `docs/operating-a-relay.md` is for those who run one.

mod crowd;
mod daily;
mod desk;
mod error;
mod exporter;
mod files;
mod identity;
mod meter;
mod relay;
mod sqlite;
mod vault;

pub mod policy;
pub mod storage;

pub use desk::{Desk, DeskConfig};
pub use error::{RelayError, StorageError};
pub use identity::{IDENTITY_FILE, load_or_generate};
pub use meter::{DigestLevels, Levels, Meter};
pub use relay::{Counts, DOORS_DIR, Relay, RelayConfig, STORE_FILE};
pub use sqlite::{SqliteOptions, SqliteStorage};
pub use storage::Storage;
