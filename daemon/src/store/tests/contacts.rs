//! Contacts, requests and personas: who is who, and what of them only grows.

use bauta_protocol::address::RelayAddress;
use bauta_protocol::bundle::{Bundle, IdentitySecret, Prekeys};
use bauta_protocol::descriptor::DescriptorSeen;
use bauta_protocol::id::{Capability, DoorAddress, RelayId};
use bauta_protocol::mask::{LocalKey, Words};
use bauta_protocol::persona::PersonaSecret;
use bauta_protocol::time::{Day, Timestamp};
use proptest::prelude::*;
use zeroize::Zeroizing;

use super::support::{NOW, RELAY, at, contact, key, message, persona, request, store};
use crate::random;
use crate::store::{ContactState, MessageSeq, NewContact, NewRequest, Recovery};

/// A bundle of somebody, with a session key and a relay of its own.
fn bundle(version: Timestamp, relay: RelayId) -> Bundle {
    let mut rng = random::rng();
    Prekeys::generate(
        &PersonaSecret::generate(&mut rng),
        &IdentitySecret::generate(&mut rng),
        &Capability::generate(&mut rng),
        &RelayAddress { id: relay, doors: vec![DoorAddress([1; DoorAddress::LEN])] },
        DescriptorSeen { day: Day(20_000), hash: [1; 32] },
        version,
        &mut rng,
    )
    .unwrap()
    .bundle()
    .clone()
}

#[test]
fn a_name_and_a_key_belong_to_one_contact_of_a_persona() {
    let (mut store, alice) = store();
    store.run(|tx| {
        let other = persona(tx, "other")?;
        let (first, second) = (key(), key());
        let add = |persona, name, public| {
            let new = NewContact { persona, name, public, state: ContactState::Pending, relay: None };
            tx.add_contact(&new, NOW)
        };
        add(alice, "bob", Some(first))?;
        for (persona, name, public, accepted) in [
            (alice, "bob", Some(second), false),
            (alice, "bobby", Some(first), false),
            (alice, "bobby", Some(second), true),
            (other, "bob", Some(first), true),
            // Invitations have no key yet, and there may be several.
            (alice, "guest", None, true),
            (alice, "another guest", None, true),
            (alice, "guest", None, false),
        ] {
            assert_eq!(add(persona, name, public).is_ok(), accepted, "{name}");
        }
        let guest = tx.contact_named(alice, "guest")?.unwrap();
        assert!(tx.set_contact_key(guest.id, &first).is_err(), "two contacts cannot be the same person");
        let third = key();
        tx.set_contact_key(guest.id, &third)?;
        assert_eq!(tx.contact_of(alice, &third)?.unwrap().id, guest.id);
        assert_eq!(tx.contact_in(guest.conversation)?.unwrap().id, guest.id);
        Ok(())
    });
}

#[test]
fn a_contact_is_read_as_it_was_added() {
    let (mut store, alice) = store();
    store.run(|tx| {
        for (name, public, state, relay) in [
            ("invited", None, ContactState::Invited, None),
            ("pending", Some(key()), ContactState::Pending, Some(RELAY)),
            ("active", Some(key()), ContactState::Active, Some(RELAY)),
            ("blocked", Some(key()), ContactState::Blocked, None),
        ] {
            let id = tx.add_contact(&NewContact { persona: alice, name, public, state, relay }, at(3))?;
            let row = tx.contact(id)?.unwrap();
            assert_eq!((row.id, row.persona, row.name.as_str()), (id, alice, name));
            assert_eq!((row.public, row.state, row.relay), (public, state, relay));
            assert_eq!((row.added_at, row.last_message_at), (at(3), None));
            assert!(!row.verified && !row.rejoin && !row.identity_changed);
            assert!(row.bundle.is_none() && row.identity.is_none() && row.current.is_none());
            assert_eq!((row.bundle_version, row.descriptor_day), (Timestamp(0), Day(0)));
            tx.set_descriptor_day(id, Day(20_001))?;
            tx.set_contact_state(id, ContactState::Blocked)?;
            let row = tx.contact(id)?.unwrap();
            assert_eq!((row.state, row.descriptor_day), (ContactState::Blocked, Day(20_001)));
        }
        Ok(())
    });
}

#[test]
fn an_older_bundle_changes_nothing() {
    let (mut store, alice) = store();
    store.run(|tx| {
        let elsewhere = RelayId([2; 32]);
        tx.name_relay(elsewhere)?;
        let (bob, carol) = (contact(tx, alice, "bob")?, contact(tx, alice, "carol")?);
        let (old, new) = (bundle(at(1), RELAY), bundle(at(2), elsewhere));
        for (shown, kept) in [(&old, &old), (&new, &new), (&old, &new), (&new, &new)] {
            tx.set_contact_bundle(bob, shown)?;
            let row = tx.contact(bob)?.unwrap();
            assert!(row.bundle.as_deref() == Some(kept.as_bytes().as_slice()));
            assert_eq!((row.bundle_version, row.identity), (kept.version(), Some(kept.identity().0)));
            assert_eq!(row.relay, Some(kept.relay().id));
        }
        assert!(tx.contact(carol)?.unwrap().bundle.is_none());
        Ok(())
    });
}

#[test]
fn a_changed_session_key_ends_a_verification_and_a_new_one_settles_it() {
    let (mut store, alice) = store();
    store.run(|tx| {
        let (bob, carol) = (contact(tx, alice, "bob")?, contact(tx, alice, "carol")?);
        let state = |who| {
            let row = tx.contact(who).unwrap().unwrap();
            (row.verified, row.identity_changed)
        };
        tx.set_contact_verified(carol, true)?;
        tx.set_contact_verified(bob, true)?;
        assert_eq!(state(bob), (true, false));
        tx.note_identity_change(bob)?;
        assert_eq!(state(bob), (false, true));
        tx.set_contact_verified(bob, false)?;
        assert_eq!(state(bob), (false, true), "nobody has compared it");
        tx.set_contact_verified(bob, true)?;
        assert_eq!(state(bob), (true, false));
        assert_eq!(state(carol), (true, false));
        Ok(())
    });
}

#[test]
fn contacts_are_listed_by_their_last_activity_which_never_goes_back() {
    let (mut store, alice) = store();
    store.run(|tx| {
        let [first, second, third] = ["a", "b", "c"].map(|name| contact(tx, alice, name).unwrap());
        let listed =
            || -> Vec<_> { tx.contacts(alice, None, 100).unwrap().into_iter().map(|row| row.id).collect() };
        assert_eq!(listed(), [third, second, first]);
        let touch = |who, second| {
            let conversation = tx.contact(who).unwrap().unwrap().conversation;
            tx.touch_conversation(conversation, at(second)).unwrap();
        };
        touch(first, 10);
        touch(second, 5);
        assert_eq!(listed(), [first, second, third]);
        touch(first, 1);
        assert_eq!(tx.contact(first)?.unwrap().last_message_at, Some(at(10)));
        assert_eq!(listed(), [first, second, third]);
        Ok(())
    });
}

#[test]
fn a_block_stays_when_its_contact_is_deleted() {
    let (mut store, alice) = store();
    store.run(|tx| {
        let bob = contact(tx, alice, "bob")?;
        let blocked = tx.contact(bob)?.unwrap().public.unwrap();
        assert!(!tx.is_blocked(alice, &blocked)?);
        for now in [NOW, at(1)] {
            tx.block_key(alice, &blocked, now)?;
        }
        tx.delete_contact(bob)?;
        assert!(tx.is_blocked(alice, &blocked)? && !tx.is_blocked(alice, &key())?);
        Ok(())
    });
}

#[test]
fn messages_move_to_another_conversation_in_their_order() {
    let (mut store, alice) = store();
    store.run(|tx| {
        let (guest, bob) = (contact(tx, alice, "guest")?, contact(tx, alice, "bob")?);
        let [from, to] = [guest, bob].map(|who| tx.contact(who).unwrap().unwrap().conversation);
        let first = message(tx, guest, true, 1)?.unwrap();
        let second = message(tx, bob, true, 2)?.unwrap();
        let third = message(tx, guest, false, 3)?.unwrap();
        tx.move_messages(from, to)?;
        tx.delete_contact(guest)?;
        let seqs: Vec<_> = tx.history(to, MessageSeq::END, 10, NOW)?.into_iter().map(|row| row.seq).collect();
        assert_eq!(seqs, [third, second, first]);
        assert_eq!(tx.open_messages(to)?, [first, second]);
        Ok(())
    });
}

#[test]
fn a_stranger_has_one_request_at_each_persona_and_the_latest_counts() {
    let (mut store, alice) = store();
    store.run(|tx| {
        let other = persona(tx, "other")?;
        let (stranger, bystander) = (key(), request(tx, alice, "bystander")?);
        let ask = |persona, handle, content, now| {
            let new = NewRequest {
                handle,
                persona,
                public: stranger,
                content,
                session: b"state",
                stale: false,
                bundle: b"bundle",
                work: 0,
            };
            tx.keep_request(&new, now)
        };
        let first = ask(alice, "one", b"first", at(1))?;
        ask(other, "two", b"elsewhere", at(2))?;
        assert!(!tx.is_erased());
        ask(alice, "three", b"second", at(3))?;
        assert!(tx.is_erased(), "the words of the first one are gone");
        assert!(tx.request_by_id(first)?.is_none() && tx.request("one")?.is_none());
        let row = tx.request("three")?.unwrap();
        assert_eq!((row.handle.as_str(), row.persona, row.public), ("three", alice, stranger));
        assert_eq!((row.content.as_slice(), row.received_at), (b"second".as_slice(), at(3)));
        assert_eq!(
            (row.session.as_slice(), row.bundle.as_slice()),
            (b"state".as_slice(), b"bundle".as_slice())
        );
        let handles =
            |persona| -> Vec<_> { tx.requests(persona).unwrap().into_iter().map(|row| row.handle).collect() };
        assert_eq!(handles(None), ["bystander", "two", "three"]);
        assert_eq!(handles(Some(alice)), ["bystander", "three"]);
        assert!(ask(other, "bystander", b"", at(4)).is_err(), "a handle is of one request");
        tx.delete_request_of(alice, &stranger)?;
        assert_eq!((tx.count_requests(alice)?, tx.request_by_id(bystander)?.is_some()), (1, true));
        Ok(())
    });
}

#[test]
fn a_persona_is_found_by_its_name_and_its_key_with_its_secrets() {
    let (mut store, alice) = store();
    store.run(|tx| {
        let mut rng = random::rng();
        let (secret, inbox) = (PersonaSecret::generate(&mut rng), Capability::generate(&mut rng));
        let id = tx.add_persona("other", &secret, b"identity", &inbox, RELAY, at(4))?;
        for row in
            [tx.persona(id)?, tx.persona_named("other")?.unwrap(), tx.persona_of(&secret.public())?.unwrap()]
        {
            assert_eq!((row.id, row.name.as_str(), row.public), (id, "other", secret.public()));
            assert!(row.secret.to_bytes() == secret.to_bytes() && row.inbox.as_bytes() == inbox.as_bytes());
            assert_eq!((row.identity.as_slice(), row.relay), (b"identity".as_slice(), RELAY));
            assert_eq!((row.drain_after, row.created_at), (0, at(4)));
        }
        assert_eq!(tx.personas()?.into_iter().map(|row| row.id).collect::<Vec<_>>(), [alice, id]);
        assert!(tx.persona_named("Other")?.is_none() && tx.persona_of(&key())?.is_none());
        assert!(
            tx.add_persona("third", &secret, b"", &inbox, RELAY, NOW).is_err(),
            "a key is of one persona"
        );
        Ok(())
    });
}

#[test]
fn recovery_words_and_keys_are_added_once() {
    let (mut store, alice) = store();
    store.run(|tx| {
        let words = |text: &str, with_password| Words {
            words: Zeroizing::new(text.to_owned()),
            path: "m/44'/60'/0'/0/0".to_owned(),
            with_password,
        };
        let (first, second) = (words("abandon ability", true), words("zoo zone", false));
        let (one, two) = (LocalKey::from_bytes(&[1; 32]), LocalKey::from_bytes(&[2; 32]));
        let mut expected = Recovery::default();
        assert_eq!(tx.recovery(alice)?, expected);
        tx.add_recovery(alice, &Recovery { words: Some(first.clone()), local_key: None })?;
        expected.words = Some(first);
        assert_eq!(tx.recovery(alice)?, expected);
        tx.add_recovery(alice, &Recovery { words: Some(second), local_key: Some(one.clone()) })?;
        expected.local_key = Some(one);
        assert_eq!(tx.recovery(alice)?, expected, "the words stay, the key is added");
        tx.add_recovery(alice, &Recovery { words: None, local_key: Some(two) })?;
        assert_eq!(tx.recovery(alice)?, expected);
        Ok(())
    });
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// In whatever order bundles arrive, a contact's version is the greatest that was shown.
    #[test]
    fn a_bundles_version_only_grows(seconds in prop::collection::vec(0u64..20, 1..6)) {
        let (mut store, alice) = store();
        let bob = store.run(|tx| contact(tx, alice, "bob"));
        let mut greatest = Timestamp(0);
        for second in seconds {
            greatest = greatest.max(at(second));
            store.run(|tx| tx.set_contact_bundle(bob, &bundle(at(second), RELAY)));
            prop_assert_eq!(store.run(|tx| tx.contact(bob)).unwrap().bundle_version, greatest);
        }
    }
}
