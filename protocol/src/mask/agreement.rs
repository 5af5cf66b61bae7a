//! How two keys come to the AES key that wraps a post key.

use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::key::{PublicKey, SecretKey};

/// The 32-byte x coordinate of the shared point.
/// Version -37 takes it as the AES key as it is, with the post's IV as nonce.
#[must_use]
pub fn shared_x(secret: &SecretKey, public: &PublicKey) -> Zeroizing<[u8; 32]> {
    secret.agree(public)
}

/// The AES key and the nonce that versions -38, -39 and -40 derive from the shared x coordinate and a salt.
#[must_use]
pub fn v38_key(shared_x: &[u8; 32], salt: &[u8; 16]) -> (Zeroizing<[u8; 32]>, [u8; 16]) {
    // The salt enters twice, and the two labels are what browsers decode from the base64 texts "KEY" and "IV".
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
