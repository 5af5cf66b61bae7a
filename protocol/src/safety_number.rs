//! Safety numbers: what two people compare to be sure that nobody is between them.
//!
//! Each side gives a fingerprint of its persona key and identity key; the number is both, the smaller first, so both
//! people see the same. The form (30 digits a side, an iterated SHA-512) follows Signal's published numeric
//! fingerprints.

use std::fmt;

use sha2::{Digest, Sha512};
use subtle::ConstantTimeEq;

use crate::id::{IdentityKey, PersonaKey};

/// Bytes of the number in a QR code: a version and two fingerprints.
pub const QR_LEN: usize = 1 + 2 * FINGERPRINT_LEN;

const FINGERPRINT_LEN: usize = 32;
const VERSION: u8 = 1;

/// Makes searching for a key with a similar number more expensive.
const ROUNDS: u32 = 5200;

/// The number of one pair of people; the same on both sides.
#[derive(Clone, Eq, PartialEq)]
pub struct SafetyNumber {
    low: [u8; FINGERPRINT_LEN],
    high: [u8; FINGERPRINT_LEN],
}

impl SafetyNumber {
    /// The number of two people, in whatever order they are named.
    pub fn new(one: &(PersonaKey, IdentityKey), other: &(PersonaKey, IdentityKey)) -> Self {
        let (one, other) = (fingerprint(one), fingerprint(other));
        let (low, high) = if one <= other { (one, other) } else { (other, one) };
        Self { low, high }
    }

    /// What the QR code holds: version 1, then both fingerprints.
    pub fn to_qr(&self) -> [u8; QR_LEN] {
        let mut bytes = [0; QR_LEN];
        let parts = std::iter::once(&VERSION).chain(&self.low).chain(&self.high);
        for (byte, from) in bytes.iter_mut().zip(parts) {
            *byte = *from;
        }
        bytes
    }

    /// Whether a scanned QR code shows the same number.
    pub fn matches_qr(&self, scanned: &[u8]) -> bool {
        self.to_qr().ct_eq(scanned).into()
    }

    /// The sixty digits without spaces.
    pub fn digits(&self) -> String {
        [self.low, self.high].iter().flat_map(groups).collect()
    }
}

/// Twelve groups of five digits.
impl fmt::Display for SafetyNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all: Vec<String> = [self.low, self.high].iter().flat_map(groups).collect();
        f.write_str(&all.join(" "))
    }
}

impl fmt::Debug for SafetyNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SafetyNumber(..)")
    }
}

fn fingerprint((persona, identity): &(PersonaKey, IdentityKey)) -> [u8; FINGERPRINT_LEN] {
    let mut digest =
        Sha512::new().chain_update(b"bauta/safety/1").chain_update(persona).chain_update(identity).finalize();
    for _ in 1..ROUNDS {
        digest = Sha512::new().chain_update(digest).chain_update(persona).chain_update(identity).finalize();
    }
    std::array::from_fn(|place| digest.get(place).copied().unwrap_or(0))
}

/// Six groups of five digits, each from five bytes.
fn groups(fingerprint: &[u8; FINGERPRINT_LEN]) -> Vec<String> {
    fingerprint
        .chunks_exact(5)
        .map(|chunk| {
            let number = chunk.iter().fold(0u64, |number, byte| number << 8 | u64::from(*byte));
            format!("{:05}", number % 100_000)
        })
        .collect()
}
