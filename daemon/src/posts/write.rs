//! Writing posts, and adding readers to them.

use std::sync::Arc;

use bauta_protocol::id::PersonaKey;
use bauta_protocol::mask::limits::MAX_RECIPIENTS;
use bauta_protocol::mask::{
    Addressed, AppendError, Audience, AuthorSecrets, Draft, LocalKey, Meta, Network, Payload, PostIv,
    PostIvId, PostKey, ProfileId, PublicKey, SecretKey, TypedMessage, Version, append, encrypt_v37,
    encrypt_v38, write_in_text,
};

use super::nodes::{Partitioned, nodes_of};
use super::reading::{Keys, Own, open_here};
use super::tags::{key_tags, post_tag};
use super::{PostError, Posts, announce, mask_key, named_network, off_thread};
use crate::random;
use crate::store::{NewPublication, PersonaId, PersonaRow, PostKeyRow, StoreError, TagKind, Tx};

/// Somebody who will be able to read a post.
pub(crate) struct Recipient {
    /// What the caller called them, or their name.
    pub(crate) name: String,
    pub(crate) key: PersonaKey,
}

/// The readers of a post: each once, nobody who is blocked, and never the author, who can read it anyway.
#[derive(Default)]
pub(crate) struct Recipients(Vec<Recipient>);

impl Recipients {
    /// Refuses more than a post may have, before any of them is looked at.
    ///
    /// # Errors
    /// [`PostError::Recipients`].
    pub(crate) fn for_count(count: usize) -> Result<Self, PostError> {
        if count > MAX_RECIPIENTS { Err(PostError::Recipients(count)) } else { Ok(Self::default()) }
    }

    /// Adds a reader, unless they are among them.
    ///
    /// # Errors
    /// [`PostError::Blocked`].
    pub(crate) fn add(
        &mut self,
        tx: &Tx<'_>,
        author: &PersonaRow,
        recipient: Recipient,
    ) -> Result<(), PostError> {
        if tx.is_blocked(author.id, &recipient.key)? {
            return Err(PostError::Blocked(recipient.name));
        }
        if recipient.key != author.public && self.0.iter().all(|other| other.key != recipient.key) {
            self.0.push(recipient);
        }
        Ok(())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What to call them.
    pub(crate) fn into_names(self) -> Vec<String> {
        self.0.into_iter().map(|recipient| recipient.name).collect()
    }

    fn points(&self) -> Result<Vec<PublicKey>, PostError> {
        self.0.iter().map(|recipient| mask_key(&recipient.key)).collect()
    }
}

/// Who writes.
pub(crate) struct Author {
    persona: PersonaId,
    key: SecretKey,
    local: Option<LocalKey>,
}

impl Author {
    pub(crate) fn of(tx: &Tx<'_>, persona: &PersonaRow) -> Result<Self, StoreError> {
        let local = tx.recovery(persona.id)?.local_key;
        Ok(Self { persona: persona.id, key: SecretKey::from(&persona.secret), local })
    }
}

/// What to write.
pub(crate) struct NewPost {
    pub(crate) text: String,
    pub(crate) meta: Meta,
    /// The profile that the post names as its author.
    pub(crate) profile: Option<ProfileId>,
    pub(crate) network: Network,
    pub(crate) format: WriteFormat,
    pub(crate) is_public: bool,
}

/// The formats that are written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum WriteFormat {
    V37,
    V38,
}

/// A post to paste.
pub(crate) struct WrittenPost {
    pub(crate) text: String,
    pub(crate) iv: PostIv,
}

/// A post that gets more readers.
pub(crate) struct Extending {
    pub(crate) payload: Arc<Payload>,
    pub(crate) iv: PostIv,
    /// The post's key, if this home has it.
    pub(crate) cached: Option<PostKey>,
    /// Where the records go.
    pub(crate) network: Network,
}

impl Posts {
    /// Writes a post, and queues the records for its readers. Both are durable when this returns.
    ///
    /// # Errors
    /// [`PostError::NotWritten`], [`PostError::Store`], and what cannot happen.
    pub(crate) async fn encrypt(
        &self,
        author: Author,
        new: NewPost,
        recipients: &Recipients,
    ) -> Result<WrittenPost, PostError> {
        let NewPost { text, meta, profile, network, format, is_public } = new;
        let (persona, keys) = (author.persona, recipients.points()?);
        let message = TypedMessage::Text { content: text, meta };
        let named = profile.clone();
        let (post, text) = off_thread(move || {
            let audience = if is_public { Audience::Public } else { Audience::Recipients(&keys) };
            let author_key = author.key.public();
            let draft =
                Draft { author: named.as_ref(), author_key: Some(&author_key), message: &message, audience };
            let secrets = author.local.as_ref().map(|local| AuthorSecrets { key: &author.key, local });
            let post = match format {
                WriteFormat::V37 => encrypt_v37(&draft, &mut random::rng()),
                WriteFormat::V38 => encrypt_v38(&draft, secrets, &mut random::rng()),
            };
            let post = post.map_err(PostError::NotWritten)?;
            let text = write_in_text(network, &post.payload);
            Ok::<_, PostError>((post, text))
        })
        .await??;
        let version = match format {
            WriteFormat::V37 => Version::V37,
            WriteFormat::V38 => Version::V38,
        };
        let row = PostKeyRow {
            id: PostIvId { network: network.domain().to_owned(), iv: post.iv },
            key: post.post_key,
            author: profile,
            public: is_public,
            found_at: self.shared.time.now(),
        };
        self.queue(persona, network, version, row, post.records).await?;
        Ok(WrittenPost { text, iv: post.iv })
    }

    /// Queues records of an own post for more readers. They are durable when this returns.
    ///
    /// # Errors
    /// [`PostError::NotAppended`], [`PostError::Closed`], [`PostError::Store`], and what cannot happen.
    pub(crate) async fn append(
        &self,
        author: Author,
        post: Extending,
        recipients: &Recipients,
    ) -> Result<(), PostError> {
        let Extending { payload, iv, cached, network } = post;
        let (persona, version, keys) = (author.persona, payload.version, recipients.points()?);
        let profile = payload.author.as_ref().ok().cloned().flatten();
        let (key, records) = off_thread(move || extend(&payload, author, cached, &keys)).await??;
        let row = PostKeyRow {
            id: PostIvId { network: network.domain().to_owned(), iv },
            key,
            author: profile,
            public: false,
            found_at: self.shared.time.now(),
        };
        self.queue(persona, network, version, row, records).await
    }

    /// Stores the post's key and its records in one transaction: neither is there without the other after a crash.
    async fn queue(
        &self,
        persona: PersonaId,
        network: Network,
        version: Version,
        key: PostKeyRow,
        records: Vec<Addressed>,
    ) -> Result<(), PostError> {
        let (now, iv) = (self.shared.time.now(), key.id.iv);
        let mut queued = Vec::new();
        if !records.is_empty() {
            let readers = records.iter().map(|record| PersonaKey::from(&record.recipient)).collect();
            let kind = if version == Version::V37 { TagKind::V37 } else { TagKind::V38 };
            let tags = key_tags(&self.shared.store, readers, kind).await?;
            let post = Partitioned { network, version, tag: post_tag(iv).await? };
            for (record, tag) in records.iter().zip(tags) {
                let nodes = nodes_of(post, tag, &record.record, now).ok_or(PostError::NoPartition)?;
                queued.push(serde_json::to_string(&nodes).map_err(PostError::Json)?);
            }
        }
        let stored = self.shared.store.run(move |tx| -> Result<(), StoreError> {
            tx.put_post_key(&key)?;
            for nodes in &queued {
                tx.queue_publication(&NewPublication { iv, persona, nodes }, now)?;
            }
            if queued.is_empty() { Ok(()) } else { announce(tx, iv, now) }
        });
        stored.await?;
        self.publisher.wake();
        Ok(())
    }
}

/// Where the records of a post go that gets more readers: where the caller says, where the post was written or opened,
/// the network of its author, or that of its form.
///
/// # Errors
/// [`PostError::NoNetwork`].
pub(crate) fn network_of(
    stated: Option<Network>,
    kept: Option<&PostKeyRow>,
    payload: &Payload,
    form: Option<Network>,
) -> Result<Network, PostError> {
    let kept = kept.map(|kept| Network::from_domain(&kept.id.network));
    let known = stated.or(kept).filter(|network| *network != Network::Unknown);
    known.or_else(|| named_network(payload)).or(form).ok_or(PostError::NoNetwork)
}

/// The key of an own post, and records for more readers.
fn extend(
    payload: &Payload,
    author: Author,
    cached: Option<PostKey>,
    keys: &[PublicKey],
) -> Result<(PostKey, Vec<Addressed>), PostError> {
    if payload.author_key != Ok(Some(author.key.public())) {
        return Err(PostError::NotAppended(AppendError::NotAuthor));
    }
    let own = Own { key: author.key.clone(), local: author.local };
    let keyring = Keys { own: vec![own], author: None, cached };
    let opened = open_here(payload, &keyring).map_err(PostError::Closed)?;
    let records = append(payload, &opened.post_key, &author.key, keys, &mut random::rng())
        .map_err(PostError::not_appended)?;
    Ok((opened.post_key, records))
}
