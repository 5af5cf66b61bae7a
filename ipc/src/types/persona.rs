use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ConnectionState, Secret, Utc};

/// Parameters of `persona.new`.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct NewPersona {
    /// A name for use in this home only; nobody else sees it. 1 to 64 characters, none a control character.
    pub name: String,
    /// Whether it is to have a relay that no other persona of this home uses.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub apart: bool,
}

/// Names a persona.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct PersonaRef {
    /// Its name in this home.
    pub persona: String,
}

/// Names a persona, or leaves the choice to the daemon.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct OptionalPersona {
    /// Its name in this home; absent: the only one there is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub persona: Option<String>,
}

/// A persona as others may know it. Result of `persona.new`.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct Persona {
    /// Its name in this home.
    pub name: String,
    /// The secp256k1 public key: 66 hex digits.
    pub public_key: String,
    /// The `bauta:` address to give to others.
    pub address: String,
}

/// Parameters of `persona.list`, `profile.list` and `pair.list`, which are about the whole home.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct ListAll {
    /// Only what comes after this place; take it from `next`. Absent: from the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

/// Result of `persona.list`.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct PersonaList {
    /// In order of creation.
    pub personas: Vec<Persona>,
    /// Ask again with `after` set to this for what follows; absent: that was all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// Result of `persona.show`.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct PersonaDetail {
    /// Its name in this home.
    pub name: String,
    /// The secp256k1 public key: 66 hex digits.
    pub public_key: String,
    /// The `bauta:` address to give to others.
    pub address: String,
    /// The line for the owner's social profile: whoever sees it can add this persona and encrypt posts for it.
    #[serde(default)]
    pub profile_text: String,
    /// When it was made or imported here.
    pub created_at: Utc,
    /// The state of its connection.
    pub state: ConnectionState,
    /// Base64url ids of the relays that keep its inbox and boxes.
    pub relays: Vec<String>,
    /// Its bundle at the relay now; absent before the first was stored.
    #[serde(default)]
    pub published: Option<PublishedBundle>,
}

/// A bundle that a relay has accepted.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct PublishedBundle {
    /// When it was made; it also orders bundles.
    pub version: Utc,
    /// Strangers cannot start a conversation with it after this time.
    pub expires_at: Utc,
    /// When the relay answered.
    pub published_at: Utc,
}

/// Result of `persona.export`.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct ExportedPersona {
    /// Its name in this home.
    pub name: String,
    /// The secp256k1 public key: 66 hex digits.
    pub public_key: String,
    /// The secp256k1 secret key: 64 hex digits. Whoever has it is this persona.
    pub secret_key: Secret,
    /// The same key as Mask shows and imports it: base64 of a JSON Web Key in MessagePack.
    pub mask_key: Secret,
    /// The recovery words it came from, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub words: Option<Secret>,
}

/// Parameters of `persona.import`.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct ImportPersonas {
    /// What to import.
    pub source: ImportSource,
    /// A name for use in this home only. Absent: the name in the backup, or the first digits of the key.
    /// A backup with several own personas takes no name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// What personas are imported from.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum ImportSource {
    /// Recovery words.
    Words {
        /// 12 to 24 English words (BIP 39).
        words: Secret,
    },
    /// A secret key: as Mask shows it, or 64 hex digits.
    Key {
        /// The key.
        key: Secret,
    },
    /// A JSON Web Key with its private part.
    Jwk {
        /// The key, in JSON.
        jwk: Secret,
    },
    /// Mask's encrypted backup, version 2.
    Backup {
        /// The file, in base64.
        file: Secret,
        /// Its password.
        password: Secret,
    },
}

/// Result of `persona.import`.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct Imported {
    /// The personas, in the order of the source; as many as fit a frame. `persona.list` has them all.
    pub personas: Vec<ImportedPersona>,
    /// Profiles whose key is now known.
    pub profiles: u64,
    /// How many keys of posts were imported: those posts open without the network.
    pub post_keys: u64,
    /// What was left out, and why; as much as fits a frame.
    pub left_out: Vec<LeftOut>,
    /// How many more personas were imported, and things left out, than these lists hold.
    #[serde(default, skip_serializing_if = "super::is_zero")]
    pub unlisted: u64,
}

/// One persona inside [`Imported`].
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct ImportedPersona {
    /// Its name in this home.
    pub name: String,
    /// The secp256k1 public key: 66 hex digits.
    pub public_key: String,
    /// The `bauta:` address to give to others.
    pub address: String,
    /// Whether this home did not have it.
    pub new: bool,
    /// Whether its recovery words are kept here.
    pub has_words: bool,
}

/// Something in a backup that was left out.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct LeftOut {
    /// Its section, and its identifier or else its position, counted from 1.
    pub what: String,
    /// Why, in a few words.
    pub why: String,
}

/// Parameters of `persona.backup`.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct MakeBackup {
    /// The password that opens it. Whoever has the file can try any number of passwords.
    pub password: Secret,
    /// Where to continue: `next` of the page before. Absent: the beginning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<u64>,
}

/// Result of `persona.backup`: one page. Each page is a whole backup file; a small home has one.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct BackupPage {
    /// The file, in base64.
    pub file: Secret,
    /// There is more: pass this as `after`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<u64>,
}

/// Result of `persona.publish`: the bundle is made and queued; the event `persona.published` says when the relay has it.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct Published {
    /// The persona's name.
    pub persona: String,
    /// When the waiting bundle was made.
    pub version: Utc,
}

/// Parameters of `home.backup`.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct BackUpHome {
    /// The absolute path of the file, which must not be there yet.
    pub path: String,
    /// What opens it.
    pub passphrase: Secret,
    /// The home moves to another machine with this backup: the daemon disconnects first, stops when the file is good,
    /// and sends nothing after its next start.
    #[serde(default, rename = "move")]
    pub moves: bool,
}

/// Parameters of `backup.passphrase`.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct ChangeBackupPassphrase {
    /// What opens the backups that the daemon makes by itself from now on. Absent: as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passphrase: Option<Secret>,
}

/// Result of `backup.passphrase`.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct BackupPassphrase {
    /// Whether there is one.
    pub is_set: bool,
}

/// Result of `home.backup`, and what `bauta restore` prints.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct BackedUpHome {
    /// When it was made.
    pub made_at: Utc,
    /// Personas in it.
    pub personas: u64,
    /// Contacts in it; open invitations are not.
    pub contacts: u64,
    /// Messages in it.
    pub messages: u64,
}
