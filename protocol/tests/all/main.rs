//! The crate from outside: codecs, handshake, whole conversations, invitations, erasure, and known answers.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    unreachable_pub
)]

mod codecs;
mod conversation;
mod digest;
mod erasure;
mod first_contact;
mod forgeries;
mod gun_frames;
mod invitations;
mod mask_posts;
mod parsers;
mod session;
mod support;
mod vectors;
