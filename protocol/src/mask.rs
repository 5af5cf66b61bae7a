//! The formats of Mask Network's browser extension, version 2.26: encrypted posts, their records on Gun,
//! personas and backups.
//!
//! Everything here is pure: bytes and text in, bytes and text out; randomness and the time are passed in.
//! Whatever comes from outside is bounded by [`limits`].
//! `docs/mask.md` describes the formats, what is refused and why.
//!
//! - Posts: [`encrypt_v37`], [`encrypt_v38`], [`append`], [`Payload::parse`], [`decrypt()`].
//! - Posts inside page text: [`write_in_text`], [`find_in_text`], [`find_all_in_text`].
//! - Records on Gun: [`Record`], [`partition`].
//! - People: [`Persona`], [`ProfileId`], [`PersonaId`], [`Backup`].
//!
//! Nothing here signs a post, because no reader of these formats checks signatures,
//! and nothing writes a comment, because every comment under a post shares one key and nonce.

pub use agreement::{shared_x, v38_key};
pub use backup::{
    Backup, BackupPersona, BackupPost, BackupProfile, BackupReadError, ExportError, LeftOut, Linked,
    OpenError, Report, WhyLeftOut, cloud_password, decrypt_backup_file, encrypt_backup_file, password_bytes,
};
pub use cipher::{PostDigest, PostIv};
pub use comment::{CommentError, decrypt_comment};
pub use decrypt::{DecryptError, Opened, Reader, Via, decrypt};
pub use encrypt::{
    Addressed, AppendError, Audience, AuthorSecrets, Draft, EncryptError, Post, append, encrypt_v37,
    encrypt_v38,
};
pub use id::{IdError, Network, PersonaId, PostId, PostIvId, ProfileId};
pub use json::without_byte_order_mark;
pub(crate) use jwk::read_wrapped_post_key;
pub use jwk::{JwkError, local_key_jwk, private_jwk, public_jwk, wrapped_post_key};
pub use key::{KeyError, LocalKey, PostKey, PublicKey, SecretKey};
pub use message::{DecodeMessageError, EncodeMessageError, Meta, MetaError, TypedMessage};
pub use network_text::{find_all_in_text, find_in_text, write_in_text};
pub use pack::{PackError, Value};
pub use payload::{Encryption, Ephemeral, Field, FieldError, ParseError, Payload, Signature, Version, Wire};
pub use persona::{Persona, PersonaError, Words};
pub use record::{Record, RecordError, record_soul};

pub mod limits;
pub mod partition;

mod agreement;
mod backup;
mod base64;
mod cipher;
mod comment;
mod decrypt;
mod encrypt;
mod id;
mod json;
mod jwk;
mod key;
mod message;
mod network_text;
mod pack;
mod payload;
mod persona;
mod record;
