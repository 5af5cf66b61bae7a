use bauta_protocol::mask::{
    Backup, BackupPost, BackupProfile, PostDigest, PostIv, PostIvId, PostKey, ProfileId, SecretKey,
};
use proptest::prelude::*;

use super::support::{NOW, at, contact, key, store};
use crate::store::post_keys::RECEIVED_PER_CONTACT;
use crate::store::profiles::SEEN;
use crate::store::{
    ContactState, KeyOrigin, Learned, NewPublication, PostKeyRow, ProfileRow, ProfileSource,
    PublicationCount, Reason,
};

fn profile(user: &str) -> ProfileId {
    ProfileId::new("twitter.com", user).unwrap()
}

#[test]
fn the_newest_prekeys_are_used_and_old_ones_are_erased_in_time() {
    let (mut store, persona) = store();
    store.run(|tx| {
        let old = tx.add_prekeys(persona, at(1), at(10), at(20), b"old", NOW)?;
        let new = tx.add_prekeys(persona, at(2), at(11), at(21), b"new", NOW)?;
        assert_eq!(tx.newest_prekeys(persona, NOW)?.unwrap().id, new);
        assert!(tx.published_prekeys(persona)?.is_none());
        tx.mark_published(old, at(3))?;
        assert_eq!(tx.published_prekeys(persona)?.unwrap().id, old, "the other one is not at the relay yet");
        assert!(tx.remember_transcript(&[1; 32], old)? && !tx.remember_transcript(&[1; 32], old)?);
        tx.erase_prekeys(at(20))?;
        assert_eq!(tx.prekeys(persona)?.into_iter().map(|row| row.id).collect::<Vec<_>>(), [new]);
        // A handshake for erased keys cannot be opened, so it need not be remembered.
        assert!(tx.remember_transcript(&[1; 32], new)?);
        assert!(tx.add_prekeys(persona, at(2), at(11), at(21), b"again", NOW).is_err(), "versions grow");
        Ok(())
    });
}

#[test]
fn a_known_key_of_a_profile_is_never_replaced_by_a_post() {
    let (mut store, _) = store();
    store.run(|tx| {
        let (first, other) = (key(), key());
        let learn = |key| tx.learn_profile(&profile("bob"), key, ProfileSource::Seen, NOW).unwrap();
        assert!(matches!(learn(first), Learned::New(row) if row.persona == first));
        let id = tx.profile_row(&profile("bob"))?.unwrap();
        assert_eq!(learn(first), Learned::Same);
        assert!(matches!(learn(other), Learned::Other { known, first: true } if known.persona == first));
        assert!(matches!(learn(other), Learned::Other { first: false, .. }), "it is told once");
        assert_eq!(tx.doubt(&profile("bob"))?, Some(other));
        let by_hand = ProfileRow {
            profile: profile("bob"),
            persona: other,
            nickname: None,
            source: ProfileSource::Hand,
            learned_at: at(1),
        };
        tx.put_profile(&by_hand)?;
        tx.settle_profile(&profile("bob"))?;
        assert_eq!(tx.profile_by_row(id)?, Some(by_hand), "it is the same row, so its events stay");
        assert!(tx.doubt(&profile("bob"))?.is_none());
        assert!(tx.forget_profile(&profile("bob"))? && !tx.forget_profile(&profile("bob"))?);
        assert!(tx.profile_by_row(id)?.is_none());
        Ok(())
    });
}

#[test]
fn so_many_profiles_are_learned_from_posts_and_none_is_forgotten_for_a_new_one() {
    let (mut store, _) = store();
    store.run(|tx| {
        tx.execute(
            "fill profiles",
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)
             INSERT INTO profiles (network, user, persona, source, learned_at)
             SELECT 'twitter.com', 'user' || i, ?2, 'seen', 0 FROM n",
            (SEEN - 1, key().to_string()),
        )?;
        let learn = |user, source| tx.learn_profile(&profile(user), key(), source, NOW).unwrap();
        assert!(matches!(learn("bob", ProfileSource::Seen), Learned::New(_)));
        assert_eq!(learn("carol", ProfileSource::Seen), Learned::Full);
        assert!(tx.profile(&profile("bob"))?.is_some() && tx.profile(&profile("carol"))?.is_none());
        assert!(matches!(learn("bob", ProfileSource::Seen), Learned::Other { .. }));
        assert!(matches!(learn("carol", ProfileSource::Text), Learned::New(_)), "what the user asks for");
        Ok(())
    });
}

/// A key under an IV, for one of several contents.
fn post_key(iv: u8, content: Option<u8>, origin: KeyOrigin) -> PostKeyRow {
    PostKeyRow {
        persona: None,
        id: PostIvId { network: "twitter.com".to_owned(), iv: PostIv([iv; 16]) },
        digest: content.map(|content| PostDigest([content; 32])),
        key: PostKey::from_bytes(&[content.unwrap_or(99); 32]).unwrap(),
        author: Some(profile("bob")),
        public: false,
        origin,
        site: None,
        found_at: at(0),
    }
}

#[test]
fn a_planted_post_under_the_same_iv_does_not_keep_the_key_of_the_real_one_out() {
    let (mut store, persona) = store();
    store.run(|tx| {
        let keys = |content: u8| tx.post_keys_of(PostIv([4; 16]), PostDigest([content; 32])).unwrap();
        let planted = post_key(4, Some(1), KeyOrigin::Own);
        assert!(tx.put_post_key(&planted)? && !tx.put_post_key(&planted)?);
        let real = PostKeyRow { persona: Some(persona), ..post_key(4, Some(2), KeyOrigin::Found) };
        assert!(tx.put_post_key(&real)?);
        assert_eq!(keys(1), [planted]);
        assert_eq!(keys(2), std::slice::from_ref(&real));
        // Another persona's, and one of which the content is not known.
        let others = PostKeyRow { persona: None, ..real.clone() };
        let imported = post_key(4, None, KeyOrigin::Imported);
        assert!(tx.put_post_key(&others)? && tx.put_post_key(&imported)?);
        assert_eq!(keys(2), [real, others, imported]);
        assert!(tx.post_keys_of(PostIv([5; 16]), PostDigest([2; 32]))?.is_empty());
        assert_eq!(tx.post_keys()?.len(), 3, "the same key of two personas is one in a backup");
        Ok(())
    });
}

#[test]
fn readers_of_a_post_are_counted_once_where_it_was_written() {
    let (mut store, persona) = store();
    store.run(|tx| {
        let written = PostKeyRow { persona: Some(persona), ..post_key(4, Some(2), KeyOrigin::Written) };
        let found = PostKeyRow { persona: Some(persona), ..post_key(4, Some(3), KeyOrigin::Found) };
        tx.put_post_key(&written)?;
        tx.put_post_key(&found)?;
        assert_eq!(tx.count_post_readers(&written)?, 0);
        let [bob, carol] = [key(), key()];
        tx.add_post_readers(&written, &[bob])?;
        // Added later, as a key that the post itself holds.
        tx.add_post_readers(&PostKeyRow { origin: KeyOrigin::Own, ..written.clone() }, &[carol, bob])?;
        tx.add_post_readers(&found, &[bob])?;
        assert_eq!((tx.count_post_readers(&written)?, tx.count_post_readers(&found)?), (2, 0));
        Ok(())
    });
}

#[test]
fn the_first_site_stays_and_a_use_is_noted() {
    let (mut store, _) = store();
    store.run(|tx| {
        let (digest, keys) = (PostDigest([2; 32]), || tx.post_keys_of(PostIv([4; 16]), PostDigest([2; 32])));
        tx.put_post_key(&post_key(4, None, KeyOrigin::Imported))?;
        for (site, second) in [(None, 1), (Some("https://one.example"), 2), (Some("https://two.example"), 3)]
        {
            let row = keys()?.remove(0);
            tx.used_post_key(&row, digest, site, at(second))?;
        }
        let row = keys()?.remove(0);
        assert_eq!((row.digest, row.site.as_deref()), (Some(digest), Some("https://one.example")));
        assert_eq!(tx.writer_of(PostIv([4; 16]))?, None);
        Ok(())
    });
}

#[test]
fn keys_used_longest_ago_go_first_and_only_for_others_of_their_origin() {
    let (mut store, persona) = store();
    store.run(|tx| {
        let row = |number: u32, origin| {
            let mut row = post_key(0, Some(1), origin);
            row.id.iv.0[..4].copy_from_slice(&number.to_be_bytes());
            PostKeyRow { persona: Some(persona), found_at: at(number.into()), ..row }
        };
        tx.put_post_key(&row(1_000_000, KeyOrigin::Written))?;
        let bound = KeyOrigin::Own.bound();
        for number in 0..bound {
            tx.put_post_key(&row(number, KeyOrigin::Own))?;
        }
        let (first, second) = (row(0, KeyOrigin::Own), row(1, KeyOrigin::Own));
        tx.used_post_key(&first, PostDigest([1; 32]), None, at(2_000_000))?;
        tx.put_post_key(&row(bound, KeyOrigin::Own))?;
        let is_kept = |row: &PostKeyRow| tx.post_keys_of(row.id.iv, PostDigest([1; 32])).unwrap().len() == 1;
        assert!(is_kept(&first) && !is_kept(&second) && is_kept(&row(2, KeyOrigin::Own)));
        assert!(is_kept(&row(bound, KeyOrigin::Own)) && is_kept(&row(1_000_000, KeyOrigin::Written)));
        assert_eq!(tx.count("count", "SELECT count(*) FROM post_keys", [])?, u64::from(bound) + 1);
        Ok(())
    });
}

/// As many keys and learned profiles as a home keeps, each with the longest name that is kept with one.
#[test]
fn all_keys_that_are_kept_fit_one_backup() {
    let count: u32 = KeyOrigin::ALL.iter().map(|origin| origin.bound()).sum();
    let author = ProfileId::new("twitter.com", &"x".repeat(230)).unwrap();
    let posts = (0..count).map(|number| {
        let mut iv = [0; 16];
        iv[..4].copy_from_slice(&number.to_be_bytes());
        BackupPost {
            id: PostIvId { network: "instagram.com".to_owned(), iv: PostIv(iv) },
            author: author.clone(),
            key: PostKey::from_bytes(&[7; 32]).unwrap(),
            public: false,
            found: NOW,
        }
    });
    let profiles = (0..SEEN).map(|number| BackupProfile {
        id: ProfileId::new("instagram.com", &format!("{number:0230}")).unwrap(),
        nickname: None,
        local_key: None,
        persona: Some(SecretKey::from_bytes(&[7; 32]).unwrap().public()),
        created: NOW,
        updated: NOW,
    });
    let (posts, profiles) = (posts.collect(), profiles.collect());
    let backup = Backup { posts, profiles, ..Backup::default() };
    let file = backup.to_file("password", NOW, &mut crate::random::rng()).unwrap();
    let (back, report) = Backup::open(&file, "password").unwrap();
    assert_eq!((back.posts.len(), back.profiles.len()), (backup.posts.len(), backup.profiles.len()));
    assert!(report.left_out.is_empty());
}

#[test]
fn a_contact_has_so_many_keys_and_one_for_each_post() {
    let (mut store, persona) = store();
    store.run(|tx| {
        let (bob, carol) = (contact(tx, persona, "bob")?, contact(tx, persona, "carol")?);
        let (iv, digest) = (PostIv([1; 16]), PostDigest([2; 32]));
        let key = |byte: u8| PostKey::from_bytes(&[byte; 32]).unwrap();
        for (contact, byte) in [(bob, 1), (carol, 2), (bob, 3)] {
            tx.put_received_key(contact, (iv, digest), &key(byte), at(1))?;
        }
        let found = tx.received_keys(iv, digest)?;
        let mut keys: Vec<PostKey> = found.iter().map(|found| found.key.clone()).collect();
        keys.sort_by_key(|key| key.as_bytes().to_vec());
        assert_eq!(keys, [key(2), key(3)]);
        assert!(found.iter().all(|found| found.persona == persona));
        assert!(tx.received_keys(iv, PostDigest([3; 32]))?.is_empty(), "another content");
        for number in 0..RECEIVED_PER_CONTACT {
            let mut iv = [9; 16];
            iv[..4].copy_from_slice(&number.to_be_bytes());
            tx.put_received_key(bob, (PostIv(iv), digest), &key(4), at(2))?;
        }
        let left = tx.received_keys(iv, digest)?;
        assert_eq!(left.iter().map(|found| found.key.clone()).collect::<Vec<_>>(), [key(2)]);
        let all = tx.count("count", "SELECT count(*) FROM received_keys", [])?;
        assert_eq!(all, u64::from(RECEIVED_PER_CONTACT) + 1);
        tx.set_contact_state(carol, ContactState::Blocked)?;
        assert!(tx.received_keys(iv, digest)?.is_empty());
        Ok(())
    });
}

#[derive(Clone, Copy, Debug)]
enum Outcome {
    Done,
    Later,
    Failed,
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Every key of a post is published or given up in the end, and is counted once until then.
    #[test]
    fn publications_are_counted_as_they_are(
        keys in 1u32..6,
        outcomes in prop::collection::vec(
            prop_oneof![Just(Outcome::Done), Just(Outcome::Later), Just(Outcome::Failed)],
            0..40,
        ),
    ) {
        let (mut store, persona) = store();
        let iv = PostIv([1; 16]);
        store.run(|tx| {
            for _ in 0..keys {
                tx.queue_publication(&NewPublication { iv, persona, nodes: "[]" }, NOW)?;
            }
            let (mut published, mut failed, mut reason) = (0, 0, false);
            for (second, outcome) in (1..).zip(outcomes) {
                let now = at(second * 1000);
                let Some(due) = tx.due_publications(now, 1)?.pop() else {
                    assert_eq!(published + failed, keys);
                    break;
                };
                match outcome {
                    Outcome::Done => {
                        tx.publication_done(due.row)?;
                        published += 1;
                    }
                    Outcome::Later => {
                        tx.publication_later(due.row, now, due.attempts + 1, Reason::GunTimeout)?;
                    }
                    Outcome::Failed => {
                        tx.publication_failed(due.row, Reason::GivenUp)?;
                        failed += 1;
                        reason = true;
                    }
                }
                let count = tx.publications(iv)?.unwrap();
                assert_eq!((count.keys, count.published, count.failed), (keys, published, failed));
                if reason {
                    assert!(count.reason.is_some());
                }
            }
            tx.prune_publications(at(1_000_000))?;
            let open = keys - published - failed;
            let left = tx.publications(iv)?.map_or(0, |PublicationCount { keys, .. }| keys);
            assert_eq!(left, open, "what is queued is not pruned");
            Ok(())
        });
    }
}
