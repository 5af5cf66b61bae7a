//! What all connected programs share: the cache, and the subscriptions to what they asked for.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bauta_protocol::gun::{Get, Graph, GraphLimits, GunNode, Message, MessageId, State};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::AbortHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::gun::update::now_ms;
use crate::gun::{GetLimits, Gun};
use crate::random::rng;

/// The size of the cache.
const CACHE: GraphLimits = GraphLimits { nodes: 20_000, bytes: 32 << 20 };
/// The most nodes that one program can watch. Further ones are answered and not watched.
const WATCHED: usize = 256;
/// The most questions and writes of all programs that are under way.
const QUESTIONS: usize = 256;
const WRITES: usize = 64;
/// How long relays may take if the cache has something. Gun's own clients give up after nine seconds.
const SOON: Duration = Duration::from_secs(6);
/// How long a question and a write may take.
const ASKING: Duration = Duration::from_secs(60);
const WRITING: Duration = Duration::from_secs(120);
/// A program whose clock is ahead by this many milliseconds still reads what it wrote.
const AHEAD: f64 = 60_000.0;

/// The shared state.
pub(super) struct Hub {
    gun: Gun,
    tasks: TaskTracker,
    stop: CancellationToken,
    state: Mutex<HubState>,
    questions: Arc<Semaphore>,
    writes: Arc<Semaphore>,
}

struct HubState {
    graph: Graph,
    watched: HashMap<String, Watched>,
    clients: HashMap<u64, usize>,
    next: u64,
}

/// A node that programs watch.
struct Watched {
    clients: HashMap<u64, EndpointClient>,
    /// Whether all of the node is watched, and not just a property that was asked for.
    is_whole: bool,
    /// Whether the cache has what the relays have.
    is_current: bool,
    task: AbortHandle,
}

/// A connected program.
#[derive(Clone)]
pub(super) struct EndpointClient {
    number: u64,
    sender: mpsc::Sender<Message>,
    cut_off: CancellationToken,
}

impl EndpointClient {
    /// Waits until the program must be cut off because it does not read.
    pub(super) async fn cut_off(&self) {
        self.cut_off.cancelled().await;
    }

    fn send(&self, message: Message) {
        if self.sender.try_send(message).is_err() {
            self.cut_off.cancel();
        }
    }
}

impl Hub {
    pub(super) fn new(gun: Gun, tasks: TaskTracker, stop: CancellationToken) -> Arc<Self> {
        let shared =
            HubState { graph: Graph::new(CACHE), watched: HashMap::new(), clients: HashMap::new(), next: 0 };
        let (questions, writes) = (Arc::new(Semaphore::new(QUESTIONS)), Arc::new(Semaphore::new(WRITES)));
        Arc::new(Self { gun, tasks, stop, state: Mutex::new(shared), questions, writes })
    }

    /// A program has connected.
    pub(super) fn enter(&self, sender: mpsc::Sender<Message>) -> EndpointClient {
        let mut shared = self.shared();
        let number = shared.next;
        shared.next += 1;
        shared.clients.insert(number, 0);
        EndpointClient { number, sender, cut_off: CancellationToken::new() }
    }

    /// A program has disconnected.
    pub(super) fn leave(&self, client: &EndpointClient) {
        let mut shared = self.shared();
        shared.clients.remove(&client.number);
        shared.watched.retain(|_, watched| {
            watched.clients.remove(&client.number);
            if watched.clients.is_empty() {
                watched.task.abort();
            }
            !watched.clients.is_empty()
        });
    }

    /// Handles a message of a program: a question, a write, or neither.
    pub(super) fn take(self: &Arc<Self>, client: &EndpointClient, id: MessageId, message: Message) {
        let (this, client) = (Arc::clone(self), client.clone());
        if let Some(nodes) = message.put.filter(|nodes| !nodes.is_empty()) {
            self.keep(&nodes, now_ms() + AHEAD, Some(client.number));
            let Ok(permit) = Arc::clone(&self.writes).try_acquire_owned() else {
                client.send(failed(id, "too many writes are under way; try again later"));
                return;
            };
            self.spawn(async move {
                let stored = this.gun.publish_dated(nodes, WRITING).await;
                client.send(match stored {
                    Ok(()) => Message { ok: true, ..answer(id) },
                    Err(error) => failed(id, &error.to_string()),
                });
                drop(permit);
            });
        } else if let Some(get) = message.get {
            // A relay that is too busy does not answer either; the program asks again.
            let Ok(permit) = Arc::clone(&self.questions).try_acquire_owned() else { return };
            self.spawn(async move {
                if let Some(node) = this.find(&client, get).await {
                    client.send(Message { put: node.map(|node| vec![node]), ..answer(id) });
                }
                drop(permit);
            });
        }
    }

    /// The node that is asked for: from the cache while it is watched, otherwise from the relays, and from the cache again
    /// if these do not answer soon. `None` when nothing is known: "there is no such node" would be wrong.
    async fn find(self: &Arc<Self>, client: &EndpointClient, get: Get) -> Option<Option<GunNode>> {
        // What was forgotten to make room is asked for again.
        if self.watch(client, &get) && self.shared().graph.get(&get.soul).is_some() {
            return Some(self.cached(&get));
        }
        let limits = GetLimits { deadline: ASKING, ..GetLimits::default() };
        let asking = self.gun.get_dated(get.clone(), limits);
        let asked = match self.cached(&get) {
            // Later answers of the relays go to the programs that watch.
            Some(cached) => match timeout(SOON, asking).await {
                Ok(asked) => asked,
                Err(_) => return Some(Some(cached)),
            },
            None => asking.await,
        };
        match asked {
            Ok(node) => {
                if let Some(node) = node {
                    self.keep(&[node], State::INFINITY, Some(client.number));
                }
                if get.property.is_none()
                    && let Some(watched) = self.shared().watched.get_mut(&get.soul)
                {
                    watched.is_current = watched.is_whole;
                }
                Some(self.cached(&get))
            }
            Err(error) => {
                tracing::debug!(%error, "A question at the Gun endpoint has no answer.");
                self.cached(&get).map(Some)
            }
        }
    }

    /// Watches a node for a program; returns whether the cache is current.
    fn watch(self: &Arc<Self>, client: &EndpointClient, get: &Get) -> bool {
        let mut shared = self.shared();
        let HubState { watched, clients, .. } = &mut *shared;
        let Some(count) = clients.get_mut(&client.number) else { return false };
        let is_whole = get.property.is_none();
        let known = watched.get_mut(&get.soul);
        let is_new = known.as_ref().is_none_or(|known| !known.clients.contains_key(&client.number));
        if is_new && *count >= WATCHED {
            return known.is_some_and(|known| known.is_current);
        }
        *count += usize::from(is_new);
        match known {
            Some(known) => {
                known.clients.insert(client.number, client.clone());
                if is_whole && !known.is_whole {
                    known.task.abort();
                    known.task = self.follow(get.clone());
                    known.is_whole = true;
                }
                known.is_current
            }
            None => {
                let task = self.follow(get.clone());
                let clients = HashMap::from([(client.number, client.clone())]);
                watched.insert(get.soul.clone(), Watched { clients, is_whole, is_current: false, task });
                false
            }
        }
    }

    /// Passes on the relays' updates of a node from now on.
    fn follow(self: &Arc<Self>, get: Get) -> AbortHandle {
        let this = Arc::clone(self);
        let mut updates = self.gun.follow(get);
        let task = async move {
            while let Some(node) = updates.next().await {
                this.keep(&[node], State::INFINITY, None);
            }
        };
        self.spawn(task)
    }

    /// Adds nodes to the cache, and sends them to the programs that watch them.
    fn keep(&self, nodes: &[GunNode], now: State, except: Option<u64>) {
        let mut shared = self.shared();
        for node in nodes {
            let merged = shared.graph.merge(node.clone(), now);
            if merged.changed == 0 {
                continue;
            }
            for (number, client) in
                shared.watched.get(&node.soul).into_iter().flat_map(|watched| &watched.clients)
            {
                if Some(*number) != except {
                    client.send(Message::put(MessageId::random(&mut rng()), vec![node.clone()]));
                }
            }
        }
    }

    fn cached(&self, get: &Get) -> Option<GunNode> {
        let mut shared = self.shared();
        let node = shared.graph.get(&get.soul)?;
        let Some(name) = &get.property else { return Some(node.clone()) };
        let property = node.properties.get(name)?;
        Some(GunNode::new(&*get.soul).with(name, property.value.clone(), property.state))
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) -> AbortHandle {
        let stop = self.stop.clone();
        let task = async move {
            tokio::select! {
                () = task => {}
                () = stop.cancelled() => {}
            }
        };
        self.tasks.spawn(task).abort_handle()
    }

    fn shared(&self) -> MutexGuard<'_, HubState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn answer(id: MessageId) -> Message {
    Message { id: Some(MessageId::random(&mut rng())), answers: Some(id), ..Message::default() }
}

fn failed(id: MessageId, why: &str) -> Message {
    Message { error: Some(why.to_owned()), ..answer(id) }
}
