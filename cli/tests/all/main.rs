//! `bauta` as people and programs run it, in a home directory of its own.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod argv;
mod background;
mod commands;
mod doctor;
mod following;
mod keychain;
mod lock;
mod manifests;
mod messages;
mod service;
mod start;
mod user;
