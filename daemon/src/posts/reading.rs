//! Opening posts with keys and records, and taking messages apart. Nothing is asked of anybody here.

use bauta_protocol::id::PersonaKey;
use bauta_protocol::mask::{
    DecryptError, LocalKey, Opened, Payload, PostKey, PublicKey, Reader, Record, SecretKey, TypedMessage,
    Version, Via, decrypt,
};
use serde_json::{Map, Value};

use super::PostError;
use crate::store::{PersonaId, PostKeyRow};

/// A persona that may read.
pub(crate) struct Own {
    pub(crate) persona: PersonaId,
    pub(crate) public: PersonaKey,
    pub(crate) key: SecretKey,
    pub(crate) local: Option<LocalKey>,
}

/// A key of the store that may open a post.
pub(crate) struct Kept {
    pub(crate) key: PostKey,
    /// Where it is kept; `None` where a contact sent it and it was not used yet.
    pub(crate) row: Option<PostKeyRow>,
    /// Whose post it may open; `None` from a backup.
    pub(crate) persona: Option<PersonaId>,
    /// Who wrote what it opens, where that is certain.
    pub(crate) writer: Option<Writer>,
    /// How many can read a post that was written here, besides its author.
    pub(crate) readers: Option<u64>,
}

/// Who certainly wrote a post.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Writer {
    pub(crate) key: PersonaKey,
    /// The name of the persona or contact.
    pub(crate) name: Option<String>,
}

/// What this home has to open a post with.
pub(crate) struct Keys {
    /// Those most likely to be meant come first.
    pub(crate) own: Vec<Own>,
    /// The author's key, as known from the profile.
    pub(crate) author: Option<PublicKey>,
    /// Keys of the post, from when it was opened before or from contacts.
    pub(crate) kept: Vec<Kept>,
}

/// What a post was opened with.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum With {
    /// One of [`Keys::kept`], by its place.
    Kept(usize),
    /// The copy for its author, who is one of [`Keys::own`].
    Own(usize),
    /// A record for one of [`Keys::own`].
    Record(usize),
    /// What the post itself says to everybody.
    Public,
}

/// Opens a post without asking anybody. Uses the processor for a few milliseconds for each persona.
///
/// # Errors
/// [`DecryptError::NotShared`] means that only records may help.
pub(super) fn open_here(payload: &Payload, keys: &Keys) -> Result<(Opened, With), DecryptError> {
    for (place, kept) in keys.kept.iter().enumerate() {
        match here(payload, &Reader { cached: Some(&kept.key), ..Reader::default() }) {
            Ok(opened) if opened.via == Via::Cache => return Ok((opened, With::Kept(place))),
            Err(error @ DecryptError::Message(_)) => return Err(error),
            // Another post under the same IV, or a wrong key of a contact's.
            Ok(_) | Err(_) => {}
        }
    }
    if payload.is_public() || keys.own.is_empty() {
        let author_key = keys.author.as_ref();
        return Ok((here(payload, &Reader { author_key, ..Reader::default() })?, With::Public));
    }
    let mut refusal = DecryptError::NotShared;
    for (place, own) in keys.own.iter().enumerate() {
        match open_own(payload, own, keys.author.as_ref()) {
            Ok(opened) => return Ok((opened, With::Own(place))),
            Err(DecryptError::NotShared) => {}
            Err(error @ (DecryptError::Damaged | DecryptError::Message(_))) => return Err(error),
            // Another persona may have written it, but if none did, this is what to say.
            Err(error) => refusal = error,
        }
    }
    Err(refusal)
}

fn here(payload: &Payload, reader: &Reader<'_>) -> Result<Opened, DecryptError> {
    decrypt(payload, reader, std::iter::empty::<&Record>())
}

/// Opens a post that this persona wrote.
fn open_own(payload: &Payload, own: &Own, author_key: Option<&PublicKey>) -> Result<Opened, DecryptError> {
    // Version -37 carries the author's own copy under the persona's key. Older versions seal it with the local key, which
    // only a persona with recovery words has, and without it, trying does not show whether the author or a stranger asks.
    // So the local key is tried, and where the post names this persona and it does not fit, the error says that the
    // author's key is missing and not that the post is shared with others.
    let keys = std::slice::from_ref(&own.key);
    let reader = Reader { keys, author_key, ..Reader::default() };
    if payload.version == Version::V37 {
        return here(payload, &reader);
    }
    if let Some(local) = &own.local {
        match here(payload, &Reader { local_key: Some(local), ..reader }) {
            Err(DecryptError::NotAuthor) => {}
            other => return other,
        }
    }
    let is_named = payload.author_key.as_ref().ok().and_then(Option::as_ref) == Some(&own.key.public());
    here(payload, &reader).map_err(|error| match error {
        DecryptError::NotShared if is_named => DecryptError::NotAuthor,
        other => other,
    })
}

/// Opens a post with one of these records for a persona. Uses the processor for some milliseconds.
///
/// # Errors
/// [`DecryptError::NotShared`] means that others may help.
pub(super) fn open_with(
    payload: &Payload,
    key: &SecretKey,
    author_key: Option<&PublicKey>,
    records: &[Record],
) -> Result<Opened, DecryptError> {
    let reader = Reader { keys: std::slice::from_ref(key), author_key, ..Reader::default() };
    decrypt(payload, &reader, records)
}

/// The words of a message, and what plugins attached.
///
/// # Errors
/// [`PostError::UnknownMessage`] for a kind of message that nobody here knows.
pub(super) fn parts_of(message: &TypedMessage) -> Result<(String, Option<Map<String, Value>>), PostError> {
    let meta = message.meta().filter(|meta| !meta.is_empty()).and_then(|meta| meta.to_json());
    let meta = meta.and_then(|json| serde_json::from_str(&json).ok());
    let mut words = Vec::new();
    collect(message, &mut words);
    if words.is_empty() && matches!(message, TypedMessage::Unknown(_)) {
        return Err(PostError::UnknownMessage);
    }
    Ok((words.join("\n"), meta))
}

fn collect<'a>(message: &'a TypedMessage, words: &mut Vec<&'a str>) {
    match message {
        TypedMessage::Text { content, .. } => words.push(content),
        TypedMessage::Tuple { items, .. } => items.iter().for_each(|item| collect(item, words)),
        TypedMessage::Unknown(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use bauta_protocol::mask::{
        Audience, AuthorSecrets, Draft, Meta, Persona, encrypt_v37, encrypt_v38, limits,
    };

    use super::*;
    use crate::random;

    struct Written {
        payload: Payload,
        key: PostKey,
        records: Vec<Record>,
    }

    /// A post for `reader`, in the newest format or the one before.
    fn written(version: Version, author: &Persona, reader: &SecretKey) -> Written {
        let (message, keys) = (TypedMessage::text("hello"), [reader.public()]);
        let public = author.key.public();
        let draft = Draft {
            author: None,
            author_key: Some(&public),
            message: &message,
            audience: Audience::Recipients(&keys),
        };
        let local = author.local_key.as_ref().unwrap();
        let post = match version {
            Version::V37 => encrypt_v37(&draft, &mut random::rng()),
            _ => encrypt_v38(&draft, Some(AuthorSecrets { key: &author.key, local }), &mut random::rng()),
        };
        let post = post.unwrap();
        let records = post.records.into_iter().map(|addressed| addressed.record).collect();
        Written { payload: Payload::parse(&post.payload).unwrap(), key: post.post_key, records }
    }

    fn secret(byte: u8) -> SecretKey {
        SecretKey::from_bytes(&[byte; 32]).unwrap()
    }

    fn keys(own: &[(&SecretKey, Option<&LocalKey>)]) -> Keys {
        let own = own.iter().map(|(key, local)| Own {
            persona: PersonaId::from(1),
            public: PersonaKey::from(&key.public()),
            key: (*key).clone(),
            local: local.cloned(),
        });
        Keys { own: own.collect(), author: None, kept: Vec::new() }
    }

    fn kept(key: &PostKey) -> Kept {
        Kept { key: key.clone(), row: None, persona: None, writer: None, readers: None }
    }

    fn words(opened: &Opened) -> String {
        parts_of(&opened.message).unwrap().0
    }

    #[test]
    fn an_author_opens_without_records() {
        let (author, reader) = (Persona::generate(&mut random::rng()).unwrap(), secret(7));
        let others = secret(8);
        for version in [Version::V37, Version::V38] {
            let post = written(version, &author, &reader);
            // Among other personas, of which one has a local key too.
            let other = LocalKey::from_bytes(&[9; 32]);
            let own = keys(&[(&others, Some(&other)), (&author.key, author.local_key.as_ref())]);
            let (opened, with) = open_here(&post.payload, &own).unwrap();
            assert_eq!((words(&opened).as_str(), with), ("hello", With::Own(1)), "{version:?}");
        }
        let old = written(Version::V38, &author, &reader);
        let wordless = open_here(&old.payload, &keys(&[(&author.key, None)]));
        assert_eq!(wordless.unwrap_err(), DecryptError::NotAuthor);
    }

    #[test]
    fn a_reader_needs_a_record_once() {
        let (author, reader) = (Persona::generate(&mut random::rng()).unwrap(), secret(7));
        for version in [Version::V37, Version::V38] {
            let post = written(version, &author, &reader);
            let mut own = keys(&[(&secret(8), None), (&reader, None)]);
            let unopened = open_here(&post.payload, &own).unwrap_err();
            assert_eq!(unopened, DecryptError::NotShared, "{version:?}");
            let refused = open_with(&post.payload, &secret(8), None, &post.records).unwrap_err();
            assert_eq!(refused, DecryptError::NotShared, "{version:?}");
            let opened = open_with(&post.payload, &reader, None, &post.records).unwrap();
            assert_eq!(words(&opened), "hello", "{version:?}");
            // A wrong key before the right one does not matter.
            own.kept = vec![kept(&PostKey::generate(&mut random::rng())), kept(&post.key)];
            let (opened, with) = open_here(&post.payload, &own).unwrap();
            assert_eq!((words(&opened).as_str(), with), ("hello", With::Kept(1)), "{version:?}");
            own.own.clear();
            assert!(open_here(&post.payload, &own).is_ok(), "a key that is kept needs no persona");
        }
    }

    #[test]
    fn a_flood_of_records_ends() {
        let (author, reader) = (Persona::generate(&mut random::rng()).unwrap(), secret(7));
        let post = written(Version::V37, &author, &secret(8));
        let foreign = vec![post.records[0].clone(); limits::MAX_RECORDS + 1];
        let refused = open_with(&post.payload, &reader, None, &foreign).unwrap_err();
        assert_eq!(refused, DecryptError::TooManyRecords);
    }

    #[test]
    fn a_message_is_words_and_what_plugins_attached() {
        let text = |words: &str| TypedMessage::text(words);
        let meta = Meta::from_json(r#"{"plugin": [1, "two"]}"#).unwrap();
        let several = TypedMessage::Tuple {
            items: vec![text("one"), TypedMessage::Unknown(Vec::new()), text("two")],
            meta: meta.clone(),
        };
        let (words, attached) = parts_of(&several).unwrap();
        assert_eq!(words, "one\ntwo");
        assert_eq!(serde_json::to_string(&attached.unwrap()).unwrap(), r#"{"plugin":[1,"two"]}"#);
        assert_eq!(parts_of(&text("")).unwrap(), (String::new(), None));
        let unknown = parts_of(&TypedMessage::Unknown(Vec::new()));
        assert!(matches!(unknown, Err(PostError::UnknownMessage)));
    }
}
