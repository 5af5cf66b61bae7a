//! Errors of a session; each leaves it unchanged.

use crate::error::{HasKind, Kind};
use crate::lane::LaneError;
use crate::limits::MAX_CONTENT;

/// Why nothing was sealed. The session is unchanged.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum SealError {
    /// Over [`MAX_CONTENT`].
    #[error("a message of {0} bytes is too long: at most {MAX_CONTENT} fit")]
    TooLong(usize),
    /// The peer has boxes we never sealed in this state: our state was set back to an old one.
    #[error("this conversation's state is older than what the peer has: begin it again")]
    RolledBack,
    /// The lane is used up.
    #[error("this conversation is full: begin it again")]
    Full,
    /// A bug.
    #[error("sealing failed")]
    Internal,
}

/// Why a box was not accepted. The session is unchanged.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum OpenError {
    /// Accepted before, or beyond the window.
    #[error("box {0} is not wanted")]
    NotWanted(u64),
    /// The relay gave other bytes than were put: ask again.
    #[error("the relay returned a damaged box {0}")]
    Forged(u64),
    /// The peer sealed something that is not a message.
    #[error("the peer's box {0} is malformed")]
    Malformed(u64),
    /// The peer's message does not continue the ratchet: one side's state was set back.
    #[error("the peer's box {0} does not continue this conversation")]
    Ratchet(u64),
    /// The peer uses a newer format.
    #[error("the peer's box has format {0}, which this version does not know: update Bauta")]
    Unsupported(u8),
    /// A bug.
    #[error("opening failed")]
    Internal,
}

/// Why a gap cannot be given up. The session is unchanged.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum SkipError {
    /// No later box is there, so nothing shows that the missing one was ever written.
    #[error("no later box is there: keep waiting")]
    NothingLater,
    /// A bug.
    #[error("skipping failed")]
    Internal,
}

impl HasKind for SealError {
    fn kind(&self) -> Kind {
        match self {
            Self::TooLong(_) => Kind::Usage,
            Self::RolledBack => Kind::Conflict,
            Self::Full => Kind::Full,
            Self::Internal => Kind::Internal,
        }
    }
}

impl HasKind for OpenError {
    fn kind(&self) -> Kind {
        match self {
            Self::NotWanted(_) => Kind::Usage,
            Self::Forged(_) => Kind::Forged,
            Self::Malformed(_) => Kind::Malformed,
            Self::Ratchet(_) => Kind::Conflict,
            Self::Unsupported(_) => Kind::Unsupported,
            Self::Internal => Kind::Internal,
        }
    }
}

impl HasKind for SkipError {
    fn kind(&self) -> Kind {
        match self {
            Self::NothingLater => Kind::Usage,
            Self::Internal => Kind::Internal,
        }
    }
}

impl From<LaneError> for SealError {
    fn from(error: LaneError) -> Self {
        match error {
            LaneError::Full => Self::Full,
            _ => Self::Internal,
        }
    }
}

impl From<LaneError> for OpenError {
    fn from(error: LaneError) -> Self {
        match error {
            LaneError::NotWanted(index) => Self::NotWanted(index),
            LaneError::Forged(index) => Self::Forged(index),
            LaneError::Full | LaneError::Internal => Self::Internal,
        }
    }
}
