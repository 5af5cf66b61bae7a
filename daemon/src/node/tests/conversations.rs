//! Messages that are there: found, seen and deleted.

use bauta_ipc::{Client, PairingRecord, Pairings as _, codes};
use bauta_protocol::content::Content;
use bauta_protocol::id::MessageId;
use bauta_protocol::time::Timestamp;
use serde_json::{Value, json};

use super::Served;
use crate::store::{NewMessage, StoreError};

/// A home with two personas, and contacts who have not answered yet.
async fn home() -> (Served, Client) {
    let served = Served::start().await;
    let client = served.client().await;
    for (persona, contacts) in [("alice", &["bob", "carol"][..]), ("bea", &["dan"])] {
        client.call_raw("persona.new", json!({"name": persona})).await.unwrap();
        for contact in contacts {
            client.call_raw("contact.invite", json!({"persona": persona, "name": contact})).await.unwrap();
        }
    }
    (served, client)
}

async fn send(client: &Client, persona: &str, contact: &str, text: &str) -> String {
    let params = json!({"persona": persona, "contact": contact, "text": text});
    client.call_raw("message.send", params).await.unwrap()["id"].as_str().unwrap().to_owned()
}

/// Contact and text of each message that is found, and the place to go on from.
async fn search(client: &Client, params: Value) -> (Vec<String>, Value) {
    let found = client.call_raw("message.search", params).await.unwrap();
    let line = |message: &Value| {
        assert_eq!(message["direction"], "out");
        format!("{}: {}", message["contact"].as_str().unwrap(), message["text"].as_str().unwrap())
    };
    (found["messages"].as_array().unwrap().iter().map(line).collect(), found["previous"].clone())
}

#[tokio::test]
async fn words_are_found_for_the_persona_that_asks() {
    let (_served, client) = home().await;
    for (persona, contact, text) in [
        ("alice", "bob", "at nine, in Tokyo"),
        ("alice", "carol", "明日は東京で"),
        ("alice", "bob", "nine is late"),
        ("bea", "dan", "nine, in 東京"),
    ] {
        send(&client, persona, contact, text).await;
    }
    let found = async |params: Value| search(&client, params).await.0;
    assert_eq!(
        found(json!({"persona": "alice", "text": "NINE"})).await,
        ["bob: nine is late", "bob: at nine, in Tokyo"]
    );
    assert_eq!(found(json!({"persona": "alice", "text": "東京"})).await, ["carol: 明日は東京で"]);
    assert_eq!(found(json!({"persona": "bea", "text": "京"})).await, ["dan: nine, in 東京"]);
    assert_eq!(
        found(json!({"persona": "alice", "text": "tok nin", "contact": "bob"})).await,
        ["bob: at nine, in Tokyo"]
    );
    assert!(found(json!({"persona": "alice", "text": "nine", "contact": "carol"})).await.is_empty());

    let (first, previous) = search(&client, json!({"persona": "alice", "text": "nine", "limit": 1})).await;
    assert_eq!(first, ["bob: nine is late"]);
    let rest = json!({"persona": "alice", "text": "nine", "limit": 1, "before": previous});
    assert_eq!(search(&client, rest).await, (vec!["bob: at nine, in Tokyo".to_owned()], Value::Null));

    for text in ["", " ?! ", &"x".repeat(257)] {
        let refused = client.call_raw("message.search", json!({"persona": "alice", "text": text})).await;
        assert!(refused.unwrap_err().is(&codes::SEARCH_TEXT), "{text:?}");
    }
}

async fn history(client: &Client, persona: &str, contact: &str) -> Vec<String> {
    let history = client.call_raw("message.history", json!({"persona": persona, "contact": contact})).await;
    let messages = history.unwrap()["messages"].as_array().unwrap().clone();
    messages.into_iter().map(|message| message["text"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn messages_and_conversations_are_deleted() {
    let (_served, client) = home().await;
    let first = send(&client, "alice", "bob", "one").await;
    for number in 0..130 {
        send(&client, "alice", "bob", &format!("many {number}")).await;
    }
    send(&client, "alice", "carol", "many others").await;
    let delete = json!({"persona": "alice", "contact": "bob", "id": first});
    client.call_raw("message.delete", delete.clone()).await.unwrap();
    assert_eq!(history(&client, "alice", "bob").await.len(), 100);
    assert!(client.call_raw("message.delete", delete).await.unwrap_err().is(&codes::MESSAGE_UNKNOWN));
    assert!(search(&client, json!({"persona": "alice", "text": "one"})).await.0.is_empty());

    client.call_raw("conversation.delete", json!({"persona": "alice", "contact": "bob"})).await.unwrap();
    assert!(history(&client, "alice", "bob").await.is_empty());
    assert_eq!(search(&client, json!({"persona": "alice", "text": "many"})).await.0, ["carol: many others"]);
    let status = client.call_raw("status.get", json!({})).await.unwrap();
    assert_eq!(status["queued"], 1, "what was deleted is not sent");
    let contact =
        client.call_raw("contact.show", json!({"persona": "alice", "contact": "bob"})).await.unwrap();
    assert_eq!(contact["last_message_at"], Value::Null);
}

#[tokio::test]
async fn contacts_are_renamed_muted_and_deleted() {
    let (served, client) = home().await;
    let mut events = served.client().await.subscribe(None).await.unwrap();
    let bob = |more: Value| {
        let mut params = json!({"persona": "alice", "contact": "bob"});
        params.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        params
    };
    send(&client, "alice", "bob", "words").await;
    let taken = client.call_raw("contact.rename", bob(json!({"name": "carol"}))).await.unwrap_err();
    assert!(taken.is(&codes::CONTACT_EXISTS));
    let muted = client.call_raw("contact.mute", bob(json!({"muted": true}))).await.unwrap();
    assert_eq!(muted["muted"], true);
    let renamed = client.call_raw("contact.rename", bob(json!({"name": " bobby "}))).await.unwrap();
    assert_eq!((&renamed["name"], &renamed["muted"]), (&json!("bobby"), &json!(true)));
    assert_eq!(history(&client, "alice", "bobby").await, ["words"]);
    let gone = json!({"persona": "alice", "contact": "bobby"});
    client.call_raw("contact.delete", gone.clone()).await.unwrap();
    assert!(client.call_raw("contact.show", gone.clone()).await.unwrap_err().is(&codes::CONTACT_UNKNOWN));
    assert!(client.call_raw("contact.delete", gone).await.unwrap_err().is(&codes::CONTACT_UNKNOWN));
    assert!(search(&client, json!({"persona": "alice", "text": "words"})).await.0.is_empty());
    loop {
        let event = serde_json::to_value(events.next().await.unwrap().body).unwrap();
        if event["kind"] == "contact.deleted" {
            assert_eq!(event, json!({"kind": "contact.deleted", "persona": "alice"}));
            break;
        }
    }
}

#[tokio::test]
async fn a_key_is_unblocked() {
    let (_served, client) = home().await;
    let key = client.call_raw("persona.show", json!({"persona": "bea"})).await.unwrap()["public_key"].clone();
    let name = json!({"persona": "alice", "contact": key});
    let blocked = async || {
        let list = client.call_raw("contact.blocked", json!({"persona": "alice"})).await.unwrap();
        let list = list["blocked"].as_array().unwrap().clone();
        list.into_iter().map(|one| (one["public_key"].clone(), one["name"].clone())).collect::<Vec<_>>()
    };
    let unknown = client.call_raw("contact.unblock", name.clone()).await.unwrap_err();
    assert!(unknown.is(&codes::CONTACT_UNKNOWN));
    // A key that never wrote, and then a contact.
    client.call_raw("contact.block", name.clone()).await.unwrap();
    assert_eq!(blocked().await, [(key.clone(), Value::Null)]);
    assert_eq!(client.call_raw("contact.unblock", name).await.unwrap()["public_key"], key);
    let add = json!({"persona": "alice", "name": "bea", "address": key});
    client.call_raw("contact.add", add).await.unwrap();
    let contact = json!({"persona": "alice", "contact": "bea"});
    for (method, state) in [("contact.block", "blocked"), ("contact.unblock", "pending")] {
        client.call_raw(method, contact.clone()).await.unwrap();
        assert_eq!(client.call_raw("contact.show", contact.clone()).await.unwrap()["state"], state);
    }
    // One that is deleted stays blocked.
    client.call_raw("contact.block", contact.clone()).await.unwrap();
    client.call_raw("contact.delete", contact.clone()).await.unwrap();
    let add = json!({"persona": "alice", "name": "bea", "address": key});
    assert!(client.call_raw("contact.add", add).await.unwrap_err().is(&codes::CONTACT_BLOCKED));
}

#[tokio::test]
async fn a_persona_is_deleted_and_its_name_gives_nobody_access() {
    let (served, client) = home().await;
    send(&client, "alice", "bob", "words").await;
    let pairings = super::super::StoredPairings::new(served.node.shared.store.clone());
    let record = |id: &str, personas: Option<&[&str]>| PairingRecord {
        id: id.to_owned(),
        origin: "chrome-extension://abc/".to_owned(),
        label: "Chromium".to_owned(),
        key: vec![4; 65],
        grants: vec![bauta_ipc::Grant::MessagesRead],
        personas: personas.map(|names| names.iter().map(|name| (*name).to_owned()).collect()),
        since: bauta_ipc::Utc::from_millis(0),
        last_used: None,
        revoked: false,
    };
    for (id, personas) in [("a", None), ("b", Some(&["alice", "bea"][..])), ("c", Some(&["bea"]))] {
        pairings.add(record(id, personas)).await.unwrap();
    }
    client.call_raw("persona.delete", json!({"persona": "alice"})).await.unwrap();
    let list = client.call_raw("persona.list", json!({})).await.unwrap();
    assert_eq!(list["personas"].as_array().unwrap().len(), 1);
    let states = async || {
        let list = client.call_raw("pair.list", json!({})).await.unwrap();
        let list = list["pairings"].as_array().unwrap().clone();
        list.into_iter().map(|one| one["state"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(states().await, ["paired", "revoked", "paired"]);
    client.call_raw("pair.forget", json!({"id": "b"})).await.unwrap();
    assert_eq!(states().await, ["paired", "paired"]);
    assert!(client.call_raw("pair.forget", json!({"id": "b"})).await.unwrap_err().is(&codes::PAIR_UNKNOWN));
    // The last one, and another of the same name.
    client.call_raw("persona.delete", json!({"persona": "bea"})).await.unwrap();
    client.call_raw("status.get", json!({})).await.unwrap();
    client.call_raw("persona.new", json!({"name": "alice"})).await.unwrap();
    assert!(search(&client, json!({"text": "words"})).await.0.is_empty());
}

/// A message of a contact's, as if it had come.
async fn receive(served: &Served, contact: &'static str, number: u8, at: u64) {
    let store = &served.node.shared.store;
    let added = store.run(move |tx| -> Result<_, StoreError> {
        let alice = tx.persona_named("alice")?.unwrap().id;
        let conversation = tx.contact_named(alice, contact)?.unwrap().conversation;
        let (id, now) = (MessageId([number; 16]), Timestamp(at));
        let text = format!("{contact} {number}");
        let content = Content::Text { id, sent_at: now, text: text.clone(), timer: None };
        let new = NewMessage {
            persona: alice,
            conversation,
            outgoing: false,
            id,
            kind: content.kind(),
            content: &content.encode().unwrap(),
            text: Some(&text),
            sent_at: now,
            timer: None,
        };
        tx.add_message(&new, now)
    });
    assert!(added.await.unwrap().is_some());
}

#[tokio::test]
async fn what_was_seen_is_read() {
    let (served, client) = home().await;
    for (contact, number) in [("bob", 1), ("carol", 2), ("bob", 3), ("bob", 4)] {
        receive(&served, contact, number, 1_790_000_000_000 + u64::from(number) * 1_000).await;
    }
    send(&client, "alice", "bob", "mine").await;
    let inbox = async |more: Value| -> Vec<String> {
        let mut params = json!({"persona": "alice"});
        params.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let inbox = client.call_raw("message.inbox", params).await.unwrap();
        let messages = inbox["messages"].as_array().unwrap().clone();
        messages.into_iter().map(|message| message["text"].as_str().unwrap().to_owned()).collect()
    };
    let unread = async || {
        let list = client.call_raw("conversation.list", json!({"persona": "alice"})).await.unwrap();
        let list = list["conversations"].as_array().unwrap().clone();
        let one = |one: Value| (one["contact"].as_str().unwrap().to_owned(), one["unread"].as_u64().unwrap());
        list.into_iter().map(one).collect::<Vec<_>>()
    };
    let owned = |bob, carol| vec![("bob".to_owned(), bob), ("carol".to_owned(), carol)];
    assert_eq!(unread().await, owned(3, 1));
    let third = json!({"persona": "alice", "contact": "bob", "id": "03".repeat(16)});
    client.call_raw("message.read", third).await.unwrap();
    assert_eq!(unread().await, owned(1, 1));
    assert_eq!(inbox(json!({"unread": true})).await, ["carol 2", "bob 4"]);
    assert_eq!(inbox(json!({"unread": true, "limit": 1})).await, ["carol 2"]);
    let since = bauta_ipc::Utc::from_millis(1_790_000_003_000);
    assert_eq!(inbox(json!({"since": since})).await, ["bob 3", "bob 4"]);
    client.call_raw("message.read", json!({"persona": "alice", "contact": "bob"})).await.unwrap();
    assert_eq!(unread().await, owned(0, 1));
    let unknown = json!({"persona": "alice", "contact": "bob", "id": "09".repeat(16)});
    assert!(client.call_raw("message.read", unknown).await.unwrap_err().is(&codes::MESSAGE_UNKNOWN));
    let list = client.call_raw("conversation.list", json!({"persona": "alice"})).await.unwrap();
    assert_eq!(list["conversations"][0]["last"]["text"], "mine");
}

/// Other programs count what is unread, too.
#[tokio::test]
async fn programs_hear_of_what_was_read_and_only_once() {
    let (served, client) = home().await;
    for (contact, number) in [("bob", 1), ("carol", 2)] {
        receive(&served, contact, number, 1_790_000_000_000).await;
    }
    let mut events = served.client().await.subscribe(None).await.unwrap();
    for contact in ["bob", "bob", "carol"] {
        client.call_raw("message.read", json!({"persona": "alice", "contact": contact})).await.unwrap();
    }
    let mut read = Vec::new();
    while read.len() < 2 {
        let event = serde_json::to_value(events.next().await.unwrap().body).unwrap();
        if event["kind"] == "contact.changed" {
            read.push((event["contact"]["name"].clone(), event["change"].clone()));
        }
    }
    assert_eq!(read, [(json!("bob"), json!("read")), (json!("carol"), json!("read"))]);
}

/// A search leads into the middle of a conversation, and from there it goes on both ways.
#[tokio::test]
async fn a_conversation_is_read_from_a_message_on() {
    let (_served, client) = home().await;
    let mut ids = Vec::new();
    for number in 0..7 {
        ids.push(send(&client, "alice", "bob", &format!("number {number}")).await);
        send(&client, "alice", "carol", "another").await;
    }
    let from = async |more: Value| {
        let mut params = json!({"persona": "alice", "contact": "bob"});
        params.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        client.call_raw("message.history", params).await
    };
    let texts = |page: &Value| {
        let messages = page["messages"].as_array().unwrap().iter();
        messages.map(|message| message["text"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let page = from(json!({"from": ids[2], "limit": 3})).await.unwrap();
    assert_eq!(
        (texts(&page), &page["later"]),
        (vec!["number 2".into(), "number 3".into(), "number 4".into()], &json!(true))
    );
    let earlier = from(json!({"before": page["previous"]})).await.unwrap();
    assert_eq!(
        (texts(&earlier), &earlier["previous"]),
        (vec!["number 0".into(), "number 1".into()], &Value::Null)
    );
    let rest = from(json!({"from": ids[4], "limit": 3})).await.unwrap();
    assert_eq!((texts(&rest).len(), &rest["later"]), (3, &Value::Null));
    let whole = from(json!({"from": ids[0]})).await.unwrap();
    assert_eq!((texts(&whole).len(), &whole["previous"], &whole["later"]), (7, &Value::Null, &Value::Null));
    let unknown = from(json!({"from": "09".repeat(16)})).await.unwrap_err();
    assert!(unknown.is(&codes::MESSAGE_UNKNOWN));
}

#[tokio::test]
async fn old_messages_end_where_that_is_set() {
    let (served, client) = home().await;
    let shared = &served.node.shared;
    let now = shared.time.now();
    let day = 24 * 60 * 60 * 1_000;
    for (number, age) in (1..).zip([9, 8, 6]) {
        receive(&served, "bob", number, now.0 - age * day).await;
    }
    let end = async |trusted| {
        let at = crate::engine::Moment { now, times: shared.times, trusted };
        super::super::forget::end_old_messages(shared, at).await.unwrap();
        history(&client, "alice", "bob").await
    };
    assert_eq!(end(true).await.len(), 3, "nothing is set");
    let set = json!({"key": "history.days", "values": ["7"]});
    client.call_raw("config.set", set).await.unwrap();
    assert_eq!(end(false).await.len(), 3, "the clock is in doubt");
    assert_eq!(end(true).await, ["bob 3"]);
    // The same, for programs that may not change other settings.
    assert_eq!(client.call_raw("message.keep", json!({})).await.unwrap(), json!({"days": 7}));
    assert_eq!(client.call_raw("message.keep", json!({"days": 6})).await.unwrap(), json!({"days": 6}));
    let kept = client.call_raw("config.get", json!({"key": "history.days"})).await.unwrap();
    assert_eq!(kept["values"], json!(["6"]));
    assert_eq!(client.call_raw("message.keep", json!({"days": 0})).await.unwrap(), json!({}));
    let kept = client.call_raw("config.get", json!({"key": "history.days"})).await.unwrap();
    assert_eq!(kept["values"], json!(["forever"]));
    client.call_raw("config.set", json!({"key": "history.days", "values": ["forever"]})).await.unwrap();
    assert_eq!(end(true).await, ["bob 3"]);
}
