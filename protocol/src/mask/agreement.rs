//! Key agreement: from two key pairs to the AES key that wraps a post key (docs/mask.md, "Cryptography").

use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::key::{PublicKey, SecretKey};

/// The 32-byte x coordinate of the shared point.
/// Version -37 uses it as AES key without a key derivation, with the post's IV as nonce.
#[must_use]
pub fn shared_x(secret: &SecretKey, public: &PublicKey) -> Zeroizing<[u8; 32]> {
    secret.agree(public)
}

/// The AES key and the nonce that versions -38, -39 and -40 derive from the shared x coordinate and a salt.
#[must_use]
pub fn v38_key(shared_x: &[u8; 32], salt: &[u8; 16]) -> (Zeroizing<[u8; 32]>, [u8; 16]) {
    // The format hashes the salt twice. Its labels 28 46 and 21 are what a browser's base64 decoder makes of the texts
    // "KEY" and "IV". The nonce is a 32-byte hash folded into 16 bytes.
    let shared = Sha256::new().chain_update(shared_x).chain_update(salt).chain_update(salt);
    let key = Zeroizing::new(shared.clone().chain_update([0x28, 0x46]).finalize().into());
    let halves: [u8; 32] = shared.chain_update([0x21]).finalize().into();
    let (left, right) = halves.split_at(16);
    let mut nonce = [0; 16];
    for ((byte, left), right) in nonce.iter_mut().zip(left).zip(right) {
        *byte = left ^ right;
    }
    (key, nonce)
}
