//! Nym's directory, asked once for all clients of a process.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use nym_client_core::client::topology_control::NymApiTopologyProvider;
use nym_http_api_client::ClientBuilder;
use nym_sdk::{DebugConfig, TopologyProvider};
use nym_topology::NymTopology;
use thiserror::Error;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::guards::GatewayId;
use crate::network::Network;
use crate::tuning::Tuning;

/// An old topology is better than none, until the keys in it are surely no longer accepted.
const USELESS_AFTER: Duration = Duration::from_secs(6 * 3600);
/// A directory that does not answer is not asked again sooner.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(1);

/// The shared view of the network. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Directory {
    inner: Arc<Inner>,
}

struct Inner {
    network: Network,
    refresh: Duration,
    patience: Duration,
    cache: Mutex<Cache>,
}

#[derive(Default)]
struct Cache {
    provider: Option<NymApiTopologyProvider>,
    fetched: Option<(Instant, NymTopology)>,
    failed_at: Option<Instant>,
}

/// The directory gave no usable list of nodes.
#[derive(Debug, Error)]
#[error("Nym's directory cannot be reached or names no usable network")]
pub(crate) struct DirectoryError;

impl Directory {
    pub(crate) fn new(network: Network, tuning: &Tuning) -> Self {
        Self {
            inner: Arc::new(Inner {
                network,
                refresh: tuning.topology_refresh,
                patience: tuning.connect_timeout,
                cache: Mutex::default(),
            }),
        }
    }

    /// The topology, fetched anew where it is older than the profile allows. One caller fetches, the others wait.
    ///
    /// Each Nym client looks here far more often than the directory is asked: at a rotation of the mixes' keys,
    /// a view must not get old twice, once here and once in the client.
    pub(crate) async fn topology(&self) -> Result<NymTopology, DirectoryError> {
        let mut cache = self.inner.cache.lock().await;
        let now = Instant::now();
        let fresh = |at: Instant, limit: Duration| now.saturating_duration_since(at) < limit;
        let paused = cache.failed_at.is_some_and(|at| fresh(at, PAUSE_AFTER_FAILURE));
        let known = cache.fetched.as_ref().map(|(at, _)| *at);
        if !paused && !known.is_some_and(|at| fresh(at, self.inner.refresh)) {
            match tokio::time::timeout(self.inner.patience, self.fetch(&mut cache)).await {
                Ok(Some(topology)) => {
                    cache.fetched = Some((Instant::now(), topology));
                    cache.failed_at = None;
                }
                _ => {
                    tracing::debug!("The directory did not answer.");
                    cache.failed_at = Some(Instant::now());
                }
            }
        }
        match &cache.fetched {
            Some((at, topology)) if fresh(*at, USELESS_AFTER) => Ok(topology.clone()),
            _ => Err(DirectoryError),
        }
    }

    /// The gateways a client may enter through.
    pub(crate) async fn entry_gateways(&self) -> Result<Vec<GatewayId>, DirectoryError> {
        let topology = self.topology().await?;
        let mut gateways: Vec<GatewayId> =
            topology.entry_capable_nodes().map(|node| node.identity_key.to_base58_string()).collect();
        gateways.sort_unstable();
        gateways.dedup();
        if gateways.is_empty() { Err(DirectoryError) } else { Ok(gateways) }
    }

    /// What a Nym client is given instead of a directory of its own.
    pub(crate) fn provider(&self) -> Box<dyn TopologyProvider + Send + Sync> {
        Box::new(Shared(self.clone()))
    }

    async fn fetch(&self, cache: &mut Cache) -> Option<NymTopology> {
        if cache.provider.is_none() {
            let client = ClientBuilder::new_with_fronted_urls(self.inner.network.directory())
                .and_then(|builder| builder.with_timeout(self.inner.patience).build())
                .inspect_err(|error| tracing::warn!("No client for the directory could be built: {error}"))
                .ok()?;
            cache.provider = Some(NymApiTopologyProvider::new(DebugConfig::default().topology, client));
        }
        cache.provider.as_mut()?.get_new_topology().await
    }
}

struct Shared(Directory);

#[async_trait]
impl TopologyProvider for Shared {
    async fn get_new_topology(&mut self) -> Option<NymTopology> {
        self.0.topology().await.ok()
    }
}
