//! Messages inside Mask posts, version -37.
#![no_main]

bauta_fuzz::parser!("mask_message");
