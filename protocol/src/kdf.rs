//! HKDF-SHA-256 (RFC 5869) and X25519 (RFC 7748), fallible where the standards are.

use hkdf::Hkdf;
use sha2::Sha256;
use x25519_dalek::{PublicKey, StaticSecret};
use zeroize::Zeroize;

use crate::secret::Secret32;

/// A length outside HKDF's limits, which no caller in this crate can reach, or an X25519 result of zero.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum KdfError {
    Length,
    ZeroDh,
}

/// `HKDF-Expand(prk, label, out.len())`.
pub(crate) fn expand(prk: &Secret32, label: &[u8], out: &mut [u8]) -> Result<(), KdfError> {
    let hkdf = Hkdf::<Sha256>::from_prk(prk.as_bytes()).map_err(|_| KdfError::Length)?;
    hkdf.expand(label, out).map_err(|_| KdfError::Length)
}

/// `HKDF-Expand(prk, label, 32)`.
pub(crate) fn expand_key(prk: &Secret32, label: &[u8]) -> Result<Secret32, KdfError> {
    let mut key = Secret32::zero();
    expand(prk, label, key.as_mut())?;
    Ok(key)
}

/// `HKDF-Extract(salt, ikm)`.
pub(crate) fn extract(salt: &[u8], ikm: &[u8]) -> Secret32 {
    let (mut prk, _) = Hkdf::<Sha256>::extract(Some(salt), ikm);
    let mut key = Secret32::zero();
    key.as_mut().copy_from_slice(&prk);
    prk.as_mut_slice().zeroize();
    key
}

/// X25519; a result of zero (the other side sent a point of small order) is an error.
pub(crate) fn diffie_hellman(secret: &Secret32, public: &[u8; 32]) -> Result<Secret32, KdfError> {
    let shared = StaticSecret::from(*secret.as_bytes()).diffie_hellman(&PublicKey::from(*public));
    if shared.was_contributory() { Ok(Secret32::from_ref(shared.as_bytes())) } else { Err(KdfError::ZeroDh) }
}

/// The public key of an X25519 secret.
pub(crate) fn public_key(secret: &Secret32) -> [u8; 32] {
    PublicKey::from(&StaticSecret::from(*secret.as_bytes())).to_bytes()
}

/// Whether a public key is of small order, so that every Diffie-Hellman with it gives zero.
pub(crate) fn has_small_order(public: &[u8; 32]) -> bool {
    !StaticSecret::from([1; 32]).diffie_hellman(&PublicKey::from(*public)).was_contributory()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Points of order 1, 2, 4 and 8 (RFC 7748, section 6.1; https://cr.yp.to/ecdh.html#validate).
    const SMALL: [[u8; 32]; 4] = [
        [0; 32],
        {
            let mut one = [0; 32];
            one[0] = 1;
            one
        },
        [
            0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3, 0xfa, 0xf1, 0x9f, 0xc4, 0x6a,
            0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32, 0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49, 0xb8, 0x00,
        ],
        [
            0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
            0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f,
        ],
    ];

    #[test]
    fn points_of_small_order_are_refused() {
        for point in &SMALL {
            assert_eq!(diffie_hellman(&Secret32::from_ref(&[7; 32]), point), Err(KdfError::ZeroDh));
            assert!(has_small_order(point));
        }
        let public = public_key(&Secret32::from_ref(&[9; 32]));
        assert!(!has_small_order(&public));
        assert!(diffie_hellman(&Secret32::from_ref(&[7; 32]), &public).is_ok());
    }
}
