use bauta_ipc::{ContactState, EventBody, MessageState, VerifyContact, codes};

use crate::support::{Home, Sea, friends, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_invitation_makes_contacts_of_both_and_messages_flow() {
    let sea = Sea::new();
    let relays = [sea.relay().await, sea.relay().await];
    let (alice, bob) = friends(&sea, &relays).await;

    let first = bob.send("alice", "hello alice").await;
    let second = alice.send("bob", &"a long one ".repeat(1200)).await;
    bob.wait(&first, MessageState::Delivered).await;
    alice.wait(&second, MessageState::Delivered).await;
    assert_eq!(alice.inbox().await, [("bob".to_owned(), "hello alice".to_owned())]);
    assert_eq!(bob.texts().await, ["a long one ".repeat(1200)]);

    assert_eq!(sea.count("deposit"), 0, "an invitation does not touch the inbox");
    assert_eq!(sea.count("fetch"), 0, "nor does it ask for a bundle");
    assert!(
        alice
            .saw(|event| matches!(event, EventBody::ContactAdded { contact } if contact.name == "bob"))
            .await
    );
    let number = |home: &Home, contact: &str| {
        let params = VerifyContact { persona: None, contact: contact.to_owned(), mark: None };
        let api = home.api();
        async move { api.contact_verify(params).await.unwrap().digits }
    };
    assert_eq!(number(&alice, "bob").await, number(&bob, "alice").await);
    assert!(sea.reused.lock().unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_sent_before_the_answer_waits_in_order() {
    let sea = Sea::new();
    let relays = [sea.relay().await];
    let (alice, _) = Home::with(&sea, &relays, "alice").await;
    let (bob, persona) = Home::with(&sea, &relays, "bob").await;
    let invitation = alice.invite(Some("my friend")).await;
    assert_eq!(alice.contacts().await[0].state, ContactState::Invited);
    for text in ["one", "two", "three"] {
        alice.send("my friend", text).await;
    }
    bob.add("alice", &invitation).await.unwrap();
    for text in ["four", "five"] {
        bob.send("alice", text).await;
    }
    bob.wait_for_texts(&["one", "two", "three"]).await;
    alice.wait_for_texts(&["four", "five"]).await;
    assert_eq!(alice.contacts().await[0].public_key.as_deref(), Some(persona.public_key.as_str()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unnamed_guest_is_called_by_its_key() {
    let sea = Sea::new();
    let relays = [sea.relay().await];
    let (alice, _) = Home::with(&sea, &relays, "alice").await;
    let (bob, persona) = Home::with(&sea, &relays, "bob").await;
    bob.add("alice", &alice.invite(None).await).await.unwrap();
    alice.wait_for_contact(&persona.public_key[..8], ContactState::Active).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_taker_is_told_and_changes_nothing() {
    let sea = Sea::new();
    let relays = [sea.relay().await];
    let (alice, _) = Home::with(&sea, &relays, "alice").await;
    let (bob, _) = Home::with(&sea, &relays, "bob").await;
    let (carol, _) = Home::with(&sea, &relays, "carol").await;
    let invitation = alice.invite(Some("bob")).await;
    bob.add("alice", &invitation).await.unwrap();
    alice.wait_for_contact("bob", ContactState::Active).await;
    let refused = carol.add("alice", &invitation).await.unwrap_err();
    assert!(refused.is(&codes::INVITATION_USED), "{refused:?}");
    assert!(carol.contacts().await.is_empty());
    let id = bob.send("alice", "it is me").await;
    bob.wait(&id, MessageState::Delivered).await;
    assert_eq!(alice.contacts().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_takers_at_once_leave_one_conversation() {
    let sea = Sea::new();
    let relays = [sea.relay().await];
    let (alice, _) = Home::with(&sea, &relays, "alice").await;
    let (bob, _) = Home::with(&sea, &relays, "bob").await;
    let (carol, _) = Home::with(&sea, &relays, "carol").await;
    let invitation = alice.invite(None).await;
    let (by_bob, by_carol) = tokio::join!(bob.add("alice", &invitation), carol.add("alice", &invitation));
    assert!(by_bob.is_ok() != by_carol.is_ok(), "{by_bob:?} {by_carol:?}");
    let winner = if by_bob.is_ok() { &bob } else { &carol };
    let id = winner.send("alice", "first").await;
    winner.wait(&id, MessageState::Delivered).await;
    until("one contact", async || alice.contacts().await.len() == 1).await;
}
