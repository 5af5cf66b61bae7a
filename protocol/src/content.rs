//! The content of messages, as CBOR (RFC 8949): a map with integer keys, where unknown keys are ignored.

use std::fmt;

use minicbor::bytes::ByteVec;
use minicbor::{Decode, Decoder, Encode};
use zeroize::{Zeroize, Zeroizing};

use crate::error::{HasKind, Kind};
use crate::id::MessageId;
use crate::limits::{MAX_CONTENT, MAX_TEXT};
use crate::mask::{PostDigest, PostIv, PostKey};
use crate::time::Timestamp;
use crate::timer::{Timer, Wish};

const TEXT: u32 = 1;
const GREETING: u32 = 2;
const DESCRIPTOR: u32 = 3;
const POST_KEY: u32 = 4;
const TIMER: u32 = 5;

/// One content of a session.
#[derive(Clone, Eq, PartialEq)]
pub enum Content {
    /// A message to be read.
    Text {
        /// Its id, drawn by the sender.
        id: MessageId,
        /// The sender's clock; not to be trusted for order.
        sent_at: Timestamp,
        /// At most [`MAX_TEXT`] bytes.
        text: String,
        /// After this it disappears on both sides; `None`: it stays.
        timer: Option<Timer>,
    },
    /// Only the beginning of a conversation, as when an invitation is accepted.
    Greeting {
        /// Its id, drawn by the sender.
        id: MessageId,
        /// The sender's clock.
        sent_at: Timestamp,
        /// Where the sender's home was made from a backup.
        kept: Option<Kept>,
    },
    /// A relay's descriptor, to prove that the relay showed different ones.
    Descriptor {
        /// As signed.
        bytes: Vec<u8>,
    },
    /// The key of a post that the sender wrote, for one of its readers. It is not part of the conversation.
    PostKey {
        /// Its id, drawn by the sender.
        id: MessageId,
        /// The sender's clock.
        sent_at: Timestamp,
        /// The post's.
        iv: PostIv,
        /// Of what the post says, which the sender claims as their own.
        digest: PostDigest,
        /// 32 bytes.
        key: PostKey,
    },
    /// How long the sender wants messages of the conversation to stay.
    Timer {
        /// Its id, drawn by the sender.
        id: MessageId,
        /// What they want. Its time is by the sender's clock, and grows.
        wish: Wish,
    },
    /// Something from a newer version.
    Unsupported {
        /// Its kind.
        kind: u32,
        /// Its name, where it has one that can be read.
        id: Option<MessageId>,
        /// The sender's clock, where it is given.
        sent_at: Option<Timestamp>,
        /// After this it disappears on both sides, where that is given.
        timer: Option<Timer>,
    },
}

/// What a home has that was made from a backup.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Kept {
    /// When the backup was made: what was delivered later is to be sent again.
    pub until: Timestamp,
    /// What its owner wants now, whatever was said later than the backup.
    pub wish: Wish,
}

/// Why a content is not encoded or decoded.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ContentError {
    /// Over [`MAX_TEXT`] or [`MAX_CONTENT`].
    #[error("a text of {0} bytes is too long: at most {MAX_TEXT} fit")]
    TooLong(usize),
    /// Not valid CBOR, or a field is missing.
    #[error("the content is malformed")]
    Malformed,
    /// [`Content::Unsupported`] has no encoding.
    #[error("a content of an unknown kind cannot be sent")]
    Unsupported,
}

impl HasKind for ContentError {
    fn kind(&self) -> Kind {
        match self {
            Self::TooLong(_) => Kind::Usage,
            Self::Malformed => Kind::Malformed,
            Self::Unsupported => Kind::Unsupported,
        }
    }
}

impl Content {
    /// The number of [`Content::PostKey`].
    pub const POST_KEY: u32 = POST_KEY;

    /// The number of [`Content::Timer`].
    pub const TIMER: u32 = TIMER;

    /// The number of its kind.
    pub fn kind(&self) -> u32 {
        match self {
            Self::Text { .. } => TEXT,
            Self::Greeting { .. } => GREETING,
            Self::Descriptor { .. } => DESCRIPTOR,
            Self::PostKey { .. } => POST_KEY,
            Self::Timer { .. } => TIMER,
            Self::Unsupported { kind, .. } => *kind,
        }
    }

    /// The encoded content, at most [`MAX_CONTENT`] bytes.
    ///
    /// # Errors
    /// [`ContentError::TooLong`] or [`ContentError::Unsupported`].
    pub fn encode(&self) -> Result<Vec<u8>, ContentError> {
        let mut fields = Fields::default();
        match self {
            Self::Text { id, sent_at, text, timer } => {
                if text.len() > MAX_TEXT {
                    return Err(ContentError::TooLong(text.len()));
                }
                fields.kind = TEXT;
                fields.id = Some(ByteVec::from(id.0.to_vec()));
                fields.sent_at = Some(sent_at.0);
                fields.text = Some(text.clone());
                fields.timer = timer.map(Timer::seconds);
            }
            Self::Greeting { id, sent_at, kept } => {
                fields.kind = GREETING;
                fields.id = Some(ByteVec::from(id.0.to_vec()));
                fields.sent_at = Some(sent_at.0);
                if let Some(Kept { until, wish }) = kept {
                    fields.kept_until = Some(until.0);
                    fields.timer = wish.timer.map(Timer::seconds);
                    fields.wished_at = Some(wish.at.0);
                }
            }
            Self::Descriptor { bytes } => {
                fields.kind = DESCRIPTOR;
                fields.bytes = Some(ByteVec::from(bytes.clone()));
            }
            Self::PostKey { id, sent_at, iv, digest, key } => {
                fields.kind = POST_KEY;
                fields.id = Some(ByteVec::from(id.0.to_vec()));
                fields.sent_at = Some(sent_at.0);
                fields.iv = Some(ByteVec::from(iv.0.to_vec()));
                fields.digest = Some(ByteVec::from(digest.0.to_vec()));
                if key.as_bytes().len() != 32 {
                    return Err(ContentError::Malformed);
                }
                fields.key = Some(ByteVec::from(key.as_bytes().to_vec()));
            }
            Self::Timer { id, wish } => {
                fields.kind = TIMER;
                fields.id = Some(ByteVec::from(id.0.to_vec()));
                fields.sent_at = Some(wish.at.0);
                fields.timer = wish.timer.map(Timer::seconds);
            }
            Self::Unsupported { .. } => return Err(ContentError::Unsupported),
        }
        let bytes = minicbor::to_vec(&fields).map_err(|_| ContentError::Malformed)?;
        if bytes.len() > MAX_CONTENT { Err(ContentError::TooLong(bytes.len())) } else { Ok(bytes) }
    }

    /// Reads a content of at most [`MAX_CONTENT`] bytes. A kind unknown here gives [`Content::Unsupported`].
    ///
    /// # Errors
    /// [`ContentError::TooLong`] or [`ContentError::Malformed`].
    pub fn decode(bytes: &[u8]) -> Result<Self, ContentError> {
        if bytes.len() > MAX_CONTENT {
            return Err(ContentError::TooLong(bytes.len()));
        }
        let mut decoder = Decoder::new(bytes);
        let mut fields: Fields = decoder.decode().map_err(|_| ContentError::Malformed)?;
        if decoder.position() != bytes.len() {
            return Err(ContentError::Malformed);
        }
        match fields.kind {
            TEXT => {
                let text = fields.text.take().ok_or(ContentError::Malformed)?;
                if text.len() > MAX_TEXT {
                    return Err(ContentError::TooLong(text.len()));
                }
                Ok(Self::Text { id: fields.id()?, sent_at: fields.sent_at()?, text, timer: fields.timer()? })
            }
            GREETING => {
                let kept = match fields.kept_until.map(Timestamp) {
                    Some(until) => Some(Kept { until, wish: fields.wish(fields.wished_at)? }),
                    None => None,
                };
                Ok(Self::Greeting { id: fields.id()?, sent_at: fields.sent_at()?, kept })
            }
            DESCRIPTOR => {
                let bytes = fields.bytes.take().ok_or(ContentError::Malformed)?;
                Ok(Self::Descriptor { bytes: bytes.into() })
            }
            POST_KEY => {
                let key = Zeroizing::new(array::<32>(fields.key.as_ref())?);
                Ok(Self::PostKey {
                    id: fields.id()?,
                    sent_at: fields.sent_at()?,
                    iv: PostIv(array(fields.iv.as_ref())?),
                    digest: PostDigest(array(fields.digest.as_ref())?),
                    key: PostKey::from_bytes(key.as_slice()).map_err(|_| ContentError::Malformed)?,
                })
            }
            TIMER => Ok(Self::Timer { id: fields.id()?, wish: fields.wish(fields.sent_at)? }),
            kind => Ok(Self::Unsupported {
                kind,
                id: fields.id().ok(),
                sent_at: fields.sent_at().ok(),
                timer: fields.timer().ok().flatten(),
            }),
        }
    }
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Text { .. } => "Text(..)",
            Self::Greeting { .. } => "Greeting(..)",
            Self::Descriptor { .. } => "Descriptor(..)",
            Self::PostKey { .. } => "PostKey(..)",
            Self::Timer { .. } => "Timer(..)",
            Self::Unsupported { .. } => "Unsupported(..)",
        })
    }
}

/// The map on the wire, of all kinds together.
#[derive(Decode, Default, Encode)]
#[cbor(map)]
struct Fields {
    #[n(0)]
    kind: u32,
    #[n(1)]
    id: Option<ByteVec>,
    #[n(2)]
    sent_at: Option<u64>,
    #[n(3)]
    text: Option<String>,
    #[n(4)]
    bytes: Option<ByteVec>,
    #[n(5)]
    iv: Option<ByteVec>,
    #[n(6)]
    digest: Option<ByteVec>,
    #[n(7)]
    key: Option<ByteVec>,
    #[n(8)]
    kept_until: Option<u64>,
    #[n(9)]
    timer: Option<u32>,
    #[n(10)]
    wished_at: Option<u64>,
}

impl Fields {
    fn id(&self) -> Result<MessageId, ContentError> {
        array(self.id.as_ref()).map(MessageId)
    }

    fn sent_at(&self) -> Result<Timestamp, ContentError> {
        self.sent_at.map(Timestamp).ok_or(ContentError::Malformed)
    }

    fn timer(&self) -> Result<Option<Timer>, ContentError> {
        self.timer.map(|seconds| Timer::new(seconds).ok_or(ContentError::Malformed)).transpose()
    }

    fn wish(&self, at: Option<u64>) -> Result<Wish, ContentError> {
        Ok(Wish { timer: self.timer()?, at: at.map(Timestamp).ok_or(ContentError::Malformed)? })
    }
}

/// A field of exactly so many bytes.
fn array<const N: usize>(field: Option<&ByteVec>) -> Result<[u8; N], ContentError> {
    let bytes = field.ok_or(ContentError::Malformed)?;
    bytes.as_slice().try_into().map_err(|_| ContentError::Malformed)
}

impl Drop for Fields {
    fn drop(&mut self) {
        if let Some(key) = &mut self.key {
            key.as_mut_slice().zeroize();
        }
        if let Some(text) = &mut self.text {
            text.zeroize();
        }
    }
}
