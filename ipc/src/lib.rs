//! The local API of the Bauta daemon: types, JSON-RPC codec, server and client.
//!
//! The API is JSON-RPC 2.0 in lines of JSON over an AF_UNIX socket; `docs/api.md` describes it for other languages.
//! A daemon implements [`Api`] and hands it to [`serve`]; a program in Rust talks to it through [`Client`].
//! The crate knows nothing of personas or relays beyond the words that travel: it stands alone.

mod api;
mod client;
mod error;
pub mod frame;
mod grant;
mod home;
mod method;
pub mod methods;
pub mod openrpc;
mod pairing;
mod reach;
mod server;
mod socket;
mod types;

pub use self::api::{EventApi, EventStream};
pub use self::client::{Client, Subscription};
pub use self::error::{CODES, Code, Exit, Retry, RpcError, codes, exit_for, sentence};
pub use self::grant::{Access, Grant};
pub use self::home::home_directory;
pub use self::method::{Method, MethodInfo, Network};
pub use self::methods::{
    Api, BackupApi, ContactApi, DaemonApi, MessageApi, PersonaApi, PostApi, ProfileApi, StatusApi,
};
pub use self::pairing::{PairingDesk, PairingRecord, PairingWorld, Pairings, SystemWorld};
pub use self::reach::Reach;
pub use self::server::{Limits, Service, serve, serve_with};
pub use self::socket::{
    BindError, HomeLock, Listener, STARTING, SocketPathError, bridge_socket_path, is_same_user, socket_path,
};
pub use self::types::*;

/// The version of the protocol; raised when an older client could not go on.
pub const PROTOCOL: u32 = 1;

/// The longest frame in either direction, in bytes, without the line feed.
pub const MAX_FRAME: usize = 1 << 20;

/// The longest text of one message, in bytes of UTF-8.
pub const MAX_TEXT: usize = 15_000;

/// The longest text of one post, in bytes of UTF-8.
pub const MAX_POST_TEXT: usize = 200_000;

/// The longest time `message.wait`, `post.wait` and `post.decrypt` wait, in milliseconds.
pub const MAX_WAIT_MS: u64 = 600_000;
