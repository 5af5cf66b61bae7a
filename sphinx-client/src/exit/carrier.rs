//! The Nym client that carries the streams.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use nym_sdk::mixnet::{
    InputMessage, LaneQueueLengths, MixnetClientSender, MixnetMessageSender as _, Recipient,
    ReconstructedMessage, TransmissionLane,
};
use rand::Rng as _;
use rand::rngs::OsRng;
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::pipe::{Answer, Failure, Pipe, Work};
use super::stream::ExitStream;
use super::wire::{self, Frame};
use crate::guards::GatewayId;
use crate::link::{self, LinkError, Plan, Probes};
use crate::shared::Shared;
use crate::storage::Ephemeral;
use crate::tuning::exit_config;

/// Reply SURBs that go with a request to connect: the exit holds back some, and asks for more when it needs them.
const CONNECT_SURBS: u32 = 20;
/// Reply SURBs that go with each piece of a stream.
const SEND_SURBS: u32 = 3;
/// Packets of one stream that may wait in the SDK; it gets no more until some have left.
const LANE_PACKETS: usize = 30;
/// How often a full lane is checked.
const LANE_LOOK: Duration = Duration::from_millis(10);
/// An exit closes a connection on which nothing came for five minutes.
const KEEP_ALIVE: Duration = Duration::from_secs(60);
/// After data went either way, empty frames are sent sooner, with more reply SURBs: the SDK of an exit waits for ever if
/// the SURBs it asked for do not arrive and it has only retransmissions left to send.
const NUDGES: [Duration; 3] = [Duration::from_secs(4), Duration::from_secs(10), Duration::from_secs(25)];
/// Reply SURBs that go with such a frame.
const NUDGE_SURBS: u32 = 20;
/// An exit keeps connections alive in the same way: one that is silent for this long is gone.
const SILENCE: Duration = Duration::from_secs(150);

/// A connected Nym client with its streams. Dropping the last handle ends it.
pub(super) struct Carrier {
    gateway: GatewayId,
    own: Recipient,
    sender: MixnetClientSender,
    lanes: LaneQueueLengths,
    gate_timeout: Duration,
    born: Instant,
    streams: Arc<Streams>,
    probes: Probes,
    end: CancellationToken,
}

/// The streams of a carrier, by the number of their connection.
struct Streams(Mutex<Inner>);

struct Inner {
    open: HashMap<u64, Arc<Pipe>>,
    /// When a stream was last begun or ended.
    changed: Instant,
    /// Since when nothing came although something was sent.
    unanswered_since: Option<Instant>,
}

impl Carrier {
    /// Connects through this gateway, with a fresh Nym identity. If it succeeds, it keeps `place` until it ends.
    pub(super) async fn connect(
        shared: &Shared,
        gateway: GatewayId,
        place: &mut Option<OwnedSemaphorePermit>,
    ) -> Result<Arc<Self>, LinkError> {
        let plan = Plan {
            network: &shared.network,
            directory: &shared.directory,
            config: exit_config(shared.traffic),
            tuning: shared.tuning,
            gateway: gateway.clone(),
        };
        let end = CancellationToken::new();
        let client = link::connect(plan, Ephemeral::fresh(), &end).await?;
        let streams = Arc::new(Streams(Mutex::new(Inner {
            open: HashMap::new(),
            changed: Instant::now(),
            unanswered_since: None,
        })));
        let probes = Probes::default();
        let carrier = Arc::new(Self {
            gateway,
            own: *client.nym_address(),
            sender: client.split_sender(),
            lanes: client.shared_lane_queue_lengths(),
            gate_timeout: shared.tuning.gate_timeout,
            born: Instant::now(),
            streams: Arc::clone(&streams),
            probes: probes.clone(),
            end: end.clone(),
        });
        let incoming = Arc::clone(&streams);
        tokio::spawn(link::receive(client, probes, move |message| incoming.receive(&message), end.clone()));
        let place = place.take();
        tokio::spawn(async move {
            end.cancelled().await;
            streams.fail_all();
            drop(place);
        });
        Ok(carrier)
    }

    /// Asks an exit for a connection. The stream is there at once, and the exit's answer may come.
    pub(super) fn open(
        self: &Arc<Self>,
        exit: Recipient,
        remote: String,
    ) -> (ExitStream, oneshot::Receiver<Answer>) {
        let connection = OsRng.r#gen();
        let (pipe, answer) = Pipe::new();
        self.streams.insert(connection, Arc::clone(&pipe));
        let stream = ExitStream::new(Arc::clone(&pipe));
        let writer = Writer { carrier: Arc::clone(self), exit, connection, pipe };
        tokio::spawn(writer.run(wire::connect(connection, remote)));
        (stream, answer)
    }

    /// The gateway it is connected to.
    pub(super) fn gateway(&self) -> &GatewayId {
        &self.gateway
    }

    /// The Nym address.
    pub(super) fn address(&self) -> &Recipient {
        &self.own
    }

    /// How long it is connected.
    pub(super) fn age(&self) -> Duration {
        self.born.elapsed()
    }

    /// How many streams it has.
    pub(super) fn streams(&self) -> usize {
        self.streams.lock().open.len()
    }

    /// For how long it had no stream.
    pub(super) fn idle_for(&self) -> Duration {
        let streams = self.streams.lock();
        if streams.open.is_empty() { streams.changed.elapsed() } else { Duration::ZERO }
    }

    /// Ends streams with a piece that is missing for longer than `limit`: such a stream would hang for ever.
    ///
    /// nym-client-core 1.21.6 hands reply packets over before it records that they await an acknowledgement.
    /// If their timer starts in between, it is lost, and a lost packet is never sent again.
    pub(super) fn end_broken(&self, limit: Duration) {
        let open: Vec<_> = self.streams.lock().open.values().cloned().collect();
        for pipe in open.into_iter().filter(|pipe| pipe.gap_for() > limit) {
            tracing::debug!("A piece of a stream was lost: it ends.");
            pipe.fail(Failure::Gap);
        }
    }

    /// A stream is about to be opened.
    pub(super) fn touch(&self) {
        self.streams.lock().changed = Instant::now();
    }

    /// For how long nothing came although something was sent.
    pub(super) fn unanswered_for(&self) -> Duration {
        self.streams.lock().unanswered_since.map(|since| since.elapsed()).unwrap_or_default()
    }

    /// Sends a message to its own address. Whether it came back in time.
    pub(super) async fn probe(&self, within: Duration) -> bool {
        let send = |nonce: link::Probe| {
            let message =
                InputMessage::new_regular(self.own, nonce.to_vec(), TransmissionLane::General, None);
            self.give(message.with_max_retransmissions(0))
        };
        tokio::select! {
            came_back = self.probes.probe(within, send) => came_back,
            () = self.end.cancelled() => false,
        }
    }

    /// Ends it, and its streams.
    pub(super) fn end(&self) {
        self.end.cancel();
    }

    pub(super) fn has_ended(&self) -> bool {
        self.end.is_cancelled()
    }

    pub(super) async fn ended(&self) {
        self.end.cancelled().await;
    }

    async fn send(&self, exit: Recipient, connection: u64, message: Vec<u8>, surbs: u32) -> bool {
        let lane = TransmissionLane::ConnectionId(connection);
        let given = self.give(InputMessage::new_anonymous(exit, message, surbs, lane, None)).await;
        if given {
            self.streams.lock().unanswered_since.get_or_insert_with(Instant::now);
        } else {
            // A message that may or may not be sent would break its stream without an error.
            self.end();
        }
        given
    }

    async fn give(&self, message: InputMessage) -> bool {
        tokio::select! {
            taken = timeout(self.gate_timeout, self.sender.send(message)) => matches!(taken, Ok(Ok(()))),
            () = self.end.cancelled() => false,
        }
    }

    async fn wait_for_lane(&self, connection: u64) {
        let lane = TransmissionLane::ConnectionId(connection);
        while self.lanes.get(&lane).is_some_and(|packets| packets > LANE_PACKETS) && !self.has_ended() {
            sleep(LANE_LOOK).await;
        }
    }
}

impl Drop for Carrier {
    fn drop(&mut self) {
        self.end.cancel();
    }
}

impl Streams {
    fn receive(&self, message: &ReconstructedMessage) {
        // An answer over our reply SURBs has no tag; what has one comes from a stranger who knows our address.
        let Some(frame) = wire::parse(&message.message).filter(|_| message.sender_tag.is_none()) else {
            tracing::debug!("A message that is not of an exit was dropped.");
            return;
        };
        let connection = match &frame {
            Frame::Data { connection, .. } | Frame::Refused { connection } => *connection,
        };
        let mut streams = self.lock();
        streams.unanswered_since = None;
        let Some(pipe) = streams.open.get(&connection).cloned() else { return };
        drop(streams);
        match frame {
            Frame::Data { sequence, last, data, .. } => pipe.receive(sequence, last, data),
            Frame::Refused { .. } => pipe.refuse(),
        }
    }

    fn insert(&self, connection: u64, pipe: Arc<Pipe>) {
        let mut streams = self.lock();
        streams.open.insert(connection, pipe);
        streams.changed = Instant::now();
    }

    fn remove(&self, connection: u64) {
        let mut streams = self.lock();
        streams.open.remove(&connection);
        streams.changed = Instant::now();
    }

    fn fail_all(&self) {
        let open = std::mem::take(&mut self.lock().open);
        for pipe in open.into_values() {
            pipe.fail(Failure::Lost);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Sends the frames of one stream.
struct Writer {
    carrier: Arc<Carrier>,
    exit: Recipient,
    connection: u64,
    pipe: Arc<Pipe>,
}

impl Writer {
    async fn run(self, connect: Vec<u8>) {
        self.carrier.send(self.exit, self.connection, connect, CONNECT_SURBS).await;
        let (mut sequence, mut nudges) = (0, 0);
        loop {
            self.carrier.wait_for_lane(self.connection).await;
            let mut surbs = SEND_SURBS;
            let pause = NUDGES.get(nudges).copied().unwrap_or(KEEP_ALIVE);
            let work = tokio::select! {
                biased;
                () = self.carrier.ended() => break self.pipe.fail(Failure::Lost),
                work = self.pipe.work() => {
                    nudges = 0;
                    work
                }
                () = sleep(pause) => {
                    if self.pipe.silent_for() > SILENCE {
                        self.pipe.fail(Failure::Silent);
                    }
                    if self.pipe.take_fresh() {
                        nudges = 0;
                    }
                    if nudges < NUDGES.len() {
                        nudges += 1;
                        surbs = NUDGE_SURBS;
                    }
                    Work::Frame(Vec::new(), false)
                }
            };
            let Work::Frame(data, last) = work else { break };
            let message = wire::send(self.connection, sequence, last, data);
            if !self.carrier.send(self.exit, self.connection, message, surbs).await {
                break self.pipe.fail(Failure::Lost);
            }
            sequence += 1;
            self.pipe.sent(last);
            if last {
                break;
            }
        }
        self.carrier.streams.remove(self.connection);
    }
}
