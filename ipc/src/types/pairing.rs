use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Secret, Utc};
use crate::Grant;

/// Parameters of `pair.request`.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct RequestPairing {
    /// The extension's ECDSA P-256 public key: base64url of its SubjectPublicKeyInfo in DER.
    pub key: String,
    /// What the user will know it by, such as `"Chromium on laptop"`: at most 64 characters.
    pub label: String,
    /// What it wants to be allowed. Empty: everything but `persona.admin`, which no extension gets.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub grants: Vec<Grant>,
}

/// Result of `pair.request`. `pair.approved` or `pair.refused` follows on the same connection.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct RequestedPairing {
    /// The pairing's id: 32 hex digits.
    pub id: String,
    /// Six digits to show to the user, who types them into `bauta pair approve`.
    pub code: Secret,
    /// When the code expires.
    pub expires_at: Utc,
}

/// Parameters of `pair.approve`.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct ApprovePairing {
    /// The code that the extension shows.
    pub code: Secret,
    /// What the extension may do. Empty: what it asked for.
    #[serde(default)]
    pub grants: Vec<Grant>,
    /// The personas it may act for; absent: all, including later ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub personas: Option<Vec<String>>,
}

/// The state of a pairing.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum PairingState {
    /// Its code waits to be typed.
    Pending,
    /// It may open sessions.
    Paired,
    /// It may not any more.
    Revoked,
}

/// One extension, in the result of `pair.list`.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct Pairing {
    /// Its id: 32 hex digits.
    pub id: String,
    /// Its state.
    pub state: PairingState,
    /// The extension, as its browser names it: `chrome-extension://ID/` or `firefox-extension://ID/`.
    pub origin: String,
    /// What it calls itself.
    pub label: String,
    /// What it may do; while pending, what it asks for.
    pub grants: Vec<Grant>,
    /// The personas it may act for; absent: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub personas: Option<Vec<String>>,
    /// When it was approved; absent while pending.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Utc>,
    /// When it was last connected: now, while it is. Absent: never, or while pending.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_used: Option<Utc>,
}

/// Result of `pair.list`.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct PairingList {
    /// In order of approval; the pending one last.
    pub pairings: Vec<Pairing>,
    /// Ask again with `after` set to this for what follows; absent: that was all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// Names a pairing: parameters of `pair.revoke` and `session.challenge`, and of the notification `pair.refused`.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct PairingRef {
    /// Its id: 32 hex digits.
    pub id: String,
}

/// Parameters of the notification `pair.approved`.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct PairingApproved {
    /// The pairing's id.
    pub id: String,
    /// What a session of it may do.
    pub grants: Vec<Grant>,
}

/// Result of `session.challenge`: for this connection, and for one proof.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct SessionChallenge {
    /// Base64url of 32 random bytes.
    pub challenge: String,
}

/// Parameters of `session.prove`.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct ProveSession {
    /// The pairing's id.
    pub id: String,
    /// Base64url of the ECDSA P-256 SHA-256 signature, r and s of 32 bytes each (IEEE P1363), over
    /// `bauta/session/1`, the challenge's 32 bytes, and the extension's origin.
    pub signature: String,
}

/// Result of `session.prove`: what this connection may do from now on.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct Session {
    /// The grants.
    pub grants: Vec<Grant>,
    /// The personas it may act for; null: all.
    pub personas: Option<Vec<String>>,
    /// What the extension called itself when it was paired.
    pub label: String,
    /// When it was paired.
    pub since: Utc,
    /// When it was last connected before this session. Absent: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_used: Option<Utc>,
}
