//! What each node has done so far.

use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;

/// Counters of one node since the network started. They survive `stop` and `start` of the node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct NodeStats {
    /// Packets unwrapped and sent on to the next hop.
    pub forwarded: u64,
    /// Packets whose last hop was here and whose message was pushed or stored.
    pub final_hops: u64,
    /// Acknowledgements sent back for such messages.
    pub acks: u64,
    /// Messages put into an inbox because the client was not connected.
    pub stored: u64,
    /// Packets taken from clients.
    pub from_clients: u64,
    /// Frames and packets that were malformed, or sealed for a key that is gone.
    pub malformed: u64,
    /// Packets seen before.
    pub replayed: u64,
    /// Packets lost by the `drop` fault.
    pub dropped: u64,
    /// Packets that were dropped: a queue or inbox was full, the next hop gone, or the client unknown.
    pub lost: u64,
    /// Messages in which a bit was flipped by the `flip_bits` fault.
    pub flipped: u64,
    /// Registrations that clients began, under identities new or known.
    pub registrations: u64,
    /// Times that a client got bandwidth.
    pub claims: u64,
    /// Packets refused because their client had no bandwidth left.
    pub unpaid: u64,
}

/// Counters of a whole network.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Stats {
    /// By node id: mixes first, then gateways.
    pub nodes: Vec<(u32, NodeStats)>,
}

impl Stats {
    /// The counters of one node.
    #[must_use]
    pub fn node(&self, id: u32) -> Option<NodeStats> {
        self.nodes.iter().find(|(node, _)| *node == id).map(|(_, stats)| *stats)
    }

    /// All nodes together.
    #[must_use]
    pub fn total(&self) -> NodeStats {
        self.nodes.iter().fold(NodeStats::default(), |sum, (_, one)| NodeStats {
            forwarded: sum.forwarded + one.forwarded,
            final_hops: sum.final_hops + one.final_hops,
            acks: sum.acks + one.acks,
            stored: sum.stored + one.stored,
            from_clients: sum.from_clients + one.from_clients,
            malformed: sum.malformed + one.malformed,
            replayed: sum.replayed + one.replayed,
            dropped: sum.dropped + one.dropped,
            lost: sum.lost + one.lost,
            flipped: sum.flipped + one.flipped,
            registrations: sum.registrations + one.registrations,
            claims: sum.claims + one.claims,
            unpaid: sum.unpaid + one.unpaid,
        })
    }
}

/// One counter; relaxed, because nothing is concluded from the order of two of them.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self, amount: u64) {
        self.0.fetch_add(amount, Ordering::Relaxed);
    }

    pub(crate) fn one(&self) {
        self.add(1);
    }

    fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The live side of [`NodeStats`].
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) forwarded: Counter,
    pub(crate) final_hops: Counter,
    pub(crate) acks: Counter,
    pub(crate) stored: Counter,
    pub(crate) from_clients: Counter,
    pub(crate) malformed: Counter,
    pub(crate) replayed: Counter,
    pub(crate) dropped: Counter,
    pub(crate) lost: Counter,
    pub(crate) flipped: Counter,
    pub(crate) registrations: Counter,
    pub(crate) claims: Counter,
    pub(crate) unpaid: Counter,
}

impl Counters {
    pub(crate) fn snapshot(&self) -> NodeStats {
        NodeStats {
            forwarded: self.forwarded.value(),
            final_hops: self.final_hops.value(),
            acks: self.acks.value(),
            stored: self.stored.value(),
            from_clients: self.from_clients.value(),
            malformed: self.malformed.value(),
            replayed: self.replayed.value(),
            dropped: self.dropped.value(),
            lost: self.lost.value(),
            flipped: self.flipped.value(),
            registrations: self.registrations.value(),
            claims: self.claims.value(),
            unpaid: self.unpaid.value(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn totals_add_up_over_nodes() {
        let one = NodeStats { forwarded: 2, lost: 1, ..NodeStats::default() };
        let two = NodeStats { forwarded: 3, flipped: 4, ..NodeStats::default() };
        let stats = Stats { nodes: vec![(1, one), (2, two)] };
        assert_eq!(stats.node(2), Some(two));
        assert_eq!(stats.node(3), None);
        let total = NodeStats { forwarded: 5, lost: 1, flipped: 4, ..NodeStats::default() };
        assert_eq!(stats.total(), total);
    }
}
