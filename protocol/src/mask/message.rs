//! Typed messages: what a post says, with the metadata that plugins attach.
//! Two encodings: MessagePack in version -37, text in version -38 and older.

use std::fmt;

use super::json;
use super::limits::{MAX_DEPTH, MAX_NODES};
use super::pack::{self, PackError, Value, as_text, as_whole, element};
use crate::error::{HasKind, Kind};

mod document;
mod text;

/// A message.
#[derive(Clone, PartialEq)]
pub enum TypedMessage {
    /// Words.
    Text {
        /// The words.
        content: String,
        /// What plugins attached.
        meta: Meta,
    },
    /// Several messages in order.
    Tuple {
        /// The messages.
        items: Vec<TypedMessage>,
        /// What plugins attached.
        meta: Meta,
    },
    /// A kind of message that neither this program nor the extension knows: type, version, metadata and the rest,
    /// exactly as read, so that it can be written again.
    Unknown(Vec<Value>),
}

impl TypedMessage {
    /// Words without metadata.
    #[must_use]
    pub fn text(content: impl Into<String>) -> Self {
        Self::Text { content: content.into(), meta: Meta::default() }
    }

    /// The metadata; `None` for a message of an unknown kind.
    #[must_use]
    pub fn meta(&self) -> Option<&Meta> {
        match self {
            Self::Text { meta, .. } | Self::Tuple { meta, .. } => Some(meta),
            Self::Unknown(_) => None,
        }
    }

    /// The MessagePack document of version -37.
    ///
    /// # Errors
    /// [`EncodeMessageError::TooDeep`].
    pub fn to_document(&self) -> Result<Vec<u8>, EncodeMessageError> {
        document::encode(self)
    }

    /// Reads the MessagePack document of version -37.
    ///
    /// # Errors
    /// Every [`DecodeMessageError`].
    pub fn from_document(bytes: &[u8]) -> Result<Self, DecodeMessageError> {
        document::decode(bytes)
    }

    /// The text of version -38: the words, and before them the metadata as JSON where there are any.
    ///
    /// # Errors
    /// [`EncodeMessageError::NotText`] and [`EncodeMessageError::NotJson`]: that version cannot carry everything.
    pub fn to_text(&self) -> Result<Vec<u8>, EncodeMessageError> {
        text::encode(self)
    }

    /// Reads the text of version -38 as the extension does: words that look like metadata are read as metadata.
    #[must_use]
    pub fn from_text(bytes: &[u8]) -> Self {
        text::decode(bytes)
    }

    /// Reads the text of versions -39 and -40, which have no metadata.
    #[must_use]
    pub fn from_bare_text(bytes: &[u8]) -> Self {
        Self::text(text::decode_bare(bytes))
    }
}

impl fmt::Debug for TypedMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Text { .. } => "TypedMessage::Text(..)",
            Self::Tuple { .. } => "TypedMessage::Tuple(..)",
            Self::Unknown(_) => "TypedMessage::Unknown(..)",
        })
    }
}

/// Metadata of a message: names and values, in order. Plugins name theirs like `com.maskbook.red_packet:1`.
#[derive(Clone, Default, PartialEq)]
pub struct Meta(Vec<(String, Value)>);

impl Meta {
    /// From one JSON object. Whole numbers become integers, others 64-bit floats; the order is kept.
    ///
    /// # Errors
    /// [`MetaError`] when it is not a JSON object, or too large.
    pub fn from_json(text: &str) -> Result<Self, MetaError> {
        Self::from_value(json::read(text, MAX_NODES).ok_or(MetaError)?).ok_or(MetaError)
    }

    /// As one JSON object; `None` when JSON cannot hold a value (bytes, MessagePack extensions).
    #[must_use]
    pub fn to_json(&self) -> Option<String> {
        json::write(&self.to_value())
    }

    /// Sets a value; a name that is there already keeps its position.
    pub fn set(&mut self, name: &str, value: Value) {
        match self.0.iter_mut().find(|(other, _)| other == name) {
            Some((_, old)) => *old = value,
            None => self.0.push((name.to_owned(), value)),
        }
    }

    /// The value of a name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|(other, _)| other == name).map(|(_, value)| value)
    }

    /// Names and values in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// Whether there is no metadata.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn to_value(&self) -> Value {
        Value::Map(self.0.iter().map(|(name, value)| (pack::text(name), value.clone())).collect())
    }

    /// From a map; whole numbers as names become text, as in JavaScript. `None` for any other value or name.
    fn from_value(value: Value) -> Option<Self> {
        let Value::Map(members) = value else { return None };
        // A message may hold MAX_NODES names: the map finds repeated ones without comparing each with each.
        let mut places = std::collections::BTreeMap::new();
        let mut meta: Vec<(String, Value)> = Vec::with_capacity(members.len());
        for (name, value) in members {
            let name = match as_whole(&name) {
                Some(number) => number.to_string(),
                None => as_text(&name)?.into_owned(),
            };
            let place = *places.entry(name.clone()).or_insert(meta.len());
            match meta.get_mut(place) {
                Some((_, old)) => *old = value,
                None => meta.push((name, value)),
            }
        }
        Some(Self(meta))
    }
}

impl fmt::Debug for Meta {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Meta(..)")
    }
}

/// The text is not one JSON object within bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("metadata are one JSON object, nested at most {MAX_DEPTH} deep")]
pub struct MetaError;

impl HasKind for MetaError {
    fn kind(&self) -> Kind {
        Kind::Malformed
    }
}

/// Why a message cannot be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EncodeMessageError {
    /// Version -38 carries nothing but words.
    #[error("posts of version -38 carry text only; write this message in version -37")]
    NotText,
    /// Version -38 carries metadata as JSON, which has no bytes.
    #[error("these metadata hold bytes, which JSON cannot; write this message in version -37")]
    NotJson,
    /// It is past the bounds for reading, so nobody could read it back.
    #[error("the message is nested over {MAX_DEPTH} deep or has over {MAX_NODES} values")]
    TooDeep,
}

impl HasKind for EncodeMessageError {
    fn kind(&self) -> Kind {
        match self {
            Self::NotText | Self::NotJson => Kind::Unsupported,
            Self::TooDeep => Kind::Usage,
        }
    }
}

/// Why decrypted bytes are not a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeMessageError {
    /// Not MessagePack, or out of bounds.
    #[error("the message is not MessagePack within bounds")]
    Pack(#[source] PackError),
    /// Not an array.
    #[error("the message is not a MessagePack array")]
    NotADocument,
    /// A version of the document that only later programs write.
    #[error("the message is a document of an unknown version; a newer program may read it")]
    UnknownDocument,
    /// A part is missing or has the wrong type.
    #[error("the message lacks its {0}")]
    Part(&'static str),
}

impl HasKind for DecodeMessageError {
    fn kind(&self) -> Kind {
        match self {
            Self::UnknownDocument => Kind::Unsupported,
            _ => Kind::Malformed,
        }
    }
}
