//! Descriptors: raw bytes, and a good descriptor written over.
#![no_main]

use std::sync::LazyLock;

use bauta_fuzz::{NOW, overwrite, rng};
use bauta_protocol::descriptor::{Descriptor, DescriptorTerms, RelayIdentity};
use bauta_protocol::id::DoorAddress;
use bauta_protocol::time::Timestamp;
use libfuzzer_sys::fuzz_target;

static GOOD: LazyLock<Descriptor> = LazyLock::new(|| {
    let mut rng = rng("relay");
    let terms = DescriptorTerms {
        day: NOW.day(),
        doors: vec![DoorAddress([1; 96])],
        put_bits: 1,
        deposit_bits: 1,
        expiry: Timestamp(NOW.0 + 1),
    };
    Descriptor::sign(&RelayIdentity::generate(&mut rng), &terms, &mut rng).unwrap()
});

fuzz_target!(|data: &[u8]| {
    let _ = Descriptor::from_bytes(data, GOOD.relay());
    let changed = overwrite(GOOD.as_bytes(), data);
    assert_eq!(Descriptor::from_bytes(&changed, GOOD.relay()).is_ok(), changed == GOOD.as_bytes());
});
