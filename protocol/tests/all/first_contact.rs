//! The handshake: who can open it, when, and what it is bound to.

use bauta_protocol::bundle::{BundleError, Prekeys};
use bauta_protocol::handshake::{HANDSHAKE_LEN, InitiateError, RespondError, initiate, respond};
use bauta_protocol::invitation::InviteSeed;
use bauta_protocol::session::MAX_FIRST;
use bauta_protocol::time::Timestamp;

use super::support::{DAY_MS, NOW, begin, json, person, person_at, restore, rng, seen};

#[test]
fn a_first_message_arrives_and_both_can_talk() {
    let (mut alice, answer) = begin(b"hello");
    assert_eq!(answer.content, b"hello");
    assert_eq!(answer.seen, Some(seen(7)));
    assert_eq!(answer.peer.persona(), person("alice").persona.public());
    assert_eq!(answer.remember_until, person("bob").prekeys.erase_at());
    let mut bob = answer.session;
    assert!(bob.can_send() && bob.ack_due(), "the first box tells Alice that her message came");
    assert!(alice.can_send() && !alice.ack_due());

    let mut rng = rng("talk");
    for round in 0..5u8 {
        let sealed = bob.seal(&[round], None, &mut rng).unwrap();
        let opened = alice.open(u64::from(round), &sealed[0].bytes).unwrap();
        assert_eq!(opened.contents, [[round]]);
        let sealed = alice.seal(&[round, 1], None, &mut rng).unwrap();
        let opened = bob.open(u64::from(round), &sealed[0].bytes).unwrap();
        assert_eq!(opened.contents, [[round, 1]]);
        assert_eq!(opened.acked, u64::from(round) + 1);
    }
}

#[test]
fn the_initiator_may_write_before_any_answer() {
    let (mut alice, answer) = begin(b"");
    let mut bob = answer.session;
    assert_eq!(answer.content, b"");
    let sealed = alice.seal(b"second", None, &mut rng("talk")).unwrap();
    assert_eq!(bob.open(0, &sealed[0].bytes).unwrap().contents, [b"second"]);
}

#[test]
fn only_the_right_prekeys_open_it() {
    let (alice, bob, carol) = (person("alice"), person("bob"), person("carol"));
    let older = person_at("bob", Timestamp(NOW.0 - DAY_MS));
    let begun =
        initiate(&alice.persona, &alice.prekeys, bob.bundle(), None, b"hi", None, NOW, &mut rng("hs"))
            .unwrap();
    let open = |prekeys: &[&Prekeys], now| {
        respond(prekeys.iter().copied(), None, &begun.handshake, now, &mut rng("r"))
            .map(|answer| answer.content)
    };
    assert_eq!(open(&[&carol.prekeys, &bob.prekeys], NOW).unwrap(), b"hi");
    assert_eq!(open(&[&carol.prekeys], NOW).unwrap_err(), RespondError::NotForUs);
    assert_eq!(open(&[], NOW).unwrap_err(), RespondError::NotForUs);
    assert_eq!(open(&[&older.prekeys], NOW).unwrap_err(), RespondError::NotForUs, "another bundle");

    let last = Timestamp(bob.prekeys.erase_at().0 - 1);
    assert_eq!(open(&[&bob.prekeys], last).unwrap(), b"hi", "it may lie for its whole TTL");
    let over = bob.prekeys.erase_at();
    assert_eq!(open(&[&bob.prekeys], over).unwrap_err(), RespondError::NotForUs, "to be erased");
}

#[test]
fn a_handshake_that_outlived_its_sender_is_expired() {
    let alice = person_at("alice", Timestamp(NOW.0 - 7 * DAY_MS));
    let bob = person("bob");
    let begun =
        initiate(&alice.persona, &alice.prekeys, bob.bundle(), None, b"hi", None, NOW, &mut rng("hs"))
            .unwrap();
    let late = alice.prekeys.erase_at();
    assert!(late < bob.prekeys.erase_at());
    assert_eq!(
        respond([&bob.prekeys], None, &begun.handshake, late, &mut rng("r")).unwrap_err(),
        RespondError::Expired
    );
}

#[test]
fn a_replay_has_the_same_transcript() {
    let (alice, bob) = (person("alice"), person("bob"));
    let mut rng = rng("hs");
    let mut begin = || {
        initiate(&alice.persona, &alice.prekeys, bob.bundle(), None, b"hi", None, NOW, &mut rng)
            .unwrap()
            .handshake
    };
    let (one, two) = (begin(), begin());
    let transcript = |handshake: &[u8; HANDSHAKE_LEN]| {
        respond([&bob.prekeys], None, handshake, NOW, &mut super::support::rng("r")).unwrap().transcript
    };
    assert_eq!(transcript(&one), transcript(&one));
    assert_ne!(transcript(&one), transcript(&two));
}

#[test]
fn the_seed_binds() {
    let (alice, bob) = (person("alice"), person("bob"));
    let (seed, other) = (InviteSeed::from_bytes(&[1; 32]), InviteSeed::from_bytes(&[2; 32]));
    let mut rng = rng("hs");
    let begun =
        initiate(&alice.persona, &alice.prekeys, bob.bundle(), Some(&seed), b"hi", None, NOW, &mut rng)
            .unwrap();
    let mut open =
        |seed| respond([&bob.prekeys], seed, &begun.handshake, NOW, &mut rng).map(|answer| answer.content);
    assert_eq!(open(Some(&seed)).unwrap(), b"hi");
    assert_eq!(open(Some(&other)).unwrap_err(), RespondError::Forged);
    assert_eq!(open(None).unwrap_err(), RespondError::Forged);
}

#[test]
fn what_cannot_begin() {
    let (alice, bob) = (person("alice"), person("bob"));
    let stale = person_at("carol", Timestamp(NOW.0 - 8 * DAY_MS));
    let mut rng = rng("hs");
    let mut begin =
        |me: &super::support::Person, mine: &super::support::Person, peer: &super::support::Person, len| {
            let content = vec![0; len];
            initiate(&me.persona, &mine.prekeys, peer.bundle(), None, &content, None, NOW, &mut rng)
                .map(|_| ())
                .unwrap_err()
        };
    assert_eq!(begin(&bob, &alice, &bob, 1), InitiateError::NotMine);
    assert_eq!(begin(&alice, &alice, &alice, 1), InitiateError::Myself);
    assert_eq!(begin(&alice, &alice, &bob, MAX_FIRST + 1), InitiateError::TooLong(MAX_FIRST + 1));
    assert_eq!(begin(&alice, &alice, &stale, 1), InitiateError::PeerBundle(BundleError::Expired));
    assert_eq!(begin(&stale, &stale, &bob, 1), InitiateError::MyBundle(BundleError::Expired));
}

#[test]
fn the_longest_first_message_fits() {
    let (_, answer) = begin(&[9; MAX_FIRST]);
    assert_eq!(answer.content, [9; MAX_FIRST]);
}

#[test]
fn stored_prekeys_are_checked() {
    let bob = person("bob");
    let stored = json(&bob.prekeys);
    let again: Prekeys = restore(&stored);
    assert!(again.bundle() == bob.bundle());
    let foreign: serde_json::Value = serde_json::from_str(&json(&person("carol").prekeys)).unwrap();
    for field in ["identity", "signed_prekey", "kem_seed", "inbox", "bundle"] {
        let mut mixed: serde_json::Value = serde_json::from_str(&stored).unwrap();
        mixed[field] = foreign[field].clone();
        assert!(serde_json::from_value::<Prekeys>(mixed).is_err(), "{field}");
    }
}
