//! Opening posts: with what is here, or else with a record that is looked up.

use std::sync::Arc;
use std::time::Duration;

use bauta_protocol::id::PersonaKey;
use bauta_protocol::mask::partition::v40_path;
use bauta_protocol::mask::{
    DecryptError, FieldError, Network, Opened, Payload, PostIv, PostIvId, ProfileId, SecretKey, Version,
};
use bauta_protocol::time::Timestamp;
use serde_json::{Map, Value};

use super::find::is_for_p256;
use super::lookup::{Lookup, Partition, look_up, partitions, single_node};
use super::profiles::{OtherKey, learn, name_of};
use super::reading::{Keys, Own, open_here, parts_of};
use super::tags::{key_tags, post_tag};
use super::{PostError, Posts, Settings, mask_key, off_thread};
use crate::store::{PostKeyRow, ProfileSource, StoreError, TagKind, Tx};

/// What is known of a post before it is opened.
pub(crate) struct Known {
    pub(crate) keys: Keys,
    /// Where it was opened or written before.
    pub(crate) network: Option<Network>,
    pub(crate) author: KnownAuthor,
}

/// What is known of who wrote a post.
pub(crate) struct KnownAuthor {
    /// What the post shows, or else what is known about the profile.
    pub(crate) key: Option<PersonaKey>,
    /// Whether this home knew the key before, and nothing speaks against it.
    pub(crate) is_known: bool,
    /// The name of the persona or contact whose key it is.
    pub(crate) name: Option<String>,
    pub(crate) warning: Option<OtherKey>,
}

/// A post to open.
pub(crate) struct Opening {
    pub(crate) payload: Arc<Payload>,
    pub(crate) iv: PostIv,
    pub(crate) keys: Keys,
    /// Where the post is, as far as anybody says.
    pub(crate) network: Option<Network>,
    /// The persona in whose partition the key is looked up, where one is certain.
    pub(crate) reader: Option<PersonaKey>,
    /// How long to look for the key; `None` asks nobody.
    pub(crate) patience: Option<Duration>,
}

/// What a post says.
#[derive(Debug)]
pub(crate) struct OpenedPost {
    pub(crate) text: String,
    /// What plugins attached.
    pub(crate) meta: Option<Map<String, Value>>,
    /// Where the post is.
    pub(crate) network: Option<Network>,
}

/// Collects what helps to open a post, and learns the author's key if the post is on the page of the profile that it
/// names.
pub(crate) fn known(
    tx: &Tx<'_>,
    payload: &Payload,
    iv: PostIv,
    page: Option<&ProfileId>,
    now: Timestamp,
) -> Result<Known, PostError> {
    // The name and the key in a post are claims: anybody can copy them into another post. What vouches for a key is the
    // page: whoever can post there under that name is its owner. So only a post whose claimed author is the page's own
    // profile teaches a key, and a key that is known is never replaced by what a post shows.
    let mut own = Vec::new();
    for row in tx.personas()? {
        own.push(Own { key: SecretKey::from(&row.secret), local: tx.recovery(row.id)?.local_key });
    }
    let claimed = payload.author.as_ref().ok().and_then(Option::as_ref);
    let shown = payload.author_key.as_ref().ok().and_then(Option::as_ref).map(PersonaKey::from);
    let warning = match (claimed, shown) {
        (Some(author), Some(key)) if page == Some(author) => {
            learn(tx, author, key, ProfileSource::Seen, now)?
        }
        (Some(author), Some(key)) => tx
            .profile(author)?
            .filter(|known| known.persona != key)
            .map(|known| OtherKey { known, shown: key }),
        _ => None,
    };
    let of_profile = match claimed.or(page) {
        Some(author) => tx.profile(author)?.map(|row| row.persona),
        None => None,
    };
    let key = shown.or(of_profile);
    let name = key.map(|key| name_of(tx, &key)).transpose()?.flatten();
    let stored = tx.post_key_of(iv)?;
    Ok(Known {
        keys: Keys {
            own,
            author: of_profile.map(|key| mask_key(&key)).transpose()?,
            cached: stored.as_ref().map(|stored| stored.key.clone()),
        },
        network: stored
            .map(|stored| Network::from_domain(&stored.id.network))
            .filter(|network| *network != Network::Unknown),
        author: KnownAuthor {
            key,
            is_known: warning.is_none() && key.is_some() && (name.is_some() || key == of_profile),
            name,
            warning,
        },
    })
}

impl Posts {
    /// Opens a post, and stores its key, so that it opens again without a network.
    ///
    /// # Errors
    /// Every [`PostError`] that has to do with reading.
    pub(crate) async fn open(&self, opening: Opening) -> Result<OpenedPost, PostError> {
        let Opening { payload, iv, keys, network, reader, patience } = opening;
        let keys = Arc::new(keys);
        let here = (Arc::clone(&payload), Arc::clone(&keys));
        let (opened, network) = match off_thread(move || open_here(&here.0, &here.1)).await? {
            Ok(opened) => (opened, network),
            Err(DecryptError::NotShared) if is_for_p256(&payload) => {
                return Err(PostError::broken(&FieldError::P256));
            }
            Err(DecryptError::NotShared) if let Some(patience) = patience => {
                let looking = self.look_up(reader, &payload, keys, iv, network);
                let found = tokio::time::timeout(patience, looking).await;
                let (opened, network) = found.map_err(|_| PostError::TooSlow(patience))??;
                (opened, Some(network))
            }
            Err(error) => return Err(PostError::Closed(error)),
        };
        self.keep_key(&payload, &opened, iv, network).await?;
        let (text, meta) = parts_of(&opened.message)?;
        Ok(OpenedPost { text, meta, network })
    }

    /// Looks for the reader's record in the partitions of the post.
    async fn look_up(
        &self,
        reader: Option<PersonaKey>,
        payload: &Arc<Payload>,
        keys: Arc<Keys>,
        iv: PostIv,
        network: Option<Network>,
    ) -> Result<(Opened, Network), PostError> {
        let gun = self.gun.clone().ok_or(PostError::NoRelay)?;
        let reader = reader.ok_or(PostError::NoReader)?;
        let (settings, profiles) = self
            .shared
            .store
            .run(move |tx| -> Result<_, StoreError> {
                let profiles = tx.profiles_of(&reader)?.into_iter().map(|row| row.profile).collect();
                Ok((Settings::load(tx)?, profiles))
            })
            .await?;
        let networks = match network.filter(|network| *network != Network::Unknown) {
            Some(network) => vec![network],
            // Their posts look alike.
            None => vec![Network::Facebook, Network::Instagram, Network::Minds],
        };
        let partitions = self.partitions(payload.version, iv, &networks, reader, profiles, settings).await?;
        let lookup = Lookup {
            shared: Arc::clone(&self.shared),
            gun,
            payload: Arc::clone(payload),
            keys,
            iv,
            settings,
            permits: Arc::clone(&self.lookups),
        };
        look_up(lookup, partitions).await
    }

    /// Where the reader's record may be.
    async fn partitions(
        &self,
        version: Version,
        iv: PostIv,
        networks: &[Network],
        reader: PersonaKey,
        profiles: Vec<ProfileId>,
        settings: Settings,
    ) -> Result<Vec<Partition>, PostError> {
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
                return Ok(own
                    .map(|(profile, network)| single_node(&v40_path(&iv, profile), network))
                    .collect());
            }
        };
        let tags = key_tags(&self.shared.store, vec![reader], kind).await?;
        let post = post_tag(iv).await?;
        Ok(tags.into_iter().flat_map(|own| partitions(version, networks, post, own, settings)).collect())
    }

    /// The post opens again offline.
    async fn keep_key(
        &self,
        payload: &Payload,
        opened: &Opened,
        iv: PostIv,
        network: Option<Network>,
    ) -> Result<(), StoreError> {
        let row = PostKeyRow {
            id: PostIvId { network: network.unwrap_or(Network::Unknown).domain().to_owned(), iv },
            key: opened.post_key.clone(),
            author: payload.author.as_ref().ok().cloned().flatten(),
            public: payload.is_public(),
            found_at: self.shared.time.now(),
        };
        let stored = self.shared.store.run(move |tx| -> Result<_, StoreError> {
            if tx.post_key_of(iv)?.is_none() {
                tx.put_post_key(&row)?;
            }
            Ok(())
        });
        stored.await
    }
}

#[cfg(test)]
mod tests {
    use bauta_protocol::id::{Capability, RelayId};
    use bauta_protocol::mask::{Audience, Draft, TypedMessage, encrypt_v37};
    use bauta_protocol::persona::PersonaSecret;

    use super::*;
    use crate::random;
    use crate::store::{Happened, Store};
    use crate::unlock::MasterKey;

    const NOW: Timestamp = Timestamp(1_790_000_000_000);

    fn alice() -> ProfileId {
        "person:twitter.com/alice".parse().unwrap()
    }

    /// A public post that says it is by Alice, with the key of whoever wrote it.
    fn claim(writer: &SecretKey) -> Payload {
        let (author, key, message) = (alice(), writer.public(), TypedMessage::text("hello"));
        let draft = Draft {
            author: Some(&author),
            author_key: Some(&key),
            message: &message,
            audience: Audience::Public,
        };
        Payload::parse(&encrypt_v37(&draft, &mut random::rng()).unwrap().payload).unwrap()
    }

    fn store(home: &std::path::Path) -> Store {
        Store::open(home, &MasterKey::for_tests([7; 32]), NOW).unwrap()
    }

    async fn read(store: &Store, payload: Payload, page: Option<ProfileId>) -> Known {
        let iv = payload.iv().unwrap();
        store.run(move |tx| known(tx, &payload, iv, page.as_ref(), NOW)).await.unwrap()
    }

    async fn events(store: &Store) -> Vec<Happened> {
        let rows = store.run(|tx| tx.events_after(0, 100)).await.unwrap();
        rows.into_iter().map(|row| row.what).collect()
    }

    #[tokio::test]
    async fn only_the_page_vouches_for_a_key() {
        let home = tempfile::tempdir().unwrap();
        let store = store(home.path());
        let (hers, other) =
            (SecretKey::from_bytes(&[1; 32]).unwrap(), SecretKey::from_bytes(&[2; 32]).unwrap());
        let elsewhere: ProfileId = "person:twitter.com/mallory".parse().unwrap();
        for page in [None, Some(elsewhere)] {
            let author = read(&store, claim(&hers), page).await.author;
            assert_eq!(author.key, Some(PersonaKey::from(&hers.public())));
            assert!(!author.is_known && author.warning.is_none());
        }
        assert!(events(&store).await.is_empty());
        assert!(read(&store, claim(&hers), Some(alice())).await.author.is_known);
        assert!(matches!(events(&store).await.as_slice(), [Happened::ProfileLearned(_)]));
        // From now on another key is a warning, on her page too, and the known one stays.
        for page in [None, Some(alice()), Some(alice())] {
            let known = read(&store, claim(&other), page).await;
            let warning = known.author.warning.unwrap();
            assert_eq!(warning.known.persona, PersonaKey::from(&hers.public()));
            assert_eq!(warning.shown, PersonaKey::from(&other.public()));
            assert!(!known.author.is_known);
            assert_eq!(known.keys.author, Some(hers.public()));
        }
        let changed =
            events(&store).await.into_iter().filter(|what| matches!(what, Happened::ProfileChanged(_)));
        assert_eq!(changed.count(), 1, "it is announced once");
        assert!(read(&store, claim(&hers), None).await.author.is_known);
    }

    #[tokio::test]
    async fn own_personas_and_an_earlier_opening_help() {
        let home = tempfile::tempdir().unwrap();
        let store = store(home.path());
        let (secret, payload) =
            (SecretKey::from_bytes(&[1; 32]).unwrap(), claim(&SecretKey::from_bytes(&[1; 32]).unwrap()));
        let iv = payload.iv().unwrap();
        let fresh = read(&store, payload.clone(), None).await;
        assert!(fresh.keys.own.is_empty() && fresh.keys.cached.is_none() && fresh.network.is_none());
        let row = PostKeyRow {
            id: PostIvId { network: Network::Minds.domain().to_owned(), iv },
            key: bauta_protocol::mask::PostKey::from_bytes(&[3; 32]).unwrap(),
            author: None,
            public: true,
            found_at: NOW,
        };
        store
            .run(move |tx| {
                tx.learn_relay(RelayId([1; 32]), &[])?;
                let inbox = Capability::generate(&mut random::rng());
                tx.add_persona("me", &PersonaSecret::from(&secret), b"", &inbox, RelayId([1; 32]), NOW)?;
                tx.put_post_key(&row)
            })
            .await
            .unwrap();
        let known = read(&store, payload, None).await;
        assert_eq!((known.keys.own.len(), known.network), (1, Some(Network::Minds)));
        assert_eq!(known.keys.cached.unwrap().as_bytes(), [3; 32]);
        assert_eq!(known.author.name.as_deref(), Some("me"));
        assert!(known.author.is_known);
    }
}
