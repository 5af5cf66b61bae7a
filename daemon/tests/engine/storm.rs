use std::sync::atomic::Ordering;
use std::time::Duration;

use bauta_ipc::MessageState;

use crate::support::{Home, Sea, below, friends};

const MESSAGES: usize = 25;

fn storm(sea: &Sea) {
    sea.lost_permille.store(150, Ordering::Relaxed);
    sea.doubled_permille.store(150, Ordering::Relaxed);
    sea.delay_ms.store(25, Ordering::Relaxed);
}

/// Messages both ways while exchanges are lost, doubled and delayed, and both daemons are killed again and again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_lost_nothing_twice_and_in_order() {
    let sea = Sea::new();
    let (alice, bob) = friends(&sea, &[sea.relay().await, sea.relay().await]).await;
    storm(&sea);
    talk_and_compare(&sea, alice, bob).await;
}

/// The same from the first invitation on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_invitation_in_the_storm() {
    let sea = Sea::new();
    let relays = [sea.relay().await];
    storm(&sea);
    let (alice, _) = Home::with(&sea, &relays, "alice").await;
    let (bob, _) = Home::with(&sea, &relays, "bob").await;
    bob.add("alice", &alice.invite(Some("bob")).await).await.unwrap();
    talk_and_compare(&sea, alice, bob).await;
}

/// The same where both begin at once, so that there are two sessions.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_handshakes_in_the_storm() {
    let sea = Sea::new();
    let relays = [sea.relay().await, sea.relay().await];
    let (alice, a) = Home::with(&sea, &relays, "alice").await;
    let (bob, b) = Home::with(&sea, &relays, "bob").await;
    storm(&sea);
    alice.add("bob", &b.address).await.unwrap();
    bob.add("alice", &a.address).await.unwrap();
    talk_and_compare(&sea, alice, bob).await;
}

/// A request that is accepted in the middle.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_in_the_storm() {
    let sea = Sea::new();
    let relays = [sea.relay().await];
    let (mut alice, a) = Home::with(&sea, &relays, "alice").await;
    let (bob, _) = Home::with(&sea, &relays, "bob").await;
    storm(&sea);
    bob.add("alice", &a.address).await.unwrap();
    let (bob, sent) = talk(bob, "alice", "bob").await;
    alice.crash().await;
    alice.start().await;
    let request = alice.wait_for_request().await;
    alice.accept(&request.id, "bob").await;
    alice.crash().await;
    alice.start().await;
    for id in &sent {
        bob.wait(id, MessageState::Delivered).await;
    }
    assert_eq!(alice.texts().await, expected("bob"));
    assert!(sea.reused.lock().unwrap().is_empty());
}

async fn talk_and_compare(sea: &Sea, alice: Home, bob: Home) {
    let ((alice, of_alice), (bob, of_bob)) =
        tokio::join!(talk(alice, "bob", "alice"), talk(bob, "alice", "bob"));
    for (home, sent) in [(&alice, &of_alice), (&bob, &of_bob)] {
        for id in sent {
            home.wait(id, MessageState::Delivered).await;
        }
    }
    assert_eq!(bob.texts().await, expected("alice"));
    assert_eq!(alice.texts().await, expected("bob"));
    assert!(sea.reused.lock().unwrap().is_empty());
}

fn expected(name: &str) -> Vec<String> {
    (0..MESSAGES).map(|number| line(name, number)).collect()
}

fn line(name: &str, number: usize) -> String {
    // Every fourth one takes several boxes.
    format!("{name} {number} {}", "x".repeat(if number % 4 == 3 { 3000 } else { 0 }))
}

async fn talk(mut home: Home, to: &str, name: &str) -> (Home, Vec<String>) {
    let mut sent = Vec::new();
    for number in 0..MESSAGES {
        sent.push(home.send(to, &line(name, number)).await);
        tokio::time::sleep(Duration::from_millis(below(120))).await;
        if below(5) == 0 {
            home.crash().await;
            home.start().await;
        }
    }
    (home, sent)
}
