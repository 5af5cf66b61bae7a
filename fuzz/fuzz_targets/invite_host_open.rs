//! A guest's boxes: raw bytes, and bytes of the fuzzer's choice under a good seal.
#![no_main]

use std::sync::LazyLock;

use bauta_fuzz::json;
use bauta_fuzz::support::{NOW, person, rng};
use bauta_protocol::limits::BOX_LEN;
use bauta_protocol::bundle::Prekeys;
use bauta_protocol::handshake::{HANDSHAKE_LEN, respond};
use bauta_protocol::invitation::{InviteGuest, InviteHost, InviteSeed};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

static STATE: LazyLock<(Prekeys, InviteSeed, Value)> = LazyLock::new(|| {
    let bob = person("bob");
    let (seed, host, _) = InviteHost::create(bob.bundle(), &mut rng("host")).unwrap();
    (bob.prekeys, seed, json(&host))
});

fuzz_target!(|data: &[u8]| {
    let (bob, seed, state) = &*STATE;
    let mut host: InviteHost = serde_json::from_value(state.clone()).unwrap();
    let mut raw = [0; BOX_LEN];
    raw.iter_mut().zip(data).for_each(|(byte, from)| *byte = *from);
    assert!(host.open(u64::from(data.first().copied().unwrap_or(0)), &raw).is_err());

    let mut handshake = Box::new([0; HANDSHAKE_LEN]);
    handshake.iter_mut().zip(data).for_each(|(byte, from)| *byte = *from);
    let boxes = InviteGuest::new(seed).unwrap().answer(&handshake, &mut rng("guest")).unwrap();
    let mut whole = None;
    for sealed in boxes {
        whole = host.open(sealed.index, &sealed.bytes).unwrap();
    }
    let whole = whole.unwrap();
    assert_eq!(whole, handshake);
    assert!(respond([bob], Some(seed), &whole, NOW, &mut rng("r")).is_err());
});
