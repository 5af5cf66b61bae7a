//! Addresses of personas.
#![no_main]

bauta_fuzz::parser!("address");
