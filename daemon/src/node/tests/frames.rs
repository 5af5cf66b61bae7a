//! Whatever a method is given, and whatever others have written, its answer fits a frame.

use bauta_ipc::methods::METHODS;
use bauta_ipc::{Client, MAX_FRAME, RpcError, codes, openrpc};
use bauta_protocol::mask::{Audience, Draft, Meta, Network, TypedMessage, encrypt_v37, write_in_text};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::Served;
use super::lists::{known, name};
use crate::random;
use crate::store::StoreError;

/// Methods that cannot be called like the others: the first frame, what goes on after its answer, and the end.
const APART: [&str; 3] = ["hello", "event.subscribe", "daemon.stop"];

fn repeated(character: char, bytes: usize) -> String {
    std::iter::repeat_n(character, bytes / character.len_utf8()).collect()
}

/// An answer came, and it is no bug.
fn assert_answered(answer: &Result<Value, RpcError>, what: &str) {
    if let Err(error) = answer {
        let is_broken = error.is(&codes::INTERNAL) || error.is(&codes::DAEMON_UNREACHABLE);
        assert!(!is_broken && error.message.len() < 5_000, "{what}: {error:?}");
    }
}

/// An error may quote what was sent, and in JSON a quoted character is up to seven.
#[tokio::test]
async fn every_method_answers_whatever_it_is_given() {
    let served = Served::start().await;
    let client = served.client().await;
    client.call_raw("persona.new", json!({"name": "alice"})).await.unwrap();
    let document = openrpc::document();
    for method in METHODS.iter().filter(|method| !APART.contains(&method.name)) {
        let described = document["methods"].as_array().unwrap();
        let described = described.iter().find(|one| one["name"] == method.name).unwrap();
        for param in described["params"].as_array().unwrap() {
            let param = param["name"].as_str().unwrap();
            for character in ['\u{1}', '"'] {
                let encoded = json!(character.to_string()).to_string().len() - 2;
                let long = repeated(character, (MAX_FRAME - 4_000) / encoded * character.len_utf8());
                let mut params = json!({"persona": "alice", "contact": "bob", "name": "n", "timeout_ms": 1});
                for value in [json!(long), json!([long])] {
                    params[param] = value;
                    let answer = client.call_raw(method.name, params.clone()).await;
                    assert_answered(&answer, &format!("{} with {param} of {character:?}", method.name));
                }
            }
        }
    }
}

#[tokio::test]
async fn recipients_whose_names_do_not_fit_are_refused_before_anything_is_done() {
    let served = Served::start().await;
    let client = served.client().await;
    client.call_raw("persona.new", json!({"name": "alice"})).await.unwrap();
    let now = served.node.shared.time.now();
    let count = 2_500;
    let adding = move |tx: &crate::store::Tx<'_>| {
        let persona = tx.persona_named("alice")?.unwrap().id;
        let mut keys = Vec::new();
        for number in 0..count {
            let name = name(number);
            let new = known(persona, &name, super::RELAY);
            keys.extend(new.public.map(|key| key.to_string()));
            tx.add_contact(&new, now)?;
        }
        Ok::<_, StoreError>(keys)
    };
    let keys = served.node.shared.store.run(adding).await.unwrap();
    let refused = client.call_raw("post.encrypt", json!({"text": "t", "to": keys})).await.unwrap_err();
    assert!(refused.is(&codes::POST_RECIPIENTS) && refused.hint.contains("post append"), "{refused:?}");
    let kept = served.node.shared.store.run(|tx| Ok::<_, StoreError>(tx.post_keys()?.len())).await;
    assert_eq!(kept.unwrap(), 0);
    // These have room; what refuses them is the last one.
    let mut to = keys[..1_500].to_vec();
    to.push("nobody".to_owned());
    let refused = client.call_raw("post.encrypt", json!({"text": "t", "to": to})).await.unwrap_err();
    assert!(refused.is(&codes::CONTACT_UNKNOWN), "{refused:?}");
}

#[tokio::test]
async fn a_post_that_would_be_too_long_to_paste_is_not_written() {
    let served = Served::start().await;
    let client = served.client().await;
    client.call_raw("persona.new", json!({"name": "alice"})).await.unwrap();
    for format in ["v37", "v38"] {
        let post = |bytes: usize| json!({"text": "t", "public": true, "format": format, "meta": {"m": "x".repeat(bytes)}});
        let refused = client.call_raw("post.encrypt", post(700_000)).await.unwrap_err();
        assert!(refused.is(&codes::POST_TEXT), "{refused:?}");
        let written = client.call_raw("post.encrypt", post(200_000)).await.unwrap();
        let opened = client.call_raw("post.decrypt", json!({"text": written["text"]})).await.unwrap();
        assert_eq!(opened["meta"]["m"].as_str().unwrap().len(), 200_000);
    }
}

/// A public post that somebody else has written.
fn foreign(text: &str, meta: &str) -> String {
    let meta = Meta::from_json(&json!({"m": meta}).to_string()).unwrap();
    let message = TypedMessage::Text { content: text.to_owned(), meta };
    let draft = Draft { author: None, author_key: None, message: &message, audience: Audience::Public };
    let post = encrypt_v37(&draft, &mut random::rng()).unwrap();
    write_in_text(Network::Twitter, &post.payload)
}

async fn opened(client: &Client, text: &str, meta: &str) -> Result<Value, RpcError> {
    client.call_raw("post.decrypt", json!({"text": foreign(text, meta), "offline": true})).await
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_foreign_post_opens_or_is_refused_with_a_reason(
        characters in prop::array::uniform2(prop::sample::select(vec!['\u{1}', '\u{1b}', '"', 'x', '\u{1f3ad}'])),
        bytes in prop::array::uniform2(prop_oneof![0..400_usize, 0..350_000_usize, 165_000..175_000_usize]),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let served = Served::start().await;
            let client = served.client().await;
            let (text, meta) = (repeated(characters[0], bytes[0]), repeated(characters[1], bytes[1]));
            match opened(&client, &text, &meta).await {
                Ok(post) => assert_eq!(post["text"], text),
                Err(error) => assert!(error.is(&codes::POST_TEXT), "{error:?}"),
            }
            // The connection goes on, and another post opens.
            assert_eq!(opened(&client, "short", "m").await.unwrap()["meta"]["m"], "m");
        });
    }
}

#[tokio::test]
async fn words_get_through_where_what_plugins_attached_does_not() {
    let served = Served::start().await;
    let client = served.client().await;
    let post = opened(&client, "read me", &repeated('\u{1}', 200_000)).await.unwrap();
    assert_eq!((post["text"].as_str(), post.get("meta")), (Some("read me"), None));
    let refused = opened(&client, &repeated('\u{1}', 200_000), "").await.unwrap_err();
    assert!(refused.is(&codes::POST_TEXT) && refused.message.contains("1200003 bytes"), "{refused:?}");
}
