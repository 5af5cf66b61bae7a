use std::fs;

use bauta_ipc::MessageState;

use crate::support::{Home, Sea, friends};

const FILES: [&str; 2] = ["store.db", "store.db-wal"];

pub(crate) fn copy_out(home: &Home) -> Vec<Option<Vec<u8>>> {
    FILES.iter().map(|name| fs::read(home.path().join(name)).ok()).collect()
}

pub(crate) fn put_back(home: &Home, copy: Vec<Option<Vec<u8>>>) {
    drop(fs::remove_file(home.path().join("store.db-shm")));
    for (name, bytes) in FILES.iter().zip(copy) {
        let path = home.path().join(name);
        drop(fs::remove_file(&path));
        if let Some(bytes) = bytes {
            fs::write(path, bytes).unwrap();
        }
    }
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
    let kept: Vec<String> = alice.texts().await.into_iter().filter(|text| text != "b2").collect();
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
