//! A host's boxes: raw bytes, and bytes of the fuzzer's choice under a good seal.
#![no_main]

use std::sync::LazyLock;

use bauta_fuzz::support::{person, rng};
use bauta_fuzz::{json, overwrite};
use bauta_protocol::limits::{BOX_LEN, BOX_PLAIN};
use bauta_protocol::invitation::{InviteGuest, InviteHost, InviteSeed};
use bauta_protocol::lane::{OutgoingBox, SendLane};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

static STATE: LazyLock<(InviteSeed, Vec<OutgoingBox>, Value)> = LazyLock::new(|| {
    let bob = person("bob");
    let (seed, _, boxes) = InviteHost::create(bob.bundle(), &mut rng("host")).unwrap();
    let guest = json(&InviteGuest::new(&seed).unwrap());
    (seed, boxes, guest)
});

fuzz_target!(|data: &[u8]| {
    let (_, boxes, state) = &*STATE;
    let mut guest: InviteGuest = serde_json::from_value(state.clone()).unwrap();
    for (index, good) in (0..).zip(boxes) {
        let changed = overwrite(good.bytes.as_slice(), data);
        let changed: [u8; BOX_LEN] = changed.try_into().unwrap();
        assert_eq!(guest.open(index, &changed).is_ok(), changed == *good.bytes);
    }

    // Any lane will do as the host's: its pairs are put in place of the guest's own.
    let mut state = state.clone();
    let beyond = [7; 32];
    let lane = bauta_protocol::lane::ReceiveLane::new(&beyond).unwrap();
    state["host"]["lane"] = json(&lane);
    let mut guest: InviteGuest = serde_json::from_value(state).unwrap();
    let mut lane = SendLane::new(&beyond);
    for chunk in 0..2 {
        let mut plain = [0; BOX_PLAIN];
        plain.iter_mut().zip(data.iter().skip(chunk * BOX_PLAIN)).for_each(|(byte, from)| *byte = *from);
        let sealed = lane.seal(&plain, &mut rng("seal")).unwrap();
        let _ = guest.open(sealed.index, &sealed.bytes);
    }
});
