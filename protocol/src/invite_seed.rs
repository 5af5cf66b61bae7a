//! The secret of an invitation.

use std::fmt;

use data_encoding::BASE64URL_NOPAD;
use rand_core::CryptoRng;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::id::hash;
use crate::kdf::{self, KdfError};
use crate::secret::{self, Secret32};

/// The secret of an invitation. Whoever has it can accept. Text: 43 characters of base64url.
#[derive(Clone, Deserialize, Eq, PartialEq, Serialize)]
#[serde(transparent)]
pub struct InviteSeed(Secret32);

impl InviteSeed {
    /// Draws a new seed.
    pub fn generate<R: CryptoRng + ?Sized>(rng: &mut R) -> Self {
        Self(Secret32::generate(rng))
    }

    /// Copies the bytes; the caller erases its own copy.
    pub fn from_bytes(bytes: &[u8; 32]) -> Self {
        Self(Secret32::from_ref(bytes))
    }

    /// The text after `#` in an address.
    pub fn to_text(&self) -> Zeroizing<String> {
        Zeroizing::new(BASE64URL_NOPAD.encode(self.0.as_bytes()))
    }

    /// Reads the text after `#` in an address; `None` when it is damaged.
    pub fn from_text(text: &str) -> Option<Self> {
        let mut seed = Secret32::zero();
        secret::decode_exact(text, seed.as_mut()).ok()?;
        Some(Self(seed))
    }

    /// `SHA-256("bauta/seed/1" || seed)`, what the handshake's transcript holds.
    pub(crate) fn commitment(&self) -> [u8; 32] {
        hash(&[b"bauta/seed/1", self.0.as_bytes()])
    }

    pub(crate) fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }

    /// The first key of the lane with this label.
    pub(crate) fn expand(&self, label: &[u8]) -> Result<Secret32, KdfError> {
        // Expanded directly: a seed is a uniform key already.
        kdf::expand_key(&self.0, label)
    }
}

impl fmt::Debug for InviteSeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InviteSeed(..)")
    }
}
