//! What a post carries: version -37 in MessagePack, versions -38, -39 and -40 in text.
//!
//! A payload that parses may still hold broken fields, each of which has its own error:
//! a post opens without its author's name, for example.

use sha2::{Digest, Sha256};

use super::cipher::{PostDigest, PostIv};
use super::id::ProfileId;
use super::key::{KeyError, PostKey, PublicKey};
use super::limits::MAX_PAYLOAD;
use super::pack::PackError;
use crate::error::{HasKind, Kind};

mod text;
mod v37;

pub(crate) use text::{SHARED_KEY, Written as WrittenText, write as write_text};
pub(crate) use v37::{Written as WrittenV37, WrittenEncryption, write as write_v37};

/// A payload as it travels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wire {
    /// Version -37.
    Binary(Vec<u8>),
    /// Version -38 and older.
    Text(String),
}

/// The version of a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// -37, current for text posts.
    V37,
    /// -38, current for posts inside images.
    V38,
    /// -39, only read.
    V39,
    /// -40, only read.
    V40,
}

impl Version {
    /// The number by which the extension calls it.
    #[must_use]
    pub fn number(self) -> i32 {
        match self {
            Self::V37 => -37,
            Self::V38 => -38,
            Self::V39 => -39,
            Self::V40 => -40,
        }
    }
}

/// A field of a payload, or why it cannot be used.
pub type Field<T> = Result<T, FieldError>;

/// A payload, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payload {
    /// Its version.
    pub version: Version,
    /// Who wrote it, as the payload says; nothing proves it.
    pub author: Field<Option<ProfileId>>,
    /// The author's key, as the payload says; nothing proves it.
    pub author_key: Field<Option<PublicKey>>,
    /// A signature, never checked: no program writes one.
    pub signature: Field<Option<Signature>>,
    /// How the post key is protected.
    pub encryption: Field<Encryption>,
    /// The encrypted message.
    pub data: Field<Vec<u8>>,
}

impl Payload {
    /// Takes a payload apart.
    ///
    /// # Errors
    /// [`ParseError`] when none of its fields can be read.
    pub fn parse(wire: &Wire) -> Result<Self, ParseError> {
        match wire {
            Wire::Binary(bytes) => Self::parse_binary(bytes),
            Wire::Text(text) => Self::parse_text(text),
        }
    }

    /// Takes a payload of version -37 apart.
    ///
    /// # Errors
    /// As [`parse`](Self::parse).
    pub fn parse_binary(bytes: &[u8]) -> Result<Self, ParseError> {
        if bytes.len() > MAX_PAYLOAD {
            return Err(ParseError::TooLarge);
        }
        v37::parse(bytes)
    }

    /// Takes a payload of version -38, -39 or -40 apart.
    ///
    /// # Errors
    /// As [`parse`](Self::parse).
    pub fn parse_text(text: &str) -> Result<Self, ParseError> {
        if text.len() > MAX_PAYLOAD {
            return Err(ParseError::TooLarge);
        }
        text::parse(text)
    }

    /// The IV, under which records are filed.
    ///
    /// # Errors
    /// The error of the field.
    pub fn iv(&self) -> Result<PostIv, FieldError> {
        match self.encryption.as_ref().map_err(Clone::clone)? {
            Encryption::Public { iv, .. } | Encryption::EndToEnd { iv, .. } => iv.clone(),
        }
    }

    /// The hash of what the post says, without who says it and for whom: the same under another author's name.
    ///
    /// # Errors
    /// The error of the IV's or the data's field.
    pub fn digest(&self) -> Result<PostDigest, FieldError> {
        let (iv, data) = (self.iv()?, self.data.as_ref().map_err(Clone::clone)?);
        // The version is part of it, because the same bytes say something else in another one.
        let hash = Sha256::new()
            .chain_update(b"bauta/post/1")
            .chain_update(self.version.number().to_be_bytes())
            .chain_update(iv.0)
            .chain_update(data);
        Ok(PostDigest(hash.finalize().into()))
    }

    /// Whether anybody can read it. A payload with a broken encryption field is not public.
    #[must_use]
    pub fn is_public(&self) -> bool {
        matches!(self.encryption, Ok(Encryption::Public { .. }))
    }
}

/// A signature as found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// Its bytes.
    pub signature: Vec<u8>,
    /// The bytes that it claims to cover.
    pub signed: Vec<u8>,
}

/// How the post key is protected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Encryption {
    /// For everybody: the post key is in the payload.
    Public {
        /// The post key.
        key: Field<PostKey>,
        /// The nonce.
        iv: Field<PostIv>,
    },
    /// For the author and the recipients.
    EndToEnd {
        /// The post key, encrypted for the author.
        owners_key: Field<Vec<u8>>,
        /// The nonce.
        iv: Field<PostIv>,
        /// Keys to agree with; empty before version -37.
        ephemeral: Field<Vec<Ephemeral>>,
    },
}

/// An ephemeral key of a payload of version -37.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ephemeral {
    /// The name of the curve in the payload: `2` is secp256k1.
    pub curve: String,
    /// The key.
    pub key: Field<PublicKey>,
}

/// Why a field cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FieldError {
    /// Not of the type it should be.
    #[error("the {0} is not of the right type")]
    Invalid(&'static str),
    /// Not base64.
    #[error("the {0} is not base64")]
    NotBase64(&'static str),
    /// A key, or what belongs to one, in other text than base64.
    #[error("the {0} is not base64")]
    NotBase64Key(&'static str),
    /// An author of version -38 that is not a network, a slash and a name.
    #[error("the author is not a profile")]
    AuthorText,
    /// A number that names no known network.
    #[error("network number {0} is unknown")]
    UnknownNetwork(i64),
    /// Bytes that are not a key.
    #[error("a key in the payload cannot be used")]
    Key(#[source] KeyError),
    /// A wrapped post key that does not open, or holds no key.
    #[error("the post key in the payload does not open")]
    WrappedKey,
    /// A P-256 key, which the extension names but cannot use either.
    #[error("the payload holds a P-256 key; only secp256k1 keys work, in the extension too")]
    P256,
    /// A key of another curve.
    #[error("the payload holds a key for curve {0}, which is unknown")]
    UnknownCurve(String),
    /// Not 16 bytes.
    #[error("the IV has {0} bytes instead of 16")]
    IvLength(usize),
}

impl HasKind for FieldError {
    fn kind(&self) -> Kind {
        match self {
            Self::P256 | Self::UnknownCurve(_) | Self::UnknownNetwork(_) => Kind::Unsupported,
            _ => Kind::Malformed,
        }
    }
}

/// Why a payload cannot be read at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// It does not have the shape of a payload.
    #[error("this is not a post of Mask Network: {0}")]
    Invalid(&'static str),
    /// It is not MessagePack within bounds.
    #[error("the post is damaged or was cut off")]
    Pack(#[source] PackError),
    /// Neither -37, -38, -39 nor -40.
    #[error("the post is of a version that this program does not read; a newer one may")]
    UnknownVersion,
    /// Larger than [`MAX_PAYLOAD`].
    #[error("the post has over {MAX_PAYLOAD} bytes")]
    TooLarge,
}

impl HasKind for ParseError {
    fn kind(&self) -> Kind {
        match self {
            Self::UnknownVersion => Kind::Unsupported,
            _ => Kind::Malformed,
        }
    }
}

/// An author; the extension's word for nobody counts as none.
fn author(network: &str, user: &str) -> Field<Option<ProfileId>> {
    let author = ProfileId::new(network, user).map_err(|_| FieldError::Invalid("author"))?;
    Ok((!author.is_nobody()).then_some(author))
}

/// An IV of 16 bytes.
fn iv(bytes: &[u8]) -> Field<PostIv> {
    bytes.try_into().map(PostIv).map_err(|_| FieldError::IvLength(bytes.len()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn size_is_bounded() {
        assert_eq!(Payload::parse_binary(&vec![0; MAX_PAYLOAD + 1]), Err(ParseError::TooLarge));
        assert_eq!(Payload::parse_text(&" ".repeat(MAX_PAYLOAD + 1)), Err(ParseError::TooLarge));
    }

    proptest! {
        #[test]
        fn any_input_is_answered(bytes: Vec<u8>, text: String) {
            let _ = Payload::parse(&Wire::Binary(bytes.clone()));
            let _ = Payload::parse(&Wire::Binary([&[0, 0x97, 0], bytes.as_slice()].concat()));
            for prefix in ["", "🎼4/4|", "🎼3/4|", "🎼2/4|AA==|"] {
                let _ = Payload::parse(&Wire::Text(format!("{prefix}{text}")));
            }
        }
    }
}
