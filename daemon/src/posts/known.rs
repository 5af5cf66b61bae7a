//! What is known of a post before it is opened: keys, and whom it names.

use bauta_protocol::id::PersonaKey;
use bauta_protocol::mask::{Network, Payload, PostDigest, PostIv, ProfileId, SecretKey};
use bauta_protocol::time::Timestamp;

use super::profiles::{OtherKey, learn, name_of};
use super::reading::{Kept, Keys, Own, Writer};
use super::{PostError, mask_key};
use crate::store::{KeyOrigin, PersonaRow, ProfileRow, ProfileSource, StoreError, Tx};

/// The personas for whom a post is opened.
pub(crate) struct Readers {
    pub(crate) personas: Vec<PersonaRow>,
    /// Whoever asks may know of no others in this home.
    pub(crate) is_limited: bool,
}

impl Readers {
    /// Whether they include a persona.
    pub(crate) fn has(&self, persona: crate::store::PersonaId) -> bool {
        self.personas.iter().any(|row| row.id == persona)
    }

    /// The key of a profile, unless it is that of a persona that they must not learn of.
    fn profile(&self, tx: &Tx<'_>, id: &ProfileId) -> Result<Option<ProfileRow>, StoreError> {
        let Some(row) = tx.profile(id)? else { return Ok(None) };
        Ok(if self.hides(tx, &row.persona)? { None } else { Some(row) })
    }

    fn hides(&self, tx: &Tx<'_>, key: &PersonaKey) -> Result<bool, StoreError> {
        Ok(self.is_limited && tx.persona_of(key)?.is_some_and(|persona| !self.has(persona.id)))
    }

    /// Whose key it is: the name of a persona, or of a contact of one.
    fn name_of(&self, tx: &Tx<'_>, key: &PersonaKey) -> Result<Option<String>, StoreError> {
        if self.is_limited { name_of(tx, key, &self.personas) } else { name_of(tx, key, &tx.personas()?) }
    }
}

/// What is known of a post before it is opened.
pub(crate) struct Known {
    pub(crate) keys: Keys,
    /// Where it was opened or written before.
    pub(crate) network: Option<Network>,
    pub(crate) author: KnownAuthor,
}

/// What is known of who wrote a post.
#[derive(Debug)]
pub(crate) struct KnownAuthor {
    /// What the post shows, or else what is known about the profile.
    pub(crate) key: Option<PersonaKey>,
    /// Whether this home knew the key before, and nothing speaks against it.
    pub(crate) is_known: bool,
    /// Whether it is certain that the owner of the key wrote it.
    pub(crate) is_proven: bool,
    /// The name of the persona or contact whose key it is.
    pub(crate) name: Option<String>,
    pub(crate) warning: Option<OtherKey>,
}

impl KnownAuthor {
    /// With who certainly wrote it, where anybody is known to have.
    pub(super) fn proven(self, writer: Option<Writer>) -> Self {
        match (self.key, writer) {
            (Some(key), Some(writer)) => Self { is_proven: key == writer.key, ..self },
            (None, Some(Writer { key, name })) => {
                Self { key: Some(key), is_known: true, is_proven: true, name, ..self }
            }
            (_, None) => self,
        }
    }
}

/// A post as a page shows it.
pub(crate) struct Shown<'a> {
    pub(crate) payload: &'a Payload,
    pub(crate) iv: PostIv,
    pub(crate) digest: PostDigest,
    /// The profile whose page it is.
    pub(crate) page: Option<&'a ProfileId>,
    /// Whether that page may teach a key.
    pub(crate) learns: bool,
}

/// Collects what helps to open a post, and learns the author's key if the post is on the page of the profile that it
/// names.
pub(crate) fn known(
    tx: &Tx<'_>,
    post: &Shown<'_>,
    readers: &Readers,
    now: Timestamp,
) -> Result<Known, PostError> {
    // The name and the key in a post are claims: anybody can copy them into another post. What vouches for a key is the
    // page: whoever can post there under that name is its owner. So only a post whose claimed author is the page's own
    // profile teaches a key, and a key that is known is never replaced by what a post shows.
    let claimed = post.payload.author.as_ref().ok().and_then(Option::as_ref);
    let shown = post.payload.author_key.as_ref().ok().and_then(Option::as_ref).map(PersonaKey::from);
    let warning = match (claimed, shown) {
        (Some(author), Some(key)) if post.page == Some(author) && post.learns => {
            learn(tx, author, key, ProfileSource::Seen, now)?
        }
        (Some(author), Some(key)) => tx
            .profile(author)?
            .filter(|known| known.persona != key)
            .map(|known| OtherKey { known, shown: key }),
        _ => None,
    };
    let warning = match warning {
        Some(other) if readers.hides(tx, &other.known.persona)? => None,
        other => other,
    };
    let of_profile = match claimed.or(post.page) {
        Some(author) => readers.profile(tx, author)?.map(|row| row.persona),
        None => None,
    };
    let key = shown.or(of_profile);
    let name = key.map(|key| readers.name_of(tx, &key)).transpose()?.flatten();
    let kept = kept(tx, post, readers)?;
    let network = kept.iter().filter_map(|kept| kept.row.as_ref());
    let network =
        network.map(|row| Network::from_domain(&row.id.network)).find(|network| *network != Network::Unknown);
    Ok(Known {
        keys: Keys {
            own: own(tx, readers, key.as_ref())?,
            author: of_profile.map(|key| mask_key(&key)).transpose()?,
            kept,
        },
        network,
        author: KnownAuthor {
            key,
            is_known: warning.is_none() && key.is_some() && (name.is_some() || key == of_profile),
            is_proven: false,
            name,
            warning,
        },
    })
}

/// The readers' secrets; those who know the author come first.
fn own(tx: &Tx<'_>, readers: &Readers, author: Option<&PersonaKey>) -> Result<Vec<Own>, StoreError> {
    let (mut known, mut others) = (Vec::new(), Vec::new());
    for row in &readers.personas {
        let knows = match author {
            Some(author) => row.public == *author || tx.contact_of(row.id, author)?.is_some(),
            None => false,
        };
        let own = Own {
            persona: row.id,
            public: row.public,
            key: SecretKey::from(&row.secret),
            local: tx.recovery(row.id)?.local_key,
        };
        if knows { known.push(own) } else { others.push(own) }
    }
    known.append(&mut others);
    Ok(known)
}

/// Keys of the post that the readers may use.
fn kept(tx: &Tx<'_>, post: &Shown<'_>, readers: &Readers) -> Result<Vec<Kept>, StoreError> {
    let mut kept = Vec::new();
    for row in tx.post_keys_of(post.iv, post.digest)? {
        let persona = match row.persona {
            Some(persona) => match readers.personas.iter().find(|reader| reader.id == persona) {
                Some(reader) => Some(reader),
                None => continue,
            },
            None if readers.is_limited => continue,
            None => None,
        };
        // A key from a backup is not bound to what its owner wrote.
        let is_own = row.origin == KeyOrigin::Written && row.digest == Some(post.digest);
        let writer = persona
            .filter(|_| is_own)
            .map(|reader| Writer { key: reader.public, name: Some(reader.name.clone()) });
        let readers = if is_own { Some(tx.count_post_readers(&row)?) } else { None };
        kept.push(Kept { key: row.key.clone(), persona: row.persona, row: Some(row), writer, readers });
    }
    for received in tx.received_keys(post.iv, post.digest)? {
        if readers.has(received.persona) {
            let name = readers.name_of(tx, &received.sender)?;
            let writer = Some(Writer { key: received.sender, name });
            let persona = Some(received.persona);
            kept.push(Kept { key: received.key, row: None, persona, writer, readers: None });
        }
    }
    Ok(kept)
}

#[cfg(test)]
mod tests {
    use bauta_protocol::id::{Capability, RelayId};
    use bauta_protocol::mask::{Audience, Draft, PostIvId, PostKey, TypedMessage, encrypt_v37};
    use bauta_protocol::persona::PersonaSecret;

    use super::*;
    use crate::random;
    use crate::store::{ContactState, Happened, NewContact, PersonaId, PostKeyRow, Store};
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
        read_for(store, payload, page, None).await
    }

    /// For these personas only, or for all.
    async fn read_for(
        store: &Store,
        payload: Payload,
        page: Option<ProfileId>,
        only: Option<Vec<PersonaId>>,
    ) -> Known {
        let (iv, digest) = (payload.iv().unwrap(), payload.digest().unwrap());
        store
            .run(move |tx| {
                let mut personas = tx.personas()?;
                personas.retain(|row| only.as_ref().is_none_or(|only| only.contains(&row.id)));
                let readers = Readers { personas, is_limited: only.is_some() };
                let post = Shown { payload: &payload, iv, digest, page: page.as_ref(), learns: true };
                known(tx, &post, &readers, NOW)
            })
            .await
            .unwrap()
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

    async fn add_persona(store: &Store, name: &'static str, secret: &SecretKey) -> PersonaId {
        let secret = secret.clone();
        let added = store.run(move |tx| {
            tx.name_relay(RelayId([1; 32]))?;
            let inbox = Capability::generate(&mut random::rng());
            tx.add_persona(name, &PersonaSecret::from(&secret), b"", &inbox, RelayId([1; 32]), NOW)
        });
        added.await.unwrap()
    }

    fn secret(byte: u8) -> SecretKey {
        SecretKey::from_bytes(&[byte; 32]).unwrap()
    }

    fn kept_row(payload: &Payload, persona: Option<PersonaId>, origin: KeyOrigin) -> PostKeyRow {
        PostKeyRow {
            persona,
            id: PostIvId { network: Network::Minds.domain().to_owned(), iv: payload.iv().unwrap() },
            digest: Some(payload.digest().unwrap()),
            key: PostKey::from_bytes(&[3; 32]).unwrap(),
            author: None,
            public: false,
            origin,
            site: None,
            found_at: NOW,
        }
    }

    #[tokio::test]
    async fn own_personas_and_an_earlier_opening_help() {
        let home = tempfile::tempdir().unwrap();
        let store = store(home.path());
        let payload = claim(&secret(1));
        let fresh = read(&store, payload.clone(), None).await;
        assert!(fresh.keys.own.is_empty() && fresh.keys.kept.is_empty() && fresh.network.is_none());
        let me = add_persona(&store, "me", &secret(1)).await;
        let row = kept_row(&payload, Some(me), KeyOrigin::Found);
        store.run(move |tx| tx.put_post_key(&row)).await.unwrap();
        let known = read(&store, payload, None).await;
        assert_eq!((known.keys.own.len(), known.network), (1, Some(Network::Minds)));
        assert_eq!(known.keys.kept[0].key.as_bytes(), [3; 32]);
        assert!(known.keys.kept[0].writer.is_none(), "what was found proves nothing");
        assert_eq!(known.author.name.as_deref(), Some("me"));
        assert!(known.author.is_known && !known.author.is_proven);
    }

    #[tokio::test]
    async fn each_reader_has_keys_of_their_own_and_those_of_no_other() {
        let home = tempfile::tempdir().unwrap();
        let store = store(home.path());
        let (author, payload) = (PersonaKey::from(&secret(1).public()), claim(&secret(1)));
        let ann = add_persona(&store, "ann", &secret(2)).await;
        let bea = add_persona(&store, "bea", &secret(3)).await;
        let rows = [
            kept_row(&payload, Some(ann), KeyOrigin::Written),
            kept_row(&payload, Some(bea), KeyOrigin::Own),
            PostKeyRow { digest: None, ..kept_row(&payload, None, KeyOrigin::Imported) },
        ];
        let post = (payload.iv().unwrap(), payload.digest().unwrap());
        let filled = store.run(move |tx| -> Result<(), StoreError> {
            for row in &rows {
                tx.put_post_key(row)?;
            }
            let new = NewContact {
                persona: bea,
                name: "alice",
                public: Some(author),
                state: ContactState::Active,
                relay: None,
            };
            let contact = tx.add_contact(&new, NOW)?;
            tx.put_received_key(contact, post, &PostKey::from_bytes(&[4; 32]).unwrap(), NOW)
        });
        filled.await.unwrap();
        let writers = |known: &Known| {
            let name = |kept: &Kept| kept.writer.as_ref().and_then(|writer| writer.name.clone());
            known.keys.kept.iter().map(name).collect::<Vec<_>>()
        };
        let all = read(&store, payload.clone(), None).await;
        assert_eq!(writers(&all), [Some("ann".into()), None, None, Some("alice".into())]);
        assert_eq!(all.keys.own[0].persona, bea, "she knows the author");
        let anns = read_for(&store, payload.clone(), None, Some(vec![ann])).await;
        assert_eq!(writers(&anns), [Some("ann".to_owned())]);
        assert!(anns.author.name.is_none() && !anns.author.is_known);
        let beas = read_for(&store, payload.clone(), None, Some(vec![bea])).await;
        assert_eq!(writers(&beas), [None, Some("alice".to_owned())]);
        assert!(beas.author.is_known);
        let nobodys = read_for(&store, payload, None, Some(Vec::new())).await;
        assert!(nobodys.keys.kept.is_empty() && nobodys.keys.own.is_empty());
    }

    #[tokio::test]
    async fn a_profile_of_a_persona_that_is_not_named_stays_hidden() {
        let home = tempfile::tempdir().unwrap();
        let store = store(home.path());
        let ann = add_persona(&store, "ann", &secret(1)).await;
        let bea = add_persona(&store, "bea", &secret(2)).await;
        assert!(read(&store, claim(&secret(1)), Some(alice())).await.author.is_known);
        let seen = read_for(&store, claim(&secret(1)), None, Some(vec![bea])).await.author;
        assert!(!seen.is_known && seen.name.is_none());
        let other = read_for(&store, claim(&secret(3)), None, Some(vec![bea])).await.author;
        assert!(other.warning.is_none(), "the warning would show ann's key");
        let own = read_for(&store, claim(&secret(3)), None, Some(vec![ann])).await.author;
        assert!(own.warning.is_some());
    }
}
