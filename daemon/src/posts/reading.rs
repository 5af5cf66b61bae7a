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

/// Opens a post without asking anybody. Takes the processor for a few milliseconds.
///
/// # Errors
/// [`DecryptError::NotShared`] means that only records may help.
pub(super) fn open_here(payload: &Payload, keys: &Keys) -> Result<Opened, DecryptError> {
    // Version -37 carries the author's own copy under the persona's key. Older versions seal it with the local key, which
    // only a persona with recovery words has, and whoever lacks it cannot be told from a stranger by trying. So each
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

/// Opens a post with one of these records. Takes the processor for some milliseconds.
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
