//! One relay: its connection, opened on demand, and growing pauses after failures.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rustls::pki_types::ServerName;
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_rustls::TlsConnector;
use tokio_tungstenite::client_async_with_config;
use tokio_tungstenite::tungstenite::Error as WsError;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::connection::{Connection, limits};
use super::doubt::{Doubt, SAYS_NOTHING};
use super::error::{ConnectError, Instead};
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
    doubt: Arc<Doubt>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

#[derive(Default)]
struct Reach {
    shared: Option<Arc<Connection>>,
    failures: u32,
    not_before: Option<Instant>,
    /// The last answer that was not a relay's, if the last attempt ended with one.
    turned_away: Option<ConnectError>,
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
        let (connections, doubt) = (AtomicUsize::new(0), Arc::default());
        Self { url, dial, tls, reach, connections, places, doubt, tasks, stop }
    }

    pub(super) fn url(&self) -> &GunUrl {
        &self.url
    }

    /// Whether a connection is open, as far as is known.
    pub(super) fn is_connected(&self) -> bool {
        self.connections.load(Ordering::Relaxed) > 0
    }

    /// Why what answers there seems to be no relay, if the last connections had no word of Gun.
    pub(super) fn doubt(&self) -> Option<ConnectError> {
        let (reason, times) = self.doubt.get()?;
        let relay = self.url.to_string();
        let instead = if reason == SAYS_NOTHING { Instead::Silence } else { Instead::Protocol };
        Some(ConnectError::WebSocket { relay, reason: reason.to_owned(), instead, times })
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
        let (not_before, before) = {
            let reach = self.reach.lock().await;
            reach.is_open(self.doubt())?;
            (reach.not_before, reach.times())
        };
        if let Some(time) = not_before {
            sleep_until(time).await;
        }
        let opened = self.open().await;
        self.reach.lock().await.note(opened, before, self.doubts())
    }

    async fn open_patiently(self: &Arc<Self>, reach: &mut Reach) -> Result<Arc<Connection>, ConnectError> {
        reach.is_open(self.doubt())?;
        if let Some(time) = reach.not_before {
            sleep_until(time).await;
        }
        let before = reach.times();
        reach.note(self.open().await, before, self.doubts())
    }

    /// How many connections in a row had something else than Gun.
    fn doubts(&self) -> u32 {
        self.doubt.get().map(|(_, times)| times).unwrap_or_default()
    }

    async fn open(self: &Arc<Self>) -> Result<Arc<Connection>, ConnectError> {
        let relay = self.url.to_string();
        let connecting = timeout(CONNECT, self.connect());
        let socket = connecting.await.unwrap_or(Err(ConnectError::Timeout { relay }))?;
        let (connection, run) = Connection::new(socket, Arc::clone(&self.doubt), &self.stop);
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
        Ok(websocket.map_err(|error| no_relay(relay(), &error))?.0)
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
                    Some(rustls::Error::InvalidMessage(_)) => {
                        let reason = "it does not speak TLS".to_owned();
                        ConnectError::WebSocket { relay, reason, instead: Instead::Protocol, times: 1 }
                    }
                    _ => ConnectError::Tls { relay, source: Arc::new(error) },
                })
            }
        }
    }
}

/// The wait after so many failures before.
fn pause(failures: u32) -> Duration {
    FIRST_WAIT.saturating_mul(1 << failures.min(16)).min(LONGEST_WAIT)
}

/// What the host of a relay answered in place of a WebSocket.
fn no_relay(relay: String, error: &WsError) -> ConnectError {
    let (instead, reason) = match error {
        WsError::Http(answer) if answer.status().is_success() => {
            (Instead::WebPage, format!("it answered with a web page ({})", answer.status()))
        }
        WsError::Http(answer) => (Instead::Failure, format!("it answered {}", answer.status())),
        WsError::HttpFormat(_)
        | WsError::Protocol(ProtocolError::HttparseError(_) | ProtocolError::WrongHttpVersion)
        | WsError::Utf8 => (Instead::Protocol, "it speaks another protocol".to_owned()),
        error => (Instead::Unclear, error.to_string()),
    };
    ConnectError::WebSocket { relay, reason, instead, times: 1 }
}

impl Reach {
    /// An error where the next attempt is not due and all the last ones were answered by something that is no relay: to
    /// wait would only hide what is wrong.
    fn is_open(&self, doubt: Option<ConnectError>) -> Result<(), ConnectError> {
        let is_early = self.not_before.is_some_and(|time| time > Instant::now());
        match self.turned_away.clone().or(doubt) {
            Some(error) if is_early && error.is_final() => Err(error),
            _ => Ok(()),
        }
    }

    /// How many attempts in a row were answered by something that is no relay.
    fn times(&self) -> u32 {
        match self.turned_away {
            Some(ConnectError::WebSocket { times, .. }) => times,
            _ => 0,
        }
    }

    /// Takes note of an attempt. `before` is what [`Self::times`] was when it began: those made at once count once.
    ///
    /// `doubts` is how many connections before it were of no use although they opened.
    fn note<T>(
        &mut self,
        opened: Result<T, ConnectError>,
        before: u32,
        doubts: u32,
    ) -> Result<T, ConnectError> {
        let opened = opened.map_err(|error| match error {
            ConnectError::WebSocket { relay, reason, instead, .. } => {
                let times = self.times().max(before.saturating_add(1));
                ConnectError::WebSocket { relay, reason, instead, times }
            }
            error => error,
        });
        self.turned_away = match &opened {
            Err(error @ ConnectError::WebSocket { .. }) => Some(error.clone()),
            _ => None,
        };
        if opened.is_ok() {
            self.failures = 0;
            // A relay that accepts connections and drops them at once must not be asked in a tight loop.
            self.not_before = Some(Instant::now() + pause(doubts));
            return opened;
        }
        let wait = pause(self.failures);
        self.failures = self.failures.saturating_add(1);
        // With jitter, so that many clients do not come back at the same moment.
        self.not_before = Some(Instant::now() + wait.mul_f64(0.5 + uniform() / 2.0));
        opened
    }
}
