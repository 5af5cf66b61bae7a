//! The mixnet client and the service over a network on loopback.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::mem_forget,
    missing_docs,
    unreachable_pub
)]

mod directory;
mod exchanges;
mod exit;
mod gateways;
mod hostile_relay;
mod identity;
mod marks;
mod refusals;
mod rotation;
mod services;
mod support;
