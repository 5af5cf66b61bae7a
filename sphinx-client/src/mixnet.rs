//! What all clients of a process share: the network, the directory, the guards, the traffic profile.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use bauta_protocol::error::{HasKind, Kind};
use bauta_protocol::id::DoorAddress;
use nym_sdk::mixnet::Recipient;
use rand::rngs::OsRng;
use thiserror::Error;

use crate::client::Client;
use crate::clock::PoissonClock;
use crate::directory::{Directory, DirectoryError};
use crate::guards::{GatewayId, Guards};
use crate::network::Network;
use crate::traffic::Traffic;
use crate::tuning::Tuning;

/// Stores the guards of an installation between two runs. The bytes are opaque and belong in an encrypted store.
pub trait GuardKeeper: Send + Sync {
    /// What was saved last.
    fn load(&self) -> Option<Vec<u8>>;
    /// Replaces what was saved. Called rarely, from an async task: it must not block for long.
    fn save(&self, state: &[u8]);
}

/// The mixnet, once per process. Cheap to clone.
#[derive(Clone)]
pub struct Mixnet {
    shared: Arc<Shared>,
}

/// What all clients share.
pub(crate) struct Shared {
    pub(crate) network: Network,
    pub(crate) traffic: Traffic,
    pub(crate) tuning: Tuning,
    pub(crate) directory: Directory,
    guards: Mutex<Guards>,
    avoid: Mutex<HashSet<GatewayId>>,
    keeper: Arc<dyn GuardKeeper>,
}

/// Why a profile cannot be used on a network.
#[derive(Debug, Error)]
pub enum MixnetError {
    /// The test profile protects nobody.
    #[error("the traffic profile `test` sends no cover and mixes nothing: it is for local networks only")]
    TestOnMainnet,
}

impl HasKind for MixnetError {
    fn kind(&self) -> Kind {
        Kind::Usage
    }
}

impl Mixnet {
    /// The mixnet over this network. Nothing is sent before the first client.
    ///
    /// # Errors
    /// [`MixnetError::TestOnMainnet`].
    pub fn new(
        network: Network,
        traffic: Traffic,
        keeper: Arc<dyn GuardKeeper>,
    ) -> Result<Self, MixnetError> {
        Self::with_tuning(network, traffic, Tuning::of(traffic), keeper)
    }

    pub(crate) fn with_tuning(
        network: Network,
        traffic: Traffic,
        tuning: Tuning,
        keeper: Arc<dyn GuardKeeper>,
    ) -> Result<Self, MixnetError> {
        allow(&network, traffic)?;
        let guards = match keeper.load().map(|bytes| Guards::from_bytes(&bytes)) {
            Some(Ok(guards)) => guards,
            Some(Err(error)) => {
                tracing::warn!("The stored guard gateways cannot be used, new ones are drawn: {error}.");
                Guards::new()
            }
            None => Guards::new(),
        };
        Ok(Self {
            shared: Arc::new(Shared {
                directory: Directory::new(network.clone(), &tuning),
                network,
                traffic,
                tuning,
                guards: Mutex::new(guards),
                avoid: Mutex::default(),
                keeper,
            }),
        })
    }

    /// Starts a client with a throw-away Nym identity, after its own random delay.
    ///
    /// One client belongs to one persona: its gateway sees that everything through it comes from one client.
    /// `label` appears in logs and nowhere else. Must be called inside a tokio runtime.
    pub fn client(&self, label: u32) -> Client {
        Client::start(Arc::clone(&self.shared), label)
    }

    /// A clock with the profile's mean gap.
    pub fn clock(&self) -> PoissonClock {
        PoissonClock::new(self.traffic().pace().tick_mean)
    }

    /// The traffic profile.
    pub fn traffic(&self) -> Traffic {
        self.shared.traffic
    }

    pub(crate) fn shared(&self) -> Arc<Shared> {
        Arc::clone(&self.shared)
    }

    /// If there is a choice, later guards are not drawn from the gateways of these doors:
    /// one gateway at both ends of a path sees the sender and the relay.
    pub fn avoid_gateways_of(&self, doors: &[DoorAddress]) {
        let gateways = doors
            .iter()
            .filter_map(|door| Recipient::try_from_bytes(door.0).ok())
            .map(|door| door.gateway().to_base58_string());
        lock(&self.shared.avoid).extend(gateways);
    }
}

/// Refuses the test profile on the public network.
pub(crate) fn allow(network: &Network, traffic: Traffic) -> Result<(), MixnetError> {
    if traffic == Traffic::Test && !network.is_local() {
        return Err(MixnetError::TestOnMainnet);
    }
    Ok(())
}

impl Shared {
    /// The gateways to try now, best first.
    pub(crate) async fn gateways(&self) -> Result<Vec<GatewayId>, DirectoryError> {
        let candidates = self.directory.entry_gateways().await?;
        let avoid = lock(&self.avoid).clone();
        Ok(self.with_guards(|guards, now| guards.order(now, &candidates, &avoid, &mut OsRng)))
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
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
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

#[cfg(test)]
mod tests {
    use super::*;

    struct Nowhere;
    impl GuardKeeper for Nowhere {
        fn load(&self) -> Option<Vec<u8>> {
            Some(b"garbage".to_vec())
        }
        fn save(&self, _: &[u8]) {}
    }

    #[test]
    fn the_test_profile_never_meets_mainnet() {
        assert!(Mixnet::new(Network::mainnet(), Traffic::Test, Arc::new(Nowhere)).is_err());
        assert!(Mixnet::new(Network::mainnet(), Traffic::Full, Arc::new(Nowhere)).is_ok());
        let local = Network::local("http://127.0.0.1:1/api/").unwrap();
        assert!(Mixnet::new(local, Traffic::Test, Arc::new(Nowhere)).is_ok());
    }
}
