//! The relay: the desk, fed from the mixnet.

use std::fmt;
use std::fs::File;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bauta_protocol::address::RelayAddress;
use bauta_protocol::id::RelayId;
use bauta_protocol::limits::MAX_DOORS;
use bauta_protocol::relay::{Class, Reply};
use bauta_sphinx_client::{Incoming, Network, Observer, Service, ServiceConfig, Traffic};
use futures::future::BoxFuture;
use getrandom::SysRng;
use rand_core::UnwrapErr;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use crate::desk::{Desk, DeskConfig};
use crate::error::RelayError;
use crate::exporter::Exporter;
use crate::files;
use crate::identity::load_or_generate;
use crate::meter::Meter;
use crate::policy::Quotas;
use crate::sqlite::{SqliteOptions, SqliteStorage};
use crate::storage::Storage;

/// The name of the store in the data directory.
pub const STORE_FILE: &str = "relay.db";
/// The name of the directory with the doors' Nym keys in the data directory.
pub const DOORS_DIR: &str = "doors";
const LOCK_FILE: &str = "relay.lock";

/// Requests that are answered at the same time, beyond the held ones. More are answered `Busy`.
const AT_ONCE: usize = 2_048;

/// How long the last answers get to leave before the doors close.
const FAREWELL: Duration = Duration::from_millis(500);

/// How often expired rows are looked for.
const EXPIRY_PERIOD: Duration = Duration::from_secs(10 * 60);
/// The pause between two steps of expiry, in which puts have the writer for themselves.
const EXPIRY_PAUSE: Duration = Duration::from_millis(200);

/// How a relay is set up.
#[derive(Clone)]
pub struct RelayConfig {
    /// The data directory: identity, store and the doors' keys. Made with mode 0700.
    pub data: PathBuf,
    /// The network.
    pub network: Network,
    /// The traffic profile.
    pub traffic: Traffic,
    /// How many doors, 1 to 4. Two or more survive the loss of a gateway.
    pub doors: usize,
    /// Where to serve metrics, on this machine only. `None`: nowhere.
    pub metrics: Option<SocketAddr>,
    /// Observes what a hostile operator would see. For measurements.
    pub observer: Option<Arc<dyn Observer>>,
}

/// How much a relay holds, and how many exchanges it has answered since its start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Boxes with bytes.
    pub boxes: u64,
    /// Ids of boxes that went out and were dropped.
    pub tombstones: u64,
    /// Deposits that no owner has drained.
    pub deposits: u64,
    /// Bundles, one for each persona.
    pub bundles: u64,
    /// Exchanges of class small.
    pub small_exchanges: u64,
    /// Exchanges of class large.
    pub large_exchanges: u64,
    /// Exchanges of class digest.
    pub digest_exchanges: u64,
    /// `Get` requests whose reply is held.
    pub held: usize,
}

/// A running relay. Stop it with [`Relay::stop`]; dropping it is like pulling the plug, which it survives.
pub struct Relay {
    id: RelayId,
    desk: Arc<Desk>,
    storage: Arc<dyn Storage>,
    meter: Arc<Meter>,
    service: Service,
    exporter: Option<Exporter>,
    listener: JoinHandle<()>,
    upkeep: JoinHandle<()>,
    answering: TaskTracker,
    stop: DropGuard,
    _lock: File,
}

impl Relay {
    /// Starts a relay and returns once requests can come in.
    ///
    /// # Errors
    /// [`RelayError`]; nothing runs then.
    pub fn start(config: RelayConfig) -> BoxFuture<'static, Result<Self, RelayError>> {
        // Boxed, so that other crates do not compile all of it once more.
        Box::pin(Self::start_all(config))
    }

    async fn start_all(config: RelayConfig) -> Result<Self, RelayError> {
        if !(1..=MAX_DOORS).contains(&config.doors) {
            return Err(RelayError::Doors(config.doors));
        }
        if let Some(address) = config.metrics.filter(|address| !address.ip().is_loopback()) {
            return Err(RelayError::MetricsNotLoopback(address));
        }
        files::ensure_private_dir(&config.data)?;
        let lock = files::lock(&config.data.join(LOCK_FILE), &config.data)?;
        let identity = load_or_generate(&config.data, &mut UnwrapErr(SysRng))?;
        let id = identity.id();
        let meter = Arc::new(if config.metrics.is_some() { Meter::on() } else { Meter::off() });
        let options = SqliteOptions {
            quotas: Quotas::default(),
            meter: Arc::clone(&meter),
            ..SqliteOptions::default()
        };
        let storage: Arc<dyn Storage> =
            Arc::new(SqliteStorage::open(&config.data.join(STORE_FILE), options)?);
        let service = ServiceConfig {
            network: config.network,
            relay_id: id,
            dir: config.data.join(DOORS_DIR),
            doors: config.doors,
            traffic: config.traffic,
            observer: config.observer,
        };
        let (service, incoming) = Service::start(service).await.map_err(RelayError::Service)?;
        let desk_config = DeskConfig { meter: Arc::clone(&meter), ..DeskConfig::default() };
        let rng = Box::new(UnwrapErr(SysRng));
        let desk = Desk::open(Arc::clone(&storage), identity, service.doors(), rng, desk_config).await?;
        let desk = Arc::new(desk);
        let stop = CancellationToken::new();
        let exporter = match config.metrics {
            Some(address) => Some(Exporter::start(address, Arc::clone(&desk), stop.clone()).await?),
            None => None,
        };
        let answering = TaskTracker::new();
        let listener = tokio::spawn(serve(Arc::clone(&desk), incoming, answering.clone(), stop.clone()));
        let upkeep = tokio::spawn(expire(Arc::clone(&desk), stop.clone()));
        tracing::info!(relay = %id, doors = service.doors().len(), "The relay is up.");
        Ok(Self {
            id,
            desk,
            storage,
            meter,
            service,
            exporter,
            listener,
            upkeep,
            answering,
            stop: stop.drop_guard(),
            _lock: lock,
        })
    }

    /// Where clients find the relay. Doors that have not yet found a gateway are not in it.
    pub fn address(&self) -> RelayAddress {
        RelayAddress { id: self.id, doors: self.service.doors() }
    }

    /// Where the metrics are served.
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.exporter.as_ref().map(|exporter| exporter.address)
    }

    /// How much the relay holds, and how much it did.
    pub fn counts(&self) -> Counts {
        let levels = self.desk.levels();
        Counts {
            boxes: levels.stored.boxes,
            tombstones: levels.stored.tombstones,
            deposits: levels.stored.deposits,
            bundles: levels.stored.bundles,
            small_exchanges: self.meter.exchanges(Class::Small),
            large_exchanges: self.meter.exchanges(Class::Large),
            digest_exchanges: self.meter.exchanges(Class::Digest),
            held: levels.held,
        }
    }

    /// Takes no more requests, answers those it has but the held ones, closes the store and the doors.
    ///
    /// # Errors
    /// [`RelayError::Close`] if the store does not close cleanly. What was acknowledged is durable all the same.
    pub fn stop(self) -> BoxFuture<'static, Result<(), RelayError>> {
        // Boxed, so that other crates do not compile all of it once more.
        Box::pin(self.stop_all())
    }

    async fn stop_all(self) -> Result<(), RelayError> {
        self.stop.disarm().cancel();
        let _ = self.listener.await;
        let _ = self.upkeep.await;
        self.answering.close();
        self.answering.wait().await;
        // The mixnet client only queues what it sends, and drops its queue when it is stopped.
        tokio::time::sleep(FAREWELL).await;
        self.desk.finish().await;
        let closed = self.storage.close().await;
        if let Some(exporter) = self.exporter {
            exporter.end().await;
        }
        self.service.stop().await;
        closed.map_err(RelayError::Close)
    }
}

impl fmt::Debug for Relay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Relay").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Takes requests from the mixnet until it is stopped, and answers each in a task of its own.
async fn serve(
    desk: Arc<Desk>,
    mut incoming: mpsc::Receiver<Incoming>,
    answering: TaskTracker,
    stop: CancellationToken,
) {
    // Held requests have a bound of their own, and must not keep the others out.
    let places = Arc::new(Semaphore::new(AT_ONCE + DeskConfig::default().held));
    loop {
        let next = tokio::select! {
            biased;
            () = stop.cancelled() => None,
            next = incoming.recv() => next,
        };
        let Some(Incoming { door, class, body, responder }) = next else {
            desk.release_held();
            return;
        };
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            if let Ok(busy) = Reply::Busy.encode(class) {
                responder.send(busy);
            }
            continue;
        };
        let desk = Arc::clone(&desk);
        answering.spawn(async move {
            // Without an answer the responder is dropped, and the same request is a new one.
            if let Some(answer) = desk.answer_body_at(door, class, body).await {
                responder.send(answer);
            }
            drop(place);
        });
    }
}

/// Removes what has expired, in small steps, until it is stopped.
async fn expire(desk: Arc<Desk>, stop: CancellationToken) {
    loop {
        let pause = match desk.expire_some().await {
            Ok(0) => EXPIRY_PERIOD,
            Ok(_) => EXPIRY_PAUSE,
            Err(error) => {
                tracing::warn!(%error, "Expired rows could not be removed; it is tried again later.");
                EXPIRY_PERIOD
            }
        };
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}
