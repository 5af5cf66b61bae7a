//! A client of the daemon.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::StreamExt;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio::io::{AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::net::UnixStream;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout};
use tokio_util::codec::FramedRead;
use tokio_util::task::AbortOnDropHandle;

use crate::frame::{Call, FrameCodec, FromDaemon, Id, parse_from_daemon, write_call};
use crate::methods::{EventSubscribe, OpenConnection};
use crate::page::Paged;
use crate::socket::{HomeLock, STARTING, is_same_user, peer_process, socket_path};
use crate::{Event, Hello, MAX_FRAME, Method, PROTOCOL, RpcError, Subscribe, Welcome, codes};

/// A connection to a daemon. Calls may run side by side.
#[derive(Debug)]
pub struct Client {
    welcome: Welcome,
    process: Option<Pid>,
    link: Link,
    events: mpsc::Receiver<Value>,
}

impl Client {
    /// Connects to the daemon of a home. Waits up to [`STARTING`] for a daemon that is starting.
    ///
    /// Errors: `daemon.not_running`, `daemon.unreachable`, `access.peer`, `hello.unsupported`, `home.invalid`.
    pub async fn open(home: &Path) -> Result<Self, RpcError> {
        let socket = socket_path(home)?;
        let deadline = Instant::now() + STARTING;
        loop {
            match Self::connect(&socket).await {
                Err(error) if error.is(&codes::DAEMON_NOT_RUNNING) && HomeLock::is_held(home) => {
                    if Instant::now() >= deadline {
                        return Err(error);
                    }
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
                outcome => return outcome,
            }
        }
    }

    /// Connects to a socket and says hello. Errors like [`Client::open`].
    pub async fn connect(socket: &Path) -> Result<Self, RpcError> {
        let stream =
            UnixStream::connect(socket).await.map_err(|error| unanswered(socket.to_owned(), &error))?;
        if !is_same_user(&stream) {
            return Err(RpcError::new(
                &codes::ACCESS_PEER,
                "The daemon on this socket runs as another user.",
            ));
        }
        let process = peer_process(&stream);
        let (reader, writer) = tokio::io::split(stream);
        let (out, outgoing) = mpsc::channel(16);
        let (event_sender, events) = mpsc::channel(64);
        let pending = Arc::new(Pending::default());
        let link = Link {
            _reading: AbortOnDropHandle::new(tokio::spawn(read_frames(
                reader,
                Arc::clone(&pending),
                event_sender,
            ))),
            _writing: AbortOnDropHandle::new(tokio::spawn(write_frames(writer, outgoing))),
            pending,
            out,
        };
        let hello = Hello {
            protocol: PROTOCOL,
            features: Vec::new(),
            client: concat!("bauta-ipc/", env!("CARGO_PKG_VERSION")).to_owned(),
        };
        let answer = timeout(STARTING, link.call::<OpenConnection>(&hello)).await;
        let welcome = answer
            .map_err(|_| RpcError::new(&codes::DAEMON_UNREACHABLE, "The daemon did not say hello."))??;
        Ok(Self { welcome, process, link, events })
    }

    /// What the daemon said about itself.
    pub fn welcome(&self) -> &Welcome {
        &self.welcome
    }

    /// Asks the daemon's process to end, as the system's own tools do (SIGTERM).
    ///
    /// Errors: `daemon.unreachable`.
    pub fn terminate(&self) -> Result<(), RpcError> {
        let sent = self.process.map(|process| kill_process(process, Signal::TERM));
        sent.and_then(Result::ok).ok_or_else(|| {
            RpcError::new(&codes::DAEMON_UNREACHABLE, "The daemon's process cannot be ended from here.")
        })
    }

    /// Calls a method. Besides its own errors: `daemon.unreachable`.
    pub async fn call<M: Method>(&self, params: &M::Params) -> Result<M::Result, RpcError> {
        self.link.call::<M>(params).await
    }

    /// Everything that a method lists, page after page.
    pub async fn all<M: Paged>(&self, mut params: M::Params) -> Result<Vec<M::Item>, RpcError> {
        let (mut all, mut last) = (Vec::new(), None);
        loop {
            let (items, next) = M::take(self.call::<M>(&params).await?);
            all.extend(items);
            match next {
                // A daemon that answers the same place again would never come to an end.
                Some(next) if last.as_ref() != Some(&next) => {
                    M::go_on(&mut params, next.clone());
                    last = Some(next);
                }
                _ => return Ok(all),
            }
        }
    }

    /// Calls a method by name, with an object as parameters.
    pub async fn call_raw(&self, method: &str, params: Value) -> Result<Value, RpcError> {
        self.link.call_raw(method, params).await
    }

    /// Follows the daemon's log; see [`Subscribe`]. Consumes the connection, so that slow reading delays nothing else.
    pub async fn subscribe(self, since: Option<u64>) -> Result<Subscription, RpcError> {
        let subscribed = self.call::<EventSubscribe>(&Subscribe { since }).await?;
        Ok(Subscription { cursor: subscribed.cursor, events: self.events, _link: self.link })
    }
}

/// A subscription to the daemon's log.
#[derive(Debug)]
pub struct Subscription {
    cursor: u64,
    events: mpsc::Receiver<Value>,
    _link: Link,
}

impl Subscription {
    /// The next event. After an error, subscribe again from [`Subscription::cursor`].
    pub async fn next(&mut self) -> Result<Event, RpcError> {
        let params = self.events.recv().await.ok_or_else(broken)?;
        let event: Event = serde_json::from_value(params).map_err(|_| {
            RpcError::new(&codes::DAEMON_UNREACHABLE, "The daemon sent an event that cannot be read.")
        })?;
        self.cursor = event.cursor;
        Ok(event)
    }

    /// The cursor of the last event returned, or where the subscription began.
    pub fn cursor(&self) -> u64 {
        self.cursor
    }
}

#[derive(Debug)]
struct Link {
    pending: Arc<Pending>,
    out: mpsc::Sender<Vec<u8>>,
    _reading: AbortOnDropHandle<()>,
    _writing: AbortOnDropHandle<()>,
}

impl Link {
    async fn call<M: Method>(&self, params: &M::Params) -> Result<M::Result, RpcError> {
        let params = serde_json::to_value(params).map_err(|error| {
            RpcError::new(&codes::REQUEST_PARAMS, format!("The parameters cannot be sent: {error}."))
        })?;
        let result = self.call_raw(M::NAME, params).await?;
        serde_json::from_value(result).map_err(|error| {
            let message = format!("The daemon's answer to {} does not fit: {error}.", M::NAME);
            RpcError::new(&codes::HELLO_UNSUPPORTED, message)
        })
    }

    async fn call_raw(&self, method: &str, params: Value) -> Result<Value, RpcError> {
        let ticket = self.pending.open()?;
        let call = Call { id: Id::Number(ticket.id), method: method.to_owned(), params };
        let frame = write_call(&call);
        if frame.len() > MAX_FRAME {
            let message = format!("The request is longer than {MAX_FRAME} bytes.");
            return Err(RpcError::new(&codes::REQUEST_TOO_LARGE, message));
        }
        self.out.send(frame).await.map_err(|_| broken())?;
        ticket.answer().await
    }
}

/// Calls that wait for their answers.
#[derive(Debug, Default)]
struct Pending {
    state: Mutex<PendingState>,
}

#[derive(Debug, Default)]
struct PendingState {
    last: i64,
    waiting: HashMap<i64, oneshot::Sender<Result<Value, RpcError>>>,
    closed: Option<RpcError>,
}

impl Pending {
    fn state(&self) -> std::sync::MutexGuard<'_, PendingState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open(self: &Arc<Self>) -> Result<Ticket, RpcError> {
        let (sender, answer) = oneshot::channel();
        let mut state = self.state();
        if let Some(error) = &state.closed {
            return Err(error.clone());
        }
        state.last = state.last.wrapping_add(1);
        let id = state.last;
        state.waiting.insert(id, sender);
        Ok(Ticket { id, answer: Some(answer), pending: Arc::clone(self) })
    }

    fn settle(&self, id: i64, answer: Result<Value, RpcError>) {
        if let Some(waiting) = self.state().waiting.remove(&id) {
            let _ = waiting.send(answer);
        }
    }

    /// No further answer will arrive. The first reason is kept.
    fn close(&self, error: RpcError) {
        let mut state = self.state();
        let error = state.closed.get_or_insert(error).clone();
        for (_, waiting) in state.waiting.drain() {
            let _ = waiting.send(Err(error.clone()));
        }
    }
}

/// A slot among the waiting calls, freed on drop, because a caller may stop waiting.
struct Ticket {
    id: i64,
    answer: Option<oneshot::Receiver<Result<Value, RpcError>>>,
    pending: Arc<Pending>,
}

impl Ticket {
    async fn answer(mut self) -> Result<Value, RpcError> {
        match self.answer.take() {
            Some(answer) => answer.await.unwrap_or_else(|_| Err(broken())),
            None => Err(broken()),
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.pending.state().waiting.remove(&self.id);
    }
}

async fn read_frames(reader: ReadHalf<UnixStream>, pending: Arc<Pending>, events: mpsc::Sender<Value>) {
    let mut frames = FramedRead::new(reader, FrameCodec::default());
    while let Some(Ok(frame)) = frames.next().await {
        match parse_from_daemon(&frame) {
            Some(FromDaemon::Answer(Some(Id::Number(id)), answer)) => pending.settle(id, answer),
            // An error without an id is about the connection: the daemon closes it.
            Some(FromDaemon::Answer(None, Err(error))) => pending.close(error),
            Some(FromDaemon::Notification { method, params }) if method == "event" => {
                let _ = events.send(params).await;
            }
            Some(_) => {}
            None => break,
        }
    }
    pending.close(broken());
}

async fn write_frames(mut writer: WriteHalf<UnixStream>, mut outgoing: mpsc::Receiver<Vec<u8>>) {
    while let Some(mut frame) = outgoing.recv().await {
        frame.push(b'\n');
        if writer.write_all(&frame).await.is_err() {
            return;
        }
    }
}

fn broken() -> RpcError {
    RpcError::new(&codes::DAEMON_UNREACHABLE, "The connection to the daemon ended.")
}

fn unanswered(socket: PathBuf, error: &io::Error) -> RpcError {
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
            RpcError::new(&codes::DAEMON_NOT_RUNNING, "The daemon is not running.")
        }
        io::ErrorKind::PermissionDenied => {
            RpcError::new(&codes::ACCESS_PEER, format!("The socket {} may not be opened.", socket.display()))
        }
        _ => RpcError::new(
            &codes::DAEMON_UNREACHABLE,
            format!("The socket {} failed: {error}.", socket.display()),
        ),
    }
}
