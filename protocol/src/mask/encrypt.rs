//! Writing posts, and letting more people read them later.

use rand_core::CryptoRng;

use super::agreement::{shared_x, v38_key};
use super::cipher::{self, PostIv};
use super::id::ProfileId;
use super::jwk;
use super::key::{LocalKey, PostKey, PublicKey, SecretKey};
use super::limits::{MAX_PAYLOAD, MAX_RECIPIENTS};
use super::message::{EncodeMessageError, TypedMessage};
use super::pack::PackError;
use super::payload::{
    Encryption, FieldError, Payload, SHARED_KEY, Version, Wire, WrittenEncryption, WrittenText, WrittenV37,
    write_text, write_v37,
};
use super::record::Record;
use crate::error::{HasKind, Kind};

/// A post to be written.
#[derive(Clone, Copy, Debug)]
pub struct Draft<'a> {
    /// Its author. Everybody can read the name, and nothing proves it.
    pub author: Option<&'a ProfileId>,
    /// The author's persona. A post for recipients needs it in version -37; readers learn it from here.
    pub author_key: Option<&'a PublicKey>,
    /// What it says.
    pub message: &'a TypedMessage,
    /// Who can read it.
    pub audience: Audience<'a>,
}

/// Who can read a post.
#[derive(Clone, Copy, Debug)]
pub enum Audience<'a> {
    /// Everybody who has the extension or a program like it.
    Public,
    /// The author and these; an empty list means the author alone.
    Recipients(&'a [PublicKey]),
}

/// What an author needs to write posts for recipients in version -38.
#[derive(Clone, Copy, Debug)]
pub struct AuthorSecrets<'a> {
    /// The persona's private key.
    pub key: &'a SecretKey,
    /// The persona's local key. A persona imported from its private key alone has none.
    pub local: &'a LocalKey,
}

/// A written post.
#[derive(Clone, Debug)]
pub struct Post {
    /// What goes into the post on the network.
    pub payload: Wire,
    /// The nonce, under which records are filed and found.
    pub iv: PostIv,
    /// Store it: it opens the post again without records, and appending needs it.
    pub post_key: PostKey,
    /// What goes to Gun, one for each recipient in order; empty for a public post.
    pub records: Vec<Addressed>,
}

/// A record and its recipient. Only the record is published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Addressed {
    /// Whose copy of the post key it is.
    pub recipient: PublicKey,
    /// The record.
    pub record: Record,
}

/// Writes a post in version -37.
///
/// Draws from `rng`, in this order: the IV (16 bytes), the post key (32), and for recipients one ephemeral key (32),
/// which all of them share.
///
/// # Errors
/// [`EncryptError`], except what only concerns version -38.
pub fn encrypt_v37<R: CryptoRng + ?Sized>(draft: &Draft<'_>, rng: &mut R) -> Result<Post, EncryptError> {
    // docs/mask.md, "Cryptography". The bytes must be exactly those of the extension, so the order of the draws and the
    // shortest MessagePack encoding matter, and the vectors check both.
    //
    // The message, the author's copy and every record are sealed with one nonce, the post's IV. That is safe because no
    // two of them share a key: the message has the random post key, and each copy has the x coordinate that the
    // ephemeral key shares with its recipient. It would not be if an ephemeral key were used for two posts, or if two
    // different post keys were sealed for one recipient, so the ephemeral key never leaves this function.
    //
    // The shared x coordinate is the AES key without any key derivation. The format fixes this, and readers in use
    // accept nothing else.
    let message = draft.message.to_document().map_err(EncryptError::Message)?;
    let (iv, post_key) = (PostIv::generate(rng), PostKey::generate(rng));
    let data = post_key.seal(&iv, &message).ok_or(EncryptError::TooLarge)?;
    let author = named(draft.author);
    let write = |encryption| {
        write_v37(WrittenV37 { author, author_key: draft.author_key, iv: &iv, encryption, data })
            .map_err(EncryptError::Pack)
    };
    let (payload, records) = match draft.audience {
        Audience::Public => (write(WrittenEncryption::Public(&post_key))?, Vec::new()),
        Audience::Recipients(recipients) => {
            check_number(recipients)?;
            let author_key = draft.author_key.ok_or(EncryptError::NoAuthorKey)?;
            let ephemeral = SecretKey::generate(rng);
            let wrap = |recipient: &PublicKey| {
                wrap_v37(&ephemeral, recipient, &iv, &post_key).ok_or(EncryptError::TooLarge)
            };
            let owners_key = wrap(author_key)?;
            let address = |recipient: &PublicKey| {
                let record = Record { encrypted_key: wrap(recipient)?, salt: None, ephemeral: None };
                Ok(Addressed { recipient: *recipient, record })
            };
            let records = recipients.iter().map(address).collect::<Result<_, _>>()?;
            (write(WrittenEncryption::EndToEnd { owners_key, ephemeral: &ephemeral.public() })?, records)
        }
    };
    finish(Wire::Binary(payload), iv, post_key, records)
}

/// Writes a post in version -38. A post for recipients needs the author's secrets.
///
/// Draws from `rng`, in this order: the IV (16 bytes), the post key (32), and one salt (16) for each recipient.
///
/// # Errors
/// Every [`EncryptError`].
pub fn encrypt_v38<R: CryptoRng + ?Sized>(
    draft: &Draft<'_>,
    secrets: Option<AuthorSecrets<'_>>,
    rng: &mut R,
) -> Result<Post, EncryptError> {
    // docs/mask.md, "Cryptography". This version has no ephemeral key: the author's long-term key agrees with each
    // recipient's, and a salt per record gives each record another AES key. Therefore the author's private key opens
    // every record, and so does the recipient's; there is no forward secrecy on either side.
    //
    // The author's own copy is under the local key, which comes from the recovery words. A persona imported from its
    // private key has no words, hence no local key, and cannot make that copy.
    let message = draft.message.to_text().map_err(EncryptError::Message)?;
    let (iv, post_key) = (PostIv::generate(rng), PostKey::generate(rng));
    let data = post_key.seal(&iv, &message).ok_or(EncryptError::TooLarge)?;
    let (public, author_key, wrapped_key, records) = match draft.audience {
        Audience::Public => {
            let wrapped =
                cipher::seal(&SHARED_KEY, &iv.0, jwk::wrapped_public_post_key(&post_key).as_bytes());
            (true, draft.author_key.copied(), wrapped, Vec::new())
        }
        Audience::Recipients(recipients) => {
            check_number(recipients)?;
            let secrets = secrets.ok_or(EncryptError::NoSecrets)?;
            let author_key = secrets.key.public();
            if draft.author_key.is_some_and(|key| *key != author_key) {
                return Err(EncryptError::OtherAuthor);
            }
            let wrapped =
                cipher::seal(secrets.local.as_bytes(), &iv.0, jwk::wrapped_post_key(&post_key).as_bytes());
            let records =
                address_v38(secrets.key, recipients, &post_key, rng).ok_or(EncryptError::TooLarge)?;
            (false, Some(author_key), wrapped, records)
        }
    };
    let payload = WrittenText {
        author: named(draft.author),
        author_key: author_key.as_ref(),
        public,
        wrapped_key: wrapped_key.ok_or(EncryptError::TooLarge)?,
        iv: &iv,
        data,
    };
    let text = write_text(&payload).ok_or(EncryptError::AuthorNotLatin)?;
    finish(Wire::Text(text), iv, post_key, records)
}

/// Makes records for more recipients of a post; the post itself does not change.
///
/// Draws from `rng`: in version -37 one ephemeral key (32 bytes), which travels in the records;
/// in version -38 one salt (16) for each recipient.
///
/// # Errors
/// Every [`AppendError`].
pub fn append<R: CryptoRng + ?Sized>(
    payload: &Payload,
    post_key: &PostKey,
    author: &SecretKey,
    recipients: &[PublicKey],
    rng: &mut R,
) -> Result<Vec<Addressed>, AppendError> {
    // The post on the network cannot change any more, so everything new must fit into the records. In version -37 the
    // private half of the post's ephemeral key is gone; a fresh one is drawn, and its public half travels in each record
    // (docs/mask.md, "Records and partitions"). Version -38 needs nothing but the author's key and new salts.
    // The extension writes version -38 records here that name the key operation `decrypt` alone and then cannot import
    // them; ours name both (`jwk::wrapped_post_key`).
    match &payload.encryption {
        Ok(Encryption::EndToEnd { .. }) => {}
        Ok(Encryption::Public { .. }) => return Err(AppendError::Public),
        Err(error) => return Err(AppendError::Broken(error.clone())),
    }
    if payload.author_key != Ok(Some(author.public())) {
        return Err(AppendError::NotAuthor);
    }
    if recipients.len() > MAX_RECIPIENTS {
        return Err(AppendError::TooManyRecipients(recipients.len()));
    }
    let iv = payload.iv().map_err(AppendError::Broken)?;
    let data = payload.data.as_ref().map_err(|error| AppendError::Broken(error.clone()))?;
    // With a wrong key the records would open nothing, and nobody would notice until a reader tried.
    if post_key.open(&iv, data).is_none() {
        return Err(AppendError::WrongPostKey);
    }
    match payload.version {
        Version::V37 => {
            let ephemeral = SecretKey::generate(rng);
            let address = |recipient: &PublicKey| {
                let encrypted_key = wrap_v37(&ephemeral, recipient, &iv, post_key)?;
                let record = Record { encrypted_key, salt: None, ephemeral: Some(ephemeral.public()) };
                Some(Addressed { recipient: *recipient, record })
            };
            recipients.iter().map(address).collect::<Option<_>>().ok_or(AppendError::WrongPostKey)
        }
        Version::V38 => address_v38(author, recipients, post_key, rng).ok_or(AppendError::WrongPostKey),
        Version::V39 | Version::V40 => Err(AppendError::Old),
    }
}

fn named(author: Option<&ProfileId>) -> Option<&ProfileId> {
    author.filter(|author| !author.is_nobody())
}

fn check_number(recipients: &[PublicKey]) -> Result<(), EncryptError> {
    if recipients.len() > MAX_RECIPIENTS {
        return Err(EncryptError::TooManyRecipients(recipients.len()));
    }
    Ok(())
}

fn wrap_v37(
    ephemeral: &SecretKey,
    recipient: &PublicKey,
    iv: &PostIv,
    post_key: &PostKey,
) -> Option<Vec<u8>> {
    cipher::seal(&shared_x(ephemeral, recipient), &iv.0, post_key.full()?)
}

fn address_v38<R: CryptoRng + ?Sized>(
    author: &SecretKey,
    recipients: &[PublicKey],
    post_key: &PostKey,
    rng: &mut R,
) -> Option<Vec<Addressed>> {
    let wrapped = jwk::wrapped_post_key(post_key);
    let address = |recipient: &PublicKey| {
        let salt = cipher::draw(rng);
        let (key, nonce) = v38_key(&shared_x(author, recipient), &salt);
        let encrypted_key = cipher::seal(&key, &nonce, wrapped.as_bytes())?;
        let record = Record { encrypted_key, salt: Some(salt), ephemeral: None };
        Some(Addressed { recipient: *recipient, record })
    };
    recipients.iter().map(address).collect()
}

fn finish(
    payload: Wire,
    iv: PostIv,
    post_key: PostKey,
    records: Vec<Addressed>,
) -> Result<Post, EncryptError> {
    let length = match &payload {
        Wire::Binary(bytes) => bytes.len(),
        Wire::Text(text) => text.len(),
    };
    if length > MAX_PAYLOAD {
        return Err(EncryptError::TooLarge);
    }
    Ok(Post { payload, iv, post_key, records })
}

/// Why a post cannot be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EncryptError {
    /// A post for recipients in version -37 carries the author's key.
    #[error("a post for recipients needs the author's persona; choose one")]
    NoAuthorKey,
    /// A post for recipients in version -38 is encrypted with them.
    #[error(
        "version -38 needs the author's private key and local key; this persona has no local key, use version -37"
    )]
    NoSecrets,
    /// The draft names another key than the secrets.
    #[error("the author's public key and private key do not belong together")]
    OtherAuthor,
    /// Version -38 carries Latin-1 only.
    #[error(
        "version -38 cannot carry the author's name, which has characters outside Latin-1; use version -37"
    )]
    AuthorNotLatin,
    /// The message cannot be written in this version.
    #[error("the message cannot be written")]
    Message(#[source] EncodeMessageError),
    /// More than [`MAX_RECIPIENTS`].
    #[error("a post can have at most {MAX_RECIPIENTS} recipients, not {0}; add the others afterwards")]
    TooManyRecipients(usize),
    /// Longer than [`MAX_PAYLOAD`].
    #[error("the post would have over {MAX_PAYLOAD} bytes; shorten it")]
    TooLarge,
    /// The library refused to write it.
    #[error("the post could not be put into bytes")]
    Pack(#[source] PackError),
}

impl HasKind for EncryptError {
    fn kind(&self) -> Kind {
        match self {
            Self::Message(error) => error.kind(),
            Self::AuthorNotLatin | Self::NoSecrets => Kind::Unsupported,
            Self::Pack(_) => Kind::Internal,
            Self::NoAuthorKey | Self::OtherAuthor | Self::TooManyRecipients(_) | Self::TooLarge => {
                Kind::Usage
            }
        }
    }
}

/// Why nobody can be added to a post.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// Everybody can read it already.
    #[error("the post is public; everybody can read it already")]
    Public,
    /// It names another author, or none.
    #[error("only its author can add readers to a post, and it is not by this persona")]
    NotAuthor,
    /// The key does not open the post.
    #[error("this is not the key of the post")]
    WrongPostKey,
    /// Versions -39 and -40 are only read.
    #[error("nobody can be added to a post of version -39 or -40; write it again")]
    Old,
    /// A needed field is broken.
    #[error("the post is damaged")]
    Broken(#[source] FieldError),
    /// More than [`MAX_RECIPIENTS`].
    #[error("at most {MAX_RECIPIENTS} recipients can be added at once, not {0}")]
    TooManyRecipients(usize),
}

impl HasKind for AppendError {
    fn kind(&self) -> Kind {
        match self {
            Self::Public | Self::WrongPostKey | Self::TooManyRecipients(_) => Kind::Usage,
            Self::NotAuthor => Kind::Refused,
            Self::Old => Kind::Unsupported,
            Self::Broken(error) => error.kind(),
        }
    }
}
