use bauta_protocol::gun::{Get, GunNode, Message, MessageId, Value, decode, encode};
use futures::{SinkExt, StreamExt};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message as Frame;

use super::*;
use crate::gun::tests::{SOON, one, relay, text, write};
use crate::random::rng;

const SECRET: &str = "abcdefghijklmnopqrstuvwxyz";

async fn start(gun: Gun) -> Endpoint {
    Endpoint::start(gun, SECRET, "127.0.0.1:0".parse().unwrap()).await.unwrap()
}

/// A program that speaks Gun.
struct Program(WebSocketStream<TcpStream>);

impl Program {
    async fn open(endpoint: &Endpoint, path: &str) -> Option<Self> {
        let stream = TcpStream::connect(endpoint.address()).await.unwrap();
        let url = format!("ws://{}{path}", endpoint.address());
        tokio_tungstenite::client_async(url, stream).await.ok().map(|(socket, _)| Self(socket))
    }

    async fn new(endpoint: &Endpoint) -> Self {
        Self::open(endpoint, &path(SECRET)).await.unwrap()
    }

    async fn send(&mut self, message: Message) -> MessageId {
        let id = message.id.clone().unwrap();
        self.0.send(Frame::Text(encode(&[message]))).await.unwrap();
        id
    }

    /// The next message that is wanted.
    async fn wait(&mut self, wanted: impl Fn(&Message) -> bool) -> Message {
        let reading = async {
            loop {
                let Frame::Text(text) = self.0.next().await.unwrap().unwrap() else { continue };
                if let Some(found) = decode(&text).unwrap().into_iter().find(&wanted) {
                    return found;
                }
            }
        };
        timeout(SOON, reading).await.unwrap()
    }

    async fn ask(&mut self, get: Get) -> Option<GunNode> {
        let id = self.send(Message::get(MessageId::random(&mut rng()), get)).await;
        let answer = self.wait(|message| message.answers.as_ref() == Some(&id)).await;
        answer.put.and_then(|nodes| nodes.into_iter().next())
    }

    async fn put(&mut self, node: GunNode) -> Message {
        let id = self.send(Message::put(MessageId::random(&mut rng()), vec![node])).await;
        self.wait(|message| message.answers.as_ref() == Some(&id)).await
    }
}

#[tokio::test]
async fn questions_are_answered_from_the_relays() {
    let relay = relay();
    write(&relay, "s", "a", text("1"), 1.0);
    write(&relay, "s", "b", text("2"), 1.0);
    let endpoint = start(one(&relay)).await;
    let mut program = Program::new(&endpoint).await;
    let whole = program.ask(Get::node("s")).await.unwrap();
    assert_eq!(whole.properties.len(), 2);
    let part = program.ask(Get::property("s", "b")).await.unwrap();
    assert_eq!(part.properties.keys().collect::<Vec<_>>(), ["b"]);
    assert!(program.ask(Get::node("absent")).await.is_none());
    endpoint.stop().await;
}

#[tokio::test]
async fn a_write_is_acknowledged_when_it_was_read_back_and_shown_to_others() {
    let relay = relay();
    let endpoint = start(one(&relay)).await;
    let (mut writer, mut watcher) = (Program::new(&endpoint).await, Program::new(&endpoint).await);
    assert!(watcher.ask(Get::node("s")).await.is_none());
    let node = GunNode::new("s").with("a", Value::Text("words".to_owned()), 5.0);
    let answer = writer.put(node.clone()).await;
    assert!(answer.ok && answer.error.is_none());
    assert!(relay.lock().unwrap().graph.get("s").is_some());
    let shown = watcher.wait(|message| message.put.as_ref().is_some_and(|nodes| nodes.contains(&node))).await;
    assert!(shown.answers.is_none());
}

#[tokio::test]
async fn a_write_that_loses_has_an_error() {
    let relay = relay();
    write(&relay, "s", "a", text("theirs"), 9.0);
    let endpoint = start(one(&relay)).await;
    let mut program = Program::new(&endpoint).await;
    let answer = program.put(GunNode::new("s").with("a", Value::Text("ours".to_owned()), 5.0)).await;
    assert!(!answer.ok);
    assert!(answer.error.unwrap().contains("somebody else"));
}

#[tokio::test]
async fn only_who_knows_the_path_gets_in() {
    let endpoint = start(one(&relay())).await;
    assert!(endpoint.url().ends_with(&path(SECRET)) && endpoint.address().ip().is_loopback());
    for wrong in ["/", "/gun", "/abc/gun"] {
        assert!(Program::open(&endpoint, wrong).await.is_none(), "{wrong}");
    }
    assert!(Program::open(&endpoint, &path(SECRET)).await.is_some());
    let drawn = new_secret_path();
    assert!((MIN_SECRET..=MAX_SECRET).contains(&drawn.len()) && drawn != new_secret_path());
    let (local, open): (SocketAddr, SocketAddr) =
        ("127.0.0.1:0".parse().unwrap(), "0.0.0.0:0".parse().unwrap());
    for secret in ["short", "with/a/slash/and/more/than/twenty", &"x".repeat(MAX_SECRET + 1)] {
        let refused = Endpoint::start(one(&relay()), secret, local).await.err().unwrap();
        assert!(matches!(refused, EndpointError::SecretPath), "{secret}");
    }
    let refused = Endpoint::start(one(&relay()), SECRET, open).await.err().unwrap();
    assert!(matches!(refused, EndpointError::NotLoopback));
    let taken = Endpoint::start(one(&relay()), SECRET, endpoint.address()).await.err().unwrap();
    assert!(matches!(taken, EndpointError::Listen { .. }));
}
