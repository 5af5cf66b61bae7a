//! Writing posts, and adding readers to them.

use std::sync::Arc;

use bauta_protocol::id::{MessageId, PersonaKey};
use bauta_protocol::mask::limits::MAX_RECIPIENTS;
use bauta_protocol::mask::{
    Addressed, AppendError, Audience, AuthorSecrets, Draft, LocalKey, Meta, Network, Payload, PostDigest,
    PostIv, PostIvId, PostKey, ProfileId, PublicKey, SecretKey, TypedMessage, Version, append, encrypt_v37,
    encrypt_v38, write_in_text,
};

use super::nodes::{Partitioned, nodes_of};
use super::reading::{Kept, Keys, Own, open_here};
use super::tags::{key_tags, post_tag};
use super::{PostError, Posts, announce, mask_key, named_network, off_thread};
use crate::engine::{self, Letter, Moment};
use crate::random;
use crate::store::{
    ContactId, KeyOrigin, NewPublication, PersonaId, PersonaRow, PostKeyRow, StoreError, TagKind, Tx,
};

/// Bytes of the longest post that is written, as it is pasted; two thirds of them are left of a text and its metadata.
pub(crate) const MAX_WRITTEN: usize = 512 << 10;

/// Somebody who will be able to read a post.
pub(crate) struct Recipient {
    /// What the caller called them, or their name.
    pub(crate) name: String,
    pub(crate) key: PersonaKey,
}

/// How the keys of a post reach its recipients.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Delivery {
    /// To contacts by message, and to all through the Gun relays.
    Both,
    /// To all through the Gun relays.
    Gun,
    /// To contacts by message; there may be no other recipients.
    Contacts,
}

/// The readers of a post: each once, nobody who is blocked, and never the author, who can read it anyway.
pub(crate) struct Recipients {
    all: Vec<Recipient>,
    delivery: Delivery,
    /// Those who get the key by message: their names here, and their rows.
    contacts: Vec<(String, ContactId)>,
}

impl Recipients {
    /// Refuses more than a post may have, before any of them is looked at.
    ///
    /// # Errors
    /// [`PostError::Recipients`].
    pub(crate) fn for_count(count: usize, delivery: Delivery) -> Result<Self, PostError> {
        if count > MAX_RECIPIENTS {
            return Err(PostError::Recipients(count));
        }
        Ok(Self { all: Vec::new(), delivery, contacts: Vec::new() })
    }

    /// Adds a reader, unless they are among them.
    ///
    /// # Errors
    /// [`PostError::Blocked`], [`PostError::NotContact`].
    pub(crate) fn add(
        &mut self,
        tx: &Tx<'_>,
        author: &PersonaRow,
        recipient: Recipient,
    ) -> Result<(), PostError> {
        if tx.is_blocked(author.id, &recipient.key)? {
            return Err(PostError::Blocked(recipient.name));
        }
        if recipient.key == author.public || self.all.iter().any(|other| other.key == recipient.key) {
            return Ok(());
        }
        if self.delivery != Delivery::Gun {
            // A key for somebody who only has Mask would wait for ever, so it goes to those who are talked with already.
            let contact = tx.contact_of(author.id, &recipient.key)?;
            match contact.filter(|contact| contact.current.is_some()) {
                Some(contact) => self.contacts.push((recipient.name.clone(), contact.id)),
                None if self.delivery == Delivery::Contacts => {
                    return Err(PostError::NotContact(recipient.name));
                }
                None => {}
            }
        }
        self.all.push(recipient);
        Ok(())
    }

    /// Whether none of them needs a Gun relay.
    pub(crate) fn need_no_relay(&self) -> bool {
        self.all.is_empty() || self.delivery == Delivery::Contacts
    }

    /// As [`Recipients::into_names`].
    pub(crate) fn names(&self) -> (Vec<&str>, Vec<&str>) {
        let names = self.all.iter().map(|recipient| recipient.name.as_str()).collect();
        (names, self.contacts.iter().map(|(name, _)| name.as_str()).collect())
    }

    /// What to call them, and those of them who get the key by message.
    pub(crate) fn into_names(self) -> (Vec<String>, Vec<String>) {
        let names = self.all.into_iter().map(|recipient| recipient.name).collect();
        (names, self.contacts.into_iter().map(|(name, _)| name).collect())
    }

    fn points(&self) -> Result<Vec<PublicKey>, PostError> {
        self.all.iter().map(|recipient| mask_key(&recipient.key)).collect()
    }
}

/// Who writes.
pub(crate) struct Author {
    persona: PersonaId,
    public: PersonaKey,
    key: SecretKey,
    local: Option<LocalKey>,
}

impl Author {
    pub(crate) fn of(tx: &Tx<'_>, persona: &PersonaRow) -> Result<Self, StoreError> {
        let local = tx.recovery(persona.id)?.local_key;
        Ok(Self { persona: persona.id, public: persona.public, key: SecretKey::from(&persona.secret), local })
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
    pub(crate) digest: PostDigest,
    /// Keys that this home has for it.
    pub(crate) kept: Vec<PostKeyRow>,
    /// Where the records go.
    pub(crate) network: Network,
}

impl Posts {
    /// Writes a post, and queues the records for its readers. Both are durable when this returns.
    ///
    /// # Errors
    /// [`PostError::NotWritten`], [`PostError::TooLong`], [`PostError::Store`], and what cannot happen.
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
        let (post, text, digest) = off_thread(move || {
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
            if text.len() > MAX_WRITTEN {
                return Err(PostError::TooLong(MAX_WRITTEN));
            }
            let written = Payload::parse(&post.payload).map_err(PostError::Parse)?;
            let digest = written.digest().map_err(|error| PostError::broken(&error))?;
            Ok::<_, PostError>((post, text, digest))
        })
        .await??;
        let version = match format {
            WriteFormat::V37 => Version::V37,
            WriteFormat::V38 => Version::V38,
        };
        let row = PostKeyRow {
            persona: Some(persona),
            id: PostIvId { network: network.domain().to_owned(), iv: post.iv },
            digest: Some(digest),
            key: post.post_key,
            author: profile,
            public: is_public,
            origin: KeyOrigin::Written,
            site: None,
            found_at: self.shared.time.now(),
        };
        self.queue(network, version, row, post.records, recipients).await?;
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
        let Extending { payload, iv, digest, kept, network } = post;
        let (persona, version, keys) = (author.persona, payload.version, recipients.points()?);
        let profile = payload.author.as_ref().ok().cloned().flatten();
        let (key, records) = off_thread(move || extend(&payload, author, kept, &keys)).await??;
        let row = PostKeyRow {
            persona: Some(persona),
            id: PostIvId { network: network.domain().to_owned(), iv },
            digest: Some(digest),
            key,
            author: profile,
            public: false,
            // Whoever reads a post can make another one that its author's copy opens, so it need not be the author's.
            origin: KeyOrigin::Own,
            site: None,
            found_at: self.shared.time.now(),
        };
        self.queue(network, version, row, records, recipients).await
    }

    /// Stores the post's key, its records and its messages in one transaction: none is there without the others after a
    /// crash.
    async fn queue(
        &self,
        network: Network,
        version: Version,
        key: PostKeyRow,
        records: Vec<Addressed>,
        recipients: &Recipients,
    ) -> Result<(), PostError> {
        let (at, iv) = (self.shared.moment(), key.id.iv);
        let now = at.now;
        let contacts: Vec<ContactId> = recipients.contacts.iter().map(|(_, contact)| *contact).collect();
        let everyone: Vec<PersonaKey> = recipients.all.iter().map(|recipient| recipient.key).collect();
        let mut queued = Vec::new();
        if !records.is_empty() && !recipients.need_no_relay() {
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
            tx.add_post_readers(&key, &everyone)?;
            let Some(persona) = key.persona else { return Ok(()) };
            for nodes in &queued {
                tx.queue_publication(&NewPublication { iv, persona, nodes }, now)?;
            }
            send_key(tx, &key, &contacts, &at)?;
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

/// Queues the key of a post as a message to each of its readers who is a contact. They go out on the clock.
fn send_key(tx: &Tx<'_>, row: &PostKeyRow, contacts: &[ContactId], at: &Moment) -> Result<(), StoreError> {
    let (Some(persona), Some(digest)) = (row.persona, row.digest) else { return Ok(()) };
    if contacts.is_empty() {
        return Ok(());
    }
    let persona = tx.persona(persona)?;
    for contact in contacts {
        let Some(contact) = tx.contact(*contact)? else { continue };
        let id = MessageId::generate(&mut random::rng());
        let letter = Letter::post_key(id, at.now, (row.id.iv, digest), row.key.clone())
            .map_err(|_| StoreError::Damaged("the key of a post"))?;
        engine::queue_message(tx, &persona, &contact, &letter, at)?;
    }
    Ok(())
}

/// The key of an own post, and records for more readers.
fn extend(
    payload: &Payload,
    author: Author,
    kept: Vec<PostKeyRow>,
    keys: &[PublicKey],
) -> Result<(PostKey, Vec<Addressed>), PostError> {
    if payload.author_key != Ok(Some(author.key.public())) {
        return Err(PostError::NotAppended(AppendError::NotAuthor));
    }
    let Author { persona, public, key, local } = author;
    let own = Own { persona, public, key: key.clone(), local };
    let kept = kept.into_iter().map(|row| Kept {
        key: row.key.clone(),
        persona: row.persona,
        row: Some(row),
        writer: None,
        readers: None,
    });
    let keyring = Keys { own: vec![own], author: None, kept: kept.collect() };
    let (opened, _) = open_here(payload, &keyring).map_err(PostError::Closed)?;
    let records =
        append(payload, &opened.post_key, &key, keys, &mut random::rng()).map_err(PostError::not_appended)?;
    Ok((opened.post_key, records))
}
