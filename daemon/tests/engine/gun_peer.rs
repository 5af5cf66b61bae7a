//! A Gun relay on loopback: the wire and the merging are the program's own, the network is TCP.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bauta_daemon::gun::{Dial, DialError, Gun, GunConfig, Stream};
use bauta_protocol::gun::{Graph, GraphLimits, GunNode, Message, MessageId, Value, decode, encode};
use futures::{SinkExt, StreamExt};
use rand_core::Rng as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio_tungstenite::tungstenite::Message as Frame;

use crate::support::rng;

/// What a relay keeps, also while it is down.
pub(crate) struct Kept {
    graph: Graph,
    /// Every soul that was asked for, in order, with the number of the connection.
    pub(crate) asked: Vec<(u64, String)>,
    connections: u64,
    /// Takes connections and says nothing.
    pub(crate) is_deaf: bool,
}

pub(crate) struct Peer {
    pub(crate) kept: Arc<Mutex<Kept>>,
    pub(crate) address: SocketAddr,
    serving: Option<JoinHandle<()>>,
}

impl Peer {
    pub(crate) async fn start() -> Self {
        let graph = Graph::new(GraphLimits { nodes: 100_000, bytes: 64 << 20 });
        let kept = Kept { graph, asked: Vec::new(), connections: 0, is_deaf: false };
        // An address that no outgoing connection has: its port stays free while the relay is down.
        let [.., a, b, c] = rng().next_u32().to_be_bytes();
        let listener =
            TcpListener::bind((Ipv4Addr::new(127, a.max(1), b, c.clamp(1, 254)), 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let kept = Arc::new(Mutex::new(kept));
        let serving = Some(tokio::spawn(serve(listener, Arc::clone(&kept))));
        Self { kept, address, serving }
    }

    /// All connections end; what was written stays.
    pub(crate) async fn stop(&mut self) {
        if let Some(serving) = self.serving.take() {
            serving.abort();
            let _ = serving.await;
        }
    }

    pub(crate) async fn start_again(&mut self) {
        let listener = TcpListener::bind(self.address).await.unwrap();
        self.serving = Some(tokio::spawn(serve(listener, Arc::clone(&self.kept))));
    }

    pub(crate) fn gun(&self) -> Gun {
        let relays = vec![format!("http://{}/gun", self.address).parse().unwrap()];
        Gun::new(GunConfig { relays, extra_roots_pem: None, dial: Arc::new(Tcp) }).unwrap()
    }

    pub(crate) fn write(&self, soul: &str, properties: &[(&str, Value)]) {
        let node = properties
            .iter()
            .fold(GunNode::new(soul), |node, (name, value)| node.with(*name, value.clone(), 1.0));
        self.kept.lock().unwrap().graph.merge(node, f64::INFINITY);
    }

    pub(crate) fn node(&self, soul: &str) -> Option<GunNode> {
        self.kept.lock().unwrap().graph.get(soul).cloned()
    }
}

struct Tcp;

#[async_trait]
impl Dial for Tcp {
    async fn dial(&self, host: &str, port: u16) -> Result<Box<dyn Stream>, DialError> {
        match TcpStream::connect((host, port)).await {
            Ok(stream) => Ok(Box::new(stream)),
            Err(error) => Err(DialError::Unreachable(error.to_string())),
        }
    }
}

async fn serve(listener: TcpListener, kept: Arc<Mutex<Kept>>) {
    let mut clients = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        clients.spawn(talk(stream, Arc::clone(&kept)));
    }
}

async fn talk(stream: TcpStream, kept: Arc<Mutex<Kept>>) {
    let number = {
        let mut kept = kept.lock().unwrap();
        kept.connections += 1;
        kept.connections
    };
    let Ok(mut socket) = tokio_tungstenite::accept_async(stream).await else { return };
    while let Some(Ok(frame)) = socket.next().await {
        let Frame::Text(text) = frame else { continue };
        let answers: Vec<Message> = {
            let mut kept = kept.lock().unwrap();
            let messages = decode(&text).unwrap_or_default();
            messages.into_iter().filter_map(|message| kept.answer(number, message)).collect()
        };
        if !answers.is_empty() && socket.send(Frame::Text(encode(&answers))).await.is_err() {
            return;
        }
    }
}

impl Kept {
    fn answer(&mut self, client: u64, message: Message) -> Option<Message> {
        let id = message.id?;
        let put = match (message.put, message.get) {
            (Some(nodes), _) => {
                for node in nodes {
                    self.graph.merge(node, f64::INFINITY);
                }
                None
            }
            (None, Some(get)) => {
                self.asked.push((client, get.soul.clone()));
                let node = self.graph.get(&get.soul).cloned().map(|mut node| {
                    node.properties
                        .retain(|name, _| get.property.as_ref().is_none_or(|wanted| name == wanted));
                    node
                });
                node.filter(|node| !node.properties.is_empty()).map(|node| vec![node])
            }
            (None, None) => return None,
        };
        let ok = put.is_none();
        let answer = Message {
            id: Some(MessageId::random(&mut rng())),
            answers: Some(id),
            put,
            ok,
            ..Message::default()
        };
        (!self.is_deaf).then_some(answer)
    }
}
