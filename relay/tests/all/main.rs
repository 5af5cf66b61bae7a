//! The relay from outside: any store's duties, SQLite's, the desk, its digest, a model of both, crashes, and the mixnet.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod crash;
mod desk;
mod digest;
mod held;
mod mixnet;
mod model;
mod storage;
mod suite;
mod support;
