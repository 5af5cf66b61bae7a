//! What the engine needs of the world: a way to exchange with relays.

use std::sync::Arc;

use async_trait::async_trait;
use bauta_protocol::id::DoorAddress;
use bauta_protocol::relay::Class;
use bauta_sphinx_client::{Client, ExchangeError, Mixnet, Patience, RelayTarget, State};
use tokio::sync::watch;

/// One persona's way to exchange with relays.
#[async_trait]
pub trait Exchanger: Send + Sync + 'static {
    /// Sends a body of the class and returns the relay's answer, a body of the same class.
    ///
    /// # Errors
    /// See [`ExchangeError`]; the relay may have done what was asked.
    async fn exchange(
        &self,
        relay: &RelayTarget,
        class: Class,
        body: &[u8],
        patience: Patience,
    ) -> Result<Vec<u8>, ExchangeError>;

    /// The state of the connection.
    fn state(&self) -> watch::Receiver<State>;

    /// Whether it connects at once where it has to connect, or after a random time, so that it is not seen to come together
    /// with those of other personas.
    fn set_in_use(&self, _in_use: bool) {}

    /// Ends such a wait.
    fn connect_now(&self) {}

    /// Ends it; exchanges under way fail.
    async fn stop(&self);
}

/// Where exchangers come from: one for each persona, so that nothing joins two of them.
pub trait Exchangers: Send + Sync + 'static {
    /// Starts one. `label` appears in logs and nowhere else.
    fn exchanger(&self, label: u32) -> Arc<dyn Exchanger>;

    /// Prefers gateways other than those of these doors.
    fn avoid_gateways_of(&self, doors: &[DoorAddress]);
}

#[async_trait]
impl Exchanger for Client {
    async fn exchange(
        &self,
        relay: &RelayTarget,
        class: Class,
        body: &[u8],
        patience: Patience,
    ) -> Result<Vec<u8>, ExchangeError> {
        Client::exchange(self, relay, class, body, patience).await
    }

    fn state(&self) -> watch::Receiver<State> {
        Client::state(self)
    }

    fn set_in_use(&self, in_use: bool) {
        Client::set_in_use(self, in_use);
    }

    fn connect_now(&self) {
        Client::connect_now(self);
    }

    async fn stop(&self) {
        Client::stop(self).await;
    }
}

impl Exchangers for Mixnet {
    fn exchanger(&self, label: u32) -> Arc<dyn Exchanger> {
        Arc::new(self.client(label))
    }

    fn avoid_gateways_of(&self, doors: &[DoorAddress]) {
        Mixnet::avoid_gateways_of(self, doors);
    }
}
