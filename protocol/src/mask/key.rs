//! Keys: secp256k1 pairs of personas and posts, and the symmetric keys of posts and authors.

use std::fmt;

use k256::elliptic_curve::sec1::ToSec1Point;
use rand_core::CryptoRng;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::cipher::{self, PostIv};
use crate::error::{HasKind, Kind};
use crate::id::PersonaKey;
use crate::persona::PersonaSecret;

/// Why bytes are not a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Neither 33 bytes that begin with 2 or 3, nor 65 bytes that begin with 4.
    #[error("a public key has 33 or 65 bytes in SEC 1 form; this is something else")]
    Form,
    /// The coordinates are not on the curve.
    #[error("the public key is not a point of the curve secp256k1")]
    NotOnCurve,
    /// Zero, or not below the order of the curve.
    #[error("the private key is not in the range of the curve secp256k1")]
    Range,
    /// A symmetric key of another length.
    #[error("an AES key has 16, 24 or 32 bytes; this one has {0}")]
    Length(usize),
}

impl HasKind for KeyError {
    fn kind(&self) -> Kind {
        Kind::Malformed
    }
}

/// A point of secp256k1: a persona's public key, or an ephemeral one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PublicKey(k256::PublicKey);

impl PublicKey {
    /// From 33 compressed or 65 uncompressed bytes (SEC 1, section 2.3.3).
    ///
    /// # Errors
    /// [`KeyError::Form`] for other forms, even if other programs accept them; [`KeyError::NotOnCurve`].
    pub fn from_sec1(bytes: &[u8]) -> Result<Self, KeyError> {
        // Some libraries also take the x-only form 5 and the hybrid forms 6 and 7. No writer of these formats makes them,
        // so they are refused instead of guessed at.
        match (bytes.first(), bytes.len()) {
            (Some(2 | 3), 33) | (Some(4), 65) => {
                k256::PublicKey::from_sec1_bytes(bytes).map(Self).map_err(|_| KeyError::NotOnCurve)
            }
            _ => Err(KeyError::Form),
        }
    }

    /// From both coordinates, 32 bytes each.
    pub(crate) fn from_coordinates(x: &[u8; 32], y: &[u8; 32]) -> Result<Self, KeyError> {
        Self::from_sec1(&[&[4], x.as_slice(), y.as_slice()].concat())
    }

    /// The 33 compressed bytes.
    #[must_use]
    pub fn to_compressed(&self) -> [u8; 33] {
        let mut bytes = [0; 33];
        copy(&mut bytes, self.0.to_sec1_point(true).as_bytes());
        bytes
    }

    /// The 65 uncompressed bytes.
    #[must_use]
    pub fn to_uncompressed(&self) -> [u8; 65] {
        let mut bytes = [0; 65];
        copy(&mut bytes, self.0.to_sec1_point(false).as_bytes());
        bytes
    }

    /// The coordinates x and y, 32 bytes each, big-endian.
    #[must_use]
    pub fn coordinates(&self) -> ([u8; 32], [u8; 32]) {
        let point = self.to_uncompressed();
        let (mut x, mut y) = ([0; 32], [0; 32]);
        let (_, xy) = point.split_at(1);
        let (left, right) = xy.split_at(32);
        copy(&mut x, left);
        copy(&mut y, right);
        (x, y)
    }

    /// `0x` and the hexadecimal digits of the compressed bytes, as NextID names a persona.
    #[must_use]
    pub fn to_hex(&self) -> String {
        format!("0x{}", data_encoding::HEXLOWER.encode(&self.to_compressed()))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hex = self.to_hex();
        write!(f, "PublicKey({}..)", hex.get(2..6).unwrap_or_default())
    }
}

/// A secp256k1 private key with its public key.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretKey {
    secret: k256::SecretKey,
    public: PublicKey,
}

impl SecretKey {
    /// A random key: draws 32 bytes, and again only if they are out of range.
    #[must_use]
    pub fn generate<R: CryptoRng + ?Sized>(rng: &mut R) -> Self {
        loop {
            let mut bytes = Zeroizing::new([0; 32]);
            rng.fill_bytes(bytes.as_mut());
            if let Ok(key) = Self::from_bytes(&bytes) {
                return key;
            }
        }
    }

    /// From the 32 big-endian bytes of the scalar.
    ///
    /// # Errors
    /// [`KeyError::Range`].
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, KeyError> {
        let secret = k256::SecretKey::from_slice(bytes).map_err(|_| KeyError::Range)?;
        let public = PublicKey(secret.public_key());
        Ok(Self { secret, public })
    }

    /// The 32 big-endian bytes of the scalar.
    #[must_use]
    pub fn to_bytes(&self) -> Zeroizing<[u8; 32]> {
        let mut bytes = Zeroizing::new([0; 32]);
        let mut scalar = self.secret.to_bytes();
        copy(bytes.as_mut(), &scalar);
        scalar.zeroize();
        bytes
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        self.public
    }

    /// The x coordinate of the shared point (SEC 1, section 3.3.1).
    pub(crate) fn agree(&self, public: &PublicKey) -> Zeroizing<[u8; 32]> {
        let shared = self.secret.diffie_hellman(&public.0);
        let mut x = Zeroizing::new([0; 32]);
        copy(x.as_mut(), shared.raw_secret_bytes());
        x
    }
}

// A persona of Mask is a persona: the same curve, and the same range of keys.

impl From<&PublicKey> for PersonaKey {
    fn from(key: &PublicKey) -> Self {
        Self::from_point(&key.0)
    }
}

impl From<&SecretKey> for PersonaSecret {
    fn from(key: &SecretKey) -> Self {
        Self::from_key(&key.secret)
    }
}

impl From<&PersonaSecret> for SecretKey {
    fn from(key: &PersonaSecret) -> Self {
        let secret = key.to_key();
        let public = PublicKey(secret.public_key());
        Self { secret, public }
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey(..)")
    }
}

/// The AES key of one post.
/// A public post may carry one of 16 or 24 bytes. The extension imports such a key without complaint, so it is read here
/// too, but no post opens with it.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct PostKey(Vec<u8>);

impl PostKey {
    /// A random key of 32 bytes.
    #[must_use]
    pub fn generate<R: CryptoRng + ?Sized>(rng: &mut R) -> Self {
        let mut bytes = vec![0; 32];
        rng.fill_bytes(&mut bytes);
        Self(bytes)
    }

    /// From 16, 24 or 32 bytes.
    ///
    /// # Errors
    /// [`KeyError::Length`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, KeyError> {
        match bytes.len() {
            16 | 24 | 32 => Ok(Self(bytes.to_vec())),
            other => Err(KeyError::Length(other)),
        }
    }

    /// The bytes of the key.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The key for AES-256; `None` when it is shorter.
    pub(crate) fn full(&self) -> Option<&[u8; 32]> {
        self.0.as_slice().try_into().ok()
    }

    /// Seals a message; `None` when it is longer than 64 GiB or the key is too short.
    pub(crate) fn seal(&self, iv: &PostIv, message: &[u8]) -> Option<Vec<u8>> {
        cipher::seal(self.full()?, &iv.0, message)
    }

    /// Opens a message; `None` when this is not its key.
    pub(crate) fn open(&self, iv: &PostIv, data: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        cipher::open(self.full()?, &iv.0, data)
    }
}

impl fmt::Debug for PostKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PostKey(..)")
    }
}

/// An author's own AES key: it opens the author's copy of the post key in posts of version -38 and older.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct LocalKey([u8; 32]);

impl LocalKey {
    /// From its 32 bytes.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; 32]) -> Self {
        Self(*bytes)
    }

    /// The 32 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for LocalKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LocalKey(..)")
    }
}

/// Copies the bytes that fit.
fn copy(to: &mut [u8], from: &[u8]) {
    for (to, from) in to.iter_mut().zip(from) {
        *to = *from;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key(byte: u8) -> SecretKey {
        SecretKey::from_bytes(&[byte; 32]).unwrap()
    }

    #[test]
    fn only_two_forms_of_points() {
        let public = key(7).public();
        assert_eq!(PublicKey::from_sec1(&public.to_compressed()), Ok(public));
        assert_eq!(PublicKey::from_sec1(&public.to_uncompressed()), Ok(public));
        // Some libraries accept the x-only form 05 and the hybrid forms 06 and 07.
        for tag in [0, 1, 5, 6, 7] {
            let mut bytes = public.to_compressed();
            bytes[0] = tag;
            assert_eq!(PublicKey::from_sec1(&bytes), Err(KeyError::Form));
            let mut bytes = public.to_uncompressed();
            bytes[0] = tag;
            assert_eq!(PublicKey::from_sec1(&bytes), Err(KeyError::Form));
        }
        assert_eq!(PublicKey::from_sec1(&[0]), Err(KeyError::Form));
        let mut bytes = public.to_uncompressed();
        bytes[64] ^= 1;
        assert_eq!(PublicKey::from_sec1(&bytes), Err(KeyError::NotOnCurve));
    }

    #[test]
    fn scalars_are_checked() {
        assert_eq!(SecretKey::from_bytes(&[0; 32]), Err(KeyError::Range));
        assert_eq!(SecretKey::from_bytes(&[0xff; 32]), Err(KeyError::Range));
    }

    #[test]
    fn secrets_do_not_show() {
        assert_eq!(format!("{:?}", key(7)), "SecretKey(..)");
        assert_eq!(format!("{:?}", PostKey::from_bytes(&[1; 32]).unwrap()), "PostKey(..)");
        assert_eq!(format!("{:?}", LocalKey::from_bytes(&[1; 32])), "LocalKey(..)");
    }

    #[test]
    fn keys_of_personas_and_of_mask_are_the_same() {
        for byte in [1, 7, 0x80, 0xfe] {
            let mask = key(byte);
            let persona = PersonaSecret::from(&mask);
            assert_eq!(persona.to_bytes(), mask.to_bytes());
            assert_eq!(persona.public(), PersonaSecret::from_bytes(&[byte; 32]).unwrap().public());
            assert_eq!(PersonaKey::from(&mask.public()), persona.public());
            assert_eq!(SecretKey::from(&persona), mask);
        }
    }

    proptest! {
        #[test]
        fn both_sides_agree(a in 1_u8.., b in 1_u8..) {
            prop_assume!(a != 255 && b != 255);
            prop_assert_eq!(key(a).agree(&key(b).public()), key(b).agree(&key(a).public()));
        }

        #[test]
        fn any_bytes_are_answered(bytes in proptest::collection::vec(any::<u8>(), 0..70)) {
            if let Ok(public) = PublicKey::from_sec1(&bytes) {
                prop_assert!(bytes == public.to_compressed() || bytes == public.to_uncompressed());
            }
        }
    }
}
