//! Why a conversation does not begin.

use crate::bundle::BundleError;
use crate::error::{HasKind, Kind};
use crate::kdf::KdfError;
use crate::lane::LaneError;
use crate::session::MAX_FIRST;

/// Why a conversation does not begin.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum InitiateError {
    /// `mine` is not the persona's.
    #[error("these prekeys belong to another persona")]
    NotMine,
    /// A persona cannot write to itself.
    #[error("a persona cannot write to itself")]
    Myself,
    /// Own bundle.
    #[error("this persona's own bundle cannot be used: {0}")]
    MyBundle(BundleError),
    /// The peer's bundle.
    #[error("the contact's bundle cannot be used: {0}")]
    PeerBundle(BundleError),
    /// Over [`MAX_FIRST`].
    #[error("a first message of {0} bytes is too long: at most {MAX_FIRST} fit")]
    TooLong(usize),
    /// A bug.
    #[error("the handshake's key derivation failed")]
    Internal,
}

impl HasKind for InitiateError {
    fn kind(&self) -> Kind {
        match self {
            Self::NotMine | Self::Myself | Self::TooLong(_) => Kind::Usage,
            Self::MyBundle(error) | Self::PeerBundle(error) => error.kind(),
            Self::Internal => Kind::Internal,
        }
    }
}

/// Why a handshake is dropped.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum RespondError {
    /// None of the prekeys opens it: it is meant for others, for erased prekeys, or was damaged.
    #[error("this handshake is for none of these prekeys")]
    NotForUs,
    /// The sender's bundle is invalid.
    #[error("the sender's bundle cannot be used: {0}")]
    PeerBundle(BundleError),
    /// The sender's bundle ended so long ago that this must be a replay.
    #[error("this handshake is too old")]
    Expired,
    /// The sender is not who it claims to be, or the invitation's seed is another.
    #[error("this handshake is forged, or answers another invitation")]
    Forged,
    /// The first message has a newer format.
    #[error("the first message has format {0}, which this version does not know: update Bauta")]
    Unsupported(u8),
    /// A bug.
    #[error("the handshake's key derivation failed")]
    Internal,
}

impl HasKind for RespondError {
    fn kind(&self) -> Kind {
        match self {
            Self::NotForUs => Kind::NotFound,
            Self::PeerBundle(error) => error.kind(),
            Self::Expired => Kind::Expired,
            Self::Forged => Kind::Forged,
            Self::Unsupported(_) => Kind::Unsupported,
            Self::Internal => Kind::Internal,
        }
    }
}

impl From<KdfError> for InitiateError {
    fn from(error: KdfError) -> Self {
        match error {
            KdfError::ZeroDh => Self::PeerBundle(BundleError::BadKey),
            KdfError::Length => Self::Internal,
        }
    }
}

impl From<KdfError> for RespondError {
    fn from(error: KdfError) -> Self {
        match error {
            KdfError::ZeroDh => Self::Forged,
            KdfError::Length => Self::Internal,
        }
    }
}

impl From<LaneError> for InitiateError {
    fn from(_: LaneError) -> Self {
        Self::Internal
    }
}

impl From<LaneError> for RespondError {
    fn from(_: LaneError) -> Self {
        Self::Internal
    }
}
