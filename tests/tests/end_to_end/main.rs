//! End to end: real processes over the local mixnet, and the runners of this crate.
//!
//! One program for all of them, because each links the whole tree.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    missing_docs
)]

mod at_rest;
mod bad_input;
mod conversation;
mod demo;
mod gun_client;
mod gun_endpoint;
mod hostile_descriptors;
mod loopback_only;
mod mask_conformance;
mod no_gateway;
mod personas;
mod posts;
mod restored_store;
mod streams;
mod tour;
