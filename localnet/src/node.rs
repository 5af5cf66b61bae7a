//! One node, as its tester sees it.

use std::{
    collections::HashSet,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures::future::BoxFuture;
use nym_crypto::asymmetric::ed25519;
use tokio::{net::TcpListener, sync::Mutex};
use tokio_util::sync::CancellationToken;

use crate::{
    Limits, NodeEntry, NodeError, NodeRole, NodeStats, Refusal,
    forwarder::Forwarder,
    gateway::{handshake, session},
    listener::{Scope, bind_again},
    mix::{Core, Running},
};

/// A handle of one mix or gateway. Cheap to clone.
#[derive(Clone)]
pub struct Node {
    inner: Arc<Inner>,
}

pub(crate) struct Inner {
    id: u32,
    /// Mixes only.
    layer: Option<u8>,
    identity: Arc<ed25519::KeyPair>,
    limits: Limits,
    core: Arc<Core>,
    routes: Arc<HashSet<SocketAddr>>,
    /// Cancelled with the network.
    network: CancellationToken,
    /// `None` while the node is stopped.
    running: Mutex<Option<Arc<Running>>>,
    up: AtomicBool,
}

/// The listening sockets of a node.
pub(crate) struct Sockets {
    pub(crate) mix: TcpListener,
    pub(crate) websocket: Option<TcpListener>,
}

impl Node {
    pub(crate) fn new(
        id: u32,
        layer: Option<u8>,
        identity: Arc<ed25519::KeyPair>,
        limits: Limits,
        core: Core,
        routes: Arc<HashSet<SocketAddr>>,
        network: CancellationToken,
    ) -> Self {
        let inner = Inner {
            id,
            layer,
            identity,
            limits,
            core: Arc::new(core),
            routes,
            network,
            running: Mutex::default(),
            up: AtomicBool::new(false),
        };
        Node { inner: Arc::new(inner) }
    }

    /// The node's number in the topology: mixes 1 to 3, then gateways.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.inner.id
    }

    /// The node's Ed25519 identity in base58, as Nym addresses and `request_gateway` name it.
    #[must_use]
    pub fn identity(&self) -> String {
        self.inner.identity.public_key().to_base58_string()
    }

    /// The mix layer, 1 to 3; `None` for a gateway.
    #[must_use]
    pub fn layer(&self) -> Option<u8> {
        self.inner.layer
    }

    /// Where the node takes Sphinx packets.
    #[must_use]
    pub fn mix_address(&self) -> SocketAddr {
        self.inner.core.mix_address
    }

    /// Where a gateway takes clients.
    #[must_use]
    pub fn websocket_address(&self) -> Option<SocketAddr> {
        self.inner.core.gateway.as_ref().map(|gateway| gateway.websocket)
    }

    /// Whether the node's sockets are open.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.inner.up.load(Ordering::Relaxed)
    }

    /// What the node has done so far.
    #[must_use]
    pub fn stats(&self) -> NodeStats {
        self.inner.core.counters.snapshot()
    }

    /// Loses this share of the packets that come from other nodes; above 1000 counts as 1000.
    pub fn set_drop(&self, permille: u16) {
        self.inner.core.faults.set_drop(permille);
    }

    /// Holds each packet from other nodes back for this long, on top of the delay it asks for.
    pub fn set_delay(&self, delay: Duration) {
        self.inner.core.faults.set_delay(delay);
    }

    /// Flips one bit of the payload in this share of the messages that the gateway delivers to its clients.
    ///
    /// Nym encrypts payloads with AES-128-CTR without a MAC, so that a hostile gateway can do this,
    /// and the receiver gets the message with that bit of the plaintext flipped.
    /// The key material and the fragment header in front are spared; the flip may hit anything behind:
    /// the sender tag, reply blocks, the text, the padding. Without effect on a mix.
    pub fn flip_bits(&self, permille: u16) {
        self.inner.core.faults.set_flip(permille);
    }

    /// Turns clients away that connect from now on, as gateways of the real network do; `None`: no longer.
    /// Without effect on a mix.
    pub fn refuse(&self, refusal: Option<Refusal>) {
        if let Some(gateway) = &self.inner.core.gateway {
            gateway.refuse(refusal);
        }
    }

    /// Takes back what the gateway's clients may still send, as gateways do at midnight: their next packets are refused
    /// until they ask for more. Without effect on a mix.
    pub fn end_grants(&self) {
        if let Some(gateway) = &self.inner.core.gateway {
            gateway.end_grants();
        }
    }

    /// Takes the node down as a crash would: sockets closed, connections cut, packets it held lost.
    ///
    /// It stays in the topology, like a node that died within the epoch.
    /// A gateway keeps its registrations and inboxes.
    pub fn stop(&self) -> BoxFuture<'_, ()> {
        // Boxed, so that other crates do not compile all of it once more.
        Box::pin(self.take_down())
    }

    async fn take_down(&self) {
        let mut running = self.inner.running.lock().await;
        if let Some(node) = running.take() {
            self.inner.up.store(false, Ordering::Relaxed);
            node.scope.end().await;
        }
    }

    /// Brings the node back at the same ports. Does nothing if it is up, or if the network has been stopped.
    ///
    /// # Errors
    /// [`NodeError::Bind`] if another process took one of its ports and keeps it for five seconds.
    pub fn start(&self) -> BoxFuture<'_, Result<(), NodeError>> {
        // Boxed, so that other crates do not compile all of it once more.
        Box::pin(self.bring_up())
    }

    async fn bring_up(&self) -> Result<(), NodeError> {
        let mut running = self.inner.running.lock().await;
        if running.is_some() || self.inner.network.is_cancelled() {
            return Ok(());
        }
        let mix = self.bind(self.mix_address()).await?;
        let websocket = match self.websocket_address() {
            Some(address) => Some(self.bind(address).await?),
            None => None,
        };
        *running = Some(self.inner.run(Sockets { mix, websocket }));
        Ok(())
    }

    async fn bind(&self, address: SocketAddr) -> Result<TcpListener, NodeError> {
        let port = address.port();
        let failed = |source| NodeError::Bind { node: self.id(), port, source };
        bind_again(port).await.map_err(failed)
    }

    /// Makes a gateway forget its registrations and inboxes, as if it had lost its database.
    /// Connected clients are cut off, and refused when they log in with the keys they have.
    /// Does nothing to a mix.
    ///
    /// # Errors
    /// [`NodeError::Store`] if the registrations on disk could not be emptied.
    pub fn wipe(&self) -> BoxFuture<'_, Result<(), NodeError>> {
        // Boxed, so that other crates do not compile all of it once more.
        Box::pin(self.forget())
    }

    async fn forget(&self) -> Result<(), NodeError> {
        let Some(gateway) = &self.inner.core.gateway else { return Ok(()) };
        gateway.wipe().await.map_err(|source| NodeError::Store { node: self.id(), source })
    }

    pub(crate) fn core(&self) -> &Core {
        &self.inner.core
    }

    pub(crate) fn identity_pair(&self) -> &ed25519::KeyPair {
        &self.inner.identity
    }

    /// Starts with sockets that are bound already.
    pub(crate) async fn run(&self, sockets: Sockets) {
        *self.inner.running.lock().await = Some(self.inner.run(sockets));
    }

    pub(crate) fn entry(&self) -> NodeEntry {
        NodeEntry {
            id: self.id(),
            role: if self.layer().is_some() { NodeRole::Mix } else { NodeRole::Gateway },
            layer: self.layer(),
            identity: self.identity(),
            mix: self.mix_address(),
            websocket: self.websocket_address(),
        }
    }
}

impl std::fmt::Debug for Node {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Node({})", self.inner.id)
    }
}

impl Inner {
    fn run(&self, sockets: Sockets) -> Arc<Running> {
        let scope = Scope::child_of(&self.network);
        let forwarder = Forwarder::new(scope.clone(), self.routes.clone(), self.core.counters.clone());
        let node = Arc::new(Running::new(self.core.clone(), scope, forwarder));
        let limit = self.limits.connections;
        let packets = node.clone();
        node.scope.accept(sockets.mix, limit, move |stream| packets.clone().serve(stream));
        if let Some(websocket) = sockets.websocket {
            let clients = node.clone();
            node.scope.accept(websocket, limit, move |stream| serve_client(clients.clone(), stream));
            node.scope.spawn(expire(node.clone()));
        }
        self.up.store(true, Ordering::Relaxed);
        node
    }
}

async fn serve_client(node: Arc<Running>, stream: tokio::net::TcpStream) {
    let Some(gateway) = &node.core.gateway else { return };
    if gateway.refusal() == Some(Refusal::Full) {
        return;
    }
    if let Some((socket, client)) = handshake::log_in(&node.core, gateway, stream).await {
        session::run(&node, gateway, socket, client).await;
    }
}

async fn expire(node: Arc<Running>) {
    let Some(gateway) = &node.core.gateway else { return };
    loop {
        tokio::time::sleep(gateway.expiry_pause()).await;
        gateway.expire();
    }
}
