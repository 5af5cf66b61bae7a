//! Messages inside Mask posts, version -38 and older.
#![no_main]

bauta_fuzz::parser!("mask_message_text");
