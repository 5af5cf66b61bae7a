//! A client that has logged in: its packets in, its messages out.

use std::time::Duration;

use futures::{FutureExt, SinkExt, StreamExt};
use nym_gateway_requests::{
    BandwidthResponse, BinaryRequest, BinaryResponse, CURRENT_PROTOCOL_VERSION, ClientControlRequest,
    ClientRequest, SendResponse, SensitiveServerResponse, ServerResponse, SimpleGatewayRequestsError,
};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;

use crate::{
    gateway::{Gateway, Refusal, Session, TICKETS_ONLY, handshake::WebSocket},
    mix::Running,
};

/// A client that accepts nothing for this long is cut off.
const WRITE_TIMEOUT: Duration = Duration::from_secs(20);
/// Messages, or requests, between two flushes.
const BATCH: usize = 32;
/// A binary request is kind, encryption flag, AES-GCM-SIV nonce and ciphertext (nym-gateway-requests).
const MIN_BINARY: usize = 2 + 12;
const ENCRYPTED: u8 = 1;

/// Why a session ends.
enum End {
    /// The connection is gone, or the client broke the protocol.
    Cut,
    /// The client asked to be forgotten.
    Forget,
}

/// Runs a session until it ends.
pub(crate) async fn run(node: &Running, gateway: &Gateway, mut socket: WebSocket, mut session: Session) {
    let end = exchange(node, gateway, &mut socket, &mut session).await;
    if let Err(End::Forget) = end
        && let Err(error) = gateway.forget(session.address).await
    {
        tracing::warn!(%error, "A gateway cannot forget a client on disk.");
    }
}

async fn exchange(
    node: &Running,
    gateway: &Gateway,
    socket: &mut WebSocket,
    session: &mut Session,
) -> Result<(), End> {
    while !session.waiting.is_empty() {
        push(socket, session).await?;
    }
    loop {
        tokio::select! {
            message = session.messages.recv() => {
                // The other end is dropped when a newer session of this client opens, or with a wipe.
                session.waiting.push(message.ok_or(End::Cut)?);
                while session.waiting.len() < BATCH {
                    let Ok(message) = session.messages.try_recv() else { break };
                    session.waiting.push(message);
                }
                push(socket, session).await?;
            }
            request = socket.next() => {
                let request = request.ok_or(End::Cut)?.map_err(|_| End::Cut)?;
                answer(node, gateway, socket, session, request).await?;
                for _ in 1..BATCH {
                    let Some(request) = socket.next().now_or_never() else { break };
                    let request = request.ok_or(End::Cut)?.map_err(|_| End::Cut)?;
                    answer(node, gateway, socket, session, request).await?;
                }
                flush(socket).await?;
            }
        }
    }
}

/// Sends what waits. Only what has left for the kernel is taken off:
/// the rest is still there if the connection breaks.
async fn push(socket: &mut WebSocket, session: &mut Session) -> Result<(), End> {
    let count = session.waiting.len().min(BATCH);
    for message in session.waiting.iter().take(count) {
        let response = BinaryResponse::PushedMixMessage { message: message.clone() };
        let frame = response.into_ws_message(&session.key).map_err(|_| End::Cut)?;
        feed(socket, frame).await?;
    }
    flush(socket).await?;
    session.waiting.drain(..count);
    Ok(())
}

async fn answer(
    node: &Running,
    gateway: &Gateway,
    socket: &mut WebSocket,
    session: &Session,
    request: Message,
) -> Result<(), End> {
    let response = match request {
        Message::Binary(bytes) => forward(node, session, bytes)?,
        Message::Text(text) => {
            let request = text.parse::<ClientControlRequest>().map_err(|_| malformed(node))?;
            match control(node, gateway, session, request)? {
                Control::Answer(response) => response,
                Control::Forget(response) => {
                    feed(socket, response.into()).await?;
                    flush(socket).await?;
                    return Err(End::Forget);
                }
            }
        }
        Message::Close(_) => return Err(End::Cut),
        Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => return Ok(()),
    };
    feed(socket, response.into()).await
}

fn forward(node: &Running, session: &Session, bytes: Vec<u8>) -> Result<ServerResponse, End> {
    // The parser of release 1.21.6 slices before it checks the length of what is not encrypted.
    if bytes.len() < MIN_BINARY || bytes.get(1) != Some(&ENCRYPTED) {
        return Err(malformed(node));
    }
    let request =
        BinaryRequest::try_from_encrypted_tagged_bytes(bytes, &session.key).map_err(|_| malformed(node))?;
    Ok(match request {
        BinaryRequest::ForwardSphinx { packet } | BinaryRequest::ForwardSphinxV2 { packet } => {
            let required = i64::try_from(packet.packet().len()).unwrap_or(i64::MAX);
            let remaining_bandwidth = match session.bandwidth.spend(required) {
                Ok(left) => left,
                Err(available) => {
                    node.core.counters.unpaid.one();
                    let error = SimpleGatewayRequestsError::OutOfBandwidth { required, available };
                    return Ok(ServerResponse::TypedError { error });
                }
            };
            node.core.counters.from_clients.one();
            node.core.shapes.sent(session.address, packet.packet());
            // A packet that finds no room is lost as anywhere else on its way: the client sends it again.
            let _ = node.forwarder.send(packet);
            ServerResponse::Send(SendResponse { remaining_bandwidth, upgrade_mode: false })
        }
        _ => ServerResponse::new_error("unknown request"),
    })
}

enum Control {
    Answer(ServerResponse),
    Forget(ServerResponse),
}

fn control(
    node: &Running,
    gateway: &Gateway,
    session: &Session,
    request: ClientControlRequest,
) -> Result<Control, End> {
    Ok(Control::Answer(match request {
        ClientControlRequest::ClaimFreeTestnetBandwidth if gateway.refusal() == Some(Refusal::Tickets) => {
            ServerResponse::new_error(TICKETS_ONLY)
        }
        ClientControlRequest::ClaimFreeTestnetBandwidth
        | ClientControlRequest::EcashCredential { .. }
        | ClientControlRequest::UpgradeModeJWT { .. } => {
            node.core.counters.claims.one();
            ServerResponse::Bandwidth(BandwidthResponse {
                available_total: session.bandwidth.grant(),
                upgrade_mode: false,
            })
        }
        ClientControlRequest::SupportedProtocol {} => {
            ServerResponse::SupportedProtocol { version: CURRENT_PROTOCOL_VERSION }
        }
        ClientControlRequest::EncryptedRequest { ciphertext, nonce } => {
            let request = ClientRequest::decrypt(&ciphertext, &nonce, &session.key);
            let (response, forget) = match request.map_err(|_| malformed(node))? {
                ClientRequest::ForgetMe { client, .. } => (SensitiveServerResponse::ForgetMeAck {}, client),
                _ => (SensitiveServerResponse::RememberMeAck {}, false),
            };
            let response = response.encrypt(&session.key).map_err(|_| End::Cut)?;
            if forget {
                return Ok(Control::Forget(response));
            }
            response
        }
        _ => ServerResponse::new_error("this request is not for a client that has logged in"),
    }))
}

fn malformed(node: &Running) -> End {
    node.core.counters.malformed.one();
    End::Cut
}

async fn feed(socket: &mut WebSocket, message: Message) -> Result<(), End> {
    match timeout(WRITE_TIMEOUT, socket.feed(message)).await {
        Ok(Ok(())) => Ok(()),
        _ => Err(End::Cut),
    }
}

async fn flush(socket: &mut WebSocket) -> Result<(), End> {
    match timeout(WRITE_TIMEOUT, socket.flush()).await {
        Ok(Ok(())) => Ok(()),
        _ => Err(End::Cut),
    }
}
