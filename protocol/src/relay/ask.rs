//! What each request is answered with: one type of reply per type of request, so that an exchange can give only what
//! belongs to what was asked.

use std::fmt;

use super::{
    Delete, Deposit, Deposited, Describe, Drain, Fetch, Fetched, Get, Listing, News, Page, Publish, Put,
    Refusal, Reply, Request, WireError,
};
use crate::descriptor::DESCRIPTOR_LEN;
use crate::limits::BOX_LEN;

/// A request whose reply has a type of its own.
pub trait Ask: Into<Request> {
    /// What a relay answers.
    type Reply: TryFrom<Reply, Error = Unfitting> + Into<Reply>;
}

/// The relay does not do what was asked.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Declined {
    /// Too much to do: ask again later.
    Busy,
    /// The same request will not be granted.
    Refused(Refusal),
}

/// A reply that does not belong to the request.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the relay answered \"{0}\", which does not belong to this request")]
pub struct Unfitting(pub &'static str);

/// Why the body of a reply is invalid.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum AnswerError {
    /// It is not a reply.
    #[error("the relay's answer cannot be read: {0}")]
    Wire(#[from] WireError),
    /// It is the reply to another kind of request.
    #[error(transparent)]
    Unfitting(#[from] Unfitting),
}

macro_rules! replies {
    ($($request:ident => $(#[$doc:meta])* $name:ident {
        $($(#[$variant_doc:meta])* $variant:ident $(($value:ident: $inner:ty))?,)+
    })+) => {$(
        $(#[$doc])*
        #[derive(Clone, Eq, PartialEq)]
        pub enum $name {
            $($(#[$variant_doc])* $variant $(($inner))?,)+
            /// The relay is busy, or refuses.
            Declined(Declined),
        }

        impl Ask for $request {
            type Reply = $name;
        }

        impl From<$request> for Request {
            fn from(request: $request) -> Self {
                Self::$request(request)
            }
        }

        impl TryFrom<Reply> for $name {
            type Error = Unfitting;

            fn try_from(reply: Reply) -> Result<Self, Unfitting> {
                match reply {
                    $(Reply::$variant $(($value))? => Ok(Self::$variant $(($value))?),)+
                    Reply::Busy => Ok(Self::Declined(Declined::Busy)),
                    Reply::Refused(refusal) => Ok(Self::Declined(Declined::Refused(refusal))),
                    other => Err(Unfitting(other.name())),
                }
            }
        }

        impl From<$name> for Reply {
            fn from(reply: $name) -> Self {
                match reply {
                    $($name::$variant $(($value))? => Self::$variant $(($value))?,)+
                    $name::Declined(Declined::Busy) => Self::Busy,
                    $name::Declined(Declined::Refused(refusal)) => Self::Refused(refusal),
                }
            }
        }

        impl From<Refusal> for $name {
            fn from(refusal: Refusal) -> Self {
                Self::Declined(Declined::Refused(refusal))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                Reply::from(self.clone()).fmt(f)
            }
        }
    )+};
}

replies! {
    Put =>
    /// The reply to a [`Put`].
    PutReply {
        /// The box is stored, or was already, or was deleted.
        Done,
        /// Other bytes are stored under this name.
        Conflict,
    }
    Get =>
    /// The reply to a [`Get`].
    GetReply {
        /// The box.
        Box(sealed: Box<[u8; BOX_LEN]>),
        /// There is no such box; the reply was held before it was given.
        Absent,
    }
    Delete =>
    /// The reply to a [`Delete`].
    DeleteReply {
        /// The box is gone.
        Done,
    }
    Deposit =>
    /// The reply to a [`Deposit`].
    DepositReply {
        /// The handshake is in the inbox, or was.
        Done,
    }
    Drain =>
    /// The reply to a [`Drain`].
    DrainReply {
        /// The first deposit after the cursor.
        Deposit(deposited: Deposited),
        /// The inbox holds nothing more.
        Absent,
    }
    Publish =>
    /// The reply to a [`Publish`].
    PublishReply {
        /// The bundle is stored, or was already.
        Done,
        /// Another bundle of the same version is stored.
        Conflict,
    }
    Fetch =>
    /// The reply to a [`Fetch`].
    FetchReply {
        /// The bundle, and what its inbox asks for.
        Bundle(fetched: Fetched),
        /// The relay has none of this persona.
        Absent,
    }
    Describe =>
    /// The reply to a [`Describe`].
    DescribeReply {
        /// The descriptor as signed.
        Descriptor(descriptor: Box<[u8; DESCRIPTOR_LEN]>),
    }
    News =>
    /// The reply to [`News`].
    NewsReply {
        /// The last two closed intervals: [`Listing::closed`].
        News(listing: Listing),
    }
    Page =>
    /// The reply to a [`Page`].
    PageReply {
        /// The page and the last header: [`Listing::page`].
        Page(listing: Listing),
        /// There is no such page: the relay has fewer by now.
        Absent,
    }
}
