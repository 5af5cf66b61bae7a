use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Secret, State, Utc};

/// Parameters of `persona.new`.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct NewPersona {
    /// A name for use in this home only; nobody else sees it. 1 to 64 characters, none a control character.
    pub name: String,
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

/// Result of `persona.list`.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct PersonaList {
    /// In order of creation.
    pub personas: Vec<Persona>,
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
    /// When it was made or imported here.
    pub created_at: Utc,
    /// How its connection stands.
    pub state: State,
    /// Base64url ids of the relays that keep its inbox and boxes.
    pub relays: Vec<String>,
    /// The bundle that relays hold of it now; none before the first was stored.
    #[serde(default)]
    pub published: Option<PublishedBundle>,
}

/// A bundle that a relay has accepted.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct PublishedBundle {
    /// When it was made; it also orders bundles.
    pub version: Utc,
    /// Strangers cannot start a conversation over it after this time.
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
}

/// Result of `persona.publish`: the bundle is made and waits for its turn; `persona.published` tells when it is out.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct Published {
    /// The persona's name.
    pub persona: String,
    /// When the waiting bundle was made.
    pub version: Utc,
}
