//! Addresses of personas: what is accepted is written and read again as the same.
#![no_main]

use bauta_protocol::address::Address;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(address) = text.parse::<Address>() {
        assert!(address.to_string().parse::<Address>() == Ok(address));
    }
});
