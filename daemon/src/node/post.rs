//! Posts: encrypted, opened, extended, waited for.

mod error;
mod recipients;
mod room;
mod shown;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bauta_ipc::limits::{LOOKUP_MS, LOOKUP_PERSONAS, MAX_SITE};
use bauta_ipc::{
    AppendPost, AppendedPost, CheckedPost, DecryptPost, DecryptedPost, EncryptPost, EncryptedPost,
    MAX_POST_TEXT, MAX_WAIT_MS, PostApi, PostFormat, PostNeeds, PostSettings, PostState, PublishedPost,
    Retry, RpcError, SocialNetwork, WaitForPost, codes,
};
use bauta_protocol::id::PersonaKey;
use bauta_protocol::mask::{AppendError, Meta, Payload, PostDigest, PostIv};
use tokio::time::Instant;

use self::recipients::{delivery, own_name, own_profile, recipients};
use self::shown::{iv_of, settings, without_keys};
use super::network::{network as mask_network, shown as shown_network};
use super::{Node, names, profile, view};
use crate::posts::{
    self, Author, Change, Checked, Extending, FoundPost, Known, KnownAuthor, Needs, NewPost, OpenedPost,
    Opening, PostError, Readers, Settings, Shown, WriteFormat, off_thread,
};
use crate::store::{StoreError, Tx};

/// How long to look for a key when the caller does not say.
const PATIENCE: Duration = Duration::from_millis(LOOKUP_MS);

const _: () = assert!(LOOKUP_PERSONAS == posts::LOOKUP_PERSONAS, "the number is stated in two places");

#[async_trait]
impl PostApi for Node {
    async fn post_encrypt(&self, params: EncryptPost) -> Result<EncryptedPost, RpcError> {
        let EncryptPost { persona, text, public, to, network, author, format, meta, delivery: way } = params;
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
            let persona = names::sender(tx, persona.as_deref())?;
            let recipients = recipients(tx, &persona, &to, delivery(way))?;
            room::check_names(&recipients, posts::MAX_WRITTEN)?;
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
        let published = public || recipients.need_no_relay();
        let (recipients, by_message) = recipients.into_names();
        let iv = written.iv.to_base64();
        Ok(EncryptedPost { text: written.text, iv, recipients, by_message, published })
    }

    async fn post_check(&self, params: DecryptPost) -> Result<CheckedPost, RpcError> {
        let (asked, posts) = Asked::read(params).await?;
        // The first post that opens with what is here is the one that opens; else the first that may open.
        let (mut may_open, mut refusals) = (None, Vec::new());
        for post in &posts {
            match self.check_post(&asked, post).await {
                Ok(checked) if checked.needs == PostNeeds::Nothing => return Ok(checked),
                Ok(checked) => drop::<&mut CheckedPost>(may_open.get_or_insert(checked)),
                Err(error) => refusals.push(error),
            }
        }
        may_open.ok_or_else(|| most_telling(refusals))
    }

    async fn post_decrypt(&self, params: DecryptPost) -> Result<DecryptedPost, RpcError> {
        let offline = params.offline;
        let patience =
            params.timeout_ms.map_or(PATIENCE, |wait| Duration::from_millis(wait.min(MAX_WAIT_MS)));
        let (asked, posts) = Asked::read(params).await?;
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
        let AppendPost { persona: named, text, to, network, delivery: way } = params;
        if to.is_empty() {
            return Err(RpcError::new(&codes::POST_RECIPIENTS, "Nobody was named to be added."));
        }
        let posts = off_thread(move || posts::find(&text)).await??;
        let found = self.shared.store.run(move |tx| {
            let not_ours = || PostError::NotAppended(AppendError::NotAuthor);
            let (payload, form) = own_post(tx, posts)?.ok_or_else(not_ours)?;
            let iv = payload.iv().map_err(|error| PostError::broken(&error))?;
            let digest = payload.digest().map_err(|error| PostError::broken(&error))?;
            let author_key = author_key(&payload);
            let persona = match (named, author_key) {
                (Some(name), _) => names::persona(tx, Some(&name))?,
                (None, Some(key)) => tx.persona_of(&key)?.ok_or_else(not_ours)?,
                (None, None) => return Err(not_ours().into()),
            };
            names::refuse_elsewhere(tx, &persona)?;
            let recipients = recipients(tx, &persona, &to, delivery(way))?;
            room::check_names(&recipients, 0)?;
            let mut kept = tx.post_keys_of(iv, digest)?;
            kept.retain(|row| row.persona.is_none_or(|owner| owner == persona.id));
            let network = posts::network_of(network.map(mask_network), kept.first(), &payload, form)?;
            let post = Extending { payload, iv, digest, kept, network };
            Ok::<_, RpcError>((Author::of(tx, &persona)?, recipients, post))
        });
        let (author, recipients, post) = found.await?;
        let iv = post.iv.to_base64();
        self.posts.append(author, post, &recipients).await?;
        let published = recipients.need_no_relay();
        let (recipients, by_message) = recipients.into_names();
        Ok(AppendedPost { iv, recipients, by_message, published })
    }

    async fn post_wait(&self, params: WaitForPost) -> Result<PublishedPost, RpcError> {
        let WaitForPost { persona, personas, iv, timeout_ms } = params;
        let iv = iv_of(&iv)?;
        let deadline = Instant::now() + Duration::from_millis(timeout_ms.min(MAX_WAIT_MS));
        let mut events = self.shared.store.events();
        loop {
            // Before the rows are read: what is written after this wakes the loop.
            events.borrow_and_update();
            let (persona, personas) = (persona.clone(), personas.clone());
            let found = self.shared.store.run(move |tx| {
                let readers = readers(tx, persona.as_deref(), personas.as_deref())?;
                let count = tx.publications(iv)?.filter(|count| readers.has(count.persona));
                let is_written = tx.writer_of(iv)?.is_some_and(|writer| readers.has(writer));
                Ok::<_, RpcError>((count, is_written))
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
    personas: Option<Vec<String>>,
    network: Option<SocialNetwork>,
    author: Option<String>,
    site: Option<String>,
    reveal_profile: bool,
}

impl Asked {
    /// The question, and the posts in its text.
    async fn read(params: DecryptPost) -> Result<(Self, Vec<FoundPost>), RpcError> {
        let DecryptPost { persona, personas, text, network, author, site, reveal_profile, .. } = params;
        if let Some(site) = &site
            && (site.len() > MAX_SITE || site.chars().any(char::is_control))
        {
            let message = format!("The name of a site has at most {MAX_SITE} bytes.");
            return Err(RpcError::new(&codes::REQUEST_PARAMS, message));
        }
        let posts = off_thread(move || posts::find(&text)).await??;
        Ok((Self { persona, personas, network, author, site, reveal_profile }, posts))
    }
}

impl Node {
    /// What is known of a post, on the page where the caller found it.
    async fn known(
        &self,
        asked: &Asked,
        (payload, form): &FoundPost,
        learns: bool,
    ) -> Result<(Known, PostIv, PostDigest), RpcError> {
        let now = self.shared.time.now();
        let iv = payload.iv().map_err(|error| PostError::broken(&error))?;
        let digest = payload.digest().map_err(|error| PostError::broken(&error))?;
        let page_network = asked.network.or_else(|| {
            let named = posts::named_network(payload);
            named.or(*form).and_then(shown_network)
        });
        let (claimed, author) = (Arc::clone(payload), asked.author.clone());
        let (persona, personas) = (asked.persona.clone(), asked.personas.clone());
        let found = self.shared.store.run(move |tx| {
            let readers = readers(tx, persona.as_deref(), personas.as_deref())?;
            let page = author.map(|text| names::profile(&text, page_network)).transpose()?;
            let post = Shown { payload: &claimed, iv, digest, page: page.as_ref(), learns };
            Ok::<_, RpcError>(posts::known(tx, &post, &readers, now)?)
        });
        Ok((found.await?, iv, digest))
    }

    async fn check_post(&self, asked: &Asked, post: &FoundPost) -> Result<CheckedPost, RpcError> {
        let (known, ..) = self.known(asked, post, false).await?;
        let (payload, _) = post;
        let Checked { needs, author, first_site } = self.posts.check(payload, known).await?;
        let KnownAuthor { key, is_known, is_proven, name, .. } = author;
        Ok(CheckedPost {
            needs: match needs {
                Needs::Nothing => PostNeeds::Nothing,
                Needs::Lookup => PostNeeds::Lookup,
                Needs::Profile => PostNeeds::Profile,
            },
            author: author_name(payload),
            author_key: key.map(|key| key.to_string()),
            author_known: is_known,
            author_proven: is_proven,
            author_name: name,
            public: payload.is_public(),
            first_site,
        })
    }

    /// Opens one post; without patience nobody is asked for its key.
    async fn open_post(
        &self,
        asked: &Asked,
        post: &FoundPost,
        patience: Option<Duration>,
    ) -> Result<DecryptedPost, RpcError> {
        let (known, iv, digest) = self.known(asked, post, true).await?;
        let (payload, form) = post;
        let stated = asked.network.map(mask_network);
        let opening = Opening {
            payload: Arc::clone(payload),
            iv,
            digest,
            network: stated.or_else(|| posts::named_network(payload)).or(known.network).or(*form),
            known,
            site: asked.site.clone(),
            patience,
            reveal_profile: asked.reveal_profile,
        };
        let OpenedPost { text, meta, network, author, first_site, readers } =
            self.posts.open(opening).await?;
        let meta = room::check_text(&text, meta)?;
        let KnownAuthor { key, is_known, is_proven, name, warning } = author;
        Ok(DecryptedPost {
            text,
            author: author_name(payload),
            network: network.and_then(shown_network),
            author_key: key.map(|key| key.to_string()),
            author_known: is_known,
            author_proven: is_proven,
            author_name: name,
            public: payload.is_public(),
            readers: readers.filter(|_| !payload.is_public()),
            first_site,
            meta,
            warning: warning.map(|other| profile::changed(&other)),
        })
    }
}

/// The personas for whom a caller asks: the one that is named, those that are listed, or all.
fn readers(tx: &Tx<'_>, persona: Option<&str>, personas: Option<&[String]>) -> Result<Readers, RpcError> {
    let is_listed = |name: &str| personas.is_none_or(|listed| listed.iter().any(|one| one == name));
    let is_limited = personas.is_some();
    if let Some(name) = persona {
        if !is_listed(name) {
            let message = "The persona that is named is not among those that are listed.";
            return Err(RpcError::new(&codes::PERSONA_UNKNOWN, message));
        }
        let row = names::persona(tx, Some(name))?;
        return Ok(Readers { personas: vec![row], is_limited });
    }
    // A persona that is gone may still be in a list.
    let mut all = tx.personas()?;
    all.retain(|row| is_listed(&row.name));
    Ok(Readers { personas: all, is_limited })
}

fn author_name(payload: &Payload) -> Option<String> {
    payload.author.as_ref().ok().and_then(Option::as_ref).map(ToString::to_string)
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
