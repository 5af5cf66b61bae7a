//! Payloads of Mask posts, versions -38 to -40.
#![no_main]

bauta_fuzz::parser!("mask_text_payload");
