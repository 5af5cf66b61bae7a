//! The network as a whole.

use std::{collections::HashSet, sync::Arc, time::Duration};

use futures::future::BoxFuture;
use time::OffsetDateTime;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use crate::{
    Epochs, Exit, ExitPolicy, LocalnetConfig, NetworkFile, Node, RotateError, StartError, Stats, api,
    directory::{Directory, Edition},
    epoch::{self, Epoch},
    exit::Setup,
    faults::Faults,
    gateway::Gateway,
    keys::{KeyPair, KeyRing, SphinxKey},
    listener::{Mark, Scope, loopback},
    mix::Core,
    plan::{LAYERS, bind, plan, saved_node},
    shapes::{ClientShapes, Shapes},
    stats::Counters,
    store::{SavedNetwork, Store},
};

/// A running network. Dropping it ends it at once; [`Localnet::stop`] also waits for the end.
#[derive(Debug)]
pub struct Localnet {
    shared: Arc<Shared>,
    api: Scope,
    exits: Vec<Exit>,
}

struct Shared {
    mixes: Vec<Node>,
    gateways: Vec<Node>,
    api_port: u16,
    epochs: Epochs,
    /// Held during a rotation, so that there is one at a time.
    epoch: Mutex<Epoch>,
    directory: Arc<Directory>,
    shapes: Arc<Shapes>,
    store: Option<Store>,
    token: CancellationToken,
    /// Held as long as the network, also while its nodes are down.
    _marks: Vec<Mark>,
}

impl Localnet {
    /// Starts three mixes, the gateways and the api, all on 127.0.0.1.
    ///
    /// With a directory that an earlier run has used, it is the same network:
    /// the same identities, keys, ports, epoch and registered clients.
    ///
    /// # Errors
    /// [`StartError`] if a number in the configuration is out of range, the directory cannot be used,
    /// or a port of the earlier run is taken.
    pub fn start(config: LocalnetConfig) -> BoxFuture<'static, Result<Self, StartError>> {
        // Boxed, so that other crates do not compile all of it once more.
        Box::pin(Self::start_all(config))
    }

    async fn start_all(config: LocalnetConfig) -> Result<Self, StartError> {
        check(&config)?;
        let (epochs, limits) = (config.epochs, config.limits);
        let store = config.dir.as_deref().map(Store::open).transpose().map_err(StartError::Store)?;
        let saved = match &store {
            Some(store) => store.load().map_err(StartError::Store)?,
            None => None,
        };
        let epoch = epoch_now(saved.as_ref(), epochs);
        let (api_listener, api_port, mark) = bind(saved.as_ref().map(|saved| saved.api_port)).await?;
        let plans = plan(&config, saved, epoch.rotation(epochs)).await?;
        let routes: Arc<HashSet<_>> = Arc::new(plans.iter().map(|plan| plan.mix_address).collect());

        let shapes = Arc::<Shapes>::default();
        let (token, mut marks) = (CancellationToken::new(), vec![mark]);
        let (mut mixes, mut gateways, mut sockets) = (Vec::new(), Vec::new(), Vec::new());
        for plan in plans {
            marks.extend(plan.marks);
            let counters = Arc::new(Counters::default());
            let gateway = match plan.websocket {
                Some(address) => {
                    let known = match &store {
                        Some(store) => store.load_clients(plan.id).map_err(StartError::Store)?,
                        None => Vec::new(),
                    };
                    let disk = store.clone().map(|store| (store, plan.id));
                    let identity = plan.identity.clone();
                    Some(Arc::new(Gateway::new(address, identity, limits, disk, known)))
                }
                None => None,
            };
            let core = Core {
                mix_address: plan.mix_address,
                keys: KeyRing::new(plan.keys),
                // Nodes must not lose their packets in step.
                faults: Faults::new(config.seed ^ u64::from(plan.id).rotate_left(32)),
                counters,
                shapes: Arc::clone(&shapes),
                gateway,
            };
            let layer = u8::try_from(plan.id).ok().filter(|_| plan.id <= LAYERS);
            let routes = routes.clone();
            let node = Node::new(plan.id, layer, plan.identity, limits, core, routes, token.clone());
            sockets.push((node.clone(), plan.sockets));
            if layer.is_some() { &mut mixes } else { &mut gateways }.push(node);
        }

        let edition = Edition::new(epoch, epochs, &mixes, &gateways);
        let shared = Arc::new(Shared {
            mixes,
            gateways,
            api_port,
            epochs,
            epoch: Mutex::new(epoch),
            directory: Arc::new(Directory::new(edition)),
            shapes,
            store,
            token,
            _marks: marks,
        });
        let keys = shared.nodes().map(|node| node.core().keys.keys()).collect();
        shared.save(epoch, keys).await.map_err(StartError::Store)?;
        for (node, sockets) in sockets {
            node.run(sockets).await;
        }
        let api = Scope::child_of(&shared.token);
        api::serve(&api, api_listener, shared.directory.clone());
        if epochs.automatic {
            api.spawn(follow_clock(shared.clone()));
        }
        let mut net = Localnet { shared, api, exits: Vec::new() };
        if config.exit != ExitPolicy::Off {
            net.start_exits(&config).await?;
        }
        Ok(net)
    }

    /// Exits are clients of the network: they come last.
    async fn start_exits(&mut self, config: &LocalnetConfig) -> Result<(), StartError> {
        for (number, gateway) in (0..config.exits).zip(self.shared.gateways.iter().cycle()) {
            let dir = self.shared.store.as_ref().map(|store| store.exit_dir(number));
            let setup = Setup {
                node: gateway.id(),
                gateway: gateway.identity(),
                api: self.api_url(),
                dir: dir.transpose().map_err(StartError::Store)?,
                policy: config.exit.clone(),
                seed: config.seed ^ (number as u64).rotate_left(48),
                network: self.shared.token.clone(),
            };
            self.exits.push(Exit::open(setup).await.map_err(StartError::Exit)?);
        }
        self.list_exits(true);
        Ok(())
    }

    /// The base address of the api, `http://127.0.0.1:PORT/api/`: all that a client needs to know.
    #[must_use]
    pub fn api_url(&self) -> String {
        format!("http://{}/api/", loopback(self.shared.api_port))
    }

    /// The three mixes, in the order of their layers.
    #[must_use]
    pub fn mixes(&self) -> &[Node] {
        &self.shared.mixes
    }

    /// The gateways.
    #[must_use]
    pub fn gateways(&self) -> &[Node] {
        &self.shared.gateways
    }

    /// The exits; none if the policy is [`ExitPolicy::Off`].
    #[must_use]
    pub fn exits(&self) -> &[Exit] {
        &self.exits
    }

    /// Leaves these nodes out of the directory from now on, and no others: clients learn of it when they ask next.
    pub fn hide(&self, nodes: &[&Node]) {
        self.shared.directory.hide(nodes.iter().map(|node| node.id()).collect());
    }

    /// Leaves all exits out of the directory, or lists them again, as if they had come up late.
    pub fn list_exits(&self, listed: bool) {
        let exits = self.exits.iter().filter(|_| listed);
        self.shared.directory.set_exits(exits.map(|exit| (exit.node(), exit.address())).collect());
    }

    /// What each node has done so far.
    #[must_use]
    pub fn stats(&self) -> Stats {
        Stats { nodes: self.shared.nodes().map(|node| (node.id(), node.stats())).collect() }
    }

    /// What hops could read of each client's packets, by the first 32 bytes of its Nym address.
    #[must_use]
    pub fn shapes(&self) -> Vec<([u8; 32], ClientShapes)> {
        self.shared.shapes.by_client()
    }

    /// Gives every node a new Sphinx key and publishes it, with the next rotation id,
    /// in the first epoch of that rotation, which begins now. Returns the rotation id.
    ///
    /// Packets made with the previous key are still accepted, those with older keys are not:
    /// on the real network as here, a node holds the keys of two rotations.
    /// Clients learn of it when they refresh the topology; for what they do then see [`Epochs`].
    ///
    /// # Errors
    /// [`RotateError::Store`] if the new keys cannot be kept; nothing has changed then.
    pub fn rotate_keys(&self) -> BoxFuture<'_, Result<u32, RotateError>> {
        // Boxed, so that other crates do not compile all of it once more.
        Box::pin(self.rotate_all_keys())
    }

    async fn rotate_all_keys(&self) -> Result<u32, RotateError> {
        let epochs = self.shared.epochs;
        let now = epoch::now();
        self.shared.advance(|epoch| epoch.next_rotation(epochs, now)).await
    }

    /// The current key rotation.
    #[must_use]
    pub fn rotation(&self) -> u32 {
        self.shared.directory.current().rotation()
    }

    /// All addresses, for `network.json`. Whoever starts a relay adds it.
    #[must_use]
    pub fn network_file(&self) -> NetworkFile {
        NetworkFile {
            version: 1,
            api: self.api_url(),
            nodes: self.shared.nodes().map(Node::entry).collect(),
            relays: Vec::new(),
            exit: self.exits.first().map(Exit::address),
        }
    }

    /// Ends the network and waits until its sockets are closed.
    pub fn stop(&self) -> BoxFuture<'_, ()> {
        // Boxed, so that other crates do not compile all of it once more.
        Box::pin(self.stop_all())
    }

    async fn stop_all(&self) {
        self.shared.token.cancel();
        for exit in &self.exits {
            exit.stop().await;
        }
        for node in self.shared.nodes() {
            node.stop().await;
        }
        self.api.end().await;
    }
}

impl Drop for Localnet {
    fn drop(&mut self) {
        self.shared.token.cancel();
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Localnet").field("api_port", &self.api_port).finish_non_exhaustive()
    }
}

impl Shared {
    fn nodes(&self) -> impl Iterator<Item = &Node> {
        self.mixes.iter().chain(&self.gateways)
    }

    /// Goes to another epoch, with new keys if it belongs to another rotation.
    async fn advance(&self, to: impl FnOnce(Epoch) -> Epoch) -> Result<u32, RotateError> {
        let mut epoch = self.epoch.lock().await;
        let next = to(*epoch);
        let rotation = next.rotation(self.epochs);
        let keys: Vec<_> = self
            .nodes()
            .map(|node| node.core().keys.keys())
            .map(|keys| match keys.current.rotation() == rotation {
                true => keys,
                false => keys.next(SphinxKey::generate(rotation)),
            })
            .collect();
        self.save(next, keys.clone()).await.map_err(RotateError::Store)?;
        for (node, keys) in self.nodes().zip(keys) {
            node.core().keys.install(keys);
        }
        // Published last: no client hears of a key before its node has it.
        let edition = Edition::new(next, self.epochs, &self.mixes, &self.gateways);
        self.directory.publish(edition);
        *epoch = next;
        Ok(rotation)
    }

    async fn save(&self, epoch: Epoch, keys: Vec<KeyPair>) -> Result<(), crate::StoreError> {
        let Some(store) = self.store.clone() else { return Ok(()) };
        let nodes = self.nodes().zip(&keys).map(|(node, keys)| saved_node(node, keys)).collect();
        let network = SavedNetwork {
            version: 1,
            api_port: self.api_port,
            epoch: epoch.id,
            epoch_started: unix_millis(epoch.started),
            nodes,
        };
        // Not finished only at the end of the runtime.
        tokio::task::spawn_blocking(move || store.save(&network)).await.unwrap_or(Ok(()))
    }
}

async fn follow_clock(shared: Arc<Shared>) {
    loop {
        let epoch = *shared.epoch.lock().await;
        let wait = epoch.remaining(shared.epochs, epoch::now());
        tokio::time::sleep(wait.max(Duration::from_millis(10))).await;
        let now = epoch::now();
        if let Err(error) = shared.advance(|epoch| epoch.at(shared.epochs, now)).await {
            tracing::warn!(%error, "The network stays in its epoch.");
        }
    }
}

fn check(config: &LocalnetConfig) -> Result<(), StartError> {
    if !(1..=LocalnetConfig::MAX_GATEWAYS).contains(&config.gateways) {
        return Err(StartError::Config("a local network has 1 to 64 gateways"));
    }
    if !(1..=LocalnetConfig::MAX_EXITS).contains(&config.exits) {
        return Err(StartError::Config("a local network has 1 to 16 exits, or none by its policy"));
    }
    if config.exit.names_foreign() {
        return Err(StartError::Config("an exit of a local network reaches addresses of 127.0.0.0/8 only"));
    }
    if config.epochs.duration < Duration::from_secs(1) {
        return Err(StartError::Config("an epoch lasts at least one second"));
    }
    if config.epochs.per_rotation == 0 {
        return Err(StartError::Config("a key rotation has at least one epoch"));
    }
    Ok(())
}

fn epoch_now(saved: Option<&SavedNetwork>, epochs: Epochs) -> Epoch {
    let now = epoch::now();
    let Some(saved) = saved else { return Epoch::first(epochs, now) };
    let nanos = i128::from(saved.epoch_started) * 1_000_000;
    let started = OffsetDateTime::from_unix_timestamp_nanos(nanos).unwrap_or(now).min(now);
    let rotation = saved.nodes.iter().map(|node| node.sphinx.rotation).max().unwrap_or(1);
    let mut epoch = Epoch { id: saved.epoch, started };
    if epoch.rotation(epochs) != rotation {
        // The length of rotations was changed in the configuration: the keys decide.
        epoch = Epoch { id: rotation.saturating_mul(epochs.per_rotation), started: now };
    }
    if epochs.automatic { epoch.at(epochs, now) } else { epoch }
}

fn unix_millis(time: OffsetDateTime) -> i64 {
    i64::try_from(time.unix_timestamp_nanos() / 1_000_000).unwrap_or_default()
}
