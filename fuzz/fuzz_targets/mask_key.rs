//! Keys as text, as JSON and as points.
#![no_main]

bauta_fuzz::parser!("mask_key");
