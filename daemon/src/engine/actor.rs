//! The actor of one persona: its clocks, its exchanges under way, and what each answer leads to.

pub(super) mod land;
mod tick;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bauta_protocol::id::{BoxId, RelayId};
use bauta_protocol::time::{Clock, Timestamp};
use bauta_sphinx_client::{Phase, PoissonClock, State};
use tokio::sync::{Notify, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::exchanger::{Exchanger, Exchangers};
use super::flight::{Errand, Landed, fly};
use super::loop_lane::LoopLane;
use super::peer::Moment;
use super::plan::UnderWay;
use super::terms::Terms;
use super::trust::Trust;
use super::{Times, announce, elsewhere, errands};
use crate::store::{Connection, Happened, PersonaId, Store, StoreError};

/// What all actors of a daemon share.
pub(crate) struct Shared {
    pub(crate) store: Store,
    pub(crate) exchangers: Arc<dyn Exchangers>,
    pub(crate) time: Arc<dyn Clock>,
    pub(crate) times: Times,
    /// When each relay last answered each persona; no persona: the nameless client.
    pub(crate) answered: Mutex<HashMap<(Option<PersonaId>, RelayId), Timestamp>>,
    /// Whether things may end by their age.
    pub(crate) trust: Trust,
    /// Ends everything.
    pub(crate) stop: CancellationToken,
}

impl Shared {
    pub(crate) fn moment(&self) -> Moment {
        let now = self.time.now();
        Moment { now, times: self.times, trusted: self.trust.holds(now) }
    }

    pub(super) fn note_answer(&self, persona: Option<PersonaId>, relay: RelayId) {
        let now = self.time.now();
        self.answered.lock().unwrap_or_else(PoisonError::into_inner).insert((persona, relay), now);
    }

    /// When a relay last answered any persona.
    pub(crate) fn last_answer(&self, relay: RelayId) -> Option<Timestamp> {
        let answered = self.answered.lock().unwrap_or_else(PoisonError::into_inner);
        answered.iter().filter(|((_, of), _)| *of == relay).map(|(_, at)| *at).max()
    }
}

/// A running actor. Dropping it ends the actor at once, as a crash would.
pub(crate) struct ActorHandle {
    wake: Arc<Notify>,
    state: watch::Receiver<State>,
    exchanger: Arc<dyn Exchanger>,
    task: JoinHandle<()>,
}

impl ActorHandle {
    /// Something that a user waits for is in the outbox.
    pub(crate) fn wake(&self) {
        self.wake.notify_one();
    }

    /// Whether this is the persona that the user works with: it connects at once, others after a random time.
    pub(crate) fn set_in_use(&self, in_use: bool) {
        self.exchanger.set_in_use(in_use);
    }

    /// Ends the wait for a random time.
    pub(crate) fn connect_now(&self) {
        self.exchanger.connect_now();
    }

    /// The state of the connection.
    pub(crate) fn state(&self) -> State {
        *self.state.borrow()
    }

    /// Whether it ended by itself, because another home has the persona.
    pub(crate) fn has_ended(&self) -> bool {
        self.task.is_finished()
    }

    /// Ends it while others go on. A transaction under way is done before this returns, or is queued before any other.
    pub(crate) async fn end(mut self) {
        self.task.abort();
        let _ = (&mut self.task).await;
        self.exchanger.stop().await;
    }

    /// Ends it in good order.
    pub(crate) async fn stop(mut self) {
        self.exchanger.stop().await;
        // The token that ends the loop was cancelled before; a transaction under way ends with it.
        if tokio::time::timeout(Duration::from_secs(5), &mut self.task).await.is_err() {
            self.task.abort();
        }
    }
}

impl Drop for ActorHandle {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// One persona at work.
pub(crate) struct Actor {
    shared: Arc<Shared>,
    persona: PersonaId,
    exchanger: Arc<dyn Exchanger>,
    wake: Arc<Notify>,
    under_way: UnderWay,
    draining: bool,
    flights: JoinSet<Landed>,
    loop_lane: LoopLane,
    /// Boxes that are not asked for again before a time.
    paused_boxes: HashMap<BoxId, Instant>,
    /// Relays that are not asked for their descriptor again before a time, and failures so far.
    paused_relays: HashMap<RelayId, (Instant, u32)>,
    /// Another home has the persona.
    is_elsewhere: bool,
}

impl Actor {
    /// Starts the actor of a persona on a client of its own, which connects at once if it is `in_use`.
    pub(crate) fn start(shared: Arc<Shared>, persona: PersonaId, in_use: bool) -> ActorHandle {
        let exchanger = shared.exchangers.exchanger(persona.label());
        exchanger.set_in_use(in_use);
        let wake = Arc::new(Notify::new());
        let state = exchanger.state();
        let actor = Self {
            shared,
            persona,
            exchanger: Arc::clone(&exchanger),
            wake: Arc::clone(&wake),
            under_way: UnderWay::default(),
            draining: false,
            flights: JoinSet::new(),
            loop_lane: LoopLane::default(),
            paused_boxes: HashMap::new(),
            paused_relays: HashMap::new(),
            is_elsewhere: false,
        };
        let task = tokio::spawn(actor.run());
        ActorHandle { wake, state, exchanger, task }
    }

    async fn run(mut self) {
        let pace = self.shared.times.pace;
        let mut ticks = PoissonClock::new(pace.tick_mean);
        let mut drains = PoissonClock::new(pace.drain_mean);
        let mut checks = PoissonClock::new(self.shared.times.waits.check);
        let mut state = self.exchanger.state();
        let mut shown = None;
        let stop = self.shared.stop.clone();
        let wake = Arc::clone(&self.wake);
        self.show_state(&mut state, &mut shown);
        let mut looked = Instant::now();
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                () = ticks.tick() => self.tick().await,
                () = drains.tick() => self.drain().await,
                () = checks.tick() => {
                    let passed = looked.elapsed();
                    looked = Instant::now();
                    self.count_down(passed).await;
                }
                () = wake.notified() => self.put_urgent().await,
                Some(landed) = self.flights.join_next() => {
                    match landed {
                        Ok(landed) => self.land(landed).await,
                        Err(_) => self.forget_flights(),
                    }
                }
                Ok(()) = state.changed() => self.show_state(&mut state, &mut shown),
            }
            if self.is_elsewhere {
                return self.leave().await;
            }
        }
    }

    /// Another home has the persona: what is under way is dropped, and nothing follows.
    async fn leave(mut self) {
        self.flights.abort_all();
        self.exchanger.stop().await;
        let (event, now) = (Happened::Connection(self.persona, Connection::Off), self.shared.time.now());
        self.shared.store.later("write an event", move |tx| tx.emit(event, now));
    }

    fn launch(&mut self, errand: Errand, terms: Terms) {
        let now = self.shared.time.now();
        let (exchanger, times) = (Arc::clone(&self.exchanger), self.shared.times);
        self.flights.spawn(fly(exchanger, errand, terms, times.pace, times.waits.work, now.day()));
    }

    /// An exchange ended without a result, which only a bug does. Which one is not known, so all count as ended:
    /// what is asked twice is answered alike.
    fn forget_flights(&mut self) {
        tracing::error!("An exchange ended without a result. It is begun again; please report this.");
        self.under_way = UnderWay::default();
        self.draining = false;
    }

    /// Counts down to the next publication of the bundle, while connected.
    async fn count_down(&mut self, passed: std::time::Duration) {
        if self.exchanger.state().borrow().phase != Phase::Ready {
            return;
        }
        let (persona, at) = (self.persona, self.shared.moment());
        let counted = self
            .shared
            .store
            .run(move |tx| {
                elsewhere::count_down(tx, persona, passed)?;
                errands::count_down(tx, persona, passed, &at)
            })
            .await;
        self.report(counted, "count down to a publication");
    }

    /// A relay gave an answer that it cannot have meant.
    fn note_invalid_answer(&self, relay: RelayId) {
        let (persona, now) = (self.persona, self.shared.time.now());
        self.shared
            .store
            .later("note an invalid answer", move |tx| tx.note_invalid_answer(persona, relay, now));
    }

    /// Writes changes of the connection's state to the event log.
    fn show_state(&self, state: &mut watch::Receiver<State>, shown: &mut Option<Connection>) {
        let connection = announce::connection(&state.borrow_and_update().phase);
        if shown.replace(connection) == Some(connection) {
            return;
        }
        let (event, now) = (Happened::Connection(self.persona, connection), self.shared.time.now());
        self.shared.store.later("write an event", move |tx| tx.emit(event, now));
    }

    /// Nothing is lost by a failed transaction: what it would have done is done again later.
    fn report<T>(&self, outcome: Result<T, StoreError>, what: &'static str) -> Option<T> {
        match outcome {
            Ok(value) => Some(value),
            Err(StoreError::Closed) => None,
            Err(error) => {
                tracing::warn!("The store could not {what}: {error}. It is tried again.");
                None
            }
        }
    }
}
