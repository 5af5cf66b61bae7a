//! Work that makes spam cost something, where a relay cannot count by client.
//!
//! A put costs SHA-256 hashcash. A deposit costs an 18-bit SHA-256 gate, cheap to check, and then Argon2id
//! (RFC 9106), so that a flood of bad deposits does not occupy the relay's memory.

use std::sync::atomic::{AtomicBool, Ordering};

use argon2::{Algorithm, Argon2, Block, Params, Version};
use sha2::{Digest, Sha256};

use crate::id::{BoxId, InboxId, RelayId, hash};
use crate::time::Day;

/// Leading zero bits of a deposit's gate.
pub const GATE_BITS: u8 = 18;

/// Memory of the deposit's Argon2id, in KiB; one pass, one lane.
pub const DEPOSIT_MEMORY_KIB: u32 = 32 * 1024;

const CANCEL_EVERY: u64 = 1 << 12;

/// The two nonces of a deposit.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct DepositWork {
    /// Nonce of the SHA-256 gate.
    pub gate_nonce: u64,
    /// Nonce of the Argon2id work.
    pub work_nonce: u64,
}

/// Searches the nonce of a put; `None` when cancelled. Takes 2^`bits` hashes on average.
pub fn find_put_work(relay: &RelayId, day: Day, id: &BoxId, bits: u8, cancel: &AtomicBool) -> Option<u64> {
    find_hash(put_prefix(relay, day, id), bits, cancel)
}

/// Whether the nonce of a put shows at least `bits` leading zero bits.
pub fn check_put_work(relay: &RelayId, day: Day, id: &BoxId, nonce: u64, bits: u8) -> bool {
    hash_bits(put_prefix(relay, day, id), nonce) >= u32::from(bits)
}

/// Searches both nonces of a deposit; `None` when cancelled. Takes about 2^18 SHA-256 and 2^`bits` Argon2id.
pub fn find_deposit_work(
    relay: &RelayId,
    inbox: &InboxId,
    day: Day,
    sealed: &[u8],
    bits: u8,
    cancel: &AtomicBool,
) -> Option<DepositWork> {
    let fields = DepositFields::new(relay, inbox, day, sealed);
    let gate_nonce = find_hash(fields.prefix(GATE_LABEL), GATE_BITS, cancel)?;
    let mut memory = Memory::new()?;
    let salt = fields.salt();
    for work_nonce in 0..=u64::MAX {
        if cancel.load(Ordering::Relaxed) {
            return None;
        }
        if memory.bits(&salt, work_nonce)? >= bits {
            return Some(DepositWork { gate_nonce, work_nonce });
        }
    }
    None
}

/// Whether a deposit passes the cheap gate. A relay checks this before it spends memory.
pub fn check_deposit_gate(
    relay: &RelayId,
    inbox: &InboxId,
    day: Day,
    sealed: &[u8],
    gate_nonce: u64,
) -> bool {
    let prefix = DepositFields::new(relay, inbox, day, sealed).prefix(GATE_LABEL);
    hash_bits(prefix, gate_nonce) >= u32::from(GATE_BITS)
}

/// The leading zero bits of a deposit's Argon2id. Uses 32 MiB; zero if that memory cannot be allocated.
pub fn measure_deposit_work(
    relay: &RelayId,
    inbox: &InboxId,
    day: Day,
    sealed: &[u8],
    work_nonce: u64,
) -> u8 {
    let salt = DepositFields::new(relay, inbox, day, sealed).salt();
    Memory::new().and_then(|mut memory| memory.bits(&salt, work_nonce)).unwrap_or(0)
}

const GATE_LABEL: &[u8] = b"bauta/deposit-gate/1";
const WORK_LABEL: &[u8] = b"bauta/deposit-work/1";

/// What both parts of a deposit's work are bound to: it cannot be done before the day, or for another inbox.
struct DepositFields {
    relay: RelayId,
    inbox: InboxId,
    day: Day,
    sealed: [u8; 32],
}

impl DepositFields {
    fn new(relay: &RelayId, inbox: &InboxId, day: Day, sealed: &[u8]) -> Self {
        Self { relay: *relay, inbox: *inbox, day, sealed: hash(&[sealed]) }
    }

    fn prefix(&self, label: &[u8]) -> Sha256 {
        Sha256::new()
            .chain_update(label)
            .chain_update(self.relay)
            .chain_update(self.inbox)
            .chain_update(self.day.0.to_be_bytes())
            .chain_update(self.sealed)
    }

    fn salt(&self) -> [u8; 16] {
        let digest = self.prefix(WORK_LABEL).finalize();
        std::array::from_fn(|place| digest.get(place).copied().unwrap_or(0))
    }
}

fn put_prefix(relay: &RelayId, day: Day, id: &BoxId) -> Sha256 {
    Sha256::new()
        .chain_update(b"bauta/put-work/1")
        .chain_update(relay)
        .chain_update(day.0.to_be_bytes())
        .chain_update(id)
}

fn find_hash(prefix: Sha256, bits: u8, cancel: &AtomicBool) -> Option<u64> {
    for nonce in 0..=u64::MAX {
        if nonce % CANCEL_EVERY == 0 && cancel.load(Ordering::Relaxed) {
            return None;
        }
        if hash_bits(prefix.clone(), nonce) >= u32::from(bits) {
            return Some(nonce);
        }
    }
    None
}

fn hash_bits(prefix: Sha256, nonce: u64) -> u32 {
    leading_zero_bits(&prefix.chain_update(nonce.to_be_bytes()).finalize())
}

fn leading_zero_bits(bytes: &[u8]) -> u32 {
    let mut bits = 0;
    for byte in bytes {
        bits += byte.leading_zeros();
        if *byte != 0 {
            break;
        }
    }
    bits
}

/// Argon2id's memory, kept between tries: allocating and touching 32 MiB each time costs a good part of the work.
struct Memory {
    argon2: Argon2<'static>,
    blocks: Vec<Block>,
}

impl Memory {
    fn new() -> Option<Self> {
        let params = Params::new(DEPOSIT_MEMORY_KIB, 1, 1, Some(32)).ok()?;
        let mut blocks = Vec::new();
        blocks.try_reserve_exact(params.block_count()).ok()?;
        blocks.resize(params.block_count(), Block::default());
        Some(Self { argon2: Argon2::new(Algorithm::Argon2id, Version::V0x13, params), blocks })
    }

    fn bits(&mut self, salt: &[u8; 16], nonce: u64) -> Option<u8> {
        let mut digest = [0; 32];
        self.argon2
            .hash_password_into_with_memory(&nonce.to_be_bytes(), salt, &mut digest, &mut self.blocks)
            .ok()?;
        Some(u8::try_from(leading_zero_bits(&digest)).unwrap_or(u8::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static RUN: AtomicBool = AtomicBool::new(false);

    #[test]
    fn put_work_is_bound_to_every_field() {
        let (relay, day, id) = (RelayId([1; 32]), Day(20_000), BoxId([2; 32]));
        let nonce = find_put_work(&relay, day, &id, 12, &RUN).unwrap();
        assert!(check_put_work(&relay, day, &id, nonce, 12));
        let misses = [
            check_put_work(&RelayId([3; 32]), day, &id, nonce, 12),
            check_put_work(&relay, Day(20_001), &id, nonce, 12),
            check_put_work(&relay, day, &BoxId([3; 32]), nonce, 12),
            check_put_work(&relay, day, &id, nonce + 1, 12),
        ];
        assert!(misses.iter().all(|hit| !hit), "{misses:?}");
        assert!(check_put_work(&relay, day, &id, 0, 0));
    }

    #[test]
    fn cancelled_searches_stop() {
        let stop = AtomicBool::new(true);
        assert_eq!(find_put_work(&RelayId([1; 32]), Day(1), &BoxId([2; 32]), 255, &stop), None);
        assert_eq!(find_deposit_work(&RelayId([1; 32]), &InboxId([2; 32]), Day(1), b"x", 200, &stop), None);
    }

    #[test]
    fn deposit_work_is_found_and_bound_to_the_sealed_bytes() {
        let (relay, inbox, day) = (RelayId([1; 32]), InboxId([2; 32]), Day(20_000));
        let work = find_deposit_work(&relay, &inbox, day, b"sealed", 2, &RUN).unwrap();
        assert!(check_deposit_gate(&relay, &inbox, day, b"sealed", work.gate_nonce));
        assert!(!check_deposit_gate(&relay, &inbox, day, b"other", work.gate_nonce));
        assert!(measure_deposit_work(&relay, &inbox, day, b"sealed", work.work_nonce) >= 2);
    }

    #[test]
    fn zero_bits_are_counted_from_the_front() {
        assert_eq!(leading_zero_bits(&[0, 0x10]), 11);
        assert_eq!(leading_zero_bits(&[0x80]), 0);
        assert_eq!(leading_zero_bits(&[0; 4]), 32);
    }
}
