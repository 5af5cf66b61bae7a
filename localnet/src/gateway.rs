//! The client side of a gateway: who is registered, who is connected, and which messages wait.

pub(crate) mod handshake;
mod inbox;
mod refusal;
pub(crate) mod session;

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, Instant},
};

use nym_crypto::asymmetric::ed25519;
use nym_gateway_requests::SharedSymmetricKey;
use nym_sphinx_types::DestinationAddressBytes;
use tokio::sync::mpsc;

pub use refusal::Refusal;
pub(crate) use refusal::TICKETS_ONLY;

use crate::{
    Limits, StoreError,
    gateway::inbox::Inbox,
    lock,
    store::{SavedClient, Secret, Store},
};

/// The state of a gateway that survives its stops.
pub(crate) struct Gateway {
    pub(crate) websocket: SocketAddr,
    pub(crate) identity: Arc<ed25519::KeyPair>,
    limits: Limits,
    clients: Mutex<Clients>,
    refusal: Mutex<Option<Refusal>>,
    disk: Option<Disk>,
}

/// Where registrations are kept. The lock holds the generation of [`Clients`] that is on disk.
struct Disk {
    store: Store,
    node: u32,
    saved: Arc<tokio::sync::Mutex<u64>>,
}

#[derive(Default)]
struct Clients {
    known: HashMap<DestinationAddressBytes, Client>,
    /// Bytes in all inboxes.
    stored_bytes: usize,
    /// Grows with each change of what is kept on disk.
    generation: u64,
    sessions: u64,
}

struct Client {
    key: Arc<SharedSymmetricKey>,
    session: Option<Open>,
    inbox: Inbox,
    last_seen: Instant,
    bandwidth: Bandwidth,
}

/// What a client may still send, in bytes. As on the real network there is nothing until the client asks for some.
#[derive(Clone, Default)]
pub(crate) struct Bandwidth(Arc<AtomicI64>);

/// What a gateway gives a client that asks for free bandwidth (nym-node 1.31).
const GRANT: i64 = 64 << 30;

struct Open {
    number: u64,
    messages: mpsc::Sender<Vec<u8>>,
}

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Delivery {
    Pushed,
    Stored,
    Refused,
}

/// One login: messages that waited, and messages to come until the session is replaced or cut.
///
/// When it is dropped, for whatever reason, what it did not get through goes back to the client's inbox,
/// or to the session that replaced it.
pub(crate) struct Session {
    gateway: Arc<Gateway>,
    address: DestinationAddressBytes,
    number: u64,
    pub(crate) key: Arc<SharedSymmetricKey>,
    pub(crate) bandwidth: Bandwidth,
    pub(crate) waiting: Vec<Vec<u8>>,
    pub(crate) messages: mpsc::Receiver<Vec<u8>>,
}

impl Gateway {
    /// `known`: the registrations of an earlier run.
    pub(crate) fn new(
        websocket: SocketAddr,
        identity: Arc<ed25519::KeyPair>,
        limits: Limits,
        disk: Option<(Store, u32)>,
        known: Vec<SavedClient>,
    ) -> Self {
        let now = Instant::now();
        let known = known.iter().filter_map(|client| {
            let key = SharedSymmetricKey::try_from_bytes(&client.key.0).ok()?;
            let address = DestinationAddressBytes::from_bytes(client.address);
            Some((address, Client::new(Arc::new(key), now)))
        });
        let clients = Clients { known: known.collect(), ..Clients::default() };
        let disk = disk.map(|(store, node)| Disk { store, node, saved: Arc::default() });
        Gateway { websocket, identity, limits, clients: Mutex::new(clients), refusal: Mutex::default(), disk }
    }

    /// The key agreed with a client when it registered.
    pub(crate) fn key_of(&self, address: DestinationAddressBytes) -> Option<Arc<SharedSymmetricKey>> {
        lock(&self.clients).known.get(&address).map(|client| client.key.clone())
    }

    /// Remembers a client, on disk too, before it gets the answer.
    pub(crate) async fn register(
        &self,
        address: DestinationAddressBytes,
        key: SharedSymmetricKey,
    ) -> Result<(), StoreError> {
        lock(&self.clients).register(address, Arc::new(key), self.limits.registrations);
        self.persist().await
    }

    /// Forgets a client that asked for it.
    pub(crate) async fn forget(&self, address: DestinationAddressBytes) -> Result<(), StoreError> {
        lock(&self.clients).remove(address);
        self.persist().await
    }

    /// Forgets all clients and all they had waiting; open sessions end.
    pub(crate) async fn wipe(&self) -> Result<(), StoreError> {
        {
            let mut clients = lock(&self.clients);
            clients.known.clear();
            clients.stored_bytes = 0;
            clients.generation += 1;
        }
        self.persist().await
    }

    /// Turns clients away from now on, or no longer.
    pub(crate) fn refuse(&self, refusal: Option<Refusal>) {
        *lock(&self.refusal) = refusal;
    }

    /// How clients are turned away.
    pub(crate) fn refusal(&self) -> Option<Refusal> {
        *lock(&self.refusal)
    }

    /// Takes back what clients may still send, as gateways do at midnight.
    pub(crate) fn end_grants(&self) {
        for client in lock(&self.clients).known.values() {
            client.bandwidth.0.store(0, Ordering::Relaxed);
        }
    }

    /// Opens a session for a registered client; an older one of the same client ends.
    pub(crate) fn open(self: &Arc<Self>, address: DestinationAddressBytes) -> Option<Session> {
        let (sender, messages) = mpsc::channel(self.limits.session_messages.max(1));
        let mut clients = lock(&self.clients);
        let Clients { known, stored_bytes, sessions, .. } = &mut *clients;
        let client = known.get_mut(&address)?;
        *sessions += 1;
        let number = *sessions;
        client.session = Some(Open { number, messages: sender });
        client.last_seen = Instant::now();
        let waiting = client.inbox.take(stored_bytes, self.limits.inbox_age);
        let (gateway, key, bandwidth) = (self.clone(), client.key.clone(), client.bandwidth.clone());
        Some(Session { gateway, address, number, key, bandwidth, waiting, messages })
    }

    /// Takes a message for a client: to its session if it has one, else to its inbox.
    pub(crate) fn accept(&self, address: DestinationAddressBytes, message: Vec<u8>) -> Delivery {
        self.place(address, message, false)
    }

    /// `acknowledged`: the sender will not send it again, so that it rather waits for the next login
    /// than be refused by a session that is full.
    fn place(&self, address: DestinationAddressBytes, message: Vec<u8>, acknowledged: bool) -> Delivery {
        let mut clients = lock(&self.clients);
        let Clients { known, stored_bytes, .. } = &mut *clients;
        let Some(client) = known.get_mut(&address) else { return Delivery::Refused };
        let message = match &client.session {
            None => message,
            Some(open) => match open.messages.try_send(message) {
                Ok(()) => return Delivery::Pushed,
                Err(mpsc::error::TrySendError::Full(message)) if acknowledged => message,
                Err(mpsc::error::TrySendError::Full(_)) => return Delivery::Refused,
                // The session's task is gone but has not said so yet.
                Err(mpsc::error::TrySendError::Closed(message)) => message,
            },
        };
        if client.inbox.put(message, stored_bytes, &self.limits) {
            Delivery::Stored
        } else {
            Delivery::Refused
        }
    }

    /// Drops what has waited too long.
    pub(crate) fn expire(&self) {
        let mut clients = lock(&self.clients);
        let Clients { known, stored_bytes, .. } = &mut *clients;
        for client in known.values_mut() {
            client.inbox.expire(stored_bytes, self.limits.inbox_age);
        }
    }

    /// How often [`Gateway::expire`] should run.
    pub(crate) fn expiry_pause(&self) -> Duration {
        (self.limits.inbox_age / 8).clamp(Duration::from_millis(10), Duration::from_secs(60))
    }

    /// Writes the registrations, unless a write that began meanwhile has covered this change too.
    async fn persist(&self) -> Result<(), StoreError> {
        let Some(disk) = &self.disk else { return Ok(()) };
        let wanted = lock(&self.clients).generation;
        let mut saved = disk.saved.clone().lock_owned().await;
        if *saved >= wanted {
            return Ok(());
        }
        let (generation, clients) = lock(&self.clients).to_saved();
        let (store, node) = (disk.store.clone(), disk.node);
        // The write keeps the lock: it outlives a caller that is cancelled, and writes must not overtake each other.
        let write = tokio::task::spawn_blocking(move || {
            let written = store.save_clients(node, clients);
            if written.is_ok() {
                *saved = generation;
            }
            written
        });
        // Not finished only at the end of the runtime.
        write.await.unwrap_or(Ok(()))
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        {
            let mut clients = lock(&self.gateway.clients);
            if let Some(client) = clients.known.get_mut(&self.address) {
                client.last_seen = Instant::now();
                if client.session.as_ref().is_some_and(|open| open.number == self.number) {
                    client.session = None;
                }
            }
        }
        let queued = std::iter::from_fn(|| self.messages.try_recv().ok());
        for message in std::mem::take(&mut self.waiting).into_iter().chain(queued) {
            self.gateway.place(self.address, message, true);
        }
    }
}

impl Clients {
    fn register(&mut self, address: DestinationAddressBytes, key: Arc<SharedSymmetricKey>, limit: usize) {
        self.generation += 1;
        if let Some(client) = self.known.get_mut(&address) {
            client.key = key;
            client.session = None;
            return;
        }
        if self.known.len() >= limit {
            let absent = self.known.iter().filter(|(_, client)| client.session.is_none());
            let longest = absent.min_by_key(|(_, client)| client.last_seen);
            // If all of them are connected, the bound is exceeded: connections have a bound of their own.
            if let Some(address) = longest.map(|(address, _)| *address) {
                self.remove(address);
            }
        }
        self.known.insert(address, Client::new(key, Instant::now()));
    }

    fn remove(&mut self, address: DestinationAddressBytes) {
        if let Some(client) = self.known.remove(&address) {
            self.stored_bytes = self.stored_bytes.saturating_sub(client.inbox.bytes());
            self.generation += 1;
        }
    }

    fn to_saved(&self) -> (u64, Vec<SavedClient>) {
        let clients = self.known.iter().filter_map(|(address, client)| {
            let key = Secret(client.key.as_bytes().try_into().ok()?);
            Some(SavedClient { address: address.as_bytes(), key })
        });
        (self.generation, clients.collect())
    }
}

impl Client {
    fn new(key: Arc<SharedSymmetricKey>, now: Instant) -> Self {
        let (inbox, bandwidth) = (Inbox::default(), Bandwidth::default());
        Client { key, session: None, inbox, last_seen: now, bandwidth }
    }
}

impl Bandwidth {
    pub(crate) fn left(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }

    /// What is left with a grant more.
    pub(crate) fn grant(&self) -> i64 {
        self.0.fetch_add(GRANT, Ordering::Relaxed).saturating_add(GRANT)
    }

    /// Takes off a packet. What is left then, or what there is if it is too little.
    pub(crate) fn spend(&self, bytes: i64) -> Result<i64, i64> {
        let spent = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
            left.checked_sub(bytes).filter(|rest| *rest >= 0)
        });
        spent.map(|before| before - bytes)
    }
}

#[cfg(test)]
mod tests;
