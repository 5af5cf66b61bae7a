use bauta_ipc::{BlockContact, ContactState, EventBody, ListOf, MessageState, codes};
use bauta_protocol::address::Address;

use crate::support::{Home, Sea, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stranger_becomes_a_contact_by_acceptance() {
    let sea = Sea::new();
    let relays = [sea.relay().await];
    let (alice, persona) = Home::with(&sea, &relays, "alice").await;
    let (bob, stranger) = Home::with(&sea, &relays, "bob").await;
    bob.add("alice", &persona.address).await.unwrap();
    let first = bob.send("alice", "may I?").await;
    let more = bob.send("alice", "a second line").await;
    let request = alice.wait_for_request().await;
    assert_eq!(
        (request.text.as_str(), request.public_key.as_str()),
        ("may I?", stranger.public_key.as_str())
    );
    bob.wait(&more, MessageState::Stored).await;
    bob.wait(&first, MessageState::Stored).await;
    assert!(alice.inbox().await.is_empty());
    assert!(alice.saw(|event| matches!(event, EventBody::ContactRequest { .. })).await);

    let contact = alice.accept(&request.id, "bob").await;
    assert_eq!(contact.state, ContactState::Active);
    assert!(alice.requests().await.is_empty());
    bob.wait(&first, MessageState::Delivered).await;
    bob.wait(&more, MessageState::Delivered).await;
    alice.wait_for_texts(&["may I?", "a second line"]).await;
    alice.send("bob", "you may").await;
    bob.wait_for_texts(&["you may"]).await;
    assert!(
        !alice.saw(|event| matches!(event, EventBody::ContactRequest { .. })).await,
        "it goes with the request"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bare_key_is_looked_for_at_the_relays_known_here() {
    let sea = Sea::new();
    let (first, second) = (sea.relay().await, sea.relay().await);
    let (alice, persona) = Home::with(&sea, std::slice::from_ref(&second), "alice").await;
    let (bob, _) = Home::with(&sea, &[first, second], "bob").await;
    bob.add("alice", &persona.public_key).await.unwrap();
    bob.send("alice", "found you").await;
    assert_eq!(alice.wait_for_request().await.text, "found you");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_for_somebody_without_bauta_says_why_it_stays() {
    let sea = Sea::new();
    let (bob, _) = Home::with(&sea, &[sea.relay().await], "bob").await;
    let key = "Anm+Zn753LusVaBilc6HCwcCm/zbLc4o2VnygVsW+BeY";
    bob.add("marta", key).await.unwrap();
    let params = bauta_ipc::SendMessage {
        persona: None,
        contact: "marta".to_owned(),
        text: "hello".to_owned(),
        id: None,
    };
    // Before anybody was asked, there is hope; while waiting, the reason comes.
    if let Ok(sent) = bob.api().message_send(params.clone()).await {
        let stored = bauta_ipc::WaitFor { id: sent.id, state: MessageState::Stored, timeout_ms: 180_000 };
        let error = bob.api().message_wait(stored).await.unwrap_err();
        assert!(error.is(&bauta_ipc::codes::CONTACT_UNREACHABLE), "{error:?}");
    }
    let error = bob.api().message_send(params).await.unwrap_err();
    assert!(error.is(&bauta_ipc::codes::CONTACT_UNREACHABLE) && error.message.contains("Mask"), "{error:?}");
    assert_eq!(bob.contacts().await[0].problem.as_ref(), Some(&error));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_asked_or_deleted_for_a_request() {
    let sea = Sea::new();
    let theirs = sea.relay().await;
    let (alice, persona) = Home::with(&sea, &[theirs], "alice").await;
    let (bob, _) = Home::with(&sea, &[sea.relay().await], "bob").await;
    bob.add("alice", &persona.address).await.unwrap();
    let id = bob.send("alice", "hello").await;
    let later = bob.send("alice", "there").await;
    alice.wait_for_request().await;
    bob.wait(&later, MessageState::Stored).await;
    bob.boats.cut.store(true, std::sync::atomic::Ordering::Relaxed);
    tokio::time::sleep(std::time::Duration::from_millis(600)).await;
    bob.boats.cut.store(false, std::sync::atomic::Ordering::Relaxed);
    let history = bauta_ipc::HistoryOf {
        persona: None,
        contact: "alice".to_owned(),
        before: None,
        from: None,
        limit: None,
    };
    for message in bob.api().message_history(history).await.unwrap().messages {
        assert_eq!(message.state, Some(MessageState::Stored), "the sender learns nothing");
    }
    alice.accept(&alice.requests().await[0].id, "bob").await;
    bob.wait(&id, MessageState::Delivered).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_blocked_are_not_heard() {
    let sea = Sea::new();
    let relays = [sea.relay().await];
    let (alice, persona) = Home::with(&sea, &relays, "alice").await;
    let (bob, stranger) = Home::with(&sea, &relays, "bob").await;
    let (carol, _) = Home::with(&sea, &relays, "carol").await;
    bob.add("alice", &persona.address).await.unwrap();
    bob.send("alice", "buy this").await;
    let request = alice.wait_for_request().await;
    let blocked =
        alice.api().contact_block(BlockContact { persona: None, contact: request.id }).await.unwrap();
    assert_eq!(blocked.public_key.as_deref(), Some(stranger.public_key.as_str()));
    assert!(alice.requests().await.is_empty());

    // A new handshake of the same persona, and one of another: only the second is shown.
    sea.clock.skip(std::time::Duration::from_secs(9 * 24 * 3600));
    bob.send("alice", "buy it now").await;
    carol.add("alice", &persona.address).await.unwrap();
    carol.send("alice", "good day").await;
    until("carol's request", async || !alice.requests().await.is_empty()).await;
    assert_eq!(alice.requests().await.iter().map(|one| one.text.as_str()).collect::<Vec<_>>(), ["good day"]);
    let error = alice.add("bob", &stranger.address).await.unwrap_err();
    assert!(error.is(&codes::CONTACT_BLOCKED));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_add_each_other_at_once() {
    let sea = Sea::new();
    let relays = [sea.relay().await, sea.relay().await];
    let (alice, a) = Home::with(&sea, &relays, "alice").await;
    let (bob, b) = Home::with(&sea, &relays, "bob").await;
    alice.add("bob", &b.address).await.unwrap();
    bob.add("alice", &a.address).await.unwrap();
    let (x, y) = tokio::join!(alice.send("bob", "from alice 1"), bob.send("alice", "from bob 1"));
    alice.wait(&x, MessageState::Delivered).await;
    bob.wait(&y, MessageState::Delivered).await;
    let (x, y) = tokio::join!(alice.send("bob", "from alice 2"), bob.send("alice", "from bob 2"));
    alice.wait(&x, MessageState::Delivered).await;
    bob.wait(&y, MessageState::Delivered).await;
    assert_eq!(alice.texts().await, ["from bob 1", "from bob 2"]);
    assert_eq!(bob.texts().await, ["from alice 1", "from alice 2"]);
    assert!(alice.requests().await.is_empty() && bob.requests().await.is_empty());
    assert!(sea.reused.lock().unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_calls_are_refused_in_words() {
    let sea = Sea::new();
    let (alice, persona) = Home::with(&sea, &[sea.relay().await], "alice").await;
    assert!(alice.add("me", &persona.address).await.unwrap_err().is(&codes::CONTACT_SELF));
    assert!(alice.add("x", "bauta:nonsense").await.unwrap_err().is(&codes::CONTACT_ADDRESS));
    assert!(alice.add("", &persona.address).await.unwrap_err().is(&codes::NAME_INVALID));
    alice.invite(Some("bob")).await;
    let again = bauta_ipc::CreateInvitation { persona: None, name: Some("bob".to_owned()) };
    assert!(alice.api().contact_invite(again).await.unwrap_err().is(&codes::CONTACT_EXISTS));
    let unknown = BlockContact { persona: None, contact: "nobody".to_owned() };
    assert!(alice.api().contact_block(unknown).await.unwrap_err().is(&codes::CONTACT_UNKNOWN));
    let withdrawn = BlockContact { persona: None, contact: "bob".to_owned() };
    assert_eq!(alice.api().contact_block(withdrawn).await.unwrap().public_key, None);
    let other = ListOf { persona: Some("eve".to_owned()), after: None };
    assert!(alice.api().contact_list(other).await.unwrap_err().is(&codes::PERSONA_UNKNOWN));
    let address: Address = persona.address.parse().unwrap();
    assert_eq!(address.persona.to_string(), persona.public_key);
}
