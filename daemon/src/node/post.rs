//! Posts: encrypted, extended, waited for. Opening stands in `reading`.

mod reading;

use std::time::Duration;

use async_trait::async_trait;
use bauta_ipc::{
    AppendPost, AppendedPost, DecryptPost, DecryptedPost, EncryptPost, EncryptedPost, MAX_POST_TEXT,
    MAX_WAIT_MS, PostApi, PostFormat, PostSettings, PostState, PublishedPost, RpcError, SocialNetwork,
    WaitForPost, codes,
};
use bauta_protocol::id::PersonaKey;
use bauta_protocol::mask::limits::MAX_RECIPIENTS;
use bauta_protocol::mask::{
    Addressed, AppendError, Audience, AuthorSecrets, Draft, EncryptError, LocalKey, Meta, Network, Payload,
    PostIv, PostIvId, PostKey, ProfileId, PublicKey, SecretKey, TypedMessage, Version, append, encrypt_v37,
    encrypt_v38, write_in_text,
};
use bauta_protocol::time::Timestamp;
use data_encoding::BASE64;
use tokio::time::Instant;

use super::{Node, names, profile, view};
use crate::posts::{
    self, internal, key_tags, mask_key, nodes_of, off_thread, persona_key, post_tag, shown_network,
};
use crate::random;
use crate::store::{
    ContactState, Happened, NewPublication, PersonaId, PersonaRow, PostKeyRow, PublicationCount, StoreError,
    TagKind, Tx,
};

/// Whom a post is for.
struct Recipient {
    /// What the caller called them, or their name.
    name: String,
    key: PersonaKey,
}

/// Who writes.
struct Author {
    persona: PersonaId,
    key: SecretKey,
    local: Option<LocalKey>,
    profile: Option<ProfileId>,
}

#[async_trait]
impl PostApi for Node {
    async fn post_encrypt(&self, params: EncryptPost) -> Result<EncryptedPost, RpcError> {
        if params.text.is_empty() || params.text.len() > MAX_POST_TEXT {
            let message =
                format!("A post has 1 to {MAX_POST_TEXT} bytes, this one has {}.", params.text.len());
            return Err(RpcError::new(&codes::POST_TEXT, message));
        }
        if params.public && !params.to.is_empty() {
            let message = "A post is for everybody or for the people named, not both.";
            return Err(RpcError::new(&codes::POST_RECIPIENTS, message).hint("Leave one of them out."));
        }
        let meta = match &params.meta {
            Some(meta) => Meta::from_json(&serde_json::Value::Object(meta.clone()).to_string())
                .map_err(|error| RpcError::of(&codes::POST_TEXT, &error))?,
            None => Meta::default(),
        };
        let chosen = params.network.unwrap_or(SocialNetwork::Twitter);
        let network = posts::network(chosen);
        let (named, profile, to) = (params.persona, params.author, params.to);
        let (author, recipients) = self
            .shared
            .store
            .run(move |tx| {
                let persona = names::persona(tx, named.as_deref())?;
                let recipients = recipients(tx, &persona, &to)?;
                let profile = match profile {
                    Some(text) => Some(own_name(&text, chosen)?),
                    None => own_profile(tx, &persona, network)?,
                };
                Ok::<_, RpcError>((author(tx, &persona, profile)?, recipients))
            })
            .await?;
        let format = params.format.unwrap_or(PostFormat::V37);
        let message = TypedMessage::Text { content: params.text, meta };
        let public = params.public;
        let keys =
            recipients.iter().map(|recipient| mask_key(&recipient.key)).collect::<Result<Vec<_>, _>>()?;
        let (persona, profile) = (author.persona, author.profile.clone());
        let (post, text) = off_thread(move || {
            let audience = if public { Audience::Public } else { Audience::Recipients(&keys) };
            let author_key = author.key.public();
            let draft = Draft {
                author: author.profile.as_ref(),
                author_key: Some(&author_key),
                message: &message,
                audience,
            };
            let secrets = author.local.as_ref().map(|local| AuthorSecrets { key: &author.key, local });
            let post = match format {
                PostFormat::V37 => encrypt_v37(&draft, &mut random::rng()),
                PostFormat::V38 => encrypt_v38(&draft, secrets, &mut random::rng()),
            };
            let post = post.map_err(|error| not_written(&error))?;
            let text = write_in_text(network, &post.payload);
            Ok::<_, RpcError>((post, text))
        })
        .await??;
        let version = match format {
            PostFormat::V37 => Version::V37,
            PostFormat::V38 => Version::V38,
        };
        let key = PostKeyRow {
            id: PostIvId { network: network.domain().to_owned(), iv: post.iv },
            key: post.post_key,
            author: profile,
            public,
            found_at: self.shared.time.now(),
        };
        self.publish(persona, network, version, key, post.records).await?;
        Ok(EncryptedPost {
            text,
            iv: post.iv.to_base64(),
            published: public || recipients.is_empty(),
            recipients: recipients.into_iter().map(|recipient| recipient.name).collect(),
        })
    }

    async fn post_decrypt(&self, params: DecryptPost) -> Result<DecryptedPost, RpcError> {
        self.decrypt_post(params).await
    }

    async fn post_append(&self, params: AppendPost) -> Result<AppendedPost, RpcError> {
        let AppendPost { persona: named, text, to, network } = params;
        if to.is_empty() {
            return Err(RpcError::new(&codes::POST_RECIPIENTS, "Nobody was named to be added."));
        }
        let (payload, form) = off_thread(move || posts::find(&text)).await??;
        let iv = payload.iv().map_err(|error| posts::broken(&error))?;
        let author_key = payload.author_key.as_ref().ok().copied().flatten();
        let (author, recipients, kept) = self
            .shared
            .store
            .run(move |tx| {
                let persona = match (named, author_key) {
                    (Some(name), _) => names::persona(tx, Some(&name))?,
                    (None, Some(key)) => tx
                        .persona_of(&persona_key(&key)?)?
                        .ok_or_else(|| not_appended(&AppendError::NotAuthor))?,
                    (None, None) => return Err(not_appended(&AppendError::NotAuthor)),
                };
                let recipients = recipients(tx, &persona, &to)?;
                Ok::<_, RpcError>((author(tx, &persona, None)?, recipients, tx.post_key_of(iv)?))
            })
            .await?;
        let network = network
            .map(posts::network)
            .or_else(|| kept.as_ref().map(|kept| Network::from_domain(&kept.id.network)))
            .filter(|network| shown_network(*network).is_some())
            .or_else(|| posts::named_network(&payload))
            .or(form)
            .ok_or_else(|| {
                RpcError::new(&codes::POST_RECIPIENTS, "The post does not show which network it is from.")
                    .hint("Say so with --network.")
            })?;
        let keys =
            recipients.iter().map(|recipient| mask_key(&recipient.key)).collect::<Result<Vec<_>, _>>()?;
        let (persona, version) = (author.persona, payload.version);
        let profile = payload.author.as_ref().ok().cloned().flatten();
        let (key, records) =
            off_thread(move || extend(&payload, &author, kept.map(|kept| kept.key), &keys)).await??;
        let row = PostKeyRow {
            id: PostIvId { network: network.domain().to_owned(), iv },
            key,
            author: profile,
            public: false,
            found_at: self.shared.time.now(),
        };
        self.publish(persona, network, version, row, records).await?;
        Ok(AppendedPost {
            iv: iv.to_base64(),
            published: recipients.is_empty(),
            recipients: recipients.into_iter().map(|recipient| recipient.name).collect(),
        })
    }

    async fn post_wait(&self, params: WaitForPost) -> Result<PublishedPost, RpcError> {
        let iv = iv_of(&params.iv)?;
        let deadline = Instant::now() + Duration::from_millis(params.timeout_ms.min(MAX_WAIT_MS));
        let mut events = self.shared.store.events();
        loop {
            events.borrow_and_update();
            let found = self.shared.store.run(move |tx| -> Result<_, StoreError> {
                Ok((tx.publications(iv)?, tx.post_key_of(iv)?.is_some()))
            });
            let reached = match found.await? {
                (Some(count), _) => shown(iv, &count),
                // Nothing was ever to be published.
                (None, true) => PublishedPost {
                    iv: iv.to_base64(),
                    state: PostState::Published,
                    published: 0,
                    keys: 0,
                    error: None,
                },
                (None, false) => {
                    return Err(RpcError::new(
                        &codes::POST_UNKNOWN,
                        "No post with that IV was written here.",
                    ));
                }
            };
            if reached.state != PostState::Queued {
                return Ok(reached);
            }
            if !matches!(tokio::time::timeout_at(deadline, events.changed()).await, Ok(Ok(()))) {
                let message = match &reached.error {
                    Some(error) => format!("The keys are not published yet: {}", error.message),
                    None => "The keys are not published yet; they stay queued.".to_owned(),
                };
                return Err(RpcError::new(&codes::POST_TIMEOUT, message));
            }
        }
    }

    async fn post_settings(&self, params: PostSettings) -> Result<PostSettings, RpcError> {
        let set = self.shared.store.run(move |tx| posts::Settings::change(tx, &params));
        Ok(set.await?.shown())
    }
}

impl Node {
    /// Keeps the post's key, and queues its records. All of it is durable when this returns.
    async fn publish(
        &self,
        persona: PersonaId,
        network: Network,
        version: Version,
        key: PostKeyRow,
        records: Vec<Addressed>,
    ) -> Result<(), RpcError> {
        let now = self.shared.time.now();
        let iv = key.id.iv;
        let mut queued = Vec::new();
        if !records.is_empty() {
            let readers: Vec<PersonaKey> =
                records.iter().map(|record| persona_key(&record.recipient)).collect::<Result<_, _>>()?;
            let kind = if version == Version::V37 { TagKind::V37 } else { TagKind::V38 };
            let tags = key_tags(&self.shared.store, readers, kind).await?;
            let post = posts::Post { network, version, tag: post_tag(iv).await? };
            for (record, tag) in records.iter().zip(tags) {
                let nodes = nodes_of(post, tag, &record.record, now);
                let nodes =
                    nodes.ok_or_else(|| RpcError::new(&codes::INTERNAL, "A post has no partition."))?;
                queued.push(serde_json::to_string(&nodes).map_err(|error| internal(&error))?);
            }
        }
        self.shared
            .store
            .run(move |tx| {
                tx.put_post_key(&key)?;
                for nodes in &queued {
                    tx.queue_publication(&NewPublication { iv, persona, nodes }, now)?;
                }
                if !queued.is_empty() {
                    tell(tx, iv, now)?;
                }
                Ok::<_, RpcError>(())
            })
            .await?;
        self.publisher.wake();
        Ok(())
    }
}

/// The key of an own post, and records for more readers.
fn extend(
    payload: &Payload,
    author: &Author,
    cached: Option<PostKey>,
    keys: &[PublicKey],
) -> Result<(PostKey, Vec<Addressed>), RpcError> {
    if payload.author_key != Ok(Some(author.key.public())) {
        return Err(not_appended(&AppendError::NotAuthor));
    }
    let own = posts::Own { key: author.key.clone(), local: author.local.clone() };
    let keyring = posts::Keys { own: vec![own], author: None, cached };
    let opened = posts::open_here(payload, &keyring).map_err(|error| posts::unreadable(&error))?;
    let records = append(payload, &opened.post_key, &author.key, keys, &mut random::rng())
        .map_err(|error| not_appended(&error))?;
    Ok((opened.post_key, records))
}

fn author(tx: &Tx<'_>, persona: &PersonaRow, profile: Option<ProfileId>) -> Result<Author, RpcError> {
    Ok(Author {
        persona: persona.id,
        key: SecretKey::from_bytes(&persona.secret.to_bytes()).map_err(|error| internal(&error))?,
        local: tx.recovery(persona.id)?.local_key,
        profile,
    })
}

/// The profile that a post shall name, on the network it is for.
fn own_name(text: &str, network: SocialNetwork) -> Result<ProfileId, RpcError> {
    let profile = names::profile(text, Some(network))?;
    if profile.network() == posts::network(network).domain() {
        return Ok(profile);
    }
    let message = format!("{profile} is not a profile of the network the post is for.");
    Err(RpcError::new(&codes::PROFILE_INVALID, message).hint("Name the network with --network."))
}

/// The persona's own profile on a network.
fn own_profile(tx: &Tx<'_>, persona: &PersonaRow, network: Network) -> Result<Option<ProfileId>, StoreError> {
    let profiles = tx.profiles_of(&persona.public)?;
    Ok(profiles.into_iter().map(|row| row.profile).find(|profile| profile.network() == network.domain()))
}

/// Finds everybody who is named: contacts, known profiles, bare keys; each once, and never the author.
fn recipients(tx: &Tx<'_>, persona: &PersonaRow, to: &[String]) -> Result<Vec<Recipient>, RpcError> {
    if to.len() > MAX_RECIPIENTS {
        let message = format!("A post has at most {MAX_RECIPIENTS} recipients, not {}.", to.len());
        return Err(RpcError::new(&codes::POST_RECIPIENTS, message));
    }
    let mut found: Vec<Recipient> = Vec::new();
    for name in to {
        let recipient = recipient(tx, persona, name)?;
        if tx.is_blocked(persona.id, &recipient.key)? {
            let message = format!("{} is blocked.", recipient.name);
            return Err(RpcError::new(&codes::CONTACT_BLOCKED, message));
        }
        if recipient.key != persona.public && found.iter().all(|other| other.key != recipient.key) {
            found.push(recipient);
        }
    }
    Ok(found)
}

fn recipient(tx: &Tx<'_>, persona: &PersonaRow, name: &str) -> Result<Recipient, RpcError> {
    match names::contact(tx, persona, name) {
        Ok(contact) if contact.state == ContactState::Blocked => {
            Err(RpcError::new(&codes::CONTACT_BLOCKED, format!("{} is blocked.", contact.name)))
        }
        Ok(contact) => match contact.public {
            Some(key) => Ok(Recipient { name: contact.name, key }),
            None => {
                let message =
                    format!("The key of {} is not known yet: they have not answered.", contact.name);
                Err(RpcError::new(&codes::CONTACT_PENDING, message))
            }
        },
        Err(error) if error.is(&codes::CONTACT_UNKNOWN) => {
            if posts::is_p256(name) {
                return Err(RpcError::new(&codes::POST_CURVE, "This is a P-256 key, which nothing can use."));
            }
            if let Some(key) = names::persona_key(name) {
                return Ok(Recipient { name: key.to_string(), key });
            }
            if name.starts_with("person:") {
                let id = names::profile(name, None)?;
                let row = tx.profile(&id)?.ok_or_else(|| profile::unknown(&id))?;
                return Ok(Recipient { name: id.to_string(), key: row.persona });
            }
            Err(error)
        }
        Err(error) => Err(error),
    }
}

fn not_written(error: &EncryptError) -> RpcError {
    let code = match error {
        EncryptError::NoSecrets | EncryptError::NoAuthorKey | EncryptError::OtherAuthor => {
            &codes::POST_AUTHOR
        }
        EncryptError::AuthorNotLatin => &codes::PROFILE_INVALID,
        EncryptError::TooManyRecipients(_) => &codes::POST_RECIPIENTS,
        EncryptError::Message(_) | EncryptError::TooLarge => &codes::POST_TEXT,
        EncryptError::Pack(_) => &codes::INTERNAL,
    };
    RpcError::of(code, error)
}

fn not_appended(error: &AppendError) -> RpcError {
    let code = match error {
        AppendError::Public | AppendError::TooManyRecipients(_) => &codes::POST_RECIPIENTS,
        AppendError::NotAuthor => &codes::POST_AUTHOR,
        AppendError::Old => &codes::POST_VERSION,
        AppendError::WrongPostKey => &codes::POST_DAMAGED,
        AppendError::Broken(error) => return posts::broken(error),
    };
    RpcError::of(code, error)
}

fn iv_of(text: &str) -> Result<PostIv, RpcError> {
    let bytes = BASE64.decode(text.trim().as_bytes()).ok().and_then(|bytes| bytes.try_into().ok());
    bytes
        .map(PostIv)
        .ok_or_else(|| RpcError::new(&codes::REQUEST_PARAMS, "The IV of a post is the base64 of 16 bytes."))
}

pub(super) fn shown(iv: PostIv, count: &PublicationCount) -> PublishedPost {
    let open = count.keys.saturating_sub(count.published).saturating_sub(count.failed);
    PublishedPost {
        iv: iv.to_base64(),
        state: match (open, count.failed) {
            (0, 0) => PostState::Published,
            (0, _) => PostState::Failed,
            _ => PostState::Queued,
        },
        published: count.published,
        keys: count.keys,
        error: count.reason.map(view::reason),
    }
}

/// Writes down how far the publications of a post are.
pub(crate) fn tell(tx: &Tx<'_>, iv: PostIv, now: Timestamp) -> Result<(), StoreError> {
    match tx.publications(iv)? {
        Some(count) => tx.emit(Happened::PostState { iv, count }, now),
        None => Ok(()),
    }
}
