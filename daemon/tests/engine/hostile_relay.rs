use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bauta::node::TimeSource;
use bauta_ipc::{Api, ContactChange, Empty, EventBody, MessageState, NewPersona, codes};
use bauta_protocol::descriptor::{Descriptor, DescriptorTerms, MAX_LIFETIME, RelayIdentity};

use crate::support::{Home, Sea, SharedClock, door, friends, rng, until};

/// A relay that shows each of two clients doors of its own could tell them apart. They find out, and stop.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relay_with_two_descriptors_is_found_out() {
    let sea = Sea::new();
    let identity = RelayIdentity::generate(&mut rng());
    let secret = identity.to_bytes();
    let relay = sea.relay_of(identity).await;
    let today = SharedClock(Arc::clone(&sea.clock)).now().day();
    let terms = DescriptorTerms {
        day: today,
        doors: vec![door(), door()],
        put_bits: 14,
        deposit_bits: 2,
        expiry: today.start().plus(MAX_LIFETIME),
    };
    let identity = RelayIdentity::from_bytes(&secret).unwrap();
    let for_bob = Descriptor::sign(&identity, &terms, &mut rng()).unwrap();

    let (alice, _) = Home::with(&sea, std::slice::from_ref(&relay), "alice").await;
    let mut bob = Home::new(&sea, std::slice::from_ref(&relay));
    bob.boats.shown.lock().unwrap().insert(relay.id, for_bob);
    bob.start().await;
    bob.api().persona_new(NewPersona { name: "bob".to_owned() }).await.unwrap();
    let invitation = alice.invite(Some("bob")).await;
    bob.add("alice", &invitation).await.unwrap();
    let warned = async |home: &Home| {
        let health = home.api().status_get(Empty {}).await.unwrap().health;
        (
            health.iter().any(|item| item.code == "relay.suspect"),
            health.iter().any(|item| item.is(&codes::RELAY_DISHONEST)),
        )
    };
    until("one has the proof and the other the suspicion", async || {
        let ((a_suspects, a_knows), (b_suspects, b_knows)) = (warned(&alice).await, warned(&bob).await);
        (a_knows && (b_knows || b_suspects)) || (b_knows && a_suspects)
    })
    .await;
    let knows = if warned(&alice).await.1 { &alice } else { &bob };
    // What was under way comes back; then nothing more is sent.
    tokio::time::sleep(Duration::from_millis(700)).await;
    let before = sea.count_of(knows, relay.id);
    tokio::time::sleep(Duration::from_millis(400)).await;
    assert_eq!(sea.count_of(knows, relay.id), before);
}

/// A box that the relay lost is given up after days, the gap is shown, and the message comes again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_box_leaves_a_gap_that_is_shown_and_filled() {
    let sea = Sea::new();
    let (alice, bob) = friends(&sea, &[sea.relay().await]).await;
    let id = alice.send("bob", "one").await;
    alice.wait(&id, MessageState::Delivered).await;
    let lost = {
        // The loop lane puts too: swallow until the message's own box was among them.
        sea.swallow_puts.store(u32::MAX, Ordering::Relaxed);
        let lost = alice.send("bob", "two").await;
        alice.wait(&lost, MessageState::Stored).await;
        sea.swallow_puts.store(0, Ordering::Relaxed);
        lost
    };
    let third = alice.send("bob", "three").await;
    alice.wait(&third, MessageState::Stored).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(bob.texts().await, ["one"], "order is kept while the box may still come");
    sea.clock.skip(Duration::from_secs(3 * 24 * 3600 + 3600));
    alice.wait(&third, MessageState::Delivered).await;
    alice.wait(&lost, MessageState::Delivered).await;
    assert_eq!(bob.texts().await, ["one", "three", "two"]);
    let gap =
        |event: &EventBody| matches!(event, EventBody::ContactChanged { change: ContactChange::Gap, .. });
    assert!(bob.saw(gap).await);
}

/// What nobody has confirmed is put again before the relay forgets it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn boxes_without_a_receipt_are_put_again() {
    let sea = Sea::new();
    let (alice, mut bob) = friends(&sea, &[sea.relay().await]).await;
    bob.crash().await;
    let id = alice.send("bob", "while you were away").await;
    alice.wait(&id, MessageState::Stored).await;
    for _ in 0..3 {
        sea.clock.skip(Duration::from_secs(11 * 24 * 3600));
        tokio::time::sleep(Duration::from_millis(800)).await;
    }
    bob.start().await;
    alice.wait(&id, MessageState::Delivered).await;
    assert_eq!(bob.texts().await, ["while you were away"]);
}
