//! `bauta browser` and `bauta doctor` as people run them, in a home directory of their own.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod doctor;
mod manifests;
mod start;
mod user;
