//! Opening posts with keys and records, and taking messages apart. Nothing is asked of anybody here.

use bauta_protocol::mask::{
    DecryptError, LocalKey, Opened, Payload, PostKey, PublicKey, Reader, Record, SecretKey, TypedMessage,
    Version, decrypt,
};
use serde_json::{Map, Value};

use super::PostError;

/// A persona of this home.
pub(crate) struct Own {
    pub(crate) key: SecretKey,
    pub(crate) local: Option<LocalKey>,
}

/// What this home has to open a post with.
pub(crate) struct Keys {
    pub(crate) own: Vec<Own>,
    /// The author's key, as known from the profile.
    pub(crate) author: Option<PublicKey>,
    /// The post's key, if it was opened before.
    pub(crate) cached: Option<PostKey>,
}

impl Keys {
    fn secrets(&self) -> Vec<SecretKey> {
        self.own.iter().map(|own| own.key.clone()).collect()
    }

    fn reader<'a>(&'a self, secrets: &'a [SecretKey]) -> Reader<'a> {
        Reader {
            keys: secrets,
            local_key: None,
            author_key: self.author.as_ref(),
            cached: self.cached.as_ref(),
        }
    }
}

/// Opens a post without asking anybody. Uses the processor for a few milliseconds.
///
/// # Errors
/// [`DecryptError::NotShared`] means that only records may help.
pub(super) fn open_here(payload: &Payload, keys: &Keys) -> Result<Opened, DecryptError> {
    // Version -37 carries the author's own copy under the persona's key. Older versions seal it with the local key, which
    // only a persona with recovery words has, and without it, trying does not show whether the author or a stranger asks. So each
    // persona's local key is tried, and where the post names one of ours and none of them fits, the error says that the
    // author's key is missing and not that the post is shared with others.
    let secrets = keys.secrets();
    let reader = keys.reader(&secrets);
    let here = |reader: &Reader<'_>| decrypt(payload, reader, std::iter::empty::<&Record>());
    if payload.version == Version::V37 {
        return here(&reader);
    }
    for local in keys.own.iter().filter_map(|own| own.local.as_ref()) {
        match here(&Reader { local_key: Some(local), ..reader }) {
            Ok(opened) => return Ok(opened),
            Err(error @ (DecryptError::Damaged | DecryptError::Message(_))) => return Err(error),
            // Another persona of this home may have written it, or somebody else.
            Err(_) => {}
        }
    }
    let named = payload.author_key.as_ref().ok().and_then(Option::as_ref);
    let is_own = keys.own.iter().any(|own| named == Some(&own.key.public()));
    here(&reader).map_err(|error| match error {
        DecryptError::NotShared if is_own => DecryptError::NotAuthor,
        other => other,
    })
}

/// Opens a post with one of these records. Uses the processor for some milliseconds.
///
/// # Errors
/// [`DecryptError::NotShared`] means that others may help.
pub(super) fn open_with(payload: &Payload, keys: &Keys, records: &[Record]) -> Result<Opened, DecryptError> {
    let secrets = keys.secrets();
    decrypt(payload, &keys.reader(&secrets), records)
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
        let own = own.iter().map(|(key, local)| Own { key: (*key).clone(), local: local.cloned() }).collect();
        Keys { own, author: None, cached: None }
    }

    fn words(opened: Result<Opened, DecryptError>) -> String {
        parts_of(&opened.unwrap().message).unwrap().0
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
            assert_eq!(words(open_here(&post.payload, &own)), "hello", "{version:?}");
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
            let stranger = keys(&[(&secret(8), None)]);
            let refused = open_with(&post.payload, &stranger, &post.records).unwrap_err();
            assert_eq!(refused, DecryptError::NotShared, "{version:?}");
            assert_eq!(words(open_with(&post.payload, &own, &post.records)), "hello", "{version:?}");
            own.cached = Some(post.key);
            assert_eq!(words(open_here(&post.payload, &own)), "hello", "{version:?}");
        }
    }

    #[test]
    fn a_flood_of_records_ends() {
        let (author, reader) = (Persona::generate(&mut random::rng()).unwrap(), secret(7));
        let post = written(Version::V37, &author, &secret(8));
        let foreign = vec![post.records[0].clone(); limits::MAX_RECORDS + 1];
        let refused = open_with(&post.payload, &keys(&[(&reader, None)]), &foreign).unwrap_err();
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
