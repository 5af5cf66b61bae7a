//! The rules of each operation, one by one.

use std::time::Duration;

use crate::support::*;
use bauta_protocol::descriptor::Size;
use bauta_protocol::digest::chain::Known;
use bauta_protocol::digest::header::{Header, Interval};
use bauta_protocol::id::{DoorAddress, RelayId};
use bauta_protocol::limits::{KNOWN_HEADERS, TTL_DAYS};
use bauta_protocol::relay::{
    Class, Deposit, Deposited, Describe, News, Publish, Put, Refusal, Reply, Request,
};
use bauta_protocol::time::{Day, Timestamp};
use bauta_protocol::work::{check_put_work, measure_deposit_work};
use bauta_relay::policy::{Difficulty, Quotas};

const HOUR: Duration = Duration::from_secs(60 * 60);

fn noon(day: Day) -> Timestamp {
    day.start().plus(12 * HOUR)
}

fn later(days: u32) -> Day {
    Day(TODAY.0 + days)
}

async fn office(terms: Terms) -> (tempfile::TempDir, Office) {
    let home = tempfile::tempdir().unwrap();
    let office = Office::open(home.path(), noon(TODAY), terms).await;
    (home, office)
}

#[tokio::test]
async fn put_and_get() {
    let (_home, office) = office(Terms::default()).await;
    assert!(office.ask(get(1)).await == Reply::Absent);
    assert!(office.ask(put(1, 10, TODAY)).await == Reply::Done);
    assert!(office.ask(put(1, 10, TODAY)).await == Reply::Done);
    assert!(office.ask(put(1, 11, TODAY)).await == Reply::Conflict);
    assert!(office.ask(get(1)).await == Reply::Box(sealed(10)));
    assert!(office.ask(get(1)).await == Reply::Box(sealed(10)), "a lost answer is asked for again");
    assert!(office.ask(get(2)).await == Reply::Absent);
}

#[tokio::test]
async fn put_work_counts_for_yesterday_today_and_tomorrow() {
    let (_home, office) = office(Terms::default()).await;
    for (days, name) in [(TODAY.0 - 1, 1), (TODAY.0, 2), (TODAY.0 + 1, 3)] {
        assert!(office.ask(put(name, 1, Day(days))).await == Reply::Done);
    }
    for days in [0, TODAY.0 - 2, TODAY.0 + 2, u32::MAX] {
        assert!(office.ask(put(4, 1, Day(days))).await == Reply::Refused(Refusal::WrongDay));
    }
    let Request::Put(Put { day, nonce, id, tag, sealed }) = put(5, 1, TODAY) else { panic!() };
    let wrong = Request::Put(Put { day, nonce: nonce.wrapping_add(1), id, tag, sealed });
    assert!(office.ask(wrong).await == Reply::Refused(Refusal::WorkTooLow));
    assert!(office.ask(get(5)).await == Reply::Absent);
}

#[tokio::test]
async fn difficulty_rises_with_fill_and_the_easiest_of_the_last_headers_counts() {
    let quotas = Quotas { boxes: 5, ..Quotas::default() };
    let (_home, office) = office(Terms { quotas, ..Terms::default() }).await;
    for name in 0..4 {
        assert!(office.ask(put(name, 1, TODAY)).await == Reply::Done);
    }
    let hard = Difficulty::for_fill(800);
    assert!(hard.put_bits > Difficulty::EASY.put_bits);
    let id = cap(0).box_id();
    let easy = put_nonce(TODAY, &id, Difficulty::EASY.put_bits);
    let too_low = !check_put_work(&relay(), TODAY, &id, easy, hard.put_bits);
    let first = Interval::of(noon(TODAY));
    for step in 1..=KNOWN_HEADERS as u64 {
        office.clock.set(Interval(first.0 + step).start());
        let Reply::News(listing) = office.ask(Request::News(News)).await else { panic!("no news") };
        let last = listing.closed().unwrap().last().unwrap().header;
        assert_eq!((last.put_bits, last.deposit_bits), (hard.put_bits, hard.deposit_bits));
        let refused = office.ask(put(0, 1, TODAY)).await == Reply::Refused(Refusal::WorkTooLow);
        assert_eq!(refused, too_low && step == KNOWN_HEADERS as u64, "after {step}");
    }
    let worked = put_nonce(TODAY, &id, hard.put_bits);
    let again = Request::Put(Put { day: TODAY, nonce: worked, id, tag: tag(0), sealed: sealed(1) });
    assert!(office.ask(again).await == Reply::Done);
    // A client that has no header yet takes what the descriptor of the next day says.
    office.clock.set(noon(later(1)));
    let descriptor = office.descriptor().await;
    assert!(descriptor.put_bits() >= hard.put_bits && descriptor.deposit_bits() >= hard.deposit_bits);
}

#[tokio::test]
async fn a_descriptor_names_the_last_header_of_the_day_before_and_the_size() {
    let (home, office) = office(Terms::default()).await;
    let first = office.descriptor().await;
    assert_eq!((first.last_header(), first.size(), first.takes_personas()), (None, Size::of(1), true));
    for who in 1..=11 {
        assert!(office.ask(publish(&bundle(who, noon(TODAY), relay()))).await == Reply::Done);
    }
    let midnight = later(1).start();
    office.close().await;
    let before = midnight.minus(Duration::from_secs(5));
    let office = Office::open(home.path(), before, Terms::default()).await;
    office.clock.set(midnight);
    let second = office.descriptor().await;
    let last = *second.last_header().unwrap();
    assert_eq!((last.interval.end(), second.size().personas()), (midnight, 10));
    assert_eq!(last.descriptor, first.seen().hash, "the header of a day names the descriptor of that day");
    office.clock.set(midnight.plus(Duration::from_secs(10)));
    let Reply::News(listing) = office.ask(Request::News(News)).await else { panic!("no news") };
    let closed = listing.closed().unwrap();
    assert_eq!((closed[0].header, closed[1].header.descriptor), (last, second.seen().hash));
    let known = Known::default().check_news(&closed).unwrap().known;
    assert!(known.check_day(second.day(), second.last_header()).is_ok());
    // Another one for that interval, an earlier one, and none, to somebody who saw it.
    let other = Header { set: [1; 32], ..last };
    let earlier = Header { interval: Interval(last.interval.0 - 1), ..last };
    for lie in [Some(&other), Some(&earlier), None] {
        assert!(known.check_day(second.day(), lie).is_err());
    }
    // Nobody renewed for a week.
    office.clock.set(noon(later(8)));
    assert_eq!(office.descriptor().await.size(), Size::of(1));
}

#[tokio::test]
async fn boxes_last_for_their_time() {
    let (_home, office) = office(Terms::default()).await;
    office.ask(put(1, 1, TODAY)).await;
    office.ask(put(2, 2, TODAY)).await;
    office.clock.set(noon(later(TTL_DAYS)));
    assert!(office.ask(get(2)).await == Reply::Box(sealed(2)));
    office.desk.finish().await;
    // The one that went out has a day left, the other none.
    office.clock.set(noon(later(TTL_DAYS + 1)));
    assert!(office.ask(get(1)).await == Reply::Absent);
    assert!(office.ask(get(2)).await == Reply::Box(sealed(2)));
    office.clock.set(noon(later(TTL_DAYS + 1)).plus(HOUR));
    assert!(office.ask(get(2)).await == Reply::Absent);
    while office.desk.expire_some().await.unwrap() > 0 {}
    assert_eq!(office.desk.levels().stored.tombstones, 1);
    assert!(office.ask(put(2, 2, later(TTL_DAYS))).await == Reply::Done);
    assert!(office.ask(put(2, 3, later(TTL_DAYS))).await == Reply::Conflict);
    assert!(office.ask(get(2)).await == Reply::Absent);
    office.clock.set(noon(later(TTL_DAYS + 5)));
    while office.desk.expire_some().await.unwrap() > 0 {}
    assert_eq!(office.desk.levels().stored.boxes + office.desk.levels().stored.tombstones, 0);
    assert!(office.ask(put(1, 9, later(TTL_DAYS + 4))).await == Reply::Done);
    assert!(office.ask(get(1)).await == Reply::Box(sealed(9)));
}

#[tokio::test]
async fn a_full_inbox_says_nothing_and_asks_for_more_work() {
    let quotas = Quotas { inbox: 1, ..Quotas::default() };
    let (_home, office) = office(Terms { quotas, ..Terms::default() }).await;
    assert!(office.ask(publish(&bundle(1, noon(TODAY), relay()))).await == Reply::Done);
    let owner = cap(1).inbox_id();
    let work = |fill: u8| {
        let nonce = deposit_work(owner, fill, TODAY).work_nonce;
        measure_deposit_work(&relay(), &owner, TODAY, handshake(fill).as_slice(), nonce)
    };
    let mut fills: Vec<u8> = (0..16).collect();
    fills.sort_by_key(|fill| work(*fill));
    let (weakest, strongest) = (fills[0], fills[15]);
    assert!(work(weakest) < work(strongest), "of sixteen one has more work");
    for fill in [weakest, strongest] {
        assert!(office.ask(deposit(1, fill, TODAY)).await == Reply::Done);
    }
    // The first had to give way: it is not `Done` any more, and nobody says why.
    assert!(office.ask(deposit(1, weakest, TODAY)).await == Reply::Busy);
    assert!(office.ask(deposit(1, strongest, TODAY)).await == Reply::Done);
    for fill in &fills[1..15] {
        office.ask(deposit(1, *fill, TODAY)).await;
    }
    let Reply::Bundle(found) = office.ask(fetch(1)).await else { panic!("no bundle") };
    assert_eq!(found.deposit_bits, Difficulty::EASY.deposit_bits + 1, "sixteen came in a day");
    // An hour later it is no longer only said.
    office.clock.set(noon(TODAY).plus(2 * HOUR));
    let fill = (16..).find(|fill| work(*fill) == Difficulty::EASY.deposit_bits).unwrap();
    assert!(office.ask(deposit(1, fill, TODAY)).await == Reply::Refused(Refusal::WorkTooLow));
    office.clock.set(noon(later(1)).plus(2 * HOUR));
    let Reply::Bundle(later) = office.ask(fetch(1)).await else { panic!("no bundle") };
    assert_eq!(later.deposit_bits, Difficulty::EASY.deposit_bits);
}

#[tokio::test]
async fn at_its_capacity_a_relay_takes_nobody_new_and_says_so() {
    let (_home, office) = office(Terms { online: 2, ..Terms::default() }).await;
    assert!(office.ask(publish(&bundle(1, noon(TODAY), relay()))).await == Reply::Done);
    let next = |steps: u64| Interval(Interval::of(noon(TODAY)).0 + steps).start();
    for _ in 0..2 {
        office.ask(Request::News(News)).await;
    }
    office.clock.set(next(1));
    office.ask(Request::News(News)).await;
    assert_eq!(office.desk.levels().online, 2);
    let full = Reply::Refused(Refusal::QuotaExceeded);
    assert!(office.ask(publish(&bundle(2, noon(TODAY), relay()))).await == full);
    assert!(office.ask(publish(&bundle(1, noon(TODAY).plus(HOUR), relay()))).await == Reply::Done);
    office.clock.set(next(2));
    office.ask(Request::News(News)).await;
    assert_eq!(office.desk.levels().online, 1);
    assert!(office.ask(publish(&bundle(2, noon(TODAY), relay()))).await == Reply::Done);
    for _ in 0..2 {
        office.ask(Request::News(News)).await;
    }
    office.clock.set(noon(later(1)));
    assert!(!office.descriptor().await.takes_personas());
}

#[tokio::test]
async fn deposits_need_both_kinds_of_work() {
    let (_home, office) = office(Terms::default()).await;
    let Request::Deposit(Deposit { inbox, day, gate_nonce, work_nonce, sealed }) = deposit(1, 5, TODAY)
    else {
        panic!()
    };
    let with = |day, gate_nonce, work_nonce| {
        let sealed = sealed.clone();
        Request::Deposit(Deposit { inbox, day, gate_nonce, work_nonce, sealed })
    };
    let too_low = Reply::Refused(Refusal::WorkTooLow);
    assert!(office.ask(with(day, gate_nonce + 1, work_nonce)).await == too_low);
    assert!(office.ask(with(Day(day.0 + 1), gate_nonce, work_nonce)).await == too_low);
    assert!(
        office.ask(with(Day(day.0 + 2), gate_nonce, work_nonce)).await == Reply::Refused(Refusal::WrongDay)
    );
    assert!(office.ask(drain(1, 0)).await == Reply::Absent);
    assert!(office.ask(with(day, gate_nonce, work_nonce)).await == Reply::Done);
    assert!(office.ask(with(day, gate_nonce, work_nonce)).await == Reply::Done);
    assert_eq!(office.desk.levels().stored.deposits, 1);
    // The store is asked before the verifier, so the same again needs no more work, right or wrong.
    assert!(office.ask(with(day, gate_nonce, work_nonce + 1)).await == Reply::Done);
    assert_eq!(office.desk.levels().verifier_queue, 0);
}

#[tokio::test]
async fn a_gate_with_wrong_work_is_soon_spent() {
    let (_home, office) = office(Terms::default()).await;
    let Request::Deposit(Deposit { inbox, day, gate_nonce, work_nonce, sealed }) = deposit(1, 6, TODAY)
    else {
        panic!()
    };
    let too_low = Reply::Refused(Refusal::WorkTooLow);
    let with = |work_nonce| {
        let sealed = sealed.clone();
        Request::Deposit(Deposit { inbox, day, gate_nonce, work_nonce, sealed })
    };
    // The found nonce is the first one that is right, so all before it are wrong; as many again lie far above.
    let wrong = (0..work_nonce).chain((1 << 60)..).filter(|nonce| {
        let bits = bauta_protocol::work::measure_deposit_work(
            &relay(),
            &inbox,
            day,
            handshake(6).as_slice(),
            *nonce,
        );
        bits < Difficulty::EASY.deposit_bits
    });
    for nonce in wrong.take(4) {
        assert!(office.ask(with(nonce)).await == too_low);
    }
    assert!(office.ask(with(work_nonce)).await == too_low, "the gate has paid for enough checks");
    assert!(office.ask(drain(1, 0)).await == Reply::Absent);
}

#[tokio::test]
async fn an_inbox_is_drained_in_order_by_its_owner() {
    let (_home, office) = office(Terms::default()).await;
    for fill in [1, 2, 3] {
        assert!(office.ask(deposit(1, fill, TODAY)).await == Reply::Done);
    }
    let mut after = 0;
    for fill in [1, 2, 3] {
        let Reply::Deposit(Deposited { seq, work, sealed }) = office.ask(drain(1, after)).await else {
            panic!("no deposit")
        };
        assert_eq!(sealed, handshake(fill));
        assert!(seq > after);
        // Until the cursor moves, the same deposit comes again.
        assert!(office.ask(drain(1, after)).await == Reply::Deposit(Deposited { seq, work, sealed }));
        after = seq;
    }
    assert!(office.ask(drain(2, 0)).await == Reply::Absent);
    assert!(office.ask(drain(1, after)).await == Reply::Absent);
    assert_eq!(office.desk.levels().stored.deposits, 0);
}

#[tokio::test]
async fn bundles_are_checked() {
    let (_home, office) = office(Terms::default()).await;
    let now = noon(TODAY);
    let good = bundle(1, now, relay());
    assert!(office.ask(fetch(1)).await == Reply::Absent);
    assert!(office.ask(publish(&good)).await == Reply::Done);
    assert!(office.ask(publish(&good)).await == Reply::Done);
    assert!(office.ask(publish(&bundle(1, now, relay()))).await == Reply::Conflict);
    let refused = |why| Reply::Refused(why);
    let older = bundle(1, Timestamp(now.0 - 1), relay());
    assert!(office.ask(publish(&older)).await == refused(Refusal::Stale));
    let elsewhere = bundle(1, now.plus(HOUR), RelayId([9; 32]));
    assert!(office.ask(publish(&elsewhere)).await == refused(Refusal::Malformed));
    let expired = bundle(2, Timestamp(now.0 - 8 * 24 * 60 * 60 * 1000), relay());
    assert!(office.ask(publish(&expired)).await == refused(Refusal::Expired));
    let dated_ahead = bundle(2, now.plus(30 * HOUR), relay());
    assert!(office.ask(publish(&dated_ahead)).await == refused(Refusal::Expired));
    let mut forged = *bundle(2, now, relay()).bundle().as_bytes();
    forged[40] ^= 1;
    let forged = Request::Publish(Publish { bundle: Box::new(forged), inbox: cap(2), known: now });
    assert!(office.ask(forged).await == refused(Refusal::BadSignature));
    // Somebody else's inbox, which a bundle may name, but not with the bell that only its owner can hang.
    let Request::Publish(Publish { bundle: honest, .. }) = publish(&bundle(2, now, relay())) else {
        panic!()
    };
    let stolen = Request::Publish(Publish { bundle: honest, inbox: cap(3), known: now });
    assert!(office.ask(stolen).await == refused(Refusal::Malformed));
    assert!(office.ask(fetch(2)).await == Reply::Absent);
    assert!(office.ask(fetch(1)).await == found(&good));

    let newer = bundle(1, now.plus(HOUR), relay());
    assert!(office.ask(publish(&newer)).await == Reply::Done);
    assert!(office.ask(fetch(1)).await == found(&newer));
    // Whoever knows of the older one only is not the last who published.
    let mut outdated = publish(&bundle(1, now.plus(HOUR * 2), relay()));
    if let Request::Publish(asked) = &mut outdated {
        asked.known = now;
    }
    assert!(office.ask(outdated).await == refused(Refusal::Stale));
    assert!(office.ask(fetch(1)).await == found(&newer));
    office.clock.set(newer.bundle().expiry());
    assert!(office.ask(fetch(1)).await == Reply::Absent);
}

#[tokio::test]
async fn a_descriptor_stands_all_day_through_restarts_and_new_doors() {
    let home = tempfile::tempdir().unwrap();
    let office = Office::open(home.path(), noon(TODAY), Terms::default()).await;
    let first = office.descriptor().await;
    assert_eq!(first.day(), TODAY);
    office.close().await;

    let doors = vec![DoorAddress([3; 96])];
    let moved = || Terms { doors: doors.clone(), ..Terms::default() };
    let office = Office::open(home.path(), noon(TODAY).plus(HOUR), moved()).await;
    assert_eq!(office.descriptor().await.as_bytes(), first.as_bytes());
    office.clock.set(later(1).start());
    let second = office.descriptor().await;
    assert_eq!(second.day(), later(1));
    assert_eq!(second.doors(), doors);
    // The clock is set back: the day's descriptor is still the same.
    office.clock.set(noon(TODAY));
    assert_eq!(office.descriptor().await.as_bytes(), first.as_bytes());
    office.close().await;

    let office = Office::open(home.path(), later(1).start(), Terms::default()).await;
    assert_eq!(office.descriptor().await.as_bytes(), second.as_bytes());
}

#[tokio::test]
async fn many_who_ask_at_midnight_see_one_descriptor() {
    let (_home, office) = office(Terms::default()).await;
    office.clock.set(later(1).start());
    let asking = (0..32).map(|_| {
        let desk = std::sync::Arc::clone(&office.desk);
        tokio::spawn(async move { desk.answer(Request::Describe(Describe)).await.unwrap() })
    });
    let first = office.descriptor().await;
    for asked in asking.collect::<Vec<_>>() {
        assert!(asked.await.unwrap() == Reply::Descriptor(Box::new(*first.as_bytes())));
    }
}

#[tokio::test]
async fn bodies_that_cannot_be_read_are_refused() {
    let (_home, office) = office(Terms::default()).await;
    for class in Class::ALL {
        for body in [vec![], vec![0; class.request_len()], vec![0xff; class.request_len()], vec![1; 7]] {
            let answer = office.desk.answer_body(class, body).await.unwrap();
            assert_eq!(answer.len(), class.reply_len());
            assert!(Reply::decode(class, &answer).unwrap() == Reply::Refused(Refusal::Malformed));
        }
    }
    let body = put(1, 1, TODAY).encode().to_vec();
    let answer = office.desk.answer_body(Class::Small, body).await.unwrap();
    assert!(Reply::decode(Class::Small, &answer).unwrap() == Reply::Done);
}

#[tokio::test]
async fn a_desk_whose_store_is_closed_is_busy_and_acknowledges_nothing() {
    let (_home, office) = office(Terms::default()).await;
    bauta_relay::Storage::close(office.store.as_ref()).await.unwrap();
    for request in [put(1, 1, TODAY), get(1), drain(1, 0), fetch(1)] {
        assert!(office.ask(request).await == Reply::Busy);
    }
}

#[tokio::test]
async fn the_disk_does_not_say_whose_bundles_lie_there() {
    let (home, office) = office(Terms::default()).await;
    let made = bundle(1, noon(TODAY), relay());
    assert!(office.ask(publish(&made)).await == Reply::Done);
    assert!(office.ask(fetch(1)).await == found(&made));
    office.close().await;
    let (persona, inbox) = (persona(1).public(), cap(1).inbox_id());
    for file in std::fs::read_dir(home.path()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        for telling in [&persona.as_bytes()[1..], inbox.as_bytes(), made.bundle().signed_prekey()] {
            assert!(!bytes.windows(telling.len()).any(|window| window == telling));
        }
    }
}
