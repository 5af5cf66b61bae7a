//! A Nym mixnet on loopback, in process, with faults on demand.
//!
//! Three mixes, any number of gateways, the part of nym-api that a client needs, and exits to servers of this machine.
//! An unmodified Nym client works with it: only the api address differs from the real network.
//! Every socket is bound to 127.0.0.1. A node dials nothing but the other nodes, an exit nothing but loopback.
//!
//! ```no_run
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! use bauta_localnet::{Localnet, LocalnetConfig};
//! let net = Localnet::start(LocalnetConfig::default()).await?;
//! net.mixes()[0].set_drop(100); // a tenth of the packets is lost here
//! # let _ = net.api_url();
//! net.stop().await;
//! # Ok(()) }
//! ```
//!
//! Left out, because no client can notice: Noise between nodes, bandwidth credentials, rewards.
//! The wire formats are those of the published `nym-*` crates, release 1.21.6.

mod api;
mod config;
mod directory;
mod epoch;
mod error;
mod exit;
mod faults;
mod forwarder;
mod gateway;
mod keys;
mod listener;
mod mix;
mod network;
mod network_file;
mod node;
mod plan;
mod replay;
mod shapes;
mod stats;
mod store;

pub use config::{Epochs, Limits, LocalnetConfig};
pub use error::{ExitError, NetworkFileError, NodeError, RotateError, StartError, StoreError};
pub use exit::{Exit, ExitPolicy};
pub use gateway::Refusal;
pub use network::Localnet;
pub use network_file::{NetworkFile, NodeEntry, NodeRole, RelayEntry};
pub use node::Node;
pub use shapes::{ClientShapes, Shape};
pub use stats::{NodeStats, Stats};

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks, also after a panic elsewhere: every critical section here leaves the data whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
