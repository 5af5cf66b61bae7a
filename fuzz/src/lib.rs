//! What the targets share: the people and conversations that they attack, and ways to spoil bytes.

use serde::Serialize;

#[path = "../../protocol/tests/all/support.rs"]
#[allow(missing_docs)]
pub mod support;

pub use bauta_protocol::fuzzing::parser;

/// A target for one parser of the table in `bauta_protocol::fuzzing`.
#[macro_export]
macro_rules! parser {
    ($name:literal) => {
        libfuzzer_sys::fuzz_target!(init: {
            assert!($crate::parser($name).is_some());
        }, |data: &[u8]| {
            let parser = $crate::parser($name).unwrap();
            (parser.check)(data).unwrap();
        });
    };
}

/// A state as JSON.
pub fn json<T: Serialize>(state: &T) -> serde_json::Value {
    serde_json::from_slice(&bauta_protocol::to_json(state).unwrap()).unwrap()
}

/// `template` with the fuzzer's bytes over it from a place the fuzzer chose (its first two bytes).
pub fn overwrite(template: &[u8], data: &[u8]) -> Vec<u8> {
    let mut bytes = template.to_vec();
    let Some((place, data)) = data.split_first_chunk::<2>() else { return bytes };
    let place = usize::from(u16::from_be_bytes(*place)) % template.len().max(1);
    for (byte, from) in bytes.iter_mut().skip(place).zip(data) {
        *byte = *from;
    }
    bytes
}
