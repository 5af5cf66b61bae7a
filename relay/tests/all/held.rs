//! `Get` requests that wait for their box.

use std::time::{Duration, Instant};

use crate::support::*;
use bauta_protocol::limits::HOLD;
use bauta_protocol::relay::{Class, Reply};

async fn patient(held: usize) -> (tempfile::TempDir, Office) {
    let home = tempfile::tempdir().unwrap();
    let terms = Terms { hold: HOLD, held, ..Terms::default() };
    let office = Office::open(home.path(), TODAY.start(), terms).await;
    (home, office)
}

#[tokio::test]
async fn a_put_wakes_all_who_wait_for_it_and_only_those() {
    let (_home, office) = patient(100).await;
    let first = office.ask_and_hold(get(1), 1).await;
    let second = office.ask_and_hold(get(1), 2).await;
    let other = office.ask_and_hold(get(2), 3).await;
    assert!(office.ask(put(1, 10, TODAY)).await == Reply::Done);
    assert!(first.await.unwrap() == Reply::Box(sealed(10)));
    assert!(second.await.unwrap() == Reply::Box(sealed(10)));
    office.wait_for_held(1).await;
    assert!(!other.is_finished());
    other.abort();
    let _ = other.await;
    office.wait_for_held(0).await;
}

#[tokio::test]
async fn the_end_of_a_hold_is_not_answered() {
    let home = tempfile::tempdir().unwrap();
    let hold = Duration::from_millis(80);
    let office = Office::open(home.path(), TODAY.start(), Terms { hold, ..Terms::default() }).await;
    let begun = Instant::now();
    assert!(office.desk.answer(get(1)).await.is_none());
    assert!(begun.elapsed() >= hold);
    assert!(office.desk.answer_body(Class::Small, get(1).encode().to_vec()).await.is_none());
    office.wait_for_held(0).await;
}

#[tokio::test]
async fn dropped_and_never_written_boxes_are_all_held() {
    let (_home, office) = patient(100).await;
    office.ask(put(1, 1, TODAY)).await;
    assert!(office.ask(get(1)).await == Reply::Box(sealed(1)));
    office.desk.finish().await;
    office.clock.set(TODAY.start().plus(Duration::from_secs(25 * 60 * 60)));
    let dropped = office.ask_and_hold(get(1), 1).await;
    let never = office.ask_and_hold(get(2), 2).await;
    // A late put of the dropped box stores nothing, so it wakes nobody.
    assert!(office.ask(put(1, 1, TODAY)).await == Reply::Done);
    assert_eq!(office.desk.levels().held, 2);
    office.desk.release_held();
    assert!(dropped.await.unwrap() == Reply::Absent);
    assert!(never.await.unwrap() == Reply::Absent);
}

#[tokio::test]
async fn with_too_many_at_a_door_one_gives_way() {
    // Two doors, so there are three places at each.
    let (_home, office) = patient(6).await;
    let mut asked = Vec::new();
    for name in 1..=3 {
        asked.push(office.ask_and_hold(get(name), asked.len() + 1).await);
    }
    let elsewhere = {
        let desk = std::sync::Arc::clone(&office.desk);
        tokio::spawn(async move { desk.answer_at(1, get(9)).await })
    };
    office.wait_for_held(4).await;
    asked.push(office.ask_and_hold(get(4), 4).await);
    let deadline = Instant::now() + Duration::from_secs(120);
    while asked.iter().filter(|one| one.is_finished()).count() != 1 {
        assert!(Instant::now() < deadline, "nobody gave way");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert!(!asked[3].is_finished() && !elsewhere.is_finished());
    office.ask(put(9, 9, TODAY)).await;
    assert!(elsewhere.await.unwrap() == Some(Reply::Box(sealed(9))));
}

#[tokio::test]
async fn a_stopping_desk_holds_nothing() {
    let (_home, office) = patient(3).await;
    let waiting = office.ask_and_hold(get(1), 1).await;
    office.desk.release_held();
    assert!(waiting.await.unwrap() == Reply::Absent);
    assert!(office.ask(get(1)).await == Reply::Absent);
    assert!(office.ask(put(1, 1, TODAY)).await == Reply::Done);
    assert!(office.ask(get(1)).await == Reply::Box(sealed(1)));
}

/// A put between the first look and the hold must not be missed: many races, none may take the whole hold.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_box_is_missed_in_a_race() {
    let (_home, office) = patient(1_000).await;
    for name in 0..60u8 {
        let asking = (0..4).map(|_| {
            let desk = std::sync::Arc::clone(&office.desk);
            tokio::spawn(async move { desk.answer(get(name)).await.unwrap_or(Reply::Absent) })
        });
        let asking: Vec<_> = asking.collect();
        assert!(office.ask(put(name, name, TODAY)).await == Reply::Done);
        for asked in asking {
            let answer = tokio::time::timeout(Duration::from_secs(120), asked).await;
            assert!(answer.expect("the box was missed").unwrap() == Reply::Box(sealed(name)));
        }
    }
    office.wait_for_held(0).await;
}
