//! Keeps a client connected: chooses gateways, watches what comes back, replaces what fails.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rand::Rng as _;
use rand::rngs::OsRng;
use tokio::time::{Instant, sleep};

use crate::clock::{JumpDetector, jittered, up_to, wait};
use crate::link::{Link, Plan};
use crate::refusal::NoGateway;
use crate::shared::Nowhere;
use crate::state::{ConnectPhase, Phase, State};
use crate::storage::Ephemeral;
use crate::tuning::client_config;

use super::Core;

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
    let mut clocks = JumpDetector::new();
    loop {
        let lost = |core: &Core| {
            if without_since.elapsed() >= tuning.lost_after {
                core.set_phase(Phase::Lost);
            }
        };
        if clocks.jumped() {
            core.shared.woken();
        }
        let mut not_before = None;
        match connect(core, &lost).await {
            Ok(link) => {
                core.publish(&link);
                let worked = watch(core, link).await;
                // A jump that ended the link is not noticed once more while it waits.
                if clocks.jumped() {
                    core.shared.woken();
                }
                if worked {
                    backoff.reset();
                    core.set_connecting(ConnectPhase::Waiting);
                    wait_for_turn(core).await;
                    without_since = Instant::now();
                }
                core.state.send_modify(|state| state.rebuilds = state.rebuilds.saturating_add(1));
            }
            Err(Nowhere { why, until }) => {
                core.show_reason(why);
                not_before = until;
            }
        }
        core.set_connecting(ConnectPhase::Pausing);
        if without_since.elapsed() >= tuning.lost_after {
            core.set_phase(Phase::Lost);
        }
        pause(core, backoff.next(), not_before, &mut clocks).await;
    }
}

/// Waits before another attempt: this long, and then until a gateway may be asked again.
async fn pause(core: &Core, least: Duration, not_before: Option<Instant>, clocks: &mut JumpDetector) {
    let now = Instant::now();
    let left = not_before.map(|until| until.saturating_duration_since(now)).unwrap_or_default();
    // Several clients wait for the same gateway.
    let end = now + least.max(left + up_to(left / 4));
    while Instant::now() < end {
        sleep(core.shared.tuning.look.min(end.saturating_duration_since(Instant::now()))).await;
        if clocks.jumped() {
            // The clock may have been the reason, or the machine is in another network now.
            core.shared.woken();
            return wait_for_turn(core).await;
        }
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
async fn connect(core: &Arc<Core>, lost: &impl Fn(&Core)) -> Result<Arc<Link>, Nowhere> {
    core.set_connecting(ConnectPhase::ChoosingGateway);
    let gateways = core.shared.gateways().await.inspect_err(|_| lost(core))?;
    let mut why = NoGateway::Directory;
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
            Ok(link) => {
                core.shared.gateway_took(&gateway);
                return Ok(link);
            }
            Err(error) => {
                tracing::debug!(client = core.label, "A gateway could not be used: {error:?}");
                why = why.max(core.shared.gateway_refused(&gateway, &error));
                lost(core);
            }
        }
    }
    Err(Nowhere { why, until: None })
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
            if let Ok(new) = connect(core, &|_| ()).await {
                let old = std::mem::replace(&mut link, new);
                old.retire();
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
        self.state.send_modify(|state| {
            state.gateway_since = Some(std::time::Instant::now());
            state.no_gateway = None;
        });
    }

    /// Tells the user why there is no gateway, and the log when that changes.
    fn show_reason(&self, why: NoGateway) {
        let before = self.state.borrow().no_gateway;
        if before == Some(why) {
            return;
        }
        self.state.send_modify(|state| state.no_gateway = Some(why));
        if why.is_refusal() {
            tracing::warn!(
                client = self.label,
                "No connection to the mixnet: {why}. It is tried again, ever more rarely."
            );
        } else {
            tracing::info!(client = self.label, "No connection to the mixnet: {why}. It is tried again.");
        }
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

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
