//! What other crates see of the API: one program, because linking takes longer than the tests.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod freshness;
mod pairing;
mod scope;
mod server;
mod support;
