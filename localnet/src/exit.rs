//! An exit to the machine's own servers: Nym's network requester protocol over an unmodified SDK client.
//!
//! It answers as exits of the real network do: nothing confirms a connection but its first, empty frame;
//! one that failed is the same frame marked as the last; what the policy forbids is an error.
//! Host names are not looked up: an exit of this network reaches nothing but this machine.

mod policy;
mod serve;

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures::future::BoxFuture;
use nym_network_defaults::{ApiUrl, NymNetworkDetails, ValidatorDetails};
use nym_sdk::{
    DebugConfig, ShutdownToken, ShutdownTracker,
    mixnet::{Ephemeral, MixnetClient, MixnetClientBuilder, MixnetClientStorage, Recipient, StoragePaths},
};
use tokio::{
    sync::{Mutex, oneshot},
    task::JoinHandle,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use crate::{ExitError, faults::Faults};

pub use policy::ExitPolicy;

/// How long the exit's client may take to connect to its gateway.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);
/// Before another attempt after the gateway was lost.
const RECONNECT_PAUSE: Duration = Duration::from_millis(300);

/// A handle of one exit. Cheap to clone.
#[derive(Clone)]
pub struct Exit {
    inner: Arc<Inner>,
}

struct Inner {
    node: u32,
    gateway: String,
    api: String,
    storage: Keys,
    policy: ExitPolicy,
    faults: Faults,
    senders: Senders,
    address: std::sync::OnceLock<Recipient>,
    /// Cancelled with the network.
    network: CancellationToken,
    running: Mutex<Option<Running>>,
    up: AtomicBool,
}

/// How many sender tags are remembered.
const MOST_SENDERS: usize = 4096;

/// Who asked for connections, and how often.
#[derive(Default)]
struct Senders(std::sync::Mutex<BTreeMap<[u8; 16], u64>>);

impl Senders {
    fn note(&self, tag: [u8; 16]) {
        let mut senders = crate::lock(&self.0);
        if senders.len() < MOST_SENDERS || senders.contains_key(&tag) {
            *senders.entry(tag).or_default() += 1;
        }
    }
}

/// Where the exit's Nym keys are: its address is the same after each start.
enum Keys {
    Memory(Box<Ephemeral>),
    Disk(PathBuf),
}

struct Running {
    end: CancellationToken,
    task: JoinHandle<()>,
}

/// What an exit is made of.
pub(crate) struct Setup {
    /// The id and identity of its gateway.
    pub(crate) node: u32,
    pub(crate) gateway: String,
    pub(crate) api: String,
    /// Where keys are kept; `None`: in memory.
    pub(crate) dir: Option<PathBuf>,
    pub(crate) policy: ExitPolicy,
    pub(crate) seed: u64,
    pub(crate) network: CancellationToken,
}

impl Exit {
    /// Connects to its gateway, and serves.
    pub(crate) async fn open(setup: Setup) -> Result<Self, ExitError> {
        let Setup { node, gateway, api, dir, policy, seed, network } = setup;
        let exit = Exit {
            inner: Arc::new(Inner {
                node,
                gateway,
                api,
                storage: dir.map_or_else(|| Keys::Memory(Box::default()), Keys::Disk),
                policy,
                faults: Faults::new(seed),
                senders: Senders::default(),
                address: std::sync::OnceLock::new(),
                network,
                running: Mutex::default(),
                up: AtomicBool::new(false),
            }),
        };
        exit.start().await?;
        Ok(exit)
    }

    /// The exit's Nym address, `client.encryption@gateway` in base 58. It stays the same.
    #[must_use]
    pub fn address(&self) -> String {
        self.inner.address.get().map(ToString::to_string).unwrap_or_default()
    }

    /// The identity of the gateway it is reached through.
    #[must_use]
    pub fn gateway(&self) -> String {
        self.inner.gateway.clone()
    }

    /// Whether it serves.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.inner.up.load(Ordering::Relaxed)
    }

    /// Loses this share of the messages that come to it, each a piece of a stream or a request to connect;
    /// above 1000 counts as 1000. Nobody sends them again: for their senders they have arrived.
    pub fn set_drop(&self, permille: u16) {
        self.inner.faults.set_drop(permille);
    }

    /// The sender tags under which connections were asked for, and how many under each: what an exit sees of who asks.
    #[must_use]
    pub fn senders(&self) -> BTreeMap<[u8; 16], u64> {
        crate::lock(&self.inner.senders.0).clone()
    }

    /// Stops the exit as a crash would: its connections are cut without notice.
    pub fn stop(&self) -> BoxFuture<'_, ()> {
        // Boxed, so that other crates do not compile all of it once more.
        Box::pin(self.take_down())
    }

    async fn take_down(&self) {
        let mut running = self.inner.running.lock().await;
        if let Some(Running { end, task }) = running.take() {
            end.cancel();
            let _ = task.await;
        }
    }

    /// Brings the exit back at the same address. Does nothing if it is up, or if the network has been stopped.
    ///
    /// # Errors
    /// [`ExitError`] if its gateway does not take it.
    pub fn start(&self) -> BoxFuture<'_, Result<(), ExitError>> {
        // Boxed, so that other crates do not compile all of it once more.
        Box::pin(self.bring_up())
    }

    async fn bring_up(&self) -> Result<(), ExitError> {
        let mut running = self.inner.running.lock().await;
        if running.is_some() || self.inner.network.is_cancelled() {
            return Ok(());
        }
        let end = self.inner.network.child_token();
        let (connected, first) = oneshot::channel();
        let task = tokio::spawn(run(Arc::clone(&self.inner), end.clone(), connected));
        match first.await {
            Ok(Ok(())) => {
                *running = Some(Running { end, task });
                Ok(())
            }
            Ok(Err(error)) => Err(error),
            Err(_) => Ok(()),
        }
    }

    pub(crate) fn node(&self) -> u32 {
        self.inner.node
    }
}

impl std::fmt::Debug for Exit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Exit(at {})", self.inner.node)
    }
}

/// Serves until `end`, also over a loss of the gateway. Only the first connection must succeed.
async fn run(inner: Arc<Inner>, end: CancellationToken, connected: oneshot::Sender<Result<(), ExitError>>) {
    let mut connected = Some(connected);
    while !end.is_cancelled() {
        // The client's own end, even if it gives up.
        let alive = end.child_token();
        let client = tokio::select! {
            () = end.cancelled() => break,
            client = inner.connect(&alive) => client,
        };
        match client {
            Ok(client) => {
                let _ = inner.address.set(*client.nym_address());
                inner.up.store(true, Ordering::Relaxed);
                if let Some(connected) = connected.take() {
                    let _ = connected.send(Ok(()));
                }
                serve::serve(&inner.policy, &inner.faults, &inner.senders, client, &alive).await;
                inner.up.store(false, Ordering::Relaxed);
            }
            Err(error) => {
                alive.cancel();
                if let Some(connected) = connected.take() {
                    let _ = connected.send(Err(error));
                    return;
                }
                tracing::debug!(%error, "The exit is not connected.");
            }
        }
        tokio::select! {
            () = end.cancelled() => {}
            () = sleep(RECONNECT_PAUSE) => {}
        }
    }
}

impl Inner {
    async fn connect(&self, alive: &CancellationToken) -> Result<MixnetClient, ExitError> {
        let connecting = async {
            match &self.storage {
                Keys::Memory(keys) => {
                    let builder = MixnetClientBuilder::new_with_storage(keys.as_ref().clone());
                    self.configure(builder, alive).build()?.connect_to_mixnet().await
                }
                Keys::Disk(dir) => {
                    let paths = StoragePaths::new_from_dir(dir)?;
                    let builder = MixnetClientBuilder::new_with_default_storage(paths).await?;
                    self.configure(builder, alive).build()?.connect_to_mixnet().await
                }
            }
        };
        timeout(CONNECT_TIMEOUT, connecting)
            .await
            .map_err(|_| ExitError::Timeout)?
            .map_err(|error| ExitError::Client(Box::new(error)))
    }

    fn configure<S: MixnetClientStorage + Clone + 'static>(
        &self,
        builder: MixnetClientBuilder<S>,
        alive: &CancellationToken,
    ) -> MixnetClientBuilder<S> {
        let token = ShutdownToken::new_from_tokio_token(alive.clone());
        builder
            .network_details(network_details(&self.api))
            .debug_config(config())
            .request_gateway(self.gateway.clone())
            .custom_shutdown(ShutdownTracker::new_from_external_shutdown_token(token))
    }
}

/// An exit is not anonymous. Its little cover traffic only serves to notice a gateway that was restarted.
fn config() -> DebugConfig {
    let mut config = DebugConfig::default();
    config.stats_reporting.enabled = false;
    // Otherwise cover has the older format, which every hop can distinguish from that of messages.
    config.traffic.use_legacy_sphinx_format = false;
    config.traffic.disable_main_poisson_packet_distribution = true;
    config.traffic.average_packet_delay = Duration::from_millis(1);
    config.acknowledgements.average_ack_delay = Duration::from_millis(1);
    config.acknowledgements.ack_wait_addition = Duration::from_secs(1);
    config.cover_traffic.loop_cover_traffic_average_delay = Duration::from_secs(1);
    config.topology.topology_refresh_rate = Duration::from_secs(1);
    // What waits for the SURBs of a client that is gone is kept no longer.
    config.reply_surbs.maximum_reply_surb_drop_waiting_period = Duration::from_secs(60);
    config
}

fn network_details(api: &str) -> NymNetworkDetails {
    let mut details = NymNetworkDetails::new_empty()
        .with_network_name("localnet".into())
        // Nothing listens there: the chain is never asked.
        .with_validator_endpoint(ValidatorDetails::new("http://127.0.0.1:1", Some(api), None));
    details.set_nym_api_urls(vec![ApiUrl { url: api.to_owned(), front_hosts: None }]);
    details
}
