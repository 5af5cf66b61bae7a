//! Sets of a digest.
#![no_main]

bauta_fuzz::parser!("digest_set");
