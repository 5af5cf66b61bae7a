//! Parsers of foreign bytes that stand behind a seal, where a fuzzer could not reach them otherwise.

use crate::payload::{Payload, unframe};

/// Reads the plaintext of a box; whether it holds a ratchet message.
pub fn box_plaintext(bytes: &[u8]) -> bool {
    unframe(bytes).is_some()
}

/// Reads what a ratchet message decrypts to. What is accepted must have one encoding only.
pub fn payload(bytes: &[u8]) -> bool {
    Payload::decode(bytes)
        .is_ok_and(|payload| payload.encode().is_some_and(|again| again.as_slice() == bytes))
}
