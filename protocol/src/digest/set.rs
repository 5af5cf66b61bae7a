//! A set of tags in about 21.5 bits each, at the price of one false match in 2^20: a Golomb coded set as in BIP 158.

// Own code, since no crate does what a parser of foreign bytes must. `golomb-coded-set` 0.2 and the reader of BIP 158
// whose shape it has hash their entries with SipHash first, take any count the sender states, read from a stream, and
// never look at what is after the last entry; `golomb-set` 0.2 panics on bits that are not a set. A second encoding of
// the same set would be a way to mark one client's copy, so here each set has exactly one.

use std::fmt;

use rand_core::CryptoRng;
use serde::{Deserialize, Serialize};

use crate::error::{HasKind, Kind};
use crate::id::hash;
use crate::limits::{FALSE_MATCH_BITS, RICE_BITS, SET_ENTRIES};

/// Eight bytes by which a box, or a deposit to an inbox, is listed. Whoever knows the lane or the bell derives them;
/// for everybody else they are random.
#[derive(Clone, Copy, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub struct Tag(#[serde(with = "crate::codec::base64")] pub [u8; 8]);

/// Tags, without order and without repetition, as a digest lists them.
#[derive(Clone, Eq, PartialEq)]
pub struct Set {
    // The sorted images of the tags below `range(len)`. Two tags may have one image; then it is here twice, because the
    // range follows from the number of tags, and the reader must arrive at the same one.
    values: Vec<u64>,
}

/// More tags than a set may have.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a set lists at most {SET_ENTRIES} tags, not {0}")]
pub struct TooManyTags(pub usize);

impl HasKind for TooManyTags {
    fn kind(&self) -> Kind {
        Kind::Usage
    }
}

/// Why bytes are not a set.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum SetError {
    /// It claims more entries than any set has.
    #[error("the set claims {0} entries, and none has more than {SET_ENTRIES}")]
    TooMany(usize),
    /// The bytes end inside an entry, or go on after the last one.
    #[error("the length of the set does not go with its number of entries")]
    Length,
    /// An entry is outside the set's range.
    #[error("an entry of the set is out of range")]
    Range,
    /// The bits after the last entry are not zero.
    #[error("the padding of the set is not zero")]
    Padding,
}

impl HasKind for SetError {
    fn kind(&self) -> Kind {
        Kind::Malformed
    }
}

impl Set {
    /// A set of these tags; what is there twice counts once.
    ///
    /// # Errors
    /// [`TooManyTags`] above [`SET_ENTRIES`]: [`sample`] draws those that fit.
    pub fn new(tags: impl IntoIterator<Item = Tag>) -> Result<Self, TooManyTags> {
        let tags = distinct(tags);
        if tags.len() > SET_ENTRIES {
            return Err(TooManyTags(tags.len()));
        }
        Ok(Self::of_distinct(tags.iter().copied(), tags.len()))
    }

    /// As [`Self::new`], for tags that are sorted, distinct, and `count`, which is at most [`SET_ENTRIES`].
    pub(super) fn of_distinct(tags: impl Iterator<Item = Tag>, count: usize) -> Self {
        let range = range(count);
        Self { values: tags.map(|tag| tag.image(range)).collect() }
    }

    /// The number of tags.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there is no tag.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Whether the tag is listed. A tag that is not is found nevertheless with a probability of at most 2^-20.
    pub fn contains(&self, tag: Tag) -> bool {
        self.values.binary_search(&tag.image(range(self.len()))).is_ok()
    }

    /// Those of `wanted` that are listed, in their order; each with the false matches of [`Self::contains`].
    ///
    /// One pass when `wanted` is in ascending order, as in a `BTreeSet` or `BTreeMap`; every step back begins one more.
    pub fn matching(&self, wanted: impl IntoIterator<Item = Tag>) -> Vec<Tag> {
        self.matching_by(wanted, |tag| tag)
    }

    /// As [`Self::matching`], for a set that lists tags in another form; `form` keeps their order.
    pub(super) fn matching_by(
        &self,
        wanted: impl IntoIterator<Item = Tag>,
        form: impl Fn(Tag) -> Tag,
    ) -> Vec<Tag> {
        let range = range(self.len());
        let (mut rest, mut before) = (self.values.as_slice(), 0);
        let is_listed = |tag: &Tag| {
            let image = form(*tag).image(range);
            if image < before {
                rest = &self.values;
            }
            before = image;
            let passed = rest.iter().take_while(|value| **value < image).count();
            rest = rest.get(passed..).unwrap_or_default();
            rest.first() == Some(&image)
        };
        wanted.into_iter().filter(is_listed).collect()
    }

    /// The one encoding of this set.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(encoded_len(self.len()));
        // A set has at most SET_ENTRIES entries, which two bytes hold.
        bytes.extend_from_slice(&u16::try_from(self.len()).unwrap_or(u16::MAX).to_be_bytes());
        let mut bits = BitWriter { bytes, pending: 0, count: 0 };
        let mut before = 0;
        for value in &self.values {
            let step = value - before;
            before = *value;
            for _ in 0..step >> RICE_BITS {
                bits.push(1, 1);
            }
            bits.push(0, 1);
            bits.push(step & ((1 << RICE_BITS) - 1), RICE_BITS);
        }
        bits.finish()
    }

    /// Reads a set that fills `bytes`.
    ///
    /// # Errors
    /// One variant of [`SetError`] for each way in which bytes are not what [`Self::encode`] gives.
    pub fn decode(bytes: &[u8]) -> Result<Self, SetError> {
        match Self::decode_front(bytes)? {
            (set, []) => Ok(set),
            _ => Err(SetError::Length),
        }
    }

    /// Reads a set from the front of `bytes` and returns what is after it.
    ///
    /// # Errors
    /// As [`Self::decode`].
    pub fn decode_front(bytes: &[u8]) -> Result<(Self, &[u8]), SetError> {
        let (count, coded) = bytes.split_first_chunk::<2>().ok_or(SetError::Length)?;
        let count = usize::from(u16::from_be_bytes(*count));
        if count > SET_ENTRIES {
            return Err(SetError::TooMany(count));
        }
        // Each entry has at least one bit and its remainder: what cannot be there is refused before room is made for it.
        if count * SHORTEST > coded.len() * 8 {
            return Err(SetError::Length);
        }
        let range = range(count);
        let mut bits = BitReader { bytes: coded, at: 0 };
        let mut values = Vec::with_capacity(count);
        let mut value = 0;
        for _ in 0..count {
            // The range ends a run of ones after at most 2 * count bits, whatever the input.
            while bits.next()? {
                value += 1 << RICE_BITS;
                if value >= range {
                    return Err(SetError::Range);
                }
            }
            value += bits.number(RICE_BITS)?;
            if value >= range {
                return Err(SetError::Range);
            }
            values.push(value);
        }
        while !bits.at.is_multiple_of(8) {
            if bits.next()? {
                return Err(SetError::Padding);
            }
        }
        Ok((Self { values }, coded.get(bits.at / 8..).unwrap_or_default()))
    }

    /// `SHA-256("bauta/digest-set/1" || encoding)`, by which a header names this set.
    pub fn hash(&self) -> [u8; 32] {
        hash(&[b"bauta/digest-set/1", &self.encode()])
    }
}

impl fmt::Debug for Set {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Set({} tags)", self.len())
    }
}

impl Tag {
    /// Where this tag is in a range: `tag * range / 2^64`, rounded down. It keeps the order of tags.
    fn image(self, range: u64) -> u64 {
        let product = u128::from(self.number()) * u128::from(range);
        // The product of two numbers below 2^64 is below 2^128, and its upper half below 2^64.
        (product >> 64) as u64
    }

    /// The first `bits` (at most 16) as a number.
    pub(super) fn first(self, bits: u8) -> u16 {
        // A shift by all 64 bits, for none of them, leaves zero.
        let first = self.number().checked_shr(64 - u32::from(bits)).unwrap_or(0);
        first as u16
    }

    /// The bits after the first `bits` (at most 63), and zeros.
    pub(super) fn after(self, bits: u8) -> Self {
        Self((self.number() << bits).to_be_bytes())
    }

    fn number(self) -> u64 {
        u64::from_be_bytes(self.0)
    }
}

impl fmt::Debug for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tag(..)")
    }
}

/// The tags, or `most` of them drawn uniformly when there are more; sorted, each once.
///
/// What is left out of one list has the same chance as all others in the next, so that nobody who puts many boxes can
/// keep one of somebody else's from being listed for ever.
pub fn sample<R: CryptoRng + ?Sized>(
    tags: impl IntoIterator<Item = Tag>,
    most: usize,
    rng: &mut R,
) -> Vec<Tag> {
    let mut tags = distinct(tags);
    let count = tags.len();
    if count > most {
        for place in 0..most {
            // The product's upper half is uniform below the factor, but for a part in 2^40.
            let left = u128::try_from(count - place).unwrap_or(1);
            let drawn = (u128::from(rng.next_u64()) * left) >> 64;
            tags.swap(place, place + usize::try_from(drawn).unwrap_or(0));
        }
        tags.truncate(most);
        tags.sort_unstable();
    }
    tags
}

/// Bytes of the longest encoding of `count` tags.
///
/// The steps of all entries together are less than the range, so their quotients are at most `2 * count - 1`: an entry
/// takes 22 bits at worst, wherever the tags are, also when somebody chose them.
pub const fn encoded_len(count: usize) -> usize {
    2 + (count * LONGEST).saturating_sub(1).div_ceil(8)
}

/// How many tags fit `len` bytes, whichever they are.
pub const fn fitting(len: usize) -> usize {
    (len.saturating_sub(2) * 8 + 1) / LONGEST
}

/// Bits of an entry: at least the end of the quotient and the remainder; on average, at worst, the quotients too.
const SHORTEST: usize = 1 + RICE_BITS as usize;
const LONGEST: usize = SHORTEST + (1 << (FALSE_MATCH_BITS - RICE_BITS));

const _: () = assert!(SET_ENTRIES <= u16::MAX as usize, "the count has two bytes");

/// The images of `count` tags are below this: 2^20 places for each, of which one is taken.
fn range(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX) << FALSE_MATCH_BITS
}

/// The tags in ascending order, each once.
pub(super) fn distinct(tags: impl IntoIterator<Item = Tag>) -> Vec<Tag> {
    let mut tags: Vec<Tag> = tags.into_iter().collect();
    tags.sort_unstable();
    tags.dedup();
    tags
}

/// Writes bits from the highest of each byte.
struct BitWriter {
    bytes: Vec<u8>,
    pending: u64,
    /// Bits of `pending` that are not written: fewer than 8 between calls.
    count: u32,
}

impl BitWriter {
    /// Writes the lowest `bits` (at most 32) of a number that has no others.
    fn push(&mut self, number: u64, bits: u32) {
        self.pending = (self.pending << bits) | number;
        self.count += bits;
        while self.count >= 8 {
            self.count -= 8;
            let [.., byte] = (self.pending >> self.count).to_be_bytes();
            self.bytes.push(byte);
        }
    }

    fn finish(mut self) -> Vec<u8> {
        self.push(0, (8 - self.count) % 8);
        self.bytes
    }
}

struct BitReader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl BitReader<'_> {
    fn next(&mut self) -> Result<bool, SetError> {
        let byte = self.bytes.get(self.at / 8).ok_or(SetError::Length)?;
        let bit = (byte >> (7 - self.at % 8)) & 1;
        self.at += 1;
        Ok(bit == 1)
    }

    fn number(&mut self, bits: u32) -> Result<u64, SetError> {
        let mut number = 0;
        for _ in 0..bits {
            number = number << 1 | u64::from(self.next()?);
        }
        Ok(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tags as good as random, the same every time.
    fn tags(count: u32, salt: u8) -> Vec<Tag> {
        let of = |number: u32| {
            let hash = hash(&[&[salt], &number.to_be_bytes()]);
            Tag(*hash.first_chunk().unwrap())
        };
        (0..count).map(of).collect()
    }

    /// The measurement behind `RICE_BITS`: no other parameter takes fewer bits.
    #[test]
    fn nineteen_bits_of_remainder_are_the_shortest() {
        let count = 1400u32;
        let mut sums = [0f64; 6];
        for salt in 0..50 {
            let set = Set::new(tags(count, salt)).unwrap();
            let befores = std::iter::once(&0).chain(&set.values);
            let steps: Vec<u64> =
                set.values.iter().zip(befores).map(|(value, before)| value - before).collect();
            for (place, sum) in sums.iter_mut().enumerate() {
                let rice = 16 + place as u64;
                *sum += steps.iter().map(|step| (1 + rice + (step >> rice)) as f64).sum::<f64>();
            }
        }
        let bits = sums.map(|sum| sum / f64::from(50 * count));
        println!("bits an entry with a remainder of 16 to 21: {bits:.2?}");
        assert!(bits.iter().all(|other| *other >= bits[3]), "{bits:?}");
        assert_eq!(RICE_BITS, 19);
        assert!((21.4..21.7).contains(&bits[3]), "{bits:?}");
    }

    #[test]
    fn no_choice_of_tags_makes_a_set_longer_than_promised() {
        let top = Tag([0xff; 8]);
        for count in [1, 2, 7, 8, 693, SET_ENTRIES] {
            let low = (0..count as u64 - 1).map(|number| Tag(number.to_be_bytes()));
            let set = Set::new(low.chain([top])).unwrap();
            assert_eq!(set.len(), count);
            assert_eq!(set.encode().len(), encoded_len(count), "the last entry pays for the whole range");
            assert_eq!(Set::decode(&set.encode()), Ok(set));
            assert!(fitting(encoded_len(count)) == count && fitting(encoded_len(count) - 1) < count);
        }
        assert_eq!((encoded_len(0), fitting(0), fitting(2)), (2, 0, 0));
    }

    #[test]
    fn what_is_not_listed_is_found_once_in_a_million_times() {
        let set = Set::new(tags(1000, 1)).unwrap();
        let mut found = 0;
        for salt in 2..10 {
            found += set.matching(tags(1 << 18, salt)).len();
        }
        // Two are expected of 2^21; twelve or more have a probability of 10^-6.
        assert!(found < 12, "{found}");
    }

    #[test]
    fn each_fault_is_named() {
        let good = Set::new(tags(3, 1)).unwrap().encode();
        let with = |place: usize, byte: u8| {
            let mut bytes = good.clone();
            bytes[place] = byte;
            Set::decode(&bytes)
        };
        assert_eq!(Set::decode(&[]), Err(SetError::Length));
        assert_eq!(Set::decode(&[0]), Err(SetError::Length));
        assert_eq!(Set::decode(&[0, 0]).map(|set| set.len()), Ok(0));
        assert_eq!(Set::decode(&[0, 0, 0]), Err(SetError::Length));
        assert_eq!(with(0, 0xff), Err(SetError::TooMany(0xff03)));
        assert_eq!(with(1, 4), Err(SetError::Length));
        assert_eq!(with(2, 0xff), Err(SetError::Range));
        assert_eq!(with(good.len() - 1, good[good.len() - 1] | 1), Err(SetError::Padding));
        assert_eq!(Set::decode(&good[..good.len() - 1]), Err(SetError::Length));
        assert_eq!(Set::decode(&[good.as_slice(), &[0]].concat()), Err(SetError::Length));
        assert_eq!(Set::decode_front(&[good.as_slice(), &[7, 8]].concat()).unwrap().1, [7, 8]);
        // One entry: 2^20 places, and the highest is the last that is taken.
        assert!(Set::decode(&[0, 1, 0xbf, 0xff, 0xf8]).is_ok());
        assert_eq!(Set::decode(&[0, 1, 0xc0, 0, 0]), Err(SetError::Range));
        // Two entries: the second is the same as the first, which is the last in range, and then one more.
        assert!(Set::decode(&[0, 2, 0xef, 0xff, 0xfe, 0, 0, 0]).is_ok());
        assert_eq!(Set::decode(&[0, 2, 0xef, 0xff, 0xfe, 0, 0, 0x20]), Err(SetError::Range));
        // Too few bytes for the count are noticed before anything is read.
        assert_eq!(Set::decode(&[0, 1, 0xff]), Err(SetError::Length));
        let many = tags(SET_ENTRIES as u32 + 1, 1);
        assert_eq!(Set::new(many), Err(TooManyTags(SET_ENTRIES + 1)));
    }

    #[test]
    fn the_first_bits_of_a_tag_and_those_after() {
        let tag = Tag([0xab, 0xcd, 0xef, 0x01, 0x23, 0x45, 0x67, 0x89]);
        assert_eq!((tag.first(0), tag.first(4), tag.first(12), tag.first(16)), (0, 0xa, 0xabc, 0xabcd));
        assert_eq!(tag.after(0), tag);
        assert_eq!(tag.after(12), Tag([0xde, 0xf0, 0x12, 0x34, 0x56, 0x78, 0x90, 0]));
    }
}
