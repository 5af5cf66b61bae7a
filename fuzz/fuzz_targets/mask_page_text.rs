//! Page text that may hold Mask payloads.
#![no_main]

bauta_fuzz::parser!("mask_page_text");
