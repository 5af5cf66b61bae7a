//! Addresses of relays.
#![no_main]

bauta_fuzz::parser!("relay_address");
