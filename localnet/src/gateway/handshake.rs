//! From an accepted connection to a client that has proved who it is.

use std::{sync::Arc, time::Duration};

use futures::{SinkExt, StreamExt};
use nym_crypto::asymmetric::ed25519;
use nym_gateway_requests::{
    CURRENT_PROTOCOL_VERSION, ClientControlRequest, ServerResponse,
    registration::handshake::gateway_handshake, text_request::authenticate::AuthenticateRequest,
};
use nym_task::ShutdownToken;
use rand::rngs::OsRng;
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{
    WebSocketStream, accept_async_with_config,
    tungstenite::{Message, protocol::WebSocketConfig},
};

use crate::{
    gateway::{Gateway, Refusal, Session},
    mix::Core,
};

/// How long a client may take from the connection to the login.
const PATIENCE: Duration = Duration::from_secs(15);
/// Control requests before the login; a client sends two.
const MAX_REQUESTS: usize = 8;
/// The longest packet is 33 kB; a control request is JSON with bytes as numbers.
const MAX_MESSAGE: usize = 256 * 1024;
/// The skew of clocks that Nym's gateways accept.
const MAX_SKEW: Duration = Duration::from_secs(120);

/// Bytes of the registration's first message that are the client's Ed25519 key.
const IDENTITY: usize = 32;

pub(crate) type WebSocket = WebSocketStream<TcpStream>;

/// Serves one connection: login, then packets and messages until it ends.
pub(crate) async fn log_in(
    core: &Core,
    gateway: &Arc<Gateway>,
    stream: TcpStream,
) -> Option<(WebSocket, Session)> {
    timeout(PATIENCE, accept(core, gateway, stream)).await.ok().flatten()
}

async fn accept(core: &Core, gateway: &Arc<Gateway>, stream: TcpStream) -> Option<(WebSocket, Session)> {
    let config = WebSocketConfig {
        max_message_size: Some(MAX_MESSAGE),
        max_frame_size: Some(MAX_MESSAGE),
        max_write_buffer_size: 4 * MAX_MESSAGE,
        ..WebSocketConfig::default()
    };
    let mut socket = accept_async_with_config(stream, Some(config)).await.ok()?;
    for _ in 0..MAX_REQUESTS {
        let text = match socket.next().await?.ok()? {
            Message::Text(text) => text,
            Message::Ping(_) | Message::Pong(_) => continue,
            _ => return None,
        };
        let request = text.parse::<ClientControlRequest>().ok()?;
        let outcome = match request {
            ClientControlRequest::SupportedProtocol {} => Ok(None),
            ClientControlRequest::RegisterHandshakeInitRequest { protocol_version, data } => {
                core.counters.registrations.one();
                register(gateway, &mut socket, protocol_version, data).await.map(Some)
            }
            ClientControlRequest::AuthenticateV2(request) => authenticate(gateway, &request).map(Some),
            _ => Err("this request is not for a client that has not logged in".to_owned()),
        };
        match outcome {
            Ok(None) => {
                let version = Refusal::version(gateway.refusal());
                send(&mut socket, ServerResponse::SupportedProtocol { version }).await?;
            }
            Ok(Some((session, response))) => {
                send(&mut socket, response).await?;
                return Some((socket, session));
            }
            Err(reason) => {
                send(&mut socket, ServerResponse::new_error(reason)).await?;
                let _ = socket.close(None).await;
                return None;
            }
        }
    }
    None
}

async fn send(socket: &mut WebSocket, response: ServerResponse) -> Option<()> {
    socket.send(response.into()).await.ok()
}

async fn register(
    gateway: &Arc<Gateway>,
    socket: &mut WebSocket,
    protocol_version: u8,
    data: Vec<u8>,
) -> Result<(Session, ServerResponse), String> {
    let identity = data.get(..IDENTITY).and_then(|key| ed25519::PublicKey::from_bytes(key).ok());
    let address = identity.ok_or("malformed identity")?.derive_destination_address();
    let mut rng = OsRng;
    let agreed = gateway_handshake(
        &mut rng,
        socket,
        &gateway.identity,
        data,
        protocol_version,
        ShutdownToken::default(),
    );
    let agreed = agreed.await.map_err(|_| "the handshake failed")?;
    gateway.register(address, agreed.derived_key).await.map_err(|error| {
        tracing::warn!(%error, "A gateway cannot keep a registration.");
        "the registration cannot be kept"
    })?;
    let session = gateway.open(address).ok_or("the registration is gone")?;
    let response = ServerResponse::Register {
        protocol_version: agreed.negotiated_protocol,
        status: true,
        upgrade_mode: false,
    };
    Ok((session, response))
}

fn authenticate(
    gateway: &Arc<Gateway>,
    request: &AuthenticateRequest,
) -> Result<(Session, ServerResponse), String> {
    let address = request.content.client_identity.derive_destination_address();
    if let Some(words) = gateway.refusal().and_then(|refusal| refusal.to_login(request)) {
        return Err(words);
    }
    // Logins are not checked for reuse: their time stamp has a resolution of one second,
    // and a client that logs in twice within one would be refused.
    request.verify_timestamp(MAX_SKEW).map_err(|error| error.to_string())?;
    request.verify_signature().map_err(|_| "the signature is wrong")?;
    let key = gateway.key_of(address).ok_or("this client is not registered here")?;
    request.verify_ciphertext(&key).map_err(|_| "the key is not the one agreed")?;
    let session = gateway.open(address).ok_or("this client is not registered here")?;
    let response = ServerResponse::Authenticate {
        protocol_version: request.content.protocol_version.min(CURRENT_PROTOCOL_VERSION),
        status: true,
        bandwidth_remaining: session.bandwidth.left(),
        upgrade_mode: false,
    };
    Ok((session, response))
}
