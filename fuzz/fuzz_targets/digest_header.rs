//! Headers of a digest.
#![no_main]

bauta_fuzz::parser!("digest_header");
