//! What must be forgotten is really absent from the serialised state.

use bauta_protocol::handshake::{initiate, respond};
use bauta_protocol::session::Session;
use data_encoding::BASE64URL_NOPAD;
use serde_json::Value;

use super::support::{NOW, json, pair, person, rng};

/// Every string and every array of bytes in a state.
fn secrets(state: &Value) -> Vec<String> {
    match state {
        Value::String(text) => vec![text.clone()],
        Value::Array(items) if items.len() == 32 && items.iter().all(Value::is_number) => {
            vec![serde_json::to_string(items).unwrap()]
        }
        Value::Array(items) => items.iter().flat_map(secrets).collect(),
        Value::Object(fields) => fields.values().flat_map(secrets).collect(),
        _ => Vec::new(),
    }
}

fn state(session: &Session) -> Value {
    serde_json::from_str(&json(session)).unwrap()
}

/// The same bytes as this crate and as vodozemac write them.
fn forms(bytes: &[u8]) -> [String; 2] {
    [BASE64URL_NOPAD.encode(bytes), serde_json::to_string(bytes).unwrap()]
}

#[test]
fn a_sender_forgets_the_lane_and_message_keys_of_what_it_sealed() {
    let (mut alice, _) = pair();
    let before = state(&alice);
    let chain = before["send"]["chain"].as_str().unwrap().to_owned();
    let message_chain = secrets(&before["ratchet"]["sending_ratchet"]["symmetric_key_ratchet"]);
    assert_eq!(message_chain.len(), 1, "one chain key");
    assert!(json(&alice).contains(&chain) && json(&alice).contains(&message_chain[0]));
    alice.seal(b"x", None, &mut rng("seal")).unwrap();
    assert!(!json(&alice).contains(&chain));
    assert!(!json(&alice).contains(&message_chain[0]));
}

#[test]
fn a_reader_forgets_keys_and_capabilities_of_what_it_accepted() {
    let (mut alice, mut bob) = pair();
    let boxes: Vec<_> = (0..3).flat_map(|_| alice.seal(b"x", None, &mut rng("seal")).unwrap()).collect();
    for index in [1usize, 0, 2] {
        let before = state(&bob);
        let place = index - bob.received() as usize;
        let pair = &before["receive"]["window"][place];
        let (cap, key) = (pair["cap"].as_str().unwrap(), pair["key"].as_str().unwrap());
        let opened = bob.open(index as u64, &boxes[index].bytes).unwrap();
        assert_eq!(forms(opened.deletable[0].as_bytes())[0], cap, "handed out");
        let after = json(&bob);
        assert!(!after.contains(cap) && !after.contains(key));
    }
}

#[test]
fn skipping_forgets_the_lane_key_of_the_lost_box() {
    let (mut alice, mut bob) = pair();
    let boxes: Vec<_> = (0..2).flat_map(|_| alice.seal(b"x", None, &mut rng("seal")).unwrap()).collect();
    bob.open(1, &boxes[1].bytes).unwrap();
    let lost = secrets(&state(&bob)["receive"]["window"][0]);
    bob.skip_gap().unwrap();
    assert!(lost.iter().all(|secret| !json(&bob).contains(secret)));
}

#[test]
fn turning_the_ratchet_forgets_the_root_and_ratchet_keys() {
    let (mut alice, mut bob) = pair();
    let old = secrets(&state(&alice)["ratchet"]["sending_ratchet"]["active_ratchet"]);
    assert_eq!(old.len(), 2, "root key and ratchet key");
    let reply = bob.seal(b"x", None, &mut rng("reply")).unwrap();
    alice.open(0, &reply[0].bytes).unwrap();
    assert!(old.iter().all(|secret| !json(&alice).contains(secret)));
}

#[test]
fn the_handshake_leaves_neither_ephemeral_nor_prekeys_behind() {
    let (alice, bob) = (person("alice"), person("bob"));
    let mut rng = rng("hs");
    let begun =
        initiate(&alice.persona, &alice.prekeys, bob.bundle(), None, b"x", None, NOW, &mut rng).unwrap();
    let stored = json(&begun.session);
    let [ephemeral, kem, ratchet] = [&rng.drawn[0], &rng.drawn[1], &rng.drawn[2]];
    assert_eq!((ephemeral.len(), kem.len(), ratchet.len()), (32, 64, 32));
    let holds = |state: &str, secret: &[u8]| forms(secret).iter().any(|form| state.contains(form.as_str()));
    assert!(holds(&stored, ratchet), "the search finds what is there");
    assert!(!holds(&stored, ephemeral));
    assert!(!holds(&stored, &kem[..32]) && !holds(&stored, &kem[32..]));

    let answer = respond([&bob.prekeys], None, &begun.handshake, NOW, &mut rng).unwrap();
    let stored = json(&answer.session);
    let prekeys: Value = serde_json::from_str(&json(&bob.prekeys)).unwrap();
    for name in ["identity", "signed_prekey", "kem_seed", "inbox"] {
        let secret = BASE64URL_NOPAD.decode(prekeys[name].as_str().unwrap().as_bytes()).unwrap();
        assert!(!holds(&stored, &secret), "{name}");
    }
    let own: Value = serde_json::from_str(&json(&alice.prekeys)).unwrap();
    for name in ["identity", "signed_prekey", "kem_seed", "inbox"] {
        let secret = BASE64URL_NOPAD.decode(own[name].as_str().unwrap().as_bytes()).unwrap();
        assert!(!holds(&json(&begun.session), &secret), "{name}");
    }
}
