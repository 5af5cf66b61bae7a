//! Persona keys and the signatures made with them: ECDSA over secp256k1 with SHA-256, low S only.

use std::fmt;

use k256::ecdsa::signature::hazmat::{PrehashVerifier, RandomizedPrehashSigner};
use k256::ecdsa::{Signature, SigningKey, VerifyingKey};
use rand_core::CryptoRng;
use zeroize::{Zeroize, Zeroizing};

use crate::error::{HasKind, Kind};
use crate::id::PersonaKey;

/// Bytes of a signature: r and s, 32 each.
pub const SIGNATURE_LEN: usize = 64;

/// A persona's secret key.
pub struct PersonaSecret {
    key: SigningKey,
    public: PersonaKey,
}

/// The bytes are not a secret key: zero, or not below the order of the curve.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("these bytes are not a secret key of secp256k1")]
pub struct BadSecretKey;

impl HasKind for BadSecretKey {
    fn kind(&self) -> Kind {
        Kind::Malformed
    }
}

/// A signature is invalid, or not in its one allowed (low S) form.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the signature is invalid")]
pub struct BadSignature;

impl HasKind for BadSignature {
    fn kind(&self) -> Kind {
        Kind::Forged
    }
}

/// Signing failed, which no input can cause.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("could not sign")]
pub struct SignError;

impl HasKind for SignError {
    fn kind(&self) -> Kind {
        Kind::Internal
    }
}

impl PersonaSecret {
    /// Draws a new key.
    pub fn generate<R: CryptoRng + ?Sized>(rng: &mut R) -> Self {
        let mut bytes = Zeroizing::new([0; 32]);
        loop {
            rng.fill_bytes(bytes.as_mut_slice());
            // Fails with probability 2^-128.
            if let Ok(secret) = Self::from_bytes(&bytes) {
                return secret;
            }
        }
    }

    /// Reads a secret scalar, big-endian.
    ///
    /// # Errors
    /// [`BadSecretKey`] for zero and for values not below the order of the curve.
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, BadSecretKey> {
        let key = SigningKey::from_slice(bytes).map_err(|_| BadSecretKey)?;
        let public = PersonaKey::from_point(&key.verifying_key().into());
        Ok(Self { key, public })
    }

    pub(crate) fn from_key(key: &k256::SecretKey) -> Self {
        Self { key: key.into(), public: PersonaKey::from_point(&key.public_key()) }
    }

    pub(crate) fn to_key(&self) -> k256::SecretKey {
        (&self.key).into()
    }

    /// The secret scalar, big-endian.
    pub fn to_bytes(&self) -> Zeroizing<[u8; 32]> {
        let mut field = self.key.to_bytes();
        let mut bytes = Zeroizing::new([0; 32]);
        bytes.copy_from_slice(&field);
        field.zeroize();
        bytes
    }

    /// The public key.
    pub fn public(&self) -> PersonaKey {
        self.public
    }

    /// Signs a digest. The caller separates domains: what was hashed begins with a label of its own.
    ///
    /// RFC 6979 with 32 random bytes as extra entropy (its section 3.6), low S.
    ///
    /// # Errors
    /// [`SignError`], which no input can cause.
    pub fn sign<R: CryptoRng + ?Sized>(
        &self,
        digest: &[u8; 32],
        rng: &mut R,
    ) -> Result<[u8; SIGNATURE_LEN], SignError> {
        let signature: Signature = self.key.sign_prehash_with_rng(rng, digest).map_err(|_| SignError)?;
        Ok(signature.normalize_s().to_bytes().into())
    }
}

impl fmt::Debug for PersonaSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PersonaSecret(..)")
    }
}

impl PersonaKey {
    /// Verifies a signature over a digest.
    ///
    /// # Errors
    /// [`BadSignature`], also for the high-S twin of a good signature: signed bytes have one form only.
    pub fn verify(&self, digest: &[u8; 32], signature: &[u8; SIGNATURE_LEN]) -> Result<(), BadSignature> {
        let key = VerifyingKey::from_sec1_bytes(self.as_bytes()).map_err(|_| BadSignature)?;
        let signature = Signature::from_slice(signature).map_err(|_| BadSignature)?;
        if signature.normalize_s() != signature {
            return Err(BadSignature);
        }
        key.verify_prehash(digest, &signature).map_err(|_| BadSignature)
    }
}
