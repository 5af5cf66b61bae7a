//! Identifiers of profiles, personas and posts.
#![no_main]

bauta_fuzz::parser!("mask_identifier");
