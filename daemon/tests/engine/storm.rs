use std::sync::atomic::Ordering;
use std::time::Duration;

use bauta_ipc::MessageState;

use crate::support::{Home, Sea, below, friends};

const MESSAGES: usize = 25;

/// Messages both ways while exchanges are lost, doubled and delayed, and both daemons are killed again and again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_lost_nothing_twice_and_in_order() {
    let sea = Sea::new();
    let (alice, bob) = friends(&sea, &[sea.relay().await, sea.relay().await]).await;
    sea.lost_permille.store(150, Ordering::Relaxed);
    sea.doubled_permille.store(150, Ordering::Relaxed);
    sea.delay_ms.store(25, Ordering::Relaxed);
    let (alice, bob) = tokio::join!(talk(alice, "bob", "alice"), talk(bob, "alice", "bob"));
    sea.lost_permille.store(0, Ordering::Relaxed);
    let ((alice, of_alice), (bob, of_bob)) = (alice, bob);
    for (home, sent) in [(&alice, &of_alice), (&bob, &of_bob)] {
        for id in sent {
            home.wait(id, MessageState::Delivered).await;
        }
    }
    let expected = |name: &str| (0..MESSAGES).map(|number| line(name, number)).collect::<Vec<_>>();
    assert_eq!(bob.texts().await, expected("alice"));
    assert_eq!(alice.texts().await, expected("bob"));
    assert!(sea.reused.lock().unwrap().is_empty());
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
