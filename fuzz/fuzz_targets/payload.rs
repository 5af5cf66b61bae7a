//! What is inside the seal and inside the ratchet, as a hostile peer may make it.
#![no_main]

bauta_fuzz::parser!("payload");
