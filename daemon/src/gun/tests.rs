use std::collections::HashSet;
use std::ops::ControlFlow;
use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use bauta_protocol::gun::{Graph, GraphLimits, GunNode, Message, MessageId, Value, decode, encode};
use futures::{SinkExt, StreamExt};
use serde_json::{Map, Value as Json, json};
use tokio_tungstenite::tungstenite::Message as Frame;

use super::*;
use crate::random::rng;

pub(super) const SOON: Duration = Duration::from_secs(30);

/// A relay in this process, and how it misbehaves.
pub(super) struct FakeRelay {
    pub(super) graph: Graph,
    /// Acknowledges writes, and stores nothing.
    pub(super) is_forgetful: bool,
    /// Questions for these nodes are not answered.
    silent: HashSet<String>,
    /// Connections that are cut when the first write comes.
    cut: u32,
    /// Attempts to connect that fail.
    pub(super) down: u32,
    connections: u64,
    /// The connection, and the node that was asked for over it.
    asked: Vec<(u64, String)>,
}

pub(super) type Shared = Arc<Mutex<FakeRelay>>;

pub(super) fn relay() -> Shared {
    Arc::new(Mutex::new(FakeRelay {
        graph: Graph::new(GraphLimits { nodes: 100_000, bytes: 64 << 20 }),
        is_forgetful: false,
        silent: HashSet::new(),
        cut: 0,
        down: 0,
        connections: 0,
        asked: Vec::new(),
    }))
}

/// Relays by host name.
struct Hosts(Vec<(&'static str, Shared)>);

#[async_trait]
impl Dial for Hosts {
    async fn dial(&self, host: &str, _: u16) -> Result<Box<dyn Stream>, DialError> {
        let Some((_, relay)) = self.0.iter().find(|(name, _)| *name == host) else {
            return Err(DialError::Refused("no such host".to_owned()));
        };
        let number = {
            let mut relay = relay.lock().unwrap();
            if relay.down > 0 {
                relay.down -= 1;
                return Err(DialError::Unreachable("it is down".to_owned()));
            }
            relay.connections += 1;
            relay.connections
        };
        let (ours, theirs) = tokio::io::duplex(1 << 20);
        tokio::spawn(serve(theirs, Arc::clone(relay), number));
        Ok(Box::new(ours))
    }
}

async fn serve(stream: tokio::io::DuplexStream, relay: Shared, number: u64) {
    let Ok(mut socket) = tokio_tungstenite::accept_async(stream).await else { return };
    while let Some(Ok(frame)) = socket.next().await {
        let Frame::Text(text) = frame else { continue };
        let mut answers = Vec::new();
        for message in decode(&text).unwrap() {
            let mut relay = relay.lock().unwrap();
            if message.put.is_some() && relay.cut > 0 {
                relay.cut -= 1;
                return;
            }
            answers.extend(relay.answer(number, message));
        }
        if !answers.is_empty() && socket.send(Frame::Text(encode(&answers))).await.is_err() {
            return;
        }
    }
}

impl FakeRelay {
    fn answer(&mut self, number: u64, message: Message) -> Option<Message> {
        let answer = Message {
            id: Some(MessageId::random(&mut rng())),
            answers: Some(message.id?),
            ..Message::default()
        };
        if let Some(nodes) = message.put {
            if !self.is_forgetful {
                for node in nodes {
                    self.graph.merge(node, f64::INFINITY);
                }
            }
            return Some(Message { ok: true, ..answer });
        }
        let get = message.get?;
        self.asked.push((number, get.soul.clone()));
        if self.silent.contains(&get.soul) {
            return None;
        }
        let mut node = self.graph.get(&get.soul).cloned();
        if let (Some(node), Some(wanted)) = (&mut node, &get.property) {
            node.properties.retain(|name, _| name == wanted);
        }
        Some(Message {
            put: node.filter(|node| !node.properties.is_empty()).map(|node| vec![node]),
            ..answer
        })
    }
}

pub(super) fn write(relay: &Shared, soul: &str, name: &str, value: Value, state: f64) {
    relay.lock().unwrap().graph.merge(GunNode::new(soul).with(name, value, state), f64::INFINITY);
}

pub(super) fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

fn client(relays: Vec<(&'static str, Shared)>) -> Gun {
    let urls = relays.iter().map(|(host, _)| format!("http://{host}/gun").parse().unwrap()).collect();
    Gun::new(GunConfig { relays: urls, extra_roots_pem: None, dial: Arc::new(Hosts(relays)) }).unwrap()
}

pub(super) fn one(relay: &Shared) -> Gun {
    client(vec![("one", Arc::clone(relay))])
}

fn update(soul: &str, name: &str, value: Json) -> NodeUpdate {
    NodeUpdate { soul: soul.to_owned(), properties: Map::from_iter([(name.to_owned(), value)]) }
}

/// A set of so many members, each with one property.
fn fill(relay: &Shared, set: &str, members: usize) {
    for number in 0..members {
        let soul = format!("member{number}");
        write(relay, &soul, "e", Value::Number(number as f64), 1.0);
        write(relay, set, &soul, Value::Link(soul.clone()), 1.0);
    }
}

fn quick(members: usize) -> CollectLimits {
    CollectLimits { members, quiet: Duration::from_millis(300), deadline: SOON, own_connection: false }
}

async fn collect(gun: &Gun, limits: CollectLimits) -> (Collected, HashSet<String>) {
    let mut found = HashSet::new();
    let take = |soul: &str, _: &Map<String, Json>| {
        found.insert(soul.to_owned());
        ControlFlow::Continue(())
    };
    let collected = gun.collect("set", limits, take).await.unwrap();
    (collected, found)
}

#[tokio::test]
async fn what_is_published_is_at_the_relay() {
    let relay = relay();
    let gun = one(&relay);
    let nodes: Vec<NodeUpdate> =
        (0..40).map(|number| update(&format!("s{number}"), "e", json!("words"))).collect();
    gun.publish(nodes, SOON).await.unwrap();
    gun.publish(vec![NodeUpdate::member("set", "s1")], SOON).await.unwrap();
    assert!((0..40).all(|number| relay.lock().unwrap().graph.get(&format!("s{number}")).is_some()));
    let read = gun.get("s39", GetLimits::default()).await.unwrap().unwrap();
    assert_eq!(read.get("e"), Some(&json!("words")));
    let link = gun.get_property("set", "s1", GetLimits::default()).await.unwrap();
    assert_eq!(link, Some(NodeUpdate::link("s1")));
    assert!(gun.relays()[0].is_connected);
    assert_eq!(relay.lock().unwrap().connections, 1, "one connection is shared");
    gun.stop().await;
    let stopped = gun.publish(vec![update("s", "e", json!(1))], SOON).await;
    assert!(matches!(stopped, Err(GunError::Stopped)));
}

#[tokio::test]
async fn an_acknowledgement_is_not_enough() {
    let relay = relay();
    relay.lock().unwrap().is_forgetful = true;
    let gun = one(&relay);
    let writing = gun.publish(vec![update("s", "e", json!("words"))], Duration::from_secs(3)).await;
    assert!(matches!(writing, Err(GunError::NotKept)), "{writing:?}");
    // It keeps things again before the deadline.
    let later = Arc::clone(&relay);
    let publishing = gun.publish(vec![update("s", "e", json!("words"))], SOON);
    let mending = async {
        let mut asked = relay.lock().unwrap().asked.len();
        let seen = asked;
        while asked == seen {
            tokio::task::yield_now().await;
            asked = relay.lock().unwrap().asked.len();
        }
        later.lock().unwrap().is_forgetful = false;
    };
    let both = async { tokio::join!(publishing, mending) };
    tokio::time::timeout(SOON, both).await.unwrap().0.unwrap();
}

#[tokio::test]
async fn somebody_elses_later_value_is_not_written_over() {
    let relay = relay();
    write(&relay, "s", "e", text("theirs"), 4e12);
    let gun = one(&relay);
    let writing = gun.publish(vec![update("s", "e", json!("ours"))], SOON).await;
    assert!(matches!(writing, Err(GunError::Overwritten)), "{writing:?}");
    // The same value counts as ours, whoever wrote it.
    gun.publish(vec![update("s", "e", json!("theirs"))], SOON).await.unwrap();
}

#[tokio::test]
async fn writing_goes_on_after_failures() {
    let relay = relay();
    {
        let mut relay = relay.lock().unwrap();
        (relay.down, relay.cut) = (2, 2);
    }
    let gun = one(&relay);
    gun.publish(vec![update("s", "e", json!("words"))], SOON).await.unwrap();
    assert_eq!(relay.lock().unwrap().connections, 3);
}

#[tokio::test]
async fn a_relay_that_cannot_be_reached_is_named() {
    let relay = relay();
    relay.lock().unwrap().down = u32::MAX;
    let gun = one(&relay);
    let brief = Duration::from_secs(1);
    let writing = gun.publish(vec![update("s", "e", json!(1))], brief).await;
    assert!(matches!(&writing, Err(GunError::Unreachable(error)) if error.to_string().contains("one")));
    let reading = gun.get("s", GetLimits { deadline: brief, ..GetLimits::default() }).await;
    assert!(matches!(reading, Err(GunError::Unreachable(_))), "{reading:?}");
    assert!(!gun.relays()[0].is_connected);
    // What a rule forbids is not tried again.
    let nowhere = Gun::new(GunConfig {
        relays: vec!["http://nowhere/gun".parse().unwrap()],
        extra_roots_pem: None,
        dial: Arc::new(Hosts(Vec::new())),
    });
    let refused = nowhere.unwrap().publish(vec![update("s", "e", json!(1))], SOON).await;
    assert!(matches!(refused, Err(GunError::Unreachable(ConnectError::Dial { .. }))));
}

#[tokio::test]
async fn one_good_relay_is_enough() {
    let (good, bad) = (relay(), relay());
    bad.lock().unwrap().down = u32::MAX;
    let gun = client(vec![("bad", bad), ("good", Arc::clone(&good))]);
    gun.publish(vec![update("s", "e", json!("words"))], SOON).await.unwrap();
    assert!(good.lock().unwrap().graph.get("s").is_some());
}

#[tokio::test]
async fn copies_of_two_relays_are_joined() {
    let (first, second) = (relay(), relay());
    write(&first, "s", "both", text("old"), 1.0);
    write(&second, "s", "both", text("new"), 2.0);
    write(&first, "s", "first", text("1"), 1.0);
    write(&second, "s", "second", text("2"), 1.0);
    let gun = client(vec![("first", first), ("second", second)]);
    let read = gun.get("s", GetLimits::default()).await.unwrap().unwrap();
    assert_eq!(Json::Object(read), json!({"both": "new", "first": "1", "second": "2"}));
    assert_eq!(gun.get("absent", GetLimits::default()).await.unwrap(), None);
}

#[tokio::test]
async fn a_set_is_read_to_its_end() {
    let relay = relay();
    fill(&relay, "set", 600);
    // Only links are members.
    write(&relay, "set", "note", text("not a member"), 1.0);
    let (collected, found) = collect(&one(&relay), quick(4096)).await;
    assert_eq!(collected, Collected { ended: Ended::Complete, nodes: 600, members: 600 });
    assert_eq!(found.len(), 600);
    let nothing = one(&relay).collect("nothing", quick(10), |_, _| ControlFlow::Continue(())).await.unwrap();
    assert_eq!((nothing.ended, nothing.nodes), (Ended::Complete, 0));
}

#[tokio::test]
async fn a_set_is_read_up_to_its_bounds() {
    let relay = relay();
    fill(&relay, "set", 50);
    let (collected, found) = collect(&one(&relay), quick(20)).await;
    assert_eq!((collected.ended, found.len()), (Ended::Limit, 20));
    let enough = one(&relay).collect("set", quick(4096), |_, _| ControlFlow::Break(())).await.unwrap();
    assert_eq!((enough.ended, enough.nodes), (Ended::Enough, 1));
}

#[tokio::test]
async fn a_member_that_never_comes_does_not_hold_up_the_others() {
    let relay = relay();
    fill(&relay, "set", 10);
    relay.lock().unwrap().silent.insert("member3".to_owned());
    let (collected, found) = collect(&one(&relay), quick(4096)).await;
    assert_eq!((collected.ended, collected.members, found.len()), (Ended::Quiet, 10, 9));
}

#[tokio::test]
async fn readings_of_their_own_share_no_connection() {
    let relay = relay();
    fill(&relay, "set", 3);
    let gun = one(&relay);
    let limits = CollectLimits { own_connection: true, ..quick(10) };
    for _ in 0..3 {
        assert_eq!(collect(&gun, limits).await.0.ended, Ended::Complete);
    }
    let relay = relay.lock().unwrap();
    let over: HashSet<u64> =
        relay.asked.iter().filter(|(_, soul)| soul == "set").map(|(number, _)| *number).collect();
    assert_eq!(over.len(), 3);
}

#[tokio::test]
async fn a_subscriber_gets_the_present_state() {
    let relay = relay();
    write(&relay, "s", "e", text("words"), 1.0);
    let mut following = one(&relay).subscribe("s");
    let node = tokio::time::timeout(SOON, following.next()).await.unwrap().unwrap();
    assert_eq!(node.to_map().get("e"), Some(&json!("words")));
}

#[test]
fn relays_are_counted_once() {
    let url: GunUrl = "http://one/gun".parse().unwrap();
    let config = |relays| GunConfig { relays, extra_roots_pem: None, dial: Arc::new(Hosts(Vec::new())) };
    assert_eq!(Gun::new(config(vec![url.clone(), url.clone()])).unwrap().relays().len(), 1);
    assert!(matches!(Gun::new(config(Vec::new())), Err(GunConfigError::NoRelay)));
    let many = (0..40).map(|number| format!("http://relay{number}/gun").parse().unwrap()).collect();
    assert_eq!(Gun::new(config(many)).unwrap().relays().len(), MAX_RELAYS);
}

/// A host that answers each of the first connections with these bytes, and then is a relay.
struct Answers {
    bytes: &'static [u8],
    left: std::sync::atomic::AtomicU32,
    relay: Shared,
}

#[async_trait]
impl Dial for Answers {
    async fn dial(&self, _: &str, _: u16) -> Result<Box<dyn Stream>, DialError> {
        use std::sync::atomic::Ordering;
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let (ours, mut theirs) = tokio::io::duplex(1 << 20);
        let is_left = |left: u32| left.checked_sub(1);
        if self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, is_left).is_err() {
            tokio::spawn(serve(theirs, Arc::clone(&self.relay), 1));
            return Ok(Box::new(ours));
        }
        let bytes = self.bytes;
        tokio::spawn(async move {
            // An answer comes after the question.
            let _ = theirs.read(&mut [0; 4096]).await;
            let _ = theirs.write_all(bytes).await;
        });
        Ok(Box::new(ours))
    }
}

fn answering(url: &str, bytes: &'static [u8], left: u32, relay: &Shared) -> Gun {
    let dial = Answers { bytes, left: left.into(), relay: Arc::clone(relay) };
    let relays = vec![url.parse().unwrap()];
    Gun::new(GunConfig { relays, extra_roots_pem: None, dial: Arc::new(dial) }).unwrap()
}

const PAGE: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>";
const MOVED: &[u8] = b"HTTP/1.1 301 Moved Permanently\r\nLocation: https://one/\r\nContent-Length: 0\r\n\r\n";
const BAD_GATEWAY: &[u8] = b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n";

#[tokio::test]
async fn a_host_that_is_no_relay_is_named_with_the_reason_and_not_waited_for() {
    use bauta_ipc::{RpcError, codes};
    for (url, bytes, reason, expected) in [
        ("http://one/gun", PAGE, "a web page (200 OK)", Instead::WebPage),
        ("http://one/gun", BAD_GATEWAY, "502 Bad Gateway", Instead::Failure),
        ("http://one/gun", MOVED, "301 Moved Permanently", Instead::Failure),
        ("http://one/gun", b"SSH-2.0-OpenSSH_9.9\r\n", "another protocol", Instead::Protocol),
        ("https://one/gun", PAGE, "does not speak TLS", Instead::Protocol),
    ] {
        let gun = answering(url, bytes, u32::MAX, &relay());
        let limits = GetLimits { deadline: Duration::from_secs(600), ..GetLimits::default() };
        let many = CollectLimits { deadline: limits.deadline, own_connection: true, ..quick(10) };
        let failed = tokio::time::timeout(SOON, gun.get("s", limits)).await.expect(reason).unwrap_err();
        let own = gun.collect("set", many, |_, _| ControlFlow::Continue(()));
        let also = tokio::time::timeout(SOON, own).await.expect(reason).unwrap_err();
        let writing = gun.publish(vec![update("s", "e", json!("words"))], limits.deadline);
        let unwritten = tokio::time::timeout(SOON, writing).await.expect(reason).unwrap_err();
        for error in [failed, also, unwritten] {
            let GunError::Unreachable(ConnectError::WebSocket { instead, .. }) = &error else {
                panic!("{error:?}")
            };
            assert_eq!(*instead, expected, "{error:?}");
            let shown = RpcError::from(crate::posts::PostError::NotRead(error));
            assert!(shown.is(&codes::GUN_UNREACHABLE) && shown.message.contains(reason), "{shown:?}");
        }
        gun.stop().await;
    }
}

#[tokio::test]
async fn a_relay_that_restarts_behind_a_server_is_waited_for() {
    let relay = relay();
    write(&relay, "s", "e", text("words"), 1.0);
    let gun = answering("http://one/gun", BAD_GATEWAY, 2, &relay);
    let read = gun.get("s", GetLimits { deadline: SOON, ..GetLimits::default() }).await.unwrap().unwrap();
    assert_eq!(read.get("e"), Some(&json!("words")));
}

/// What a server does in a WebSocket that is no Gun relay.
#[derive(Clone, Copy, Debug)]
enum Other {
    Greets,
    AnswersJson,
    SendsBytes,
    Repeats,
    SaysNothing,
}

#[async_trait]
impl Dial for Other {
    async fn dial(&self, _: &str, _: u16) -> Result<Box<dyn Stream>, DialError> {
        let (ours, theirs) = tokio::io::duplex(1 << 20);
        let other = *self;
        tokio::spawn(async move {
            let Ok(mut socket) = tokio_tungstenite::accept_async(theirs).await else { return };
            if let Other::Greets = other {
                let _ = socket.send(Frame::Text("welcome".to_owned())).await;
            }
            while let Some(Ok(frame)) = socket.next().await {
                let answer = match other {
                    Other::AnswersJson => {
                        Frame::Text(r#"{"jsonrpc":"2.0","error":{"code":-32600}}"#.to_owned())
                    }
                    Other::SendsBytes => Frame::Binary(vec![1, 2, 3]),
                    Other::Repeats if frame.is_text() => frame,
                    _ => continue,
                };
                if socket.send(answer).await.is_err() {
                    return;
                }
            }
        });
        Ok(Box::new(ours))
    }
}

fn unreachable_because(error: &GunError) -> &str {
    match error {
        GunError::Unreachable(ConnectError::WebSocket { reason, .. }) => reason,
        _ => "",
    }
}

fn only(other: Other) -> Gun {
    let relays = vec!["http://one/gun".parse().unwrap()];
    Gun::new(GunConfig { relays, extra_roots_pem: None, dial: Arc::new(other) }).unwrap()
}

#[tokio::test]
async fn a_websocket_without_gun_in_it_is_named_and_not_waited_for() {
    let check = |other: Other| async move {
        let (gun, deadline) = (only(other), Duration::from_secs(3600));
        let limits = GetLimits { deadline, ..GetLimits::default() };
        let reading = tokio::time::timeout(SOON * 2, gun.get("s", limits));
        let failed = reading.await.expect("not at the deadline").unwrap_err();
        let writing = gun.publish(vec![update("s", "e", json!("words"))], deadline);
        let unwritten = tokio::time::timeout(SOON, writing).await.expect("at once").unwrap_err();
        for error in [failed, unwritten] {
            assert_eq!(
                unreachable_because(&error),
                "it speaks WebSocket, but not Gun",
                "{other:?}: {error:?}"
            );
        }
        gun.stop().await;
    };
    let all = [Other::Greets, Other::AnswersJson, Other::SendsBytes, Other::Repeats];
    futures::future::join_all(all.map(check)).await;
}

#[tokio::test]
async fn a_websocket_in_which_nothing_is_said_is_named_at_the_deadline() {
    let gun = only(Other::SaysNothing);
    // Longer than a relay may take for its first answer.
    let limits =
        GetLimits { deadline: collect::FIRST_ANSWER + Duration::from_secs(3), ..GetLimits::default() };
    let failed = gun.get("s", limits).await.unwrap_err();
    assert_eq!(unreachable_because(&failed), "it opens a WebSocket and says nothing");
    gun.stop().await;
}
