use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Utc;
use crate::RpcError;

/// The state of the daemon, or of one persona's connection.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ConnectionState {
    /// Nothing connects, because there is no relay to connect to.
    Off,
    /// Connecting; `phase` says how far.
    Connecting,
    /// An exchange came back through the mixnet within the last minute.
    Ready,
    /// Connected, but exchanges fail or are late.
    Degraded,
    /// The connection is gone; it is being rebuilt.
    Lost,
    /// The store is locked; nothing can be read or sent.
    Locked,
}

/// Parameters of `status.get`.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct StatusOf {
    /// Only what is about these personas: their states, their relays, their messages. Absent: everything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub personas: Option<Vec<String>>,
}

/// Result of `status.get`.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct Status {
    /// The least ready of the personas' states; without a persona, that of the daemon's own connection to a relay.
    pub state: ConnectionState,
    /// What is happening now, in a few words: `"choosing a gateway"`. Absent when there is nothing to say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<String>,
    /// Since when `state` holds.
    pub since: Utc,
    /// When an exchange with a relay last came back.
    #[serde(default)]
    pub last_exchange: Option<Utc>,
    /// The traffic profile: `full`, `saver`, `metered`, `paranoid` or `test`; empty while the daemon is locked.
    pub traffic: String,
    /// What the profile costs and what it gives up, in one sentence.
    #[serde(default)]
    pub traffic_note: String,
    /// `mainnet`, or `local` for a network on this machine.
    pub network: String,
    /// Every persona of this home.
    pub personas: Vec<PersonaStatus>,
    /// Every relay this home uses.
    pub relays: Vec<RelayStatus>,
    /// Gun relays, which store the keys of posts, and the exits that lead to them.
    #[serde(default)]
    pub gun: GunStatus,
    /// What needs attention. Empty when all is well.
    pub health: Vec<RpcError>,
    /// The daemon's version.
    pub version: String,
    /// Messages that no relay has stored yet.
    pub queued: u64,
    /// How many more personas, relays and items of health there are than these lists hold: they fit a frame.
    #[serde(default, skip_serializing_if = "super::is_zero")]
    pub unlisted: u64,
}

/// Gun relays and the exits that lead to them, inside [`Status`].
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct GunStatus {
    /// The relays; everything is written to all of them and read from all of them.
    pub relays: Vec<GunRelay>,
    /// Nym addresses of the exits that lead to them, best first. Empty: exits of the network's directory.
    pub exits: Vec<String>,
    /// Whether certificates of further roots are trusted for these relays.
    pub extra_root: bool,
    /// The URL of the local Gun endpoint for programs of this machine, with a secret in its path.
    /// Absent while it is off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
}

/// One Gun relay inside [`GunStatus`].
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct GunRelay {
    /// Its address.
    pub url: String,
}

/// One persona inside [`Status`].
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct PersonaStatus {
    /// Its name in this home.
    pub name: String,
    /// The state of its own connection.
    pub state: ConnectionState,
    /// What is happening now, in a few words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<String>,
    /// Since when `state` holds.
    pub since: Utc,
    /// When an exchange of this persona last came back.
    #[serde(default)]
    pub last_exchange: Option<Utc>,
    /// Requests that wait for an answer.
    #[serde(default)]
    pub requests: u64,
    /// Messages of this persona that no relay has stored yet.
    #[serde(default)]
    pub queued: u64,
}

/// One relay inside [`Status`].
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct RelayStatus {
    /// Base64url of the relay id, 43 characters.
    pub id: String,
    /// How many doors are known.
    pub doors: u32,
    /// How many personas use it, by its own word of the day: at least 1, 10, 100, 1,000 or 10,000. They are each other's
    /// cover. Absent before it said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub personas: Option<u32>,
    /// When it last answered.
    #[serde(default)]
    pub last_exchange: Option<Utc>,
}
