//! Connections from one node to the others.

use std::{
    collections::{HashMap, HashSet},
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use futures::{SinkExt, StreamExt};
use nym_sphinx_forwarding::packet::MixPacket;
use nym_sphinx_framing::{codec::NymCodec, packet::FramedNymPacket};
use tokio::{net::TcpStream, sync::mpsc, time::timeout};
use tokio_util::codec::Framed;

use crate::{listener::Scope, lock, stats::Counters};

/// Packets waiting for one next hop. More are lost, as in a router.
const QUEUE: usize = 4096;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// A next hop that accepts nothing for this long is treated as gone.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);
/// Packets between two flushes.
const BATCH: usize = 64;

/// Sends packets on, over one connection per next hop, opened when needed.
pub(crate) struct Forwarder {
    scope: Scope,
    /// The mix addresses of this network. Nothing else is ever dialled, whatever a packet asks for.
    routes: Arc<HashSet<SocketAddr>>,
    counters: Arc<Counters>,
    queues: Mutex<HashMap<SocketAddr, mpsc::Sender<FramedNymPacket>>>,
}

impl Forwarder {
    pub(crate) fn new(scope: Scope, routes: Arc<HashSet<SocketAddr>>, counters: Arc<Counters>) -> Self {
        Forwarder { scope, routes, counters, queues: Mutex::default() }
    }

    /// Queues a packet for its next hop; returns whether there is one with room.
    pub(crate) fn send(&self, packet: MixPacket) -> bool {
        let next = packet.next_hop_address();
        if !self.routes.contains(&next) {
            self.counters.malformed.one();
            return false;
        }
        let frame = FramedNymPacket::from_mix_packet(packet, false);
        let queue = lock(&self.queues).entry(next).or_insert_with(|| self.open(next)).clone();
        let queued = queue.try_send(frame).is_ok();
        if !queued {
            self.counters.lost.one();
        }
        queued
    }

    fn open(&self, next: SocketAddr) -> mpsc::Sender<FramedNymPacket> {
        let (sender, packets) = mpsc::channel(QUEUE);
        self.scope.spawn(deliver(next, packets, self.counters.clone()));
        sender
    }
}

/// Writes queued packets to `next` for as long as the node is up, connecting again when there is something to send.
async fn deliver(next: SocketAddr, mut packets: mpsc::Receiver<FramedNymPacket>, counters: Arc<Counters>) {
    while let Some(first) = packets.recv().await {
        let Ok(Ok(stream)) = timeout(CONNECT_TIMEOUT, TcpStream::connect(next)).await else {
            // What waited behind it would meet the same closed port.
            counters.lost.one();
            while packets.try_recv().is_ok() {
                counters.lost.one();
            }
            continue;
        };
        // Without it Nagle's algorithm holds small packets back; failure only costs time.
        let _ = stream.set_nodelay(true);
        write(stream, first, &mut packets, &counters).await;
    }
}

async fn write(
    stream: TcpStream,
    first: FramedNymPacket,
    packets: &mut mpsc::Receiver<FramedNymPacket>,
    counters: &Counters,
) {
    let (mut sink, mut incoming) = Framed::new(stream, NymCodec).split();
    let mut next = Some(first);
    while let Some(packet) = next.take() {
        let written = timeout(WRITE_TIMEOUT, async {
            sink.feed(packet).await?;
            for _ in 1..BATCH {
                let Ok(packet) = packets.try_recv() else { break };
                sink.feed(packet).await?;
            }
            sink.flush().await
        });
        if !matches!(written.await, Ok(Ok(()))) {
            counters.lost.one();
            return;
        }
        next = tokio::select! {
            packet = packets.recv() => packet,
            // Nothing ever comes back on this connection but its end.
            _ = incoming.next() => return,
        };
    }
}
