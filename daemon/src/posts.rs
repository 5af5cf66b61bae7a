//! Mask's posts: their keys on the way to Gun relays and back.
//!
//! What is to be published lies in the store until a relay has it; the publisher goes on from there after any
//! crash. Nothing here runs on an async thread for long: hashes and ciphers go to the blocking pool.

mod lookup;
mod nodes;
mod publisher;
mod reading;
mod settings;
mod tags;

pub(crate) use self::lookup::{AT_A_TIME, Lookup, look_up, places, single_place};
pub(crate) use self::nodes::{Node, Post, nodes_of};
pub(crate) use self::publisher::Publisher;
pub(crate) use self::reading::{
    Keys, Own, broken, find, is_for_p256, is_p256, named_network, open_here, open_with, parts_of, unreadable,
};
pub(crate) use self::settings::Settings;
pub(crate) use self::tags::{key_tags, post_tag};

use bauta_ipc::{RpcError, SocialNetwork, codes};
use bauta_protocol::id::PersonaKey;
use bauta_protocol::mask::{Network, PublicKey};

use crate::gun::GunError;

/// The network of the API as the formats know it.
pub(crate) fn network(network: SocialNetwork) -> Network {
    match network {
        SocialNetwork::Twitter => Network::Twitter,
        SocialNetwork::Facebook => Network::Facebook,
        SocialNetwork::Minds => Network::Minds,
        SocialNetwork::Instagram => Network::Instagram,
    }
}

/// The network of the formats as the API shows it; `None` for one without partitions.
pub(crate) fn shown_network(network: Network) -> Option<SocialNetwork> {
    match network {
        Network::Twitter => Some(SocialNetwork::Twitter),
        Network::Facebook => Some(SocialNetwork::Facebook),
        Network::Minds => Some(SocialNetwork::Minds),
        Network::Instagram => Some(SocialNetwork::Instagram),
        Network::Unknown => None,
    }
}

/// A key of the store as the formats take it.
pub(crate) fn mask_key(key: &PersonaKey) -> Result<PublicKey, RpcError> {
    PublicKey::from_sec1(key.as_bytes()).map_err(|error| internal(&error))
}

/// A key of the formats as the store takes it.
pub(crate) fn persona_key(key: &PublicKey) -> Result<PersonaKey, RpcError> {
    PersonaKey::from_bytes(&key.to_compressed()).map_err(|error| internal(&error))
}

/// What cannot happen, as an error.
pub(crate) fn internal(error: &dyn std::error::Error) -> RpcError {
    RpcError::new(&codes::INTERNAL, format!("A post could not be handled: {error}."))
}

/// Why Gun relays did not take or give something, for people.
pub(crate) fn gun_failed(error: &GunError) -> RpcError {
    let code = match error {
        GunError::Stopped => &codes::DAEMON_STOPPING,
        _ => &codes::GUN_UNREACHABLE,
    };
    RpcError::of(code, error)
}

/// Runs what takes the processor for long.
pub(crate) async fn off_thread<T, F>(work: F) -> Result<T, RpcError>
where
    T: Send + 'static,
    F: FnOnce() -> T + Send + 'static,
{
    tokio::task::spawn_blocking(work).await.map_err(|error| internal(&error))
}
