use std::time::Duration;

use bauta_ipc::{
    AddContact, CreateInvitation, EventBody, HistoryOf, InboxOf, MessageState, NewPersona, OptionalPersona,
    PersonaRef, SendMessage, StatusOf, Subscribe, VerifyContact, WaitFor, codes,
};
use futures::StreamExt;

use crate::support::{Home, Sea, friends, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_personas_of_one_home_know_nothing_of_each_other() {
    let sea = Sea::new();
    let mut home = Home::new(&sea, &[sea.relay().await]);
    home.start().await;
    let api = home.api();
    let work = api.persona_new(NewPersona { name: "work".to_owned(), apart: false }).await.unwrap();
    let play = api.persona_new(NewPersona { name: "play".to_owned(), apart: false }).await.unwrap();
    assert_ne!(work.public_key, play.public_key);
    let choice = api.contact_list(bauta_ipc::ListOf::default()).await.unwrap_err();
    assert!(choice.is(&codes::PERSONA_CHOICE));
    let taken = api.persona_new(NewPersona { name: "work".to_owned(), apart: false }).await.unwrap_err();
    assert!(taken.is(&codes::PERSONA_EXISTS));

    // They may even talk to each other.
    let invite = CreateInvitation { persona: Some("work".to_owned()), name: Some("other".to_owned()) };
    let address = api.contact_invite(invite).await.unwrap().address;
    let add = AddContact { persona: Some("play".to_owned()), name: "other".to_owned(), address };
    api.contact_add(add).await.unwrap();
    let message = SendMessage {
        persona: Some("play".to_owned()),
        contact: "other".to_owned(),
        text: "to myself".to_owned(),
        id: None,
    };
    let id = api.message_send(message).await.unwrap().id;
    home.wait(&id, MessageState::Delivered).await;
    let inbox = |name: &str| InboxOf { persona: Some(name.to_owned()), ..InboxOf::default() };
    assert_eq!(api.message_inbox(inbox("work")).await.unwrap().messages.len(), 1);
    assert!(api.message_inbox(inbox("play")).await.unwrap().messages.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_replay_and_follow() {
    let sea = Sea::new();
    let (alice, bob) = friends(&sea, &[sea.relay().await]).await;
    let mut follow = bob.api().event_subscribe(Subscribe { since: None }).await.unwrap();
    let id = alice.send("bob", "listen").await;
    let followed = async {
        loop {
            let event = follow.events.next().await.unwrap().unwrap();
            assert!(event.cursor > follow.cursor);
            if let EventBody::MessageReceived { message } = event.body {
                return (event.cursor, message);
            }
        }
    };
    let (cursor, message) = tokio::time::timeout(Duration::from_secs(180), followed).await.unwrap();
    assert_eq!((message.id.as_str(), message.body.text().unwrap()), (id.as_str(), "listen"));
    let mut replay = bob.api().event_subscribe(Subscribe { since: Some(cursor - 1) }).await.unwrap();
    assert_eq!(replay.events.next().await.unwrap().unwrap().cursor, cursor);
    let beyond = bob.api().event_subscribe(Subscribe { since: Some(cursor + 1_000_000) }).await;
    assert!(beyond.err().unwrap().is(&codes::EVENT_CURSOR));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_may_say_the_same_twice() {
    let sea = Sea::new();
    let (alice, bob) = friends(&sea, &[sea.relay().await]).await;
    let message = SendMessage {
        persona: None,
        contact: "bob".to_owned(),
        text: "once".to_owned(),
        id: Some("00112233445566778899aabbccddeeff".to_owned()),
    };
    for _ in 0..3 {
        assert_eq!(alice.api().message_send(message.clone()).await.unwrap().id, message.id.clone().unwrap());
    }
    alice.wait(message.id.as_deref().unwrap(), MessageState::Delivered).await;
    assert_eq!(bob.texts().await, ["once"]);
    // The same id for something else is a mistake that must not look like success.
    let other = SendMessage { text: "twice".to_owned(), ..message.clone() };
    assert!(alice.api().message_send(other).await.unwrap_err().is(&codes::MESSAGE_EXISTS));
    alice.invite(Some("carol")).await;
    let other = SendMessage { contact: "carol".to_owned(), ..message.clone() };
    assert!(alice.api().message_send(other).await.unwrap_err().is(&codes::MESSAGE_EXISTS));
    let bad = SendMessage { id: Some("xyz".to_owned()), ..message.clone() };
    assert!(alice.api().message_send(bad).await.unwrap_err().is(&codes::REQUEST_PARAMS));
    for text in [String::new(), "x".repeat(15_001)] {
        let bad = SendMessage { text, id: None, ..message.clone() };
        assert!(alice.api().message_send(bad).await.unwrap_err().is(&codes::MESSAGE_TEXT));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn waiting_ends_in_time() {
    let sea = Sea::new();
    let (alice, _) = Home::with(&sea, &[sea.relay().await], "alice").await;
    alice.invite(Some("nobody yet")).await;
    let id = alice.send("nobody yet", "hello?").await;
    let wait = |id: &str, timeout_ms| WaitFor { id: id.to_owned(), state: MessageState::Stored, timeout_ms };
    let late = alice.api().message_wait(wait(&id, 50)).await.unwrap_err();
    assert!(late.is(&codes::MESSAGE_TIMEOUT));
    let unknown = alice.api().message_wait(wait(&"00".repeat(16), 50)).await.unwrap_err();
    assert!(unknown.is(&codes::MESSAGE_UNKNOWN));
    assert_eq!(alice.api().status_get(StatusOf::default()).await.unwrap().queued, 1);
    let verify = VerifyContact { persona: None, contact: "nobody yet".to_owned(), mark: None };
    assert!(alice.api().contact_verify(verify).await.unwrap_err().is(&codes::CONTACT_PENDING));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn long_lists_come_in_pages() {
    let sea = Sea::new();
    let (alice, bob) = friends(&sea, &[sea.relay().await]).await;
    let mut last = String::new();
    for number in 0..7 {
        last = alice.send("bob", &number.to_string()).await;
    }
    alice.wait(&last, MessageState::Delivered).await;
    let (mut texts, mut after) = (Vec::new(), None);
    loop {
        let page =
            bob.api().message_inbox(InboxOf { after, limit: Some(3), ..InboxOf::default() }).await.unwrap();
        texts.extend(page.messages.into_iter().map(|message| message.body.text().unwrap().to_owned()));
        match page.next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    assert_eq!(texts, ["0", "1", "2", "3", "4", "5", "6"]);
    let history =
        |before| HistoryOf { persona: None, contact: "bob".to_owned(), before, from: None, limit: Some(5) };
    let latest = alice.api().message_history(history(None)).await.unwrap();
    let earlier = alice.api().message_history(history(latest.previous)).await.unwrap();
    assert_eq!((earlier.messages.len(), latest.messages.len()), (2, 5));
    assert_eq!(latest.messages[4].body.text(), Some("6"));
    assert!(latest.messages[4].delivered_at.is_some() && earlier.previous.is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_persona_shows_what_its_relay_holds() {
    let sea = Sea::new();
    let (alice, persona) = Home::with(&sea, &[sea.relay().await], "alice").await;
    let show =
        || async { alice.api().persona_show(PersonaRef { persona: "alice".to_owned() }).await.unwrap() };
    until("the bundle is published", async || show().await.published.is_some()).await;
    let first = show().await;
    assert!(persona.address.contains(&first.relays[0]));
    let made = alice.api().persona_publish(OptionalPersona::default()).await.unwrap();
    until("the new one is published", async || {
        show().await.published.is_some_and(|bundle| bundle.version == made.version)
    })
    .await;
    assert!(made.version > first.published.unwrap().version);
    let exported = alice.api().persona_export(PersonaRef { persona: "alice".to_owned() }).await.unwrap();
    assert_eq!(exported.secret_key.reveal().len(), 64);
    // From the third day on there are new keys without being asked.
    sea.clock.skip(Duration::from_secs(49 * 3600));
    until("new keys are published", async || {
        show().await.published.is_some_and(|bundle| bundle.version > made.version)
    })
    .await;
}
