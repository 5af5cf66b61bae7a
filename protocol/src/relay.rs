//! The messages between clients and relays: ten requests, eleven replies, three classes on the wire.
//!
//! Every body of a class has the same length, so an observer of the mixnet sees only the class.
//! Each request has a type ([`Put`] and its siblings), and each of these a type of reply ([`Ask`]).

use zeroize::Zeroizing;

use crate::bundle::BUNDLE_LEN;
use crate::codec::{Reader, Short};
use crate::descriptor::DESCRIPTOR_LEN;
use crate::error::{HasKind, Kind};
use crate::handshake::HANDSHAKE_LEN;
use crate::id::Capability;
use crate::limits::{BOX_LEN, LARGE_BODY, QUESTION_BODY, SMALL_BODY};

mod ask;
mod listing;
mod reply;
mod request;

pub use ask::{
    AnswerError, Ask, Declined, DeleteReply, DepositReply, DescribeReply, DrainReply, FetchReply, GetReply,
    NewsReply, PageReply, PublishReply, PutReply, Unfitting,
};
pub use listing::{Listing, ListingError};
pub use reply::{Deposited, Fetched, Refusal, Reply};
pub use request::{Delete, Deposit, Describe, Drain, Fetch, Get, News, Page, Publish, Put, Request};

const _: () = assert!(1 + 4 + 8 + 32 + 8 + BOX_LEN <= SMALL_BODY, "a put fits the small class");
const _: () = assert!(1 + 32 + 4 + 8 + 8 + HANDSHAKE_LEN <= LARGE_BODY, "a deposit fits the large class");
const _: () = assert!(BUNDLE_LEN < LARGE_BODY && DESCRIPTOR_LEN < LARGE_BODY, "signed objects fit");

/// What an exchange looks like from outside: its sizes.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Class {
    /// Boxes: one Sphinx packet each way.
    Small,
    /// First contact, bundles and descriptors: a few packets each way.
    Large,
    /// The digest: one packet out, a few back.
    Digest,
}

impl Class {
    /// All classes.
    pub const ALL: [Self; 3] = [Self::Small, Self::Large, Self::Digest];

    /// Bytes of a request's body.
    pub const fn request_len(self) -> usize {
        match self {
            Self::Small => SMALL_BODY,
            Self::Large => LARGE_BODY,
            Self::Digest => QUESTION_BODY,
        }
    }

    /// Bytes of a reply's body.
    pub const fn reply_len(self) -> usize {
        match self {
            Self::Small => SMALL_BODY,
            Self::Large | Self::Digest => LARGE_BODY,
        }
    }
}

/// Why bytes are not a body of the class.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum WireError {
    /// Not the length of the class.
    #[error("the body has {0} bytes where its class has {1}")]
    Length(usize, usize),
    /// No such operation in this class.
    #[error("operation {0} does not exist in this class")]
    Operation(u8),
    /// A field has an invalid value.
    #[error("a field of the body has an impossible value")]
    Field,
    /// The padding is not zero.
    #[error("the padding is not zero")]
    Padding,
}

impl HasKind for WireError {
    fn kind(&self) -> Kind {
        Kind::Malformed
    }
}

impl From<Short> for WireError {
    fn from(_: Short) -> Self {
        Self::Field
    }
}

fn put(body: &mut Vec<u8>, operation: u8, fields: &[&[u8]]) {
    body.push(operation);
    for field in fields {
        body.extend_from_slice(field);
    }
}

fn open_body(body: &[u8], len: usize) -> Result<Reader<'_>, WireError> {
    if body.len() != len {
        return Err(WireError::Length(body.len(), len));
    }
    Ok(Reader::new(body))
}

fn close_body(reader: &Reader<'_>) -> Result<(), WireError> {
    if reader.rest_is_zero() { Ok(()) } else { Err(WireError::Padding) }
}

fn boxed<const N: usize>(reader: &mut Reader<'_>) -> Result<Box<[u8; N]>, WireError> {
    Ok(Box::new(reader.array()?))
}

fn capability(reader: &mut Reader<'_>) -> Result<Capability, WireError> {
    let bytes = Zeroizing::new(reader.array()?);
    Ok(Capability::from_bytes(&bytes))
}
