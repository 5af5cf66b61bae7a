//! Contents of messages.
#![no_main]

bauta_fuzz::parser!("content");
