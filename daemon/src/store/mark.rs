//! The mark beside the database: how far its sessions have come, so that an old copy put back is noticed.
//!
//! A file of two slots, each a counter (8 bytes, big-endian) and its HMAC-SHA-256 (32 bytes) under a key derived from
//! the master key. Writes alternate between the slots, so that one cut off by a power failure leaves the other whole.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::unlock::MasterKey;

const SLOT: usize = 8 + 32;

pub(super) struct Mark {
    file: File,
    key: Zeroizing<[u8; 32]>,
    written: Option<u64>,
}

impl Mark {
    pub(super) fn open(path: &Path, master: &MasterKey) -> io::Result<Self> {
        let file = bauta_private_file::open(path)?;
        let key = Zeroizing::new(hmac_sha256(master.as_bytes(), b"bauta/store-mark/1"));
        let mut mark = Self { file, key, written: None };
        mark.written = (0..2).filter_map(|slot| mark.read(slot)).max();
        Ok(mark)
    }

    /// The highest counter that was written; `None` where the file is new, was lost, or is not ours.
    pub(super) fn written(&self) -> Option<u64> {
        self.written
    }

    /// Returns when the counter is durable.
    pub(super) fn write(&mut self, counter: u64) -> io::Result<()> {
        let bytes = counter.to_be_bytes();
        let slot = [bytes.as_slice(), &hmac_sha256(&self.key, &bytes)].concat();
        let place = u64::try_from(SLOT).unwrap_or(40) * (counter % 2);
        self.file.write_all_at(&slot, place)?;
        self.file.sync_data()?;
        self.written = Some(counter);
        Ok(())
    }

    fn read(&self, slot: u64) -> Option<u64> {
        let mut bytes = [0; SLOT];
        self.file.read_exact_at(&mut bytes, u64::try_from(SLOT).ok()? * slot).ok()?;
        let (counter, mac) = bytes.split_first_chunk::<8>()?;
        let expected = hmac_sha256(&self.key, counter);
        bool::from(expected.as_slice().ct_eq(mac)).then(|| u64::from_be_bytes(*counter))
    }
}

/// HMAC-SHA-256 (RFC 2104) with a key of 32 bytes.
fn hmac_sha256(key: &[u8; 32], message: &[u8]) -> [u8; 32] {
    use hmac::{Hmac, KeyInit, Mac};
    match <Hmac<Sha256> as KeyInit>::new_from_slice(key) {
        Ok(mac) => mac.chain_update(message).finalize().into_bytes().into(),
        // HMAC takes keys of every length.
        Err(_) => Sha256::digest([key.as_slice(), message].concat()).into(),
    }
}

#[cfg(test)]
mod tests {
    use std::fs::OpenOptions;

    use super::*;

    fn master() -> MasterKey {
        MasterKey::for_tests([9; 32])
    }

    #[test]
    fn the_last_whole_slot_counts() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("mark");
        let mut mark = Mark::open(&path, &master()).unwrap();
        assert_eq!(mark.written(), None);
        for counter in 1..=5 {
            mark.write(counter).unwrap();
        }
        assert_eq!(Mark::open(&path, &master()).unwrap().written(), Some(5));
        assert_eq!(Mark::open(&path, &MasterKey::for_tests([8; 32])).unwrap().written(), None);
        // A torn write of counter 6, which would go to slot 0.
        let file = OpenOptions::new().write(true).open(&path).unwrap();
        file.write_all_at(&6_u64.to_be_bytes(), 0).unwrap();
        assert_eq!(Mark::open(&path, &master()).unwrap().written(), Some(5));
    }
}
