//! What a service manager hears from the daemon (sd_notify(3)): that it serves and that it is alive.
//! It is not told of a stop: a daemon that locks itself ends its node as well, and lives on.
//!
//! Without a service manager that asks for it (`NOTIFY_SOCKET`, `WATCHDOG_USEC`) nothing is sent.

use std::future::Future;

use sd_notify::NotifyState;
use tokio::time::MissedTickBehavior;

/// The sockets are there: programs that start now find them.
pub(super) fn ready() {
    send(&NotifyState::Ready);
}

/// Says that the daemon is alive, twice in each interval of the watchdog, as long as `alive` answers.
// What is asked decides what the watchdog is worth. A timer of its own would tick on while everything else hangs, so the
// question goes the way that a program's question goes, and a hanging daemon is restarted.
pub(super) async fn watch<F: Future<Output = bool> + Send>(alive: impl Fn() -> F + Send) {
    let Some(interval) = sd_notify::watchdog_enabled().filter(|interval| !interval.is_zero()) else {
        return;
    };
    let mut ticks = tokio::time::interval(interval / 2);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if alive().await {
            send(&NotifyState::Watchdog);
        }
    }
}

fn send(state: &NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(std::slice::from_ref(state)) {
        tracing::debug!("The service manager could not be told the state: {error}.");
    }
}
