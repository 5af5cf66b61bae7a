//! The header of an interval: a fixed number of bytes that commits a relay to all it listed until then.

use std::fmt;

use crate::codec::{Reader, Short};
use crate::error::{HasKind, Kind};
use crate::id::hash;
use crate::limits::{INTERVAL_MS, MAX_DEPOSIT_BITS, MAX_PAGE_BITS, MAX_PUT_BITS, PAGES_EVERY};
use crate::time::Timestamp;

/// Bytes of a header.
pub const HEADER_LEN: usize = 8 + 4 * 32 + 3;

const LABEL: &[u8] = b"bauta/digest-header/1";

/// Ten seconds of UTC, counted since the Unix epoch.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Interval(pub u64);

impl Interval {
    /// The interval in which a moment is.
    pub fn of(moment: Timestamp) -> Self {
        Self(moment.0 / INTERVAL_MS)
    }

    /// Its first millisecond.
    pub fn start(self) -> Timestamp {
        Timestamp(self.0.saturating_mul(INTERVAL_MS))
    }

    /// The first millisecond after it: from then on its header may be shown.
    pub fn end(self) -> Timestamp {
        Timestamp(self.0.saturating_add(1).saturating_mul(INTERVAL_MS))
    }

    /// The interval at whose end the pages were fixed that a header of this interval names.
    pub fn of_pages(self) -> Self {
        Self(self.0 - self.0 % PAGES_EVERY)
    }
}

impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// What a relay states at the end of an interval.
///
/// It is not signed. What binds the relay is that each header names the one before, and the day's descriptor, which is
/// signed.
#[derive(Clone, Copy, Eq, PartialEq)]
pub struct Header {
    /// Which interval. Greater than in the header before, by more than one after a time when the relay was off.
    pub interval: Interval,
    /// [`Self::hash`] of the header before; zeros in a relay's first.
    pub previous: [u8; 32],
    /// [`Set::hash`](super::set::Set::hash) of what came in the interval.
    pub set: [u8; 32],
    /// Root of the pages as they were fixed last.
    pub root: [u8; 32],
    /// [`DescriptorSeen::hash`](crate::descriptor::DescriptorSeen) of the relay's present descriptor.
    pub descriptor: [u8; 32],
    /// Leading zero bits asked of a put's work at present.
    pub put_bits: u8,
    /// Leading zero bits asked of a deposit's Argon2id work at present.
    pub deposit_bits: u8,
    /// There are two to the power of this many pages: at most [`MAX_PAGE_BITS`].
    pub page_bits: u8,
}

/// Bytes that are not a header.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum HeaderError {
    /// Not [`HEADER_LEN`] bytes.
    #[error("a header has {HEADER_LEN} bytes, not {0}")]
    Length(usize),
    /// More pages than any relay has.
    #[error("the header claims 2^{0} pages, and no relay has more than 2^{MAX_PAGE_BITS}")]
    PageBits(u8),
    /// It asks for more work than the rules allow.
    #[error(
        "the header asks for more work than the rules allow: {put} bits for a put, {deposit} for a deposit"
    )]
    Work {
        /// Bits for a put.
        put: u8,
        /// Bits for a deposit.
        deposit: u8,
    },
}

impl HasKind for HeaderError {
    fn kind(&self) -> Kind {
        Kind::Malformed
    }
}

impl Header {
    /// The one encoding of this header.
    pub fn encode(&self) -> [u8; HEADER_LEN] {
        let (number, bits) =
            (self.interval.0.to_be_bytes(), [self.put_bits, self.deposit_bits, self.page_bits]);
        let hashes = [self.previous, self.set, self.root, self.descriptor];
        let fields = number.iter().chain(hashes.as_flattened()).chain(&bits);
        let mut bytes = [0; HEADER_LEN];
        bytes.iter_mut().zip(fields).for_each(|(to, from)| *to = *from);
        bytes
    }

    /// Reads a header.
    ///
    /// # Errors
    /// [`HeaderError`] for another length, too many pages, or too much work.
    pub fn decode(bytes: &[u8]) -> Result<Self, HeaderError> {
        let wrong = HeaderError::Length(bytes.len());
        let header = Self::read(bytes).map_err(|_| wrong)?;
        match header {
            Self { page_bits, .. } if page_bits > MAX_PAGE_BITS => Err(HeaderError::PageBits(page_bits)),
            Self { put_bits: put, deposit_bits: deposit, .. }
                if put > MAX_PUT_BITS || deposit > MAX_DEPOSIT_BITS =>
            {
                Err(HeaderError::Work { put, deposit })
            }
            _ if bytes.len() != HEADER_LEN => Err(wrong),
            _ => Ok(header),
        }
    }

    fn read(bytes: &[u8]) -> Result<Self, Short> {
        let mut reader = Reader::new(bytes);
        Ok(Self {
            interval: Interval(reader.u64()?),
            previous: reader.array()?,
            set: reader.array()?,
            root: reader.array()?,
            descriptor: reader.array()?,
            put_bits: reader.u8()?,
            deposit_bits: reader.u8()?,
            page_bits: reader.u8()?,
        })
    }

    /// `SHA-256("bauta/digest-header/1" || encoding)`.
    pub fn hash(&self) -> [u8; 32] {
        hash(&[LABEL, &self.encode()])
    }
}

impl fmt::Debug for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Header({})", self.interval)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_and_their_pages() {
        assert_eq!(Interval::of(Timestamp(0)), Interval(0));
        assert_eq!(Interval::of(Timestamp(9_999)), Interval(0));
        assert_eq!(Interval::of(Timestamp(10_000)), Interval(1));
        assert_eq!((Interval(1).start(), Interval(1).end()), (Timestamp(10_000), Timestamp(20_000)));
        assert_eq!(Interval(u64::MAX).end(), Timestamp(u64::MAX));
        let pages = [0, 11, 12, 23, 24].map(|number| Interval(number).of_pages().0);
        assert_eq!(pages, [0, 0, 12, 12, 24]);
        assert_eq!(Interval(u64::MAX).of_pages(), Interval(u64::MAX - u64::MAX % 12));
    }
}
