//! Bundles: raw bytes, and a good bundle written over.
#![no_main]

use std::sync::LazyLock;

use bauta_fuzz::overwrite;
use bauta_fuzz::support::person;
use bauta_protocol::bundle::Bundle;
use libfuzzer_sys::fuzz_target;

static GOOD: LazyLock<Vec<u8>> = LazyLock::new(|| person("alice").bundle().as_bytes().to_vec());

fuzz_target!(|data: &[u8]| {
    let _ = Bundle::from_bytes(data);
    let changed = overwrite(&GOOD, data);
    assert_eq!(Bundle::from_bytes(&changed).is_ok(), changed == *GOOD);
});
