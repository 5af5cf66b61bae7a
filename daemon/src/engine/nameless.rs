//! A client without a persona: it asks the configured relays for their descriptors, so that a home shows whether the
//! mixnet and the relays answer before the first persona is made.

use std::sync::Arc;
use std::time::Duration;

use bauta_protocol::descriptor::Descriptor;
use bauta_protocol::relay::DescribeReply;
use bauta_sphinx_client::{PoissonClock, RelayTarget, State};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::actor::Shared;
use super::exchanger::Exchanger;
use super::flight::{Errand, Landing, fly};
use super::terms::Terms;
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
            let landed =
                fly(Arc::clone(&exchanger), Errand::Describe, terms, pace, Duration::ZERO, today).await;
            if let Landing::Describe { answer: Ok(DescribeReply::Descriptor(bytes)) } = landed.landing {
                // Nothing of it is kept: it would be the same for every persona that is made later.
                if Descriptor::from_bytes(bytes.as_slice(), landed.relay).is_ok() {
                    shared.note_answer(None, landed.relay);
                }
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
            if !relay.doors.is_empty() {
                let target = RelayTarget { id: relay.id, doors: relay.doors };
                all.push(Terms { target, put_bits: 0, deposit_bits: 0 });
            }
        }
        let place = random::below(all.len());
        Ok(all.into_iter().nth(place))
    });
    drawn.await.ok().flatten()
}
