//! XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha) over whole buffers, with errors of our own.

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use zeroize::Zeroizing;

use crate::secret::Secret32;

/// Bytes a seal adds to its plaintext.
pub(crate) const TAG_LEN: usize = 16;

/// Bytes of a nonce.
pub(crate) const NONCE_LEN: usize = 24;

/// The seal is invalid, or (never in practice) the buffer is beyond the cipher's limit of 2^38 bytes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct BadSeal;

pub(crate) fn seal(
    key: &Secret32,
    nonce: &[u8; NONCE_LEN],
    ad: &[u8],
    plain: &[u8],
) -> Result<Vec<u8>, BadSeal> {
    cipher(key).encrypt(&XNonce::from(*nonce), Payload { msg: plain, aad: ad }).map_err(|_| BadSeal)
}

pub(crate) fn open(
    key: &Secret32,
    nonce: &[u8; NONCE_LEN],
    ad: &[u8],
    sealed: &[u8],
) -> Result<Zeroizing<Vec<u8>>, BadSeal> {
    cipher(key)
        .decrypt(&XNonce::from(*nonce), Payload { msg: sealed, aad: ad })
        .map(Zeroizing::new)
        .map_err(|_| BadSeal)
}

fn cipher(key: &Secret32) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(key.as_bytes().into())
}
