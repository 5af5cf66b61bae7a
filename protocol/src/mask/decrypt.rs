//! Reading posts.

use std::cell::Cell;

use zeroize::Zeroizing;

use super::agreement::{shared_x, v38_key};
use super::cipher::{self, PostIv};
use super::jwk;
use super::key::{LocalKey, PostKey, PublicKey, SecretKey};
use super::limits::MAX_RECORDS;
use super::message::{DecodeMessageError, TypedMessage};
use super::payload::{Encryption, Ephemeral, Field, FieldError, Payload, Version};
use super::record::Record;
use crate::error::{HasKind, Kind};

/// What a reader has.
#[derive(Clone, Copy, Debug, Default)]
pub struct Reader<'a> {
    /// The private keys of all personas that the post may be for.
    pub keys: &'a [SecretKey],
    /// The author's local key, for a post of their own in version -38 or older. With it nothing else is tried.
    pub local_key: Option<&'a LocalKey>,
    /// The author's key from elsewhere, for posts before version -37 that do not carry one.
    pub author_key: Option<&'a PublicKey>,
    /// The post key, if this post was opened before.
    pub cached: Option<&'a PostKey>,
}

/// An opened post.
#[derive(Clone, Debug, PartialEq)]
pub struct Opened {
    /// What it says.
    pub message: TypedMessage,
    /// Store it: it opens the post again without records.
    pub post_key: PostKey,
    /// What opened it.
    pub via: Via,
}

/// What opened a post.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Via {
    /// The post key in the payload.
    Public,
    /// The reader had the post key.
    Cache,
    /// The author's own copy.
    Author,
    /// The record at this index among those given.
    Record(usize),
}

/// Opens a post: with the cached post key, the payload itself, the author's own copy, then each record.
/// At most [`MAX_RECORDS`] records are tried.
///
/// # Errors
/// Every [`DecryptError`]. Without records, [`DecryptError::NotShared`] means that a record may still open it.
pub fn decrypt<'r>(
    payload: &Payload,
    reader: &Reader<'_>,
    records: impl IntoIterator<Item = &'r Record>,
) -> Result<Opened, DecryptError> {
    // The order is that of the extension (docs/mask.md, "Publishing and looking up"), from cheap to dear: a cached key
    // costs one decryption, the author's own copy one key agreement per persona, each later record one more per persona.
    //
    // Nothing in a record names its reader, and anybody may add records, so each is tried and only the AES tag decides.
    // MAX_RECORDS bounds what somebody can cost a reader by filling a partition.
    //
    // A payload is taken field by field: a post whose author name is broken still opens, so a broken field is an error
    // only where it is needed.
    let broken = |error: &FieldError| DecryptError::Broken(error.clone());
    let encryption = payload.encryption.as_ref().map_err(broken)?;
    let iv = payload.iv().map_err(DecryptError::Broken)?;
    let data = payload.data.as_ref().map_err(broken)?;
    let post = Sealed { version: payload.version, iv, data, has_key: Cell::new(false) };
    if let Some(key) = reader.cached
        && let Some(plain) = key.open(&iv, data)
    {
        return post.finish(key.clone(), &plain, Via::Cache);
    }
    match encryption {
        Encryption::Public { key, .. } => {
            let key = key.as_ref().map_err(broken)?;
            let plain = key.open(&iv, data).ok_or(DecryptError::Damaged)?;
            post.finish(key.clone(), &plain, Via::Public)
        }
        Encryption::EndToEnd { owners_key, ephemeral, .. } if payload.version == Version::V37 => {
            let ephemeral = ephemeral.as_deref().unwrap_or_default();
            post.open_v37(reader, owners_key, ephemeral, records)
        }
        Encryption::EndToEnd { owners_key, .. } => {
            if let Some(local) = reader.local_key {
                return post.open_own(local, owners_key.as_ref().map_err(broken)?);
            }
            let named = payload.author_key.as_ref().ok().and_then(Option::as_ref);
            let author = named.or(reader.author_key).ok_or(DecryptError::NoAuthorKey)?;
            post.open_v38(reader, author, records)
        }
    }
}

/// The parts of a payload that every attempt needs.
struct Sealed<'a> {
    version: Version,
    iv: PostIv,
    data: &'a [u8],
    /// Whether a key that only the author or this reader can have sealed was opened, but the message did not open with it.
    ///
    /// Only then is it certain that the post is for this reader and was changed; without it the same failure looks like
    /// a post for somebody else, which is what the extension says in both cases.
    has_key: Cell<bool>,
}

impl Sealed<'_> {
    fn open_v37<'r>(
        &self,
        reader: &Reader<'_>,
        owners_key: &Field<Vec<u8>>,
        ephemeral: &[Ephemeral],
        records: impl IntoIterator<Item = &'r Record>,
    ) -> Result<Opened, DecryptError> {
        let ephemeral = || ephemeral.iter().filter_map(|ephemeral| ephemeral.key.as_ref().ok());
        // A key agreement takes about 40 µs and opening a record 0.4 µs. All records that were published with the post
        // share the payload's ephemeral key, so the agreements are computed once, before any record is looked at.
        let shared: Vec<_> =
            reader.keys.iter().flat_map(|key| ephemeral().map(|public| shared_x(key, public))).collect();
        if let Ok(wrapped) = owners_key
            && let Some((key, plain)) = shared.iter().find_map(|shared| self.unwrap_v37(shared, wrapped))
        {
            return self.finish(key, &plain, Via::Author);
        }
        self.try_records(records, |record| match &record.ephemeral {
            None => shared.iter().find_map(|shared| self.unwrap_v37(shared, &record.encrypted_key)),
            // A record with an ephemeral key of its own was appended later, and anybody can make one: a wrong post key in
            // it says nothing about the message, so it does not set `has_key`.
            Some(public) => {
                let mut shared = reader.keys.iter().map(|key| shared_x(key, public));
                shared.find_map(|shared| self.unwrap_v37_by_anybody(&shared, &record.encrypted_key))
            }
        })
    }

    fn open_v38<'r>(
        &self,
        reader: &Reader<'_>,
        author: &PublicKey,
        records: impl IntoIterator<Item = &'r Record>,
    ) -> Result<Opened, DecryptError> {
        let shared: Vec<_> = reader.keys.iter().map(|key| shared_x(key, author)).collect();
        self.try_records(records, |record| {
            // Old records carry no salt; the extension takes the post's IV in its place.
            let salt = record.salt.unwrap_or(self.iv.0);
            shared.iter().find_map(|shared| {
                let (key, nonce) = v38_key(shared, &salt);
                let key = jwk::read_wrapped_post_key(&cipher::open(&key, &nonce, &record.encrypted_key)?)?;
                // The keys are long-term, so a record that this author made for another post opens too. Only a key that
                // opens this message counts.
                let plain = key.open(&self.iv, self.data)?;
                Some((key, plain))
            })
        })
    }

    fn open_own(&self, local: &LocalKey, wrapped: &[u8]) -> Result<Opened, DecryptError> {
        let opened = cipher::open(local.as_bytes(), &self.iv.0, wrapped);
        let key = opened.and_then(|jwk| jwk::read_wrapped_post_key(&jwk)).ok_or(DecryptError::NotAuthor)?;
        let plain = key.open(&self.iv, self.data).ok_or(DecryptError::Damaged)?;
        self.finish(key, &plain, Via::Author)
    }

    fn unwrap_v37(&self, shared: &[u8; 32], wrapped: &[u8]) -> Option<(PostKey, Zeroizing<Vec<u8>>)> {
        let bytes = cipher::open(shared, &self.iv.0, wrapped)?;
        let key = PostKey::from_bytes(&bytes).ok()?;
        let plain = key.open(&self.iv, self.data);
        self.has_key.set(self.has_key.get() || plain.is_none());
        Some((key, plain?))
    }

    fn unwrap_v37_by_anybody(
        &self,
        shared: &[u8; 32],
        wrapped: &[u8],
    ) -> Option<(PostKey, Zeroizing<Vec<u8>>)> {
        let known = self.has_key.get();
        let opened = self.unwrap_v37(shared, wrapped);
        self.has_key.set(known);
        opened
    }

    fn try_records<'r>(
        &self,
        records: impl IntoIterator<Item = &'r Record>,
        attempt: impl Fn(&Record) -> Option<(PostKey, Zeroizing<Vec<u8>>)>,
    ) -> Result<Opened, DecryptError> {
        for (place, record) in records.into_iter().enumerate() {
            if place == MAX_RECORDS {
                return Err(DecryptError::TooManyRecords);
            }
            if let Some((key, plain)) = attempt(record) {
                return self.finish(key, &plain, Via::Record(place));
            }
        }
        Err(if self.has_key.get() { DecryptError::Changed } else { DecryptError::NotShared })
    }

    fn finish(&self, post_key: PostKey, plain: &[u8], via: Via) -> Result<Opened, DecryptError> {
        let message = match self.version {
            Version::V37 => TypedMessage::from_document(plain).map_err(DecryptError::Message)?,
            Version::V38 => TypedMessage::from_text(plain),
            Version::V39 | Version::V40 => TypedMessage::from_bare_text(plain),
        };
        Ok(Opened { message, post_key, via })
    }
}

/// Why a post does not open.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecryptError {
    /// A field that is needed cannot be used.
    #[error("the post is damaged; load it again")]
    Broken(#[source] FieldError),
    /// The post key is known, but the message does not open with it.
    #[error("the message does not open with the key of its post; it was changed or damaged")]
    Damaged,
    /// In version -37: the post key opened as the author sealed it, but the message does not open with it.
    /// The extension says "not shared" instead.
    #[error("the post is for you, but it was changed or damaged; load it again")]
    Changed,
    /// It opened, but what it holds is not a message.
    #[error("the post was opened, but what it says is damaged or for a newer program")]
    Message(#[source] DecodeMessageError),
    /// No key opens it.
    #[error(
        "the post is not shared with you, or its records are not published yet; ask the author to add you"
    )]
    NotShared,
    /// Posts before version -37 need the author's key.
    #[error("the author's persona is not known, and the post does not carry it; add the author first")]
    NoAuthorKey,
    /// The local key does not open the author's copy.
    #[error("this persona's local key does not open the post; was it written by another of your personas?")]
    NotAuthor,
    /// More records than anybody has reason to publish.
    #[error(
        "none of the first {MAX_RECORDS} records of the post opens it; somebody may be flooding the relay"
    )]
    TooManyRecords,
}

impl HasKind for DecryptError {
    fn kind(&self) -> Kind {
        match self {
            Self::Broken(error) => error.kind(),
            Self::Message(error) => error.kind(),
            Self::Damaged | Self::Changed => Kind::Forged,
            Self::NotShared | Self::NotAuthor => Kind::Refused,
            Self::NoAuthorKey => Kind::NotFound,
            Self::TooManyRecords => Kind::Full,
        }
    }
}
