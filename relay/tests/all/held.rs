//! `Get` requests that wait for their box.

use std::time::{Duration, Instant};

use crate::support::*;
use bauta_protocol::limits::HOLD;
use bauta_protocol::relay::Reply;

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
async fn absent_comes_after_the_hold() {
    let home = tempfile::tempdir().unwrap();
    let hold = Duration::from_millis(80);
    let office = Office::open(home.path(), TODAY.start(), Terms { hold, ..Terms::default() }).await;
    let begun = Instant::now();
    assert!(office.ask(get(1)).await == Reply::Absent);
    assert!(begun.elapsed() >= hold);
    office.wait_for_held(0).await;
}

#[tokio::test]
async fn deleted_expired_and_never_written_boxes_are_all_held() {
    let (_home, office) = patient(100).await;
    office.ask(put(1, 1, TODAY)).await;
    office.ask(delete(1)).await;
    let deleted = office.ask_and_hold(get(1), 1).await;
    let never = office.ask_and_hold(get(2), 2).await;
    // A late put of the deleted box stores nothing, so it wakes nobody.
    assert!(office.ask(put(1, 1, TODAY)).await == Reply::Done);
    assert_eq!(office.desk.levels().held, 2);
    office.desk.release_held();
    assert!(deleted.await.unwrap() == Reply::Absent);
    assert!(never.await.unwrap() == Reply::Absent);
}

#[tokio::test]
async fn with_too_many_the_oldest_is_answered() {
    let (_home, office) = patient(3).await;
    let oldest = office.ask_and_hold(get(1), 1).await;
    let kept = office.ask_and_hold(get(2), 2).await;
    let _third = office.ask_and_hold(get(3), 3).await;
    let _fourth = office.ask_and_hold(get(4), 3).await;
    assert!(oldest.await.unwrap() == Reply::Absent);
    office.ask(put(2, 20, TODAY)).await;
    assert!(kept.await.unwrap() == Reply::Box(sealed(20)));
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
            tokio::spawn(async move { desk.answer(get(name)).await })
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
