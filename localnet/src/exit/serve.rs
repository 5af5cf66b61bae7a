//! The exit at work: messages in, TCP connections, messages out.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use futures::channel::mpsc as unbounded;
use nym_sdk::{
    ShutdownToken, ShutdownTracker,
    mixnet::{
        AnonymousSenderTag, InputMessage, LaneQueueLengths, MixnetClient, MixnetClientSender,
        MixnetMessageSender as _, ReconstructedMessage, TransmissionLane,
    },
};
use nym_service_providers_common::interface::{ProviderInterfaceVersion, RequestContent};
use nym_socks5_proxy_helpers::{
    connection_controller::{Controller, ControllerCommand, ControllerSender},
    proxy_runner::ProxyRunner,
};
use nym_socks5_requests::{
    ConnectRequest, ConnectionId, Socks5ProtocolVersion, Socks5ProviderRequest, Socks5ProviderResponse,
    Socks5RequestContent, Socks5Response,
};
use tokio::{
    net::TcpStream,
    sync::{Semaphore, mpsc},
    time::{Instant, sleep_until, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{ExitPolicy, Senders};
use crate::faults::Faults;

/// Messages that wait for the SDK.
const OUTBOX: usize = 64;
/// Connections at a time; more are refused.
const CONNECTIONS: usize = 256;
/// On loopback a connection is made at once or not at all.
const DIAL_TIMEOUT: Duration = Duration::from_secs(5);
/// What fits in a packet, about; pieces are made from a few of them.
const PACKET: usize = 1600;
/// Bytes a second that leave by this exit, all connections together.
///
/// What waits for SURBs is kept by the SDK without a bound, and is not counted in the lengths of lanes that
/// [`ProxyRunner`] waits for. So a server that writes without end, read at the speed of loopback, fills the memory
/// and keeps the SURBs that would empty it waiting behind. The mixes of one machine carry less than this.
const PACE: u32 = 4 << 20;
/// How far ahead of [`PACE`] the exit may be: shorter sleeps cost more than they slow down.
const AHEAD: Duration = Duration::from_millis(5);

/// An answer to the sender of a connection's first message.
#[derive(Debug)]
struct Outgoing {
    tag: AnonymousSenderTag,
    connection: ConnectionId,
    message: Vec<u8>,
}

/// How a client wants to be answered.
#[derive(Clone, Copy)]
struct Reply {
    tag: AnonymousSenderTag,
    interface: ProviderInterfaceVersion,
    protocol: Socks5ProtocolVersion,
}

impl Reply {
    fn message(&self, connection: ConnectionId, response: Socks5Response) -> Outgoing {
        let message = Socks5ProviderResponse::new_provider_data(self.interface, response).into_bytes();
        Outgoing { tag: self.tag, connection, message }
    }
}

/// What all connections of one client run share.
struct Desk {
    outbox: mpsc::Sender<Outgoing>,
    controller: ControllerSender,
    lanes: LaneQueueLengths,
    places: Arc<Semaphore>,
    alive: CancellationToken,
}

/// Serves until the client ends or `alive` is cancelled; then nothing of it is left.
pub(super) async fn serve(
    policy: &ExitPolicy,
    faults: &Faults,
    senders: &Senders,
    mut client: MixnetClient,
    alive: &CancellationToken,
) {
    let (outbox, queue) = mpsc::channel(OUTBOX);
    let sending = tokio::spawn(send(queue, client.split_sender()));
    let token = ShutdownToken::new_from_tokio_token(alive.clone());
    let (mut controller, commands) = Controller::new(client.connection_command_sender(), token);
    let ordering = tokio::spawn(async move { controller.run().await });
    let desk = Arc::new(Desk {
        outbox,
        controller: commands,
        lanes: client.shared_lane_queue_lengths(),
        places: Arc::new(Semaphore::new(CONNECTIONS)),
        alive: alive.clone(),
    });
    loop {
        let messages = tokio::select! {
            biased;
            () = alive.cancelled() => break,
            messages = client.wait_for_messages() => messages,
        };
        let Some(messages) = messages else { break };
        for message in messages {
            if faults.drops() {
                continue;
            }
            take(policy, &desk, senders, message).await;
        }
    }
    alive.cancel();
    drop(desk);
    client.disconnect().await;
    // Both end when the last connection has let go of them: a connection that finds them gone would panic.
    let _ = ordering.await;
    let _ = sending.await;
}

async fn take(policy: &ExitPolicy, desk: &Arc<Desk>, senders: &Senders, message: ReconstructedMessage) {
    let Some(tag) = message.sender_tag else { return };
    let Ok(request) = Socks5ProviderRequest::try_from_bytes(&message.message) else {
        tracing::debug!("A message that is not a request to an exit was dropped.");
        return;
    };
    let RequestContent::ProviderData(content) = request.content else { return };
    let reply = Reply { tag, interface: request.interface_version, protocol: content.protocol_version };
    match content.content {
        Socks5RequestContent::Connect(request) => {
            let ConnectRequest { conn_id: connection, remote_addr, .. } = *request;
            senders.note(tag.to_bytes());
            match (policy.target(&remote_addr), desk.places.clone().try_acquire_owned()) {
                (Some(target), Ok(place)) => {
                    let desk = Arc::clone(desk);
                    tokio::spawn(async move {
                        connect(&desk, reply, connection, target).await;
                        drop(place);
                    });
                }
                _ => {
                    let text = "this exit does not connect there".to_owned();
                    let response = Socks5Response::new_connection_error(reply.protocol, connection, text);
                    let _ = desk.outbox.send(reply.message(connection, response)).await;
                }
            }
        }
        Socks5RequestContent::Send(request) => {
            let _ = desk.controller.unbounded_send(ControllerCommand::new_send(request.data));
        }
        Socks5RequestContent::Query(_) => {}
    }
}

async fn connect(desk: &Desk, reply: Reply, connection: ConnectionId, target: SocketAddr) {
    let stream = match timeout(DIAL_TIMEOUT, TcpStream::connect(target)).await {
        Ok(Ok(stream)) => stream,
        _ => {
            let response = Socks5Response::new_network_data(reply.protocol, 0, connection, Vec::new(), true);
            let _ = desk.outbox.send(reply.message(connection, response)).await;
            return;
        }
    };
    // Without it Nagle's algorithm adds up to 40 ms to small writes; failure only costs time.
    let _ = stream.set_nodelay(true);
    let (sender, receiver) = unbounded::unbounded();
    let insert = ControllerCommand::Insert { connection_id: connection, connection_sender: sender };
    if desk.controller.unbounded_send(insert).is_err() {
        return;
    }
    let token = ShutdownToken::new_from_tokio_token(desk.alive.clone());
    let runner = ProxyRunner::new(
        stream,
        String::new(),
        String::new(),
        receiver,
        desk.outbox.clone(),
        PACKET,
        connection,
        Some(desk.lanes.clone()),
        ShutdownTracker::new_from_external_shutdown_token(token),
    );
    let piece = move |data: nym_socks5_requests::SocketData| {
        let header = data.header;
        let (sequence, last) = (header.seq, header.local_socket_closed);
        let response =
            Socks5Response::new_network_data(reply.protocol, sequence, connection, data.data, last);
        reply.message(connection, response)
    };
    let _ = runner.run(piece).await;
    let _ = desk.controller.unbounded_send(ControllerCommand::Remove { connection_id: connection });
}

/// Gives the SDK what there is to send at no more than [`PACE`], until every sender is gone.
async fn send(mut queue: mpsc::Receiver<Outgoing>, sender: MixnetClientSender) {
    let mut free = Instant::now();
    while let Some(Outgoing { tag, connection, message }) = queue.recv().await {
        let cost = u32::try_from(message.len()).unwrap_or(u32::MAX);
        free = free.max(Instant::now()) + Duration::from_secs(1) * cost / PACE;
        let lane = TransmissionLane::ConnectionId(connection);
        // Fails once the client has ended; what is left is lost with it.
        let _ = sender.send(InputMessage::new_reply(tag, message, lane, None)).await;
        if free > Instant::now() + AHEAD {
            sleep_until(free).await;
        }
    }
}
