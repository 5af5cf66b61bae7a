//! Comments under Mask posts.
#![no_main]

bauta_fuzz::parser!("mask_comment");
