//! What clients and relays say to each other: eight requests, nine replies, two sizes on the wire.
//!
//! Every body of a class has the same length, so an observer of the mixnet sees only the class.

use std::fmt;

use zeroize::Zeroizing;

use crate::BOX_LEN;
use crate::bundle::BUNDLE_LEN;
use crate::codec::{Reader, Short};
use crate::descriptor::DESCRIPTOR_LEN;
use crate::error::{HasKind, Kind};
use crate::handshake::HANDSHAKE_LEN;
use crate::id::{BoxId, Capability, InboxId, PersonaKey};
use crate::time::Day;

/// Body bytes of class [`Class::Small`].
pub const SMALL_BODY: usize = 1088;

/// Body bytes of class [`Class::Large`].
pub const LARGE_BODY: usize = 4096;

const _: () = assert!(1 + 4 + 8 + 32 + BOX_LEN <= SMALL_BODY, "a put fits the small class");
const _: () = assert!(1 + 32 + 4 + 8 + 8 + HANDSHAKE_LEN <= LARGE_BODY, "a deposit fits the large class");
const _: () = assert!(1 + BUNDLE_LEN <= LARGE_BODY && 1 + DESCRIPTOR_LEN <= LARGE_BODY, "signed objects fit");

/// The two sizes.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Class {
    /// Boxes: one Sphinx packet each way.
    Small,
    /// First contact, bundles and descriptors: a few packets each way.
    Large,
}

impl Class {
    /// Bytes of a request's and of a reply's body.
    pub const fn body_len(self) -> usize {
        match self {
            Self::Small => SMALL_BODY,
            Self::Large => LARGE_BODY,
        }
    }
}

/// What a client asks of a relay.
#[derive(Clone, Eq, PartialEq)]
pub enum Request {
    /// Store a box; the first write wins.
    Put {
        /// UTC day the work was done for.
        day: Day,
        /// The work.
        nonce: u64,
        /// Name of the box.
        id: BoxId,
        /// The box.
        sealed: Box<[u8; BOX_LEN]>,
    },
    /// Read a box.
    Get {
        /// Name of the box.
        id: BoxId,
    },
    /// Delete a box.
    Delete {
        /// What its name is the hash of.
        cap: Capability,
    },
    /// First contact: leave a sealed handshake in an inbox.
    Deposit {
        /// The inbox.
        inbox: InboxId,
        /// UTC day the work was done for.
        day: Day,
        /// SHA-256 gate.
        gate_nonce: u64,
        /// Argon2id work.
        work_nonce: u64,
        /// The handshake, [`HANDSHAKE_LEN`] bytes.
        sealed: Vec<u8>,
    },
    /// Read the owner's inbox in order.
    Drain {
        /// What the inbox's name is the hash of.
        cap: Capability,
        /// The cursor: every deposit with a sequence number up to this one may be forgotten.
        after: u64,
    },
    /// Store a persona's bundle.
    Publish {
        /// The bundle as signed.
        bundle: Box<[u8; BUNDLE_LEN]>,
    },
    /// Read a persona's bundle.
    Fetch {
        /// The persona.
        persona: PersonaKey,
    },
    /// Read the relay's descriptor.
    Describe,
}

/// What a relay answers.
#[derive(Clone, Eq, PartialEq)]
pub enum Reply {
    /// Done, or already so.
    Done,
    /// Other bytes stand there.
    Conflict,
    /// Nothing is there (or nothing that may be told).
    Absent,
    /// The box asked for.
    Box(Box<[u8; BOX_LEN]>),
    /// One deposit.
    Deposit {
        /// Its sequence number: the next drain's cursor.
        seq: u64,
        /// The handshake, [`HANDSHAKE_LEN`] bytes.
        sealed: Vec<u8>,
    },
    /// The bundle asked for, as signed.
    Bundle(Box<[u8; BUNDLE_LEN]>),
    /// The relay's descriptor, as signed.
    Descriptor(Box<[u8; DESCRIPTOR_LEN]>),
    /// Too much to do: ask again later.
    Busy,
    /// No, and the same request will not be granted.
    Refused(Refusal),
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
    /// The bundle's signature does not hold.
    BadSignature,
}

/// Bytes that are no body of the class.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum WireError {
    /// Not the length of the class.
    #[error("the body has {0} bytes where its class has {1}")]
    Length(usize, usize),
    /// No such operation in this class.
    #[error("operation {0} does not exist in this class")]
    Operation(u8),
    /// A field has a value it cannot have.
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

impl Request {
    /// The class this request belongs to; its reply has the same.
    pub fn class(&self) -> Class {
        match self {
            Self::Put { .. } | Self::Get { .. } | Self::Delete { .. } => Class::Small,
            _ => Class::Large,
        }
    }

    /// The body: exactly `self.class().body_len()` bytes, erased on drop because some requests carry capabilities.
    ///
    /// A deposit's `sealed` of another length than [`HANDSHAKE_LEN`] is cut or zero-filled to it.
    pub fn encode(&self) -> Zeroizing<Vec<u8>> {
        let mut body = Zeroizing::new(Vec::with_capacity(self.class().body_len()));
        match self {
            Self::Put { day, nonce, id, sealed } => {
                put(
                    &mut body,
                    1,
                    &[&day.0.to_be_bytes(), &nonce.to_be_bytes(), id.as_bytes(), sealed.as_slice()],
                );
            }
            Self::Get { id } => put(&mut body, 2, &[id.as_bytes()]),
            Self::Delete { cap } => put(&mut body, 3, &[cap.as_bytes()]),
            Self::Deposit { inbox, day, gate_nonce, work_nonce, sealed } => {
                let nonces = [gate_nonce.to_be_bytes(), work_nonce.to_be_bytes()].concat();
                put(&mut body, 4, &[inbox.as_bytes(), &day.0.to_be_bytes(), &nonces]);
                put_handshake(&mut body, sealed);
            }
            Self::Drain { cap, after } => put(&mut body, 5, &[cap.as_bytes(), &after.to_be_bytes()]),
            Self::Publish { bundle } => put(&mut body, 6, &[bundle.as_slice()]),
            Self::Fetch { persona } => put(&mut body, 7, &[persona.as_bytes()]),
            Self::Describe => put(&mut body, 8, &[]),
        }
        body.resize(self.class().body_len(), 0);
        body
    }

    /// Reads a body of the class. Signatures and work are the caller's to check.
    ///
    /// # Errors
    /// One variant of [`WireError`] per cause.
    pub fn decode(class: Class, body: &[u8]) -> Result<Self, WireError> {
        let mut reader = open_body(class, body)?;
        let request = match (class, reader.u8()?) {
            (Class::Small, 1) => Self::Put {
                day: Day(reader.u32()?),
                nonce: reader.u64()?,
                id: BoxId(reader.array()?),
                sealed: boxed(&mut reader)?,
            },
            (Class::Small, 2) => Self::Get { id: BoxId(reader.array()?) },
            (Class::Small, 3) => Self::Delete { cap: capability(&mut reader)? },
            (Class::Large, 4) => Self::Deposit {
                inbox: InboxId(reader.array()?),
                day: Day(reader.u32()?),
                gate_nonce: reader.u64()?,
                work_nonce: reader.u64()?,
                sealed: reader.slice(HANDSHAKE_LEN)?.to_vec(),
            },
            (Class::Large, 5) => Self::Drain { cap: capability(&mut reader)?, after: reader.u64()? },
            (Class::Large, 6) => Self::Publish { bundle: boxed(&mut reader)? },
            (Class::Large, 7) => Self::Fetch {
                persona: PersonaKey::from_bytes(&reader.array()?).map_err(|_| WireError::Field)?,
            },
            (Class::Large, 8) => Self::Describe,
            (_, operation) => return Err(WireError::Operation(operation)),
        };
        close_body(&reader)?;
        Ok(request)
    }
}

impl Reply {
    /// The body of the class the request had: exactly `class.body_len()` bytes.
    ///
    /// # Errors
    /// [`WireError::Operation`] when this reply does not exist in the class.
    pub fn encode(&self, class: Class) -> Result<Vec<u8>, WireError> {
        let mut body = Vec::with_capacity(class.body_len());
        match (self, class) {
            (Self::Done, _) => put(&mut body, 1, &[]),
            (Self::Conflict, _) => put(&mut body, 2, &[]),
            (Self::Absent, _) => put(&mut body, 3, &[]),
            (Self::Box(sealed), Class::Small) => put(&mut body, 4, &[sealed.as_slice()]),
            (Self::Deposit { seq, sealed }, Class::Large) => {
                put(&mut body, 5, &[&seq.to_be_bytes()]);
                put_handshake(&mut body, sealed);
            }
            (Self::Bundle(bundle), Class::Large) => put(&mut body, 6, &[bundle.as_slice()]),
            (Self::Descriptor(descriptor), Class::Large) => put(&mut body, 7, &[descriptor.as_slice()]),
            (Self::Busy, _) => put(&mut body, 8, &[]),
            (Self::Refused(refusal), _) => put(&mut body, 9, &[&[refusal.code()]]),
            (Self::Box(_), Class::Large) => return Err(WireError::Operation(4)),
            (Self::Deposit { .. }, Class::Small) => return Err(WireError::Operation(5)),
            (Self::Bundle(_), Class::Small) => return Err(WireError::Operation(6)),
            (Self::Descriptor(_), Class::Small) => return Err(WireError::Operation(7)),
        }
        body.resize(class.body_len(), 0);
        Ok(body)
    }

    /// Reads a body of the class the request had. Signatures are the caller's to check.
    ///
    /// # Errors
    /// One variant of [`WireError`] per cause.
    pub fn decode(class: Class, body: &[u8]) -> Result<Self, WireError> {
        let mut reader = open_body(class, body)?;
        let reply = match (class, reader.u8()?) {
            (_, 1) => Self::Done,
            (_, 2) => Self::Conflict,
            (_, 3) => Self::Absent,
            (Class::Small, 4) => Self::Box(boxed(&mut reader)?),
            (Class::Large, 5) => {
                Self::Deposit { seq: reader.u64()?, sealed: reader.slice(HANDSHAKE_LEN)?.to_vec() }
            }
            (Class::Large, 6) => Self::Bundle(boxed(&mut reader)?),
            (Class::Large, 7) => Self::Descriptor(boxed(&mut reader)?),
            (_, 8) => Self::Busy,
            (_, 9) => Self::Refused(Refusal::from_code(reader.u8()?).ok_or(WireError::Field)?),
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

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Put { .. } => "Put(..)",
            Self::Get { .. } => "Get(..)",
            Self::Delete { .. } => "Delete(..)",
            Self::Deposit { .. } => "Deposit(..)",
            Self::Drain { .. } => "Drain(..)",
            Self::Publish { .. } => "Publish(..)",
            Self::Fetch { .. } => "Fetch(..)",
            Self::Describe => "Describe",
        })
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Done => f.write_str("Done"),
            Self::Conflict => f.write_str("Conflict"),
            Self::Absent => f.write_str("Absent"),
            Self::Box(_) => f.write_str("Box(..)"),
            Self::Deposit { .. } => f.write_str("Deposit(..)"),
            Self::Bundle(_) => f.write_str("Bundle(..)"),
            Self::Descriptor(_) => f.write_str("Descriptor(..)"),
            Self::Busy => f.write_str("Busy"),
            Self::Refused(refusal) => write!(f, "Refused({refusal:?})"),
        }
    }
}

fn put(body: &mut Vec<u8>, operation: u8, fields: &[&[u8]]) {
    body.push(operation);
    for field in fields {
        body.extend_from_slice(field);
    }
}

fn put_handshake(body: &mut Vec<u8>, sealed: &[u8]) {
    let end = body.len() + HANDSHAKE_LEN;
    body.extend(sealed.iter().take(HANDSHAKE_LEN));
    body.resize(end, 0);
}

fn open_body(class: Class, body: &[u8]) -> Result<Reader<'_>, WireError> {
    if body.len() != class.body_len() {
        return Err(WireError::Length(body.len(), class.body_len()));
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
