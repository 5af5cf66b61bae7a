//! The server and the client over a real socket, with a small daemon behind.

use std::time::Duration;

use bauta_ipc::methods::*;
use bauta_ipc::*;
use serde_json::{Value, json};

use super::support::{Daemon, Raw};

const HELLO: &str = r#"{"jsonrpc":"2.0","id":"h","method":"hello","params":{"protocol":1,"features":[]}}"#;

fn send(text: &str) -> SendMessage {
    SendMessage { persona: None, contact: "bob".into(), text: text.into(), id: None }
}

#[tokio::test]
async fn calls_run_side_by_side() {
    let daemon = Daemon::start(Access::all(), ServerLimits::default()).await;
    let client = daemon.client().await;
    assert_eq!(client.welcome().protocol, PROTOCOL);
    assert_eq!(client.welcome().grants, Grant::ALL);
    let wait = WaitFor { id: "never".into(), state: MessageState::Stored, timeout_ms: 60_000 };
    let waiting = client.call::<MessageWait>(&wait);
    tokio::pin!(waiting);
    tokio::select! {
        _ = &mut waiting => panic!("it waits"),
        sent = async {
            let text = send("see you there");
            let sends = (0..20).map(|_| client.call::<MessageSend>(&text));
            futures::future::join_all(sends).await
        } => assert!(sent.into_iter().all(|sent| sent.unwrap().state == MessageState::Queued)),
    }
}

#[tokio::test]
async fn errors_arrive_whole() {
    let daemon = Daemon::start(Access::all(), ServerLimits::default()).await;
    let client = daemon.client().await;
    let mut text = send("x");
    text.contact = "nobody".into();
    let error = client.call::<MessageSend>(&text).await.unwrap_err();
    assert_eq!((error.code.as_str(), error.retry, error.exit()), ("contact.unknown", Retry::No, Exit::User));
    assert_eq!(error.hint, codes::CONTACT_UNKNOWN.hint);
    let error = client.call_raw("no.such", json!({})).await.unwrap_err();
    assert!(error.is(&codes::REQUEST_METHOD));
    let error = client.call_raw("message.send", json!({"contact": 7})).await.unwrap_err();
    assert!(error.is(&codes::REQUEST_PARAMS));
    let error = client.call_raw("hello", json!({"protocol": 1})).await.unwrap_err();
    assert!(error.is(&codes::HELLO_REPEATED));
    let error = client.call::<MessageSend>(&send(&"x".repeat(MAX_FRAME))).await.unwrap_err();
    assert!(error.is(&codes::REQUEST_TOO_LARGE));
}

#[tokio::test]
async fn a_panic_stays_inside_its_call() {
    let daemon = Daemon::start(Access::all(), ServerLimits::default()).await;
    let client = daemon.client().await;
    let error = client.call::<MessageSend>(&send("panic")).await.unwrap_err();
    assert!(error.is(&codes::INTERNAL));
    assert!(client.call::<MessageSend>(&send("on")).await.is_ok());
}

#[tokio::test]
async fn each_method_needs_its_grant() {
    let daemon =
        Daemon::start(Access::only([Grant::StatusRead, Grant::MessagesSend]), ServerLimits::default()).await;
    let client = daemon.client().await;
    assert_eq!(client.welcome().grants, [Grant::StatusRead, Grant::MessagesSend]);
    for method in METHODS.iter().filter(|method| method.name != "hello") {
        let answer = client.call_raw(method.name, json!({})).await;
        let denied = answer.is_err_and(|error| error.is(&codes::ACCESS_DENIED));
        let granted = match method.grant {
            None | Some(Need::Any) => true,
            Some(Need::One(grant)) => [Grant::StatusRead, Grant::MessagesSend].contains(&grant),
        };
        assert_eq!(denied, !granted, "{}", method.name);
    }
}

#[tokio::test]
async fn events_are_replayed_then_followed() {
    let daemon = Daemon::start(Access::all(), ServerLimits::default()).await;
    for n in 0..300 {
        daemon.log(&format!("old {n}"));
    }
    let mut from_start = daemon.client().await.subscribe(Some(0)).await.unwrap();
    let mut from_now = daemon.client().await.subscribe(None).await.unwrap();
    daemon.log("new");
    for cursor in 1..=301 {
        assert_eq!(from_start.next().await.unwrap().cursor, cursor);
    }
    let event = from_now.next().await.unwrap();
    let EventBody::MessageReceived { message } = event.body else { panic!() };
    assert_eq!((event.cursor, message.body.text().unwrap(), from_now.cursor()), (301, "new", 301));
    let error = daemon.client().await.subscribe(Some(1000)).await.unwrap_err();
    assert!(error.is(&codes::EVENT_CURSOR));
}

#[tokio::test]
async fn a_second_subscription_is_refused() {
    let daemon = Daemon::start(Access::all(), ServerLimits::default()).await;
    let mut raw = Raw::connect(&daemon).await;
    raw.send(HELLO).await;
    raw.send(r#"{"jsonrpc":"2.0","id":1,"method":"event.subscribe","params":{"since":0}}"#).await;
    raw.send(r#"{"jsonrpc":"2.0","id":2,"method":"event.subscribe","params":{"since":0}}"#).await;
    assert_eq!(raw.answer().await["id"], "h");
    assert_eq!(raw.answer().await["result"]["cursor"], 0);
    assert_eq!(raw.answer().await["error"]["data"]["code"], "event.subscribed");
    daemon.log("one");
    let event = raw.answer().await;
    assert_eq!((&event["method"], &event["params"]["kind"]), (&json!("event"), &json!("message.received")));
}

#[tokio::test]
async fn the_first_frame_must_be_hello() {
    let daemon = Daemon::start(Access::all(), ServerLimits::default()).await;
    for (frame, code) in [
        (r#"{"jsonrpc":"2.0","id":1,"method":"status.get"}"#, "hello.required"),
        (r#"{"jsonrpc":"2.0","id":1,"method":"hello","params":{"protocol":99}}"#, "hello.unsupported"),
        (r#"{"jsonrpc":"2.0","id":1,"method":"hello","params":{}}"#, "request.params"),
        ("[]", "request.batch"),
        ("GET / HTTP/1.1", "request.parse"),
    ] {
        let mut raw = Raw::connect(&daemon).await;
        raw.send(frame).await;
        assert_eq!(raw.answer().await["error"]["data"]["code"], code);
        raw.closed().await;
    }
}

#[tokio::test]
async fn refusals_keep_the_connection_and_bad_json_ends_it() {
    let daemon = Daemon::start(Access::all(), ServerLimits::default()).await;
    let mut raw = Raw::connect(&daemon).await;
    raw.send("").await;
    raw.send(HELLO).await;
    assert_eq!(raw.answer().await["result"]["protocol"], 1);
    for (frame, number) in [
        (r#"[{"jsonrpc":"2.0","id":1,"method":"status.get"}]"#, -32_600),
        (r#"{"jsonrpc":"2.0","method":"status.get"}"#, -32_600),
        (r#"{"jsonrpc":"2.0","id":1,"method":"status.get","params":[]}"#, -32_602),
        (r#"{"jsonrpc":"2.0","id":1,"method":"later.one"}"#, -32_601),
    ] {
        raw.send(frame).await;
        assert_eq!(raw.answer().await["error"]["code"], number, "{frame}");
    }
    raw.send(r#"{"jsonrpc":"2.0","id":"s","method":"status.get","later":{},"params":{"later":1}}"#).await;
    assert_eq!(raw.answer().await["result"]["state"], "ready");
    raw.send("{").await;
    let last = raw.answer().await;
    assert_eq!((&last["error"]["code"], &last["id"]), (&json!(-32_700), &Value::Null));
    raw.closed().await;
}

#[tokio::test]
async fn a_frame_too_long_ends_the_connection() {
    let daemon = Daemon::start(Access::all(), ServerLimits::default()).await;
    let mut raw = Raw::connect(&daemon).await;
    raw.send(HELLO).await;
    raw.answer().await;
    raw.write(&vec![b' '; MAX_FRAME + 1]).await;
    assert_eq!(raw.answer().await["error"]["data"]["code"], "request.too_large");
}

#[tokio::test]
async fn silence_before_hello_ends_the_connection() {
    let limits = ServerLimits { hello: Duration::from_millis(50), ..ServerLimits::default() };
    let daemon = Daemon::start(Access::all(), limits).await;
    let mut raw = Raw::connect(&daemon).await;
    assert_eq!(raw.answer().await["error"]["data"]["code"], "hello.required");
    raw.closed().await;
}

#[tokio::test]
async fn connections_and_calls_are_bounded() {
    let limits = ServerLimits { connections: 1, calls: 2, ..ServerLimits::default() };
    let daemon = Daemon::start(Access::all(), limits).await;
    let client = daemon.client().await;
    let wait = WaitFor { id: "never".into(), state: MessageState::Stored, timeout_ms: 60_000 };
    let (one, two) = (client.call::<MessageWait>(&wait), client.call::<MessageWait>(&wait));
    tokio::pin!(one, two);
    let busy = async {
        loop {
            match client.call::<StatusGet>(&StatusOf::default()).await {
                Err(error) if error.is(&codes::DAEMON_BUSY) => return,
                _ => tokio::task::yield_now().await,
            }
        }
    };
    tokio::select! {
        biased;
        _ = &mut one => panic!("it waits"),
        _ = &mut two => panic!("it waits"),
        outcome = tokio::time::timeout(Duration::from_secs(120), busy) => outcome.unwrap(),
    }
    // Calls are under way, so this connection does not make place.
    let error = Client::connect(daemon.socket()).await.unwrap_err();
    assert!(error.is(&codes::DAEMON_BUSY), "{error:?}");
}

#[tokio::test]
async fn idle_connections_keep_nobody_out() {
    let limits = ServerLimits { connections: 4, ..ServerLimits::default() };
    let daemon = Daemon::start(Access::all(), limits).await;
    let mut following = daemon.client().await.subscribe(None).await.unwrap();
    let mut idle = Vec::new();
    for _ in 0..3 {
        let mut raw = Raw::connect(&daemon).await;
        raw.send(HELLO).await;
        raw.answer().await;
        idle.push(raw);
    }
    let mut clients = Vec::new();
    for raw in &mut idle {
        let client = daemon.client().await;
        assert!(client.call::<StatusGet>(&StatusOf::default()).await.is_ok());
        clients.push(client);
        let last = raw.answer().await;
        assert_eq!((&last["id"], &last["error"]["data"]["code"]), (&Value::Null, &json!("daemon.busy")));
        raw.closed().await;
    }
    // Whoever follows the events is not idle, however quiet it is.
    for _ in 0..20 {
        clients.push(daemon.client().await);
    }
    daemon.log("still here");
    assert_eq!(following.next().await.unwrap().cursor, 1);
}

#[tokio::test]
async fn a_slow_reader_is_dropped() {
    let limits = ServerLimits { write: Duration::from_millis(200), ..ServerLimits::default() };
    let daemon = Daemon::start(Access::all(), limits).await;
    for _ in 0..400 {
        daemon.log(&"x".repeat(10_000));
    }
    let mut raw = Raw::connect(&daemon).await;
    raw.send(HELLO).await;
    raw.send(r#"{"jsonrpc":"2.0","id":1,"method":"event.subscribe","params":{"since":0}}"#).await;
    daemon.until(|daemon| daemon.open_streams() == 1).await;
    // Nothing is read: the daemon gives up, and with the connection goes its place in the log.
    daemon.until(|daemon| daemon.open_streams() == 0).await;
    assert!(daemon.client().await.call::<StatusGet>(&StatusOf::default()).await.is_ok());
}

#[tokio::test]
async fn an_answer_still_comes_after_the_client_stopped_writing() {
    let daemon = Daemon::start(Access::all(), ServerLimits::default()).await;
    let mut raw = Raw::connect(&daemon).await;
    raw.send(HELLO).await;
    raw.write(br#"{"jsonrpc":"2.0","id":"s","method":"status.get"}"#).await;
    raw.end().await;
    assert_eq!(raw.answer().await["id"], "h");
    assert_eq!(raw.answer().await["id"], "s");
    raw.closed().await;
}

#[tokio::test]
async fn stopping_lets_calls_finish_and_removes_the_socket() {
    let daemon = Daemon::start(Access::all(), ServerLimits::default()).await;
    let client = daemon.client().await;
    let mut events = daemon.client().await.subscribe(None).await.unwrap();
    client.call::<DaemonStop>(&Empty {}).await.unwrap();
    assert!(events.next().await.unwrap_err().is(&codes::DAEMON_UNREACHABLE));
    let error = daemon.until_stopped().await;
    assert!(error.is(&codes::DAEMON_NOT_RUNNING), "{error:?}");
}

struct Shut;

#[async_trait::async_trait]
impl LockedApi for Shut {
    async fn status(&self) -> Result<Status, RpcError> {
        Err(RpcError::new(&codes::INTERNAL, "asked"))
    }

    async fn unlock(&self, params: UnlockStore) -> Result<Empty, RpcError> {
        match params.passphrase {
            Some(passphrase) if passphrase.reveal() == "right" => Ok(Empty {}),
            _ => Err(RpcError::new(&codes::UNLOCK_FAILED, "wrong")),
        }
    }
}

#[tokio::test]
async fn a_locked_daemon_answers_three_methods() {
    let home = tempfile::tempdir().unwrap();
    let lock = HomeLock::acquire(home.path()).unwrap();
    let stop = tokio_util::sync::CancellationToken::new();
    let api: std::sync::Arc<dyn LockedApi> = std::sync::Arc::new(Shut);
    let own = Listener::bind(&lock).await.unwrap();
    let bridge = Listener::bind_bridge(&lock).await.unwrap();
    let (own_path, bridge_path) = (own.path().to_owned(), bridge.path().to_owned());
    let limits = ServerLimits::default();
    let serving = [
        tokio::spawn(serve_with(own, Service::locked(api.clone()), limits, stop.clone())),
        tokio::spawn(serve_with(bridge, Service::locked_for_extensions(api), limits, stop.clone())),
    ];
    let client = Client::connect(&own_path).await.unwrap();
    for method in METHODS.iter().filter(|method| method.name != "hello") {
        let error = client.call_raw(method.name, json!({})).await.unwrap_err();
        let wanted = match method.name {
            "status.get" => &codes::INTERNAL,
            "unlock" => &codes::UNLOCK_FAILED,
            _ => &codes::DAEMON_LOCKED,
        };
        assert!(error.is(wanted), "{}: {error:?}", method.name);
    }
    client.call::<Unlock>(&UnlockStore { passphrase: Some(Secret::new("right".into())) }).await.unwrap();

    let mut extension = Raw::at(&bridge_path).await;
    let origin = json!({"origin": "chrome-extension://abcdefghijklmnopabcdefghijklmnop/"});
    let frame = json!({"jsonrpc": "2.0", "method": "bridge.origin", "params": origin});
    extension.send(&frame.to_string()).await;
    extension.call("hello", json!({"protocol": 1})).await.unwrap();
    for method in METHODS.iter().filter(|method| method.name != "hello") {
        let answer = extension.call(method.name, json!({})).await;
        assert_eq!(answer, Err("daemon.locked".to_owned()), "{}", method.name);
    }
    stop.cancel();
    for serving in serving {
        serving.await.unwrap();
    }
}

#[test]
fn programs_that_only_look_do_not_keep_a_daemon_awake() {
    let activity = Activity::default();
    let find = |name: &str| methods::find(name).unwrap();
    let before = activity.idle();
    for name in ["status.get", "event.subscribe", "session.challenge", "session.prove", "hello"] {
        activity.note(find(name));
    }
    assert!(activity.idle() >= before);
    activity.note(find("message.history"));
    activity.note(find("post.check"));
    assert!(activity.idle() < Duration::from_secs(60));
}
