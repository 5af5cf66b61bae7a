//! The digest that a desk serves, read as a client reads it.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::support::*;
use bauta_protocol::bell::Bell;
use bauta_protocol::digest::chain::{Closed, Continuity, Known};
use bauta_protocol::digest::header::{Header, Interval};
use bauta_protocol::digest::pages::Page;
use bauta_protocol::limits::{HOLD, INTERVAL_MS, PAGES_EVERY};
use bauta_protocol::relay::{self, Class, News, Reply, Request};
use bauta_protocol::time::Timestamp;
use proptest::prelude::*;

/// The first interval whose end fixes pages.
const FIRST: u64 = 172_800_000;

fn within(number: u64) -> Timestamp {
    Interval(number).start().plus(Duration::from_millis(INTERVAL_MS / 2))
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Put(u8),
    Get(u8),
    /// So many intervals pass.
    Pass(u64),
    Restart,
    /// The clock is put back by so many intervals.
    Back(u64),
    News,
    Page,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0u8..20).prop_map(Step::Put),
        2 => (0u8..20).prop_map(Step::Get),
        6 => (1u64..5).prop_map(Step::Pass),
        1 => Just(Step::Restart),
        1 => (1u64..40).prop_map(Step::Back),
        4 => Just(Step::News),
        2 => Just(Step::Page),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever happens to a relay, a client that looks now and then sees one history, and in the end every box that
    /// never went out on a page, and no other.
    #[test]
    fn a_relay_has_one_history(steps in prop::collection::vec(step(), 1..40)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut reader = Reader::new(FIRST).await;
            let (mut now, mut furthest, mut waiting) = (FIRST, FIRST, BTreeSet::new());
            let mut put_ever = BTreeSet::new();
            for step in steps {
                match step {
                    Step::Put(name) => {
                        reader.put(name).await;
                        if put_ever.insert(name) {
                            waiting.insert(name);
                        }
                    }
                    Step::Get(name) if put_ever.contains(&name) => {
                        prop_assert!(reader.office.ask(get(name)).await == Reply::Box(sealed(name)));
                        waiting.remove(&name);
                    }
                    Step::Get(_) => {}
                    Step::Pass(intervals) => {
                        now += intervals;
                        furthest = furthest.max(now);
                        reader.at(now);
                    }
                    Step::Restart => {
                        reader.office.desk.finish().await;
                        reader = reader.restart(now).await;
                    }
                    Step::Back(intervals) => {
                        now -= intervals;
                        reader.at(now);
                    }
                    Step::News => drop(reader.try_news().await),
                    Step::Page => drop(reader.try_page(0).await),
                }
            }
            // The clock is right again, and it was off for so long that it closes at once, and fixes its pages.
            reader.office.desk.finish().await;
            let mut reader = reader.restart(furthest + 100).await;
            let page = reader.try_page(0).await.expect("a page").1;
            let listed: BTreeSet<u8> = (0..20).filter(|name| page.contains(tag(*name))).collect();
            prop_assert_eq!(listed, waiting);
            Ok(())
        })?;
    }
}

struct Reader {
    office: Office,
    _home: tempfile::TempDir,
    known: Known,
}

impl Reader {
    async fn new(number: u64) -> Self {
        let home = tempfile::tempdir().unwrap();
        let terms = Terms { hold: HOLD, ..Terms::default() };
        let office = Office::open(home.path(), within(number), terms).await;
        Self { office, _home: home, known: Known::default() }
    }

    async fn restart(self, number: u64) -> Self {
        let Self { office, _home: home, known } = self;
        office.close().await;
        let terms = Terms { hold: HOLD, ..Terms::default() };
        let office = Office::open(home.path(), within(number), terms).await;
        Self { office, _home: home, known }
    }

    fn at(&self, number: u64) {
        self.office.clock.set(within(number));
    }

    async fn put(&self, name: u8) {
        assert!(self.office.ask(put(name, name, TODAY)).await == Reply::Done);
    }

    /// The last closed intervals; they go with all that was shown before.
    async fn news(&mut self) -> (Vec<Closed>, Continuity) {
        self.try_news().await.expect("no news")
    }

    /// `None` while the relay shows nothing.
    async fn try_news(&mut self) -> Option<(Vec<Closed>, Continuity)> {
        let listing = match self.office.ask(Request::News(News)).await {
            Reply::News(listing) => listing,
            Reply::Busy => return None,
            _ => panic!("not an answer to news"),
        };
        let closed = listing.closed().unwrap();
        let accepted = self.known.check_news(&closed).unwrap();
        self.known = accepted.known;
        Some((closed, accepted.continuity))
    }

    async fn page(&mut self, index: u16) -> (Header, Page) {
        self.try_page(index).await.expect("no page")
    }

    async fn try_page(&mut self, index: u16) -> Option<(Header, Page)> {
        let listing = match self.office.ask(Request::Page(relay::Page { index })).await {
            Reply::Page(listing) => listing,
            Reply::Busy => return None,
            _ => panic!("not an answer to page"),
        };
        let (header, page) = listing.page(index).unwrap();
        self.known = self.known.check_page(&header, &page).unwrap().known;
        Some((header, page))
    }

    /// What the last interval and the only page list, of the boxes that tests use.
    async fn listed(&mut self) -> (Vec<u8>, Vec<u8>) {
        let (closed, _) = self.news().await;
        let (_, page) = self.page(0).await;
        let set = &closed.last().unwrap().set;
        let all = 0..=255;
        (
            all.clone().filter(|name| set.contains(tag(*name))).collect(),
            all.filter(|name| page.contains(tag(*name))).collect(),
        )
    }
}

#[tokio::test]
async fn a_new_relay_shows_an_empty_interval() {
    let mut reader = Reader::new(FIRST + 1).await;
    let (closed, continuity) = reader.news().await;
    assert_eq!(closed.len(), 1);
    assert_eq!((closed[0].header.interval, closed[0].header.previous), (Interval(FIRST), [0; 32]));
    assert_eq!((closed[0].set.len(), continuity), (0, Continuity::First));
    let descriptor = reader.office.descriptor().await;
    assert_eq!(closed[0].header.descriptor, descriptor.seen().hash);
    assert_eq!(reader.page(0).await.1.len(), 0);
    assert!(reader.office.ask(Request::Page(relay::Page { index: 1 })).await == Reply::Absent);
}

#[tokio::test]
async fn boxes_are_listed_in_their_interval_and_on_pages_until_they_go_out() {
    let mut reader = Reader::new(FIRST - 3).await;
    reader.put(1).await;
    reader.put(2).await;
    reader.at(FIRST - 2);
    assert_eq!(reader.listed().await, (vec![1, 2], vec![]));
    assert!(reader.office.ask(get(2)).await == Reply::Box(sealed(2)));
    reader.at(FIRST - 1);
    assert_eq!(reader.listed().await, (vec![], vec![]));
    reader.put(3).await;
    // The interval that fixes the pages is over.
    reader.at(FIRST + 1);
    assert_eq!(reader.listed().await, (vec![3], vec![1, 3]));
    assert!(reader.office.ask(get(3)).await == Reply::Box(sealed(3)));
    for number in FIRST + 2..=FIRST + PAGES_EVERY {
        reader.at(number);
        assert_eq!(reader.listed().await, (vec![], vec![1, 3]), "pages stay for two minutes");
        assert_eq!(reader.news().await.1, Continuity::Linked);
    }
    reader.at(FIRST + PAGES_EVERY + 1);
    assert_eq!(reader.listed().await, (vec![], vec![1]));
}

#[tokio::test]
async fn a_box_that_somebody_waits_for_is_never_listed() {
    let mut reader = Reader::new(FIRST).await;
    let waiting = reader.office.ask_and_hold(get(1), 1).await;
    reader.put(1).await;
    assert!(waiting.await.unwrap() == Reply::Box(sealed(1)));
    for number in FIRST + 1..=FIRST + PAGES_EVERY + 1 {
        reader.at(number);
        assert_eq!(reader.listed().await, (vec![], vec![]));
    }
}

#[tokio::test]
async fn intervals_close_by_themselves_and_both_last_ones_are_shown() {
    let mut reader = Reader::new(FIRST).await;
    for number in FIRST + 1..FIRST + 5 {
        reader.at(number);
        let (closed, _) = reader.news().await;
        let numbers: Vec<u64> = closed.iter().map(|one| one.header.interval.0).collect();
        assert_eq!(numbers, [number - 2, number - 1]);
    }
    // Nobody asked in these.
    reader.at(FIRST + 7);
    assert_eq!(reader.news().await.1, Continuity::Linked, "the last header names the one before");
}

#[tokio::test]
async fn a_restart_continues_the_history() {
    let mut reader = Reader::new(FIRST + 1).await;
    reader.put(1).await;
    reader.at(FIRST + 2);
    reader.news().await;
    // Within one interval: the header is there, its pages are not.
    let mut reader = reader.restart(FIRST + 2).await;
    assert_eq!(reader.news().await.1, Continuity::Linked);
    assert!(reader.office.ask(Request::Page(relay::Page { index: 0 })).await == Reply::Busy);
    reader.at(FIRST + 3);
    assert_eq!(reader.listed().await, (vec![], vec![1]));
    // Off for a day: the next header names the last one all the same.
    let mut reader = reader.restart(FIRST + 8_640).await;
    let (closed, continuity) = reader.news().await;
    assert_eq!(continuity, Continuity::Linked);
    assert_eq!(closed[0].header.interval, Interval(FIRST + 2));
    assert_eq!(reader.page(0).await.1.len(), 1);
}

#[tokio::test]
async fn a_clock_that_is_set_forks_nothing() {
    let mut reader = Reader::new(FIRST + 30).await;
    reader.news().await;
    // Back: nothing closes until the time has come again.
    reader.at(FIRST + 20);
    let (closed, _) = reader.news().await;
    assert_eq!(closed.last().unwrap().header.interval, Interval(FIRST + 29));
    reader.at(FIRST + 31);
    assert_eq!(reader.news().await.1, Continuity::Linked);
    // Forward by more than a minute: nothing is shown for a while.
    reader.at(FIRST + 40);
    assert!(reader.office.ask(Request::News(News)).await == Reply::Busy);
    assert!(reader.office.ask(Request::Page(relay::Page { index: 0 })).await == Reply::Busy);
    let mut reader = reader.restart(FIRST + 40).await;
    assert_eq!(reader.news().await.1, Continuity::Linked);
}

#[tokio::test]
async fn a_bell_rings_for_its_owner_until_the_inbox_is_drained() {
    let mut reader = Reader::new(FIRST).await;
    let (bell, other) = (Bell::of(&cap(1)), Bell::of(&cap(2)));
    for who in 1..=2 {
        let made = bundle(who, within(FIRST), relay());
        assert!(reader.office.ask(publish(&made)).await == Reply::Done);
    }
    assert!(reader.office.ask(deposit(1, 5, TODAY)).await == Reply::Done);
    assert!(reader.office.ask(deposit(1, 5, TODAY)).await == Reply::Done);
    assert!(reader.office.ask(deposit(1, 6, TODAY)).await == Reply::Done);
    // Nobody hung a bell on this one.
    assert!(reader.office.ask(deposit(3, 5, TODAY)).await == Reply::Done);
    reader.at(FIRST + 1);
    let (closed, _) = reader.news().await;
    let last = closed.last().unwrap();
    assert_eq!(last.set.len(), 1, "two deposits ring once");
    assert!(last.set.contains(bell.in_interval(Interval(FIRST))));
    assert!(!last.set.contains(other.in_interval(Interval(FIRST))));
    for number in FIRST + 2..=FIRST + PAGES_EVERY + 1 {
        reader.at(number);
        assert_eq!(reader.news().await.0.last().unwrap().set.len(), 0);
    }
    // While it waits, under every header that names these pages.
    assert!(matches!(reader.office.ask(drain(1, 0)).await, Reply::Deposit(_)));
    for number in FIRST + PAGES_EVERY + 1..=FIRST + 2 * PAGES_EVERY {
        reader.at(number);
        let (header, page) = reader.page(0).await;
        assert!(page.len() == 1 && page.contains(bell.on_pages(&header)), "{number}");
        assert!(!page.contains(bell.in_interval(Interval(FIRST))), "it cannot be followed");
    }
    assert!(reader.office.ask(drain(1, u64::MAX)).await == Reply::Absent);
    reader.at(FIRST + 2 * PAGES_EVERY + 1);
    assert_eq!(reader.page(0).await.1.len(), 0);
}

#[tokio::test]
async fn answers_about_the_digest_have_a_size_of_their_own() {
    let reader = Reader::new(FIRST).await;
    for request in [Request::News(News), Request::Page(relay::Page { index: 0 })] {
        let body = request.encode();
        assert_eq!((request.class(), body.len()), (Class::Digest, 32));
        let answer = reader.office.desk.answer_body(Class::Digest, body.to_vec()).await.unwrap();
        assert_eq!(answer.len(), 4096);
        assert!(matches!(Reply::decode(Class::Digest, &answer), Ok(Reply::News(_) | Reply::Page(_))));
    }
}
