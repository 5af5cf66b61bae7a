//! What stands behind the seal and behind the ratchet, in the hands of a hostile peer.
#![no_main]

use bauta_protocol::fuzzing;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut padded = data.to_vec();
    for len in [data.len(), 927, bauta_protocol::BOX_PLAIN] {
        padded.resize(len, 0);
        let _ = fuzzing::payload(&padded);
        let _ = fuzzing::box_plaintext(&padded);
    }
});
