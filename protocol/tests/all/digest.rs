//! The digest from outside: a relay that keeps to the rules is believed whatever a client misses, and one changed bit of
//! what it shows is not.

use std::collections::BTreeSet;

use bauta_protocol::digest::chain::{Closed, Continuity, Forked, Known};
use bauta_protocol::digest::header::{HEADER_LEN, Header, HeaderError, Interval};
use bauta_protocol::digest::pages::{Page, PageError, PageSet, page_bits, page_capacity};
use bauta_protocol::digest::set::{Set, Tag, encoded_len, sample};
use bauta_protocol::error::{HasKind, Kind};
use bauta_protocol::limits::{INTERVAL_ENTRIES, KNOWN_HEADERS, LARGE_BODY, PAGES_EVERY, SET_ENTRIES};
use bauta_protocol::time::Day;
use proptest::collection::vec;
use proptest::prelude::*;
use rand_core::Rng;
use sha2::{Digest, Sha256};

use super::support::rng;

/// Tags as good as random, the same for the same salt.
fn tags(count: u64, salt: u64) -> Vec<Tag> {
    let of = |number: u64| {
        let hash =
            Sha256::new().chain_update(salt.to_be_bytes()).chain_update(number.to_be_bytes()).finalize();
        Tag(hash[..8].try_into().unwrap())
    };
    (0..count).map(of).collect()
}

fn any_tags(most: usize) -> impl Strategy<Value = Vec<Tag>> {
    // Random ones, and some that are close together.
    let near = (any::<u64>(), 0..200u64).prop_map(|(base, step)| Tag((base >> 8 << 8 | step).to_be_bytes()));
    vec(prop_oneof![3 => any::<[u8; 8]>().prop_map(Tag), 1 => near], 0..most)
}

fn flip(bytes: &[u8], place: usize) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let bit = place % (bytes.len() * 8);
    bytes[bit / 8] ^= 0x80 >> (bit % 8);
    bytes
}

/// A relay that keeps to the rules: all it ever showed.
struct Relay {
    salt: u64,
    waiting: Vec<Tag>,
    pages: Option<PageSet>,
    closed: Vec<Closed>,
    /// The pages that belong to each header: k, and every page with its proof.
    shown: Vec<(u8, Vec<Vec<u8>>)>,
}

impl Relay {
    fn new(salt: u64) -> Self {
        Self { salt, waiting: Vec::new(), pages: None, closed: Vec::new(), shown: Vec::new() }
    }

    /// Closes the interval that is `step` after the last one.
    fn close(&mut self, step: u64, boxes: u64) {
        let number = self.closed.last().map_or(1_000, |last| last.header.interval.0 + step);
        let came = tags(boxes, self.salt.wrapping_mul(1 << 32).wrapping_add(number));
        self.waiting.extend(&came);
        if self.pages.is_none() || number.is_multiple_of(PAGES_EVERY) || step > PAGES_EVERY {
            self.pages = Some(PageSet::fix(self.waiting.iter().copied(), &mut rng("pages")));
        }
        let (set, pages) = (Set::new(came).unwrap(), self.pages.as_ref().unwrap());
        let header = Header {
            interval: Interval(number),
            previous: self.closed.last().map_or([0; 32], |last| last.header.hash()),
            set: set.hash(),
            root: pages.root(),
            descriptor: [7; 32],
            put_bits: 16,
            deposit_bits: 2,
            page_bits: pages.bits(),
        };
        self.shown
            .push((pages.bits(), (0..1 << pages.bits()).map(|index| pages.page(index).unwrap()).collect()));
        self.closed.push(Closed { header, set });
    }

    fn run(salt: u64, steps: &[u64]) -> Self {
        let mut relay = Self::new(salt);
        steps.iter().for_each(|step| relay.close(*step, (salt ^ step) % 40));
        relay
    }

    /// The answer to `news` when `last` was the last closed interval.
    fn news(&self, last: usize) -> &[Closed] {
        &self.closed[last.saturating_sub(1)..=last]
    }

    fn page(&self, last: usize, index: u16) -> (Header, Page) {
        let (bits, pages) = &self.shown[last];
        let index = index % (1 << bits);
        (self.closed[last].header, Page::decode(&pages[usize::from(index)], index, *bits).unwrap())
    }
}

/// Mostly one interval after the other; sometimes the relay was off, or its clock was put right.
fn steps() -> impl Strategy<Value = Vec<u64>> {
    vec(prop_oneof![12 => Just(1), 2 => 2..14u64, 1 => 14..100_000u64], 2..60)
}

/// What a descriptor says of the day before, to a client that saw it.
#[test]
fn a_descriptor_agrees_with_the_headers_of_the_day_before() {
    // Interval 8640 begins the second day.
    let mut relay = Relay::new(5);
    for step in 0..7_646 {
        relay.close(1, u64::from(step > 7_640));
    }
    let known = Known::new(relay.closed[7_630..].iter().map(|one| one.header)).unwrap();
    let last = relay.closed.iter().map(|one| one.header).rfind(|header| header.interval.0 < 8_640).unwrap();
    assert_eq!((last.interval, known.newest().unwrap().interval), (Interval(8_639), Interval(8_645)));
    assert_eq!(known.check_day(Day(1), Some(&last)), Ok(()));
    let other = Header { put_bits: 20, ..last };
    assert_eq!(known.check_day(Day(1), Some(&other)), Err(Forked::TwoHeaders(last.interval)));
    let before = relay.closed[7_638].header;
    let late = Err(Forked::NotGrowing { number: before.interval, after: last.interval });
    assert_eq!(known.check_day(Day(1), Some(&before)), late);
    assert!(known.check_day(Day(1), None).is_err());
    // Nothing is known of that day, or of the digest.
    assert_eq!(known.check_day(Day(0), None), Ok(()));
    assert_eq!(Known::default().check_day(Day(1), Some(&last)), Ok(()));
}

proptest! {
    #[test]
    fn sets_are_read_as_they_are_written(tags in any_tags(300), wanted in any_tags(100)) {
        let distinct: BTreeSet<Tag> = tags.iter().copied().collect();
        let set = Set::new(tags.iter().copied()).unwrap();
        prop_assert_eq!(set.len(), distinct.len());
        let bytes = set.encode();
        prop_assert!(bytes.len() <= encoded_len(set.len()));
        prop_assert_eq!(&Set::decode(&bytes).unwrap(), &set);
        let longer = [bytes.as_slice(), &[1, 2]].concat();
        let (front, after) = Set::decode_front(&longer).unwrap();
        prop_assert!(front == set && after == [1, 2]);
        prop_assert!(distinct.iter().all(|tag| set.contains(*tag)));
        prop_assert_eq!(set.matching(distinct.iter().copied()).len(), distinct.len());
        // In any order, what is found is what `contains` finds one by one.
        let mixed: Vec<Tag> = wanted.iter().chain(&tags).copied().collect();
        let one_by_one: Vec<Tag> = mixed.iter().copied().filter(|tag| set.contains(*tag)).collect();
        prop_assert_eq!(set.matching(mixed), one_by_one);
    }

    #[test]
    fn a_set_has_one_encoding(tags in any_tags(60), place in any::<usize>(), bytes in vec(any::<u8>(), 0..200)) {
        let good = Set::new(tags).unwrap();
        for bytes in [flip(&good.encode(), place), bytes] {
            if let Ok(set) = Set::decode(&bytes) {
                prop_assert_eq!(set.encode(), bytes);
                prop_assert!(set.hash() != good.hash());
            }
        }
    }

    #[test]
    fn a_header_has_one_encoding(bytes in vec(any::<u8>(), HEADER_LEN), work in (0..25u8, 0..9u8), bits in 0..13u8) {
        let mut bytes = bytes;
        bytes.splice(HEADER_LEN - 3.., [work.0, work.1, bits]);
        let header = Header::decode(&bytes).unwrap();
        prop_assert!(header.encode().as_slice() == bytes);
        prop_assert!(Header::decode(&bytes[1..]).is_err());
        bytes.push(0);
        prop_assert_eq!(Header::decode(&bytes), Err(HeaderError::Length(HEADER_LEN + 1)));
        // A relay must not keep its clients busy.
        for (place, most) in [(HEADER_LEN - 3, 24), (HEADER_LEN - 2, 8)] {
            let mut greedy = header.encode();
            greedy[place] = most + 1;
            let is_refused = matches!(Header::decode(&greedy), Err(HeaderError::Work { .. }));
            prop_assert!(is_refused);
        }
    }

    #[test]
    fn every_box_is_on_the_page_of_its_tag(count in 0..6000u64, salt in any::<u64>(), wanted in any_tags(50)) {
        let listed = tags(count, salt);
        let pages = PageSet::fix(listed.iter().copied(), &mut rng("pages"));
        prop_assert_eq!((pages.left_out(), pages.bits()), (0, page_bits(listed.len())));
        let (mut found, mut len) = (BTreeSet::new(), 0);
        for index in 0..1 << pages.bits() {
            let bytes = pages.page(index).unwrap();
            prop_assert!(1 + HEADER_LEN + bytes.len() <= LARGE_BODY);
            let page = Page::decode(&bytes, index, pages.bits()).unwrap();
            prop_assert!(page.is_under(&pages.root()) && page.encode() == bytes);
            len += page.len();
            let sorted: BTreeSet<Tag> = listed.iter().copied().collect();
            found.extend(page.matching(sorted));
            let one_by_one: Vec<Tag> = wanted.iter().copied().filter(|tag| page.contains(*tag)).collect();
            prop_assert_eq!(page.matching(wanted.iter().copied()), one_by_one);
        }
        prop_assert!(pages.page(1 << pages.bits()).is_none());
        prop_assert_eq!(found, listed.iter().copied().collect::<BTreeSet<_>>());
        prop_assert_eq!(len, listed.len());
    }

    #[test]
    fn no_changed_bit_of_a_page_or_proof_is_taken(
        count in 0..6000u64,
        salt in any::<u64>(),
        index in any::<u16>(),
        places in vec(any::<usize>(), 20),
    ) {
        let pages = PageSet::fix(tags(count, salt), &mut rng("pages"));
        let (bits, root) = (pages.bits(), pages.root());
        let index = index % (1 << bits);
        let good = pages.page(index).unwrap();
        for place in places {
            let taken = Page::decode(&flip(&good, place), index, bits).is_ok_and(|page| page.is_under(&root));
            prop_assert!(!taken);
        }
        // Nor a page for another one, unless both are empty and so the same.
        for other in (0..1 << bits).filter(|other| *other != index) {
            let page = Page::decode(&good, other, bits).unwrap();
            prop_assert!(!page.is_under(&root));
        }
    }

    /// Any answers may be missing, and any may be late by less than two minutes.
    #[test]
    fn an_honest_relay_is_always_believed(
        salt in any::<u64>(),
        steps in steps(),
        asked in vec((any::<bool>(), any::<u16>(), 0..12u64), 60),
    ) {
        let relay = Relay::run(salt, &steps);
        // In which interval the answer comes, and the last closed one when it was given.
        let mut answers: Vec<(u64, usize, bool, u16)> = Vec::new();
        for (last, (news, index, delay)) in asked.into_iter().enumerate() {
            let last = last * 3 / 2;
            if let Some(closed) = relay.closed.get(last) {
                answers.push((closed.header.interval.0 + delay, last, news, index));
            }
        }
        answers.sort_unstable();
        let mut known = Known::default();
        for (_, last, news, index) in answers {
            let accepted = if news {
                known.check_news(relay.news(last))
            } else {
                let (header, page) = relay.page(last, index);
                known.check_page(&header, &page)
            };
            let accepted = accepted.unwrap();
            prop_assert_eq!(accepted.continuity == Continuity::First, known.newest().is_none());
            prop_assert!(accepted.known.headers().len() <= KNOWN_HEADERS);
            prop_assert!(accepted.known.headers().is_sorted_by_key(|header| header.interval));
            // It can be stored and continued.
            known = Known::new(accepted.known.headers().iter().copied()).unwrap();
            prop_assert_eq!(&known, &accepted.known);
        }
    }

    /// Whoever asks in every interval has a chain without gaps, also over times when the relay was off.
    #[test]
    fn who_misses_at_most_one_interval_in_a_row_sees_no_gap(salt in any::<u64>(), steps in steps()) {
        let relay = Relay::run(salt, &steps);
        let mut known = Known::default();
        let mut last = 0;
        while last < relay.closed.len() {
            let accepted = known.check_news(relay.news(last)).unwrap();
            let expected = if last == 0 { Continuity::First } else { Continuity::Linked };
            prop_assert_eq!(accepted.continuity, expected);
            known = accepted.known;
            last += 1 + usize::from((salt >> (last % 64)) & 1 == 1);
        }
    }

    /// One bit of a set, or of the earlier header, is refused at once. The last header is bound by the next: a bit of it
    /// that nothing known contradicts is refused with the next news at the latest.
    #[test]
    fn no_changed_bit_of_news_is_taken(
        salt in any::<u64>(),
        steps in steps(),
        before in 0..6usize,
        at in any::<usize>(),
        place in any::<usize>(),
    ) {
        let relay = Relay::run(salt, &[steps.as_slice(), &[1, 1, 1]].concat());
        let last = 1 + at % (relay.closed.len() - 2);
        let mut known = Known::default();
        for seen in last.saturating_sub(before)..last {
            known = known.check_news(relay.news(seen)).unwrap().known;
        }
        let news = relay.news(last);
        for number in 0..2 {
            let mut changed = news.to_vec();
            if let Ok(set) = Set::decode(&flip(&news[number].set.encode(), place)) {
                changed[number].set = set;
                prop_assert_eq!(known.check_news(&changed), Err(Forked::Set(news[number].header.interval)));
            }
            let Ok(header) = Header::decode(&flip(&news[number].header.encode(), place)) else { continue };
            let mut changed = news.to_vec();
            changed[number].header = header;
            match known.check_news(&changed) {
                Err(_) => {}
                Ok(_) if number == 0 => prop_assert!(false, "{header:?} was taken for {:?}", news[0].header),
                Ok(taken) => prop_assert!(taken.known.check_news(relay.news(last + 1)).is_err()),
            }
        }
    }

    /// A history that differs in one interval is noticed by whoever saw that one, however both go on.
    #[test]
    fn two_histories_are_noticed(salt in any::<u64>(), steps in steps(), at in any::<usize>()) {
        let relay = Relay::run(salt, &steps);
        let at = at % relay.closed.len();
        let mut other = Relay::run(salt, &steps[..at]);
        other.close(steps[at], 41);
        steps[at + 1..].iter().for_each(|step| other.close(*step, 1));
        prop_assert!(other.closed[at] != relay.closed[at]);
        for last in at..relay.closed.len().min(at + KNOWN_HEADERS - 1) {
            let mut known = Known::default();
            for seen in at.saturating_sub(3)..=last {
                known = known.check_news(relay.news(seen)).unwrap().known;
            }
            prop_assert!(known.check_news(other.news(last)).is_err());
        }
    }
}

/// Every bit of one whole answer of each kind.
#[test]
fn every_single_bit_counts() {
    let relay = Relay::run(3, &[1; 40]);
    let last = 30;
    let known = [last - 2, last - 1, last]
        .iter()
        .fold(Known::default(), |known, last| known.check_news(relay.news(*last)).unwrap().known);
    let (header, page) = relay.page(last, 0);
    for place in 0..HEADER_LEN * 8 {
        let Ok(changed) = Header::decode(&flip(&header.encode(), place)) else { continue };
        assert!(known.check_page(&changed, &page).is_err(), "bit {place} of a page's header");
        for number in 0..2 {
            let mut news = relay.news(last).to_vec();
            let changed = Header::decode(&flip(&news[number].header.encode(), place));
            let Ok(changed) = changed else { continue };
            news[number].header = changed;
            assert!(known.check_news(&news).is_err(), "bit {place} of header {number}");
        }
    }
    let mut large = Relay::new(9);
    large.close(1, 600);
    large.close(1, 693);
    large.close(PAGES_EVERY + 1, 693);
    let news = large.news(1);
    let coded = news[1].set.encode();
    for place in 0..coded.len() * 8 {
        let Ok(set) = Set::decode(&flip(&coded, place)) else { continue };
        let changed = [news[0].clone(), Closed { header: news[1].header, set }];
        assert_eq!(Known::default().check_news(&changed), Err(Forked::Set(news[1].header.interval)));
    }
    let (bits, pages) = &large.shown[2];
    assert_eq!(*bits, 1);
    for (index, bytes) in pages.iter().enumerate() {
        let index = u16::try_from(index).unwrap();
        for place in 0..bytes.len() * 8 {
            let Ok(page) = Page::decode(&flip(bytes, place), index, *bits) else { continue };
            let header = large.closed[2].header;
            let expected = Err(Forked::Page { index, number: header.interval });
            assert_eq!(Known::default().check_page(&header, &page), expected);
        }
    }
}

#[test]
fn each_reason_is_named() {
    let relay = Relay::run(5, &[1; 60]);
    let news = |last: usize| relay.news(last).to_vec();
    let known = Known::default().check_news(&news(30)).unwrap().known;
    let at = |last: usize| relay.closed[last].header.interval;

    let swapped: Vec<_> = news(31).into_iter().rev().collect();
    assert_eq!(known.check_news(&swapped), Err(Forked::NotGrowing { number: at(30), after: at(31) }));
    // Late by two minutes, by less, and not at all.
    assert_eq!(known.check_news(&news(18)), Err(Forked::NotGrowing { number: at(18), after: at(30) }));
    assert_eq!(known.check_news(&news(19)).unwrap().continuity, Continuity::Gap);
    assert_eq!(known.check_news(&news(28)).unwrap().continuity, Continuity::Linked);
    assert_eq!(known.check_news(&news(30)).unwrap().known, known);
    assert_eq!(known.check_news(&news(50)).unwrap().continuity, Continuity::Gap);
    assert_eq!(known.check_news(&[]).unwrap().known, known);

    let mut set = news(31);
    set[0].set = Set::new(tags(3, 77)).unwrap();
    assert_eq!(known.check_news(&set), Err(Forked::Set(at(30))));

    let mut two = news(31);
    two[0].header.put_bits += 1;
    two[1].header.previous = two[0].header.hash();
    assert_eq!(known.check_news(&two), Err(Forked::TwoHeaders(at(30))));

    let mut link = news(31);
    link[1].header.previous = [1; 32];
    assert_eq!(known.check_news(&link), Err(Forked::Link(at(31))));
    // The next one, shown with a page, without a header between.
    let (mut header, page) = relay.page(31, 0);
    assert_eq!(known.check_page(&header, &page).unwrap().continuity, Continuity::Linked);
    header.previous = [1; 32];
    assert_eq!(known.check_page(&header, &page), Err(Forked::Link(at(31))));
    // A later one that leaves out one that was shown.
    let (mut header, page) = relay.page(40, 0);
    header.previous = relay.closed[29].header.hash();
    assert_eq!(known.check_page(&header, &page), Err(Forked::Link(at(40))));

    // The relay's first, after others.
    header.previous = [0; 32];
    assert_eq!(known.check_page(&header, &page), Err(Forked::Link(at(40))));
    // Two that come after one and the same, which was not seen.
    header.previous = relay.closed[35].header.hash();
    let gap = known.check_page(&header, &page).unwrap();
    assert_eq!(gap.continuity, Continuity::Gap);
    assert_eq!(gap.known.check_news(&news(36)), Err(Forked::Link(at(40))));
    let (rightly, page_36) = relay.page(36, 0);
    assert_eq!(gap.known.check_page(&rightly, &page_36), Err(Forked::Link(at(40))));

    // Header 30 is named by one with a lower number, and by one with header 40 between them.
    for number in [20, 45] {
        let (mut header, page) = relay.page(number, 0);
        header.previous = relay.closed[30].header.hash();
        assert_eq!(gap.known.check_page(&header, &page), Err(Forked::Link(at(number))));
    }

    let mut other = relay.page(40, 0).0;
    other.root = [1; 32];
    assert_eq!(known.check_page(&other, &page), Err(Forked::Page { index: 0, number: at(40) }));
    other = relay.page(40, 0).0;
    other.page_bits += 1;
    assert_eq!(known.check_page(&other, &page), Err(Forked::Page { index: 0, number: at(40) }));
    assert_eq!(Forked::TwoHeaders(at(1)).kind(), Kind::Forged);
}

/// A relay that was off for hours answers once with what it had closed before, and that answer comes late.
#[test]
fn a_late_answer_from_before_a_jump_is_no_fork() {
    let mut relay = Relay::run(6, &[1; 20]);
    relay.close(5_000, 3);
    relay.close(1, 3);
    let known = Known::default().check_news(relay.news(20)).unwrap().known;
    assert_eq!(known.check_news(relay.news(19)).unwrap().continuity, Continuity::Linked);
    let known = known.check_news(relay.news(21)).unwrap().known;
    assert_eq!(known.check_news(relay.news(19)).unwrap().continuity, Continuity::Linked);
    assert!(matches!(known.check_news(relay.news(17)), Err(Forked::NotGrowing { .. })));
}

#[test]
fn pages_are_refused_by_name() {
    let pages = PageSet::fix(tags(3_000, 1), &mut rng("pages"));
    assert_eq!(pages.bits(), 2);
    let good = pages.page(3).unwrap();
    assert_eq!(Page::decode(&good, 4, 2).unwrap_err(), PageError::Index { index: 4, bits: 2 });
    assert_eq!(Page::decode(&good, 0, 13).unwrap_err(), PageError::Index { index: 0, bits: 13 });
    assert_eq!(Page::decode(&good[..63], 3, 2).unwrap_err(), PageError::Proof);
    let full = [[0; 64].as_slice(), &Set::new(tags(SET_ENTRIES as u64, 1)).unwrap().encode()].concat();
    assert_eq!(Page::decode(&full, 3, 2).unwrap_err(), PageError::Full(SET_ENTRIES));
    assert!(matches!(Page::decode(&good[..good.len() - 1], 3, 2), Err(PageError::Set(_))));
    let longer = [good.as_slice(), &[0; 9]].concat();
    assert!(Page::decode(&longer, 3, 2).is_err());
    assert_eq!(Page::decode_front(&longer, 3, 2).unwrap().1, [0; 9]);
}

/// With their first bits, the tags of a page would be found falsely 2^k times as often: 32 times here.
#[test]
fn false_matches_are_as_rare_on_a_page_as_in_a_set() {
    let pages = PageSet::fix(tags(30_000, 1), &mut rng("pages"));
    assert_eq!(pages.bits(), 5);
    let others = tags(1 << 20, 2);
    let found = |index| {
        let page = Page::decode(&pages.page(index).unwrap(), index, 5).unwrap();
        page.matching(others.iter().copied()).len()
    };
    let found: usize = (0..32).map(found).sum();
    // One is expected; ten or more have a probability of 10^-7.
    assert!(found < 10, "{found}");
}

/// Somebody puts boxes whose tags begin alike: everybody's walk stays as long as the number of boxes says, and a box on
/// the full page is listed sooner or later.
#[test]
fn a_crowded_page_lists_a_sample_and_others_are_as_they_were() {
    let mut boxes = tags(4_000, 1);
    let crowd = 3 * page_capacity(0) as u64;
    boxes.extend((0..crowd).map(|number| Tag((number << 20).to_be_bytes())));
    let victim = Tag([0x10, 0, 0, 1, 2, 3, 4, 5]);
    boxes.push(victim);
    let bits = page_bits(boxes.len());
    assert_eq!(bits, 3);
    let mut rng = rng("crowd");
    let (mut listed, tries) = (0, 60);
    for _ in 0..tries {
        let pages = PageSet::fix(boxes.iter().copied(), &mut rng);
        assert_eq!(pages.bits(), bits);
        let page = |index| Page::decode(&pages.page(index).unwrap(), index, bits).unwrap();
        assert_eq!(page(0).len(), page_capacity(bits));
        assert!((1..8).all(|index| page(index).len() > 300), "the others list all");
        listed += usize::from(page(0).contains(victim));
    }
    // About one in three and a half: none of sixty, or all, would have a probability below 10^-7.
    assert!(listed > 0 && listed < tries, "{listed} of {tries}");
}

#[test]
fn samples_are_uniform() {
    let all = tags(20, 1);
    let mut rng = rng("sample");
    let mut counts = [0; 20];
    for _ in 0..4_000 {
        let drawn = sample(all.iter().copied(), 5, &mut rng);
        assert!(drawn.len() == 5 && drawn.is_sorted());
        for tag in drawn {
            counts[all.iter().position(|one| *one == tag).unwrap()] += 1;
        }
    }
    // A thousand are expected of each, with a deviation of 27.
    assert!(counts.iter().all(|count| (850..1150).contains(count)), "{counts:?}");
    assert_eq!(sample(all.iter().copied(), 20, &mut rng).len(), 20);
    assert!(sample(all, 0, &mut rng).is_empty());
}

/// The measurement behind the limits: bits an entry, and that nothing is left out of pages of random tags.
#[test]
fn sizes_of_random_sets_and_pages() {
    let mut rng = rng("sizes");
    let mut random = || Tag(rng.next_u64().to_be_bytes());
    for count in [10, 100, INTERVAL_ENTRIES, SET_ENTRIES] {
        let bytes: usize =
            (0..20).map(|_| Set::new((0..count).map(|_| random())).unwrap().encode().len()).sum();
        let bits = (bytes - 40) as f64 * 8.0 / (20 * count) as f64;
        println!("{count} entries: {bits:.2} bits each");
        assert!((21.0..22.0).contains(&bits));
    }
    for boxes in [1_000, 10_000, 37_000, 100_000] {
        let pages =
            PageSet::fix((0..boxes).map(|_| random()).collect::<Vec<_>>(), &mut super::support::rng("p"));
        let longest = (0..1 << pages.bits()).map(|index| pages.page(index).unwrap().len()).max().unwrap();
        println!("{boxes} boxes: 2^{} pages, the longest with its proof {longest} bytes", pages.bits());
        assert_eq!(pages.left_out(), 0);
        assert!(1 + HEADER_LEN + longest <= LARGE_BODY);
    }
}
