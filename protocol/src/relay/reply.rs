//! What relays answer.

use std::fmt;

use super::{Class, Listing, WireError, boxed, close_body, open_body, put};
use crate::bundle::BUNDLE_LEN;
use crate::descriptor::DESCRIPTOR_LEN;
use crate::handshake::HANDSHAKE_LEN;
use crate::limits::{BOX_LEN, MAX_DEPOSIT_BITS};

/// What a relay answers.
#[derive(Clone, Eq, PartialEq)]
pub enum Reply {
    /// Done, or already so.
    Done,
    /// Other bytes are stored there.
    Conflict,
    /// Nothing is there, or nothing that may be shown.
    Absent,
    /// The box asked for.
    Box(Box<[u8; BOX_LEN]>),
    /// One deposit.
    Deposit(Deposited),
    /// The bundle asked for, and what its inbox asks for.
    Bundle(Fetched),
    /// The relay's descriptor, as signed.
    Descriptor(Box<[u8; DESCRIPTOR_LEN]>),
    /// Too much to do: ask again later.
    Busy,
    /// No, and the same request will not be granted.
    Refused(Refusal),
    /// The last intervals of the digest.
    News(Listing),
    /// A page of the digest.
    Page(Listing),
}

/// A deposit as the owner of the inbox gets it.
#[derive(Clone, Eq, PartialEq)]
pub struct Deposited {
    /// Its sequence number: the next drain's cursor.
    pub seq: u64,
    /// Leading zero bits of its work as the relay measured it: only it saw the nonce.
    pub work: u8,
    /// The handshake.
    pub sealed: Box<[u8; HANDSHAKE_LEN]>,
}

/// A bundle as a stranger gets it.
#[derive(Clone, Eq, PartialEq)]
pub struct Fetched {
    /// The bundle as signed.
    pub bundle: Box<[u8; BUNDLE_LEN]>,
    /// Leading zero bits that the Argon2id work of a deposit should show now: at most [`MAX_DEPOSIT_BITS`].
    pub deposit_bits: u8,
}

/// Why a relay refuses.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Refusal {
    /// The request cannot be read.
    Malformed,
    /// Less work than the descriptor asks for.
    WorkTooLow,
    /// The work is for another day.
    WrongDay,
    /// No room.
    QuotaExceeded,
    /// A bundle with the same or a higher version is there.
    Stale,
    /// The bundle has expired.
    Expired,
    /// The bundle's signature is invalid.
    BadSignature,
}

impl Reply {
    /// How it ended, for metrics and logs.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Conflict => "conflict",
            Self::Absent => "absent",
            Self::Box(_) | Self::Deposit(_) | Self::Bundle(_) | Self::Descriptor(_) => "found",
            Self::News(_) | Self::Page(_) => "listed",
            Self::Busy => "busy",
            Self::Refused(refusal) => match refusal {
                Refusal::Malformed => "malformed",
                Refusal::WorkTooLow => "work_too_low",
                Refusal::WrongDay => "wrong_day",
                Refusal::QuotaExceeded => "quota_exceeded",
                Refusal::Stale => "stale",
                Refusal::Expired => "expired",
                Refusal::BadSignature => "bad_signature",
            },
        }
    }

    /// The body of the class the request had: exactly `class.reply_len()` bytes.
    ///
    /// # Errors
    /// [`WireError::Operation`] when this reply does not exist in the class.
    pub fn encode(&self, class: Class) -> Result<Vec<u8>, WireError> {
        let mut body = Vec::with_capacity(class.reply_len());
        match (self, class) {
            (Self::Done, _) => put(&mut body, 1, &[]),
            (Self::Conflict, _) => put(&mut body, 2, &[]),
            (Self::Absent, _) => put(&mut body, 3, &[]),
            (Self::Box(sealed), Class::Small) => put(&mut body, 4, &[sealed.as_slice()]),
            (Self::Deposit(Deposited { seq, work, sealed }), Class::Large) => {
                put(&mut body, 5, &[&seq.to_be_bytes(), &[*work], sealed.as_slice()]);
            }
            (Self::Bundle(Fetched { bundle, deposit_bits }), Class::Large) => {
                put(&mut body, 6, &[bundle.as_slice(), &[*deposit_bits]]);
            }
            (Self::Descriptor(descriptor), Class::Large) => put(&mut body, 7, &[descriptor.as_slice()]),
            (Self::Busy, _) => put(&mut body, 8, &[]),
            (Self::Refused(refusal), _) => put(&mut body, 9, &[&[refusal.code()]]),
            (Self::News(listing), Class::Digest) => put(&mut body, 10, &[listing.as_bytes()]),
            (Self::Page(listing), Class::Digest) => put(&mut body, 11, &[listing.as_bytes()]),
            (Self::Box(_), _) => return Err(WireError::Operation(4)),
            (Self::Deposit(_), _) => return Err(WireError::Operation(5)),
            (Self::Bundle(_), _) => return Err(WireError::Operation(6)),
            (Self::Descriptor(_), _) => return Err(WireError::Operation(7)),
            (Self::News(_), _) => return Err(WireError::Operation(10)),
            (Self::Page(_), _) => return Err(WireError::Operation(11)),
        }
        body.resize(class.reply_len(), 0);
        Ok(body)
    }

    /// Reads a body of the class the request had. Signatures are the caller's to check.
    ///
    /// # Errors
    /// One variant of [`WireError`] per cause.
    pub fn decode(class: Class, body: &[u8]) -> Result<Self, WireError> {
        let mut reader = open_body(body, class.reply_len())?;
        let reply = match (class, reader.u8()?) {
            (_, 1) => Self::Done,
            (_, 2) => Self::Conflict,
            (_, 3) => Self::Absent,
            (Class::Small, 4) => Self::Box(boxed(&mut reader)?),
            (Class::Large, 5) => {
                let (seq, work) = (reader.u64()?, reader.u8()?);
                Self::Deposit(Deposited { seq, work, sealed: boxed(&mut reader)? })
            }
            (Class::Large, 6) => {
                let bundle = boxed(&mut reader)?;
                let deposit_bits = Some(reader.u8()?).filter(|bits| *bits <= MAX_DEPOSIT_BITS);
                Self::Bundle(Fetched { bundle, deposit_bits: deposit_bits.ok_or(WireError::Field)? })
            }
            (Class::Large, 7) => Self::Descriptor(boxed(&mut reader)?),
            (_, 8) => Self::Busy,
            (_, 9) => Self::Refused(Refusal::from_code(reader.u8()?).ok_or(WireError::Field)?),
            (Class::Digest, 10) => Self::News(Listing::read(&mut reader, Listing::closed)?),
            (Class::Digest, 11) => Self::Page(Listing::read(&mut reader, |listing| listing.page(0))?),
            (_, operation) => return Err(WireError::Operation(operation)),
        };
        close_body(&reader)?;
        Ok(reply)
    }
}

impl Refusal {
    fn code(self) -> u8 {
        match self {
            Self::Malformed => 1,
            Self::WorkTooLow => 2,
            Self::WrongDay => 3,
            Self::QuotaExceeded => 4,
            Self::Stale => 5,
            Self::Expired => 6,
            Self::BadSignature => 7,
        }
    }

    fn from_code(code: u8) -> Option<Self> {
        [
            Self::Malformed,
            Self::WorkTooLow,
            Self::WrongDay,
            Self::QuotaExceeded,
            Self::Stale,
            Self::Expired,
            Self::BadSignature,
        ]
        .into_iter()
        .find(|refusal| refusal.code() == code)
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Done => f.write_str("Done"),
            Self::Conflict => f.write_str("Conflict"),
            Self::Absent => f.write_str("Absent"),
            Self::Box(_) => f.write_str("Box(..)"),
            Self::Deposit(_) => f.write_str("Deposit(..)"),
            Self::Bundle(_) => f.write_str("Bundle(..)"),
            Self::Descriptor(_) => f.write_str("Descriptor(..)"),
            Self::Busy => f.write_str("Busy"),
            Self::Refused(refusal) => write!(f, "Refused({refusal:?})"),
            Self::News(_) => f.write_str("News(..)"),
            Self::Page(_) => f.write_str("Page(..)"),
        }
    }
}
