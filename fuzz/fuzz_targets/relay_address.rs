//! Addresses of relays: what is accepted is written and read again as the same.
#![no_main]

use bauta_protocol::address::RelayAddress;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(address) = text.parse::<RelayAddress>() {
        assert!(address.to_string().parse::<RelayAddress>() == Ok(address));
    }
});
