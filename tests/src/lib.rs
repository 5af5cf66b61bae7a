//! End-to-end tests of Bauta: a real local mixnet, a real relay and real daemons as processes.
//!
//! A failed step of a test is a panic that says what was awaited, so the lints against panics are off here.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::print_stdout,
    clippy::print_stderr
)]

pub mod e2e_bench;
pub mod gun_relay;
pub mod home_bench;
pub mod mask_conformance;
pub mod observers;
pub mod process;
pub mod program;
pub mod relay_load;
pub mod traces;
pub mod wait;
pub mod world;
