//! AES-256-GCM as Mask uses it: 16-byte nonce, tag at the end, no associated data (NIST SP 800-38D).
//!
//! GCM hashes a nonce of 16 bytes into its first counter block, so `aes_gcm::Aes256Gcm` with its 12 bytes cannot be used.

use aes_gcm::aead::consts::U16;
use aes_gcm::aead::{Aead, KeyInit};
use aes_gcm::aes::Aes256;
use aes_gcm::{AesGcm, Nonce};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

/// Bytes that sealing adds.
#[cfg(test)]
pub(crate) const TAG: usize = 16;

/// The nonce of a post, which also finds its records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PostIv(pub [u8; 16]);

impl PostIv {
    /// Draws 16 bytes.
    #[must_use]
    pub fn generate<R: CryptoRng + ?Sized>(rng: &mut R) -> Self {
        Self(draw(rng))
    }

    /// As the formats write it: standard base64 with padding.
    #[must_use]
    pub fn to_base64(&self) -> String {
        super::base64::encode(&self.0)
    }
}

/// The hash of a post's IV and ciphertext, by which posts under one IV are told apart (`Payload::digest`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PostDigest(pub [u8; 32]);

/// Sixteen random bytes.
pub(crate) fn draw<R: CryptoRng + ?Sized>(rng: &mut R) -> [u8; 16] {
    let mut bytes = [0; 16];
    rng.fill_bytes(&mut bytes);
    bytes
}

/// `None` only for a text of more than 64 GiB, the most that one nonce may encrypt.
pub(crate) fn seal(key: &[u8; 32], nonce: &[u8; 16], plain: &[u8]) -> Option<Vec<u8>> {
    cipher(key).encrypt(&Nonce::<U16>::from(*nonce), plain).ok()
}

/// `None` when the tag is wrong.
pub(crate) fn open(key: &[u8; 32], nonce: &[u8; 16], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    cipher(key).decrypt(&Nonce::<U16>::from(*nonce), sealed).ok().map(Zeroizing::new)
}

fn cipher(key: &[u8; 32]) -> AesGcm<Aes256, U16> {
    AesGcm::new(key.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn changed_bytes_do_not_open(
            key: [u8; 32],
            nonce: [u8; 16],
            plain: Vec<u8>,
            place: prop::sample::Index,
            flip in 1_u8..,
        ) {
            let mut sealed = seal(&key, &nonce, &plain).unwrap();
            prop_assert_eq!(sealed.len(), plain.len() + TAG);
            let opened = open(&key, &nonce, &sealed).unwrap();
            prop_assert_eq!(opened.as_slice(), plain.as_slice());
            let place = place.index(sealed.len());
            sealed[place] ^= flip;
            prop_assert!(open(&key, &nonce, &sealed).is_none());
            prop_assert!(open(&key, &nonce, &sealed[..sealed.len() - 1]).is_none());
        }
    }
}
