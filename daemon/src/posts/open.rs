//! Opening posts: with what is here, or else with a record that is looked up.

use std::sync::Arc;
use std::time::Duration;

use bauta_protocol::id::PersonaKey;
use bauta_protocol::mask::partition::v40_path;
use bauta_protocol::mask::{
    DecryptError, FieldError, Network, Opened, Payload, PostDigest, PostIv, PostIvId, ProfileId, Version,
};
use serde_json::{Map, Value};
use tokio::time::Instant;

use super::find::is_for_p256;
use super::known::{Known, KnownAuthor};
use super::lookup::{Lookup, Partition, look_up, partitions, single_node};
use super::reading::{Kept, Keys, Own, With, Writer, open_here, parts_of};
use super::tags::{key_tags, post_tag};
use super::{PostError, Posts, Settings, off_thread};
use crate::store::{KeyOrigin, PostKeyRow, StoreError, TagKind};

/// Personas for which one post is looked up, at most.
pub(crate) const LOOKUP_PERSONAS: usize = 8;

/// A post to open.
pub(crate) struct Opening {
    pub(crate) payload: Arc<Payload>,
    pub(crate) iv: PostIv,
    pub(crate) digest: PostDigest,
    pub(crate) known: Known,
    /// Where the post is, as far as anybody says.
    pub(crate) network: Option<Network>,
    /// The site that shows it, as the caller says.
    pub(crate) site: Option<String>,
    /// How long to look for the key; `None` asks nobody.
    pub(crate) patience: Option<Duration>,
    /// Look it up also where that shows the reader's profile name.
    pub(crate) reveal_profile: bool,
}

/// What a post says.
#[derive(Debug)]
pub(crate) struct OpenedPost {
    pub(crate) text: String,
    /// What plugins attached.
    pub(crate) meta: Option<Map<String, Value>>,
    /// Where the post is.
    pub(crate) network: Option<Network>,
    pub(crate) author: KnownAuthor,
    /// Where its key was first used.
    pub(crate) first_site: Option<String>,
    /// How many can read it besides its author, if it was written here.
    pub(crate) readers: Option<u64>,
}

/// What it takes to open a post.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Needs {
    Nothing,
    Lookup,
    /// A look-up under the reader's profile name.
    Profile,
}

/// A post as it can be judged without asking anybody.
pub(crate) struct Checked {
    pub(crate) needs: Needs,
    pub(crate) author: KnownAuthor,
    pub(crate) first_site: Option<String>,
}

impl Posts {
    /// Opens a post, and stores its key, so that it opens again without a network.
    ///
    /// # Errors
    /// Every [`PostError`] that has to do with reading.
    pub(crate) async fn open(&self, opening: Opening) -> Result<OpenedPost, PostError> {
        let Opening { payload, iv, digest, known, network, site, patience, reveal_profile } = opening;
        let Known { keys, author, .. } = known;
        let keys = Arc::new(keys);
        let here = (Arc::clone(&payload), Arc::clone(&keys));
        let (opened, with, network) = match off_thread(move || open_here(&here.0, &here.1)).await? {
            Ok((opened, with)) => (opened, with, network),
            Err(error) => {
                needs(&payload, error)?;
                let Some(patience) = patience else {
                    return Err(PostError::Closed(DecryptError::NotShared));
                };
                let wanted = Wanted { payload: &payload, iv, network, reveal_profile };
                let (opened, reader, network) = self.look_up(&wanted, &keys, patience).await?;
                (opened, With::Record(reader), Some(network))
            }
        };
        let first_site = first_site(&keys, with).or_else(|| site.clone().filter(|_| with != With::Public));
        let use_of = UseOf { payload: &payload, opened: &opened, keys: &keys, with, iv, digest };
        self.keep_use(&use_of, network, site).await?;
        let writer = writer_of(&keys, &opened, author.key.as_ref()).cloned();
        let readers =
            keys.kept.iter().filter(|kept| kept.key == opened.post_key).find_map(|kept| kept.readers);
        let (text, meta) = parts_of(&opened.message)?;
        Ok(OpenedPost { text, meta, network, author: author.proven(writer), first_site, readers })
    }

    /// Says what it takes to open a post, and asks nobody.
    ///
    /// # Errors
    /// Every [`PostError`] that has to do with reading, but for keys that are not here.
    pub(crate) async fn check(&self, payload: &Arc<Payload>, known: Known) -> Result<Checked, PostError> {
        let Known { keys, author, .. } = known;
        let (payload, keys) = (Arc::clone(payload), Arc::new(keys));
        let here = (Arc::clone(&payload), Arc::clone(&keys));
        let (opened, with) = match off_thread(move || open_here(&here.0, &here.1)).await? {
            Ok(opened) => opened,
            Err(error) => {
                return Ok(Checked { needs: needs(&payload, error)?, author, first_site: None });
            }
        };
        let writer = writer_of(&keys, &opened, author.key.as_ref()).cloned();
        let first_site = first_site(&keys, with);
        Ok(Checked { needs: Needs::Nothing, author: author.proven(writer), first_site })
    }

    /// Looks a record up for one persona after another, and returns the reader by its place.
    async fn look_up(
        &self,
        wanted: &Wanted<'_>,
        keys: &Keys,
        patience: Duration,
    ) -> Result<(Opened, usize, Network), PostError> {
        // Look-ups for several personas show the Gun relays that these are one person's, to whoever can tell that they
        // are for one post. So they are made one after another, those whose contact the author is come first, and the
        // first that finds the key is the last.
        let deadline = Instant::now() + patience;
        let mut failure = None;
        let count = keys.own.len().min(LOOKUP_PERSONAS);
        for (place, own) in keys.own.iter().enumerate().take(count) {
            let left = u32::try_from(count.saturating_sub(place)).unwrap_or(1).max(1);
            let share = deadline.saturating_duration_since(Instant::now()) / left;
            match tokio::time::timeout(share, self.look_up_for(own, wanted, keys)).await {
                Ok(Ok((opened, network))) => return Ok((opened, place, network)),
                Ok(Err(PostError::Closed(DecryptError::NotShared))) => {}
                Ok(Err(error)) => failure = Some(error),
                Err(_) => failure = Some(PostError::TooSlow(patience)),
            }
        }
        Err(match failure {
            Some(error) => error,
            None if keys.own.is_empty() => PostError::NoReader,
            None if keys.own.len() > count => PostError::NotTried(count),
            None => PostError::Closed(DecryptError::NotShared),
        })
    }

    /// Looks for a persona's record in the partitions of the post.
    async fn look_up_for(
        &self,
        own: &Own,
        wanted: &Wanted<'_>,
        keys: &Keys,
    ) -> Result<(Opened, Network), PostError> {
        let guns = self.guns.as_ref().ok_or(PostError::NoRelay)?;
        let way = guns.of(own.persona).map_err(|error| {
            tracing::warn!("There is no way to the Gun relays: {error}.");
            PostError::NoRelay
        })?;
        let reader = own.public;
        let (settings, profiles) = self
            .shared
            .store
            .run(move |tx| -> Result<_, StoreError> {
                let profiles = tx.profiles_of(&reader)?.into_iter().map(|row| row.profile).collect();
                Ok((Settings::load(tx)?, profiles))
            })
            .await?;
        let networks = match wanted.network.filter(|network| *network != Network::Unknown) {
            Some(network) => vec![network],
            // Their posts look alike.
            None => vec![Network::Facebook, Network::Instagram, Network::Minds],
        };
        let partitions = self.partitions(wanted, &networks, own, profiles, settings).await?;
        let lookup = Lookup {
            shared: Arc::clone(&self.shared),
            gun: way.gun,
            payload: Arc::clone(wanted.payload),
            key: own.key.clone(),
            author_key: keys.author,
            iv: wanted.iv,
            settings,
            permits: Arc::clone(&self.lookups),
        };
        look_up(lookup, partitions).await
    }

    /// Where the reader's record may be.
    async fn partitions(
        &self,
        wanted: &Wanted<'_>,
        networks: &[Network],
        own: &Own,
        profiles: Vec<ProfileId>,
        settings: Settings,
    ) -> Result<Vec<Partition>, PostError> {
        let version = wanted.payload.version;
        let kind = match version {
            Version::V37 => TagKind::V37,
            Version::V38 => TagKind::V38,
            Version::V39 => TagKind::V39,
            // Before partitions a record was filed under its reader's profile.
            Version::V40 => {
                let own = profiles
                    .iter()
                    .map(|profile| (profile, Network::from_domain(profile.network())))
                    .filter(|(_, network)| networks.contains(network));
                let nodes: Vec<_> = own
                    .map(|(profile, network)| single_node(&v40_path(&wanted.iv, profile), network))
                    .collect();
                let reveals = !nodes.is_empty() && !wanted.reveal_profile;
                return if reveals { Err(PostError::Reveals) } else { Ok(nodes) };
            }
        };
        let tags = key_tags(&self.shared.store, vec![own.public], kind).await?;
        let post = post_tag(wanted.iv).await?;
        Ok(tags.into_iter().flat_map(|own| partitions(version, networks, post, own, settings)).collect())
    }

    /// Keeps the key of a post, or notes that it was used. A public post holds its own key, so nothing is kept of it.
    async fn keep_use(
        &self,
        used: &UseOf<'_>,
        network: Option<Network>,
        site: Option<String>,
    ) -> Result<(), StoreError> {
        let UseOf { payload, opened, keys, with, iv, digest } = *used;
        let now = self.shared.time.now();
        let (persona, origin) = match with {
            With::Public => return Ok(()),
            With::Kept(place) => match keys.kept.get(place) {
                Some(Kept { row: Some(row), .. }) => {
                    let row = row.clone();
                    let noted =
                        self.shared.store.run(move |tx| tx.used_post_key(&row, digest, site.as_deref(), now));
                    return noted.await;
                }
                kept => (kept.and_then(|kept| kept.persona), KeyOrigin::Found),
            },
            With::Own(place) => (keys.own.get(place).map(|own| own.persona), KeyOrigin::Own),
            With::Record(place) => (keys.own.get(place).map(|own| own.persona), KeyOrigin::Found),
        };
        let row = PostKeyRow {
            persona,
            id: PostIvId { network: network.unwrap_or(Network::Unknown).domain().to_owned(), iv },
            digest: Some(digest),
            key: opened.post_key.clone(),
            author: payload.author.as_ref().ok().cloned().flatten(),
            public: false,
            origin,
            site,
            found_at: now,
        };
        self.shared.store.run(move |tx| tx.put_post_key(&row).map(drop)).await
    }
}

/// What a look-up is for.
struct Wanted<'a> {
    payload: &'a Arc<Payload>,
    iv: PostIv,
    network: Option<Network>,
    reveal_profile: bool,
}

/// What a post was opened with.
#[derive(Clone, Copy)]
struct UseOf<'a> {
    payload: &'a Payload,
    opened: &'a Opened,
    keys: &'a Keys,
    with: With,
    iv: PostIv,
    digest: PostDigest,
}

/// What may still open a post that did not open with what is here.
fn needs(payload: &Payload, error: DecryptError) -> Result<Needs, PostError> {
    match error {
        DecryptError::NotShared if is_for_p256(payload) => Err(PostError::broken(&FieldError::P256)),
        DecryptError::NotShared if payload.version == Version::V40 => Ok(Needs::Profile),
        DecryptError::NotShared => Ok(Needs::Lookup),
        error => Err(PostError::Closed(error)),
    }
}

fn first_site(keys: &Keys, with: With) -> Option<String> {
    let With::Kept(place) = with else { return None };
    keys.kept.get(place)?.row.as_ref()?.site.clone()
}

/// Who certainly wrote what was opened; whom the post names, if several claim it.
fn writer_of<'a>(keys: &'a Keys, opened: &Opened, named: Option<&PersonaKey>) -> Option<&'a Writer> {
    let writers = || {
        let with_key = keys.kept.iter().filter(|kept| kept.key == opened.post_key);
        with_key.filter_map(|kept| kept.writer.as_ref())
    };
    writers().find(|writer| Some(&writer.key) == named).or_else(|| writers().next())
}
