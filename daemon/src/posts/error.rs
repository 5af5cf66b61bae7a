//! Why a post is not written, opened or extended.

use std::time::Duration;

use bauta_protocol::error::{HasKind, Kind};
use bauta_protocol::mask::limits::MAX_RECIPIENTS;
use bauta_protocol::mask::{
    AppendError, DecryptError, EncryptError, FieldError, KeyError, MetaError, ParseError,
};
use tokio::task::JoinError;

use crate::gun::GunError;
use crate::store::StoreError;

/// Why a post is not written, opened or extended.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PostError {
    /// There is nothing in the text that looks like a post.
    #[error("the text contains no post of Mask")]
    NoPost,
    /// There is the mark of a post, but not a whole post after it.
    #[error("the post was cut off, or damaged on the way")]
    CutOff,
    /// What looks like a post cannot be taken apart.
    #[error(transparent)]
    Parse(ParseError),
    /// It does not open.
    #[error(transparent)]
    Closed(DecryptError),
    /// It opened, but holds nothing that could be shown.
    #[error("the post was opened, but holds a kind of message that this program does not know")]
    UnknownMessage,
    /// Its key would have to be looked up, and there is no relay to ask.
    #[error("no Gun relay is set, so the key of the post cannot be looked up")]
    NoRelay,
    /// Its key would have to be looked up, and there is no persona to do so for.
    #[error("the key of the post cannot be looked up without a persona")]
    NoReader,
    /// Its key would have to be looked up under the reader's profile name.
    #[error(
        "the key of a post of version -40 can be looked up only under your profile name, which everybody who is \
         connected to the Gun relay would see"
    )]
    Reveals,
    /// So many personas were tried, and there are more.
    #[error("the post is not shared with the first {0} of your personas; the others were not tried")]
    NotTried(usize),
    /// A reader who was to get the key in a conversation has none with the author.
    #[error("{0} cannot get the key of the post by message: the conversation with them has not begun")]
    NotContact(String),
    /// A partition where its key may be was not read.
    #[error("it is not known whether the post is shared with you")]
    NotRead(#[source] GunError),
    /// The caller did not want to wait longer.
    #[error(
        "the keys of the post did not arrive within {} seconds, so it is not known whether it is shared with you",
        .0.as_secs()
    )]
    TooSlow(Duration),
    /// What plugins attach is not an object, or is too large.
    #[error(transparent)]
    Meta(MetaError),
    /// What would have to be pasted is too long.
    #[error("the post, encrypted and with its metadata, would have over {0} bytes; shorten it")]
    TooLong(usize),
    /// It cannot be written.
    #[error(transparent)]
    NotWritten(EncryptError),
    /// More readers than a post may have.
    #[error("a post has at most {MAX_RECIPIENTS} recipients, not {0}")]
    Recipients(usize),
    /// The user has blocked one of the readers.
    #[error("{0} is blocked")]
    Blocked(String),
    /// Nobody can be added to it.
    #[error(transparent)]
    NotAppended(AppendError),
    /// Nothing says in which network's partitions its records belong.
    #[error("the post does not show which network it is from")]
    NoNetwork,
    /// A key of the store is not a point of the curve, which the store has checked.
    #[error("a post could not be handled: {0}")]
    Key(#[source] KeyError),
    /// A node of Gun could not be written as JSON.
    #[error("a post could not be handled: {0}")]
    Json(#[source] serde_json::Error),
    /// A computation panicked.
    #[error("a post could not be handled: {0}")]
    Thread(#[source] JoinError),
    /// A post was written in a format, or for a network, that has no partitions.
    #[error("a post has no partition")]
    NoPartition,
    /// The store failed.
    #[error(transparent)]
    Store(StoreError),
}

impl PostError {
    /// A field without which the post is useless.
    pub(crate) fn broken(error: &FieldError) -> Self {
        Self::Closed(DecryptError::Broken(error.clone()))
    }

    /// A broken field is the same error wherever it is found.
    pub(super) fn not_appended(error: AppendError) -> Self {
        match error {
            AppendError::Broken(field) => Self::broken(&field),
            error => Self::NotAppended(error),
        }
    }
}

// Transactions need it: a store that fails in one ends it with an error of the transaction's own type.
impl From<StoreError> for PostError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl HasKind for PostError {
    fn kind(&self) -> Kind {
        match self {
            Self::NoPost | Self::CutOff => Kind::Malformed,
            Self::Parse(error) => error.kind(),
            Self::Closed(error) => error.kind(),
            Self::UnknownMessage => Kind::Unsupported,
            Self::NotRead(error) => error.kind(),
            Self::TooSlow(_) => Kind::Timeout,
            Self::Meta(error) => error.kind(),
            Self::NotWritten(error) => error.kind(),
            Self::Blocked(_) | Self::Reveals | Self::NotTried(_) => Kind::Refused,
            Self::NotContact(_) => Kind::Usage,
            Self::NotAppended(error) => error.kind(),
            Self::NoRelay | Self::NoReader | Self::Recipients(_) | Self::NoNetwork | Self::TooLong(_) => {
                Kind::Usage
            }
            Self::Key(_) | Self::Json(_) | Self::Thread(_) | Self::NoPartition => Kind::Internal,
            Self::Store(error) => error.kind(),
        }
    }
}
