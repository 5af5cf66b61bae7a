//! One connection to a relay, and the exchanges on it.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bauta_protocol::gun::{Get, GunNode, MAX_FRAME, Message, MessageId, decode, encode};
use futures::stream::{SplitSink, SplitStream};
use futures::{SinkExt, StreamExt};
use tokio::sync::{Notify, mpsc};
use tokio::time::{Instant, sleep, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error as WsError, Message as Frame};
use tokio_util::sync::CancellationToken;

use super::Stream;
use super::doubt::{Doubt, Heard};
use crate::random::rng;

/// A connection that nobody uses is closed after this long.
const IDLE: Duration = Duration::from_secs(60);
/// A relay sends a heartbeat every 20 s; one that is silent for this long is gone.
const SILENCE: Duration = Duration::from_secs(90);
/// How often both are checked, and a ping is sent.
const WATCH: Duration = Duration::from_secs(15);
/// A server that has sent something else than Gun, and nothing of Gun for this long, is no relay.
const FOREIGN: Duration = Duration::from_secs(2);
/// A frame that cannot be sent for this long ends the connection.
const SEND: Duration = Duration::from_secs(60);
/// The most messages in one frame that we send.
const BATCH: usize = 64;
/// The most frames that wait to be sent.
const OUTGOING: usize = 64;
/// The most bytes of answers that wait for one exchange. With more, the exchange ends.
const QUEUED: usize = 48 << 20;

type Socket = WebSocketStream<Box<dyn Stream>>;

/// How the WebSocket is bounded.
pub(super) fn limits() -> WebSocketConfig {
    WebSocketConfig {
        max_message_size: Some(MAX_FRAME),
        max_frame_size: Some(MAX_FRAME),
        ..WebSocketConfig::default()
    }
}

/// An open connection. It ends when the relay or the network ends it, when it is idle, or by [`Self::close`].
pub(super) struct Connection {
    outgoing: mpsc::Sender<Vec<Message>>,
    routes: Mutex<Routes>,
    doubt: Arc<Doubt>,
    foreign: Notify,
    closing: CancellationToken,
}

/// Where the relay's messages go.
struct Routes {
    is_closed: bool,
    next: u64,
    exchanges: HashMap<u64, Route>,
    /// Our messages that await answers, and the exchange that sent each.
    questions: HashMap<MessageId, u64>,
    last_use: Instant,
    last_frame: Instant,
    heard: Heard,
}

struct Route {
    sender: mpsc::UnboundedSender<(Message, usize)>,
    queued: usize,
    questions: Vec<MessageId>,
    watched: HashSet<String>,
}

impl Connection {
    /// Takes over an open WebSocket. The returned future moves its frames and ends with it.
    pub(super) fn new(
        socket: Socket,
        doubt: Arc<Doubt>,
        stop: &CancellationToken,
    ) -> (Arc<Self>, impl Future<Output = ()> + Send + use<>) {
        let (outgoing, queue) = mpsc::channel(OUTGOING);
        let now = Instant::now();
        let routes = Routes {
            is_closed: false,
            next: 0,
            exchanges: HashMap::new(),
            questions: HashMap::new(),
            last_use: now,
            last_frame: now,
            heard: Heard::default(),
        };
        let (routes, foreign) = (Mutex::new(routes), Notify::new());
        let connection = Arc::new(Self { outgoing, routes, doubt, foreign, closing: stop.child_token() });
        let run = Arc::clone(&connection).run(socket, queue);
        (connection, run)
    }

    /// Whether it has ended.
    pub(super) fn is_closed(&self) -> bool {
        self.routes().is_closed || self.closing.is_cancelled()
    }

    /// Ends it.
    pub(super) fn close(&self) {
        self.closing.cancel();
    }

    /// Begins an exchange: questions and their answers.
    pub(super) fn exchange(self: &Arc<Self>) -> Exchange {
        let (sender, answers) = mpsc::unbounded_channel();
        let mut routes = self.routes();
        let number = routes.next;
        routes.next += 1;
        // If the connection has ended, the sender is dropped and the exchange ends at once.
        if !routes.is_closed {
            let route = Route { sender, queued: 0, questions: Vec::new(), watched: HashSet::new() };
            routes.exchanges.insert(number, route);
        }
        drop(routes);
        Exchange { connection: Arc::clone(self), number, answers, is_alone: false }
    }

    async fn run(self: Arc<Self>, socket: Socket, queue: mpsc::Receiver<Vec<Message>>) {
        let (sink, stream) = socket.split();
        let (pings, pinged) = mpsc::channel(1);
        let reason = tokio::select! {
            reason = self.read(stream) => reason,
            reason = write(sink, queue, pinged) => reason,
            reason = self.watch(pings) => reason,
            reason = self.suspect() => reason,
            () = self.closing.cancelled() => "closed here",
        };
        tracing::debug!(reason, "A connection to a Gun relay ended.");
        let mut routes = self.routes();
        // Before the exchanges learn of the end and connect again.
        self.doubt.note(routes.heard);
        routes.is_closed = true;
        routes.exchanges.clear();
        routes.questions.clear();
        drop(routes);
        self.closing.cancel();
    }

    async fn read(&self, mut stream: SplitStream<Socket>) -> &'static str {
        while let Some(frame) = stream.next().await {
            let text = match frame {
                Ok(Frame::Text(text)) => text,
                Ok(Frame::Close(_)) => return "closed by the relay",
                Ok(Frame::Binary(_)) => {
                    self.hear_foreign();
                    String::new()
                }
                Ok(_) => String::new(),
                Err(WsError::Capacity(_)) => return "a frame was too long",
                Err(_) => return "lost",
            };
            self.routes().last_frame = Instant::now();
            if text.is_empty() {
                continue;
            }
            match decode(&text) {
                Ok(messages) => {
                    self.hear(&messages, &text);
                    self.deliver(messages, text.len());
                }
                Err(error) => {
                    tracing::debug!(%error, "A frame of a Gun relay was not understood.");
                    self.hear_foreign();
                }
            }
        }
        "ended by the relay"
    }

    fn deliver(&self, messages: Vec<Message>, bytes: usize) {
        let share = bytes / messages.len().max(1) + 1;
        let mut routes = self.routes();
        for message in messages {
            if let Some(number) = message.answers.as_ref().and_then(|id| routes.questions.get(id)).copied() {
                routes.send(number, message, share);
            } else if let Some(nodes) = &message.put {
                let watching = |route: &Route| nodes.iter().any(|node| route.watched.contains(&node.soul));
                let numbers: Vec<u64> =
                    routes.exchanges.iter().filter(|(_, route)| watching(route)).map(|(n, _)| *n).collect();
                for number in numbers {
                    routes.send(number, message.clone(), share);
                }
            }
            // Questions that a relay passes on from other clients are not ours to answer.
        }
    }

    /// Takes note whether these messages are a relay's. An empty list is a heartbeat.
    fn hear(&self, messages: &[Message], text: &str) {
        let mut routes = self.routes();
        // Our own messages come back from a server that repeats whatever it gets.
        let is_ours = |message: &Message| {
            message.answers.is_none()
                && message.id.as_ref().is_some_and(|id| routes.questions.contains_key(id))
        };
        let is_said = |message: &Message| {
            message.answers.is_some()
                || message.hello.is_some()
                || message.id.is_some() && (message.put.is_some() || message.get.is_some())
        };
        let is_gun = messages.iter().any(|message| is_said(message) && !is_ours(message));
        if is_gun && !routes.heard.is_gun {
            routes.heard.is_gun = true;
            self.doubt.note(routes.heard);
        }
        drop(routes);
        if !is_gun && text.trim() != "[]" {
            self.hear_foreign();
        }
    }

    fn hear_foreign(&self) {
        self.routes().heard.is_foreign = true;
        self.foreign.notify_one();
    }

    /// Ends when something else than Gun came, and nothing of Gun after it.
    async fn suspect(&self) -> &'static str {
        loop {
            self.foreign.notified().await;
            sleep(FOREIGN).await;
            if !self.routes().heard.is_gun {
                return "not of a Gun relay";
            }
        }
    }

    /// Ends when the connection is idle or the relay is silent.
    async fn watch(&self, pings: mpsc::Sender<()>) -> &'static str {
        loop {
            sleep(WATCH).await;
            let (in_use, unused, silent) = {
                let routes = self.routes();
                (!routes.exchanges.is_empty(), routes.last_use.elapsed(), routes.last_frame.elapsed())
            };
            if !in_use && unused >= IDLE {
                return "idle";
            }
            if silent >= SILENCE {
                return "silent";
            }
            let _ = pings.try_send(());
        }
    }

    fn routes(&self) -> MutexGuard<'_, Routes> {
        self.routes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Routes {
    fn send(&mut self, number: u64, message: Message, bytes: usize) {
        let Some(route) = self.exchanges.get_mut(&number) else { return };
        route.queued = route.queued.saturating_add(bytes);
        if route.queued > QUEUED || route.sender.send((message, bytes)).is_err() {
            self.remove(number);
        }
    }

    fn remove(&mut self, number: u64) {
        let Some(route) = self.exchanges.remove(&number) else { return };
        for id in route.questions {
            self.questions.remove(&id);
        }
        self.last_use = Instant::now();
    }
}

async fn write(
    mut sink: SplitSink<Socket, Frame>,
    mut queue: mpsc::Receiver<Vec<Message>>,
    mut pings: mpsc::Receiver<()>,
) -> &'static str {
    loop {
        let frame = tokio::select! {
            messages = queue.recv() => match messages {
                Some(messages) => Frame::Text(encode(&messages)),
                None => return "no longer used",
            },
            Some(()) = pings.recv() => Frame::Ping(Vec::new()),
        };
        match timeout(SEND, sink.send(frame)).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return "lost while sending",
            Err(_) => return "could not send",
        }
    }
}

/// Questions on one connection, and their answers. Dropping it discards further answers.
pub(super) struct Exchange {
    connection: Arc<Connection>,
    number: u64,
    answers: mpsc::UnboundedReceiver<(Message, usize)>,
    /// Whether the connection is for this exchange alone and ends with it.
    is_alone: bool,
}

/// The connection has ended, or answers came faster than they were read.
#[derive(Debug)]
pub(super) struct Lost;

impl Exchange {
    /// The exchange; its connection ends with it.
    pub(super) fn alone(self) -> Self {
        let mut this = self;
        this.is_alone = true;
        this
    }

    /// Asks; returns the ids of the questions in their order.
    pub(super) async fn ask(&self, gets: Vec<Get>) -> Result<Vec<MessageId>, Lost> {
        let messages: Vec<Message> =
            gets.into_iter().map(|get| Message::get(MessageId::random(&mut rng()), get)).collect();
        self.send(messages).await
    }

    /// Writes nodes, each list in a message of its own; returns the ids of the messages.
    pub(super) async fn tell(&self, lists: Vec<Vec<GunNode>>) -> Result<Vec<MessageId>, Lost> {
        let messages: Vec<Message> =
            lists.into_iter().map(|nodes| Message::put(MessageId::random(&mut rng()), nodes)).collect();
        self.send(messages).await
    }

    /// From now on, also receives updates of this node that answer no question.
    pub(super) fn watch(&self, soul: &str) {
        if let Some(route) = self.connection.routes().exchanges.get_mut(&self.number) {
            route.watched.insert(soul.to_owned());
        }
    }

    /// The next answer or update.
    pub(super) async fn next(&mut self) -> Result<Message, Lost> {
        let (message, bytes) = self.answers.recv().await.ok_or(Lost)?;
        if let Some(route) = self.connection.routes().exchanges.get_mut(&self.number) {
            route.queued = route.queued.saturating_sub(bytes);
        }
        Ok(message)
    }

    /// Ends the connection, for other exchanges too.
    pub(super) fn give_up(&self) {
        self.connection.close();
    }

    async fn send(&self, messages: Vec<Message>) -> Result<Vec<MessageId>, Lost> {
        let ids: Vec<MessageId> = messages.iter().filter_map(|message| message.id.clone()).collect();
        {
            let mut routes = self.connection.routes();
            let route = routes.exchanges.get_mut(&self.number).ok_or(Lost)?;
            route.questions.extend(ids.iter().cloned());
            routes.heard.asked = true;
            let questions = ids.iter().map(|id| (id.clone(), self.number));
            routes.questions.extend(questions);
        }
        for batch in messages.chunks(BATCH) {
            self.connection.outgoing.send(batch.to_vec()).await.map_err(|_| Lost)?;
        }
        Ok(ids)
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.connection.routes().remove(self.number);
        if self.is_alone {
            self.connection.close();
        }
    }
}
