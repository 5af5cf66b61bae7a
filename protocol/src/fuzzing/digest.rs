//! Sets, headers and pages of a digest, as a hostile relay may make them.

use rand_core::CryptoRng;

use super::{BrokenRule, Parser, rule};
use crate::digest::header::{Header, Interval};
use crate::digest::pages::{Page, PageSet};
use crate::digest::set::{Set, Tag, encoded_len};

pub(super) const PARSERS: &[Parser] = &[
    Parser { name: "digest_set", check: set, seeds: sets },
    Parser { name: "digest_header", check: header, seeds: headers },
    Parser { name: "digest_page", check: page, seeds: pages },
];

fn set(bytes: &[u8]) -> Result<bool, BrokenRule> {
    let Ok((set, after)) = Set::decode_front(bytes) else { return Ok(false) };
    let own = bytes.strip_suffix(after).unwrap_or_default();
    rule(set.encode() == own, "a set has one encoding")?;
    rule(own.len() <= encoded_len(set.len()), "a set is no longer than its number of entries allows")?;
    rule(Set::decode(bytes).is_ok() == after.is_empty(), "a set ends with its bytes")?;
    let wanted = spread(200);
    let found = wanted.iter().copied().filter(|tag| set.contains(*tag)).collect::<Vec<_>>();
    rule(set.matching(wanted) == found, "many tags are found as they are found one by one")
}

fn sets(rng: &mut dyn CryptoRng) -> Option<Vec<Vec<u8>>> {
    let (few, more) = (random(3, rng), random(40, rng));
    [Vec::new(), few, more, spread(9)].map(|tags| Some(Set::new(tags).ok()?.encode())).into_iter().collect()
}

fn header(bytes: &[u8]) -> Result<bool, BrokenRule> {
    let Ok(header) = Header::decode(bytes) else { return Ok(false) };
    rule(header.encode() == bytes, "a header has one encoding")
}

fn headers(rng: &mut dyn CryptoRng) -> Option<Vec<Vec<u8>>> {
    let pages = PageSet::fix(random(20, rng), rng);
    let set = Set::new(random(3, rng)).ok()?;
    let first = Header {
        interval: Interval(180_000_000),
        previous: [0; 32],
        set: set.hash(),
        root: pages.root(),
        descriptor: [7; 32],
        put_bits: 16,
        deposit_bits: 2,
        page_bits: pages.bits(),
    };
    let second = Header { interval: Interval(180_000_001), previous: first.hash(), page_bits: 5, ..first };
    Some([first, second].map(|header| header.encode().to_vec()).to_vec())
}

/// The page's number and k, as the client has them from its question and from the header; then the page.
fn page(bytes: &[u8]) -> Result<bool, BrokenRule> {
    let Some(([high, low, bits], coded)) = bytes.split_first_chunk() else { return Ok(false) };
    let (index, bits) = (u16::from_be_bytes([*high, *low]), *bits);
    let Ok((page, after)) = Page::decode_front(coded, index, bits) else { return Ok(false) };
    let own = coded.strip_suffix(after).unwrap_or_default();
    rule(page.encode() == own, "a page has one encoding")?;
    rule(Page::decode(coded, index, bits).is_ok() == after.is_empty(), "a page ends with its bytes")?;
    let wanted = spread(200);
    let found = wanted.iter().copied().filter(|tag| page.contains(*tag)).collect::<Vec<_>>();
    rule(page.matching(wanted) == found, "many tags are found as they are found one by one")
}

fn pages(rng: &mut dyn CryptoRng) -> Option<Vec<Vec<u8>>> {
    let mut seeds = Vec::new();
    for (boxes, index) in [(0, 0), (30, 0), (2_000, 0), (2_000, 1), (5_000, 3)] {
        let pages = PageSet::fix(random(boxes, rng), rng);
        let [high, low] = u16::to_be_bytes(index);
        seeds.push([[high, low, pages.bits()].as_slice(), &pages.page(index)?].concat());
    }
    Some(seeds)
}

fn random(count: usize, rng: &mut dyn CryptoRng) -> Vec<Tag> {
    (0..count).map(|_| Tag(rng.next_u64().to_be_bytes())).collect()
}

/// Tags at equal distances over the whole range.
fn spread(count: u64) -> Vec<Tag> {
    (0..count).map(|number| Tag((u64::MAX / count * number).to_be_bytes())).collect()
}
