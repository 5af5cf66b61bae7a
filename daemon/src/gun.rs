//! A client of Gun relays, where Mask Network keeps its post keys.
//!
//! [`Gun`] writes nodes and reads sets over connections that a [`Dial`] opens; in this program, that is a way through
//! the mixnet, so no relay sees where its client is.
//! A relay is not trusted: writing ends with reading back, and what is read is bounded and may come from anybody.
//!
//! A relay passes a question for a node it does not have on to its other clients.
//! So every look-up is public; only who asks is hidden.

use std::fmt;
use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub mod endpoint;

mod collect;
mod connection;
mod dial;
mod doubt;
mod error;
mod limits;
mod publish;
mod read;
mod relay;
mod tls;
mod update;
mod url;
mod watch;

pub use dial::{Dial, Stream};
pub use error::{ConnectError, DialError, GunConfigError, GunError, Instead};
pub use limits::{CollectLimits, Collected, Ended, GetLimits};
pub(crate) use tls::check_roots;
pub use update::NodeUpdate;
pub use url::{GunUrl, GunUrlError};
pub use watch::Subscription;

use relay::Relay;
use update::Clock;

/// How many relays are used.
const MAX_RELAYS: usize = 16;
/// How many publications run at a time.
const PUBLICATIONS: usize = 16;
/// Updates that wait for a subscriber.
const UPDATES: usize = 64;

/// How a [`Gun`] is set up.
#[derive(Clone)]
pub struct GunConfig {
    /// The relays. Everything is written to all of them and read from all of them.
    pub relays: Vec<GunUrl>,
    /// Certificates in PEM form that are trusted besides the roots of the web.
    pub extra_roots_pem: Option<Vec<u8>>,
    /// Opens streams to the relays.
    pub dial: Arc<dyn Dial>,
}

impl fmt::Debug for GunConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GunConfig").field("relays", &self.relays).finish_non_exhaustive()
    }
}

/// What is known about a relay.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RelayStatus {
    /// Its address.
    pub url: GunUrl,
    /// Whether a connection to it is open.
    pub is_connected: bool,
}

/// A client of Gun relays. Clones are the same client.
///
/// Connections are opened on demand, closed when idle, and opened again after a failure, with growing pauses.
#[derive(Clone)]
pub struct Gun {
    inner: Arc<Inner>,
}

struct Inner {
    relays: Vec<Arc<Relay>>,
    clock: Clock,
    publications: Arc<Semaphore>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Gun {
    /// A client; it connects when it has something to do.
    ///
    /// # Errors
    /// Every [`GunConfigError`].
    pub fn new(config: GunConfig) -> Result<Self, GunConfigError> {
        let connector = tls::connector(config.extra_roots_pem.as_deref())?;
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let mut urls: Vec<GunUrl> = Vec::new();
        for url in config.relays.into_iter().take(MAX_RELAYS) {
            if !urls.contains(&url) {
                urls.push(url);
            }
        }
        if urls.is_empty() {
            return Err(GunConfigError::NoRelay);
        }
        let relay = |url| {
            let dial = Arc::clone(&config.dial);
            Arc::new(Relay::new(url, dial, connector.clone(), tasks.clone(), stop.clone()))
        };
        let relays = urls.into_iter().map(relay).collect();
        let publications = Arc::new(Semaphore::new(PUBLICATIONS));
        Ok(Self { inner: Arc::new(Inner { relays, clock: Clock::default(), publications, tasks, stop }) })
    }

    /// The relays and whether they are connected.
    #[must_use]
    pub fn relays(&self) -> Vec<RelayStatus> {
        let status =
            |relay: &Arc<Relay>| RelayStatus { url: relay.url().clone(), is_connected: relay.is_connected() };
        self.inner.relays.iter().map(status).collect()
    }

    /// Ends everything that runs and closes all connections.
    pub async fn stop(&self) {
        self.inner.stop.cancel();
        self.inner.tasks.close();
        self.inner.tasks.wait().await;
    }
}

#[cfg(test)]
mod tests;
