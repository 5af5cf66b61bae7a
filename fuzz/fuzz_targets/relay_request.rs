//! Requests to relays, in both classes.
#![no_main]

bauta_fuzz::parser!("relay_request");
