use bauta_protocol::mask::{PostIv, PostIvId, PostKey, ProfileId};
use proptest::prelude::*;

use super::support::{NOW, at, key, store};
use crate::store::{
    Learned, NewPublication, PostKeyRow, ProfileRow, ProfileSource, PublicationCount, Reason,
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
        assert_eq!(tx.newest_prekeys(persona)?.unwrap().id, new);
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
fn keys_of_posts_are_kept_once() {
    let (mut store, _) = store();
    store.run(|tx| {
        let row = |network: &str, seconds| PostKeyRow {
            id: PostIvId { network: network.to_owned(), iv: PostIv([4; 16]) },
            key: PostKey::from_bytes(&[7; 32]).unwrap(),
            author: Some(profile("bob")),
            public: false,
            found_at: at(seconds),
        };
        assert!(tx.put_post_key(&row("twitter.com", 5))? && !tx.put_post_key(&row("twitter.com", 6))?);
        assert!(tx.put_post_key(&row("facebook.com", 1))?);
        assert_eq!(tx.post_keys()?, [row("facebook.com", 1), row("twitter.com", 5)]);
        assert_eq!(tx.post_key_of(PostIv([4; 16]))?, Some(row("facebook.com", 1)));
        assert!(tx.post_key_of(PostIv([5; 16]))?.is_none());
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
