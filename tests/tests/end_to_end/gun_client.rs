//! The Gun client with real relays, over TCP instead of the mixnet.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use bauta_daemon::gun::{CollectLimits, Ended, GetLimits, Gun, GunError, NodeUpdate};
use bauta_protocol::gun::{Message, MessageId, decode, encode};
use bauta_tests::gun_relay::{GunRelay, TestRoot, VERSIONS, free_port, tcp_client};
use futures::{SinkExt, StreamExt};
use serde_json::{Map, Value, json};
use tokio::net::TcpListener;
use tokio_tungstenite::tungstenite::Message as Frame;

const SOON: Duration = Duration::from_secs(90);
const SET: &str = "37-tw-aa-bb";

fn object(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

fn record(soul: &str, content: &str) -> NodeUpdate {
    NodeUpdate { soul: soul.to_owned(), properties: object(json!({ "e": content })) }
}

/// A set's record and its membership, as a post's publication writes them.
async fn publish(gun: &Gun, soul: &str) -> Result<(), GunError> {
    gun.publish(vec![record(soul, &format!("{soul}=")), NodeUpdate::member(SET, soul)], SOON).await
}

fn limits() -> CollectLimits {
    CollectLimits { deadline: SOON, quiet: Duration::from_secs(2), ..CollectLimits::default() }
}

/// The souls of a set's whole nodes, and how it ended.
async fn souls(gun: &Gun) -> (BTreeSet<String>, Ended) {
    let mut souls = BTreeSet::new();
    let collected = gun.collect(SET, limits(), |soul, _| {
        souls.insert(soul.to_owned());
        ControlFlow::Continue(())
    });
    let ended = collected.await.unwrap().ended;
    (souls, ended)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_client_writes_another_reads() {
    for version in VERSIONS {
        let dir = tempfile::tempdir().unwrap();
        let mut relay = GunRelay::start(version, dir.path());
        let url = relay.url();
        let (writer, reader) = (tcp_client([url.as_str()], None), tcp_client([url.as_str()], None));
        assert_eq!(souls(&reader).await, (BTreeSet::new(), Ended::Complete));
        publish(&writer, "one").await.unwrap();
        assert_eq!(souls(&reader).await.0, BTreeSet::from(["one".to_owned()]));
        // Appended later.
        publish(&writer, "two").await.unwrap();
        let both = BTreeSet::from(["one".to_owned(), "two".to_owned()]);
        assert_eq!(souls(&reader).await, (both.clone(), Ended::Complete));
        // After the relay was killed, and over connections that it had.
        relay.restart();
        assert_eq!(souls(&reader).await.0, both);
        publish(&writer, "three").await.unwrap();
        let fresh = tcp_client([url.as_str()], None);
        assert_eq!(souls(&fresh).await.0.len(), 3, "{version}");

        let node = fresh.get("two", GetLimits::default()).await.unwrap().unwrap();
        assert_eq!(Value::Object(node), json!({ "e": "two=" }));
        let link = fresh.get_property(SET, "two", GetLimits::default()).await.unwrap();
        assert_eq!(link, Some(json!({ "#": "two" })));
        assert_eq!(fresh.get("none", GetLimits::default()).await.unwrap(), None);
        for gun in [writer, reader, fresh] {
            gun.stop().await;
            assert!(matches!(gun.get("two", GetLimits::default()).await, Err(GunError::Stopped)));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crowded_set_is_read_to_its_end() {
    for version in VERSIONS {
        let dir = tempfile::tempdir().unwrap();
        let mut relay = GunRelay::start(version, dir.path());
        let gun = tcp_client([relay.url().as_str()], None);
        publish(&gun, "mine").await.unwrap();
        relay.fill(SET, 300, 50);
        for _ in 0..2 {
            let (found, ended) = souls(&gun).await;
            assert!(found.contains("mine"), "{version}");
            let foreign = found.iter().filter(|soul| soul.starts_with("foreign")).count();
            assert_eq!(foreign, 300, "{version}");
            assert_eq!(ended, Ended::Complete, "{version}");
            // The second time from the relay's disk.
            relay.restart();
        }
        let enough = gun.collect(SET, limits(), |_, _| ControlFlow::Break(())).await.unwrap();
        assert_eq!((enough.ended, enough.nodes), (Ended::Enough, 1));
        let few = CollectLimits { members: 10, own_connection: true, ..limits() };
        let few = gun.collect(SET, few, |_, _| ControlFlow::Continue(())).await.unwrap();
        assert_eq!((few.ended, few.members), (Ended::Limit, 10));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn updates_come_while_connected_and_after() {
    let dir = tempfile::tempdir().unwrap();
    let mut relay = GunRelay::start(VERSIONS[0], dir.path());
    let (writer, reader) =
        (tcp_client([relay.url().as_str()], None), tcp_client([relay.url().as_str()], None));
    let mut updates = reader.subscribe(SET);
    for soul in ["one", "two"] {
        publish(&writer, soul).await.unwrap();
        let update = tokio::time::timeout(SOON, async {
            loop {
                let node = updates.next().await.unwrap();
                if node.properties.contains_key(soul) {
                    return node;
                }
            }
        });
        assert_eq!(update.await.unwrap().soul, SET);
        relay.restart();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_needs_a_root() {
    let dir = tempfile::tempdir().unwrap();
    let root = TestRoot::make(&dir.path().join("root"));
    for version in VERSIONS {
        let relay = GunRelay::start_tls(version, &dir.path().join(version), &root);
        let url = relay.url();
        let gun = tcp_client([url.as_str()], Some(&root));
        publish(&gun, "one").await.unwrap();
        relay.fill(SET, 3, 0);
        assert_eq!(souls(&gun).await.0.len(), 4);

        let stranger = tcp_client([url.as_str()], None);
        let start = Instant::now();
        let refused = publish(&stranger, "two").await.unwrap_err();
        assert!(refused.to_string().contains("no Gun relay could be reached"), "{refused}");
        let reason = std::error::Error::source(&refused).unwrap().to_string();
        assert!(reason.contains("certificate"), "{reason}");
        let refused = stranger.collect(SET, limits(), |_, _| ControlFlow::Continue(())).await;
        assert!(matches!(refused, Err(GunError::Unreachable(_))), "{refused:?}");
        assert!(start.elapsed() < SOON, "a certificate that is not trusted is no reason to wait");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_good_relay_is_enough() {
    let dir = tempfile::tempdir().unwrap();
    let relay = GunRelay::start(VERSIONS[0], dir.path());
    let nobody = format!("http://127.0.0.1:{}/gun", free_port());
    let gun = tcp_client([nobody.as_str(), relay.url().as_str()], None);
    publish(&gun, "one").await.unwrap();
    let short = CollectLimits { deadline: Duration::from_secs(4), ..limits() };
    let collected = gun.collect(SET, short, |_, _| ControlFlow::Continue(())).await.unwrap();
    assert_eq!((collected.nodes, collected.members), (1, 1));

    let alone = tcp_client([nobody.as_str()], None);
    let refused = alone.publish(vec![record("a", "b")], Duration::from_secs(2)).await;
    assert!(matches!(refused, Err(GunError::Unreachable(_))), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_drops_what_it_acknowledges_is_noticed() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let liar = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let mut socket = tokio_tungstenite::accept_async(stream).await.unwrap();
            while let Some(Ok(frame)) = socket.next().await {
                let Frame::Text(text) = frame else { continue };
                for question in decode(&text).unwrap() {
                    let answer = Message {
                        id: MessageId::new(&format!("A{}", question.id.as_ref().unwrap().as_str())),
                        answers: question.id,
                        ok: question.put.is_some(),
                        ..Message::default()
                    };
                    socket.send(Frame::Text(encode(&[answer]))).await.unwrap();
                }
            }
        }
    });
    let gun = tcp_client([format!("http://127.0.0.1:{port}/gun").as_str()], None);
    let kept = gun.publish(vec![record("a", "b")], Duration::from_secs(4)).await;
    assert!(matches!(kept, Err(GunError::NotKept)), "{kept:?}");
    liar.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_gun_cannot_hold_is_refused() {
    let gun = tcp_client(["http://127.0.0.1:1/gun"], None);
    for bad in [json!({}), json!({ "a": [] }), json!({ "a": {} }), json!({ "_": 1 }), json!({ "": 1 })] {
        let update = NodeUpdate { soul: "s".into(), properties: object(bad.clone()) };
        let refused = gun.publish(vec![update], SOON).await;
        assert!(matches!(refused, Err(GunError::Invalid(_))), "{bad}: {refused:?}");
    }
}
