//! A client without a persona: it asks the configured relays for their descriptors, so that a home shows whether the
//! mixnet and the relays answer before the first persona is made.

use std::sync::Arc;
use std::time::Duration;

use bauta_protocol::id::RelayId;
use bauta_protocol::relay::DescribeReply;
use bauta_sphinx_client::{PoissonClock, State};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::actor::Shared;
use super::descriptors;
use super::exchanger::Exchanger;
use super::flight::{Errand, Landing, fly};
use super::terms::{Terms, describe_terms};
use crate::random;
use crate::store::StoreError;

/// The mean gap between two questions: short enough to be `ready` all the time.
const MEAN: Duration = Duration::from_secs(20);

/// A running nameless client; ends when dropped.
pub(crate) struct Nameless {
    state: watch::Receiver<State>,
    exchanger: Arc<dyn Exchanger>,
    task: JoinHandle<()>,
}

impl Nameless {
    pub(crate) fn start(shared: Arc<Shared>) -> Self {
        let exchanger = shared.exchangers.exchanger(0);
        let state = exchanger.state();
        let task = tokio::spawn(run(shared, Arc::clone(&exchanger)));
        Self { state, exchanger, task }
    }

    /// The state of the connection.
    pub(crate) fn state(&self) -> State {
        *self.state.borrow()
    }

    pub(crate) async fn stop(self) {
        self.task.abort();
        self.exchanger.stop().await;
    }
}

impl Drop for Nameless {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn run(shared: Arc<Shared>, exchanger: Arc<dyn Exchanger>) {
    let pace = shared.times.pace;
    let mut clock = PoissonClock::new(MEAN.min(pace.drain_mean));
    loop {
        if let Some(terms) = draw(&shared).await {
            let today = shared.time.now().day();
            let landed = fly(Arc::clone(&exchanger), Errand::Describe, terms, pace, today).await;
            if let Landing::Describe { answer: Ok(DescribeReply::Descriptor(bytes)) } = landed.landing {
                shared.note_answer(landed.relay);
                keep(&shared, landed.relay, bytes.to_vec()).await;
            }
        }
        tokio::select! {
            () = shared.stop.cancelled() => return,
            () = clock.tick() => {}
        }
    }
}

async fn draw(shared: &Shared) -> Option<Terms> {
    let drawn = shared.store.run(|tx| -> Result<Option<Terms>, StoreError> {
        let mut all = Vec::new();
        for relay in tx.relays()?.into_iter().filter(|relay| relay.configured) {
            all.extend(describe_terms(tx, relay.id)?);
        }
        let place = random::below(all.len());
        Ok(all.into_iter().nth(place))
    });
    drawn.await.ok().flatten()
}

async fn keep(shared: &Shared, relay: RelayId, bytes: Vec<u8>) {
    let now = shared.time.now();
    let kept = shared.store.run(move |tx| descriptors::keep(tx, relay, &bytes, now)).await;
    if let Err(error) = kept {
        tracing::warn!("The store could not keep a descriptor: {error}. It is asked for again.");
    }
}
