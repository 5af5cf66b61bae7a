//! What every store must do, written against the trait. Each check gets an empty store.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bauta_protocol::digest::header::Interval;
use bauta_protocol::digest::set::Tag;
use bauta_protocol::handshake::HANDSHAKE_LEN;
use bauta_protocol::id::{BoxId, InboxId};
use bauta_protocol::limits::{BOX_LEN, KNOWN_HEADERS, TTL_DAYS};
use bauta_protocol::time::{Day, Timestamp};
use bauta_relay::StorageError;
use bauta_relay::policy::{Quotas, SEEN_DAYS, Stored};
use bauta_relay::storage::{
    Arrival, Arrivals, BundleName, DepositOutcome, Hour, PublishOutcome, PutOutcome, SealedHandshake,
    Storage, StoredBundle, StoredInterval,
};
use futures::StreamExt as _;

pub(crate) type Store = Arc<dyn Storage>;
type Check = fn(Store) -> Pin<Box<dyn Future<Output = ()> + Send>>;

/// The quotas that a store under test is made with.
pub(crate) const QUOTAS: Quotas = Quotas { boxes: 40, bytes: 40 * Quotas::BOX_COST, bundles: 3, inbox: 3 };

macro_rules! checks {
    ($($name:ident),* $(,)?) => {
        /// All checks, by name.
        pub(crate) const CHECKS: &[(&str, Check)] = &[$((stringify!($name), |store| Box::pin($name(store)))),*];
    };
}

checks![
    the_first_write_wins,
    the_same_again_lives_longer,
    a_box_that_went_out_is_dropped_and_forgotten,
    forgotten_ids_leave_nothing,
    an_expired_box_is_as_if_never_written,
    expiry_goes_in_small_steps,
    a_full_store_takes_no_more_boxes,
    tombstones_and_deposits_use_up_bytes_too,
    of_many_writers_one_is_first,
    deposits_come_in_order_and_go_with_the_cursor,
    sequence_numbers_grow_for_ever,
    a_full_inbox_drops_the_least_work,
    deposits_are_counted_for_a_day,
    bells_ring_while_a_deposit_waits,
    the_same_deposit_is_stored_once,
    deposits_expire,
    bundles_only_grow,
    an_expired_bundle_still_guards_its_version,
    bundles_have_a_quota,
    what_comes_is_announced_to_all_who_asked,
    boxes_wait_until_they_go_out,
    the_last_intervals_are_kept,
    a_day_has_one_descriptor,
    totals_follow_every_change,
    a_closed_store_says_so,
];

const TODAY: Day = Day(20_000);

fn on(days_later: u32) -> Day {
    Day(TODAY.0 + days_later)
}

fn at(days_later: u32) -> Timestamp {
    on(days_later).start()
}

fn id(name: u8) -> BoxId {
    BoxId([name; 32])
}

fn tag(name: u8) -> Tag {
    Tag([name; 8])
}

fn sealed(fill: u8) -> Box<[u8; BOX_LEN]> {
    Box::new([fill; BOX_LEN])
}

fn handshake(name: u16) -> SealedHandshake {
    let mut bytes = Box::new([7; HANDSHAKE_LEN]);
    bytes[..2].copy_from_slice(&name.to_be_bytes());
    bytes
}

async fn put(store: &Store, name: u8, fill: u8, day: Day) -> PutOutcome {
    put_at(store, name, fill, day.start()).await
}

async fn put_at(store: &Store, name: u8, fill: u8, now: Timestamp) -> PutOutcome {
    store.put_box(id(name), tag(name), sealed(fill), now).await.unwrap()
}

async fn get(store: &Store, name: u8, day: Day) -> Option<u8> {
    get_at(store, name, day.start()).await
}

async fn get_at(store: &Store, name: u8, now: Timestamp) -> Option<u8> {
    store.get_box(id(name), now).await.unwrap().map(|bytes| bytes[0])
}

async fn mark_out(store: &Store, names: std::ops::Range<u8>, now: Timestamp) {
    store.mark_out(names.map(id).collect(), Hour::of(now)).await.unwrap();
}

fn hours(hours: u64) -> Timestamp {
    at(0).plus(Duration::from_secs(hours * 60 * 60))
}

async fn deposit(store: &Store, inbox: u8, name: u16, work: u8, now: Timestamp) -> DepositOutcome {
    store.deposit(InboxId([inbox; 32]), handshake(name), work, now).await.unwrap()
}

async fn drain(store: &Store, inbox: u8, after: u64, day: Day) -> Option<(u64, u16)> {
    let next = store.drain(InboxId([inbox; 32]), after, day).await.unwrap();
    next.map(|next| (next.seq, u16::from_be_bytes([next.sealed[0], next.sealed[1]])))
}

/// Everything in the inbox, as its owner reads it: it is empty after that.
async fn drain_all(store: &Store, inbox: u8, day: Day) -> Vec<u16> {
    let mut all = Vec::new();
    let mut after = 0;
    while let Some((seq, name)) = drain(store, inbox, after, day).await {
        all.push(name);
        after = seq;
    }
    all
}

/// Of somebody who knows of no other bundle.
async fn publish(store: &Store, bundle: StoredBundle, takes_new: bool, now: Timestamp) -> PublishOutcome {
    let known = bundle.version;
    store.publish(bundle, known, takes_new, now).await.unwrap()
}

fn bundle(who: u8, version: Timestamp, days: u64, fill: u8) -> StoredBundle {
    let life = std::time::Duration::from_secs(days * 24 * 60 * 60);
    StoredBundle {
        name: BundleName([who; 32]),
        version,
        expiry: version.plus(life),
        forget: version.plus(std::time::Duration::from_secs(8 * 24 * 60 * 60)),
        inbox: InboxId([who; 32]),
        bell: [who; 32],
        bytes: vec![fill; 100],
    }
}

async fn fetch(store: &Store, who: u8, now: Timestamp) -> Option<u8> {
    store.bundle(BundleName([who; 32]), now).await.unwrap().map(|bytes| bytes[0])
}

/// The next box that is announced.
async fn announced(arrivals: &mut Arrivals) -> Arrival {
    let next = tokio::time::timeout(Duration::from_secs(10), arrivals.next());
    next.await.expect("nothing is announced").expect("the subscription ended")
}

async fn what_comes_is_announced_to_all_who_asked(store: Store) {
    let (mut one, mut two) = (store.arrivals(), store.arrivals());
    assert_eq!(put(&store, 1, 10, TODAY).await, PutOutcome::Stored);
    assert_eq!(put(&store, 1, 11, TODAY).await, PutOutcome::Different);
    let mut late = store.arrivals();
    assert_eq!(put(&store, 2, 10, TODAY).await, PutOutcome::Stored);
    for arrivals in [&mut one, &mut two] {
        for name in [1, 2] {
            // A store may announce a box twice, and may say that it missed something.
            while announced(arrivals).await != Arrival::Box(id(name)) {}
        }
    }
    while announced(&mut late).await != Arrival::Box(id(2)) {}
    assert_eq!(get(&store, 2, TODAY).await, Some(10), "what is announced can be read");
}

async fn the_first_write_wins(store: Store) {
    assert_eq!(get(&store, 1, TODAY).await, None);
    assert_eq!(put(&store, 1, 10, TODAY).await, PutOutcome::Stored);
    assert_eq!(put(&store, 1, 10, TODAY).await, PutOutcome::Same);
    assert_eq!(put(&store, 1, 11, TODAY).await, PutOutcome::Different);
    assert_eq!(get(&store, 1, TODAY).await, Some(10));
    assert_eq!(get(&store, 2, TODAY).await, None);
}

async fn the_same_again_lives_longer(store: Store) {
    put(&store, 1, 10, TODAY).await;
    assert_eq!(put(&store, 1, 10, on(TTL_DAYS)).await, PutOutcome::Same);
    assert_eq!(get(&store, 1, on(2 * TTL_DAYS)).await, Some(10));
    assert_eq!(get(&store, 1, on(2 * TTL_DAYS + 1)).await, None);
}

/// A box that went out at noon on the first day, over the days that follow.
async fn a_box_that_went_out_is_dropped_and_forgotten(store: Store) {
    put(&store, 1, 10, TODAY).await;
    mark_out(&store, 1..2, hours(12)).await;
    // Once more changes nothing.
    mark_out(&store, 1..2, hours(30)).await;
    assert_eq!(get_at(&store, 1, hours(36)).await, Some(10), "it has a whole day");
    assert_eq!(get_at(&store, 1, hours(37)).await, None);
    for expiring in [false, true] {
        if expiring {
            while store.expire(hours(37), 1).await.unwrap() > 0 {}
            assert_eq!(store.stored(), Stored { tombstones: 1, ..Stored::default() });
        }
        for late in [hours(37), hours(12 + 96)] {
            assert_eq!(put_at(&store, 1, 10, late).await, PutOutcome::Same, "it is not stored again");
            assert_eq!(put_at(&store, 1, 11, late).await, PutOutcome::Different);
            assert_eq!(get_at(&store, 1, late).await, None);
        }
    }
    assert_eq!(store.expire(hours(12 + 96), 9).await.unwrap(), 0);
    // Five days after the first put, a writer without a receipt puts it again.
    let again = hours(5 * 24);
    assert_eq!(put_at(&store, 1, 10, again).await, PutOutcome::Stored);
    assert_eq!(get_at(&store, 1, again).await, Some(10));
    assert_eq!(waiting(&store, again.day()).await, [tag(1)]);
    assert_eq!(store.stored(), Stored { boxes: 1, ..Stored::default() });
}

async fn forgotten_ids_leave_nothing(store: Store) {
    for name in 0..6 {
        put(&store, name, 1, TODAY).await;
    }
    mark_out(&store, 0..4, hours(2)).await;
    assert_eq!(store.expire(hours(26), 10).await.unwrap(), 0);
    assert_eq!(store.expire(hours(27), 3).await.unwrap(), 3);
    assert_eq!(store.stored(), Stored { boxes: 3, tombstones: 3, ..Stored::default() });
    // A relay that was off: the last one is dropped and forgotten in two steps.
    while store.expire(hours(200), 10).await.unwrap() > 0 {}
    assert_eq!(store.stored(), Stored { boxes: 2, ..Stored::default() });
    // What was not dropped in time is replaced all the same.
    mark_out(&store, 4..5, hours(200)).await;
    assert_eq!(put_at(&store, 4, 9, hours(400)).await, PutOutcome::Stored);
    assert_eq!(store.stored(), Stored { boxes: 2, ..Stored::default() });
}

async fn an_expired_box_is_as_if_never_written(store: Store) {
    put(&store, 1, 10, TODAY).await;
    assert_eq!(get(&store, 1, on(TTL_DAYS)).await, Some(10));
    assert_eq!(get(&store, 1, on(TTL_DAYS + 1)).await, None);
    assert_eq!(put(&store, 1, 11, on(TTL_DAYS + 1)).await, PutOutcome::Stored);
    assert_eq!(get(&store, 1, on(TTL_DAYS + 1)).await, Some(11));
    assert_eq!(store.stored().boxes, 1);
}

async fn expiry_goes_in_small_steps(store: Store) {
    for name in 0..10 {
        put(&store, name, name, TODAY).await;
    }
    put(&store, 10, 10, on(1)).await;
    assert_eq!(store.expire(at(TTL_DAYS), 100).await.unwrap(), 0);
    let late = at(TTL_DAYS + 1);
    assert_eq!(store.expire(late, 4).await.unwrap(), 4);
    assert_eq!(store.stored().boxes, 7);
    assert_eq!(store.expire(late, 100).await.unwrap(), 6);
    assert_eq!(store.expire(late, 100).await.unwrap(), 0);
    assert_eq!(store.stored(), Stored { boxes: 1, ..Stored::default() });
    assert_eq!(get(&store, 10, late.day()).await, Some(10));
}

async fn a_full_store_takes_no_more_boxes(store: Store) {
    for name in 0..40 {
        assert_eq!(put(&store, name, 1, TODAY).await, PutOutcome::Stored);
    }
    assert_eq!(store.fill_permille(), 1000);
    assert_eq!(put(&store, 99, 1, TODAY).await, PutOutcome::Full);
    assert_eq!(put(&store, 7, 1, TODAY).await, PutOutcome::Same);
    assert_eq!(put(&store, 7, 2, TODAY).await, PutOutcome::Different);
    assert_eq!(get(&store, 99, TODAY).await, None);
    mark_out(&store, 0..2, at(0)).await;
    while store.expire(at(2), 10).await.unwrap() > 0 {}
    assert_eq!(put(&store, 99, 1, on(2)).await, PutOutcome::Stored);
}

async fn tombstones_and_deposits_use_up_bytes_too(store: Store) {
    for name in 0..40 {
        put(&store, name, 1, TODAY).await;
    }
    assert_eq!(deposit(&store, 1, 1, 5, at(0)).await, DepositOutcome::Full);
    mark_out(&store, 0..4, at(0)).await;
    while store.expire(at(2), 10).await.unwrap() > 0 {}
    assert_eq!(deposit(&store, 1, 1, 5, at(0)).await, DepositOutcome::Stored);
    // The deposit takes the place of four boxes, and the tombstones are not free.
    assert_eq!(put(&store, 99, 1, TODAY).await, PutOutcome::Full);
    assert_eq!(publish(&store, bundle(1, at(0), 8, 1), true, at(0)).await, PublishOutcome::Full);
}

async fn of_many_writers_one_is_first(store: Store) {
    let writers = (0..32u8).map(|fill| {
        let store = Arc::clone(&store);
        tokio::spawn(async move { put(&store, 1, fill, TODAY).await })
    });
    let mut first = 0;
    for writer in writers.collect::<Vec<_>>() {
        match writer.await.unwrap() {
            PutOutcome::Stored => first += 1,
            other => assert_eq!(other, PutOutcome::Different),
        }
    }
    assert_eq!(first, 1);
    assert_eq!(store.stored().boxes, 1);
}

async fn deposits_come_in_order_and_go_with_the_cursor(store: Store) {
    for name in 1..=3 {
        assert_eq!(deposit(&store, 1, name, 5, at(0)).await, DepositOutcome::Stored);
    }
    deposit(&store, 2, 9, 5, at(0)).await;
    let (first, name) = drain(&store, 1, 0, TODAY).await.unwrap();
    assert_eq!(name, 1);
    assert_eq!(drain(&store, 1, 0, TODAY).await, Some((first, 1)));
    let (second, name) = drain(&store, 1, first, TODAY).await.unwrap();
    assert_eq!(name, 2);
    assert!(second > first && first > 0);
    assert_eq!(drain(&store, 1, 0, TODAY).await, Some((second, 2)));
    let (third, _) = drain(&store, 1, second, TODAY).await.unwrap();
    assert_eq!(drain(&store, 1, third, TODAY).await, None);
    assert_eq!(drain(&store, 1, u64::MAX, TODAY).await, None);
    assert_eq!(drain_all(&store, 2, TODAY).await, [9]);
    assert_eq!(drain(&store, 3, 0, TODAY).await, None);
}

async fn sequence_numbers_grow_for_ever(store: Store) {
    deposit(&store, 1, 1, 5, at(0)).await;
    let (first, _) = drain(&store, 1, 0, TODAY).await.unwrap();
    assert_eq!(drain(&store, 1, first, TODAY).await, None);
    // Even if the clock does not move or runs backwards, and after the inbox was quiet for a long time.
    deposit(&store, 1, 2, 5, Timestamp(at(0).0 - 5_000)).await;
    let (second, name) = drain(&store, 1, first, TODAY).await.unwrap();
    assert!(name == 2 && second > first);
    drain(&store, 1, second, TODAY).await;
    let late = at(2 * TTL_DAYS);
    while store.expire(late, 100).await.unwrap() > 0 {}
    deposit(&store, 1, 3, 5, late).await;
    let (third, name) = drain(&store, 1, second, late.day()).await.unwrap();
    assert!(name == 3 && third > second);
}

async fn a_full_inbox_drops_the_least_work(store: Store) {
    for (name, work) in [(1, 4), (2, 3), (3, 3)] {
        assert_eq!(deposit(&store, 1, name, work, at(0)).await, DepositOutcome::Stored);
    }
    assert_eq!(deposit(&store, 1, 4, 3, at(0)).await, DepositOutcome::Outdone);
    assert_eq!(deposit(&store, 1, 5, 2, at(0)).await, DepositOutcome::Outdone);
    assert_eq!(deposit(&store, 1, 6, 9, at(0)).await, DepositOutcome::Stored);
    // What had to give way is as if it never came, but that it counts once.
    let seen = store.deposit_seen(InboxId([1; 32]), &handshake(3), TODAY).await.unwrap();
    assert!(!seen);
    assert_eq!(deposit(&store, 1, 3, 3, at(0)).await, DepositOutcome::Outdone);
    let day = store.deposits_of_day(InboxId([1; 32]), Hour::of(at(0))).await.unwrap();
    assert_eq!((day.all, day.settled), (6, 0));
    assert_eq!(store.stored().deposits, 3);
    assert_eq!(deposit(&store, 2, 7, 1, at(0)).await, DepositOutcome::Stored);
    assert_eq!(drain_all(&store, 1, TODAY).await, [1, 2, 6]);
}

async fn deposits_are_counted_for_a_day(store: Store) {
    let counts = |hour: u64| {
        let store = Arc::clone(&store);
        async move {
            let day = store.deposits_of_day(InboxId([1; 32]), Hour::of(hours(hour))).await.unwrap();
            (day.all, day.settled)
        }
    };
    assert_eq!(counts(0).await, (0, 0));
    for (name, hour) in [(1, 0), (2, 0), (3, 2)] {
        deposit(&store, 1, name, 5, hours(hour)).await;
    }
    deposit(&store, 2, 1, 5, hours(0)).await;
    assert_eq!((counts(0).await, counts(1).await, counts(2).await), ((3, 0), (3, 0), (3, 2)));
    drain_all(&store, 1, TODAY).await;
    assert_eq!((counts(4).await, counts(23).await, counts(24).await), ((3, 3), (3, 3), (1, 1)));
    while store.expire(hours(25), 10).await.unwrap() > 0 {}
    assert_eq!((counts(25).await, counts(26).await), ((1, 1), (0, 0)));
}

async fn bells_ring_while_a_deposit_waits(store: Store) {
    let bell = |inbox: u8, day: Day| {
        let store = Arc::clone(&store);
        async move { store.bell(InboxId([inbox; 32]), day).await.unwrap() }
    };
    deposit(&store, 1, 1, 5, at(0)).await;
    assert_eq!((bell(1, TODAY).await, store.waiting_bells(TODAY).await.unwrap()), (None, vec![]));
    for who in 1..=3 {
        publish(&store, bundle(who, at(0), 8, who), true, at(0)).await;
    }
    assert_eq!(bell(1, TODAY).await, Some([1; 32]));
    assert_eq!(store.waiting_bells(TODAY).await.unwrap(), [[1; 32]]);
    for name in 2..=3 {
        deposit(&store, 2, name, 5, at(0)).await;
    }
    let mut waiting = store.waiting_bells(TODAY).await.unwrap();
    waiting.sort_unstable();
    assert_eq!(waiting, [[1; 32], [2; 32]]);
    drain_all(&store, 1, TODAY).await;
    assert_eq!(store.waiting_bells(TODAY).await.unwrap(), [[2; 32]]);
    // The same bundle again keeps its bell for longer.
    publish(&store, bundle(2, at(0), 8, 2), true, at(1)).await;
    let end = on(TTL_DAYS + 1);
    assert_eq!((bell(1, end).await, bell(2, end).await), (None, Some([2; 32])));
    while store.expire(end.start(), 10).await.unwrap() > 0 {}
    assert_eq!(bell(2, end).await, Some([2; 32]));
}

async fn the_same_deposit_is_stored_once(store: Store) {
    let seen = |inbox: u8, name: u16, day: Day| {
        let store = Arc::clone(&store);
        async move { store.deposit_seen(InboxId([inbox; 32]), &handshake(name), day).await.unwrap() }
    };
    assert!(!seen(1, 1, TODAY).await);
    deposit(&store, 1, 1, 5, at(0)).await;
    assert!(seen(1, 1, TODAY).await && !seen(2, 1, TODAY).await && !seen(1, 2, TODAY).await);
    assert_eq!(deposit(&store, 1, 1, 6, at(1)).await, DepositOutcome::Same);
    assert_eq!(drain_all(&store, 1, on(1)).await, [1]);
    // Drained, and sent again: it does not come back while its work could still be shown.
    let last = SEEN_DAYS - 1;
    assert_eq!(deposit(&store, 1, 1, 6, at(last)).await, DepositOutcome::Same);
    assert!(!seen(1, 1, on(SEEN_DAYS)).await);
    // The same bytes for another inbox are another deposit.
    assert_eq!(deposit(&store, 2, 1, 5, at(0)).await, DepositOutcome::Stored);
}

async fn deposits_expire(store: Store) {
    for name in 1..=3 {
        deposit(&store, 1, name, 5, at(0)).await;
    }
    assert!(drain(&store, 1, 0, on(TTL_DAYS)).await.is_some());
    assert_eq!(drain(&store, 1, 0, on(TTL_DAYS + 1)).await, None);
    // The room that the expired ones took is free at once.
    assert_eq!(deposit(&store, 1, 4, 1, at(TTL_DAYS + 1)).await, DepositOutcome::Stored);
    assert_eq!(store.stored().deposits, 1);
    deposit(&store, 2, 4, 1, at(0)).await;
    while store.expire(at(TTL_DAYS + 1), 1).await.unwrap() > 0 {}
    assert_eq!(store.stored().deposits, 1);
    assert_eq!(drain_all(&store, 1, on(TTL_DAYS + 1)).await, [4]);
}

async fn bundles_only_grow(store: Store) {
    let now = at(0);
    assert_eq!(fetch(&store, 1, now).await, None);
    for (version, fill, expected) in [
        (at(0), 1, PublishOutcome::Stored),
        (at(0), 1, PublishOutcome::Same),
        (at(0), 2, PublishOutcome::Different),
        (Timestamp(at(0).0 - 1), 3, PublishOutcome::Stale),
        (Timestamp(at(0).0 + 1), 4, PublishOutcome::Stored),
        (at(0), 1, PublishOutcome::Stale),
    ] {
        assert_eq!(publish(&store, bundle(1, version, 8, fill), true, now).await, expected);
    }
    assert_eq!(fetch(&store, 1, now).await, Some(4));
    assert_eq!(fetch(&store, 2, now).await, None);
    assert_eq!(store.stored().bundles, 1);
    // One in between that the publisher does not know of is another home's. Its own comes again in any case.
    let later = |ms: u64| Timestamp(at(0).0 + ms);
    for (version, fill, known, expected) in [
        (later(2), 5, later(0), PublishOutcome::Stale),
        (later(1), 4, later(0), PublishOutcome::Same),
        (later(2), 5, later(1), PublishOutcome::Stored),
        (later(3), 6, later(9), PublishOutcome::Stored),
    ] {
        let known = store.publish(bundle(1, version, 8, fill), known, true, now).await.unwrap();
        assert_eq!(known, expected);
    }
}

async fn an_expired_bundle_still_guards_its_version(store: Store) {
    publish(&store, bundle(1, at(2), 1, 1), true, at(2)).await;
    assert_eq!(fetch(&store, 1, Timestamp(at(3).0 - 1)).await, Some(1));
    assert_eq!(fetch(&store, 1, at(3)).await, None);
    // An older bundle with a longer life would be valid now.
    assert_eq!(store.expire(at(4), 100).await.unwrap(), 0);
    assert_eq!(publish(&store, bundle(1, at(1), 8, 2), true, at(4)).await, PublishOutcome::Stale);
    assert_eq!(fetch(&store, 1, at(4)).await, None);
    assert_eq!(store.expire(at(10), 100).await.unwrap(), 1);
    assert_eq!(store.stored().bundles, 0);
}

async fn bundles_have_a_quota(store: Store) {
    for who in 1..=3 {
        assert_eq!(publish(&store, bundle(who, at(0), 8, 1), true, at(0)).await, PublishOutcome::Stored);
    }
    assert_eq!(publish(&store, bundle(4, at(0), 8, 1), true, at(0)).await, PublishOutcome::Full);
    assert_eq!(publish(&store, bundle(2, at(1), 8, 2), true, at(1)).await, PublishOutcome::Stored);
    // A relay that takes nobody new still takes those it has.
    assert_eq!(publish(&store, bundle(3, at(1), 8, 2), false, at(1)).await, PublishOutcome::Stored);
    assert_eq!(fetch(&store, 2, at(1)).await, Some(2));
}

async fn a_day_has_one_descriptor(store: Store) {
    assert_eq!(store.descriptor(TODAY).await.unwrap(), None);
    assert_eq!(store.keep_descriptor(TODAY, vec![1]).await.unwrap(), [1]);
    assert_eq!(store.keep_descriptor(TODAY, vec![2]).await.unwrap(), [1]);
    assert_eq!(store.keep_descriptor(on(1), vec![2]).await.unwrap(), [2]);
    assert_eq!(store.descriptor(TODAY).await.unwrap(), Some(vec![1]));
    assert_eq!(store.descriptor(on(1)).await.unwrap(), Some(vec![2]));
}

async fn waiting(store: &Store, day: Day) -> Vec<Tag> {
    let mut tags = store.waiting(day).await.unwrap();
    tags.sort_unstable();
    tags
}

async fn boxes_wait_until_they_go_out(store: Store) {
    assert_eq!(waiting(&store, TODAY).await, []);
    for name in 1..=4 {
        put(&store, name, 1, TODAY).await;
    }
    // A put of what is there changes nothing.
    put(&store, 1, 1, TODAY).await;
    put(&store, 2, 9, TODAY).await;
    assert_eq!(waiting(&store, TODAY).await, [1, 2, 3, 4].map(tag));
    store.mark_out(vec![id(2), id(3), id(99)], Hour::of(at(0))).await.unwrap();
    assert_eq!(waiting(&store, TODAY).await, [1, 4].map(tag));
    // It can still be read, and is listed no more, also when it comes again.
    assert_eq!(get(&store, 2, TODAY).await, Some(1));
    assert_eq!(put(&store, 2, 1, TODAY).await, PutOutcome::Same);
    assert_eq!(waiting(&store, TODAY).await, [1, 4].map(tag));
    assert_eq!(waiting(&store, on(TTL_DAYS + 1)).await, []);
}

async fn the_last_intervals_are_kept(store: Store) {
    let interval = |number: u64| StoredInterval {
        number: Interval(number),
        header: vec![number as u8; 7],
        set: vec![1, number as u8],
    };
    assert_eq!(store.intervals().await.unwrap(), []);
    for number in [1, 2, 7] {
        store.keep_interval(interval(number)).await.unwrap();
    }
    assert_eq!(store.intervals().await.unwrap(), [1, 2, 7].map(interval));
    for number in 8..30 {
        store.keep_interval(interval(number)).await.unwrap();
    }
    let last: Vec<_> = (30 - KNOWN_HEADERS as u64..30).map(interval).collect();
    assert_eq!(store.intervals().await.unwrap(), last);
}

async fn totals_follow_every_change(store: Store) {
    for name in 0..6 {
        put(&store, name, 1, TODAY).await;
    }
    mark_out(&store, 0..3, at(0)).await;
    while store.expire(at(2), 2).await.unwrap() > 0 {}
    for name in 1..=2 {
        deposit(&store, 1, name, 5, at(0)).await;
    }
    publish(&store, bundle(1, at(0), 8, 1), true, at(0)).await;
    assert_eq!(store.stored(), Stored { boxes: 3, tombstones: 3, deposits: 2, bundles: 1 });
    drain(&store, 1, u64::MAX, TODAY).await;
    assert_eq!(store.stored(), Stored { boxes: 3, tombstones: 3, deposits: 0, bundles: 1 });
    while store.expire(at(2 * TTL_DAYS), 2).await.unwrap() > 0 {}
    assert_eq!(store.stored(), Stored::default());
    assert_eq!(store.fill_permille(), 0);
}

async fn a_closed_store_says_so(store: Store) {
    put(&store, 1, 1, TODAY).await;
    store.close().await.unwrap();
    store.close().await.unwrap();
    let refused = store.put_box(id(2), tag(2), sealed(1), at(0)).await;
    assert!(matches!(refused, Err(StorageError::Closed)));
    assert!(matches!(store.get_box(id(1), at(0)).await, Err(StorageError::Closed)));
}
