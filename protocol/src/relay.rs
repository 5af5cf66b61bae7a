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

mod reply;

pub use reply::{Refusal, Reply};

/// Body bytes of class [`Class::Small`].
pub const SMALL_BODY: usize = 1088;

/// Body bytes of class [`Class::Large`].
pub const LARGE_BODY: usize = 4096;

const _: () = assert!(1 + 4 + 8 + 32 + BOX_LEN <= SMALL_BODY, "a put fits the small class");
const _: () = assert!(1 + 32 + 4 + 8 + 8 + HANDSHAKE_LEN <= LARGE_BODY, "a deposit fits the large class");
const _: () = assert!(BUNDLE_LEN < LARGE_BODY && DESCRIPTOR_LEN < LARGE_BODY, "signed objects fit");

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

    /// What is asked, for metrics and logs: nothing of whom or about what.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Put { .. } => "put",
            Self::Get { .. } => "get",
            Self::Delete { .. } => "delete",
            Self::Deposit { .. } => "deposit",
            Self::Drain { .. } => "drain",
            Self::Publish { .. } => "publish",
            Self::Fetch { .. } => "fetch",
            Self::Describe => "describe",
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
