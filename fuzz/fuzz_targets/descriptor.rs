//! Descriptors: raw bytes, and a good descriptor written over.
#![no_main]

use std::sync::LazyLock;

use bauta_fuzz::overwrite;
use bauta_fuzz::support::{relay_and_descriptor, rng};
use bauta_protocol::descriptor::Descriptor;
use libfuzzer_sys::fuzz_target;

static GOOD: LazyLock<Descriptor> = LazyLock::new(|| relay_and_descriptor(&mut rng("relay")).1);

fuzz_target!(|data: &[u8]| {
    let _ = Descriptor::from_bytes(data, GOOD.relay());
    let changed = overwrite(GOOD.as_bytes(), data);
    assert_eq!(Descriptor::from_bytes(&changed, GOOD.relay()).is_ok(), changed == GOOD.as_bytes());
});
