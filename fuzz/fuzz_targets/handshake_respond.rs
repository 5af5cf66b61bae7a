//! Handshakes: raw bytes, and a good handshake written over.
#![no_main]

use std::sync::LazyLock;

use bauta_fuzz::overwrite;
use bauta_fuzz::support::{NOW, first_contact, rng};
use bauta_protocol::bundle::Prekeys;
use bauta_protocol::handshake::{HANDSHAKE_LEN, respond};
use libfuzzer_sys::fuzz_target;

static GOOD: LazyLock<(Box<[u8; HANDSHAKE_LEN]>, Prekeys)> = LazyLock::new(|| {
    let (begun, bob) = first_contact(b"hi");
    (begun.handshake, bob.prekeys)
});

fuzz_target!(|data: &[u8]| {
    let (good, bob) = &*GOOD;
    for whole in [overwrite(&[0; HANDSHAKE_LEN], data), overwrite(good.as_slice(), data)] {
        let changed = whole.as_slice().try_into().unwrap();
        assert_eq!(respond([bob], None, changed, NOW, &mut rng("r")).is_ok(), changed == good.as_ref());
    }
});
