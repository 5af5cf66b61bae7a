//! Opening posts: with what is here, or else with a record that is looked up.

use std::sync::Arc;
use std::time::Duration;

use bauta_ipc::limits::LOOKUP_MS;
use bauta_ipc::{DecryptPost, DecryptedPost, MAX_WAIT_MS, RpcError, codes};
use bauta_protocol::id::PersonaKey;
use bauta_protocol::mask::partition::v40_path;
use bauta_protocol::mask::{
    DecryptError, FieldError, Network, Opened, Payload, PostIv, PostIvId, ProfileId, SecretKey, Version,
};
use bauta_protocol::time::Timestamp;

use crate::node::{Node, names, profile};
use crate::posts::{
    self, Keys, Lookup, Own, Settings, internal, key_tags, mask_key, off_thread, persona_key, shown_network,
};
use crate::store::{PostKeyRow, ProfileSource, StoreError, TagKind, Tx};

/// How long to look for a key when the caller does not say.
const PATIENCE: Duration = Duration::from_millis(LOOKUP_MS);

/// What is known of a post before it is opened.
struct Known {
    keys: Keys,
    /// Where it was opened or written before.
    network: Option<Network>,
    author_key: Option<PersonaKey>,
    author_known: bool,
    author_name: Option<String>,
    warning: Option<RpcError>,
}

impl Node {
    pub(in crate::node) async fn decrypt_post(&self, params: DecryptPost) -> Result<DecryptedPost, RpcError> {
        let now = self.shared.time.now();
        let DecryptPost { persona, text, network, author, offline, timeout_ms } = params;
        let (payload, form) = off_thread(move || posts::find(&text)).await??;
        let payload = Arc::new(payload);
        let iv = payload.iv().map_err(|error| posts::broken(&error))?;
        let claimed = Arc::clone(&payload);
        let page_network =
            network.or_else(|| posts::named_network(&payload).or(form).and_then(shown_network));
        let (known, persona) = self
            .shared
            .store
            .run(move |tx| {
                // A wrong name is told also when it is not needed.
                let persona = persona.map(|name| names::persona(tx, Some(&name))).transpose()?;
                let page = author.map(|text| names::profile(&text, page_network)).transpose()?;
                Ok::<_, RpcError>((known(tx, &claimed, iv, page.as_ref(), now)?, persona.map(|row| row.name)))
            })
            .await?;
        let Known { keys, network: kept, author_key, author_known, author_name, warning } = known;
        let keys = Arc::new(keys);
        let opening = (Arc::clone(&payload), Arc::clone(&keys));
        let tried = off_thread(move || posts::open_here(&opening.0, &opening.1)).await?;
        let stated = network.map(posts::network).or_else(|| posts::named_network(&payload)).or(kept).or(form);
        let (opened, network) = match tried {
            Ok(opened) => (opened, stated),
            Err(DecryptError::NotShared) if posts::is_for_p256(&payload) => {
                return Err(posts::broken(&FieldError::P256));
            }
            Err(DecryptError::NotShared) if !offline => {
                let patience =
                    timeout_ms.map_or(PATIENCE, |wait| Duration::from_millis(wait.min(MAX_WAIT_MS)));
                let looking = self.look_up(persona, &payload, keys, iv, stated);
                let (opened, network) = tokio::time::timeout(patience, looking).await.unwrap_or_else(|_| {
                    let message = format!(
                        "The keys of the post did not arrive within {} seconds, so it is not known whether it is \
                         shared with you.",
                        patience.as_secs()
                    );
                    Err(RpcError::new(&codes::NETWORK_TIMEOUT, message))
                })?;
                (opened, Some(network))
            }
            Err(error) => return Err(posts::unreadable(&error)),
        };
        self.keep_key(&payload, &opened, iv, network).await?;
        let (text, meta) = posts::parts_of(&opened.message)?;
        Ok(DecryptedPost {
            text,
            author: payload.author.as_ref().ok().and_then(Option::as_ref).map(ToString::to_string),
            network: network.and_then(shown_network),
            author_key: author_key.map(|key| key.to_string()),
            author_known,
            author_name,
            public: payload.is_public(),
            meta,
            warning,
        })
    }

    /// Looks for the reader's record in the partitions of the post.
    async fn look_up(
        &self,
        persona: Option<String>,
        payload: &Arc<Payload>,
        keys: Arc<Keys>,
        iv: PostIv,
        network: Option<Network>,
    ) -> Result<(Opened, Network), RpcError> {
        let gun = self.gun().cloned().ok_or_else(|| {
            RpcError::new(
                &codes::GUN_NONE,
                "No Gun relay is set, so the key of the post cannot be looked up.",
            )
        })?;
        let (reader, settings, profiles) = self
            .shared
            .store
            .run(move |tx| {
                let reader = names::persona(tx, persona.as_deref())?.public;
                Ok::<_, RpcError>((reader, Settings::load(tx)?, tx.profiles_of(&reader)?))
            })
            .await?;
        let networks = match network.filter(|network| *network != Network::Unknown) {
            Some(network) => vec![network],
            // Their posts look alike.
            None => vec![Network::Facebook, Network::Instagram, Network::Minds],
        };
        let kind = match payload.version {
            Version::V37 => TagKind::V37,
            Version::V38 => TagKind::V38,
            Version::V39 | Version::V40 => TagKind::V39,
        };
        let places = if payload.version == Version::V40 {
            let own = profiles
                .iter()
                .filter(|row| networks.iter().any(|network| network.domain() == row.profile.network()));
            own.map(|row| {
                let network = Network::from_domain(row.profile.network());
                posts::single_place(&v40_path(&iv, &row.profile), network)
            })
            .collect()
        } else {
            let own = key_tags(&self.shared.store, vec![reader], kind).await?;
            let own = own.first().ok_or_else(|| RpcError::new(&codes::INTERNAL, "A persona has no tag."))?;
            posts::places(payload.version, &networks, posts::post_tag(iv).await?, *own, settings)
        };
        let lookup = Lookup {
            shared: Arc::clone(&self.shared),
            gun,
            payload: Arc::clone(payload),
            keys,
            iv,
            settings,
            permits: Arc::clone(&self.lookups),
        };
        posts::look_up(lookup, places).await
    }

    /// The post opens again offline.
    async fn keep_key(
        &self,
        payload: &Payload,
        opened: &Opened,
        iv: PostIv,
        network: Option<Network>,
    ) -> Result<(), RpcError> {
        let row = PostKeyRow {
            id: PostIvId { network: network.unwrap_or(Network::Unknown).domain().to_owned(), iv },
            key: opened.post_key.clone(),
            author: payload.author.as_ref().ok().cloned().flatten(),
            public: payload.is_public(),
            found_at: self.shared.time.now(),
        };
        let kept = self.shared.store.run(move |tx| -> Result<_, StoreError> {
            if tx.post_key_of(iv)?.is_none() {
                tx.put_post_key(&row)?;
            }
            Ok(())
        });
        Ok(kept.await?)
    }
}

/// Gathers what helps to open a post, and takes the author's key where the page vouches for the name.
fn known(
    tx: &Tx<'_>,
    payload: &Payload,
    iv: PostIv,
    page: Option<&ProfileId>,
    now: Timestamp,
) -> Result<Known, RpcError> {
    let mut own = Vec::new();
    for row in tx.personas()? {
        let key = SecretKey::from_bytes(&row.secret.to_bytes()).map_err(|error| internal(&error))?;
        own.push(Own { key, local: tx.recovery(row.id)?.local_key });
    }
    let claimed = payload.author.as_ref().ok().and_then(Option::as_ref);
    let shown_key = match &payload.author_key {
        Ok(Some(key)) => Some(persona_key(key)?),
        _ => None,
    };
    let warning = match (claimed, shown_key) {
        (Some(author), Some(key)) if page == Some(author) => {
            profile::learn(tx, author, key, ProfileSource::Seen, now)?
        }
        (Some(author), Some(key)) => tx
            .profile(author)?
            .filter(|known| known.persona != key)
            .map(|known| profile::changed(&known, &key)),
        _ => None,
    };
    let of_profile = match claimed.or(page) {
        Some(author) => tx.profile(author)?.map(|row| row.persona),
        None => None,
    };
    let author_key = shown_key.or(of_profile);
    let author_name = author_key.map(|key| profile::name_of(tx, &key)).transpose()?.flatten();
    let kept = tx.post_key_of(iv)?;
    Ok(Known {
        keys: Keys {
            own,
            author: of_profile.map(|key| mask_key(&key)).transpose()?,
            cached: kept.as_ref().map(|kept| kept.key.clone()),
        },
        network: kept
            .map(|kept| Network::from_domain(&kept.id.network))
            .filter(|network| *network != Network::Unknown),
        author_known: warning.is_none()
            && author_key.is_some()
            && (author_name.is_some() || author_key == of_profile),
        author_key,
        author_name,
        warning,
    })
}
