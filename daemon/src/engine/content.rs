//! Contents that become messages of a conversation.

use bauta_protocol::content::{Content, ContentError};
use bauta_protocol::id::MessageId;
use bauta_protocol::mask::{PostDigest, PostIv, PostKey};
use bauta_protocol::time::Timestamp;
use bauta_protocol::timer::{Timer, Wish};
use sha2::{Digest, Sha256};

use crate::store::{ContactRow, NewMessage};

/// A content as a conversation keeps it.
pub(crate) struct Letter {
    pub(crate) id: MessageId,
    pub(crate) sent_at: Timestamp,
    /// The protocol's number for what it is.
    pub(crate) kind: u32,
    /// As the protocol encodes it.
    pub(crate) bytes: Vec<u8>,
    /// The words of it, to be searched.
    pub(crate) text: Option<String>,
    /// How long it stays.
    pub(crate) timer: Option<Timer>,
}

impl Letter {
    /// A text of one's own.
    pub(crate) fn text(
        id: MessageId,
        sent_at: Timestamp,
        text: String,
        timer: Option<Timer>,
    ) -> Result<Self, ContentError> {
        let content = Content::Text { id, sent_at, text, timer };
        let (kind, bytes) = (content.kind(), content.encode()?);
        let Content::Text { text, .. } = content else { return Err(ContentError::Malformed) };
        Ok(Self { id, sent_at, kind, bytes, text: Some(text), timer })
    }

    /// What one wants.
    pub(super) fn timer(id: MessageId, wish: Wish) -> Result<Self, ContentError> {
        let content = Content::Timer { id, wish };
        let (kind, bytes) = (content.kind(), content.encode()?);
        Ok(Self { id, sent_at: wish.at, kind, bytes, text: None, timer: None })
    }

    /// The key of a post, for one of its readers.
    pub(crate) fn post_key(
        id: MessageId,
        sent_at: Timestamp,
        (iv, digest): (PostIv, PostDigest),
        key: PostKey,
    ) -> Result<Self, ContentError> {
        let content = Content::PostKey { id, sent_at, iv, digest, key };
        Ok(Self { id, sent_at, kind: content.kind(), bytes: content.encode()?, text: None, timer: None })
    }

    /// A content that came from a contact; `None` for one that is not part of the conversation.
    ///
    /// A kind that this version does not know is kept as it came: a later version shows it. One without an id is
    /// named by its hash, so that it is kept once however often it is sealed.
    pub(super) fn received(content: &Content, bytes: &[u8], now: Timestamp) -> Option<Self> {
        let letter = |id: MessageId, sent_at: Timestamp, text: Option<&String>, timer: Option<Timer>| Self {
            id,
            sent_at,
            kind: content.kind(),
            bytes: bytes.to_vec(),
            text: text.cloned(),
            timer,
        };
        match content {
            Content::Text { id, sent_at, text, timer } => Some(letter(*id, *sent_at, Some(text), *timer)),
            Content::Timer { id, wish } => Some(letter(*id, wish.at, None, None)),
            Content::Unsupported { id, sent_at, timer, .. } => {
                let id = id.unwrap_or_else(|| by_hash(bytes));
                Some(letter(id, sent_at.unwrap_or(now), None, *timer))
            }
            Content::Greeting { .. } | Content::Descriptor { .. } | Content::PostKey { .. } => None,
        }
    }

    /// As a row of the conversation with a contact.
    pub(super) fn row(&self, contact: &ContactRow, outgoing: bool) -> NewMessage<'_> {
        NewMessage {
            persona: contact.persona,
            conversation: contact.conversation,
            outgoing,
            id: self.id,
            kind: self.kind,
            content: &self.bytes,
            text: self.text.as_deref(),
            sent_at: self.sent_at,
            timer: self.timer,
        }
    }
}

fn by_hash(bytes: &[u8]) -> MessageId {
    let mut id = [0; 16];
    id.iter_mut().zip(Sha256::digest(bytes)).for_each(|(byte, hashed)| *byte = hashed);
    MessageId(id)
}
