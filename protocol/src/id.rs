//! Ids of things: personas, relays, boxes, inboxes, doors, messages, and the capability behind a box or inbox.

use std::fmt;
use std::str::FromStr;

use data_encoding::{BASE64URL_NOPAD, HEXLOWER, HEXLOWER_PERMISSIVE};
use k256::ecdsa::VerifyingKey;
use k256::elliptic_curve::sec1::ToSec1Point;
use rand_core::CryptoRng;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::error::{HasKind, Kind};
use crate::secret::Secret32;

/// Text or bytes that are not a valid id.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum IdError {
    /// Wrong number of characters, or characters outside the alphabet.
    #[error("{what} must be {chars} characters of {alphabet}")]
    Text {
        /// What was to be read.
        what: &'static str,
        /// How many characters it has.
        chars: usize,
        /// Which characters.
        alphabet: &'static str,
    },
    /// The bytes are not a point of secp256k1 in compressed form.
    #[error("this is not a persona key: it is not a point of the curve secp256k1")]
    NotAPoint,
}

impl HasKind for IdError {
    fn kind(&self) -> Kind {
        Kind::Malformed
    }
}

macro_rules! public_id {
    ($(#[$doc:meta])* $name:ident, $len:literal, $encoding:expr, $decoding:expr, $alphabet:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
        pub struct $name(pub [u8; $len]);

        impl $name {
            /// Length in bytes.
            pub const LEN: usize = $len;

            /// The bytes of this id.
            pub fn as_bytes(&self) -> &[u8; $len] {
                &self.0
            }
        }

        impl From<[u8; $len]> for $name {
            fn from(bytes: [u8; $len]) -> Self {
                Self(bytes)
            }
        }

        impl AsRef<[u8]> for $name {
            fn as_ref(&self) -> &[u8] {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&$encoding.encode(&self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                short_debug(f, stringify!($name), &self.0)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                let wrong = IdError::Text {
                    what: stringify!($name),
                    chars: $encoding.encode_len($len),
                    alphabet: $alphabet,
                };
                if text.len() != $encoding.encode_len($len) {
                    return Err(wrong);
                }
                let bytes = $decoding.decode(text.as_bytes()).map_err(|_| wrong)?;
                Ok(Self(bytes.try_into().map_err(|_| wrong)?))
            }
        }

        string_serde!($name);
    };
}

/// Stores a type as the text that `Display` writes and `FromStr` reads.
macro_rules! string_serde {
    ($name:ident) => {
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <String as serde::Deserialize>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

pub(crate) use string_serde;

public_id!(
    /// A relay: SHA-256 of its compressed identity key. Text: 43 characters of base64url.
    RelayId, 32, BASE64URL_NOPAD, BASE64URL_NOPAD, "base64url"
);
public_id!(
    /// The public name of a box. Text: 64 hex digits.
    BoxId, 32, HEXLOWER, HEXLOWER_PERMISSIVE, "hexadecimal"
);
public_id!(
    /// The public name of an inbox. Text: 64 hex digits.
    InboxId, 32, HEXLOWER, HEXLOWER_PERMISSIVE, "hexadecimal"
);
public_id!(
    /// A relay's Nym address (identity key, encryption key, gateway: 32 bytes each), opaque to this crate.
    /// Text: 128 characters of base64url.
    DoorAddress, 96, BASE64URL_NOPAD, BASE64URL_NOPAD, "base64url"
);
public_id!(
    /// A persona's identity key (IK) of X25519, as its bundle states it. Text: 64 hex digits.
    IdentityKey, 32, HEXLOWER, HEXLOWER_PERMISSIVE, "hexadecimal"
);
public_id!(
    /// The name of one message, random. Text: 32 hex digits.
    MessageId, 16, HEXLOWER, HEXLOWER_PERMISSIVE, "hexadecimal"
);

impl MessageId {
    /// Draws a new id.
    pub fn generate<R: CryptoRng + ?Sized>(rng: &mut R) -> Self {
        let mut bytes = [0; 16];
        rng.fill_bytes(&mut bytes);
        Self(bytes)
    }
}

/// A persona's public key: a point of secp256k1, compressed (SEC 1, section 2.3.3), checked when made.
/// Text: 66 hex digits.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct PersonaKey([u8; 33]);

impl PersonaKey {
    /// Length in bytes.
    pub const LEN: usize = 33;

    /// Checks that the bytes are a compressed point.
    ///
    /// # Errors
    /// [`IdError::NotAPoint`] for anything else.
    pub fn from_bytes(bytes: &[u8; 33]) -> Result<Self, IdError> {
        // SEC 1 has other 33-byte forms. Only the compressed one is accepted, or one key would have two ids.
        if !matches!(bytes.first(), Some(2 | 3)) {
            return Err(IdError::NotAPoint);
        }
        VerifyingKey::from_sec1_bytes(bytes).map_err(|_| IdError::NotAPoint)?;
        Ok(Self(*bytes))
    }

    pub(crate) fn from_point(point: &k256::PublicKey) -> Self {
        let mut bytes = [0; 33];
        // A point of secp256k1 has 33 bytes in this form; a key is never the point at infinity, which has one.
        bytes.iter_mut().zip(point.to_sec1_point(true).as_bytes()).for_each(|(to, from)| *to = *from);
        Self(bytes)
    }

    /// The compressed point.
    pub fn as_bytes(&self) -> &[u8; 33] {
        &self.0
    }
}

impl AsRef<[u8]> for PersonaKey {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for PersonaKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for PersonaKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The first byte is the sign; the next two are enough to distinguish keys.
        short_debug(f, "PersonaKey", self.0.get(1..).unwrap_or_default())
    }
}

impl FromStr for PersonaKey {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let wrong = IdError::Text { what: "a persona key", chars: 66, alphabet: "hexadecimal" };
        if text.len() != 66 {
            return Err(wrong);
        }
        let bytes = HEXLOWER_PERMISSIVE.decode(text.as_bytes()).map_err(|_| wrong)?;
        Self::from_bytes(&bytes.try_into().map_err(|_| wrong)?)
    }
}

string_serde!(PersonaKey);

/// Thirty-two secret bytes whose hash names a box or an inbox: who knows them may delete or drain it.
#[derive(Clone, Deserialize, Eq, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Capability(Secret32);

impl Capability {
    /// Draws a new capability.
    pub fn generate<R: CryptoRng + ?Sized>(rng: &mut R) -> Self {
        Self(Secret32::generate(rng))
    }

    /// Copies the bytes; the caller erases its own copy.
    pub fn from_bytes(bytes: &[u8; 32]) -> Self {
        Self(Secret32::from_ref(bytes))
    }

    /// The secret bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }

    /// `SHA-256("bauta/box/1" || cap)`.
    pub fn box_id(&self) -> BoxId {
        BoxId(hash(&[b"bauta/box/1", self.as_bytes()]))
    }

    /// `SHA-256("bauta/inbox/1" || cap)`.
    pub fn inbox_id(&self) -> InboxId {
        InboxId(hash(&[b"bauta/inbox/1", self.as_bytes()]))
    }
}

impl fmt::Debug for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Capability(..)")
    }
}

/// SHA-256 over the concatenation of `parts`.
pub(crate) fn hash(parts: &[&[u8]]) -> [u8; 32] {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update(part);
    }
    digest.finalize().into()
}

fn short_debug(f: &mut fmt::Formatter<'_>, name: &str, bytes: &[u8]) -> fmt::Result {
    write!(f, "{name}({}..)", HEXLOWER.encode(bytes.get(..2).unwrap_or(bytes)))
}
