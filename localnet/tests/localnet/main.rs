//! An unmodified Nym SDK client on the local network.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod exits;
mod faults;
mod hostile;
mod loopback;
mod refusals;
mod restart;
mod rotation;
mod support;
mod traffic;
