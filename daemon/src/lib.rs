//! The Bauta daemon: personas, their conversations, and the encrypted store they live in.
//!
//! [`node::Node`] is the daemon behind the local API; it reaches the network only through the mixnet client that it is
//! given. [`unlock`] keeps the key of its store.

pub mod cli;
pub mod engine;
pub mod gun;
pub mod node;
pub mod unlock;

mod browsers;
mod commands;
mod posts;
mod random;
mod store;
mod view;
