//! The timers of supervision. Their values are the traffic profile's.

use std::time::Duration;

/// Timers of supervision.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tuning {
    /// How old the shared topology may get before it is fetched again.
    pub(crate) topology_refresh: Duration,
    /// How old it may get where a node that is needed is not in it.
    pub(crate) topology_hurry: Duration,
    /// How often each Nym client looks at the shared topology.
    pub(crate) topology_look: Duration,
    /// How long a connection to a gateway may take to come up.
    pub(crate) connect_timeout: Duration,
    /// Exchanges unanswered for this long make the gateway suspect.
    pub(crate) silence: Duration,
    /// How long a probe through the own gateway may take.
    pub(crate) probe_timeout: Duration,
    /// How often a service door probes its gateway.
    pub(crate) probe_every: Duration,
    /// Pauses between attempts grow from the first to the second.
    pub(crate) backoff: (Duration, Duration),
    /// A gateway that refused is left alone for the first, and up to the second the longer it refuses.
    pub(crate) refused: (Duration, Duration),
    /// Without a gateway for this long, a client calls itself lost.
    pub(crate) lost_after: Duration,
    /// A Nym client is replaced at this age: the SDK keeps an id of each message for ever, and bandwidth grants end.
    pub(crate) renew_after: Duration,
    /// The replaced Nym client keeps listening for this long.
    pub(crate) drain_old: Duration,
    /// If the SDK does not accept a message within this time, the Nym client is replaced.
    pub(crate) gate_timeout: Duration,
    /// How often supervision checks.
    pub(crate) look: Duration,
    /// "Within the last minute".
    pub(crate) ready_within: Duration,
    /// How long an exit may take to say whether it is connected.
    pub(crate) exit_answer: Duration,
    /// How long a piece of a stream may be missing while later ones are there.
    pub(crate) exit_gap: Duration,
    /// A Nym client of streams is closed when it had no stream for about this long.
    pub(crate) exit_idle: Duration,
    /// Mean wait before a Nym client of streams is started that nobody waits for.
    pub(crate) exit_wait: Duration,
    /// How old the list of exits may get before it is fetched again.
    pub(crate) exit_list_refresh: Duration,
    /// The mean wait before a client that is not in use connects; at most three times as long.
    pub(crate) apart_mean: Duration,
}
