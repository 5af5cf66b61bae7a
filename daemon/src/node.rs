//! The daemon behind the local API: one store, one actor for each persona, one way into the mixnet.

mod config;
mod contact;
mod contact_settings;
mod error;
mod event;
mod forget;
mod guards;
mod home;
mod import;
mod key;
mod locking;
mod message;
mod moved;
mod names;
mod network;
mod outside;
mod pairings;
mod persona;
mod post;
mod profile;
mod schedule;
mod seen;
mod status;
mod vanish;
mod view;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bauta_ipc::{DaemonApi, Empty, PairingDesk, RpcError, SystemWorld, UnlockStore};
use bauta_protocol::address::RelayAddress;
use bauta_protocol::time::{Clock, Timestamp};
use bauta_sphinx_client::{Mixnet, Network, SystemClock, Traffic};
use futures::future::BoxFuture;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub use self::error::NodeError;
pub(crate) use self::locking::{AtSuspend, Locking};
pub use self::outside::GunSettings;
use self::outside::Outside;
use self::pairings::StoredPairings;
use self::schedule::Schedule;
use self::vanish::Vanishing;
use crate::engine::{Actor, ActorHandle, Moment, Nameless, Shared, Trust, pull_back, spread_rejoins, tidy};
pub use crate::engine::{Exchanger, Exchangers, Times, Waits};
use crate::gun::Gun;
use crate::posts::Posts;
pub use crate::store::StoreError;
use crate::store::{PersonaId, Store, is_there, private_home};
use crate::unlock::{Unlock, master_key};

/// How often keys, sessions and events are looked through for what has ended.
const TIDY_EVERY: Duration = Duration::from_secs(3600);

/// Pages of the index that are merged in one transaction.
const MERGED_AT_ONCE: u32 = 256;

/// What a daemon runs with.
#[derive(Clone, Debug)]
pub struct NodeConfig {
    /// The directory that holds all state; made where it is missing.
    pub home: PathBuf,
    /// The mixnet.
    pub network: Network,
    /// The network's own relays to draw from for new personas, and to ask for bare keys. Not remembered.
    pub relays: Vec<RelayAddress>,
    /// Relays besides those, from now on. Absent: those of an earlier start.
    pub own_relays: Option<Vec<RelayAddress>>,
    /// The traffic profile, from now on. Absent: that of an earlier start, or else `full`.
    pub traffic: Option<Traffic>,
    /// Locks after this long without use, from now on. Absent: as at an earlier start.
    pub lock_after: Option<Duration>,
    /// What opens the store.
    pub unlock: Unlock,
    /// Gun relays and the way to them.
    pub gun: GunSettings,
}

/// The world a node lives in: the mixnet and the clock, or what a test puts in their place.
pub struct World {
    /// Where exchangers come from.
    pub exchangers: Arc<dyn Exchangers>,
    /// The time.
    pub time: Arc<dyn Clock>,
    /// The times of the engine.
    pub times: Times,
    /// The network's name, for the status.
    pub network: String,
    /// The traffic profile, for the status.
    pub traffic: Traffic,
    /// Gun relays; without any, keys of posts wait.
    pub gun: Option<Gun>,
}

/// Why a node ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Ending {
    /// It was asked to stop.
    Stopped,
    /// It was asked to lock, or locked itself: the process should begin anew with empty memory.
    Locked,
}

/// A daemon's personas and their conversations. Dropping it ends everything at once, as a crash would.
pub struct Node {
    shared: Arc<Shared>,
    actors: Mutex<Actors>,
    network: String,
    network_relays: Vec<RelayAddress>,
    traffic: Traffic,
    opened_at: Timestamp,
    /// `daemon.stop` was called.
    asked_to_stop: CancellationToken,
    /// `lock` was called, or nobody used the daemon, or the machine will sleep.
    asked_to_lock: CancellationToken,
    locking: watch::Sender<Locking>,
    /// The home was moved to another machine, or is being moved: nothing is connected.
    moved: Arc<AtomicBool>,
    housekeeper: JoinHandle<()>,
    schedule: Schedule,
    vanishing: Vanishing,
    posts: Posts,
    outside: Option<Outside>,
    desk: OnceLock<Arc<PairingDesk>>,
}

#[derive(Default)]
struct Actors {
    personas: BTreeMap<PersonaId, ActorHandle>,
    nameless: Option<Nameless>,
}

impl Node {
    /// Opens the store of a home, which may take a second with a passphrase, and starts its personas.
    ///
    /// # Errors
    /// One variant of [`NodeError`] per cause; nothing of the home is changed then.
    pub fn open(config: NodeConfig) -> BoxFuture<'static, Result<Arc<Self>, NodeError>> {
        // Boxed, so that other crates do not compile all of it once more.
        Box::pin(Self::open_on_mixnet(config))
    }

    async fn open_on_mixnet(config: NodeConfig) -> Result<Arc<Self>, NodeError> {
        let NodeConfig { home, network, relays, own_relays, traffic, lock_after, unlock, gun } = config;
        if traffic == Some(Traffic::Test) && !network.is_local() {
            return Err(NodeError::TestTraffic);
        }
        let store = open_store(&home, unlock, SystemClock.now()).await?;
        let settings = store.run(move |tx| -> Result<_, StoreError> {
            config::given_or_kept(tx, config::RELAYS, own_relays)?;
            let after = lock_after.map(|after| vec![humantime::Duration::from(after)]);
            config::given_or_kept(tx, config::LOCK_AFTER, after)?;
            config::given_or_kept(tx, config::TRAFFIC, traffic.map(|traffic| vec![traffic]))
        });
        let traffic =
            settings.await.map_err(NodeError::Store)?.unwrap_or_default().pop().unwrap_or(Traffic::Full);
        if traffic == Traffic::Test && !network.is_local() {
            store.close().await;
            return Err(NodeError::TestTraffic);
        }
        let keeper = guards::StoredGuards::load(store.clone()).await.map_err(NodeError::Store)?;
        let name = if network.is_local() { "local" } else { "mainnet" }.to_owned();
        let mixnet = Mixnet::new(network, traffic, Arc::new(keeper)).map_err(NodeError::Mixnet)?;
        let outside = match store.run(moved::moved_at).await.map_err(NodeError::Store)? {
            Some(_) => None,
            None => Some(Outside::open(gun, &store, &mixnet).await?),
        };
        let world = World {
            exchangers: Arc::new(mixnet),
            time: Arc::new(SystemClock),
            times: Times::of(traffic.pace()),
            network: name,
            traffic,
            gun: None,
        };
        Self::start(store, relays, world, outside).await
    }

    /// Opens a home in a world of the caller's making.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_in(
        home: &Path,
        unlock: Unlock,
        relays: Vec<RelayAddress>,
        world: World,
    ) -> BoxFuture<'_, Result<Arc<Self>, NodeError>> {
        Box::pin(Self::open_in_world(home, unlock, relays, world))
    }

    async fn open_in_world(
        home: &Path,
        unlock: Unlock,
        relays: Vec<RelayAddress>,
        world: World,
    ) -> Result<Arc<Self>, NodeError> {
        let store = open_store(home, unlock, world.time.now()).await?;
        let outside = world.gun.clone().map(Outside::of);
        Self::start(store, relays, world, outside).await
    }

    async fn start(
        store: Store,
        relays: Vec<RelayAddress>,
        world: World,
        outside: Option<Outside>,
    ) -> Result<Arc<Self>, NodeError> {
        let now = world.time.now();
        let (times, configured) = (world.times, relays.clone());
        let (personas, is_empty, in_use, locking, moved, signed) = store
            .run(move |tx| -> Result<_, StoreError> {
                config::configure_relays(tx, &configured)?;
                let at = Moment { now, times, trusted: false };
                pull_back(tx, now)?;
                spread_rejoins(tx, &at)?;
                let mut personas = Vec::new();
                let (mut is_empty, moved) = (true, moved::moved_at(tx)?.is_some());
                for row in tx.personas()? {
                    is_empty = false;
                    if tx.elsewhere_at(row.id)?.is_none() {
                        personas.push(row.id);
                    }
                }
                let in_use = tx.persona_in_use()?.or(personas.first().copied());
                Ok((personas, is_empty, in_use, config::locking(tx)?, moved, tx.last_signed_day()?))
            })
            .await
            .map_err(NodeError::Store)?;
        let shared = Arc::new(Shared {
            store,
            exchangers: world.exchangers,
            time: world.time,
            times,
            answered: Mutex::default(),
            trust: Trust::new(now),
            stop: CancellationToken::new(),
        });
        if let Some(day) = signed {
            shared.trust.signed(day, now);
        }
        let mut actors = Actors::default();
        let outside = outside.filter(|_| !moved);
        for id in personas.iter().copied().filter(|_| !moved) {
            let actor = Actor::start(Arc::clone(&shared), id, in_use == Some(id));
            actors.personas.insert(id, actor);
        }
        if is_empty && !moved {
            actors.nameless = Some(Nameless::start(Arc::clone(&shared)));
        }
        let housekeeper = tokio::spawn(keep_house(Arc::clone(&shared)));
        let schedule = Schedule::start(Arc::clone(&shared));
        let vanishing = Vanishing::start(Arc::clone(&shared));
        let posts = Posts::start(Arc::clone(&shared), outside.as_ref().map(|outside| outside.guns().clone()));
        Ok(Arc::new(Self {
            shared,
            actors: Mutex::new(actors),
            network: world.network,
            network_relays: relays,
            traffic: world.traffic,
            opened_at: now,
            asked_to_stop: CancellationToken::new(),
            asked_to_lock: CancellationToken::new(),
            locking: watch::Sender::new(locking),
            moved: Arc::new(AtomicBool::new(moved)),
            housekeeper,
            schedule,
            vanishing,
            posts,
            outside,
            desk: OnceLock::new(),
        }))
    }

    /// Runs until `shutdown` is cancelled or the daemon is stopped or locked, then ends everything in good order.
    ///
    /// # Errors
    /// None at present.
    pub fn run(
        self: Arc<Self>,
        shutdown: CancellationToken,
    ) -> BoxFuture<'static, Result<Ending, NodeError>> {
        Box::pin(self.run_until(shutdown))
    }

    async fn run_until(self: Arc<Self>, shutdown: CancellationToken) -> Result<Ending, NodeError> {
        let why = tokio::select! {
            () = shutdown.cancelled() => Ending::Stopped,
            () = self.asked_to_stop.cancelled() => Ending::Stopped,
            () = self.asked_to_lock.cancelled() => Ending::Locked,
        };
        self.shared.stop.cancel();
        let actors = std::mem::take(&mut *self.actors());
        let mut ending = tokio::task::JoinSet::new();
        for actor in actors.personas.into_values() {
            ending.spawn(actor.stop());
        }
        if let Some(nameless) = actors.nameless {
            ending.spawn(nameless.stop());
        }
        while ending.join_next().await.is_some() {}
        if let Some(outside) = &self.outside {
            outside.stop().await;
        }
        self.shared.store.close().await;
        Ok(why)
    }

    /// Ends the node as [`Ending::Locked`].
    pub(crate) fn lock_now(&self) {
        self.asked_to_lock.cancel();
    }

    /// When to lock, now and from now on.
    pub(crate) fn locking(&self) -> watch::Receiver<Locking> {
        self.locking.subscribe()
    }

    /// Whether the home was moved to another machine.
    pub(crate) fn moved(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.moved)
    }

    fn actors(&self) -> MutexGuard<'_, Actors> {
        self.actors.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Something that a user waits for is in the persona's outbox.
    fn wake(&self, persona: PersonaId) {
        if let Some(actor) = self.actors().personas.get(&persona) {
            actor.wake();
        }
    }

    /// Where browser extensions are paired; one for this daemon.
    pub(crate) fn pairing_desk(&self) -> Arc<PairingDesk> {
        let desk = self.desk.get_or_init(|| {
            let pairings = Arc::new(StoredPairings::new(self.shared.store.clone()));
            PairingDesk::new(pairings, Arc::new(SystemWorld::default()))
        });
        Arc::clone(desk)
    }

    /// The user made this persona and waits for it, so it connects at once.
    fn start_persona(&self, id: PersonaId) {
        let mut actors = self.actors();
        if self.moved.load(Ordering::Relaxed) {
            return;
        }
        actors.nameless = None;
        actors.personas.insert(id, Actor::start(Arc::clone(&self.shared), id, true));
    }

    /// From now on this persona is the one that connects at once, after a restart too.
    async fn put_in_use(&self, persona: PersonaId) -> Result<(), StoreError> {
        for (id, actor) in &self.actors().personas {
            actor.set_in_use(*id == persona);
        }
        self.shared.store.run(move |tx| tx.set_persona_in_use(persona)).await
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.housekeeper.abort();
    }
}

async fn open_store(home: &Path, unlock: Unlock, now: Timestamp) -> Result<Store, NodeError> {
    let home = home.to_owned();
    let opening = tokio::task::spawn_blocking(move || {
        private_home(&home).map_err(NodeError::Store)?;
        let fresh = !is_there(&home).map_err(NodeError::Store)?;
        let key = master_key(&home, &unlock, fresh).map_err(NodeError::Unlock)?;
        Store::open(&home, &key, now).map_err(NodeError::Store)
    });
    opening.await.unwrap_or(Err(NodeError::Store(StoreError::Closed)))
}

/// Merges the index until nothing that was deleted is in it.
async fn purge(shared: &Shared) -> Result<(), StoreError> {
    while shared.store.run(|tx| tx.purge_index(MERGED_AT_ONCE)).await? {}
    Ok(())
}

async fn keep_house(shared: Arc<Shared>) {
    loop {
        tokio::select! {
            () = shared.stop.cancelled() => return,
            () = tokio::time::sleep(TIDY_EVERY) => {}
            () = shared.trust.confirmed() => {}
        }
        let at = shared.moment();
        let tidied = shared.store.run(move |tx| -> Result<(), StoreError> {
            pull_back(tx, at.now)?;
            tidy(tx, &at)
        });
        let done = async {
            tidied.await?;
            forget::end_old_messages(&shared, at).await
        };
        if let Err(error) = done.await {
            tracing::warn!("The store could not be tidied: {error}. It is tried again in an hour.");
        }
    }
}

#[async_trait]
impl DaemonApi for Node {
    async fn daemon_stop(&self, _: Empty) -> Result<Empty, RpcError> {
        self.asked_to_stop.cancel();
        Ok(Empty {})
    }

    async fn lock(&self, _: Empty) -> Result<Empty, RpcError> {
        self.lock_now();
        Ok(Empty {})
    }

    async fn unlock(&self, _: UnlockStore) -> Result<Empty, RpcError> {
        Ok(Empty {})
    }
}

#[cfg(test)]
mod tests;
