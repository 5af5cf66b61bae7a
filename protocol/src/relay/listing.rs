//! What a relay shows of its digest: bytes that it builds once and gives to everybody.

use std::fmt;
use std::sync::Arc;

use super::WireError;
use crate::codec::Reader;
use crate::digest::chain::Closed;
use crate::digest::header::{HEADER_LEN, Header, HeaderError};
use crate::digest::pages::{Page, PageError};
use crate::digest::set::{Set, SetError};
use crate::error::{HasKind, Kind};
use crate::limits::LARGE_BODY;

/// Bytes of a listing, its padding included.
const LISTING_LEN: usize = LARGE_BODY - 1;

/// The body of a reply about the digest, after its operation, with its padding.
///
/// As [`Closed`] intervals: `count (1) || for each: header || set`. As a page: `header || page`.
#[derive(Clone, Eq, PartialEq)]
pub struct Listing(Arc<[u8]>);

/// Why a listing is invalid, or cannot be made.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ListingError {
    /// It claims to list no interval, or more than two.
    #[error("the listing claims {0} intervals, and shows one or two")]
    Count(u8),
    /// A header is invalid.
    #[error(transparent)]
    Header(#[from] HeaderError),
    /// A set is invalid.
    #[error(transparent)]
    Set(#[from] SetError),
    /// The page is invalid.
    #[error(transparent)]
    Page(#[from] PageError),
    /// It does not fit, or what is after it is not zero.
    #[error("the listing has the wrong length")]
    Length,
}

impl HasKind for ListingError {
    fn kind(&self) -> Kind {
        match self {
            Self::Page(page) => page.kind(),
            _ => Kind::Malformed,
        }
    }
}

impl Listing {
    /// The last closed intervals, one or two, the earlier first.
    ///
    /// # Errors
    /// [`ListingError::Count`] and [`ListingError::Length`].
    pub fn of_closed(closed: &[Closed]) -> Result<Self, ListingError> {
        let count = u8::try_from(closed.len()).unwrap_or(u8::MAX);
        let mut bytes = vec![checked_count(count)?];
        for one in closed {
            bytes.extend_from_slice(&one.header.encode());
            bytes.extend_from_slice(&one.set.encode());
        }
        Self::of(bytes)
    }

    /// A page, as [`PageSet::page`](crate::digest::pages::PageSet::page) gives it, and the last header, which names it.
    ///
    /// # Errors
    /// [`ListingError::Length`].
    pub fn of_page(header: &Header, page: &[u8]) -> Result<Self, ListingError> {
        Self::of([header.encode().as_slice(), page].concat())
    }

    /// The intervals it shows, the earlier first.
    /// [`Known::check_news`](crate::digest::chain::Known::check_news) says whether they can be true.
    ///
    /// # Errors
    /// [`ListingError`] if it does not show intervals.
    pub fn closed(&self) -> Result<Vec<Closed>, ListingError> {
        let (count, mut rest) = self.0.split_first().ok_or(ListingError::Length)?;
        let mut closed = Vec::new();
        for _ in 0..checked_count(*count)? {
            let (header, after) = header(rest)?;
            let (set, after) = Set::decode_front(after)?;
            closed.push(Closed { header, set });
            rest = after;
        }
        ended(rest)?;
        Ok(closed)
    }

    /// The page and header it shows, if what was asked for is page `index`.
    /// [`Known::check_page`](crate::digest::chain::Known::check_page) says whether they can be true.
    ///
    /// # Errors
    /// [`ListingError`] if it does not show a page, or its header has no page of this number.
    pub fn page(&self, index: u16) -> Result<(Header, Page), ListingError> {
        let (header, rest) = header(&self.0)?;
        let (page, rest) = Page::decode_front(rest, index, header.page_bits)?;
        ended(rest)?;
        Ok((header, page))
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Takes over the rest of a body if `read` can read it.
    pub(super) fn read<T>(
        reader: &mut Reader<'_>,
        read: impl FnOnce(&Self) -> Result<T, ListingError>,
    ) -> Result<Self, WireError> {
        let listing = Self(reader.slice(LISTING_LEN)?.into());
        match read(&listing) {
            Ok(_) => Ok(listing),
            Err(ListingError::Length) => Err(WireError::Padding),
            Err(_) => Err(WireError::Field),
        }
    }

    fn of(mut bytes: Vec<u8>) -> Result<Self, ListingError> {
        if bytes.len() > LISTING_LEN {
            return Err(ListingError::Length);
        }
        bytes.resize(LISTING_LEN, 0);
        Ok(Self(bytes.into()))
    }
}

impl fmt::Debug for Listing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Listing(..)")
    }
}

fn checked_count(count: u8) -> Result<u8, ListingError> {
    if (1..=2).contains(&count) { Ok(count) } else { Err(ListingError::Count(count)) }
}

fn header(bytes: &[u8]) -> Result<(Header, &[u8]), ListingError> {
    let (header, rest) = bytes.split_at_checked(HEADER_LEN).ok_or(ListingError::Length)?;
    Ok((Header::decode(header)?, rest))
}

fn ended(rest: &[u8]) -> Result<(), ListingError> {
    if rest.iter().all(|byte| *byte == 0) { Ok(()) } else { Err(ListingError::Length) }
}
