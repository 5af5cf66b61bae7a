//! Metadata of messages, as JSON.
#![no_main]

bauta_fuzz::parser!("mask_metadata");
