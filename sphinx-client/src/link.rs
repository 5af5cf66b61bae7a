//! One running Nym client: connected to one gateway until it ends, never repaired, only replaced.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use nym_sdk::mixnet::{
    AnonymousSenderTag, CombinedReplyStorage, GatewaysDetailsStore, InputMessage, KeyStore, MixnetClient,
    MixnetClientBuilder, MixnetClientSender, MixnetMessageSender as _, Recipient, ReconstructedMessage,
    TransmissionLane,
};
use nym_sdk::{DebugConfig, ShutdownToken, ShutdownTracker};
use rand::RngCore as _;
use rand::rngs::OsRng;
use thiserror::Error;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::clock::sdk_now;
use crate::directory::Directory;
use crate::guards::GatewayId;
use crate::network::Network;
use crate::storage::Storage;
use crate::timers::Tuning;

/// Messages that wait for the SDK. While the queue is full, exchanges wait and replies of a service are dropped.
const OUTBOX: usize = 256;
/// Bytes of a probe: no frame has this length, and it travels in one packet like a small one.
const PROBE_LEN: usize = 32;
/// How often a probe is sent within its time, because packets get lost.
const PROBE_SENDS: u32 = 3;
/// How long to wait for the SDK to stop.
const DISCONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const PRUNE_EVERY: Duration = Duration::from_secs(60);
/// No exchange waits this long for its answer, so the answer's key is useless after it.
const REPLY_KEY_AGE: time::Duration = time::Duration::minutes(15);

/// A connected Nym client. Dropping the last handle ends it.
pub(crate) struct Link {
    gateway: GatewayId,
    address: Recipient,
    born: Instant,
    outbox: mpsc::Sender<Outgoing>,
    probes: Probes,
    retired: AtomicBool,
    end: CancellationToken,
}

/// What a link is made of.
pub(crate) struct Plan<'a> {
    pub(crate) network: &'a Network,
    pub(crate) directory: &'a Directory,
    pub(crate) config: DebugConfig,
    pub(crate) tuning: Tuning,
    pub(crate) gateway: GatewayId,
}

/// Why there is no link.
#[derive(Debug, Error)]
pub(crate) enum LinkError {
    #[error("the gateway did not answer in time")]
    Timeout,
    #[error("the Nym client did not start")]
    Sdk(#[source] Box<nym_sdk::Error>),
}

/// The link ended before the SDK took the message.
#[derive(Debug, Error)]
#[error("the Nym client ended")]
pub(crate) struct Ended;

enum Outgoing {
    Exchange { to: Box<Recipient>, frame: Vec<u8>, surbs: u32, taken: oneshot::Sender<()> },
    Reply { tag: AnonymousSenderTag, frame: Vec<u8> },
    Probe([u8; PROBE_LEN]),
}

/// Messages to ourselves that are under way. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Probes(Arc<Mutex<HashMap<Probe, oneshot::Sender<()>>>>);

/// A message to ourselves.
pub(crate) type Probe = [u8; PROBE_LEN];

impl Probes {
    /// Sends a message to ourselves with `send`. Returns whether it came back in time.
    pub(crate) async fn probe<F>(&self, within: Duration, send: impl Fn(Probe) -> F) -> bool
    where
        F: Future<Output = bool>,
    {
        let mut nonce = [0; PROBE_LEN];
        OsRng.fill_bytes(&mut nonce);
        let (back, arrived) = oneshot::channel();
        lock(&self.0).insert(nonce, back);
        let sending = async {
            for _ in 0..PROBE_SENDS {
                if !send(nonce).await {
                    break;
                }
                sleep(within / PROBE_SENDS).await;
            }
            std::future::pending::<()>().await;
        };
        let came_back = tokio::select! {
            answer = timeout(within, arrived) => matches!(answer, Ok(Ok(()))),
            () = sending => false,
        };
        lock(&self.0).remove(&nonce);
        came_back
    }

    /// Whether this message was one of ours.
    pub(crate) fn returned(&self, message: &ReconstructedMessage) -> bool {
        let back = message.message.as_slice().try_into().ok();
        let back = back.and_then(|nonce: Probe| lock(&self.0).remove(&nonce));
        back.map(|back| back.send(())).is_some()
    }
}

/// Starts a Nym client that ends with `end`. If it fails or is dropped, `end` is cancelled.
pub(crate) async fn connect<K, G>(
    plan: Plan<'_>,
    storage: Storage<K, G>,
    end: &CancellationToken,
) -> Result<MixnetClient, LinkError>
where
    K: KeyStore + Clone + Send + Sync + 'static,
    G: GatewaysDetailsStore + Clone + 'static,
{
    let Plan { network, directory, config, tuning, gateway } = plan;
    // If this future fails or is dropped, whatever the SDK has started by then must end too.
    let undo = end.clone().drop_guard();
    // Without a tracker of our own, the SDK would install a panic hook that ends all clients at any panic in the process.
    let tracker =
        ShutdownTracker::new_from_external_shutdown_token(ShutdownToken::new_from_tokio_token(end.clone()));
    let connecting = async {
        MixnetClientBuilder::new_with_storage(storage)
            .network_details(network.details().clone())
            .debug_config(config)
            .request_gateway(gateway)
            .custom_topology_provider(directory.provider())
            .custom_shutdown(tracker)
            .build()?
            .connect_to_mixnet()
            .await
    };
    let client = timeout(tuning.connect_timeout, connecting)
        .await
        .map_err(|_| LinkError::Timeout)?
        .map_err(|error| LinkError::Sdk(Box::new(error)))?;
    undo.disarm();
    Ok(client)
}

impl Link {
    /// Connects, and gives every message that is not a probe to `on_message`.
    pub(crate) async fn connect<K, G, F>(
        plan: Plan<'_>,
        storage: Storage<K, G>,
        on_message: F,
    ) -> Result<Arc<Self>, LinkError>
    where
        K: KeyStore + Clone + Send + Sync + 'static,
        G: GatewaysDetailsStore + Clone + 'static,
        F: Fn(ReconstructedMessage) + Send + 'static,
    {
        let (gateway, gate_timeout) = (plan.gateway.clone(), plan.tuning.gate_timeout);
        let replies = storage.replies();
        let end = CancellationToken::new();
        let client = connect(plan, storage, &end).await?;

        let (outbox, queue) = mpsc::channel(OUTBOX);
        let probes = Probes::default();
        let sending = Sending {
            sender: client.split_sender(),
            own: *client.nym_address(),
            fence: random_tag(),
            replies,
            gate_timeout,
        };
        let link = Arc::new(Self {
            gateway,
            address: sending.own,
            born: Instant::now(),
            outbox,
            probes: probes.clone(),
            retired: AtomicBool::new(false),
            end: end.clone(),
        });
        tokio::spawn(sending.run(queue, end.clone()));
        tokio::spawn(receive(client, probes, on_message, end));
        Ok(link)
    }

    /// The gateway this link is connected to.
    pub(crate) fn gateway(&self) -> &GatewayId {
        &self.gateway
    }

    /// The Nym address.
    pub(crate) fn address(&self) -> &Recipient {
        &self.address
    }

    /// How long it is connected.
    pub(crate) fn age(&self) -> Duration {
        self.born.elapsed()
    }

    /// Returns once the link has ended, for whatever reason.
    pub(crate) async fn ended(&self) {
        self.end.cancelled().await;
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.end.is_cancelled()
    }

    /// There is a newer link, and this one only receives: its end is no loss.
    pub(crate) fn retire(&self) {
        self.retired.store(true, Ordering::Relaxed);
    }

    /// Whether it has ended before there was a newer one.
    pub(crate) fn is_lost(&self) -> bool {
        self.has_ended() && !self.retired.load(Ordering::Relaxed)
    }

    /// Returns once the link is lost; never if it is retired before.
    pub(crate) async fn lost(&self) {
        self.ended().await;
        if !self.is_lost() {
            std::future::pending::<()>().await;
        }
    }

    /// Ends the link. Messages that wait are lost.
    pub(crate) fn end(&self) {
        self.end.cancel();
    }

    /// Sends one message with reply SURBs under a sender tag of its own, and returns once the SDK has made its packets.
    ///
    /// Cancel safe: dropping the future takes the message back if its turn has not come, and disturbs no other.
    pub(crate) async fn send(&self, to: Recipient, frame: Vec<u8>, surbs: u32) -> Result<(), Ended> {
        let (taken, waiting) = oneshot::channel();
        let item = Outgoing::Exchange { to: Box::new(to), frame, surbs, taken };
        self.outbox.send(item).await.map_err(|_| Ended)?;
        waiting.await.map_err(|_| Ended)
    }

    /// Sends a reply over the SURBs that came under `tag`. Whether it was queued.
    pub(crate) fn reply(&self, tag: AnonymousSenderTag, frame: Vec<u8>) -> bool {
        self.outbox.try_send(Outgoing::Reply { tag, frame }).is_ok()
    }

    /// Sends a message to this link's own address through the mixnet. Whether it came back in time.
    pub(crate) async fn probe(&self, within: Duration) -> bool {
        let send = |nonce| async move { self.outbox.send(Outgoing::Probe(nonce)).await.is_ok() };
        let probing = self.probes.probe(within, send);
        tokio::select! {
            came_back = probing => came_back,
            () = self.end.cancelled() => false,
        }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.end.cancel();
    }
}

struct Sending {
    sender: MixnetClientSender,
    own: Recipient,
    fence: AnonymousSenderTag,
    replies: CombinedReplyStorage,
    gate_timeout: Duration,
}

impl Sending {
    async fn run(self, mut queue: mpsc::Receiver<Outgoing>, end: CancellationToken) {
        // The SDK takes messages into a queue and returns at once, and it reads the sender tag of a recipient from a map when
        // it handles the message, later. Two messages in its queue would therefore go out under one tag, and a relay could
        // join them. So this gate lets one message through at a time, and sets the next tag only when the SDK has made the
        // packets of the one before.
        let mut pruned = Instant::now();
        loop {
            let item = tokio::select! {
                biased;
                () = end.cancelled() => break,
                item = queue.recv() => item,
            };
            let Some(item) = item else { break };
            // A message that the SDK did not accept in time may still be in its queue. The next one would be sent under the
            // same tag, which links the two, so the whole client ends instead.
            let took = tokio::select! {
                took = timeout(self.gate_timeout, self.pass(item)) => matches!(took, Ok(true)),
                () = end.cancelled() => false,
            };
            if !took {
                tracing::debug!("The SDK stopped taking messages.");
                break;
            }
            if pruned.elapsed() >= PRUNE_EVERY {
                pruned = Instant::now();
                let oldest = sdk_now() - REPLY_KEY_AGE;
                self.replies.key_storage_ref().retain(|_, key| key.sent_at > oldest);
            }
        }
        end.cancel();
    }

    async fn pass(&self, item: Outgoing) -> bool {
        match item {
            Outgoing::Exchange { taken, .. } if taken.is_closed() => true,
            Outgoing::Exchange { to, frame, surbs, taken } => {
                // The SDK reads the tag when it handles the message, not when it gets it.
                self.replies.tags_storage_ref().insert_new(&to, random_tag());
                let message = InputMessage::new_anonymous(*to, frame, surbs, TransmissionLane::General, None);
                let done = self.give(message).await && self.fence().await;
                if done {
                    let _ = taken.send(());
                }
                done
            }
            Outgoing::Reply { tag, frame } => {
                let message = InputMessage::new_reply(tag, frame, TransmissionLane::General, None);
                // A retransmission would need another SURB, and the SDK would keep asking for one.
                self.give(message.with_max_retransmissions(0)).await
            }
            Outgoing::Probe(nonce) => {
                let message =
                    InputMessage::new_regular(self.own, nonce.to_vec(), TransmissionLane::General, None);
                self.give(message.with_max_retransmissions(0)).await
            }
        }
    }

    /// Returns once the SDK has handled every message it got before.
    ///
    /// Its input queue holds one message and it handles one at a time: a message goes into the queue when the one
    /// before has been taken out, and is taken out when the one before that has been handled. So the second of two
    /// messages enters the queue only after everything before the first is handled.
    /// A reply to a tag nobody has is dropped by the SDK without any packet.
    async fn fence(&self) -> bool {
        for _ in 0..2 {
            let nothing = InputMessage::new_reply(self.fence, Vec::new(), TransmissionLane::General, None);
            if !self.give(nothing).await {
                return false;
            }
        }
        true
    }

    async fn give(&self, message: InputMessage) -> bool {
        self.sender.send(message).await.is_ok()
    }
}

/// Gives every message that is not a probe to `on_message`, until the client ends.
pub(crate) async fn receive<F>(
    mut client: MixnetClient,
    probes: Probes,
    on_message: F,
    end: CancellationToken,
) where
    F: Fn(ReconstructedMessage) + Send,
{
    loop {
        let messages = tokio::select! {
            biased;
            () = end.cancelled() => break,
            messages = client.wait_for_messages() => messages,
        };
        let Some(messages) = messages else { break };
        for message in messages {
            if !probes.returned(&message) {
                on_message(message);
            }
        }
    }
    end.cancel();
    // Its tasks see the cancelled token; waiting for them only avoids warnings in the log.
    let _ = timeout(DISCONNECT_TIMEOUT, client.disconnect()).await;
}

fn random_tag() -> AnonymousSenderTag {
    AnonymousSenderTag::new_random(&mut OsRng)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
