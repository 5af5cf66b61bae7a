//! What a home keeps for itself: profiles, keys of posts, publications, tags, pairings, and how long events stay.

use bauta_protocol::id::PersonaKey;
use bauta_protocol::mask::partition::Tag;
use bauta_protocol::mask::{PostDigest, PostIv, PostIvId, PostKey, ProfileId};
use bauta_protocol::time::Timestamp;
use proptest::prelude::*;

use super::support::{NOW, RELAY, at, key, store};
use crate::store::{
    Doubt, Happened, KeyOrigin, Learned, NewPublication, PairingRow, PostKeyRow, ProfileRow, ProfileSource,
    Reason, StoreError, TagKind,
};

fn profile(network: &str, user: &str) -> ProfileId {
    ProfileId::new(network, user).unwrap()
}

fn known(profile: &ProfileId, persona: PersonaKey, nickname: Option<&str>, second: u64) -> ProfileRow {
    ProfileRow {
        profile: profile.clone(),
        persona,
        nickname: nickname.map(str::to_owned),
        source: ProfileSource::Seen,
        learned_at: at(second),
    }
}

#[test]
fn profiles_are_read_as_they_were_written_whatever_their_source() {
    let (mut store, _) = store();
    store.run(|tx| {
        let all = [ProfileSource::Seen, ProfileSource::Text, ProfileSource::Hand, ProfileSource::Backup];
        let mut expected = Vec::new();
        for (number, source) in (1..).zip(all) {
            let id = profile("twitter.com", &format!("user{number}"));
            let row = ProfileRow { source, ..known(&id, key(), None, number) };
            tx.put_profile(&row)?;
            assert_eq!(tx.profile(&id)?.as_ref(), Some(&row));
            expected.push(row);
        }
        assert_eq!(tx.profiles()?, expected);
        assert!(tx.profile(&profile("facebook.com", "user1"))?.is_none(), "networks are apart");
        Ok(())
    });
}

#[test]
fn a_profile_that_is_written_again_keeps_its_nickname_unless_it_gets_another() {
    let (mut store, _) = store();
    store.run(|tx| {
        let (id, persona) = (profile("twitter.com", "bob"), key());
        for (nickname, expected) in
            [(None, None), (Some("Bob"), Some("Bob")), (None, Some("Bob")), (Some("B"), Some("B"))]
        {
            tx.put_profile(&known(&id, persona, nickname, 1))?;
            assert_eq!(tx.profile(&id)?.unwrap().nickname.as_deref(), expected);
        }
        Ok(())
    });
}

#[test]
fn the_profiles_of_a_key_are_listed_as_they_became_known() {
    let (mut store, _) = store();
    store.run(|tx| {
        let (bob, carol) = (key(), key());
        for (network, user, persona, second) in [
            ("twitter.com", "late", bob, 9),
            ("twitter.com", "early", bob, 1),
            ("facebook.com", "100", carol, 0),
            ("facebook.com", "101", bob, 5),
        ] {
            tx.put_profile(&known(&profile(network, user), persona, None, second))?;
        }
        let users = |persona| -> Vec<_> {
            let rows = tx.profiles_of(persona).unwrap();
            rows.into_iter().map(|row| row.profile.user().to_owned()).collect()
        };
        assert_eq!(users(&bob), ["early", "101", "late"]);
        assert_eq!(users(&carol), ["100"]);
        assert!(users(&key()).is_empty());
        Ok(())
    });
}

#[test]
fn each_other_key_of_a_profile_is_new_once_and_goes_with_the_profile() {
    let (mut store, _) = store();
    store.run(|tx| {
        let (bob, carol) = (profile("twitter.com", "bob"), profile("twitter.com", "carol"));
        let [right, second, third] = [key(), key(), key()];
        for id in [&bob, &carol] {
            tx.learn_profile(id, right, ProfileSource::Text, NOW)?;
        }
        for (shown, first) in [(second, true), (second, false), (third, true), (third, false)] {
            let learned = tx.learn_profile(&bob, shown, ProfileSource::Seen, at(1))?;
            let Learned::Other { known, first: is_first } = learned else { panic!("{learned:?}") };
            assert_eq!((known.persona, known.source, is_first), (right, ProfileSource::Text, first));
            assert_eq!(tx.doubt(&bob)?, Some(shown));
            assert_eq!(tx.learn_profile(&bob, right, ProfileSource::Seen, at(2))?, Learned::Same);
            assert_eq!(tx.doubt(&bob)?, Some(shown), "the right key does not end the doubt by itself");
        }
        assert!(tx.doubt(&carol)?.is_none());
        assert!(tx.forget_profile(&bob)? && tx.doubt(&bob)?.is_none());
        assert!(matches!(tx.learn_profile(&bob, third, ProfileSource::Seen, NOW)?, Learned::New(_)));
        assert!(tx.doubt(&bob)?.is_none(), "it begins without a doubt");
        Ok(())
    });
}

#[test]
fn a_key_of_a_post_is_read_as_it_was_found_and_never_replaced() {
    let (mut store, _) = store();
    store.run(|tx| {
        let row = |number: u8, length: usize, author: Option<ProfileId>, public| PostKeyRow {
            persona: None,
            digest: Some(PostDigest([number; 32])),
            origin: KeyOrigin::ALL[usize::from(number % 4)],
            site: (number == 2).then(|| "https://one.example".to_owned()),
            id: PostIvId { network: "twitter.com".to_owned(), iv: PostIv([number; 16]) },
            key: PostKey::from_bytes(&vec![number; length]).unwrap(),
            author,
            public,
            found_at: at(number.into()),
        };
        let rows = [
            row(1, 16, None, false),
            row(2, 24, Some(profile("facebook.com", "100")), true),
            row(3, 32, Some(profile("twitter.com", "bob")), false),
        ];
        for one in rows.iter().rev() {
            assert!(tx.put_post_key(one)?);
            assert_eq!(tx.post_keys_of(one.id.iv, one.digest.unwrap())?, std::slice::from_ref(one));
        }
        let (id, digest) = (rows[0].id.clone(), rows[0].digest);
        let other = PostKeyRow { id, digest, ..row(9, 32, None, true) };
        assert!(!tx.put_post_key(&other)?);
        let long = Some(profile("twitter.com", &"x".repeat(300)));
        assert!(tx.put_post_key(&row(10, 32, long, false))?);
        let kept = tx.post_keys_of(PostIv([10; 16]), PostDigest([10; 32]))?.remove(0);
        assert!(kept.author.is_none(), "whoever writes a post can make a name as long as a page");
        tx.execute("delete", "DELETE FROM post_keys WHERE iv = ?1", [[10_u8; 16]])?;
        assert_eq!(tx.post_keys()?, rows, "the oldest first");
        Ok(())
    });
}

#[test]
fn publications_are_due_one_post_at_a_time() {
    let (mut store, persona) = store();
    store.run(|tx| {
        let [first, second] = [1, 2].map(|number| PostIv([number; 16]));
        assert!(tx.next_publication()?.is_none());
        for (iv, nodes, second) in [(first, "[1]", 1), (second, "[2]", 2), (first, "[3]", 3)] {
            tx.queue_publication(&NewPublication { iv, persona, nodes }, at(second))?;
        }
        let due = |now| -> Vec<_> {
            tx.due_publications(now, 10).unwrap().into_iter().map(|one| (one.iv, one.nodes)).collect()
        };
        let of = |iv, nodes: &str| (iv, nodes.to_owned());
        assert_eq!(tx.next_publication()?, Some(at(1)));
        assert!(due(NOW).is_empty());
        assert_eq!(due(at(2)), [of(first, "[1]")]);
        assert_eq!(due(at(3)), [of(first, "[1]"), of(first, "[3]")]);
        for one in tx.due_publications(at(3), 10)? {
            assert_eq!((one.attempts, one.queued_at <= at(3)), (0, true));
            tx.publication_later(one.row, at(50), 3, Reason::GunTimeout)?;
        }
        assert_eq!(due(at(49)), [of(second, "[2]")]);
        assert_eq!((tx.next_publication()?, tx.count_stuck_publications(persona)?), (Some(at(2)), 2));
        assert_eq!(tx.stuck_publication(persona)?, Some(Reason::GunTimeout));
        tx.pull_back_publications(at(10), at(49))?;
        assert_eq!(tx.due_publications(at(10), 10)?.len(), 1, "of the post that waits longest");
        assert_eq!(tx.next_publication()?, Some(at(2)), "what is due in time stays as it is");
        tx.pull_back_publications(at(1), at(1))?;
        assert_eq!(tx.next_publication()?, Some(at(1)));
        Ok(())
    });
}

#[test]
fn a_tag_is_kept_of_each_kind_and_never_changes() {
    let (mut store, _) = store();
    store.run(|tx| {
        let [first, second] = [1, 2].map(|index| Tag::from_index(index).unwrap());
        let kinds = [TagKind::V37, TagKind::V38, TagKind::V39];
        for kind in kinds {
            assert!(tx.tag("key", kind)?.is_none());
            tx.keep_tag("key", kind, first)?;
            tx.keep_tag("key", kind, second)?;
            assert_eq!(tx.tag("key", kind)?.map(|tag| tag.index()), Some(first.index()));
        }
        assert!(tx.tag("another key", TagKind::V39)?.is_none());
        tx.execute("damage", "UPDATE tags SET tag = 65535 WHERE kind = 37", [])?;
        assert!(matches!(tx.tag("key", TagKind::V37), Err(StoreError::Damaged(_))));
        Ok(())
    });
}

#[test]
fn a_pairing_stays_revoked_and_its_id_is_not_given_twice() {
    let (mut store, _) = store();
    store.run(|tx| {
        let pairing = |id: &str, personas: Option<&[&str]>| PairingRow {
            id: id.to_owned(),
            origin: "chrome-extension://abc/".to_owned(),
            label: "Chromium".to_owned(),
            key: vec![4; 65],
            grants: Vec::new(),
            personas: personas.map(|names| names.iter().map(|name| (*name).to_owned()).collect()),
            since: NOW,
            last_used: None,
            revoked: false,
        };
        // For no persona is not the same as for all.
        for (id, personas) in
            [("all", None), ("none", Some([].as_slice())), ("some", Some(["a", "\"b"].as_slice()))]
        {
            let row = pairing(id, personas);
            tx.add_pairing(&row)?;
            assert_eq!(tx.pairing(id)?, Some(row));
        }
        tx.note_pairing_use("some", NOW)?;
        tx.note_pairing_use("nobody's", NOW)?;
        assert_eq!(tx.pairing("some")?.unwrap().last_used, Some(NOW));
        for _ in 0..2 {
            tx.revoke_pairing("none")?;
            let revoked: Vec<_> = tx.pairings()?.into_iter().map(|row| row.revoked).collect();
            assert_eq!(revoked, [false, true, false]);
        }
        assert!(tx.add_pairing(&pairing("none", None)).is_err());
        assert!(tx.pairing("none")?.unwrap().revoked);
        Ok(())
    });
}

/// What a column may hold that was never written there, and what is read of it.
#[test]
fn a_row_that_was_damaged_is_an_error_and_never_another_row() {
    let damage: [(&str, fn(&crate::store::Tx<'_>) -> bool); 5] = [
        ("UPDATE profiles SET source = 'hearsay'", |tx| tx.profiles().is_err()),
        ("UPDATE profiles SET persona = 'nobody'", |tx| tx.profiles().is_err()),
        ("UPDATE post_keys SET key = x'00'", |tx| tx.post_keys().is_err()),
        ("UPDATE pairings SET grants = '{'", |tx| tx.pairings().is_err()),
        ("UPDATE personas SET public = 'nobody'", |tx| tx.personas().is_err()),
    ];
    for (sql, is_error) in damage {
        let (mut store, _) = store();
        store.run(|tx| {
            tx.put_profile(&known(&profile("twitter.com", "bob"), key(), None, 1))?;
            tx.put_post_key(&PostKeyRow {
                persona: None,
                digest: None,
                origin: KeyOrigin::Imported,
                site: None,
                id: PostIvId { network: "twitter.com".to_owned(), iv: PostIv([1; 16]) },
                key: PostKey::from_bytes(&[7; 32]).unwrap(),
                author: None,
                public: false,
                found_at: NOW,
            })?;
            tx.add_pairing(&PairingRow {
                id: "one".to_owned(),
                origin: String::new(),
                label: String::new(),
                key: vec![4; 65],
                grants: Vec::new(),
                personas: None,
                since: NOW,
                last_used: None,
                revoked: false,
            })?;
            assert!(!is_error(tx), "{sql}");
            assert_eq!(tx.execute("damage", sql, [])?, 1, "{sql}");
            assert!(is_error(tx), "{sql}");
            Ok(())
        });
    }
}

#[test]
fn the_log_keeps_twenty_thousand_events() {
    let (mut store, alice) = store();
    store.run(|tx| {
        for _ in 0..20_003 {
            tx.emit(Happened::Relay(alice, RELAY, Doubt::Suspect), NOW)?;
        }
        tx.prune_events(Timestamp(0))?;
        assert_eq!((tx.event_floor()?, tx.last_event()?), (3, 20_003));
        assert_eq!(tx.events_after(0, 1)?[0].cursor, 4);
        tx.prune_events(Timestamp(0))?;
        assert_eq!(tx.event_floor()?, 3, "nothing more is too old");
        tx.prune_events(at(1))?;
        assert_eq!((tx.event_floor()?, tx.last_event()?), (20_003, 20_003));
        assert!(tx.events_after(0, 10)?.is_empty());
        tx.emit(Happened::Relay(alice, RELAY, Doubt::Dishonest), at(1))?;
        assert_eq!(tx.events_after(0, 10)?[0].cursor, 20_004, "a cursor is never used twice");
        Ok(())
    });
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// Whatever posts show: the first key of a profile stays, and the doubt is the last other key.
    #[test]
    fn the_first_key_of_a_profile_stays(shown in prop::collection::vec(0usize..3, 1..12)) {
        let (mut store, _) = store();
        let keys = [key(), key(), key()];
        let bob = profile("twitter.com", "bob");
        let mut doubt = None;
        for number in &shown {
            store.run(|tx| tx.learn_profile(&bob, keys[*number], ProfileSource::Seen, NOW));
            if *number != shown[0] {
                doubt = Some(keys[*number]);
            }
            let (row, other) = store.run(|tx| Ok((tx.profile(&bob)?.unwrap(), tx.doubt(&bob)?)));
            prop_assert_eq!(row.persona, keys[shown[0]]);
            prop_assert_eq!(other, doubt);
        }
    }
}
