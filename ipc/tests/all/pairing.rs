//! Extensions behind the bridge: pairing, sessions, and what is refused.

use std::time::Duration;

use bauta_ipc::methods::*;
use bauta_ipc::*;
use data_encoding::BASE64URL_NOPAD;
use p256::ecdsa::signature::Signer;
use p256::ecdsa::{Signature, SigningKey};
use serde_json::{Value, json};

use super::support::{Daemon, ORIGIN, PERSONAS, Raw};

const ALICE: &str = PERSONAS[0];
const BEA: &str = PERSONAS[1];
const OTHER: &str = "chrome-extension://ponmlkjihgfedcbaponmlkjihgfedcba/";

pub(crate) fn key() -> SigningKey {
    SigningKey::from_slice(&[7; 32]).unwrap()
}

fn spki() -> String {
    let head =
        data_encoding::HEXLOWER.decode(b"3059301306072a8648ce3d020106082a8648ce3d030107034200").unwrap();
    let point = key().verifying_key().to_sec1_point(false);
    BASE64URL_NOPAD.encode(&[&head, point.as_bytes()].concat())
}

fn proof(id: &str, challenge: &str, origin: &str) -> Value {
    let challenge = BASE64URL_NOPAD.decode(challenge.as_bytes()).unwrap();
    assert_eq!(challenge.len(), 32);
    let signed = [b"bauta/session/1".as_slice(), &challenge, origin.as_bytes()].concat();
    let signature: Signature = key().sign(&signed);
    json!({"id": id, "signature": BASE64URL_NOPAD.encode(&signature.to_bytes())})
}

async fn ask(extension: &mut Raw) -> (String, String) {
    ask_for(extension, &[]).await
}

async fn ask_for(extension: &mut Raw, grants: &[Grant]) -> (String, String) {
    let params = json!({"key": spki(), "label": "Chromium on laptop", "grants": grants});
    let asked = extension.call("pair.request", params).await.unwrap();
    let text = |field: &str| asked[field].as_str().unwrap().to_owned();
    assert!(text("expires_at").parse::<Utc>().is_ok());
    (text("id"), text("code"))
}

fn approval(code: &str, grants: &[Grant], personas: Option<&[&str]>) -> ApprovePairing {
    ApprovePairing {
        code: Secret::new(code.to_owned()),
        grants: grants.to_vec(),
        personas: personas.map(|names| names.iter().map(|name| (*name).to_owned()).collect()),
    }
}

async fn paired(daemon: &Daemon, grants: &[Grant], personas: Option<&[&str]>) -> String {
    let mut extension = Raw::extension(daemon, ORIGIN).await;
    let (id, code) = ask(&mut extension).await;
    daemon.client().await.call::<PairApprove>(&approval(&code, grants, personas)).await.unwrap();
    let told = extension.answer().await;
    assert_eq!((&told["method"], &told["params"]["id"]), (&json!("pair.approved"), &json!(id)));
    id
}

async fn challenge(extension: &mut Raw, id: &str) -> String {
    let begun = extension.call("session.challenge", json!({"id": id})).await.unwrap();
    begun["challenge"].as_str().unwrap().to_owned()
}

pub(crate) async fn session(daemon: &Daemon, id: &str) -> Raw {
    let mut extension = Raw::extension(daemon, ORIGIN).await;
    let challenge = challenge(&mut extension, id).await;
    extension.call("session.prove", proof(id, &challenge, ORIGIN)).await.unwrap();
    extension
}

#[tokio::test]
async fn a_paired_extension_has_its_grants_and_no_others() {
    let daemon = Daemon::with_bridge().await;
    let client = daemon.client().await;
    assert!(client.welcome().features.contains(&"pairing".to_owned()));
    let mut extension = Raw::extension(&daemon, ORIGIN).await;
    let (id, code) = ask(&mut extension).await;
    assert!(code.len() == 6 && code.bytes().all(|byte| byte.is_ascii_digit()));

    let list = client.call_raw("pair.list", json!({})).await.unwrap();
    let pending = json!({"id": id, "state": "pending", "origin": ORIGIN, "label": "Chromium on laptop",
        "grants": Grant::ALL[..5]});
    assert_eq!(list["pairings"], json!([pending]));
    assert_eq!(extension.call("status.get", json!({})).await.unwrap_err(), "access.unpaired");

    let grants = [Grant::MessagesSend, Grant::StatusRead];
    let pairing = client.call::<PairApprove>(&approval(&code, &grants, None)).await.unwrap();
    assert_eq!((pairing.state, pairing.grants.len()), (PairingState::Paired, 2));
    let told = extension.answer().await;
    let expected = json!({"jsonrpc": "2.0", "method": "pair.approved", "params":
        {"id": id, "grants": ["status.read", "messages.send"]}});
    assert_eq!(told, expected);

    // On the same connection, and on another one.
    for mut extension in [extension, Raw::extension(&daemon, ORIGIN).await] {
        assert_eq!(extension.call("status.get", json!({})).await.unwrap_err(), "access.unpaired");
        let challenge = challenge(&mut extension, &id).await;
        let session = extension.call("session.prove", proof(&id, &challenge, ORIGIN)).await.unwrap();
        assert_eq!((&session["grants"], &session["personas"]), (&told["params"]["grants"], &Value::Null));
        assert_eq!(session["label"], "Chromium on laptop");
        for method in METHODS {
            let Some(need) = method.grant else { continue };
            let answer = extension.call(method.name, json!({})).await;
            let denied = answer.is_err_and(|code| code == "access.denied");
            let granted = match need {
                Need::Any => true,
                Need::One(grant) => grants.contains(&grant),
            };
            assert_eq!(denied, !granted, "{}", method.name);
        }
    }
}

#[tokio::test]
async fn before_a_proof_there_is_nothing() {
    let daemon = Daemon::with_bridge().await;
    let mut extension = Raw::extension(&daemon, ORIGIN).await;
    for method in METHODS.iter().filter(|method| method.grant.is_some()) {
        assert_eq!(extension.call(method.name, json!({})).await.unwrap_err(), "access.unpaired");
    }
    for id in ["", "00", &"0".repeat(100)] {
        let refused = extension.call("session.challenge", json!({"id": id})).await.unwrap_err();
        assert_eq!(refused, "access.unpaired");
        let refused = extension.call("session.prove", json!({"id": id, "signature": ""})).await.unwrap_err();
        assert_eq!(refused, "session.refused");
    }
    let refused = extension.call("pair.request", json!({"key": "AAAA", "label": "x"})).await.unwrap_err();
    assert_eq!(refused, "pair.key");
    for label in ["", " ", "a\nb", &"x".repeat(65)] {
        let refused =
            extension.call("pair.request", json!({"key": spki(), "label": label})).await.unwrap_err();
        assert_eq!(refused, "request.params");
    }
}

#[tokio::test]
async fn the_bridge_speaks_first_and_once() {
    let daemon = Daemon::with_bridge().await;
    let origin =
        |origin: &str| json!({"jsonrpc": "2.0", "method": "bridge.origin", "params": {"origin": origin}});
    let mut with_id = origin(ORIGIN);
    with_id["id"] = json!(1);
    for first in [
        json!({"jsonrpc": "2.0", "id": 1, "method": "hello", "params": {"protocol": 1}}),
        origin("https://example.org/"),
        origin("chrome-extension://a b/"),
        origin(""),
        with_id,
    ] {
        let mut raw = Raw::on_bridge(&daemon).await;
        raw.send(&first.to_string()).await;
        assert_eq!(raw.answer().await["error"]["data"]["code"], "access.origin", "{first}");
        raw.closed().await;
    }
    // What the extension sends later cannot be one.
    let mut extension = Raw::extension(&daemon, ORIGIN).await;
    extension.send(&origin(OTHER).to_string()).await;
    assert_eq!(extension.answer().await["error"]["data"]["code"], "request.invalid");
    let (_, code) = ask(&mut extension).await;
    let pairing = daemon.client().await.call::<PairApprove>(&approval(&code, &[], None)).await.unwrap();
    assert_eq!(pairing.origin, ORIGIN);
}

#[tokio::test]
async fn wrong_codes_refuse_the_extension() {
    let daemon = Daemon::with_bridge().await;
    let client = daemon.client().await;
    let nothing = client.call::<PairApprove>(&approval("000000", &[], None)).await.unwrap_err();
    assert!(nothing.is(&codes::PAIR_CODE));
    let mut extension = Raw::extension(&daemon, ORIGIN).await;
    let (id, code) = ask(&mut extension).await;
    let mut second = Raw::extension(&daemon, OTHER).await;
    let params = json!({"key": spki(), "label": "x"});
    assert_eq!(second.call("pair.request", params).await.unwrap_err(), "pair.pending");

    let wrong = if code == "111111" { "222222" } else { "111111" };
    for _ in 0..3 {
        let error = client.call::<PairApprove>(&approval(wrong, &[], None)).await.unwrap_err();
        assert!(error.is(&codes::PAIR_CODE), "{error}");
    }
    let told = extension.answer().await;
    assert_eq!((&told["method"], &told["params"]), (&json!("pair.refused"), &json!({"id": id})));
    let late = client.call::<PairApprove>(&approval(&code, &[], None)).await.unwrap_err();
    assert!(late.is(&codes::PAIR_CODE));
    let refused = extension.call("session.challenge", json!({"id": id})).await.unwrap_err();
    assert_eq!(refused, "access.unpaired");
    assert!(daemon.pairings().0.lock().unwrap().is_empty());
}

#[tokio::test]
async fn codes_are_not_to_be_had_without_end() {
    let daemon = Daemon::with_bridge().await;
    let client = daemon.client().await;
    let mut extension = Raw::extension(&daemon, ORIGIN).await;
    for _ in 0..5 {
        let (id, _) = ask(&mut extension).await;
        let refused = client.call::<PairRevoke>(&PairingRef { id }).await.unwrap();
        assert_eq!(refused.state, PairingState::Revoked);
        assert_eq!(extension.answer().await["method"], "pair.refused");
    }
    let params = json!({"key": spki(), "label": "x"});
    assert_eq!(extension.call("pair.request", params).await.unwrap_err(), "pair.limit");
}

#[tokio::test]
async fn a_code_ends_with_its_connection() {
    let daemon = Daemon::with_bridge().await;
    let client = daemon.client().await;
    let mut extension = Raw::extension(&daemon, ORIGIN).await;
    let (_, code) = ask(&mut extension).await;
    drop(extension);
    let deadline = std::time::Instant::now() + Duration::from_secs(120);
    while !client.call::<PairList>(&ListAll::default()).await.unwrap().pairings.is_empty() {
        assert!(std::time::Instant::now() < deadline);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(client.call::<PairApprove>(&approval(&code, &[], None)).await.unwrap_err().is(&codes::PAIR_CODE));
}

#[tokio::test]
async fn a_challenge_is_for_one_proof_on_one_connection() {
    let daemon = Daemon::with_bridge().await;
    let id = paired(&daemon, &[], None).await;
    let mut first = Raw::extension(&daemon, ORIGIN).await;
    let used = challenge(&mut first, &id).await;
    // Another connection cannot use it, with or without one of its own.
    let mut second = Raw::extension(&daemon, ORIGIN).await;
    let answer = proof(&id, &used, ORIGIN);
    assert_eq!(second.call("session.prove", answer.clone()).await.unwrap_err(), "session.refused");
    challenge(&mut second, &id).await;
    assert_eq!(second.call("session.prove", answer.clone()).await.unwrap_err(), "session.refused");
    // Whatever was tried, a challenge is gone afterwards.
    let fresh = challenge(&mut second, &id).await;
    let bad = json!({"id": id, "signature": "AAAA"});
    assert_eq!(second.call("session.prove", bad).await.unwrap_err(), "session.refused");
    let late = proof(&id, &fresh, ORIGIN);
    assert_eq!(second.call("session.prove", late).await.unwrap_err(), "session.refused");

    first.call("session.prove", answer.clone()).await.unwrap();
    assert_eq!(first.call("session.prove", answer).await.unwrap_err(), "session.refused");
    assert!(first.call("status.get", json!({})).await.is_ok());
}

#[tokio::test]
async fn a_pairing_is_for_one_origin() {
    let daemon = Daemon::with_bridge().await;
    let id = paired(&daemon, &[], None).await;
    let mut other = Raw::extension(&daemon, OTHER).await;
    assert_eq!(other.call("session.challenge", json!({"id": id})).await.unwrap_err(), "access.origin");
    // A signature over another origin does not fit either.
    let mut extension = Raw::extension(&daemon, ORIGIN).await;
    let fresh = challenge(&mut extension, &id).await;
    let answer = proof(&id, &fresh, OTHER);
    assert_eq!(extension.call("session.prove", answer).await.unwrap_err(), "session.refused");
}

#[tokio::test]
async fn a_revoked_extension_is_out_at_once() {
    let daemon = Daemon::with_bridge().await;
    let client = daemon.client().await;
    let id = paired(&daemon, &[], None).await;
    let mut open = session(&daemon, &id).await;
    assert!(open.call("event.subscribe", json!({})).await.is_ok());
    let mut proving = Raw::extension(&daemon, ORIGIN).await;
    let begun = challenge(&mut proving, &id).await;

    let revoked = client.call::<PairRevoke>(&PairingRef { id: id.clone() }).await.unwrap();
    assert_eq!(revoked.state, PairingState::Revoked);
    let told = open.answer().await;
    assert_eq!((&told["id"], &told["error"]["data"]["code"]), (&Value::Null, &json!("access.revoked")));
    open.closed().await;
    let answer = proof(&id, &begun, ORIGIN);
    assert_eq!(proving.call("session.prove", answer).await.unwrap_err(), "access.revoked");
    assert_eq!(proving.call("session.challenge", json!({"id": id})).await.unwrap_err(), "access.revoked");
    let list = client.call::<PairList>(&ListAll::default()).await.unwrap().pairings;
    assert_eq!((list.len(), list[0].state), (1, PairingState::Revoked));
    let unknown = client.call::<PairRevoke>(&PairingRef { id: "00".into() }).await.unwrap_err();
    assert!(unknown.is(&codes::PAIR_UNKNOWN));
}

#[tokio::test]
async fn a_forgotten_pairing_is_out_and_leaves_no_trace() {
    let daemon = Daemon::with_bridge().await;
    let client = daemon.client().await;
    let id = paired(&daemon, &[], None).await;
    let kept = "kept".to_owned();
    let mut other = daemon.pairings().0.lock().unwrap()[0].clone();
    other.id.clone_from(&kept);
    daemon.pairings().0.lock().unwrap().push(other);
    let mut open = session(&daemon, &id).await;
    client.call::<PairForget>(&PairingRef { id: id.clone() }).await.unwrap();
    assert_eq!(open.answer().await["error"]["data"]["code"], "access.revoked");
    open.closed().await;
    let list = client.call::<PairList>(&ListAll::default()).await.unwrap().pairings;
    assert_eq!(list.iter().map(|one| one.id.as_str()).collect::<Vec<_>>(), [kept.as_str()]);
    let mut again = Raw::extension(&daemon, ORIGIN).await;
    assert_eq!(again.call("session.challenge", json!({"id": id})).await.unwrap_err(), "access.unpaired");
    let unknown = client.call::<PairForget>(&PairingRef { id }).await.unwrap_err();
    assert!(unknown.is(&codes::PAIR_UNKNOWN));
}

#[tokio::test]
async fn an_extension_gets_what_it_asks_for_and_may_ask_for_more() {
    let daemon = Daemon::with_bridge().await;
    let client = daemon.client().await;
    let mut extension = Raw::extension(&daemon, ORIGIN).await;
    let params = json!({"key": spki(), "label": "x", "grants": ["persona.admin"]});
    assert_eq!(extension.call("pair.request", params).await.unwrap_err(), "pair.grant");
    let (first, code) = ask_for(&mut extension, &[Grant::PostsUse, Grant::StatusRead]).await;
    let list = client.call::<PairList>(&ListAll::default()).await.unwrap().pairings;
    assert_eq!(list[0].grants, [Grant::StatusRead, Grant::PostsUse]);
    let pairing = client.call::<PairApprove>(&approval(&code, &[], None)).await.unwrap();
    assert_eq!(pairing.grants, [Grant::StatusRead, Grant::PostsUse]);

    let mut open = session(&daemon, &first).await;
    assert_eq!(open.call("contact.list", json!({})).await.unwrap_err(), "access.denied");
    let (second, code) = ask_for(&mut open, &[Grant::ContactsRead]).await;
    assert_ne!(first, second);
    client.call::<PairApprove>(&approval(&code, &[], None)).await.unwrap();
    // The pairing of before ends, with its sessions. What had to be said before that may still come.
    let last = loop {
        match open.line().await {
            Some(line) if line.contains("pair.approved") => {}
            last => break last,
        }
    };
    assert!(last.unwrap().contains("access.revoked"));
    let list = client.call::<PairList>(&ListAll::default()).await.unwrap().pairings;
    assert_eq!(list.iter().map(|one| one.id.as_str()).collect::<Vec<_>>(), [second.as_str()]);
    let mut again = session(&daemon, &second).await;
    assert!(again.call("contact.list", json!({})).await.is_ok());
    assert_eq!(again.call("status.get", json!({})).await.unwrap_err(), "access.denied");
}

#[tokio::test]
async fn it_is_known_when_a_pairing_was_used() {
    let daemon = Daemon::with_bridge().await;
    let client = daemon.client().await;
    let used = async || client.call::<PairList>(&ListAll::default()).await.unwrap().pairings[0].last_used;
    let id = paired(&daemon, &[], None).await;
    assert_eq!(used().await, None);
    let mut extension = Raw::extension(&daemon, ORIGIN).await;
    let begun = challenge(&mut extension, &id).await;
    let answer = extension.call("session.prove", proof(&id, &begun, ORIGIN)).await.unwrap();
    assert_eq!(answer.get("last_used"), None);
    let kept = || daemon.pairings().0.lock().unwrap()[0].last_used;
    let begun = kept().unwrap();
    // While it is connected, that is now.
    let deadline = std::time::Instant::now() + Duration::from_secs(120);
    while used().await.unwrap() <= begun {
        assert!(std::time::Instant::now() < deadline);
    }
    drop(extension);
    while kept() == Some(begun) || used().await != kept() {
        assert!(std::time::Instant::now() < deadline);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let ended = kept().unwrap();
    let mut next = Raw::extension(&daemon, ORIGIN).await;
    let challenge = challenge(&mut next, &id).await;
    let answer = next.call("session.prove", proof(&id, &challenge, ORIGIN)).await.unwrap();
    assert_eq!(answer["last_used"].as_str().unwrap().parse::<Utc>().unwrap(), ended);
}

/// Whoever reads slowly has much waiting. None of it comes after the revocation.
#[tokio::test]
async fn a_slow_reader_gets_nothing_more_after_the_revocation() {
    let daemon = Daemon::with_bridge().await;
    let id = paired(&daemon, &[], None).await;
    for _ in 0..300 {
        daemon.log(&"x".repeat(15_000));
    }
    let mut slow = session(&daemon, &id).await;
    assert!(slow.call("event.subscribe", json!({"since": 0})).await.is_ok());
    let first = slow.answer().await;
    assert_eq!(first["params"]["cursor"], 1);
    // The socket takes some of it; the rest waits in the daemon.
    let written = daemon.polled_to_rest().await;
    daemon.client().await.call::<PairRevoke>(&PairingRef { id }).await.unwrap();
    let mut after = 0;
    let last = loop {
        match slow.line().await {
            None => break None,
            Some(line) => match serde_json::from_str::<Value>(&line) {
                // The frame that was being written is cut off.
                Err(_) => break None,
                Ok(frame) if frame["method"] == "event" => after += 1,
                Ok(frame) => break Some(frame),
            },
        }
    };
    if let Some(last) = last {
        assert_eq!(last["error"]["data"]["code"], "access.revoked");
    }
    assert!(slow.line().await.is_none());
    // What the daemon had taken from its log, but for what the socket held: 16 frames waited in its queue alone.
    assert!(after + 16 <= written, "{after} of {written} came");
}

#[tokio::test]
async fn revoked_pairings_do_not_count() {
    let daemon = Daemon::with_bridge().await;
    let client = daemon.client().await;
    let record = |number: usize, revoked| PairingRecord {
        id: format!("{number:032x}"),
        origin: ORIGIN.to_owned(),
        label: "Chromium".to_owned(),
        key: Vec::new(),
        grants: Vec::new(),
        personas: None,
        since: Utc::from_millis(0),
        last_used: None,
        revoked,
    };
    let limit = limits::MAX_PAIRINGS;
    daemon.pairings().0.lock().unwrap().extend((0..limit).map(|number| record(number, true)));
    paired(&daemon, &[], None).await;
    daemon.pairings().0.lock().unwrap().extend((0..limit).map(|number| record(limit + number, false)));
    let mut extension = Raw::extension(&daemon, ORIGIN).await;
    let (_, code) = ask(&mut extension).await;
    let error = client.call::<PairApprove>(&approval(&code, &[], None)).await.unwrap_err();
    assert!(error.is(&codes::PAIR_LIMIT));
}

#[tokio::test]
async fn no_extension_administers() {
    let daemon = Daemon::with_bridge().await;
    let client = daemon.client().await;
    let mut extension = Raw::extension(&daemon, ORIGIN).await;
    let (_, code) = ask(&mut extension).await;
    let error = client.call::<PairApprove>(&approval(&code, &[Grant::PersonaAdmin], None)).await.unwrap_err();
    assert!(error.is(&codes::PAIR_GRANT));
    // The code was not used up by that. Without grants, everything else is meant.
    let pairing = client.call::<PairApprove>(&approval(&code, &[], None)).await.unwrap();
    assert_eq!(pairing.grants, Grant::ALL[..5]);
    // Not even when the store says so.
    daemon.pairings().0.lock().unwrap()[0].grants.push(Grant::PersonaAdmin);
    let mut session = session(&daemon, &pairing.id).await;
    for method in ["daemon.stop", "persona.export", "pair.list", "pair.approve", "pair.revoke", "pair.forget"]
    {
        assert_eq!(session.call(method, json!({})).await.unwrap_err(), "access.denied", "{method}");
    }
}

#[tokio::test]
async fn the_users_own_programs_do_not_pair() {
    let daemon = Daemon::with_bridge().await;
    let client = daemon.client().await;
    for method in ["pair.request", "session.challenge", "session.prove"] {
        assert!(client.call_raw(method, json!({})).await.unwrap_err().is(&codes::REQUEST_METHOD));
    }
    // A daemon without a desk has none of it.
    let plain = Daemon::start(Access::all(), ServerLimits::default()).await;
    let client = plain.client().await;
    assert_eq!(client.welcome().features, ["events"]);
    assert!(client.call::<PairList>(&ListAll::default()).await.unwrap_err().is(&codes::REQUEST_METHOD));
}

#[tokio::test]
async fn the_gun_endpoints_secret_stays_here() {
    let daemon = Daemon::with_bridge().await;
    let status = daemon.client().await.call::<StatusGet>(&StatusOf::default()).await.unwrap();
    assert!(status.gun.endpoint.unwrap().contains("secret"));
    let id = paired(&daemon, &[], None).await;
    let status = session(&daemon, &id).await.call("status.get", json!({})).await.unwrap();
    assert!(!status.to_string().contains("secret"), "{status}");
    assert!(serde_json::from_value::<Status>(status).unwrap().personas.len() == 2);
}

#[tokio::test]
async fn a_pairing_may_be_limited_to_personas() {
    let daemon = Daemon::with_bridge().await;
    let client = daemon.client().await;
    let mut extension = Raw::extension(&daemon, ORIGIN).await;
    let (_, code) = ask(&mut extension).await;
    let unknown = client.call::<PairApprove>(&approval(&code, &[], Some(&["carol"]))).await.unwrap_err();
    assert!(unknown.is(&codes::PERSONA_UNKNOWN));
    let empty = client.call::<PairApprove>(&approval(&code, &[], Some(&[]))).await.unwrap_err();
    assert!(empty.is(&codes::REQUEST_PARAMS));
    let pairing = client.call::<PairApprove>(&approval(&code, &[], Some(&[ALICE]))).await.unwrap();
    let mut limited = session(&daemon, &pairing.id).await;

    let status = limited.call("status.get", json!({})).await.unwrap();
    assert_eq!((&status["personas"][0]["name"], &status["queued"]), (&json!(ALICE), &json!(1)));
    assert_eq!(status["personas"].as_array().unwrap().len(), 1);
    // The daemon was asked for no other, whatever the extension says.
    for asked in [json!({}), json!({"personas": [ALICE]}), json!({"personas": null})] {
        assert_eq!(limited.call("status.get", asked).await.unwrap()["phase"], ALICE);
    }
    for asked in [json!({"personas": [ALICE, BEA]}), json!({"personas": "*"})] {
        assert_eq!(limited.call("status.get", asked).await.unwrap_err(), "persona.unknown");
    }
    let list = limited.call("persona.list", json!({})).await.unwrap();
    assert!(list.to_string().contains(ALICE) && !list.to_string().contains(BEA));

    // The only allowed persona is meant where none is named, and another one cannot be.
    let text = |persona: Value| json!({"contact": "bob", "text": "echo persona", "persona": persona});
    for persona in [json!(ALICE), Value::Null] {
        assert_eq!(limited.call("message.send", text(persona)).await.unwrap()["id"], ALICE);
    }
    for persona in [json!(BEA), json!(7), json!([ALICE])] {
        assert_eq!(limited.call("message.send", text(persona)).await.unwrap_err(), "persona.unknown");
    }
    // What tries several personas tries those that are allowed.
    for method in ["post.decrypt", "post.check"] {
        let opened = limited.call(method, json!({"text": "x"})).await.unwrap().to_string();
        assert!(opened.contains(ALICE) && !opened.contains(BEA), "{method}: {opened}");
        for other in [json!({"text": "x", "persona": BEA}), json!({"text": "x", "personas": [ALICE, BEA]})] {
            assert_eq!(limited.call(method, other).await.unwrap_err(), "persona.unknown", "{method}");
        }
    }
    for method in ["post.settings", "profile.list", "profile.set", "profile.forget"] {
        assert_eq!(limited.call(method, json!({})).await.unwrap_err(), "access.denied", "{method}");
    }
    limited.call("event.subscribe", json!({})).await.unwrap();
    daemon.log_for(BEA, "not for you");
    daemon.log("for you");
    assert_eq!(limited.answer().await["params"]["message"]["text"], "for you");
}

#[tokio::test]
async fn of_several_personas_one_must_be_named() {
    let daemon = Daemon::with_bridge().await;
    let id = paired(&daemon, &[], Some(&PERSONAS)).await;
    let mut limited = session(&daemon, &id).await;
    let refused = limited.call("message.send", json!({"contact": "bob", "text": "x"})).await.unwrap_err();
    assert_eq!(refused, "persona.choice");
    let named = json!({"contact": "bob", "text": "x", "persona": BEA});
    assert!(limited.call("message.send", named).await.is_ok());
}
