//! Whole daemons over a relay's real desk, without a mixnet between them: what is lost, doubled, cut off or put back.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    missing_docs
)]

mod api;
mod backups;
mod disappearing;
mod first_contact;
mod gun_peer;
mod hostile_relay;
mod invitations;
mod limits;
mod mixnet;
mod personas;
mod posts;
mod posts_by_message;
mod posts_of_personas;
mod programs;
mod restarts;
mod rollback;
mod storm;
mod support;
