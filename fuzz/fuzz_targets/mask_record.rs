//! Records of Mask posts on Gun.
#![no_main]

bauta_fuzz::parser!("mask_record");
