//! Posts: encrypted, opened, extended, waited for.

mod error;
mod recipients;
mod shown;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bauta_ipc::limits::LOOKUP_MS;
use bauta_ipc::{
    AppendPost, AppendedPost, DecryptPost, DecryptedPost, EncryptPost, EncryptedPost, MAX_POST_TEXT,
    MAX_WAIT_MS, PostApi, PostFormat, PostSettings, PostState, PublishedPost, Retry, RpcError, SocialNetwork,
    WaitForPost, codes,
};
use bauta_protocol::id::PersonaKey;
use bauta_protocol::mask::{AppendError, Meta, Payload};
use tokio::time::Instant;

use self::recipients::{own_name, own_profile, recipients};
use self::shown::{iv_of, settings, without_keys};
use super::network::{network as mask_network, shown as shown_network};
use super::{Node, names, profile, view};
use crate::posts::{
    self, Author, Change, Extending, FoundPost, Known, KnownAuthor, NewPost, OpenedPost, Opening, PostError,
    Settings, WriteFormat, off_thread,
};
use crate::store::{StoreError, Tx};

/// How long to look for a key when the caller does not say.
const PATIENCE: Duration = Duration::from_millis(LOOKUP_MS);

#[async_trait]
impl PostApi for Node {
    async fn post_encrypt(&self, params: EncryptPost) -> Result<EncryptedPost, RpcError> {
        let EncryptPost { persona, text, public, to, network, author, format, meta } = params;
        if text.is_empty() || text.len() > MAX_POST_TEXT {
            let message = format!("A post has 1 to {MAX_POST_TEXT} bytes, this one has {}.", text.len());
            return Err(RpcError::new(&codes::POST_TEXT, message));
        }
        if public && !to.is_empty() {
            let message = "A post is for everybody or for the people named, not both.";
            return Err(RpcError::new(&codes::POST_RECIPIENTS, message).hint("Leave one of them out."));
        }
        let meta = match meta {
            Some(meta) => {
                Meta::from_json(&serde_json::Value::Object(meta).to_string()).map_err(PostError::Meta)?
            }
            None => Meta::default(),
        };
        let chosen = network.unwrap_or(SocialNetwork::Twitter);
        let network = mask_network(chosen);
        let found = self.shared.store.run(move |tx| {
            let persona = names::persona(tx, persona.as_deref())?;
            let recipients = recipients(tx, &persona, &to)?;
            let profile = match author {
                Some(text) => Some(own_name(&text, chosen)?),
                None => own_profile(tx, &persona, network)?,
            };
            Ok::<_, RpcError>((Author::of(tx, &persona)?, recipients, profile))
        });
        let (author, recipients, profile) = found.await?;
        let format = match format.unwrap_or(PostFormat::V37) {
            PostFormat::V37 => WriteFormat::V37,
            PostFormat::V38 => WriteFormat::V38,
        };
        let post = NewPost { text, meta, profile, network, format, is_public: public };
        let written = self.posts.encrypt(author, post, &recipients).await?;
        Ok(EncryptedPost {
            text: written.text,
            iv: written.iv.to_base64(),
            published: public || recipients.is_empty(),
            recipients: recipients.into_names(),
        })
    }

    async fn post_decrypt(&self, params: DecryptPost) -> Result<DecryptedPost, RpcError> {
        let DecryptPost { persona, text, network, author, offline, timeout_ms } = params;
        let posts = off_thread(move || posts::find(&text)).await??;
        let asked = Asked { persona, network, author };
        let patience = timeout_ms.map_or(PATIENCE, |wait| Duration::from_millis(wait.min(MAX_WAIT_MS)));
        let deadline = Instant::now() + patience;
        if let ([post], false) = (posts.as_slice(), offline) {
            return self.open_post(&asked, post, Some(patience)).await;
        }
        // A text may have posts for several groups of readers: whichever opens with what is here comes before any look-up.
        // The look-ups share the time.
        let mut closed = Vec::new();
        let mut refusals = Vec::new();
        for post in &posts {
            match self.open_post(&asked, post, None).await {
                Ok(opened) => return Ok(opened),
                Err(error) if !offline && error.is(&codes::POST_NOT_SHARED) => closed.push(post),
                Err(error) => refusals.push(error),
            }
        }
        for (place, post) in closed.iter().enumerate() {
            let left = u32::try_from(closed.len().saturating_sub(place)).unwrap_or(1).max(1);
            let share = deadline.saturating_duration_since(Instant::now()) / left;
            match self.open_post(&asked, post, Some(share)).await {
                Ok(opened) => return Ok(opened),
                Err(error) => refusals.push(error),
            }
        }
        Err(most_telling(refusals))
    }

    async fn post_append(&self, params: AppendPost) -> Result<AppendedPost, RpcError> {
        let AppendPost { persona: named, text, to, network } = params;
        if to.is_empty() {
            return Err(RpcError::new(&codes::POST_RECIPIENTS, "Nobody was named to be added."));
        }
        let posts = off_thread(move || posts::find(&text)).await??;
        let found = self.shared.store.run(move |tx| {
            let not_ours = || PostError::NotAppended(AppendError::NotAuthor);
            let (payload, form) = own_post(tx, posts)?.ok_or_else(not_ours)?;
            let iv = payload.iv().map_err(|error| PostError::broken(&error))?;
            let author_key = author_key(&payload);
            let persona = match (named, author_key) {
                (Some(name), _) => names::persona(tx, Some(&name))?,
                (None, Some(key)) => tx.persona_of(&key)?.ok_or_else(not_ours)?,
                (None, None) => return Err(not_ours().into()),
            };
            let recipients = recipients(tx, &persona, &to)?;
            let post = (payload, form, iv, tx.post_key_of(iv)?);
            Ok::<_, RpcError>((Author::of(tx, &persona)?, recipients, post))
        });
        let (author, recipients, (payload, form, iv, kept)) = found.await?;
        let network = posts::network_of(network.map(mask_network), kept.as_ref(), &payload, form)?;
        let post = Extending { payload, iv, cached: kept.map(|kept| kept.key), network };
        self.posts.append(author, post, &recipients).await?;
        Ok(AppendedPost {
            iv: iv.to_base64(),
            published: recipients.is_empty(),
            recipients: recipients.into_names(),
        })
    }

    async fn post_wait(&self, params: WaitForPost) -> Result<PublishedPost, RpcError> {
        let iv = iv_of(&params.iv)?;
        let deadline = Instant::now() + Duration::from_millis(params.timeout_ms.min(MAX_WAIT_MS));
        let mut events = self.shared.store.events();
        loop {
            // Before the rows are read: what is written after this wakes the loop.
            events.borrow_and_update();
            let found = self.shared.store.run(move |tx| -> Result<_, StoreError> {
                Ok((tx.publications(iv)?, tx.post_key_of(iv)?.is_some()))
            });
            let reached = match found.await? {
                (Some(count), _) => view::post(iv, &count),
                (None, true) => without_keys(iv),
                (None, false) => {
                    let message = "No post with that IV was written here.";
                    return Err(RpcError::new(&codes::POST_UNKNOWN, message));
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
        let change = Change { block: params.block, spread: params.spread_seconds };
        Ok(settings(self.shared.store.run(move |tx| Settings::change(tx, change)).await?))
    }
}

/// What the caller of `post.decrypt` says about the reader and the page.
struct Asked {
    persona: Option<String>,
    network: Option<SocialNetwork>,
    author: Option<String>,
}

impl Node {
    /// Opens one post; without patience nobody is asked for its key.
    async fn open_post(
        &self,
        asked: &Asked,
        (payload, form): &FoundPost,
        patience: Option<Duration>,
    ) -> Result<DecryptedPost, RpcError> {
        let now = self.shared.time.now();
        let iv = payload.iv().map_err(|error| PostError::broken(&error))?;
        let stated = asked.network.map(mask_network);
        let named = posts::named_network(payload);
        let page_network = asked.network.or_else(|| named.or(*form).and_then(shown_network));
        let (claimed, persona, author) = (Arc::clone(payload), asked.persona.clone(), asked.author.clone());
        let found = self.shared.store.run(move |tx| {
            let reader = match names::persona(tx, persona.as_deref()) {
                Ok(row) => Ok(row.public),
                // A wrong name is an error also when it is not needed; no name is one when it is.
                Err(error) if persona.is_some() => return Err(error),
                Err(error) => Err(error),
            };
            let page = author.map(|text| names::profile(&text, page_network)).transpose()?;
            Ok::<_, RpcError>((posts::known(tx, &claimed, iv, page.as_ref(), now)?, reader))
        });
        let (Known { keys, network: kept, author }, reader) = found.await?;
        let opening = Opening {
            payload: Arc::clone(payload),
            iv,
            keys,
            network: stated.or(named).or(kept).or(*form),
            reader: reader.as_ref().ok().copied(),
            patience,
        };
        let opened = match (self.posts.open(opening).await, reader) {
            (Err(PostError::NoReader), Err(why)) => return Err(why),
            (opened, _) => opened?,
        };
        let OpenedPost { text, meta, network } = opened;
        let KnownAuthor { key, is_known, name, warning } = author;
        Ok(DecryptedPost {
            text,
            author: payload.author.as_ref().ok().and_then(Option::as_ref).map(ToString::to_string),
            network: network.and_then(shown_network),
            author_key: key.map(|key| key.to_string()),
            author_known: is_known,
            author_name: name,
            public: payload.is_public(),
            meta,
            warning: warning.map(|other| profile::changed(&other)),
        })
    }
}

/// Of why several posts did not open: that one may still open, or else why the first did not.
fn most_telling(refusals: Vec<RpcError>) -> RpcError {
    let open =
        refusals.iter().position(|error| !error.is(&codes::POST_NOT_SHARED) && error.retry != Retry::No);
    refusals.into_iter().nth(open.unwrap_or_default()).unwrap_or_else(|| PostError::NoPost.into())
}

/// The first post of a text that a persona of this home wrote, or else the first.
fn own_post(tx: &Tx<'_>, posts: Vec<FoundPost>) -> Result<Option<FoundPost>, StoreError> {
    let mut first = None;
    for post in posts {
        if let Some(key) = author_key(&post.0)
            && tx.persona_of(&key)?.is_some()
        {
            return Ok(Some(post));
        }
        first.get_or_insert(post);
    }
    Ok(first)
}

fn author_key(payload: &Payload) -> Option<PersonaKey> {
    payload.author_key.as_ref().ok().and_then(Option::as_ref).map(PersonaKey::from)
}
