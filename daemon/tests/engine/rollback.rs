use std::fs;

use std::time::Duration;

use bauta_ipc::{ContactChange, EventBody, MessageState, codes};

use crate::support::{Home, Sea, friends, until};

const FILES: [&str; 2] = ["store.db", "store.db-wal"];
/// With the mark beside the database: nothing in the home shows that it is old.
const WHOLE: [&str; 3] = ["store.db", "store.db-wal", "store.mark"];

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

pub(crate) fn copy_out(home: &Home) -> Vec<Option<Vec<u8>>> {
    copy_of(home, &FILES)
}

fn copy_of(home: &Home, files: &[&str]) -> Vec<Option<Vec<u8>>> {
    files.iter().map(|name| fs::read(home.path().join(name)).ok()).collect()
}

pub(crate) fn put_back(home: &Home, copy: Vec<Option<Vec<u8>>>) {
    put_back_of(home, &FILES, copy);
}

fn put_back_of(home: &Home, files: &[&str], copy: Vec<Option<Vec<u8>>>) {
    drop(fs::remove_file(home.path().join("store.db-shm")));
    for (name, bytes) in files.iter().zip(copy) {
        let path = home.path().join(name);
        drop(fs::remove_file(&path));
        if let Some(bytes) = bytes {
            fs::write(path, bytes).unwrap();
        }
    }
}

/// Whether the home says that a conversation begins again: in its health, and as an event.
async fn says_so(home: &Home) -> bool {
    let health = home.api().status_get(bauta_ipc::StatusOf::default()).await.unwrap().health;
    let shown = health.iter().any(|item| item.is(&codes::CONTACT_RESTARTED) && !item.hint.is_empty());
    shown
        && home
            .saw(|event| matches!(event, EventBody::ContactChanged { change: ContactChange::Restarted, .. }))
            .await
}

async fn say(from: &Home, to: &str, text: &str) {
    let id = from.send(to, text).await;
    from.wait(&id, MessageState::Delivered).await;
}

/// Two homes that have spoken; then the first one is copied as a whole, and they speak on.
async fn with_a_copy(sea: &std::sync::Arc<Sea>) -> (Home, Home, Vec<Option<Vec<u8>>>) {
    let (mut alice, bob) = friends(sea, &[sea.relay().await, sea.relay().await]).await;
    say(&alice, "bob", "a1").await;
    say(&bob, "alice", "b1").await;
    sea.clock.skip(HOUR);
    alice.crash().await;
    let copy = copy_of(&alice, &WHOLE);
    alice.start().await;
    (alice, bob, copy)
}

fn once(texts: &[String], expected: &[&str]) {
    for text in expected {
        assert_eq!(texts.iter().filter(|heard| *heard == text).count(), 1, "{text} in {texts:?}");
    }
    assert_eq!(texts.len(), expected.len(), "{texts:?}");
}

/// The boxes that would be in conflict were read and are gone: no relay can show one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_whole_home_put_back_is_noticed_by_what_the_other_sends() {
    let sea = Sea::new();
    let (mut alice, bob, copy) = with_a_copy(&sea).await;
    for text in ["2", "3"] {
        say(&alice, "bob", &format!("a{text}")).await;
        say(&bob, "alice", &format!("b{text}")).await;
    }
    // The relay drops what was read.
    sea.clock.skip(DAY + HOUR);
    alice.crash().await;
    put_back_of(&alice, &WHOLE, copy);
    alice.start().await;
    let to_bob = alice.send("bob", "a4").await;
    let to_alice = bob.send("alice", "b4").await;
    bob.wait(&to_alice, MessageState::Delivered).await;
    alice.wait(&to_bob, MessageState::Delivered).await;
    until("both say so", async || says_so(&alice).await && says_so(&bob).await).await;
    say(&alice, "bob", "a5").await;
    say(&bob, "alice", "b5").await;
    once(&bob.texts().await, &["a1", "a2", "a3", "a4", "a5"]);
    // What the other had a receipt for is gone with the newer home. If the relay still has it, it comes: the older home has
    // never seen it, so that is no second time, and each may come once only.
    let (again, heard): (Vec<_>, Vec<_>) =
        alice.texts().await.into_iter().partition(|text| ["b2", "b3"].contains(&text.as_str()));
    once(&heard, &["b1", "b4", "b5"]);
    assert!(again.is_empty() || again.len() < 3 && again.first() != again.get(1), "{again:?}");
}

/// The other side says nothing, so there is nothing to see; and the store is five days old.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_home_of_five_days_ago_is_noticed_by_silence() {
    let sea = Sea::new();
    let (mut alice, bob, copy) = with_a_copy(&sea).await;
    for day in 0..5 {
        say(&alice, "bob", &format!("a day {day}")).await;
        sea.clock.skip(DAY);
    }
    alice.crash().await;
    put_back_of(&alice, &WHOLE, copy);
    alice.start().await;
    let id = alice.send("bob", "after").await;
    assert!(!says_so(&alice).await, "the other may only be away");
    sea.clock.skip(DAY * 5 + HOUR);
    alice.wait(&id, MessageState::Delivered).await;
    until("both say so", async || says_so(&alice).await && says_so(&bob).await).await;
    say(&bob, "alice", "I hear you").await;
    once(&bob.texts().await, &["a1", "a day 0", "a day 1", "a day 2", "a day 3", "a day 4", "after"]);
    once(&alice.texts().await, &["b1", "I hear you"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_old_database_put_back_uses_no_key_twice_and_heals() {
    let sea = Sea::new();
    let (mut alice, bob) = friends(&sea, &[sea.relay().await, sea.relay().await]).await;
    for text in ["a1", "a2"] {
        let id = alice.send("bob", text).await;
        alice.wait(&id, MessageState::Delivered).await;
    }
    let id = bob.send("alice", "b1").await;
    bob.wait(&id, MessageState::Delivered).await;
    alice.crash().await;
    let copy = copy_out(&alice);

    alice.start().await;
    for text in ["lost to alice 1", "lost to alice 2", "lost to alice 3"] {
        let id = alice.send("bob", text).await;
        alice.wait(&id, MessageState::Delivered).await;
    }
    let id = bob.send("alice", "b2").await;
    bob.wait(&id, MessageState::Delivered).await;
    alice.crash().await;
    put_back(&alice, copy);

    // What alice's old copy would seal next, would be sealed with keys that were used.
    alice.start().await;
    let mut last = String::new();
    for text in ["a3", "a4", "a5", "a6"] {
        last = alice.send("bob", text).await;
    }
    let mut answer = bob.send("alice", "b3").await;
    alice.wait(&last, MessageState::Delivered).await;
    bob.wait(&answer, MessageState::Delivered).await;
    answer = bob.send("alice", "b4").await;
    bob.wait(&answer, MessageState::Delivered).await;

    assert!(sea.reused.lock().unwrap().is_empty(), "a box was sealed twice");
    let texts = bob.texts().await;
    assert_eq!(
        texts,
        ["a1", "a2", "lost to alice 1", "lost to alice 2", "lost to alice 3", "a3", "a4", "a5", "a6"]
    );
    // b2 was confirmed before the copy was put back, and deleted: it is gone with the newer database.
    // The relay may still have it, and then it comes, once: the older home has never seen it.
    let (again, kept): (Vec<_>, Vec<_>) = alice.texts().await.into_iter().partition(|text| text == "b2");
    assert!(again.len() < 2, "{again:?}");
    assert_eq!(kept, ["b1", "b3", "b4"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_sides_put_back_heal_too() {
    let sea = Sea::new();
    let (mut alice, mut bob) = friends(&sea, &[sea.relay().await]).await;
    let id = alice.send("bob", "before").await;
    alice.wait(&id, MessageState::Delivered).await;
    alice.crash().await;
    bob.crash().await;
    let (of_alice, of_bob) = (copy_out(&alice), copy_out(&bob));
    alice.start().await;
    bob.start().await;
    let id = alice.send("bob", "between").await;
    alice.wait(&id, MessageState::Delivered).await;
    alice.crash().await;
    bob.crash().await;
    put_back(&alice, of_alice);
    put_back(&bob, of_bob);
    alice.start().await;
    bob.start().await;
    let id = alice.send("bob", "after").await;
    alice.wait(&id, MessageState::Delivered).await;
    let id = bob.send("alice", "indeed").await;
    bob.wait(&id, MessageState::Delivered).await;
    assert!(sea.reused.lock().unwrap().is_empty());
    assert_eq!(bob.texts().await.last().map(String::as_str), Some("after"));
}

/// Mark and database put back together, which only the relay's `Conflict` shows.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_conflict_begins_the_conversation_anew() {
    let sea = Sea::new();
    let (mut alice, bob) = friends(&sea, &[sea.relay().await]).await;
    let id = alice.send("bob", "before").await;
    alice.wait(&id, MessageState::Delivered).await;
    alice.crash().await;
    let mark = fs::read(alice.path().join("store.mark")).unwrap();
    let copy = copy_out(&alice);
    // Bob must not have confirmed and deleted what conflicts: he is away.
    let mut bob = bob;
    bob.crash().await;
    alice.start().await;
    let id = alice.send("bob", "of the time that is lost").await;
    alice.wait(&id, MessageState::Stored).await;
    alice.crash().await;
    put_back(&alice, copy);
    fs::write(alice.path().join("store.mark"), mark).unwrap();
    alice.start().await;
    let first = alice.send("bob", "after 1").await;
    let second = alice.send("bob", "after 2").await;
    bob.start().await;
    alice.wait(&first, MessageState::Delivered).await;
    alice.wait(&second, MessageState::Delivered).await;
    let texts: Vec<_> = bob.texts().await.into_iter().filter(|text| text.starts_with("after")).collect();
    assert_eq!(texts, ["after 1", "after 2"]);
}
