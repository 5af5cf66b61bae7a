//! One relay: its connection, opened on demand, and growing pauses after failures.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rustls::pki_types::ServerName;
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_rustls::TlsConnector;
use tokio_tungstenite::client_async_with_config;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::connection::{Connection, limits};
use super::error::ConnectError;
use super::{Dial, GunUrl, Stream};
use crate::random::uniform;

/// An attempt to connect ends after this long. The mixnet client may have to start first.
const CONNECT: Duration = Duration::from_secs(60);
/// The wait after the first failure; it doubles up to [`LONGEST_WAIT`].
const FIRST_WAIT: Duration = Duration::from_millis(250);
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// The most publications under way at one relay; most of them wait for it to come back.
const PLACES: usize = 64;

/// A relay and the way to it.
pub(super) struct Relay {
    url: GunUrl,
    dial: Arc<dyn Dial>,
    tls: TlsConnector,
    reach: Mutex<Reach>,
    connections: AtomicUsize,
    places: Arc<Semaphore>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

#[derive(Default)]
struct Reach {
    shared: Option<Arc<Connection>>,
    failures: u32,
    not_before: Option<Instant>,
}

impl Relay {
    pub(super) fn new(
        url: GunUrl,
        dial: Arc<dyn Dial>,
        tls: TlsConnector,
        tasks: TaskTracker,
        stop: CancellationToken,
    ) -> Self {
        let (reach, places) = (Mutex::new(Reach::default()), Arc::new(Semaphore::new(PLACES)));
        Self { url, dial, tls, reach, connections: AtomicUsize::new(0), places, tasks, stop }
    }

    pub(super) fn url(&self) -> &GunUrl {
        &self.url
    }

    /// Whether a connection is open, as far as is known.
    pub(super) fn is_connected(&self) -> bool {
        self.connections.load(Ordering::Relaxed) > 0
    }

    /// A permit for one more publication at this relay, if there is room.
    pub(super) fn place(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.places).try_acquire_owned().ok()
    }

    /// The shared connection, opened if necessary. After failures it waits first.
    pub(super) async fn connection(self: &Arc<Self>) -> Result<Arc<Connection>, ConnectError> {
        let mut reach = self.reach.lock().await;
        if let Some(connection) = reach.shared.as_ref().filter(|connection| !connection.is_closed()) {
            return Ok(Arc::clone(connection));
        }
        let connection = self.open_patiently(&mut reach).await?;
        reach.shared = Some(Arc::clone(&connection));
        Ok(connection)
    }

    /// A separate connection, so that nothing links the questions on it to others.
    pub(super) async fn own_connection(self: &Arc<Self>) -> Result<Arc<Connection>, ConnectError> {
        let not_before = self.reach.lock().await.not_before;
        if let Some(time) = not_before {
            sleep_until(time).await;
        }
        let opened = self.open().await;
        let mut reach = self.reach.lock().await;
        reach.note(opened.is_ok());
        opened
    }

    async fn open_patiently(self: &Arc<Self>, reach: &mut Reach) -> Result<Arc<Connection>, ConnectError> {
        if let Some(time) = reach.not_before {
            sleep_until(time).await;
        }
        let opened = self.open().await;
        reach.note(opened.is_ok());
        opened
    }

    async fn open(self: &Arc<Self>) -> Result<Arc<Connection>, ConnectError> {
        let relay = self.url.to_string();
        let connecting = timeout(CONNECT, self.connect());
        let socket = connecting.await.unwrap_or(Err(ConnectError::Timeout { relay }))?;
        let (connection, run) = Connection::new(socket, &self.stop);
        self.connections.fetch_add(1, Ordering::Relaxed);
        let this = Arc::clone(self);
        self.tasks.spawn(async move {
            run.await;
            this.connections.fetch_sub(1, Ordering::Relaxed);
        });
        Ok(connection)
    }

    async fn connect(&self) -> Result<tokio_tungstenite::WebSocketStream<Box<dyn Stream>>, ConnectError> {
        let relay = || self.url.to_string();
        let stream = self.dial.dial(self.url.host(), self.url.port()).await;
        let stream = stream.map_err(|source| ConnectError::Dial { relay: relay(), source })?;
        let stream = if self.url.is_tls() { self.secure(stream).await? } else { stream };
        let websocket = client_async_with_config(self.url.websocket(), stream, Some(limits())).await;
        let refused = |error: tokio_tungstenite::tungstenite::Error| ConnectError::WebSocket {
            relay: relay(),
            reason: error.to_string(),
        };
        Ok(websocket.map_err(refused)?.0)
    }

    async fn secure(&self, stream: Box<dyn Stream>) -> Result<Box<dyn Stream>, ConnectError> {
        let relay = self.url.to_string();
        let name = ServerName::try_from(self.url.host().to_owned())
            .map_err(|error| ConnectError::Certificate { relay: relay.clone(), reason: error.to_string() })?;
        match self.tls.connect(name, stream).await {
            Ok(stream) => Ok(Box::new(stream)),
            Err(error) => {
                let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
                Err(match inner {
                    Some(rustls::Error::InvalidCertificate(reason)) => {
                        ConnectError::Certificate { relay, reason: reason.to_string() }
                    }
                    _ => ConnectError::Tls { relay, source: Arc::new(error) },
                })
            }
        }
    }
}

impl Reach {
    fn note(&mut self, succeeded: bool) {
        if succeeded {
            self.failures = 0;
            // A relay that accepts connections and drops them at once must not be asked in a tight loop.
            self.not_before = Some(Instant::now() + FIRST_WAIT);
            return;
        }
        let wait = FIRST_WAIT.saturating_mul(1 << self.failures.min(16)).min(LONGEST_WAIT);
        self.failures = self.failures.saturating_add(1);
        // With jitter, so that many clients do not come back at the same moment.
        self.not_before = Some(Instant::now() + wait.mul_f64(0.5 + uniform() / 2.0));
    }
}
