//! Personas, bundles, the handshake, sessions, lanes and boxes of Bauta, the formats of Mask Network, and Gun's wire.
//!
//! This crate is pure: it opens no file and no socket, and the clock and the random number generator are passed in.
//! One exception is stated where it matters: vodozemac draws its ratchet keys from the operating system.
//! The wire formats and state rules are specified in `docs/protocol.md`, those of Mask in `docs/mask.md`.

pub mod address;
pub mod backup;
pub mod bell;
pub mod bundle;
pub mod content;
pub mod descriptor;
pub mod digest;
pub mod error;
pub mod fuzzing;
pub mod gun;
pub mod handshake;
pub mod id;
pub mod invitation;
pub mod lane;
pub mod limits;
pub mod mask;
pub mod persona;
pub mod profile_text;
pub mod relay;
pub mod safety_number;
pub mod session;
pub mod time;
pub mod timer;
pub mod work;

mod aead;
mod codec;
mod invite_seed;
mod javascript;
mod kdf;
mod payload;
mod ratchet;
mod secret;

pub use secret::to_json;
