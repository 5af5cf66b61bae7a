//! Programs that speak Gun themselves, with the loopback endpoint as their only peer.

use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bauta_daemon::gun::endpoint::{Endpoint, new_secret_path};
use bauta_daemon::gun::{GetLimits, Gun, GunConfig, GunError, NodeUpdate};
use bauta_localnet::{ExitPolicy, Localnet, LocalnetConfig};
use bauta_sphinx_client::{GuardKeeper, Mixnet, Network, Traffic};
use bauta_tests::gun_relay::{GunRelay, VERSIONS, node, tcp_client};
use bauta_tests::process::Process;
use bauta_tests::wait::eventually;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::client_async;
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

const SOON: Duration = Duration::from_secs(180);
const ANYWHERE: &str = "127.0.0.1:0";

async fn endpoint(gun: &Gun) -> Endpoint {
    Endpoint::start(gun.clone(), &new_secret_path(), ANYWHERE.parse().unwrap()).await.unwrap()
}

/// Runs a program to its end; its lines.
async fn peer(version: &str, url: &str, arguments: &[&str]) -> Vec<Value> {
    let mut command = tokio::process::Command::from(node("peer.js"));
    let output =
        command.arg(version).arg(url).args(arguments).stdin(Stdio::null()).kill_on_drop(true).output();
    let output = tokio::time::timeout(2 * SOON, output).await.unwrap().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    lines(&String::from_utf8(output.stdout).unwrap())
}

/// Starts a program that runs until it is stopped.
fn start_peer(version: &str, url: &str, arguments: &[&str], log: &Path) -> Process {
    let mut command = node("peer.js");
    command.arg(version).arg(url).args(arguments);
    Process::start(command, log)
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

async fn in_relay(direct: &Gun, soul: &str) -> Option<Value> {
    direct.get(soul, GetLimits::default()).await.unwrap().map(Value::Object)
}

fn update(soul: &str, properties: Value) -> NodeUpdate {
    NodeUpdate { soul: soul.to_owned(), properties: properties.as_object().unwrap().clone() }
}

/// Writes what somebody wrote just now. Our writes are dated back a little, so that takes a moment.
async fn overwrite(gun: &Gun, node: NodeUpdate) {
    let start = Instant::now();
    while let Err(error) = gun.publish(vec![node.clone()], SOON).await {
        assert!(matches!(error, GunError::Overwritten) && start.elapsed() < SOON, "{error}");
    }
}

/// Waits off the runtime's threads.
async fn until(what: &'static str, condition: impl FnMut() -> Option<()> + Send + 'static) {
    tokio::task::spawn_blocking(move || eventually(what, SOON, condition)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn programs_write_read_and_watch_through_it() {
    for version in VERSIONS {
        let dir = tempfile::tempdir().unwrap();
        let relay = GunRelay::start(VERSIONS[0], &dir.path().join("relay"));
        let url = relay.url();
        let direct = tcp_client([url.as_str()], None);
        let (first, second) = (tcp_client([url.as_str()], None), tcp_client([url.as_str()], None));
        let (here, there) = (endpoint(&first).await, endpoint(&second).await);

        peer(version, &here.url(), &["put", "thing", r#"{"colour":"red","size":3}"#]).await;
        assert_eq!(in_relay(&direct, "thing").await, Some(json!({ "colour": "red", "size": 3 })));
        assert_eq!(
            peer(version, &there.url(), &["get", "thing"]).await,
            [json!({ "colour": "red", "size": 3 })]
        );

        // A change by somebody else reaches a program that watches.
        let log = dir.path().join("watch.log");
        let watching = start_peer(version, &there.url(), &["watch", "thing"], &log);
        let shows = |colour: &'static str, log: &Path| {
            let log = log.to_owned();
            move || {
                let text = std::fs::read_to_string(&log).unwrap_or_default();
                lines(&text).iter().any(|line| line["colour"] == colour).then_some(())
            }
        };
        until("the first state", shows("red", &log)).await;
        overwrite(&direct, update("thing", json!({ "colour": "blue" }))).await;
        until("a change by a stranger", shows("blue", &log)).await;
        // So does one by a program at the other endpoint, and one at the same.
        peer(version, &here.url(), &["put", "thing", r#"{"colour":"green"}"#]).await;
        until("a change at the other endpoint", shows("green", &log)).await;
        peer(version, &there.url(), &["put", "thing", r#"{"colour":"black"}"#]).await;
        until("a change at the same endpoint", shows("black", &log)).await;
        drop(watching);

        // A set, as Mask keeps its records in.
        let record = update("record", json!({ "e": "AAAA" }));
        direct.publish(vec![record, NodeUpdate::member("37-tw-aa-bb", "record")], SOON).await.unwrap();
        let log = dir.path().join("set.log");
        let reading = start_peer(version, &here.url(), &["set", "37-tw-aa-bb"], &log);
        until("the record of a set", move || {
            let text = std::fs::read_to_string(&log).unwrap_or_default();
            lines(&text).contains(&json!({ "key": "record", "e": "AAAA" })).then_some(())
        })
        .await;
        drop(reading);

        // What was read is there while the relay is not.
        drop(relay);
        assert_eq!(peer(version, &there.url(), &["get", "thing"]).await[0]["colour"], "black");
        here.stop().await;
        there.stop().await;
        for gun in [direct, first, second] {
            gun.stop().await;
        }
    }
}

struct NoGuards;

impl GuardKeeper for NoGuards {
    fn load(&self) -> Option<Vec<u8>> {
        None
    }

    fn save(&self, _: &[u8]) {}
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_reaches_the_relay_through_the_mixnet() {
    let dir = tempfile::tempdir().unwrap();
    let relay = GunRelay::start(VERSIONS[0], &dir.path().join("relay"));
    let config = LocalnetConfig { gateways: 2, exit: ExitPolicy::Loopback, ..LocalnetConfig::default() };
    let localnet = Localnet::start(config).await.unwrap();
    let network = Network::local(&localnet.api_url()).unwrap();
    let mixnet = Mixnet::new(network, Traffic::Test, Arc::new(NoGuards)).unwrap();
    let exits = mixnet.exits(Vec::new());
    let relays = vec![relay.url().parse().unwrap()];
    let gun = Gun::new(GunConfig { relays, extra_roots_pem: None, dial: Arc::new(exits.clone()) }).unwrap();
    let endpoint = endpoint(&gun).await;
    let direct = tcp_client([relay.url().as_str()], None);

    direct.publish(vec![update("there", json!({ "a": "b" }))], SOON).await.unwrap();
    assert_eq!(peer(VERSIONS[0], &endpoint.url(), &["get", "there"]).await, [json!({ "a": "b" })]);
    peer(VERSIONS[0], &endpoint.url(), &["put", "here", r#"{"c":"d"}"#]).await;
    assert_eq!(in_relay(&direct, "here").await, Some(json!({ "c": "d" })));

    endpoint.stop().await;
    gun.stop().await;
    exits.stop().await;
}

/// The status with which a WebSocket is refused; `None` when it is opened.
async fn status(endpoint: &Endpoint, path: Option<&str>, headers: &[(&'static str, &str)]) -> Option<u16> {
    let url = endpoint.url().replace("http:", "ws:");
    let mut request = url.into_client_request().unwrap();
    if let Some(path) = path {
        *request.uri_mut() = format!("ws://{}{path}", endpoint.address()).parse().unwrap();
    }
    for (name, value) in headers {
        request.headers_mut().insert(*name, value.parse().unwrap());
    }
    let stream = TcpStream::connect(endpoint.address()).await.unwrap();
    match client_async(request, stream).await {
        Ok(_) => None,
        Err(Error::Http(response)) => Some(response.status().as_u16()),
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_are_refused() {
    let gun = tcp_client(["http://127.0.0.1:1/gun"], None);
    let endpoint = endpoint(&gun).await;
    let port = endpoint.address().port();
    assert_eq!(status(&endpoint, None, &[]).await, None);
    assert_eq!(status(&endpoint, None, &[("host", &format!("localhost:{port}"))]).await, None);
    assert_eq!(status(&endpoint, None, &[("origin", "chrome-extension://abcdef")]).await, None);
    for path in ["/", "/gun", "/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/gun"] {
        assert_eq!(status(&endpoint, Some(path), &[]).await, Some(404), "{path}");
    }
    for host in ["evil.example", &format!("evil.example:{port}"), "127.0.0.1:1"] {
        assert_eq!(status(&endpoint, None, &[("host", host)]).await, Some(403), "{host}");
    }
    for origin in ["https://evil.example", "null", "http://localhost:1"] {
        assert_eq!(status(&endpoint, None, &[("origin", origin)]).await, Some(403), "{origin}");
    }
    for (secret, address) in [("short", ANYWHERE), ("with/a/slash/and/more/of/it", ANYWHERE), ("", ANYWHERE)]
    {
        assert!(Endpoint::start(gun.clone(), secret, address.parse().unwrap()).await.is_err(), "{secret}");
    }
    let open = Endpoint::start(gun.clone(), &new_secret_path(), "0.0.0.0:0".parse().unwrap()).await;
    assert!(open.is_err());
    endpoint.stop().await;
    assert!(TcpStream::connect(endpoint.address()).await.is_err());
}
