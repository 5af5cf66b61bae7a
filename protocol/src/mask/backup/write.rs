//! From personas, profiles and post keys to the bytes of a backup of version 2.

use zeroize::Zeroizing;

use super::{Backup, BackupPersona, BackupPost, BackupProfile};
use crate::mask::id::PersonaId;
use crate::mask::jwk;
use crate::mask::pack::{self, PackError, Value, Wiped, map, text};
use crate::time::Timestamp;

/// The extension whose format this is.
const FORMAT_OF: &str = "2.26.9";

pub(super) fn to_pack(backup: &Backup, now: Timestamp) -> Result<Zeroizing<Vec<u8>>, PackError> {
    let none = || Value::Array(Vec::new());
    let root = Wiped(map([
        (
            "_meta_",
            map([
                ("version", 2.into()),
                ("type", text("maskbook-backup")),
                ("maskbookVersion", text(FORMAT_OF)),
                ("createdAt", now.0.into()),
            ]),
        ),
        ("personas", Value::Array(backup.personas.iter().map(persona).collect())),
        ("profiles", Value::Array(backup.profiles.iter().map(profile).collect())),
        ("posts", Value::Array(backup.posts.iter().map(post).collect())),
        ("wallets", none()),
        ("relations", none()),
        ("userGroups", none()),
        ("grantedHostPermissions", none()),
        ("plugin", Value::Map(Vec::new())),
    ]));
    pack::write(&root.0).map(Zeroizing::new)
}

/// A map without the members that are absent: the extension leaves them out too.
fn present<const N: usize>(members: [(&str, Option<Value>); N]) -> Value {
    let present = members.into_iter().filter_map(|(name, value)| Some((text(name), value?)));
    Value::Map(present.collect())
}

fn persona(persona: &BackupPersona) -> Value {
    let words = persona.words.as_ref().map(|words| {
        let parameter = map([("path", text(&words.path)), ("withPassword", words.with_password.into())]);
        map([("words", text(&words.words)), ("parameter", parameter)])
    });
    let linked = persona.linked.iter().map(|linked| {
        let state = map([("connectionConfirmState", text(&linked.confirmation))]);
        Value::Array(vec![text(&linked.profile.to_string()), state])
    });
    present([
        ("identifier", Some(text(&PersonaId(persona.public).to_string()))),
        ("mnemonic", words),
        ("publicKey", Some(jwk::public_value(&persona.public))),
        ("privateKey", persona.secret.as_ref().map(jwk::private_value)),
        ("localKey", persona.local_key.as_ref().map(|key| jwk::aes_value(key.as_bytes()))),
        ("nickname", persona.nickname.as_deref().map(text)),
        ("linkedProfiles", Some(Value::Array(linked.collect()))),
        ("createdAt", Some(persona.created.0.into())),
        ("updatedAt", Some(persona.updated.0.into())),
        ("address", persona.address.as_deref().map(text)),
    ])
}

fn profile(profile: &BackupProfile) -> Value {
    present([
        ("identifier", Some(text(&profile.id.to_string()))),
        ("nickname", profile.nickname.as_deref().map(text)),
        ("localKey", profile.local_key.as_ref().map(|key| jwk::aes_value(key.as_bytes()))),
        ("linkedPersona", profile.persona.map(|key| text(&PersonaId(key).to_string()))),
        ("createdAt", Some(profile.created.0.into())),
        ("updatedAt", Some(profile.updated.0.into())),
    ])
}

fn post(post: &BackupPost) -> Value {
    // Who else can read it is not kept here; the extension asks again when somebody is added.
    let recipients = if post.public { text("everyone") } else { Value::Array(Vec::new()) };
    map([
        ("postBy", text(&post.author.to_string())),
        ("identifier", text(&post.id.to_string())),
        ("postCryptoKey", jwk::aes_value(post.key.as_bytes())),
        ("recipients", recipients),
        ("recipientGroups", Value::Array(Vec::new())),
        ("foundAt", post.found.0.into()),
    ])
}
