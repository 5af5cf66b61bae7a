//! Handshakes: raw bytes, and a good handshake written over.
#![no_main]

use std::sync::LazyLock;

use bauta_fuzz::overwrite;
use bauta_fuzz::support::{NOW, first_contact, rng};
use bauta_protocol::bundle::Prekeys;
use bauta_protocol::handshake::respond;
use libfuzzer_sys::fuzz_target;

static GOOD: LazyLock<(Vec<u8>, Prekeys)> = LazyLock::new(|| {
    let (begun, bob) = first_contact(b"hi");
    (begun.handshake, bob.prekeys)
});

fuzz_target!(|data: &[u8]| {
    let (good, bob) = &*GOOD;
    assert!(respond([bob], None, data, NOW, &mut rng("r")).is_err() || data == good.as_slice());
    let changed = overwrite(good, data);
    assert_eq!(respond([bob], None, &changed, NOW, &mut rng("r")).is_ok(), changed == *good);
});
