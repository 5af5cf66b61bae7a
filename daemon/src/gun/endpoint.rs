//! A Gun peer on this machine, for programs that use Gun themselves: what they ask and write goes through the mixnet.
//!
//! It is a WebSocket on the loopback address behind a secret path.
//! Whoever knows the path can read and write Gun's graph, which is public anyway, and learns what was asked recently.
//! Web pages are refused by their `Origin`, and foreign host names that resolve to this address by their `Host`.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bauta_protocol::error::{HasKind, Kind};
use data_encoding::BASE64URL_NOPAD;
use thiserror::Error;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_tungstenite::accept_hdr_async_with_config;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::Gun;
use crate::random::fill;

mod access;
mod client;
mod hub;

use access::Access;
use hub::Hub;

/// The most programs that may be connected.
const CLIENTS: usize = 16;
/// How long a program has to open its WebSocket.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// The pause after an error that does not concern one connection, such as too many open files.
const ACCEPT_AGAIN: Duration = Duration::from_millis(200);
/// The shortest secret path.
const MIN_SECRET: usize = 20;
const MAX_SECRET: usize = 128;

/// A running endpoint. Dropping it ends it.
pub struct Endpoint {
    address: SocketAddr,
    secret_path: String,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Endpoint {
    /// Listens on a loopback address; port 0 takes any free one. `secret_path` is 20 to 128 letters, digits, `-` and
    /// `_` that nobody can guess, such as [`new_secret_path`] makes.
    ///
    /// # Errors
    /// Every [`EndpointError`].
    pub async fn start(gun: Gun, secret_path: &str, address: SocketAddr) -> Result<Self, EndpointError> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if !(MIN_SECRET..=MAX_SECRET).contains(&secret_path.len()) || !secret_path.bytes().all(is_plain) {
            return Err(EndpointError::SecretPath);
        }
        if !address.ip().is_loopback() {
            return Err(EndpointError::NotLoopback);
        }
        let listen = |source| EndpointError::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let access = Arc::new(Access::new(address, &path(secret_path)));
        let hub = Hub::new(gun, tasks.clone(), stop.clone());
        tasks.spawn(serve(listener, access, hub, tasks.clone(), stop.clone()));
        Ok(Self { address, secret_path: secret_path.to_owned(), tasks, stop })
    }

    /// What a program names as its peer. It holds the secret.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}{}", self.address, path(&self.secret_path))
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends it and its connections.
    pub async fn stop(&self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// A path that nobody can guess: 32 letters, digits, `-` and `_`.
#[must_use]
pub fn new_secret_path() -> String {
    let mut bytes = [0; 24];
    fill(&mut bytes);
    BASE64URL_NOPAD.encode(&bytes)
}

/// Why there is no endpoint.
#[derive(Debug, Error)]
pub enum EndpointError {
    /// The secret path is too short, too long, or holds other characters.
    #[error("the secret path has {MIN_SECRET} to {MAX_SECRET} letters, digits, - and _")]
    SecretPath,
    /// Other machines could reach it.
    #[error("the Gun endpoint listens on a loopback address only")]
    NotLoopback,
    /// The port is in use or not allowed.
    #[error("cannot listen on {address}; choose another port")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// What the system says.
        source: std::io::Error,
    },
}

impl HasKind for EndpointError {
    fn kind(&self) -> Kind {
        match self {
            Self::SecretPath | Self::NotLoopback => Kind::Usage,
            Self::Listen { .. } => Kind::Conflict,
        }
    }
}

/// Gun's own relays use a path that ends so.
fn path(secret_path: &str) -> String {
    format!("/{secret_path}/gun")
}

async fn serve(
    listener: TcpListener,
    access: Arc<Access>,
    hub: Arc<Hub>,
    tasks: TaskTracker,
    stop: CancellationToken,
) {
    let places = Arc::new(Semaphore::new(CLIENTS));
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => return,
        };
        let Ok((stream, _)) = accepted else {
            sleep(ACCEPT_AGAIN).await;
            continue;
        };
        // If there are too many, the connection is closed at once.
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else { continue };
        let (access, hub, stop) = (Arc::clone(&access), Arc::clone(&hub), stop.clone());
        tasks.spawn(async move {
            tokio::select! {
                () = receive(stream, &access, hub) => {}
                () = stop.cancelled() => {}
            }
            drop(place);
        });
    }
}

async fn receive(stream: TcpStream, access: &Access, hub: Arc<Hub>) {
    let opening = accept_hdr_async_with_config(stream, access, Some(super::connection::limits()));
    match timeout(HANDSHAKE, opening).await {
        Ok(Ok(socket)) => client::run(socket, hub).await,
        // What was sent may hold the secret, so it is not logged.
        Ok(Err(_)) => tracing::debug!("A connection to the Gun endpoint was refused."),
        Err(_) => tracing::debug!("A connection to the Gun endpoint did not open in time."),
    }
}

#[cfg(test)]
mod tests;
