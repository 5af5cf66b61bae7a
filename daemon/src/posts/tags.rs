//! The slow hashes behind partitions: once for each post, and once in a lifetime for each key.

use bauta_protocol::id::PersonaKey;
use bauta_protocol::mask::partition::Tag;
use bauta_protocol::mask::{PostIv, PublicKey};

use super::{PostError, mask_key, off_thread};
use crate::store::{Store, StoreError, TagKind};

/// The tag of a post; takes about 10 ms.
pub(super) async fn post_tag(iv: PostIv) -> Result<Tag, PostError> {
    off_thread(move || Tag::of_post(&iv)).await
}

/// The tags of keys, in their order: from the store, or else computed now and stored.
pub(super) async fn key_tags(
    store: &Store,
    keys: Vec<PersonaKey>,
    kind: TagKind,
) -> Result<Vec<Tag>, PostError> {
    let known = store.run(move |tx| -> Result<Vec<_>, StoreError> {
        keys.iter().map(|key| Ok((*key, tx.tag(&key.to_string(), kind)?))).collect()
    });
    let known = known.await?;
    if known.iter().all(|(_, tag)| tag.is_some()) {
        return Ok(known.into_iter().filter_map(|(_, tag)| tag).collect());
    }
    let keys: Vec<(PersonaKey, PublicKey, Option<Tag>)> = known
        .into_iter()
        .map(|(key, tag)| Ok((key, mask_key(&key)?, tag)))
        .collect::<Result<_, PostError>>()?;
    let computed = off_thread(move || {
        let tag_of = |(key, point, tag): (PersonaKey, PublicKey, Option<Tag>)| {
            (key, tag.unwrap_or_else(|| compute(&point, kind)))
        };
        keys.into_iter().map(tag_of).collect::<Vec<_>>()
    });
    let computed = computed.await?;
    let tags = computed.iter().map(|(_, tag)| *tag).collect();
    store
        .run(move |tx| -> Result<(), StoreError> {
            computed.iter().try_for_each(|(key, tag)| tx.keep_tag(&key.to_string(), kind, *tag))
        })
        .await?;
    Ok(tags)
}

fn compute(key: &PublicKey, kind: TagKind) -> Tag {
    match kind {
        TagKind::V37 => Tag::of_key_v37(key),
        TagKind::V38 => Tag::of_key_v38(key),
        TagKind::V39 => Tag::of_key_v39(key),
    }
}

#[cfg(test)]
mod tests {
    use bauta_protocol::mask::SecretKey;
    use bauta_protocol::time::Timestamp;

    use super::*;
    use crate::unlock::MasterKey;

    #[tokio::test]
    async fn a_tag_is_computed_once_and_stays_in_its_place() {
        let home = tempfile::tempdir().unwrap();
        let store =
            Store::open(home.path(), &MasterKey::for_tests([7; 32]), Timestamp(1_790_000_000_000)).unwrap();
        let points: Vec<PublicKey> =
            (1..4).map(|byte| SecretKey::from_bytes(&[byte; 32]).unwrap().public()).collect();
        let keys: Vec<PersonaKey> = points.iter().map(PersonaKey::from).collect();
        // The one in the middle is known already; its stored tag is taken as it is.
        let (middle, odd) = (keys[1].to_string(), Tag::from_index(4095).unwrap());
        store.run(move |tx| tx.keep_tag(&middle, TagKind::V37, odd)).await.unwrap();
        let expected = vec![Tag::of_key_v37(&points[0]), odd, Tag::of_key_v37(&points[2])];
        for _ in 0..2 {
            assert_eq!(key_tags(&store, keys.clone(), TagKind::V37).await.unwrap(), expected);
        }
        let first = keys[0].to_string();
        let stored = store.run(move |tx| tx.tag(&first, TagKind::V37)).await.unwrap();
        assert_eq!(stored, Some(expected[0]));
        // Another hash of the same key is another tag.
        let others = key_tags(&store, keys.clone(), TagKind::V38).await.unwrap();
        assert_eq!(others[1], Tag::of_key_v38(&points[1]));
        assert!(key_tags(&store, Vec::new(), TagKind::V37).await.unwrap().is_empty());
    }
}
