//! The parts of each node of a network: from an earlier run, or new.

use std::{net::SocketAddr, sync::Arc};

use nym_crypto::asymmetric::{ed25519, x25519};
use rand::rngs::OsRng;
use tokio::net::TcpListener;

use crate::{
    LocalnetConfig, Node, StartError,
    keys::{KeyPair, SphinxKey},
    listener::{Mark, bind_again, bind_any, loopback},
    node::Sockets,
    store::{SavedKey, SavedNetwork, SavedNode, Secret},
};

/// Mix layers, with one mix each. Their ids are 1 to 3.
pub(crate) const LAYERS: u32 = 3;

/// What a node is made of, with its sockets bound.
pub(crate) struct Plan {
    pub(crate) id: u32,
    pub(crate) identity: Arc<ed25519::KeyPair>,
    pub(crate) keys: KeyPair,
    pub(crate) mix_address: SocketAddr,
    pub(crate) websocket: Option<SocketAddr>,
    pub(crate) sockets: Sockets,
    pub(crate) marks: Vec<Mark>,
}

/// Binds the sockets of all nodes, at the ports they had if they had any, and finds or makes their keys.
pub(crate) async fn plan(
    config: &LocalnetConfig,
    saved: Option<SavedNetwork>,
    rotation: u32,
) -> Result<Vec<Plan>, StartError> {
    let saved = saved.map(|saved| saved.nodes).unwrap_or_default();
    let gateways = config.gateways.max(saved.len().saturating_sub(LAYERS as usize));
    let gateways = gateways.min(LocalnetConfig::MAX_GATEWAYS);
    let mut plans = Vec::new();
    for id in 1..=LAYERS + u32::try_from(gateways).unwrap_or_default() {
        let old = saved.iter().find(|node| node.id == id);
        let mut marks = Vec::new();
        let (mix, mix_port, mark) = bind(old.map(|node| node.mix_port)).await?;
        marks.push(mark);
        let (websocket, address) = if id > LAYERS {
            let (socket, port, mark) = bind(old.and_then(|node| node.websocket_port)).await?;
            marks.push(mark);
            (Some(socket), Some(loopback(port)))
        } else {
            (None, None)
        };
        let identity = match old {
            Some(node) => secret_identity(&node.identity),
            None => ed25519::KeyPair::new(&mut OsRng),
        };
        plans.push(Plan {
            id,
            identity: Arc::new(identity),
            keys: keys_for(old, rotation),
            mix_address: loopback(mix_port),
            websocket: address,
            sockets: Sockets { mix, websocket },
            marks,
        });
    }
    Ok(plans)
}

/// Binds the port of an earlier run, or any.
pub(crate) async fn bind(port: Option<u16>) -> Result<(TcpListener, u16, Mark), StartError> {
    let (listener, mark) = match port {
        Some(port) => {
            let taken = |error: std::io::Error| match error.kind() {
                std::io::ErrorKind::AddrInUse => StartError::PortTaken { port },
                _ => StartError::Bind(error),
            };
            (bind_again(port).await.map_err(taken)?, Mark::try_on(port))
        }
        None => bind_any().await.map_err(StartError::Bind)?,
    };
    let port = listener.local_addr().map_err(StartError::Bind)?.port();
    Ok((listener, port, mark))
}

fn secret_identity(secret: &Secret) -> ed25519::KeyPair {
    match ed25519::PrivateKey::from_bytes(&secret.0) {
        Ok(secret) => secret.into(),
        // Never: every 32 bytes are an Ed25519 secret.
        Err(_) => ed25519::KeyPair::new(&mut OsRng),
    }
}

/// The keys of an earlier run, advanced to `rotation`; new ones if there are none.
fn keys_for(old: Option<&SavedNode>, rotation: u32) -> KeyPair {
    let Some(old) = old else { return KeyPair::new(SphinxKey::generate(rotation)) };
    let key =
        |saved: &SavedKey| SphinxKey::new(saved.rotation, x25519::PrivateKey::from_secret(saved.secret.0));
    let keys = match &old.previous_sphinx {
        Some(previous) => KeyPair::new(key(previous)).next(key(&old.sphinx)),
        None => KeyPair::new(key(&old.sphinx)),
    };
    if keys.current.rotation() == rotation { keys } else { keys.next(SphinxKey::generate(rotation)) }
}

/// A node as it is kept on disk.
pub(crate) fn saved_node(node: &Node, keys: &KeyPair) -> SavedNode {
    let key =
        |key: &SphinxKey| SavedKey { rotation: key.rotation(), secret: Secret(key.secret().to_bytes()) };
    SavedNode {
        id: node.id(),
        mix_port: node.mix_address().port(),
        websocket_port: node.websocket_address().map(|address| address.port()),
        identity: Secret(node.identity_pair().private_key().to_bytes()),
        sphinx: key(&keys.current),
        previous_sphinx: keys.previous.as_deref().map(key),
    }
}
