//! What a client is doing right now, for people and for code that waits for it.

use std::time::{Duration, Instant};

use crate::refusal::NoGateway;

/// The state of a client. Watched through [`crate::Client::state`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct State {
    /// The phase.
    pub phase: Phase,
    /// Since when the phase holds.
    pub since: Instant,
    /// When the last exchange came back, over any Nym client of this handle.
    pub last_exchange: Option<Instant>,
    /// When the Nym client in use was connected to its gateway.
    pub gateway_since: Option<Instant>,
    /// How often the Nym client was replaced because it failed.
    pub rebuilds: u32,
    /// Why the last attempts to connect failed. `None` while connected, and before the first attempt ended.
    pub no_gateway: Option<NoGateway>,
}

/// The phases of a client.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Phase {
    /// Stopped. Nothing is sent any more.
    Off,
    /// Connecting: no exchange has come back yet.
    Connecting(ConnectPhase),
    /// An exchange came back within the last minute.
    Ready,
    /// Connected to a gateway, but no exchange came back within the last minute.
    Degraded,
    /// No gateway could be reached for a while. Attempts continue.
    Lost,
}

/// What a connecting client waits for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ConnectPhase {
    /// The random delay at start.
    Waiting,
    /// The pause before another attempt.
    Pausing,
    /// The directory.
    ChoosingGateway,
    /// The gateway.
    Registering,
    /// The first exchange over the new connection.
    FirstExchange,
}

impl State {
    /// The state of a client that is in a phase since `now`, before its first exchange.
    pub fn new(phase: Phase, now: Instant) -> Self {
        Self { phase, since: now, last_exchange: None, gateway_since: None, rebuilds: 0, no_gateway: None }
    }

    /// Whether an exchange came back within the last minute.
    pub fn is_ready(&self) -> bool {
        self.phase == Phase::Ready
    }

    /// How old the connection to the gateway is.
    pub fn gateway_age(&self, now: Instant) -> Option<Duration> {
        self.gateway_since.map(|since| now.saturating_duration_since(since))
    }
}
