//! An extension's key, and its signature over a challenge.

use data_encoding::{BASE64URL, BASE64URL_NOPAD};
use p256::ecdsa::signature::Verifier;
use p256::ecdsa::{Signature, VerifyingKey};

use crate::{RpcError, codes};

/// What a signature is for, so that one made for another purpose is invalid here.
const PURPOSE: &[u8] = b"bauta/session/1";

/// SubjectPublicKeyInfo of an uncompressed P-256 point up to the point itself: always the same bytes
/// (RFC 5480, 2; X.690 DER). Browsers export nothing else.
const SPKI: &[u8] = &[
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86,
    0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];

/// Bytes of a random challenge.
pub(super) const CHALLENGE: usize = 32;

/// Reads `key` of `pair.request` and returns the point, uncompressed: 65 bytes (SEC 1, 2.3.3).
pub(super) fn read_key(text: &str) -> Result<Vec<u8>, RpcError> {
    let refuse = || RpcError::new(&codes::PAIR_KEY, "The key is not an ECDSA P-256 public key.");
    let der = from_base64url(text).ok_or_else(refuse)?;
    let point = der.strip_prefix(SPKI).filter(|point| point.first() == Some(&4)).ok_or_else(refuse)?;
    VerifyingKey::from_sec1_bytes(point).map_err(|_| refuse())?;
    Ok(point.to_owned())
}

/// Whether `signature`, as in `session.prove`, is the key's signature over this challenge and origin.
pub(super) fn is_proof(key: &[u8], challenge: &[u8; CHALLENGE], origin: &str, signature: &str) -> bool {
    let Some(bytes) = from_base64url(signature) else { return false };
    let (Ok(key), Ok(signature)) = (VerifyingKey::from_sec1_bytes(key), Signature::from_slice(&bytes)) else {
        return false;
    };
    key.verify(&signed(challenge, origin), &signature).is_ok()
}

pub(super) fn to_base64url(bytes: &[u8]) -> String {
    BASE64URL_NOPAD.encode(bytes)
}

fn from_base64url(text: &str) -> Option<Vec<u8>> {
    // Bounded: a key has 91 bytes, a signature 64.
    let text = Some(text.as_bytes()).filter(|text| text.len() <= 200)?;
    BASE64URL_NOPAD.decode(text).or_else(|_| BASE64URL.decode(text)).ok()
}

fn signed(challenge: &[u8; CHALLENGE], origin: &str) -> Vec<u8> {
    [PURPOSE, challenge, origin.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use p256::ecdsa::SigningKey;
    use p256::ecdsa::signature::Signer;
    use proptest::prelude::*;

    use super::*;

    const ORIGIN: &str = "chrome-extension://abcdefghijklmnopabcdefghijklmnop/";

    fn signer() -> SigningKey {
        SigningKey::from_slice(&[7; 32]).unwrap()
    }

    fn point() -> Vec<u8> {
        signer().verifying_key().to_sec1_point(false).as_bytes().to_vec()
    }

    fn sign(challenge: &[u8; 32], origin: &str) -> String {
        let signature: Signature = signer().sign(&signed(challenge, origin));
        to_base64url(&signature.to_bytes())
    }

    #[test]
    fn keys_are_read_as_browsers_export_them() {
        let der = [SPKI, &point()].concat();
        assert_eq!(read_key(&to_base64url(&der)).unwrap(), point());
        assert_eq!(read_key(&BASE64URL.encode(&der)).unwrap(), point());
        let mut off_curve = der.clone();
        *off_curve.last_mut().unwrap() ^= 1;
        let longer = [der.as_slice(), &[0]].concat();
        for bad in [&off_curve[..], &longer, &der[..der.len() - 1], &point(), b""] {
            assert!(read_key(&to_base64url(bad)).unwrap_err().is(&codes::PAIR_KEY));
        }
        assert!(read_key("not base64!").is_err());
    }

    /// Made by another implementation, OpenSSL.
    #[test]
    fn a_foreign_key_is_read() {
        let key = include_str!("spki.txt").trim();
        assert_eq!(read_key(key).unwrap().len(), 65);
    }

    #[test]
    fn a_proof_is_for_one_key_challenge_and_origin() {
        let challenge = [9; 32];
        let signature = sign(&challenge, ORIGIN);
        assert!(is_proof(&point(), &challenge, ORIGIN, &signature));
        assert!(!is_proof(&point(), &[8; 32], ORIGIN, &signature));
        assert!(!is_proof(&point(), &challenge, "chrome-extension://other/", &signature));
        let other = SigningKey::from_slice(&[8; 32]).unwrap().verifying_key().to_sec1_point(false);
        assert!(!is_proof(other.as_bytes(), &challenge, ORIGIN, &signature));
        assert!(!is_proof(&[], &challenge, ORIGIN, &signature));
    }

    proptest! {
        #[test]
        fn no_changed_signature_passes(place in 0..64_usize, bit in 0..8_u8) {
            let challenge = [9; 32];
            let mut bytes = BASE64URL_NOPAD.decode(sign(&challenge, ORIGIN).as_bytes()).unwrap();
            bytes[place] ^= 1 << bit;
            prop_assert!(!is_proof(&point(), &challenge, ORIGIN, &to_base64url(&bytes)));
        }

        #[test]
        fn any_text_is_answered(text in ".{0,250}") {
            prop_assert!(read_key(&text).is_err());
            prop_assert!(!is_proof(&point(), &[0; 32], ORIGIN, &text));
        }
    }
}
