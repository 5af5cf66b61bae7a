//! All boxes that wait, in 2^k pages by the first k bits of their tags, each with a proof that it is what the header
//! named: a client that walks over all pages has caught up, however long it was away.

// Why the first bits of the tag and nothing that changes from set to set: a walk lasts as long as a set of pages, so it
// goes over parts of two. A tag that had another place in the second could be missed in both.
//
// The price is that whoever puts boxes chooses their tags, and can fill one page. So k follows from the number of boxes
// alone, or a few thousand boxes on one page would double everybody's walk again and again; and a page that is too full
// lists a random sample, another one in each set, so that whoever waits on it waits longer, and not for ever.

use std::fmt;

use rand_core::CryptoRng;

use super::header::HEADER_LEN;
use super::set::{Set, SetError, Tag, distinct, encoded_len, fitting, sample};
use super::tree::{Hash, Tree, leaf, root_over};
use crate::error::{HasKind, Kind};
use crate::limits::{INTERVAL_ENTRIES, LARGE_BODY, MAX_PAGE_BITS, SET_ENTRIES};

/// How many tags a page of 2^`bits` lists at most: with operation, header and proof it fits a large body.
pub const fn page_capacity(bits: u8) -> usize {
    fitting(LARGE_BODY - 1 - HEADER_LEN - 32 * bits as usize)
}

/// The k for this many waiting boxes: the smallest at which random tags fit their pages, or [`MAX_PAGE_BITS`].
pub fn page_bits(boxes: usize) -> u8 {
    // The boxes of a page have about a Poisson distribution: mean m, deviation sqrt(m). Six deviations of room leave
    // less than one page in 10^8 too full.
    let has_room = |bits: &u8| {
        let mean = boxes.div_ceil(1 << bits);
        let room = page_capacity(*bits).saturating_sub(mean);
        room > 0 && room.saturating_mul(room) >= mean.saturating_mul(36)
    };
    (0..MAX_PAGE_BITS).find(has_room).unwrap_or(MAX_PAGE_BITS)
}

const _: () = assert!(page_capacity(0) == SET_ENTRIES, "no set is larger than the only page");
const _: () = assert!(
    2 * (HEADER_LEN + encoded_len(INTERVAL_ENTRIES)) < LARGE_BODY,
    "two intervals with their headers fit a large body, after its operation"
);

/// All pages of a relay, as they are fixed every two minutes.
pub struct PageSet {
    bits: u8,
    sets: Vec<Vec<u8>>,
    tree: Tree,
    left_out: usize,
}

impl PageSet {
    /// Cuts the tags of all waiting boxes into pages. `rng` decides what a page that is too full leaves out.
    pub fn fix<R: CryptoRng + ?Sized>(tags: impl IntoIterator<Item = Tag>, rng: &mut R) -> Self {
        let tags = distinct(tags);
        let bits = page_bits(tags.len());
        let (mut sets, mut left_out) = (Vec::with_capacity(1 << bits), 0);
        let mut rest = tags.as_slice();
        for index in 0..1 << bits {
            let (page, after) = rest.split_at(rest.partition_point(|tag| tag.first(bits) <= index));
            rest = after;
            let listed = sample(page.iter().copied(), page_capacity(bits), rng);
            left_out += page.len() - listed.len();
            let count = listed.len();
            sets.push(Set::of_distinct(listed.into_iter().map(|tag| tag.after(bits)), count).encode());
        }
        let tree = Tree::new(sets.iter().map(|set| leaf(set)).collect());
        Self { bits, sets, tree, left_out }
    }

    /// k: there are 2^k pages.
    pub fn bits(&self) -> u8 {
        self.bits
    }

    /// The root, for the header.
    pub fn root(&self) -> [u8; 32] {
        self.tree.root()
    }

    /// How many boxes are on no page, because theirs is too full.
    pub fn left_out(&self) -> usize {
        self.left_out
    }

    /// A page with its proof, as [`Page::decode`] reads it; `None` if there is no such page.
    pub fn page(&self, index: u16) -> Option<Vec<u8>> {
        let set = self.sets.get(usize::from(index))?;
        Some([self.tree.proof(usize::from(index)).as_flattened(), set].concat())
    }
}

impl fmt::Debug for PageSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PageSet(2^{} pages)", self.bits)
    }
}

/// A page as a client received it.
#[derive(Clone, Eq, PartialEq)]
pub struct Page {
    index: u16,
    bits: u8,
    proof: Vec<Hash>,
    /// The tags without their first k bits. With them, all would be in one of 2^k parts of the set's range, and false
    /// matches 2^k times as frequent.
    set: Set,
}

/// Why bytes are not a page.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum PageError {
    /// There is no page of this number.
    #[error("there is no page {index} of 2^{bits}")]
    Index {
        /// The page that was asked for.
        index: u16,
        /// k of the header.
        bits: u8,
    },
    /// The bytes end inside the proof.
    #[error("the proof of the page is cut short")]
    Proof,
    /// More tags than fit a page.
    #[error("the page lists {0} tags, more than one can")]
    Full(usize),
    /// Its set is invalid.
    #[error("the page's set is invalid: {0}")]
    Set(#[from] SetError),
}

impl HasKind for PageError {
    fn kind(&self) -> Kind {
        match self {
            Self::Index { .. } => Kind::Usage,
            Self::Proof | Self::Full(_) | Self::Set(_) => Kind::Malformed,
        }
    }
}

impl Page {
    /// Reads page `index` of 2^`bits`, which fills `bytes`; `bits` is from the header that came with it.
    /// Nothing is proved yet: [`Self::is_under`] compares with the root.
    ///
    /// # Errors
    /// One variant of [`PageError`] per cause.
    pub fn decode(bytes: &[u8], index: u16, bits: u8) -> Result<Self, PageError> {
        match Self::decode_front(bytes, index, bits)? {
            (page, []) => Ok(page),
            _ => Err(SetError::Length.into()),
        }
    }

    /// Reads a page from the front of `bytes` and returns what is after it.
    ///
    /// # Errors
    /// As [`Self::decode`].
    pub fn decode_front(bytes: &[u8], index: u16, bits: u8) -> Result<(Self, &[u8]), PageError> {
        if bits > MAX_PAGE_BITS || index >> bits != 0 {
            return Err(PageError::Index { index, bits });
        }
        let (proof, bytes) = bytes.split_at_checked(32 * usize::from(bits)).ok_or(PageError::Proof)?;
        let (proof, _) = proof.as_chunks();
        let (set, after) = Set::decode_front(bytes)?;
        if set.len() > page_capacity(bits) {
            return Err(PageError::Full(set.len()));
        }
        Ok((Self { index, bits, proof: proof.to_vec(), set }, after))
    }

    /// The one encoding of this page: the proof from the leaf upwards, then the set.
    pub fn encode(&self) -> Vec<u8> {
        [self.proof.as_flattened(), &self.set.encode()].concat()
    }

    /// Its number.
    pub fn index(&self) -> u16 {
        self.index
    }

    /// k: it is one of 2^k.
    pub fn bits(&self) -> u8 {
        self.bits
    }

    /// The number of boxes on it.
    pub fn len(&self) -> usize {
        self.set.len()
    }

    /// Whether there is no box on it.
    pub fn is_empty(&self) -> bool {
        self.set.is_empty()
    }

    /// Whether this is the page of its number below a root with 2^k pages.
    pub fn is_under(&self, root: &[u8; 32]) -> bool {
        root_over(leaf(&self.set.encode()), self.index, &self.proof) == *root
    }

    /// Whether the tag is on this page, with the false matches of [`Set::contains`].
    pub fn contains(&self, tag: Tag) -> bool {
        self.is_for(tag) && self.set.contains(tag.after(self.bits))
    }

    /// Those of `wanted` that are on this page, in their order, as [`Set::matching`].
    pub fn matching(&self, wanted: impl IntoIterator<Item = Tag>) -> Vec<Tag> {
        let here: Vec<Tag> = wanted.into_iter().filter(|tag| self.is_for(*tag)).collect();
        self.set.matching_by(here, |tag| tag.after(self.bits))
    }

    fn is_for(&self, tag: Tag) -> bool {
        tag.first(self.bits) == self.index
    }
}

impl fmt::Debug for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Page({} of 2^{}, {:?})", self.index, self.bits, self.set)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The table of `docs/protocol.md`: k, entries of a page at most, boxes at most.
    #[test]
    fn pages_are_as_few_as_hold_the_boxes() {
        let mut table = Vec::new();
        for bits in 0..MAX_PAGE_BITS {
            let (mut fits, mut too_many) = (0, 1 << 24);
            while fits + 1 < too_many {
                let middle = (fits + too_many) / 2;
                if page_bits(middle) <= bits { fits = middle } else { too_many = middle }
            }
            assert_eq!((page_bits(fits), page_bits(fits + 1)), (bits, bits + 1));
            table.push((bits, page_capacity(bits), fits));
        }
        println!("{table:?}");
        assert_eq!(table[0], (0, 1437, 1226));
        assert_eq!(table[5], (5, 1379, 37_536));
        assert_eq!(page_bits(usize::MAX), MAX_PAGE_BITS);
    }
}
