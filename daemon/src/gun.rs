//! A client of Gun relays, where Mask Network keeps its post keys.
//!
//! [`Gun`] writes nodes and reads sets over connections that a [`Dial`] opens; in this program, that is a way through
//! the mixnet, so no relay sees where its client is.
//! A relay is not trusted: writing ends with reading back, and what is read is bounded and may come from anybody.
//!
//! A relay passes a question for a node it does not have on to its other clients.
//! So every look-up is public; only who asks is hidden.

use std::collections::HashSet;
use std::fmt;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use bauta_protocol::gun::{Get, MAX_NAME, Node, Value};
use serde_json::{Map, Value as Json};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub mod endpoint;

mod collect;
mod connection;
mod error;
mod exits;
mod publish;
mod relay;
mod tls;
mod url;

pub use error::{ConnectError, DialError, GunConfigError, GunError};
pub use url::{GunUrl, GunUrlError};

use relay::Relay;

/// How many relays are used.
const MAX_RELAYS: usize = 16;
/// How many publications run at a time.
const PUBLICATIONS: usize = 16;
/// The largest value that is written, in bytes.
const MAX_VALUE: usize = 1 << 20;
/// Writes are dated this many milliseconds back, because a relay holds back what its clock calls the future.
const DATED_BACK: f64 = 3000.0;
/// Updates that wait for a subscriber.
const UPDATES: usize = 64;

/// A stream of bytes in both directions.
pub trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// Opens streams to hosts. The one in this program goes through the mixnet.
#[async_trait]
pub trait Dial: Send + Sync + 'static {
    /// A stream to a TCP port of a host, which may be a name or an address.
    ///
    /// # Errors
    /// Every [`DialError`].
    async fn dial(&self, host: &str, port: u16) -> Result<Box<dyn Stream>, DialError>;
}

/// How a [`Gun`] is set up.
#[derive(Clone)]
pub struct GunConfig {
    /// The relays. Everything is written to all of them and read from all of them.
    pub relays: Vec<GunUrl>,
    /// Certificates in PEM form that are trusted besides the roots of the web.
    pub extra_roots_pem: Option<Vec<u8>>,
    /// Opens streams to the relays.
    pub dial: Arc<dyn Dial>,
}

impl fmt::Debug for GunConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GunConfig").field("relays", &self.relays).finish_non_exhaustive()
    }
}

/// What to write to a node.
#[derive(Clone, Debug, PartialEq)]
pub struct NodeUpdate {
    /// The node.
    pub soul: String,
    /// The properties that change: texts, numbers, booleans, null to delete, and links ([`NodeUpdate::link`]).
    pub properties: Map<String, Json>,
}

impl NodeUpdate {
    /// The value that links to another node.
    #[must_use]
    pub fn link(soul: &str) -> Json {
        Value::Link(soul.to_owned()).to_json()
    }

    /// An update that makes `member` a member of the set `set`, as Gun's `set` does.
    #[must_use]
    pub fn member(set: &str, member: &str) -> Self {
        Self { soul: set.to_owned(), properties: Map::from_iter([(member.to_owned(), Self::link(member))]) }
    }
}

/// How long and how much a set is read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct CollectLimits {
    /// The most members to read. Anybody can add some.
    pub members: usize,
    /// How long to wait after the last piece of an answer of which pieces are missing.
    pub quiet: Duration,
    /// How long it may take in all.
    pub deadline: Duration,
    /// Whether it runs on a connection of its own, which is closed afterwards.
    pub own_connection: bool,
}

impl Default for CollectLimits {
    fn default() -> Self {
        Self {
            members: 4096,
            quiet: Duration::from_secs(5),
            deadline: Duration::from_secs(120),
            own_connection: false,
        }
    }
}

/// How long to wait for one node.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct GetLimits {
    /// How long to wait after the last piece of an answer of which pieces are missing.
    pub quiet: Duration,
    /// How long it may take in all.
    pub deadline: Duration,
}

impl Default for GetLimits {
    fn default() -> Self {
        Self { quiet: Duration::from_secs(5), deadline: Duration::from_secs(60) }
    }
}

/// The result of reading a set.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Collected {
    /// Why it ended.
    pub ended: Ended,
    /// How many nodes were delivered.
    pub nodes: usize,
    /// How many members the set has, according to the relay that listed the most.
    pub members: usize,
}

/// Why reading a set ended.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Ended {
    /// Every member was read.
    Complete,
    /// The receiver of the nodes had enough.
    Enough,
    /// The set is larger than the limit.
    Limit,
    /// Pieces are missing, and nothing came for the quiet period.
    Quiet,
    /// The deadline passed, or a relay did not answer.
    Deadline,
}

/// What is known about a relay.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RelayStatus {
    /// Its address.
    pub url: GunUrl,
    /// Whether a connection to it is open.
    pub is_connected: bool,
}

/// A client of Gun relays. Clones are the same client.
///
/// Connections are opened on demand, closed when idle, and opened again after a failure, with growing pauses.
#[derive(Clone)]
pub struct Gun {
    inner: Arc<Inner>,
}

struct Inner {
    relays: Vec<Arc<Relay>>,
    /// The last state given to a write.
    clock: Mutex<f64>,
    publications: Arc<Semaphore>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Gun {
    /// A client; it connects when it has something to do.
    ///
    /// # Errors
    /// Every [`GunConfigError`].
    pub fn new(config: GunConfig) -> Result<Self, GunConfigError> {
        let connector = tls::connector(config.extra_roots_pem.as_deref())?;
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let mut urls: Vec<GunUrl> = Vec::new();
        for url in config.relays.into_iter().take(MAX_RELAYS) {
            if !urls.contains(&url) {
                urls.push(url);
            }
        }
        if urls.is_empty() {
            return Err(GunConfigError::NoRelay);
        }
        let relay = |url| {
            let dial = Arc::clone(&config.dial);
            Arc::new(Relay::new(url, dial, connector.clone(), tasks.clone(), stop.clone()))
        };
        let relays = urls.into_iter().map(relay).collect();
        let publications = Arc::new(Semaphore::new(PUBLICATIONS));
        Ok(Self { inner: Arc::new(Inner { relays, clock: Mutex::new(0.0), publications, tasks, stop }) })
    }

    /// The relays and whether they are connected.
    #[must_use]
    pub fn relays(&self) -> Vec<RelayStatus> {
        let status =
            |relay: &Arc<Relay>| RelayStatus { url: relay.url().clone(), is_connected: relay.is_connected() };
        self.inner.relays.iter().map(status).collect()
    }

    /// Writes nodes and reads them back, again and again until one relay has them all or the deadline passes.
    /// If there are more relays, they continue until the deadline.
    ///
    /// # Errors
    /// [`GunError::Invalid`] for what Gun cannot hold; [`GunError::NotKept`] and [`GunError::Unreachable`] when the
    /// deadline passed, by what went wrong last; [`GunError::Overwritten`]; [`GunError::Stopped`].
    pub async fn publish(&self, nodes: Vec<NodeUpdate>, deadline: Duration) -> Result<(), GunError> {
        let state = self.next_state();
        let nodes: Result<Vec<Node>, GunError> = nodes.into_iter().map(|node| dated(node, state)).collect();
        self.publish_dated(nodes?, deadline).await
    }

    /// Like [`Self::publish`], with states that the caller gives.
    pub(crate) async fn publish_dated(&self, nodes: Vec<Node>, deadline: Duration) -> Result<(), GunError> {
        let until = Instant::now() + deadline;
        let (outcomes, mut outcome) = mpsc::channel(MAX_RELAYS);
        let inner = &self.inner;
        let permit = Arc::clone(&inner.publications).acquire_owned();
        let permit = tokio::select! {
            permit = timeout_at(until, permit) => match permit {
                Ok(Ok(permit)) => permit,
                Ok(Err(_)) => return Err(GunError::Stopped),
                Err(_) => return Err(GunError::Timeout),
            },
            () = inner.stop.cancelled() => return Err(GunError::Stopped),
        };
        for relay in &inner.relays {
            let (relay, nodes, outcomes) = (Arc::clone(relay), nodes.clone(), outcomes.clone());
            let stop = inner.stop.clone();
            // A relay that has failed for long is left out.
            let Some(place) = relay.place() else { continue };
            inner.tasks.spawn(async move {
                let doubt = Mutex::new(publish::Doubt::default());
                let result = tokio::select! {
                    result = timeout_at(until, publish::publish(&relay, nodes, &doubt)) => result,
                    () = stop.cancelled() => Ok(Err(GunError::Stopped)),
                };
                let result = result.unwrap_or_else(|_| Err(verdict(doubt)));
                let _ = outcomes.send(result).await;
                drop(place);
            });
        }
        drop(outcomes);
        let mut worst = GunError::Timeout;
        while let Some(result) = outcome.recv().await {
            match result {
                Ok(()) => return Ok(()),
                Err(error) => worst = error,
            }
        }
        drop(permit);
        Err(worst)
    }

    /// Reads a set's members from all relays and gives each to `on_node` as soon as it is whole: its soul, and its
    /// properties with links as `{"#": soul}`. A node that a relay changes meanwhile, or that relays have in different
    /// states, is given again.
    ///
    /// # Errors
    /// [`GunError::Unreachable`] and [`GunError::Timeout`] when no relay answered; [`GunError::Stopped`].
    pub async fn collect(
        &self,
        set: &str,
        limits: CollectLimits,
        mut on_node: impl FnMut(&str, &Map<String, Json>) -> ControlFlow<()> + Send,
    ) -> Result<Collected, GunError> {
        check_name(set)?;
        let until = Instant::now() + limits.deadline;
        let (found, mut nodes) = mpsc::channel::<Node>(UPDATES);
        let mut reading = JoinSet::new();
        for relay in &self.inner.relays {
            let (relay, set, found) = (Arc::clone(relay), set.to_owned(), found.clone());
            reading.spawn(async move {
                let last = Mutex::new(None);
                let read = timeout_at(until, collect::set(&relay, &set, limits, found, &last)).await;
                read.unwrap_or_else(|_| Err(too_late(last)))
            });
        }
        drop(found);
        let mut given = HashSet::new();
        let mut count = 0;
        loop {
            let node = tokio::select! {
                node = nodes.recv() => node,
                () = self.inner.stop.cancelled() => return Err(GunError::Stopped),
            };
            let Some(node) = node else { break };
            let properties = node.to_map();
            let print = fingerprint(&node.soul, &properties);
            if !given.insert(print) {
                continue;
            }
            count += 1;
            if on_node(&node.soul, &properties).is_break() {
                return Ok(Collected { ended: Ended::Enough, nodes: count, members: count });
            }
        }
        let mut collected: Option<Collected> = None;
        let mut failure = GunError::Timeout;
        while let Some(read) = reading.join_next().await {
            match read {
                Ok(Ok(read)) => {
                    let so_far =
                        collected.get_or_insert(Collected { ended: read.ended, nodes: count, members: 0 });
                    so_far.ended = so_far.ended.max(read.ended);
                    so_far.members = so_far.members.max(read.members);
                }
                Ok(Err(error)) => failure = error,
                Err(_) => {}
            }
        }
        match collected {
            Some(collected) => Ok(collected),
            None if count > 0 => Ok(Collected { ended: Ended::Deadline, nodes: count, members: count }),
            None => Err(failure),
        }
    }

    /// Reads one node from all relays; `None` when none of those that answered has it.
    ///
    /// # Errors
    /// [`GunError::Unreachable`] and [`GunError::Timeout`] when no relay answered; [`GunError::Stopped`].
    pub async fn get(&self, soul: &str, limits: GetLimits) -> Result<Option<Map<String, Json>>, GunError> {
        Ok(self.get_dated(Get::node(soul), limits).await?.map(|node| node.to_map()))
    }

    /// Reads one property of a node; of a large node this is much cheaper.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub async fn get_property(
        &self,
        soul: &str,
        name: &str,
        limits: GetLimits,
    ) -> Result<Option<Json>, GunError> {
        let node = self.get_dated(Get::property(soul, name), limits).await?;
        Ok(node.and_then(|node| node.to_map().remove(name)))
    }

    /// As [`Self::get`], with the states.
    pub(crate) async fn get_dated(&self, get: Get, limits: GetLimits) -> Result<Option<Node>, GunError> {
        check_name(&get.soul)?;
        let until = Instant::now() + limits.deadline;
        let mut reading = JoinSet::new();
        for relay in &self.inner.relays {
            let (relay, get) = (Arc::clone(relay), get.clone());
            reading.spawn(async move {
                let last = Mutex::new(None);
                let read = timeout_at(until, collect::node(&relay, &get, limits.quiet, &last)).await;
                read.unwrap_or_else(|_| Err(too_late(last)))
            });
        }
        let mut answer: Option<Option<Node>> = None;
        let mut failure = GunError::Timeout;
        loop {
            let read = tokio::select! {
                read = reading.join_next() => read,
                () = self.inner.stop.cancelled() => return Err(GunError::Stopped),
            };
            match read {
                None => break,
                Some(Ok(Ok(Some(node)))) => {
                    let all =
                        answer.get_or_insert_default().get_or_insert_with(|| Node::new(get.soul.clone()));
                    all.merge(node, f64::INFINITY);
                }
                Some(Ok(Ok(None))) => drop(answer.get_or_insert_default()),
                Some(Ok(Err(error))) => failure = error,
                Some(Err(_)) => {}
            }
        }
        answer.ok_or(failure)
    }

    /// Watches a node at all relays, from its present state on, while they are connected.
    #[must_use]
    pub fn subscribe(&self, soul: &str) -> Subscription {
        self.follow(Get::node(soul))
    }

    /// Like [`Self::subscribe`], but sends only what is asked for of the present state.
    pub(crate) fn follow(&self, get: Get) -> Subscription {
        let (sender, updates) = mpsc::channel(UPDATES);
        let mut watching = JoinSet::new();
        for relay in &self.inner.relays {
            let (relay, get, sender) = (Arc::clone(relay), get.clone(), sender.clone());
            let stop = self.inner.stop.clone();
            watching.spawn(async move {
                tokio::select! {
                    () = collect::watch(&relay, &get, sender) => {}
                    () = stop.cancelled() => {}
                }
            });
        }
        Subscription { updates, _watching: watching }
    }

    /// Ends everything that runs and closes all connections.
    pub async fn stop(&self) {
        self.inner.stop.cancel();
        self.inner.tasks.close();
        self.inner.tasks.wait().await;
    }

    /// When the next write happened: the time, dated back, and later than the write before.
    fn next_state(&self) -> f64 {
        let now = now_ms() - DATED_BACK;
        let mut last = self.inner.clock.lock().unwrap_or_else(PoisonError::into_inner);
        *last = now.max(*last + 0.001);
        *last
    }
}

/// Updates of a node, as long as it is kept.
pub struct Subscription {
    updates: mpsc::Receiver<Node>,
    _watching: JoinSet<()>,
}

impl Subscription {
    /// The next change: a node with the properties that changed. The same change may come from more than one relay.
    /// `None` once the client is stopped.
    pub async fn next(&mut self) -> Option<Node> {
        self.updates.recv().await
    }
}

/// Milliseconds since 1970.
#[expect(clippy::disallowed_methods, reason = "states of Gun are finer than milliseconds")]
fn now_ms() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64() * 1000.0
}

/// The node of an update, every property with the same state.
fn dated(update: NodeUpdate, state: f64) -> Result<Node, GunError> {
    check_name(&update.soul)?;
    let mut node = Node::new(update.soul);
    for (name, value) in update.properties {
        check_name(&name)?;
        let value = Value::from_json(&value).ok_or(GunError::Invalid("a value is a list or an object"))?;
        if matches!(&value, Value::Text(text) if text.len() > MAX_VALUE) {
            return Err(GunError::Invalid("a value is too long"));
        }
        if name == "_" {
            return Err(GunError::Invalid("a property may not be named _"));
        }
        node = node.with(name, value, state);
    }
    if node.properties.is_empty() {
        return Err(GunError::Invalid("a node has no properties"));
    }
    Ok(node)
}

fn check_name(name: &str) -> Result<(), GunError> {
    if name.is_empty() || name.len() > MAX_NAME {
        return Err(GunError::Invalid("a name is empty or too long"));
    }
    Ok(())
}

/// Why publishing was not over at the deadline.
fn verdict(doubt: Mutex<publish::Doubt>) -> GunError {
    let doubt = doubt.into_inner().unwrap_or_else(PoisonError::into_inner);
    match doubt.unreachable {
        _ if doubt.not_kept => GunError::NotKept,
        Some(error) => GunError::Unreachable(error),
        None => GunError::Timeout,
    }
}

/// Why reading was not over at the deadline.
fn too_late(last: Mutex<Option<ConnectError>>) -> GunError {
    let last = last.into_inner().unwrap_or_else(PoisonError::into_inner);
    last.map_or(GunError::Timeout, GunError::Unreachable)
}

/// A hash of a node's content, to recognise it without storing it.
fn fingerprint(soul: &str, properties: &Map<String, Json>) -> [u8; 32] {
    use sha2::{Digest, Sha256};
    let mut hash = Sha256::new();
    hash.update((soul.len() as u64).to_be_bytes());
    hash.update(soul);
    hash.update(serde_json::to_vec(properties).unwrap_or_default());
    hash.finalize().into()
}
