//! No list of the API is too long for a frame, whatever others have written into it.

use std::collections::BTreeMap;

use bauta_ipc::methods::METHODS;
use bauta_ipc::{Grant, MAX_TEXT, codes, openrpc};
use bauta_protocol::content::Content;
use bauta_protocol::id::{Capability, MessageId, PersonaKey, RelayId};
use bauta_protocol::mask::ProfileId;
use bauta_protocol::persona::PersonaSecret;
use bauta_protocol::time::Timestamp;
use data_encoding::BASE64;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::{RELAY, Served};
use crate::random;
use crate::store::{
    ContactState, NewContact, NewMessage, NewRequest, PairingRow, PersonaId, ProfileRow, ProfileSource,
    StoreError, Tx,
};

/// Methods whose answers hold a list that is not asked for page by page, and why it stays short.
const BOUNDED: [(&str, &str); 12] = [
    ("hello", "features and grants of this version"),
    ("session.prove", "grants, and at most MAX_PAIRED_PERSONAS names"),
    ("pair.approve", "grants, and at most MAX_PAIRED_PERSONAS names"),
    ("pair.revoke", "grants, and at most MAX_PAIRED_PERSONAS names"),
    ("status.get", "it is shortened, and says so"),
    ("persona.show", "a persona has one relay"),
    ("persona.import", "it is shortened, and says so"),
    ("post.encrypt", "the people that the call names"),
    ("post.append", "the people that the call names"),
    ("config.list", "each setting has a bound"),
    ("config.get", "it has a bound"),
    ("config.set", "it has a bound"),
];

/// How a result goes on: the field of it, and the parameter that takes it back.
const CURSORS: [(&str, &str); 2] = [("next", "after"), ("previous", "before")];

fn holds_list(schema: &Value, document: &Value) -> bool {
    match schema {
        Value::Object(fields) => fields.iter().any(|(key, value)| match (key.as_str(), value) {
            ("$ref", Value::String(path)) => {
                let target = document.pointer(path.trim_start_matches('#')).unwrap();
                holds_list(target, document)
            }
            ("type", kind) => {
                *kind == "array" || kind.as_array().is_some_and(|kinds| kinds.contains(&json!("array")))
            }
            _ => holds_list(value, document),
        }),
        Value::Array(items) => items.iter().any(|item| holds_list(item, document)),
        _ => false,
    }
}

fn field<'d>(schema: &'d Value, name: &str, document: &'d Value) -> Option<&'d Value> {
    let schema = match schema["$ref"].as_str() {
        Some(path) => document.pointer(path.trim_start_matches('#')).unwrap(),
        None => schema,
    };
    schema["properties"].get(name)
}

/// The methods that answer page by page, each with its cursor.
fn listings() -> Vec<(&'static str, (&'static str, &'static str))> {
    let document = openrpc::document();
    let mut found = Vec::new();
    for method in METHODS {
        let described = document["methods"].as_array().unwrap().iter();
        let described = described.clone().find(|one| one["name"] == method.name).unwrap();
        let result = &described["result"]["schema"];
        let takes =
            |name: &str| described["params"].as_array().unwrap().iter().any(|param| param["name"] == name);
        let cursor = CURSORS
            .into_iter()
            .find(|(gives, after)| field(result, gives, &document).is_some() && takes(after));
        let bounded = BOUNDED.iter().any(|(name, _)| *name == method.name);
        match cursor {
            Some(cursor) => found.push((method.name, cursor)),
            None => assert_eq!(
                holds_list(result, &document),
                bounded,
                "{} answers a list: it needs a cursor, or a bound",
                method.name
            ),
        }
    }
    found
}

#[test]
fn every_list_has_a_cursor_or_a_bound() {
    let names: Vec<&str> = listings().into_iter().map(|(name, _)| name).collect();
    let expected = [
        "pair.list",
        "persona.list",
        "persona.backup",
        "contact.list",
        "contact.requests",
        "contact.blocked",
        "message.inbox",
        "message.history",
        "message.search",
        "conversation.list",
        "profile.list",
    ];
    assert_eq!(names, expected);
}

/// How many rows of each list there are.
#[derive(Clone, Debug)]
struct Amounts {
    character: char,
    messages: usize,
    requests: usize,
    profiles: usize,
    contacts: usize,
    personas: usize,
    pairings: usize,
    relays: u16,
}

fn amounts() -> impl Strategy<Value = Amounts> {
    let character = prop::sample::select(vec!['\u{1}', '\u{1b}', '"', 'x', '\u{1f3ad}']);
    (character, 0..40_usize, 0..220_usize, 0..800_usize, 0..600_usize, 0..60_usize, 0..600_usize).prop_map(
        |(character, messages, requests, profiles, contacts, personas, pairings)| Amounts {
            character,
            messages,
            requests,
            profiles,
            contacts,
            personas,
            pairings,
            relays: 300,
        },
    )
}

fn filled(character: char, bytes: usize) -> String {
    std::iter::repeat_n(character, bytes / character.len_utf8()).collect()
}

fn key() -> PersonaKey {
    PersonaSecret::generate(&mut random::rng()).public()
}

/// A name of 64 characters, none of them a control character, that differs for each number.
pub(super) fn name(number: usize) -> String {
    format!("{number:06}{}", "\u{1f3ad}".repeat(58))
}

fn id(number: usize) -> MessageId {
    let mut id = [0; 16];
    id[..8].copy_from_slice(&(number as u64).to_be_bytes());
    MessageId(id)
}

pub(super) fn known(persona: PersonaId, name: &str, relay: RelayId) -> NewContact<'_> {
    NewContact { persona, name, public: Some(key()), state: ContactState::Active, relay: Some(relay) }
}

fn fill(tx: &Tx<'_>, amounts: &Amounts, now: Timestamp) -> Result<(), StoreError> {
    let text = filled(amounts.character, MAX_TEXT);
    let persona = tx.persona_named("alice")?.unwrap().id;
    let bob = tx.add_contact(&known(persona, "bob", RELAY), now)?;
    let conversation = tx.contact(bob)?.unwrap().conversation;
    for number in 0..amounts.messages {
        let content = Content::Text { id: id(number), sent_at: now, text: text.clone(), timer: None };
        for outgoing in [false, true] {
            let new = NewMessage {
                persona,
                conversation,
                outgoing,
                id: id(number),
                kind: content.kind(),
                content: &content.encode().unwrap(),
                text: Some("word"),
                sent_at: now,
                timer: None,
            };
            tx.add_message(&new, now)?;
        }
    }
    for number in 0..amounts.requests {
        let content = Content::Text { id: id(number), sent_at: now, text: text.clone(), timer: None };
        let request = NewRequest {
            handle: &format!("{number:032x}"),
            persona,
            public: key(),
            content: &content.encode().unwrap(),
            session: &[],
            stale: false,
            bundle: &[],
            work: 0,
        };
        tx.keep_request(&request, now)?;
    }
    for number in 0..amounts.profiles {
        let user = format!("{number}{}", filled(amounts.character, 200));
        let profile = ProfileId::new("twitter.com", &user).unwrap();
        let nickname = Some(filled(amounts.character, 100));
        let row =
            ProfileRow { profile, persona: key(), nickname, source: ProfileSource::Backup, learned_at: now };
        tx.put_profile(&row)?;
        tx.block_key(persona, &key(), now)?;
    }
    for number in 0..amounts.contacts {
        // Many of them at one moment, and at a relay of their own.
        let mut relay = [9; 32];
        relay[..8].copy_from_slice(&(number as u64 % u64::from(amounts.relays)).to_be_bytes());
        let relay = RelayId(relay);
        tx.name_relay(relay)?;
        tx.add_contact(&known(persona, &name(number), relay), Timestamp(now.0 + number as u64 % 7))?;
    }
    for number in 0..amounts.personas {
        let mut rng = random::rng();
        let (secret, inbox) = (PersonaSecret::generate(&mut rng), Capability::generate(&mut rng));
        tx.add_persona(&name(number), &secret, b"", &inbox, RELAY, now)?;
    }
    for number in 0..amounts.pairings {
        let pairing = PairingRow {
            id: format!("{number:032x}"),
            origin: "chrome-extension://abcdefghijklmnopabcdefghijklmnop/".to_owned(),
            label: name(number),
            key: vec![4; 65],
            grants: Grant::ALL.map(|grant| grant.name().to_owned()).to_vec(),
            personas: Some((0..4).map(name).collect()),
            since: now,
            last_used: None,
            revoked: false,
        };
        tx.add_pairing(&pairing)?;
    }
    Ok(())
}

/// All of a list, page after page, and how many pages there were.
async fn follow(
    client: &bauta_ipc::Client,
    method: &str,
    (gives, takes): (&str, &str),
) -> (BTreeMap<String, Vec<Value>>, usize) {
    let (mut all, mut pages) = (BTreeMap::<String, Vec<Value>>::new(), 0);
    let named = json!({"persona": "alice", "contact": "bob", "text": "word", "password": "p"});
    let mut params: Map<String, Value> = named.as_object().unwrap().clone();
    loop {
        let page = client.call_raw(method, Value::Object(params.clone())).await.unwrap();
        pages += 1;
        for (field, value) in page.as_object().unwrap() {
            if let Value::Array(items) = value {
                assert!(!items.is_empty() || pages == 1, "{method} has an empty page");
                all.entry(field.clone()).or_default().extend(items.iter().cloned());
            }
        }
        match page.get(gives) {
            Some(cursor) => params.insert(takes.to_owned(), cursor.clone()),
            None => return (all, pages),
        };
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2, max_shrink_iters: 0, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_list_comes_whole_in_frames(amounts in amounts()) {
        check(&amounts);
    }
}

/// The amounts with which lists were too long once.
#[test]
fn lists_that_were_too_long_come_whole() {
    check(&Amounts {
        character: '\u{1}',
        messages: 12,
        requests: 204,
        profiles: 700,
        contacts: 510,
        personas: 510,
        pairings: 510,
        relays: 300,
    });
}

fn check(amounts: &Amounts) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let served = Served::start().await;
        let client = served.client().await;
        client.call_raw("persona.new", json!({"name": "alice"})).await.unwrap();
        let now = served.node.shared.time.now();
        let filling = amounts.clone();
        served.node.shared.store.run(move |tx| fill(tx, &filling, now)).await.unwrap();
        let counts = BTreeMap::from([
            ("pair.list", amounts.pairings),
            ("persona.list", amounts.personas + 1),
            ("contact.list", amounts.contacts + 1),
            ("contact.requests", amounts.requests),
            ("contact.blocked", amounts.profiles),
            ("conversation.list", amounts.contacts + 1),
            ("message.inbox", amounts.messages),
            ("message.history", amounts.messages * 2),
            ("message.search", amounts.messages * 2),
            ("profile.list", amounts.profiles),
        ]);
        for (method, cursor) in listings() {
            let (lists, pages) = follow(&client, method, cursor).await;
            let Some(count) = counts.get(method) else { continue };
            let items: Vec<&Value> = lists.values().flatten().collect();
            let mut once = items.iter().map(|item| item.to_string()).collect::<Vec<_>>();
            once.sort_unstable();
            once.dedup();
            assert_eq!((items.len(), once.len()), (*count, *count), "{method}, {pages} pages");
        }
        let status = client.call_raw("status.get", json!({})).await.unwrap();
        assert_eq!(
            status["personas"].as_array().unwrap().len()
                + status["relays"].as_array().unwrap().len()
                + usize::try_from(status["unlisted"].as_u64().unwrap_or(0)).unwrap(),
            amounts.personas + 2 + amounts.contacts.min(amounts.relays.into())
        );
    });
}

/// A start may be given what no `config.set` takes.
#[tokio::test]
async fn settings_of_any_length_are_listed() {
    let served = Served::start().await;
    let client = served.client().await;
    let kept = served.node.shared.store.run(|tx| -> Result<(), StoreError> {
        tx.set_meta("gun.root", &[&[0xe9; 100][..], &[1; 2_000_000]].concat())?;
        tx.set_meta("relays", &b"bauta-relay:x\n".repeat(200_000))
    });
    kept.await.unwrap();
    let list = client.call_raw("config.list", json!({})).await.unwrap();
    assert_eq!(list["settings"].as_array().unwrap().len(), bauta_ipc::SETTINGS.len());
    for key in ["gun.root", "relays"] {
        let setting = client.call_raw("config.get", json!({"key": key})).await.unwrap();
        assert_eq!(setting["values"].as_array().unwrap().last().unwrap(), "…", "{key}");
    }
}

/// An import is done before it is answered, so the answer must get through.
#[tokio::test]
async fn an_import_of_many_profiles_is_answered() {
    let served = Served::start().await;
    let client = served.client().await;
    let linked = "ec_key:secp256k1/Anm+Zn753LusVaBilc6HCwcCm|zbLc4o2VnygVsW+BeY";
    let profile = |number: usize| {
        json!({"identifier": format!("person:twitter.com/user{number}"), "nickname": "U", "linkedPersona": linked,
            "createdAt": 1_700_000_000_000_u64, "updatedAt": 1_700_000_000_000_u64})
    };
    let broken = |_| json!({"identifier": "\u{1}".repeat(60)});
    let backup = json!({
        "_meta_": {"version": 2, "maskbookVersion": "2.26.9", "type": "maskbook-backup", "createdAt": 1_700_000_000_000_u64},
        "personas": [], "posts": [], "relations": [], "userGroups": [], "wallets": [],
        "grantedHostPermissions": [], "plugin": {},
        "profiles": (0..2_500).map(profile).chain((0..700).map(broken)).collect::<Vec<_>>(),
    });
    let file = BASE64.encode(backup.to_string().as_bytes());
    let source = json!({"kind": "backup", "file": file, "password": ""});
    let imported = client.call_raw("persona.import", json!({"source": source})).await.unwrap();
    assert_eq!(imported["profiles"], 2_500);
    let listed = imported["left_out"].as_array().unwrap().len() as u64;
    assert!(listed + imported["unlisted"].as_u64().unwrap_or(0) >= 700, "{listed}");
    let (lists, _) = follow(&client, "profile.list", ("next", "after")).await;
    assert_eq!(lists["profiles"].len(), 2_500);
    let bad = client.call_raw("profile.list", json!({"after": "nobody"})).await.unwrap_err();
    assert!(bad.is(&codes::REQUEST_PARAMS), "{bad:?}");
}
