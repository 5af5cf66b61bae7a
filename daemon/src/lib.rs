//! The Bauta daemon: personas, their conversations, and the encrypted store they live in.
//!
//! [`node::Node`] is the daemon behind the local API; it reaches the network only through the mixnet client that it is
//! given. [`Daemon`] is a node that serves its sockets. [`unlock`] keeps the key of its store.

pub mod backup;
pub mod gun;
pub mod node;
pub mod unlock;

mod engine;
mod posts;
mod random;
mod serving;
mod store;

pub use self::serving::{Daemon, suspend_is_announced};
pub use self::store::is_there as store_exists;
