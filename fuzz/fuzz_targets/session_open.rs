//! Boxes: raw bytes, and bytes of the fuzzer's choice under a good seal, as a hostile peer would send them.
#![no_main]

use std::sync::LazyLock;

use bauta_fuzz::json;
use bauta_fuzz::support::{pair, rng};
use bauta_protocol::limits::{BOX_LEN, BOX_PLAIN};
use bauta_protocol::lane::SendLane;
use bauta_protocol::session::Session;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

static STATES: LazyLock<(Value, Value)> = LazyLock::new(|| {
    let (alice, bob) = pair();
    (json(&alice)["send"].clone(), json(&bob))
});

fuzz_target!(|data: &[u8]| {
    let (lane, state) = &*STATES;
    let mut session: Session = serde_json::from_value(state.clone()).unwrap();
    let Some((index, data)) = data.split_first() else { return };

    let mut raw = [0; BOX_LEN];
    raw.iter_mut().zip(data).for_each(|(byte, from)| *byte = *from);
    assert!(session.open(u64::from(*index), &raw).is_err());

    let mut lane: SendLane = serde_json::from_value(lane.clone()).unwrap();
    let mut plain = [0; BOX_PLAIN];
    plain.iter_mut().zip(data).for_each(|(byte, from)| *byte = *from);
    for _ in 0..=(index % 8) {
        let sealed = lane.seal(&plain, &mut rng("seal")).unwrap();
        let _ = session.open(sealed.index, &sealed.bytes);
    }
    let _ = session.skip_gap();
    let again: Session = serde_json::from_value(json(&session)).unwrap();
    assert_eq!(again.received(), session.received());
});
