//! What clients ask of relays.

use std::fmt;

use zeroize::Zeroizing;

use super::{Class, WireError, boxed, capability, close_body, open_body, put};
use crate::bundle::BUNDLE_LEN;
use crate::digest::set::Tag;
use crate::handshake::HANDSHAKE_LEN;
use crate::id::{BoxId, Capability, InboxId, PersonaKey};
use crate::limits::{BOX_LEN, MAX_PAGE_BITS};
use crate::time::{Day, Timestamp};

/// Store a box; the first write wins.
#[derive(Clone, Eq, PartialEq)]
pub struct Put {
    /// UTC day the work was done for.
    pub day: Day,
    /// The work.
    pub nonce: u64,
    /// Name of the box.
    pub id: BoxId,
    /// What the digest lists it by.
    pub tag: Tag,
    /// The box.
    pub sealed: Box<[u8; BOX_LEN]>,
}

/// Read a box.
#[derive(Clone, Eq, PartialEq)]
pub struct Get {
    /// Name of the box.
    pub id: BoxId,
}

/// Delete a box.
#[derive(Clone, Eq, PartialEq)]
pub struct Delete {
    /// What its name is the hash of.
    pub cap: Capability,
}

/// First contact: leave a sealed handshake in an inbox.
#[derive(Clone, Eq, PartialEq)]
pub struct Deposit {
    /// The inbox.
    pub inbox: InboxId,
    /// UTC day the work was done for.
    pub day: Day,
    /// SHA-256 gate.
    pub gate_nonce: u64,
    /// Argon2id work.
    pub work_nonce: u64,
    /// The handshake.
    pub sealed: Box<[u8; HANDSHAKE_LEN]>,
}

/// Read the owner's inbox in order.
#[derive(Clone, Eq, PartialEq)]
pub struct Drain {
    /// What the inbox's name is the hash of.
    pub cap: Capability,
    /// The cursor: every deposit with a sequence number up to this one may be forgotten.
    pub after: u64,
}

/// Store a persona's bundle.
#[derive(Clone, Eq, PartialEq)]
pub struct Publish {
    /// The bundle as signed.
    pub bundle: Box<[u8; BUNDLE_LEN]>,
    /// What the name of its inbox is the hash of: the relay rings the [`Bell`](crate::bell::Bell) that follows from it.
    pub inbox: Capability,
    /// The newest version that the publisher knows of; its own version where it knows of none. A relay that has one in
    /// between refuses: it is another home's.
    pub known: Timestamp,
}

/// Read a persona's bundle.
#[derive(Clone, Eq, PartialEq)]
pub struct Fetch {
    /// The persona.
    pub persona: PersonaKey,
}

/// Read the relay's descriptor.
#[derive(Clone, Eq, PartialEq)]
pub struct Describe;

/// Read the last two closed intervals of the digest.
#[derive(Clone, Copy, Eq, PartialEq)]
pub struct News;

/// Read a page of the digest.
#[derive(Clone, Copy, Eq, PartialEq)]
pub struct Page {
    /// Its number: below 2^[`MAX_PAGE_BITS`].
    pub index: u16,
}

/// What a client asks of a relay.
#[derive(Clone, Eq, PartialEq)]
pub enum Request {
    /// Store a box.
    Put(Put),
    /// Read a box.
    Get(Get),
    /// Delete a box.
    Delete(Delete),
    /// Leave a handshake in an inbox.
    Deposit(Deposit),
    /// Read an inbox.
    Drain(Drain),
    /// Store a bundle.
    Publish(Publish),
    /// Read a bundle.
    Fetch(Fetch),
    /// Read the descriptor.
    Describe(Describe),
    /// Read the last intervals.
    News(News),
    /// Read a page.
    Page(Page),
}

impl Request {
    /// The class this request belongs to; its reply has the same.
    pub fn class(&self) -> Class {
        match self {
            Self::Put(_) | Self::Get(_) | Self::Delete(_) => Class::Small,
            Self::Deposit(_) | Self::Drain(_) | Self::Publish(_) | Self::Fetch(_) | Self::Describe(_) => {
                Class::Large
            }
            Self::News(_) | Self::Page(_) => Class::Digest,
        }
    }

    /// The kind of request, for metrics and logs, without any of its fields.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Put(_) => "put",
            Self::Get(_) => "get",
            Self::Delete(_) => "delete",
            Self::Deposit(_) => "deposit",
            Self::Drain(_) => "drain",
            Self::Publish(_) => "publish",
            Self::Fetch(_) => "fetch",
            Self::Describe(_) => "describe",
            Self::News(_) => "news",
            Self::Page(_) => "page",
        }
    }

    /// The body: exactly `self.class().request_len()` bytes, erased on drop because some requests carry capabilities.
    pub fn encode(&self) -> Zeroizing<Vec<u8>> {
        let mut body = Zeroizing::new(Vec::with_capacity(self.class().request_len()));
        match self {
            Self::Put(Put { day, nonce, id, tag, sealed }) => {
                let work = [day.0.to_be_bytes().as_slice(), &nonce.to_be_bytes()].concat();
                put(&mut body, 1, &[&work, id.as_bytes(), &tag.0, sealed.as_slice()]);
            }
            Self::Get(Get { id }) => put(&mut body, 2, &[id.as_bytes()]),
            Self::Delete(Delete { cap }) => put(&mut body, 3, &[cap.as_bytes()]),
            Self::Deposit(Deposit { inbox, day, gate_nonce, work_nonce, sealed }) => {
                let nonces = [gate_nonce.to_be_bytes(), work_nonce.to_be_bytes()].concat();
                put(&mut body, 4, &[inbox.as_bytes(), &day.0.to_be_bytes(), &nonces, sealed.as_slice()]);
            }
            Self::Drain(Drain { cap, after }) => put(&mut body, 5, &[cap.as_bytes(), &after.to_be_bytes()]),
            Self::Publish(Publish { bundle, inbox, known }) => {
                put(&mut body, 6, &[bundle.as_slice(), inbox.as_bytes(), &known.0.to_be_bytes()]);
            }
            Self::Fetch(Fetch { persona }) => put(&mut body, 7, &[persona.as_bytes()]),
            Self::Describe(Describe) => put(&mut body, 8, &[]),
            Self::News(News) => put(&mut body, 9, &[]),
            Self::Page(Page { index }) => put(&mut body, 10, &[&index.to_be_bytes()]),
        }
        body.resize(self.class().request_len(), 0);
        body
    }

    /// Reads a body of the class. Signatures and work are the caller's to check.
    ///
    /// # Errors
    /// One variant of [`WireError`] per cause.
    pub fn decode(class: Class, body: &[u8]) -> Result<Self, WireError> {
        let mut reader = open_body(body, class.request_len())?;
        let request = match (class, reader.u8()?) {
            (Class::Small, 1) => Self::Put(Put {
                day: Day(reader.u32()?),
                nonce: reader.u64()?,
                id: BoxId(reader.array()?),
                tag: Tag(reader.array()?),
                sealed: boxed(&mut reader)?,
            }),
            (Class::Small, 2) => Self::Get(Get { id: BoxId(reader.array()?) }),
            (Class::Small, 3) => Self::Delete(Delete { cap: capability(&mut reader)? }),
            (Class::Large, 4) => Self::Deposit(Deposit {
                inbox: InboxId(reader.array()?),
                day: Day(reader.u32()?),
                gate_nonce: reader.u64()?,
                work_nonce: reader.u64()?,
                sealed: boxed(&mut reader)?,
            }),
            (Class::Large, 5) => Self::Drain(Drain { cap: capability(&mut reader)?, after: reader.u64()? }),
            (Class::Large, 6) => Self::Publish(Publish {
                bundle: boxed(&mut reader)?,
                inbox: capability(&mut reader)?,
                known: Timestamp(reader.u64()?),
            }),
            (Class::Large, 7) => Self::Fetch(Fetch {
                persona: PersonaKey::from_bytes(&reader.array()?).map_err(|_| WireError::Field)?,
            }),
            (Class::Large, 8) => Self::Describe(Describe),
            (Class::Digest, 9) => Self::News(News),
            (Class::Digest, 10) => {
                let index = reader.u16()?;
                if index >> MAX_PAGE_BITS != 0 {
                    return Err(WireError::Field);
                }
                Self::Page(Page { index })
            }
            (_, operation) => return Err(WireError::Operation(operation)),
        };
        close_body(&reader)?;
        Ok(request)
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Put(_) => "Put(..)",
            Self::Get(_) => "Get(..)",
            Self::Delete(_) => "Delete(..)",
            Self::Deposit(_) => "Deposit(..)",
            Self::Drain(_) => "Drain(..)",
            Self::Publish(_) => "Publish(..)",
            Self::Fetch(_) => "Fetch(..)",
            Self::Describe(_) => "Describe",
            Self::News(_) => "News",
            Self::Page(_) => "Page(..)",
        })
    }
}
