use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bauta_ipc::*;
use futures::StreamExt;
use schemars::{Schema, SchemaGenerator};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// The personas of the fake daemon. No other text that it says holds one of these names.
pub(crate) const PERSONAS: [&str; 2] = ["alice-2f61c07be4d9", "bea-93a5d8e07c1f"];

pub(crate) const ORIGIN: &str = "chrome-extension://abcdefghijklmnopabcdefghijklmnop/";

/// A daemon that keeps its log in memory and knows one contact.
pub(crate) struct Daemon {
    home: tempfile::TempDir,
    socket: PathBuf,
    bridge: Option<PathBuf>,
    pairings: Arc<Kept>,
    state: Arc<State>,
}

/// Pairings in memory.
#[derive(Default)]
pub(crate) struct Kept(pub(crate) Mutex<Vec<PairingRecord>>);

#[async_trait]
impl Pairings for Kept {
    async fn add(&self, pairing: PairingRecord) -> Result<(), RpcError> {
        self.0.lock().unwrap().push(pairing);
        Ok(())
    }

    async fn all(&self) -> Result<Vec<PairingRecord>, RpcError> {
        Ok(self.0.lock().unwrap().clone())
    }

    async fn find(&self, id: &str) -> Result<Option<PairingRecord>, RpcError> {
        Ok(self.0.lock().unwrap().iter().find(|pairing| pairing.id == id).cloned())
    }

    async fn forget(&self, id: &str) -> Result<(), RpcError> {
        self.0.lock().unwrap().retain(|pairing| pairing.id != id);
        Ok(())
    }

    async fn note_use(&self, id: &str, at: Utc) -> Result<(), RpcError> {
        for pairing in self.0.lock().unwrap().iter_mut().filter(|pairing| pairing.id == id) {
            pairing.last_used = Some(at);
        }
        Ok(())
    }

    async fn revoke(&self, id: &str) -> Result<(), RpcError> {
        for pairing in self.0.lock().unwrap().iter_mut().filter(|pairing| pairing.id == id) {
            pairing.revoked = true;
        }
        Ok(())
    }
}

struct State {
    log: Mutex<Vec<Event>>,
    grown: watch::Sender<usize>,
    streams: Arc<AtomicUsize>,
    polled: Arc<AtomicUsize>,
    stop: CancellationToken,
}

impl Daemon {
    pub(crate) async fn start(access: Access, limits: ServerLimits) -> Self {
        Self::start_with(access, limits, false).await
    }

    /// With a second socket, for extensions.
    pub(crate) async fn with_bridge() -> Self {
        Self::start_with(Access::all(), ServerLimits::default(), true).await
    }

    async fn start_with(access: Access, limits: ServerLimits, bridge: bool) -> Self {
        let home = tempfile::tempdir().unwrap();
        let lock = HomeLock::acquire(home.path()).unwrap();
        let listener = Listener::bind(&lock).await.unwrap();
        let socket = listener.path().to_owned();
        let state = Arc::new(State {
            log: Mutex::default(),
            grown: watch::Sender::new(0),
            streams: Arc::default(),
            polled: Arc::default(),
            stop: CancellationToken::new(),
        });
        let api = Arc::new(Served(Arc::clone(&state)));
        let pairings = Arc::new(Kept::default());
        let mut service = Service::new(Arc::clone(&api) as Arc<dyn Api>, access);
        let mut bridge_socket = None;
        if bridge {
            let listener = Listener::bind_bridge(&lock).await.unwrap();
            bridge_socket = Some(listener.path().to_owned());
            let kept = Arc::clone(&pairings) as Arc<dyn Pairings>;
            let desk = PairingDesk::new(kept, Arc::new(SystemWorld::default()));
            service = service.with_desk(Arc::clone(&desk));
            let extensions = Service::for_extensions(api, desk);
            tokio::spawn(serve_with(listener, extensions, limits, state.stop.clone()));
        }
        tokio::spawn(serve_with(listener, service, limits, state.stop.clone()));
        Self { home, socket, bridge: bridge_socket, pairings, state }
    }

    pub(crate) fn pairings(&self) -> &Kept {
        &self.pairings
    }

    pub(crate) fn socket(&self) -> &Path {
        &self.socket
    }

    pub(crate) async fn client(&self) -> Client {
        Client::open(self.home.path()).await.unwrap()
    }

    pub(crate) fn log(&self, text: &str) {
        self.log_for(PERSONAS[0], text);
    }

    pub(crate) fn log_for(&self, persona: &str, text: &str) {
        let at = Utc::from_millis(0);
        let message = ReceivedMessage {
            id: "00".repeat(16),
            persona: persona.into(),
            from: "bob".into(),
            body: Body::Text(text.into()),
            sent_at: at,
            received_at: at,
            disappears_after: None,
            disappears_at: None,
        };
        self.log_body(EventBody::MessageReceived { message });
    }

    pub(crate) fn log_body(&self, body: EventBody) {
        let mut log = self.state.log.lock().unwrap();
        let cursor = log.len() as u64 + 1;
        log.push(Event { cursor, at: Utc::from_millis(cursor), body });
        self.state.grown.send_replace(log.len());
    }

    pub(crate) fn open_streams(&self) -> usize {
        self.state.streams.load(Ordering::SeqCst)
    }

    /// How many events were taken from the log, once nobody takes more for a while.
    pub(crate) async fn polled_to_rest(&self) -> usize {
        let deadline = Instant::now() + Duration::from_secs(120);
        let (mut last, mut since) = (0, Instant::now());
        while since.elapsed() < Duration::from_millis(300) || last == 0 {
            assert!(Instant::now() < deadline, "it does not come to rest");
            tokio::time::sleep(Duration::from_millis(5)).await;
            let polled = self.state.polled.load(Ordering::SeqCst);
            if polled != last {
                (last, since) = (polled, Instant::now());
            }
        }
        last
    }

    pub(crate) async fn until(&self, condition: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + Duration::from_secs(120);
        while !condition(self) {
            assert!(Instant::now() < deadline, "the condition did not come about");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// The error a client gets once the socket is gone.
    pub(crate) async fn until_stopped(&self) -> RpcError {
        self.until(|daemon| !daemon.socket.exists()).await;
        Client::connect(&self.socket).await.unwrap_err()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.state.stop.cancel();
    }
}

/// A connection without the client's help.
pub(crate) struct Raw {
    reader: tokio::io::Lines<BufReader<OwnedReadHalf>>,
    writer: OwnedWriteHalf,
    last: String,
}

impl Raw {
    pub(crate) async fn connect(daemon: &Daemon) -> Self {
        Self::at(daemon.socket()).await
    }

    pub(crate) async fn at(socket: &std::path::Path) -> Self {
        let (reader, writer) = UnixStream::connect(socket).await.unwrap().into_split();
        Self { reader: BufReader::new(reader).lines(), writer, last: String::new() }
    }

    /// As the bridge connects, without a word.
    pub(crate) async fn on_bridge(daemon: &Daemon) -> Self {
        let socket = daemon.bridge.as_ref().unwrap();
        Self::at(socket).await
    }

    /// As an extension finds the connection after its hello.
    pub(crate) async fn extension(daemon: &Daemon, origin: &str) -> Self {
        let mut raw = Self::on_bridge(daemon).await;
        let params = json!({"origin": origin});
        let frame = json!({"jsonrpc": "2.0", "method": "bridge.origin", "params": params});
        raw.send(&frame.to_string()).await;
        let welcome = raw.call("hello", json!({"protocol": 1})).await.unwrap();
        assert_eq!(welcome["grants"], json!([]));
        raw
    }

    /// A call and its answer, or its error's code.
    pub(crate) async fn call(&mut self, method: &str, params: Value) -> Result<Value, String> {
        let frame = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        self.send(&frame.to_string()).await;
        let answer = self.answer().await;
        assert_eq!(answer["id"], 1, "{answer}");
        match answer.get("result") {
            Some(result) => Ok(result.clone()),
            None => Err(answer["error"]["data"]["code"].as_str().unwrap().to_owned()),
        }
    }

    pub(crate) async fn send(&mut self, frame: &str) {
        self.write(format!("{frame}\n").as_bytes()).await;
    }

    pub(crate) async fn write(&mut self, bytes: &[u8]) {
        self.writer.write_all(bytes).await.unwrap();
    }

    pub(crate) async fn end(&mut self) {
        self.writer.shutdown().await.unwrap();
    }

    pub(crate) async fn answer(&mut self) -> Value {
        let line = tokio::time::timeout(Duration::from_secs(120), self.reader.next_line()).await.unwrap();
        self.last = line.unwrap().unwrap();
        serde_json::from_str(&self.last).unwrap()
    }

    /// The next line, whole or not; `None` at the end.
    pub(crate) async fn line(&mut self) -> Option<String> {
        tokio::time::timeout(Duration::from_secs(120), self.reader.next_line()).await.unwrap().unwrap_or(None)
    }

    /// The answer that came last, as it came.
    pub(crate) fn last_line(&self) -> &str {
        &self.last
    }

    pub(crate) async fn closed(&mut self) {
        let line = tokio::time::timeout(Duration::from_secs(120), self.reader.next_line()).await.unwrap();
        assert!(matches!(line, Ok(None)), "{line:?}");
    }
}

struct Served(Arc<State>);

struct OpenStream(Arc<AtomicUsize>);

impl Drop for OpenStream {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Answers by the method's name; what it does not know it answers with a sample.
async fn answer(state: &State, method: &str, params: Value) -> Result<Value, RpcError> {
    let text = |field: &str| params[field].as_str().unwrap_or_default();
    match method {
        "status.get" => {
            let persona = |name: &str| json!({"name": name, "state": "ready", "since": "1970-01-01T00:00:00Z", "queued": 1});
            let asked = params["personas"]
                .as_array()
                .map(|names| names.iter().map(|name| name.as_str().unwrap()).collect::<Vec<_>>().join(" "));
            Ok(json!({
                "state": "ready", "since": "1970-01-01T00:00:00Z", "traffic": "test", "network": "local",
                "phase": asked,
                "personas": PERSONAS.map(persona), "relays": [], "health": [], "version": "0", "queued": 2,
                "gun": {"relays": [], "exits": [], "extra_root": false, "endpoint": "http://127.0.0.1:1/secret"},
            }))
        }
        "persona.list" => {
            let persona = |name: &str| json!({"name": name, "public_key": "02", "address": "bauta:"});
            Ok(json!({"personas": PERSONAS.map(persona)}))
        }
        "message.send" => {
            assert_ne!(text("text"), "panic");
            if text("contact") == "nobody" {
                return Err(RpcError::new(&codes::CONTACT_UNKNOWN, "There is no contact \"nobody\"."));
            }
            let id = if text("text") == "echo persona" { text("persona") } else { "00" };
            Ok(json!({"id": id, "state": "queued"}))
        }
        "message.wait" => {
            tokio::time::sleep(Duration::from_millis(params["timeout_ms"].as_u64().unwrap())).await;
            Err(RpcError::new(&codes::MESSAGE_TIMEOUT, "It did not get that far."))
        }
        "daemon.stop" => {
            state.stop.cancel();
            Ok(json!({}))
        }
        _ => {
            let listed = params["personas"]
                .as_array()
                .map(|names| names.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" "));
            Ok(sample(method, listed.as_deref().or(params["persona"].as_str())))
        }
    }
}

/// A result of the right shape. Each text in it is the persona that was asked for, or else the name of every persona.
fn sample(method: &str, persona: Option<&str>) -> Value {
    let result = methods::find(method).unwrap().result;
    of_schema(result, persona.unwrap_or(&PERSONAS.join(" ")))
}

/// A value of a schema, with everything that may be in it; each text in it is `text`.
pub(crate) fn of_schema(schema: impl FnOnce(&mut SchemaGenerator) -> Schema, text: &str) -> Value {
    let mut generator = SchemaGenerator::default();
    let schema = schema(&mut generator).to_value();
    fill(&schema, &json!(generator.definitions()), text)
}

fn fill(schema: &Value, definitions: &Value, text: &str) -> Value {
    let fill = |schema: &Value| fill(schema, definitions, text);
    if let Some(reference) = schema["$ref"].as_str() {
        return fill(&definitions[reference.rsplit('/').next().unwrap()]);
    }
    let first = |key: &str| schema[key].as_array().and_then(|choices| choices.first());
    let fields = schema["properties"].as_object().cloned().unwrap_or_default();
    let mut object: serde_json::Map<_, _> =
        fields.into_iter().map(|(name, schema)| (name, fill(&schema))).collect();
    if let Some(choice) = first("oneOf").or_else(|| first("anyOf")) {
        let chosen = fill(choice);
        return match chosen {
            Value::Object(more) if !object.is_empty() => {
                object.extend(more);
                Value::Object(object)
            }
            chosen => chosen,
        };
    }
    if let Some(only) = schema.get("const").or_else(|| first("enum")) {
        return only.clone();
    }
    match first("type").unwrap_or(&schema["type"]).as_str() {
        Some("object") => Value::Object(object),
        Some("array") => json!([fill(&schema["items"])]),
        Some("integer" | "number") => json!(1),
        Some("boolean") => json!(true),
        Some("string") if schema["format"] == "date-time" => json!("1970-01-01T00:00:00Z"),
        Some("string") => json!(text),
        other => panic!("{other:?} in {schema}"),
    }
}

macro_rules! answered {
    ($area:ident { $($call:ident $method:ident;)+ }) => {
        #[async_trait]
        impl $area for Served {
            $(
                async fn $call(
                    &self,
                    params: <methods::$method as Method>::Params,
                ) -> Result<<methods::$method as Method>::Result, RpcError> {
                    let params = serde_json::to_value(params).unwrap();
                    let result = answer(&self.0, methods::$method::NAME, params).await?;
                    Ok(serde_json::from_value(result).unwrap())
                }
            )+
        }
    };
}

bauta_ipc::for_each_area!(answered);

#[async_trait]
impl EventApi for Served {
    async fn event_subscribe(&self, params: Subscribe) -> Result<EventStream, RpcError> {
        let head = self.0.log.lock().unwrap().len() as u64;
        let cursor = params.since.unwrap_or(head);
        if cursor > head {
            return Err(RpcError::new(&codes::EVENT_CURSOR, "The log ends earlier."));
        }
        self.0.streams.fetch_add(1, Ordering::SeqCst);
        let open = OpenStream(Arc::clone(&self.0.streams));
        let state = (Arc::clone(&self.0), self.0.grown.subscribe(), usize::try_from(cursor).unwrap(), open);
        let events = futures::stream::unfold(state, |(log, mut grown, at, open)| async move {
            grown.wait_for(|length| *length > at).await.ok()?;
            let event = log.log.lock().unwrap()[at].clone();
            log.polled.fetch_add(1, Ordering::SeqCst);
            Some((Ok(event), (log, grown, at + 1, open)))
        });
        Ok(EventStream { cursor, events: events.boxed() })
    }
}
