//! How the owner of an inbox learns from a relay's digest that somebody wrote, and nobody else does.

use std::fmt;

use crate::digest::header::{Header, Interval};
use crate::digest::set::Tag;
use crate::id::{Capability, hash};
use crate::kdf;
use crate::secret::Secret32;

/// What an inbox is listed by: a secret of its owner and the relay.
///
/// It follows from the inbox's capability, so that nobody else can hang a bell of his own on an inbox, and cannot be
/// turned back into it. The relay gets the capability with `publish`.
#[derive(Clone, Eq, PartialEq)]
pub struct Bell(Secret32);

impl Bell {
    /// `SHA-256("bauta/bell/1" || cap)`.
    pub fn of(inbox: &Capability) -> Self {
        Self::from_bytes(&hash(&[b"bauta/bell/1", inbox.as_bytes()]))
    }

    /// Copies the bytes; the caller erases its own copy.
    pub fn from_bytes(bytes: &[u8; 32]) -> Self {
        Self(Secret32::from_ref(bytes))
    }

    /// The secret bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }

    /// What the set of this interval lists after a deposit: `HKDF-Expand(bell, "bauta/bell-tag/1" || number, 8)`.
    ///
    /// It is another one in each interval, so that nobody can follow an inbox.
    pub fn in_interval(&self, interval: Interval) -> Tag {
        let mut tag = Tag([0; 8]);
        let label = [b"bauta/bell-tag/1".as_slice(), &interval.0.to_be_bytes()].concat();
        // It fails for far longer outputs only; the tag of zeros is one like any other.
        let _ = kdf::expand(&self.0, &label, &mut tag.0);
        tag
    }

    /// What the pages under this header list while a deposit waits: the tag of [`Interval::of_pages`].
    pub fn on_pages(&self, header: &Header) -> Tag {
        self.in_interval(header.interval.of_pages())
    }
}

impl fmt::Debug for Bell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Bell(..)")
    }
}
