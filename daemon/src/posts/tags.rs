//! The slow hashes behind partitions: once for each post, and once in a lifetime for each key.

use bauta_ipc::RpcError;
use bauta_protocol::id::PersonaKey;
use bauta_protocol::mask::partition::Tag;
use bauta_protocol::mask::{PostIv, PublicKey};

use super::{mask_key, off_thread};
use crate::store::{Store, StoreError, TagKind};

/// The tag of a post; takes about 10 ms.
pub(crate) async fn post_tag(iv: PostIv) -> Result<Tag, RpcError> {
    off_thread(move || Tag::of_post(&iv)).await
}

/// The tags of keys, in their order: from the store, or else computed now and kept.
pub(crate) async fn key_tags(
    store: &Store,
    keys: Vec<PersonaKey>,
    kind: TagKind,
) -> Result<Vec<Tag>, RpcError> {
    let known = store.run(move |tx| -> Result<_, StoreError> {
        let tags: Result<Vec<_>, _> =
            keys.iter().map(|key| Ok((*key, tx.tag(&key.to_string(), kind)?))).collect();
        tags
    });
    let known = known.await?;
    if known.iter().all(|(_, tag)| tag.is_some()) {
        return Ok(known.into_iter().filter_map(|(_, tag)| tag).collect());
    }
    let keys: Vec<(PersonaKey, PublicKey, Option<Tag>)> = known
        .into_iter()
        .map(|(key, tag)| Ok((key, mask_key(&key)?, tag)))
        .collect::<Result<_, RpcError>>()?;
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
