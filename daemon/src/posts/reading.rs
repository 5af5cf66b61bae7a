//! Opening posts with what is on this machine, and saying why one does not open.

use bauta_ipc::{RpcError, codes};
use bauta_protocol::error::{HasKind, Kind};
use bauta_protocol::mask::{
    DecryptError, Encryption, FieldError, LocalKey, Network, Opened, ParseError, Payload, PostKey, PublicKey,
    Reader, Record, SecretKey, TypedMessage, Version, find_in_text,
};
use serde_json::{Map, Value};

/// The first post of a text that can be taken apart, and the network that its form shows.
///
/// # Errors
/// `post.none`, `post.damaged`, `post.version`, `post.text`.
pub(crate) fn find(text: &str) -> Result<(Payload, Option<Network>), RpcError> {
    let mut refusal = None;
    for (form, network) in [(Network::Twitter, Some(Network::Twitter)), (Network::Unknown, None)] {
        for wire in find_in_text(form, text) {
            match Payload::parse(&wire) {
                Ok(payload) => return Ok((payload, network)),
                Err(error) => {
                    refusal.get_or_insert(error);
                }
            }
        }
    }
    Err(match refusal {
        Some(ParseError::UnknownVersion) => RpcError::of(&codes::POST_VERSION, &ParseError::UnknownVersion),
        Some(ParseError::TooLarge) => RpcError::of(&codes::POST_TEXT, &ParseError::TooLarge),
        Some(error) => RpcError::of(&codes::POST_DAMAGED, &error),
        None if text.contains('\u{1f3bc}') || text.contains("PostData_v") => {
            RpcError::new(&codes::POST_DAMAGED, "The post was cut off, or damaged on the way.")
        }
        None => RpcError::new(&codes::POST_NONE, "The text contains no post of Mask."),
    })
}

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

/// Opens a post without asking anybody. Takes the processor for a few milliseconds.
///
/// # Errors
/// [`DecryptError::NotShared`] means that only records may help.
pub(crate) fn open_here(payload: &Payload, keys: &Keys) -> Result<Opened, DecryptError> {
    let named = payload.author_key.as_ref().ok().and_then(Option::as_ref);
    let secrets: Vec<SecretKey> = keys.own.iter().map(|own| own.key.clone()).collect();
    let reader = Reader {
        keys: &secrets,
        local_key: None,
        author_key: keys.author.as_ref(),
        cached: keys.cached.as_ref(),
    };
    if payload.version != Version::V37 {
        for own in &keys.own {
            let Some(local) = &own.local else { continue };
            match decrypt(payload, &Reader { local_key: Some(local), ..reader }) {
                Ok(opened) => return Ok(opened),
                Err(error @ (DecryptError::Damaged | DecryptError::Message(_))) => return Err(error),
                // Another persona of this home may have written it, or somebody else.
                Err(_) => {}
            }
        }
        if keys.own.iter().any(|own| named == Some(&own.key.public())) {
            // Fails only where the cache does not help.
            return decrypt(payload, &reader).map_err(|error| match error {
                DecryptError::NotShared => DecryptError::NotAuthor,
                other => other,
            });
        }
    }
    decrypt(payload, &reader)
}

fn decrypt(payload: &Payload, reader: &Reader<'_>) -> Result<Opened, DecryptError> {
    bauta_protocol::mask::decrypt(payload, reader, std::iter::empty::<&Record>())
}

/// Opens a post with one of these records. Takes the processor for some milliseconds.
///
/// # Errors
/// [`DecryptError::NotShared`] means that others may help.
pub(crate) fn open_with(payload: &Payload, keys: &Keys, records: &[Record]) -> Result<Opened, DecryptError> {
    let secrets: Vec<SecretKey> = keys.own.iter().map(|own| own.key.clone()).collect();
    let reader = Reader {
        keys: &secrets,
        local_key: None,
        author_key: keys.author.as_ref(),
        cached: keys.cached.as_ref(),
    };
    bauta_protocol::mask::decrypt(payload, &reader, records)
}

/// The words of a message, and what plugins attached.
///
/// # Errors
/// `post.version` for a kind of message that nobody here knows.
pub(crate) fn parts_of(message: &TypedMessage) -> Result<(String, Option<Map<String, Value>>), RpcError> {
    let meta = message.meta().filter(|meta| !meta.is_empty()).and_then(|meta| meta.to_json());
    let meta = meta.and_then(|json| serde_json::from_str(&json).ok());
    let mut words = Vec::new();
    collect(message, &mut words);
    if words.is_empty() && matches!(message, TypedMessage::Unknown(_)) {
        return Err(RpcError::new(
            &codes::POST_VERSION,
            "The post was opened, but holds a kind of message that this program does not know.",
        ));
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

/// Why a post does not open, for people.
pub(crate) fn unreadable(error: &DecryptError) -> RpcError {
    let code = match error {
        DecryptError::Broken(FieldError::P256) => &codes::POST_CURVE,
        DecryptError::Broken(FieldError::UnknownCurve(_)) => &codes::POST_VERSION,
        DecryptError::NotShared | DecryptError::TooManyRecords => &codes::POST_NOT_SHARED,
        DecryptError::NoAuthorKey | DecryptError::NotAuthor => &codes::POST_AUTHOR,
        DecryptError::Message(error) if error.kind() == Kind::Unsupported => &codes::POST_VERSION,
        DecryptError::Changed => &codes::POST_DAMAGED,
        DecryptError::Broken(_) | DecryptError::Damaged | DecryptError::Message(_) => &codes::POST_DAMAGED,
    };
    RpcError::of(code, error)
}

/// A field that stands in the way of an own post.
pub(crate) fn broken(error: &FieldError) -> RpcError {
    unreadable(&DecryptError::Broken(error.clone()))
}

/// Why a text is no key, where that can be told.
pub(crate) fn is_p256(text: &str) -> bool {
    text.trim().starts_with("ec_key:p256/")
}

/// Whether nobody can open a post, because its keys are for a curve that nothing can use.
pub(crate) fn is_for_p256(payload: &Payload) -> bool {
    match &payload.encryption {
        Ok(Encryption::EndToEnd { ephemeral: Ok(keys), .. }) => {
            !keys.is_empty() && keys.iter().all(|ephemeral| ephemeral.key == Err(FieldError::P256))
        }
        _ => false,
    }
}

/// The network of the author, as the post says.
pub(crate) fn named_network(payload: &Payload) -> Option<Network> {
    let author = payload.author.as_ref().ok()?.as_ref()?;
    Some(Network::from_domain(author.network())).filter(|network| *network != Network::Unknown)
}
