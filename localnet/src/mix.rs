//! What a node does with Sphinx packets.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures::StreamExt;
use nym_sphinx_forwarding::packet::MixPacket;
use nym_sphinx_framing::{
    codec::{NymCodec, NymCodecError},
    packet::FramedNymPacket,
    processing::{MixProcessingResultData, ProcessedFinalHop},
};
use tokio::{net::TcpStream, time::sleep};
use tokio_util::codec::FramedRead;

use crate::{
    faults::Faults,
    forwarder::Forwarder,
    gateway::{Delivery, Gateway},
    keys::{KeyRing, UnwrapError, Unwrapped},
    listener::Scope,
    shapes::Shapes,
    stats::Counters,
};

/// Packets that one node holds back at a time, at most 33 kB each, mostly 2.4 kB.
const MAX_HELD: usize = 16_384;
/// The longest delay a packet may ask for.
const MAX_DELAY: Duration = Duration::from_secs(10);
/// Room for one of the longest packets and then some.
const READ_BUFFER: usize = 64 * 1024;

/// The part of a node that survives its stops.
pub(crate) struct Core {
    pub(crate) mix_address: SocketAddr,
    pub(crate) keys: KeyRing,
    pub(crate) faults: Faults,
    pub(crate) counters: Arc<Counters>,
    /// One for the whole network.
    pub(crate) shapes: Arc<Shapes>,
    /// The client side; mixes have none.
    pub(crate) gateway: Option<Arc<Gateway>>,
}

/// A node while it is up.
pub(crate) struct Running {
    pub(crate) core: Arc<Core>,
    pub(crate) scope: Scope,
    pub(crate) forwarder: Forwarder,
    held: AtomicUsize,
}

impl Running {
    pub(crate) fn new(core: Arc<Core>, scope: Scope, forwarder: Forwarder) -> Self {
        Running { core, scope, forwarder, held: AtomicUsize::new(0) }
    }

    /// Reads packets from another node until the connection ends or sends an invalid frame.
    pub(crate) async fn serve(self: Arc<Self>, stream: TcpStream) {
        let mut frames = FramedRead::with_capacity(stream, NymCodec, READ_BUFFER);
        while let Some(frame) = frames.next().await {
            match frame {
                Ok(packet) => self.receive(packet),
                // A cut connection is not an invalid frame.
                Err(NymCodecError::IoError(_)) => return,
                Err(_) => return self.core.counters.malformed.one(),
            }
        }
    }

    fn receive(self: &Arc<Self>, packet: FramedNymPacket) {
        let core = &self.core;
        if core.faults.drops() {
            core.counters.dropped.one();
            return;
        }
        let Unwrapped { data, shape, first_key } = match core.keys.unwrap(packet) {
            Err(UnwrapError::Malformed) => return core.counters.malformed.one(),
            Err(UnwrapError::Replayed) => return core.counters.replayed.one(),
            Ok(unwrapped) => unwrapped,
        };
        core.shapes.unwrapped(first_key, shape);
        match data {
            MixProcessingResultData::ForwardHop { packet, delay } => {
                let asked = delay.map(|delay| delay.to_duration()).unwrap_or_default();
                let delay = asked.min(MAX_DELAY) + core.faults.delay();
                self.after(delay, move |node| node.forward(packet));
            }
            MixProcessingResultData::FinalHop { final_hop_data } => {
                core.shapes.received(final_hop_data.destination, shape);
                self.after(core.faults.delay(), move |node| node.deliver(final_hop_data));
            }
        }
    }

    /// Acts at once or after the delay, unless the node goes down meanwhile.
    fn after(self: &Arc<Self>, delay: Duration, act: impl FnOnce(&Running) + Send + 'static) {
        if delay.is_zero() {
            return act(self);
        }
        if self.held.fetch_add(1, Ordering::Relaxed) >= MAX_HELD {
            self.held.fetch_sub(1, Ordering::Relaxed);
            return self.core.counters.lost.one();
        }
        let node = self.clone();
        // Outside the scope: ending a node must not wait for its delays.
        tokio::spawn(async move {
            sleep(delay).await;
            node.held.fetch_sub(1, Ordering::Relaxed);
            if !node.scope.is_over() {
                act(&node);
            }
        });
    }

    fn forward(&self, packet: MixPacket) {
        if self.forwarder.send(packet) {
            self.core.counters.forwarded.one();
        }
    }

    /// Hands the message to its client, then sends the acknowledgement back.
    /// A message that is not accepted is not acknowledged: its sender tries again.
    fn deliver(&self, hop: ProcessedFinalHop) {
        let counters = &self.core.counters;
        let Some(gateway) = &self.core.gateway else { return counters.malformed.one() };
        let ProcessedFinalHop { destination, forward_ack, mut message } = hop;
        // Acknowledgements carry no acknowledgement themselves; a flipped bit would only lose them.
        if forward_ack.is_some() && self.core.faults.flip(&mut message) {
            counters.flipped.one();
        }
        match gateway.accept(destination, message) {
            Delivery::Refused => return counters.lost.one(),
            Delivery::Stored => counters.stored.one(),
            Delivery::Pushed => {}
        }
        counters.final_hops.one();
        if let Some(ack) = forward_ack
            && self.forwarder.send(ack)
        {
            counters.acks.one();
        }
    }
}
