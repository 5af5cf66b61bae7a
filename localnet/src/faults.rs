//! Faults of one node, switched at run time.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicU16, AtomicU64, Ordering},
    },
    time::Duration,
};

use rand::{Rng, SeedableRng, rngs::StdRng};

use crate::lock;

/// Bytes of a final message that a flip leaves alone: the x25519 key (or the digest of a reply key)
/// and the longest fragment header (nym-sphinx-chunking).
/// A flip there only loses the message, which `drop` does already.
const KEY_AND_FRAGMENT_HEADER: usize = 32 + 10;

/// The switches, and the random numbers that decide packet by packet.
#[derive(Debug)]
pub(crate) struct Faults {
    drop_permille: AtomicU16,
    flip_permille: AtomicU16,
    delay_micros: AtomicU64,
    rng: Mutex<StdRng>,
}

impl Faults {
    pub(crate) fn new(seed: u64) -> Self {
        Faults {
            drop_permille: AtomicU16::new(0),
            flip_permille: AtomicU16::new(0),
            delay_micros: AtomicU64::new(0),
            rng: Mutex::new(StdRng::seed_from_u64(seed)),
        }
    }

    pub(crate) fn set_drop(&self, permille: u16) {
        self.drop_permille.store(permille.min(1000), Ordering::Relaxed);
    }

    pub(crate) fn set_flip(&self, permille: u16) {
        self.flip_permille.store(permille.min(1000), Ordering::Relaxed);
    }

    pub(crate) fn set_delay(&self, delay: Duration) {
        let micros = u64::try_from(delay.as_micros()).unwrap_or(u64::MAX);
        self.delay_micros.store(micros, Ordering::Relaxed);
    }

    pub(crate) fn delay(&self) -> Duration {
        Duration::from_micros(self.delay_micros.load(Ordering::Relaxed))
    }

    /// Whether to drop this packet.
    pub(crate) fn drops(&self) -> bool {
        self.happens(&self.drop_permille)
    }

    /// Flips one bit of the plaintext of `message`, a final hop's message body, if it is its turn.
    pub(crate) fn flip(&self, message: &mut [u8]) -> bool {
        if !self.happens(&self.flip_permille) {
            return false;
        }
        let Some(body) = message.get_mut(KEY_AND_FRAGMENT_HEADER..) else { return false };
        if body.is_empty() {
            return false;
        }
        let bit = lock(&self.rng).gen_range(0..body.len() * 8);
        if let Some(byte) = body.get_mut(bit / 8) {
            *byte ^= 1 << (bit % 8);
        }
        true
    }

    fn happens(&self, permille: &AtomicU16) -> bool {
        let permille = permille.load(Ordering::Relaxed);
        permille != 0 && lock(&self.rng).gen_range(0..1000) < permille
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_repeats_its_faults() {
        let pattern = |seed| {
            let faults = Faults::new(seed);
            faults.set_drop(300);
            (0..200).map(|_| faults.drops()).collect::<Vec<_>>()
        };
        assert_eq!(pattern(7), pattern(7));
        assert_ne!(pattern(7), pattern(8));
        assert!(pattern(7).contains(&true) && pattern(7).contains(&false));
    }

    #[test]
    fn nothing_happens_unless_asked() {
        let faults = Faults::new(1);
        let mut message = [0; 100];
        assert!(!(0..1000).any(|_| faults.drops() || faults.flip(&mut message)));
        assert_eq!(message, [0; 100]);
    }

    #[test]
    fn a_flip_changes_one_bit_past_the_headers() {
        let faults = Faults::new(2);
        faults.set_flip(1000);
        for _ in 0..500 {
            let mut message = [0; 100];
            assert!(faults.flip(&mut message));
            assert_eq!(message.iter().map(|byte| byte.count_ones()).sum::<u32>(), 1);
            assert!(message[..KEY_AND_FRAGMENT_HEADER].iter().all(|byte| *byte == 0));
        }
        assert!(!faults.flip(&mut []), "a short message is left alone");
        assert!(!faults.flip(&mut [0; KEY_AND_FRAGMENT_HEADER]));
    }
}
