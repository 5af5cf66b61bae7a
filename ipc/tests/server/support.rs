use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bauta_ipc::*;
use futures::StreamExt;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

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
    stop: CancellationToken,
}

impl Daemon {
    pub(crate) async fn start(access: Access, limits: Limits) -> Self {
        Self::start_with(access, limits, false).await
    }

    /// With a second socket, for extensions.
    pub(crate) async fn with_bridge() -> Self {
        Self::start_with(Access::all(), Limits::default(), true).await
    }

    async fn start_with(access: Access, limits: Limits, bridge: bool) -> Self {
        let home = tempfile::tempdir().unwrap();
        let lock = HomeLock::acquire(home.path()).unwrap();
        let listener = Listener::bind(&lock).await.unwrap();
        let socket = listener.path().to_owned();
        let state = Arc::new(State {
            log: Mutex::default(),
            grown: watch::Sender::new(0),
            streams: Arc::default(),
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
        self.log_for("alice", text);
    }

    pub(crate) fn log_for(&self, persona: &str, text: &str) {
        let mut log = self.state.log.lock().unwrap();
        let cursor = log.len() as u64 + 1;
        let at = Utc::from_millis(cursor);
        let message = ReceivedMessage {
            id: format!("{cursor:032x}"),
            persona: persona.into(),
            from: "bob".into(),
            text: text.into(),
            sent_at: at,
            received_at: at,
        };
        log.push(Event { cursor, at, body: EventBody::MessageReceived { message } });
        self.state.grown.send_replace(log.len());
    }

    pub(crate) fn open_streams(&self) -> usize {
        self.state.streams.load(Ordering::SeqCst)
    }

    pub(crate) async fn until(&self, condition: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + Duration::from_secs(20);
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
}

impl Raw {
    pub(crate) async fn connect(daemon: &Daemon) -> Self {
        let (reader, writer) = UnixStream::connect(daemon.socket()).await.unwrap().into_split();
        Self { reader: BufReader::new(reader).lines(), writer }
    }

    /// As the bridge connects, without a word.
    pub(crate) async fn on_bridge(daemon: &Daemon) -> Self {
        let socket = daemon.bridge.as_ref().unwrap();
        let (reader, writer) = UnixStream::connect(socket).await.unwrap().into_split();
        Self { reader: BufReader::new(reader).lines(), writer }
    }

    /// As an extension finds the connection after its hello.
    pub(crate) async fn extension(daemon: &Daemon, origin: &str) -> Self {
        let mut raw = Self::on_bridge(daemon).await;
        let params = serde_json::json!({"origin": origin});
        let frame = serde_json::json!({"jsonrpc": "2.0", "method": "bridge.origin", "params": params});
        raw.send(&frame.to_string()).await;
        let welcome = raw.call("hello", serde_json::json!({"protocol": 1})).await.unwrap();
        assert_eq!(welcome["grants"], serde_json::json!([]));
        raw
    }

    /// A call and its answer, or its error's code.
    pub(crate) async fn call(&mut self, method: &str, params: Value) -> Result<Value, String> {
        let frame = serde_json::json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
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
        let line = tokio::time::timeout(Duration::from_secs(10), self.reader.next_line()).await.unwrap();
        serde_json::from_str(&line.unwrap().unwrap()).unwrap()
    }

    pub(crate) async fn closed(&mut self) {
        let line = tokio::time::timeout(Duration::from_secs(10), self.reader.next_line()).await.unwrap();
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

fn persona_status(name: &str) -> PersonaStatus {
    PersonaStatus {
        name: name.into(),
        state: bauta_ipc::State::Ready,
        phase: None,
        since: Utc::from_millis(0),
        last_exchange: None,
        requests: 0,
        queued: 1,
    }
}

fn not_here<T>() -> Result<T, RpcError> {
    Err(RpcError::new(&codes::PERSONA_NONE, "There is no persona."))
}

#[async_trait]
impl Api for Served {
    async fn status_get(&self, _: Empty) -> Result<Status, RpcError> {
        Ok(Status {
            state: bauta_ipc::State::Ready,
            phase: None,
            since: Utc::from_millis(0),
            last_exchange: None,
            traffic: "test".into(),
            traffic_note: String::new(),
            network: "http://127.0.0.1:1/api/".into(),
            personas: ["alice", "bea"].map(persona_status).to_vec(),
            relays: Vec::new(),
            gun: bauta_ipc::GunStatus {
                endpoint: Some("http://127.0.0.1:1/secret".into()),
                ..bauta_ipc::GunStatus::default()
            },
            health: Vec::new(),
            version: "0".into(),
            queued: 2,
        })
    }

    async fn message_send(&self, params: SendMessage) -> Result<SentMessage, RpcError> {
        assert_ne!(params.text, "panic");
        if params.contact == "nobody" {
            return Err(RpcError::new(&codes::CONTACT_UNKNOWN, "There is no contact \"nobody\"."));
        }
        if params.text == "echo persona" {
            return Ok(SentMessage { id: params.persona.unwrap_or_default(), state: MessageState::Queued });
        }
        Ok(SentMessage { id: "00".repeat(16), state: MessageState::Queued })
    }

    async fn message_wait(&self, params: WaitFor) -> Result<SentMessage, RpcError> {
        tokio::time::sleep(Duration::from_millis(params.timeout_ms)).await;
        Err(RpcError::new(&codes::MESSAGE_TIMEOUT, "It did not get that far."))
    }

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
            Some((Ok(event), (log, grown, at + 1, open)))
        });
        Ok(EventStream { cursor, events: events.boxed() })
    }

    async fn daemon_stop(&self, _: Empty) -> Result<Empty, RpcError> {
        self.0.stop.cancel();
        Ok(Empty {})
    }

    async fn persona_new(&self, _: NewPersona) -> Result<Persona, RpcError> {
        not_here()
    }
    async fn persona_list(&self, _: Empty) -> Result<PersonaList, RpcError> {
        let persona =
            |name: &str| Persona { name: name.into(), public_key: "02".repeat(33), address: "bauta:".into() };
        Ok(PersonaList { personas: ["alice", "bea"].map(persona).to_vec() })
    }
    async fn persona_show(&self, _: PersonaRef) -> Result<PersonaDetail, RpcError> {
        not_here()
    }
    async fn persona_export(&self, _: PersonaRef) -> Result<ExportedPersona, RpcError> {
        not_here()
    }
    async fn persona_import(&self, _: ImportPersonas) -> Result<Imported, RpcError> {
        not_here()
    }
    async fn persona_backup(&self, _: MakeBackup) -> Result<BackupPage, RpcError> {
        not_here()
    }
    async fn persona_publish(&self, _: OptionalPersona) -> Result<Published, RpcError> {
        not_here()
    }
    async fn contact_add(&self, _: AddContact) -> Result<Contact, RpcError> {
        not_here()
    }
    async fn contact_list(&self, _: OptionalPersona) -> Result<ContactList, RpcError> {
        not_here()
    }
    async fn contact_show(&self, _: ContactRef) -> Result<Contact, RpcError> {
        not_here()
    }
    async fn contact_invite(&self, _: CreateInvitation) -> Result<Invitation, RpcError> {
        not_here()
    }
    async fn contact_requests(&self, _: OptionalPersona) -> Result<RequestList, RpcError> {
        not_here()
    }
    async fn contact_accept(&self, _: AcceptRequest) -> Result<Contact, RpcError> {
        not_here()
    }
    async fn contact_block(&self, _: BlockContact) -> Result<Blocked, RpcError> {
        not_here()
    }
    async fn contact_verify(&self, _: VerifyContact) -> Result<SafetyNumber, RpcError> {
        not_here()
    }
    async fn message_inbox(&self, _: InboxOf) -> Result<Inbox, RpcError> {
        not_here()
    }
    async fn message_history(&self, _: HistoryOf) -> Result<History, RpcError> {
        not_here()
    }
    async fn post_encrypt(&self, _: EncryptPost) -> Result<EncryptedPost, RpcError> {
        not_here()
    }
    async fn post_wait(&self, _: WaitForPost) -> Result<PublishedPost, RpcError> {
        not_here()
    }
    async fn post_decrypt(&self, _: DecryptPost) -> Result<DecryptedPost, RpcError> {
        not_here()
    }
    async fn post_append(&self, _: AppendPost) -> Result<AppendedPost, RpcError> {
        not_here()
    }
    async fn post_settings(&self, _: PostSettings) -> Result<PostSettings, RpcError> {
        not_here()
    }
    async fn profile_list(&self, _: Empty) -> Result<ProfileList, RpcError> {
        not_here()
    }
    async fn profile_set(&self, _: SetProfile) -> Result<Profile, RpcError> {
        not_here()
    }
    async fn profile_forget(&self, _: ProfileRef) -> Result<Empty, RpcError> {
        not_here()
    }
}
