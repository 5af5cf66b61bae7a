//! What all clients of a process share: the network, the directory, the guards, the traffic profile.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bauta_protocol::id::DoorAddress;
use bauta_protocol::time::Clock as _;
use nym_sdk::mixnet::Recipient;
use rand::Rng as _;
use rand::rngs::OsRng;
use tokio::time::Instant;

use crate::clock::SystemClock;
use crate::directory::Directory;
use crate::exit::ExitsInUse;
use crate::guards::{GatewayId, Guards};
use crate::link::LinkError;
use crate::network::Network;
use crate::refusal::{NoGateway, Refusals};
use crate::timers::Tuning;
use crate::traffic::Traffic;

/// Stores the guards of an installation between two runs. The bytes are opaque and belong in an encrypted store.
pub trait GuardKeeper: Send + Sync {
    /// What was saved last.
    fn load(&self) -> Option<Vec<u8>>;
    /// Replaces what was saved. Called rarely, from an async task: it must not block for long.
    fn save(&self, state: &[u8]);
}

/// There is no gateway to try.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Nowhere {
    pub(crate) why: NoGateway,
    /// Before this, another attempt is useless.
    pub(crate) until: Option<Instant>,
}

/// What all clients share.
pub(crate) struct Shared {
    pub(crate) network: Network,
    pub(crate) traffic: Traffic,
    pub(crate) tuning: Tuning,
    pub(crate) directory: Directory,
    guards: Mutex<Guards>,
    avoid: Mutex<HashSet<GatewayId>>,
    refusals: Mutex<Refusals>,
    pub(crate) exits: ExitsInUse,
    keeper: Arc<dyn GuardKeeper>,
}

impl Shared {
    pub(crate) fn new(
        network: Network,
        traffic: Traffic,
        tuning: Tuning,
        keeper: Arc<dyn GuardKeeper>,
    ) -> Self {
        let guards = match keeper.load().map(|bytes| Guards::from_bytes(&bytes)) {
            Some(Ok(guards)) => guards,
            Some(Err(error)) => {
                tracing::warn!("The stored guard gateways cannot be used, new ones are drawn: {error}.");
                Guards::new()
            }
            None => Guards::new(),
        };
        Self {
            directory: Directory::new(network.clone(), &tuning),
            network,
            traffic,
            tuning,
            guards: Mutex::new(guards),
            avoid: Mutex::default(),
            refusals: Mutex::new(Refusals::new(&tuning)),
            exits: ExitsInUse::default(),
            keeper,
        }
    }

    /// Later guards are not drawn from the gateways of these doors, where there is a choice.
    pub(crate) fn avoid_gateways_of(&self, doors: &[DoorAddress]) {
        let gateways = doors
            .iter()
            .filter_map(|door| Recipient::try_from_bytes(door.0).ok())
            .map(|door| door.gateway().to_base58_string());
        lock(&self.avoid).extend(gateways);
    }

    /// The gateways to try now, best first.
    ///
    /// # Errors
    /// [`Nowhere`]: the directory is the reason, or all of them refused a short time ago.
    pub(crate) async fn gateways(&self) -> Result<Vec<GatewayId>, Nowhere> {
        let candidates = self
            .directory
            .entry_gateways()
            .await
            .map_err(|_| Nowhere { why: NoGateway::Directory, until: None })?;
        let avoid = lock(&self.avoid).clone();
        let order = self.with_guards(|guards, now| guards.order(now, &candidates, &avoid, &mut OsRng));
        lock(&self.refusals)
            .admit(order, Instant::now())
            .map_err(|paused| Nowhere { why: paused.why, until: Some(paused.until) })
    }

    /// A client connected over this gateway.
    pub(crate) fn gateway_took(&self, id: &GatewayId) {
        lock(&self.refusals).taken(id);
    }

    /// A client could not connect over this gateway. Returns why.
    pub(crate) fn gateway_refused(&self, id: &GatewayId, error: &LinkError) -> NoGateway {
        let why = NoGateway::of(error);
        if why.is_refusal() {
            lock(&self.refusals).refused(id, why, Instant::now(), OsRng.r#gen());
        }
        self.gateway_failed(id);
        why
    }

    /// The machine was suspended, or its clock set.
    pub(crate) fn woken(&self) {
        lock(&self.refusals).woken();
    }

    /// Something came back over this gateway.
    pub(crate) fn gateway_worked(&self, id: &GatewayId) {
        self.with_guards(|guards, _| guards.worked(id));
    }

    /// This gateway failed.
    pub(crate) fn gateway_failed(&self, id: &GatewayId) {
        self.with_guards(|guards, now| guards.failed(id, now));
    }

    fn with_guards<T>(&self, act: impl FnOnce(&mut Guards, u64) -> T) -> T {
        let mut guards = lock(&self.guards);
        let before = guards.clone();
        let now = SystemClock.now().0 / 1000;
        let result = act(&mut guards, now);
        if *guards != before {
            // Saved under the lock, so that an older state never overwrites a newer one.
            self.keeper.save(&guards.to_bytes());
        }
        result
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
