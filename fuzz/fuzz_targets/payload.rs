//! What stands behind the seal and behind the ratchet, in the hands of a hostile peer.
#![no_main]

bauta_fuzz::parser!("payload");
