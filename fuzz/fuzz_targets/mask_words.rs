//! Recovery words.
#![no_main]

bauta_fuzz::parser!("mask_words");
