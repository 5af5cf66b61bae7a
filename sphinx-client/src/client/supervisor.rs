//! Keeps a client connected: chooses gateways, watches what comes back, replaces what fails.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bauta_protocol::time::{Clock as _, Timestamp};

use rand::Rng as _;
use rand::rngs::OsRng;
use tokio::time::{Instant, sleep};

use crate::clock::{SystemClock, jittered, up_to, wait};
use crate::link::{Link, Plan};
use crate::state::{ConnectPhase, Phase, State};
use crate::storage::Ephemeral;
use crate::tuning::client_config;

use super::Core;

/// Wall and monotonic clock differ by this much between two looks only after a suspend or a change of the clock.
const JUMP: Duration = Duration::from_secs(10);
/// How many gateways are tried before a pause.
const TRIES: usize = 3;

/// The state before anything happened.
pub(super) fn initial_state() -> State {
    State::new(Phase::Connecting(ConnectPhase::Waiting), std::time::Instant::now())
}

/// Runs until the client is stopped.
pub(super) async fn run(core: Arc<Core>) {
    tokio::select! {
        biased;
        () = core.stop.cancelled() => {}
        () = supervise(&core) => {}
    }
    if let Some(link) = core.link.send_replace(None) {
        link.end();
    }
    core.set_phase(Phase::Off);
}

async fn supervise(core: &Arc<Core>) {
    let tuning = core.shared.tuning;
    wait_for_turn(core).await;
    let mut backoff = Backoff::new(tuning.backoff);
    let mut without_since = Instant::now();
    loop {
        let lost = |core: &Core| {
            if without_since.elapsed() >= tuning.lost_after {
                core.set_phase(Phase::Lost);
            }
        };
        if let Some(link) = connect(core, &lost).await {
            core.publish(&link);
            if watch(core, link).await {
                backoff.reset();
                core.set_connecting(ConnectPhase::Waiting);
                wait_for_turn(core).await;
                without_since = Instant::now();
            }
            core.state.send_modify(|state| state.rebuilds = state.rebuilds.saturating_add(1));
        }
        core.set_connecting(ConnectPhase::Waiting);
        if without_since.elapsed() >= tuning.lost_after {
            core.set_phase(Phase::Lost);
        }
        sleep(backoff.next()).await;
    }
}

/// Waits until this client may connect. All clients of a machine start, wake and lose a gateway together: only the one
/// in use comes back at once.
async fn wait_for_turn(core: &Core) {
    let now = core.now.notified();
    let pause = if core.in_use.load(Ordering::Relaxed) {
        up_to(core.shared.traffic.pace().start_delay_max)
    } else {
        wait(core.shared.tuning.apart_mean)
    };
    tokio::select! {
        () = sleep(pause) => {}
        () = now => {}
    }
}

/// One round over the gateways that may be tried.
async fn connect(core: &Arc<Core>, lost: &impl Fn(&Core)) -> Option<Arc<Link>> {
    core.set_connecting(ConnectPhase::ChoosingGateway);
    let gateways = match core.shared.gateways().await {
        Ok(gateways) => gateways,
        Err(error) => {
            tracing::info!(client = core.label, "{error}.");
            lost(core);
            return None;
        }
    };
    for gateway in gateways.into_iter().take(TRIES) {
        core.set_connecting(ConnectPhase::Registering);
        let weak = Arc::downgrade(core);
        let plan = Plan {
            network: &core.shared.network,
            directory: &core.shared.directory,
            config: client_config(core.shared.traffic),
            tuning: core.shared.tuning,
            gateway: gateway.clone(),
        };
        let link = Link::connect(plan, Ephemeral::fresh(), move |message| {
            if let Some(core) = weak.upgrade()
                && core.pending.deliver(&message.message)
            {
                core.health.answered();
            }
        });
        match link.await {
            Ok(link) => return Some(link),
            Err(error) => {
                tracing::debug!(client = core.label, "A gateway could not be used: {error:?}");
                core.shared.gateway_failed(&gateway);
                lost(core);
            }
        }
    }
    None
}

/// Watches a link, and those that renew it, until it has to be replaced. Whether anything ever came back over it.
async fn watch(core: &Arc<Core>, mut link: Arc<Link>) -> bool {
    // A link is never repaired, because the SDK keeps state that cannot be inspected: it ends and a new one is made, with
    // new keys. Four things end it: the SDK's own end, a jump of the clock (after a suspend the gateway has forgotten us, and
    // the SDK does not notice), silence that a message to ourselves proves to be the gateway's fault, and age. Only the
    // first and the third count against the gateway, as guards must not be changed for what is not their fault.
    let tuning = core.shared.tuning;
    let mut since = Instant::now();
    let mut proven = false;
    let mut ever_proven = false;
    let mut next_probe = since;
    let mut renew_at = renewal(tuning.renew_after);
    let mut clocks = JumpDetector::new();
    loop {
        core.show_connected(since, &link);
        tokio::select! {
            () = link.ended() => {
                tracing::info!(client = core.label, "The connection to the gateway ended.");
                core.shared.gateway_failed(link.gateway());
                return ever_proven;
            }
            () = sleep(tuning.look) => {}
        }
        if clocks.jumped() {
            tracing::info!(client = core.label, "The clock jumped: connecting again.");
            link.end();
            return true;
        }
        if !proven && core.health.last_answer().is_some_and(|at| at >= since) {
            (proven, ever_proven) = (true, true);
            core.shared.gateway_worked(link.gateway());
        }
        let silent = core.health.unanswered_since().is_some_and(|at| at.elapsed() >= tuning.silence);
        if silent && Instant::now() >= next_probe {
            // Silence alone does not show who is at fault: if our own message comes back, the relay is silent.
            if link.probe(tuning.probe_timeout).await {
                (proven, ever_proven) = (true, true);
                core.shared.gateway_worked(link.gateway());
                next_probe = Instant::now() + tuning.silence * 4;
            } else {
                tracing::info!(client = core.label, "Nothing comes back over the gateway: connecting again.");
                core.shared.gateway_failed(link.gateway());
                link.end();
                return ever_proven;
            }
        }
        if link.age() >= renew_at {
            // The new connection is up before the old one is dropped, and the old one still receives its answers.
            if let Some(new) = connect(core, &|_| ()).await {
                let old = std::mem::replace(&mut link, new);
                core.publish(&link);
                tokio::spawn(async move {
                    sleep(tuning.drain_old).await;
                    old.end();
                });
                since = Instant::now();
                (proven, next_probe) = (false, since);
                renew_at = renewal(tuning.renew_after);
            } else {
                renew_at += tuning.renew_after / 24;
            }
        }
    }
}

/// A day, plus or minus some hours: renewals of two personas must not coincide.
fn renewal(mean: Duration) -> Duration {
    mean.mul_f64(OsRng.gen_range(0.8..1.0))
}

impl Core {
    fn publish(&self, link: &Arc<Link>) {
        self.health.new_link();
        self.link.send_replace(Some(Arc::clone(link)));
        self.state.send_modify(|state| state.gateway_since = Some(std::time::Instant::now()));
    }

    fn show_connected(&self, since: Instant, link: &Link) {
        let within = self.shared.tuning.ready_within;
        let last = self.health.last_answer();
        let phase = match last {
            Some(at) if at.elapsed() < within => Phase::Ready,
            Some(at) if at >= since => Phase::Degraded,
            _ if link.age() < within => Phase::Connecting(ConnectPhase::FirstExchange),
            _ => Phase::Degraded,
        };
        self.set_phase(phase);
    }

    /// A client that is lost stays so until it is connected again.
    fn set_connecting(&self, step: ConnectPhase) {
        let renewing = self.link.borrow().as_ref().is_some_and(|link| !link.has_ended());
        if self.state.borrow().phase != Phase::Lost && !renewing {
            self.set_phase(Phase::Connecting(step));
        }
    }

    fn set_phase(&self, phase: Phase) {
        let last_exchange = self.health.last_answer().map(Instant::into_std);
        let connected = self.link.borrow().as_ref().is_some_and(|link| !link.has_ended());
        self.state.send_if_modified(|state| {
            let changed = state.phase != phase;
            if changed {
                state.phase = phase;
                state.since = std::time::Instant::now();
            }
            state.last_exchange = last_exchange;
            if !connected {
                state.gateway_since = None;
            }
            changed
        });
    }
}

/// Growing pauses with jitter, so that many clients do not retry at the same moments.
struct Backoff {
    first: Duration,
    most: Duration,
    next: Duration,
}

impl Backoff {
    fn new((first, most): (Duration, Duration)) -> Self {
        Self { first, most, next: first }
    }

    fn next(&mut self) -> Duration {
        let pause = self.next;
        self.next = (pause * 2).min(self.most);
        jittered(pause)
    }

    fn reset(&mut self) {
        self.next = self.first;
    }
}

/// Notices a suspend: the wall clock continued while the monotonic clock did not.
struct JumpDetector {
    monotonic: std::time::Instant,
    wall: Timestamp,
}

impl JumpDetector {
    fn new() -> Self {
        Self { monotonic: std::time::Instant::now(), wall: SystemClock.now() }
    }

    fn jumped(&mut self) -> bool {
        self.jumped_at(std::time::Instant::now(), SystemClock.now())
    }

    fn jumped_at(&mut self, monotonic: std::time::Instant, wall: Timestamp) -> bool {
        let passed = monotonic.saturating_duration_since(self.monotonic);
        // One of the two is zero: the clock went on, or it was set back.
        let (shown, back) = (wall.since(self.wall), self.wall.since(wall));
        (self.monotonic, self.wall) = (monotonic, wall);
        if back.is_zero() { shown.abs_diff(passed) >= JUMP } else { back + passed >= JUMP }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_suspend_is_noticed_and_ordinary_time_is_not() {
        let (t, w) = (std::time::Instant::now(), SystemClock.now());
        let mut clocks = JumpDetector { monotonic: t, wall: w };
        assert!(!clocks.jumped_at(t + SECOND, w.plus(SECOND)));
        assert!(clocks.jumped_at(t + 2 * SECOND, w.plus(3600 * SECOND)), "suspended for an hour");
        assert!(!clocks.jumped_at(t + 3 * SECOND, w.plus(3601 * SECOND)));
        assert!(clocks.jumped_at(t + 4 * SECOND, w), "the clock was set back");
        assert!(!clocks.jumped_at(t + 5 * SECOND, w.plus(2 * SECOND)), "a small correction");
        assert!(!clocks.jumped_at(t + 600 * SECOND, w.plus(597 * SECOND)), "a busy machine looks late");
    }

    proptest! {
        #[test]
        fn pauses_grow_to_their_limit(first in 1u64..1000, factor in 1u64..1000, steps in 1usize..40) {
            let (first, most) = (Duration::from_millis(first), Duration::from_millis(first * factor));
            let mut backoff = Backoff::new((first, most));
            for _ in 0..steps {
                let pause = backoff.next();
                prop_assert!(pause >= first.mul_f64(0.749) && pause <= most.mul_f64(1.251));
            }
            backoff.reset();
            prop_assert!(backoff.next() <= first.mul_f64(1.251));
        }
    }
}
