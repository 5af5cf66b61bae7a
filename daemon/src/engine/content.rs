//! Contents that become messages of a conversation.

use bauta_protocol::content::{Content, ContentError};
use bauta_protocol::id::MessageId;
use bauta_protocol::mask::{PostDigest, PostIv, PostKey};
use bauta_protocol::time::Timestamp;
use sha2::{Digest, Sha256};

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
}

impl Letter {
    /// A text of one's own.
    pub(crate) fn text(id: MessageId, sent_at: Timestamp, text: String) -> Result<Self, ContentError> {
        let content = Content::Text { id, sent_at, text };
        let (kind, bytes) = (content.kind(), content.encode()?);
        let Content::Text { text, .. } = content else { return Err(ContentError::Malformed) };
        Ok(Self { id, sent_at, kind, bytes, text: Some(text) })
    }

    /// The key of a post, for one of its readers.
    pub(crate) fn post_key(
        id: MessageId,
        sent_at: Timestamp,
        (iv, digest): (PostIv, PostDigest),
        key: PostKey,
    ) -> Result<Self, ContentError> {
        let content = Content::PostKey { id, sent_at, iv, digest, key };
        Ok(Self { id, sent_at, kind: content.kind(), bytes: content.encode()?, text: None })
    }

    /// A content that came from a contact; `None` for one that is not part of the conversation.
    ///
    /// A kind that this version does not know is kept as it came: a later version shows it. One without an id is
    /// named by its hash, so that it is kept once however often it is sealed.
    pub(super) fn received(content: &Content, bytes: &[u8], now: Timestamp) -> Option<Self> {
        let (kind, bytes_owned) = (content.kind(), bytes.to_vec());
        match content {
            Content::Text { id, sent_at, text } => {
                Some(Self { id: *id, sent_at: *sent_at, kind, bytes: bytes_owned, text: Some(text.clone()) })
            }
            Content::Unsupported { id, sent_at, .. } => Some(Self {
                id: id.unwrap_or_else(|| by_hash(bytes)),
                sent_at: sent_at.unwrap_or(now),
                kind,
                bytes: bytes_owned,
                text: None,
            }),
            Content::Greeting { .. } | Content::Descriptor { .. } | Content::PostKey { .. } => None,
        }
    }
}

fn by_hash(bytes: &[u8]) -> MessageId {
    let mut id = [0; 16];
    id.iter_mut().zip(Sha256::digest(bytes)).for_each(|(byte, hashed)| *byte = hashed);
    MessageId(id)
}
