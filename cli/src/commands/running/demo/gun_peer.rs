//! A small Gun relay in memory, where the key of the demo's post is stored.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bauta_ipc::{RpcError, codes};
use bauta_protocol::gun::{Graph, GraphLimits, GunNode, Message, MessageId, decode, encode};
use futures::{SinkExt, StreamExt};
use getrandom::SysRng;
use rand_core::UnwrapErr;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::Message as Frame;

const LIMITS: GraphLimits = GraphLimits { nodes: 10_000, bytes: 16 << 20 };
/// Frames that wait for a client that reads slowly; further ones are lost, as on any Gun relay.
const WAITING: usize = 64;

/// A Gun relay on a free loopback port. Dropping it stops it.
pub(super) struct GunPeer {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

/// What the relay saw of its clients.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    pub(super) connections: u64,
    pub(super) questions: u64,
    pub(super) writes: u64,
}

#[derive(Default)]
struct Contents {
    graph: Option<Graph>,
    seen: Seen,
    /// Clients that asked for a node get its changes.
    followers: HashMap<String, Vec<(u64, mpsc::Sender<String>)>>,
    clients: u64,
}

#[derive(Default)]
struct Shared(Mutex<Contents>);

impl GunPeer {
    pub(super) async fn start() -> Result<Self, RpcError> {
        let failed = |error: std::io::Error| {
            RpcError::new(&codes::LOCALNET_FAILED, format!("The Gun relay could not start: {error}."))
        };
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let shared = Arc::new(Shared::default());
        let accepting = tokio::spawn(accept(listener, Arc::clone(&shared)));
        Ok(Self { address, shared, accepting })
    }

    /// Where it listens.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its address, as `--gun` takes it.
    pub(super) fn url(&self) -> String {
        format!("http://{}/gun", self.address)
    }

    pub(super) fn seen(&self) -> Seen {
        self.shared.contents().seen.clone()
    }

    /// Everything that it stores, as text.
    pub(super) fn content(&self) -> String {
        self.shared.contents().log()
    }
}

impl Drop for GunPeer {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Shared {
    fn contents(&self) -> MutexGuard<'_, Contents> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Contents {
    fn graph(&mut self) -> &mut Graph {
        self.graph.get_or_insert_with(|| Graph::new(LIMITS))
    }

    fn log(&self) -> String {
        format!("{:?}", self.graph)
    }

    /// Answers one message; `out` gets later changes to the node that it asks for.
    fn answer(&mut self, client: u64, message: Message, out: &mpsc::Sender<String>) -> Option<Message> {
        let id = message.id?;
        if let Some(nodes) = message.put {
            self.seen.writes += 1;
            for node in nodes {
                self.write(client, node);
            }
            return Some(Message { id: Some(draw()), answers: Some(id), ok: true, ..Message::default() });
        }
        let get = message.get?;
        self.seen.questions += 1;
        let followers = self.followers.entry(get.soul.clone()).or_default();
        if !followers.iter().any(|(known, _)| *known == client) {
            followers.push((client, out.clone()));
        }
        let node = self.graph().get(&get.soul).map(|node| match &get.property {
            None => node.clone(),
            Some(name) => {
                let mut part = node.clone();
                part.properties.retain(|known, _| known == name);
                part
            }
        });
        let put = node.filter(|node| !node.properties.is_empty()).map(|node| vec![node]);
        Some(Message { id: Some(draw()), answers: Some(id), put, ..Message::default() })
    }

    fn write(&mut self, client: u64, node: GunNode) {
        let update = Message::put(draw(), vec![node.clone()]);
        let soul = node.soul.clone();
        // Clients date their writes slightly back, so each may be merged at once.
        if self.graph().merge(node, f64::INFINITY).changed == 0 {
            return;
        }
        if let Some(followers) = self.followers.get_mut(&soul) {
            let frame = encode(&[update]);
            followers.retain(|(known, out)| *known == client || out.try_send(frame.clone()).is_ok());
        }
    }
}

fn draw() -> MessageId {
    MessageId::random(&mut UnwrapErr(SysRng))
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut clients = tokio::task::JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        clients.spawn(serve(stream, Arc::clone(&shared)));
    }
}

async fn serve(stream: TcpStream, shared: Arc<Shared>) {
    let Ok(socket) = tokio_tungstenite::accept_async(stream).await else { return };
    let client = {
        let mut contents = shared.contents();
        contents.seen.connections += 1;
        contents.clients += 1;
        contents.clients
    };
    let (mut sink, mut frames) = socket.split();
    let (out, mut waiting) = mpsc::channel::<String>(WAITING);
    loop {
        let frame = tokio::select! {
            frame = waiting.recv() => match frame {
                Some(frame) => frame,
                None => return,
            },
            frame = frames.next() => match frame {
                Some(Ok(Frame::Text(text))) => {
                    let mut contents = shared.contents();
                    let messages = decode(&text).unwrap_or_default();
                    let answers: Vec<Message> =
                        messages.into_iter().filter_map(|message| contents.answer(client, message, &out)).collect();
                    if answers.is_empty() {
                        continue;
                    }
                    encode(&answers)
                }
                Some(Ok(Frame::Close(_)) | Err(_)) | None => return,
                Some(Ok(_)) => continue,
            },
        };
        if sink.send(Frame::Text(frame)).await.is_err() {
            return;
        }
    }
}
