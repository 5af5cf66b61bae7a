//! The local API of the Bauta daemon: types, JSON-RPC codec, server and client.
//!
//! The API is JSON-RPC 2.0 in lines of JSON over an AF_UNIX socket; `docs/api.md` describes it for other languages.
//! A daemon implements [`Api`] and hands it to [`serve`]; a program in Rust talks to it through [`Client`].
//! It knows personas and relays only by the types on the wire, and uses no other crate of the workspace.

mod activity;
mod api;
mod client;
mod error;
pub mod frame;
mod grant;
mod home;
pub mod limits;
mod method;
pub mod methods;
pub mod openrpc;
mod page;
mod pairing;
mod reach;
mod server;
mod settings;
mod socket;
mod types;

pub use self::activity::Activity;
pub use self::api::{EventApi, EventStream, LockedApi};
pub use self::client::{Client, Subscription};
pub use self::error::{CODES, Code, Exit, Retry, RpcError, codes, exit_for, file_code, sentence};
pub use self::grant::{Access, Grant, Need};
pub use self::home::{HomeError, home_directory};
pub use self::limits::{MAX_FRAME, MAX_POST_TEXT, MAX_TEXT, MAX_WAIT_MS, PROTOCOL};
pub use self::method::{Method, MethodInfo, NetworkUse};
pub use self::methods::{
    Api, BackupApi, ConfigApi, ContactApi, ContactSettingsApi, DaemonApi, ForgetApi, MessageApi, PersonaApi,
    PostApi, ProfileApi, SeenApi, StatusApi,
};
pub use self::page::{Paged, encoded_len, page, shorten};
pub use self::pairing::{PairingDesk, PairingRecord, PairingWorld, Pairings, SystemWorld};
pub use self::reach::Reach;
pub use self::server::{ServerLimits, Service, serve, serve_with};
pub use self::settings::{SETTINGS, SettingInfo};
pub use self::socket::{
    BindError, HomeLock, Listener, STARTING, SocketPathError, bridge_socket_path, is_same_user, socket_path,
};
pub use self::types::*;
