//! Nym's directory, asked once for all clients of a process.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use nym_client_core::client::topology_control::NymApiTopologyProvider;
use nym_http_api_client::{ApiClient as _, Client, ClientBuilder};
use nym_sdk::mixnet::{NodeIdentity, Recipient};
use nym_sdk::{DebugConfig, TopologyProvider};
use nym_topology::{NodeId, NymTopology};
use serde::Deserialize;
use thiserror::Error;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::guards::GatewayId;
use crate::network::Network;
use crate::timers::Tuning;

/// How long an old topology is used: until the keys in it are no longer accepted.
const USELESS_AFTER: Duration = Duration::from_secs(6 * 3600);
/// How long a directory that did not answer is left alone.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(1);

/// A gateway that the directory does not list any more is used for so many refreshes.
const KEPT_REFRESHES: u32 = 3;

/// For a gateway that stays missing the topology is fetched early so many times.
const MISSES: u32 = 5;
/// How many of these are remembered.
const MOST_MISSED: usize = 256;

/// Pages of descriptions that are read; the directory decides how long each is.
const MOST_PAGES: usize = 64;
/// How many of the listed exits are kept.
const MOST_EXITS: usize = 4096;

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
    exit_refresh: Duration,
    lists_exits: AtomicBool,
    /// After this a topology is fetched again in which a node is missing.
    hurry: Duration,
    missing: AtomicBool,
    exits: Mutex<Option<(Instant, Vec<Recipient>)>>,
}

#[derive(Default)]
struct Cache {
    provider: Option<NymApiTopologyProvider>,
    fetched: Option<(Instant, NymTopology)>,
    failed_at: Option<Instant>,
    /// Gateways that the last refreshes did not list, and how many.
    absent: HashMap<NodeId, u32>,
    /// Gateways that were needed and not there, and how often.
    missed: HashMap<[u8; 32], u32>,
}

impl Cache {
    /// Gateways that are missing from one refresh are mostly there in the next: a client whose gateway is missing sends no
    /// cover, and one whose relay's or exit's is missing sends nothing.
    fn keep_absent(&mut self, new: &mut NymTopology) {
        let mut absent = HashMap::new();
        if let Some((_, old)) = &self.fetched {
            for node in old.entry_capable_nodes() {
                if new.has_node_details(node.node_id) {
                    continue;
                }
                let times = self.absent.get(&node.node_id).copied().unwrap_or_default() + 1;
                if times <= KEPT_REFRESHES {
                    absent.insert(node.node_id, times);
                    new.insert_node_details(node.clone());
                }
            }
        }
        self.absent = absent;
    }
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
                exit_refresh: tuning.exit_list_refresh,
                lists_exits: AtomicBool::new(false),
                hurry: tuning.topology_hurry,
                missing: AtomicBool::new(false),
                exits: Mutex::default(),
            }),
        }
    }

    /// The topology, fetched again if it is older than the profile allows. One caller fetches, the others wait.
    ///
    /// Each Nym client looks here far more often than the directory is asked: at a rotation of the mixes' keys,
    /// a view must not get old twice, once here and once in the client.
    pub(crate) async fn topology(&self) -> Result<NymTopology, DirectoryError> {
        let mut cache = self.inner.cache.lock().await;
        let now = Instant::now();
        let fresh = |at: Instant, limit: Duration| now.saturating_duration_since(at) < limit;
        let paused = cache.failed_at.is_some_and(|at| fresh(at, PAUSE_AFTER_FAILURE));
        let known = cache.fetched.as_ref().map(|(at, _)| *at);
        let missing = self.inner.missing.load(Ordering::Relaxed);
        let limit = if missing { self.inner.hurry } else { self.inner.refresh };
        if !paused && !known.is_some_and(|at| fresh(at, limit)) {
            match tokio::time::timeout(self.inner.patience, self.fetch(&mut cache)).await {
                Ok(Some(mut topology)) => {
                    self.inner.missing.store(false, Ordering::Relaxed);
                    cache.keep_absent(&mut topology);
                    cache.fetched = Some((Instant::now(), topology));
                    cache.failed_at = None;
                    if self.inner.lists_exits.load(Ordering::Relaxed) {
                        let this = self.clone();
                        tokio::spawn(async move { this.refresh_exits(this.inner.exit_refresh).await });
                    }
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

    /// The exits that the directory describes and whose gateways are part of the network now.
    ///
    /// The whole list is always fetched, so the directory does not learn which exit is used, and with the topology, so it
    /// does not learn when one is.
    pub(crate) async fn exits(&self) -> Result<Vec<Recipient>, DirectoryError> {
        let topology = self.topology().await?;
        // Only if there is none yet.
        self.refresh_exits(Duration::MAX).await;
        let known = self.inner.exits.lock().await;
        let (_, exits) = known.as_ref().ok_or(DirectoryError)?;
        let usable: Vec<_> = exits.iter().filter(|exit| topology.has_node(exit.gateway())).copied().collect();
        if usable.is_empty() {
            self.inner.missing.store(true, Ordering::Relaxed);
        }
        Ok(usable)
    }

    /// From now on the exits are listed with the topology.
    pub(crate) fn list_exits(&self) {
        self.inner.lists_exits.store(true, Ordering::Relaxed);
    }

    /// Fetches the list of exits if it is older than `limit`.
    async fn refresh_exits(&self, limit: Duration) {
        let mut known = self.inner.exits.lock().await;
        // Soon again while it names nobody: exits may come up late.
        let is_fresh = |(at, exits): &(Instant, Vec<Recipient>)| {
            let limit = if exits.is_empty() { limit.min(self.inner.hurry) } else { limit };
            at.elapsed() < limit
        };
        if known.as_ref().is_some_and(is_fresh) {
            return;
        }
        match tokio::time::timeout(self.inner.patience, self.fetch_exits()).await {
            Ok(Some(exits)) => *known = Some((Instant::now(), exits)),
            // Keep the old list: exits rarely move.
            _ => tracing::debug!("The directory did not say which exits there are."),
        }
    }

    /// Somebody needs this gateway. If it is not in the topology, the next look fetches that again, unless that was a
    /// short time ago or did not help before: a contact's relay may be gone for good.
    pub(crate) fn need(&self, gateway: NodeIdentity) {
        // While it is fetched, nothing is known to be missing.
        let Ok(mut cache) = self.inner.cache.try_lock() else { return };
        if cache.fetched.as_ref().is_none_or(|(_, topology)| topology.has_node(gateway)) {
            cache.missed.remove(&gateway.to_bytes());
            return;
        }
        if cache.missed.len() >= MOST_MISSED {
            cache.missed.clear();
        }
        let times = cache.missed.entry(gateway.to_bytes()).or_default();
        if *times < MISSES {
            *times += 1;
            self.inner.missing.store(true, Ordering::Relaxed);
        }
    }

    /// What a Nym client uses instead of a directory of its own.
    pub(crate) fn provider(&self) -> Box<dyn TopologyProvider + Send + Sync> {
        Box::new(Shared(self.clone()))
    }

    async fn fetch_exits(&self) -> Option<Vec<Recipient>> {
        let client = self.client()?;
        let mut exits = Vec::new();
        let mut described = 0;
        for page in 0..MOST_PAGES {
            let parameters = [("page", page.to_string())];
            let read = client.get_json(&["v2", "nym-nodes", "described"], &parameters).await;
            let read: DescribedPage = read
                .inspect_err(|error| tracing::debug!("The list of exits could not be read: {error}"))
                .ok()?;
            described += read.data.len();
            exits.extend(read.data.iter().filter_map(exit_of));
            if read.data.is_empty() || described >= read.pagination.total || exits.len() >= MOST_EXITS {
                break;
            }
        }
        exits.truncate(MOST_EXITS);
        Some(exits)
    }

    fn client(&self) -> Option<Client> {
        ClientBuilder::new_with_fronted_urls(self.inner.network.directory())
            .and_then(|builder| builder.with_timeout(self.inner.patience).build())
            .inspect_err(|error| {
                tracing::warn!("No client for the directory could be built: {error}. It is tried again.")
            })
            .ok()
    }

    async fn fetch(&self, cache: &mut Cache) -> Option<NymTopology> {
        if cache.provider.is_none() {
            let client = self.client()?;
            cache.provider = Some(NymApiTopologyProvider::new(DebugConfig::default().topology, client));
        }
        cache.provider.as_mut()?.get_new_topology().await
    }
}

/// A page of `/v2/nym-nodes/described`, as far as it is used (nym-api-requests, `NymNodeDescriptionV2`).
#[derive(Deserialize)]
struct DescribedPage {
    pagination: Pagination,
    /// Parsed one by one, so that one malformed description does not hide the others.
    data: Vec<serde_json::Value>,
}

#[derive(Deserialize)]
struct Pagination {
    total: usize,
}

/// The address of a node's exit, if it has one.
fn exit_of(node: &serde_json::Value) -> Option<Recipient> {
    let address = node.get("description")?.get("network_requester")?.get("address")?.as_str()?;
    Recipient::try_from_base58_string(address).ok()
}

struct Shared(Directory);

#[async_trait]
impl TopologyProvider for Shared {
    async fn get_new_topology(&mut self) -> Option<NymTopology> {
        self.0.topology().await.ok()
    }
}
