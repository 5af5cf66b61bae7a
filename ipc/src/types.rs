//! Parameters and results of the methods, as on the wire.
//!
//! Every time is RFC 3339 in UTC; every key, id and digest is lower-case hex.
//! Where a method acts for a persona, `persona` is its name;
//! without it the daemon takes the only persona there is, and refuses when there are several.

mod config;
mod contact;
mod event;
mod message;
mod pairing;
mod persona;
mod post;
mod secret;
mod seen;
mod status;
mod time;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use self::config::*;
pub use self::contact::*;
pub use self::event::*;
pub use self::message::*;
pub use self::pairing::*;
pub use self::persona::*;
pub use self::post::*;
pub use self::secret::Secret;
pub use self::seen::*;
pub use self::status::*;
pub use self::time::{Utc, UtcError};

fn is_false(flag: &bool) -> bool {
    !*flag
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// No parameters, or a result without content: `{}`.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct Empty {}

/// What the first frame of a connection says.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct Hello {
    /// The client's protocol version; see [`crate::PROTOCOL`].
    pub protocol: u32,
    /// Optional abilities the client has. Unknown ones are ignored.
    #[serde(default)]
    pub features: Vec<String>,
    /// Program and version, for the daemon's debug log: `"bauta/0.1.0"`.
    #[serde(default)]
    pub client: String,
}

/// What the daemon answers to [`Hello`].
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct Welcome {
    /// The daemon's protocol version.
    pub protocol: u32,
    /// The daemon's version.
    pub version: String,
    /// Optional abilities the daemon has, such as `"events"`.
    pub features: Vec<String>,
    /// The grants this connection holds.
    pub grants: Vec<crate::Grant>,
}
