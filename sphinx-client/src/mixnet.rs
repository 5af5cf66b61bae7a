//! The mixnet, once per process: where clients and streams come from.

use std::sync::Arc;

use bauta_protocol::error::{HasKind, Kind};
use bauta_protocol::id::DoorAddress;
use thiserror::Error;

use crate::client::Client;
use crate::clock::PoissonClock;
use crate::network::Network;
use crate::shared::{GuardKeeper, Shared};
use crate::timers::Tuning;
use crate::traffic::Traffic;

/// The mixnet, once per process. Cheap to clone.
#[derive(Clone)]
pub struct Mixnet {
    shared: Arc<Shared>,
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
        Self::with_tuning(network, traffic, traffic.tuning(), keeper)
    }

    pub(crate) fn with_tuning(
        network: Network,
        traffic: Traffic,
        tuning: Tuning,
        keeper: Arc<dyn GuardKeeper>,
    ) -> Result<Self, MixnetError> {
        allow(&network, traffic)?;
        Ok(Self { shared: Arc::new(Shared::new(network, traffic, tuning, keeper)) })
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
        self.shared.avoid_gateways_of(doors);
    }
}

/// Refuses the test profile on the public network.
pub(crate) fn allow(network: &Network, traffic: Traffic) -> Result<(), MixnetError> {
    if traffic == Traffic::Test && !network.is_local() {
        return Err(MixnetError::TestOnMainnet);
    }
    Ok(())
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
