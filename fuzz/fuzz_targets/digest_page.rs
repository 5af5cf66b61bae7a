//! Pages of a digest with their proofs.
#![no_main]

bauta_fuzz::parser!("digest_page");
