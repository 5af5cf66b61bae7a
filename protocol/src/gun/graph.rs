//! A graph of bounded size: a cache of nodes.

use std::collections::{BTreeMap, HashMap};

use super::node::{GunNode, Merged, State};

/// How large a [`Graph`] may become.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct GraphLimits {
    /// How many nodes it holds.
    pub nodes: usize,
    /// About how many bytes it holds.
    pub bytes: usize,
}

/// Nodes by soul. The node that was not used for the longest time makes room for a new one.
#[derive(Clone, Debug)]
pub struct Graph {
    limits: GraphLimits,
    nodes: HashMap<String, Held>,
    /// Souls in the order of their last use.
    order: BTreeMap<u64, String>,
    touches: u64,
    bytes: usize,
}

#[derive(Clone, Debug)]
struct Held {
    node: GunNode,
    touched: u64,
    bytes: usize,
}

impl Graph {
    /// An empty graph.
    #[must_use]
    pub fn new(limits: GraphLimits) -> Self {
        Self { limits, nodes: HashMap::new(), order: BTreeMap::new(), touches: 0, bytes: 0 }
    }

    /// Merges a node in, as [`GunNode::merge`] does. A node that is too large for the whole graph is forgotten.
    pub fn merge(&mut self, node: GunNode, now: State) -> Merged {
        let soul = node.soul.clone();
        let mut held = self.remove(&soul).unwrap_or_else(|| GunNode::new(soul));
        let merged = held.merge(node, now);
        if !held.properties.is_empty() {
            self.insert(held);
        }
        merged
    }

    /// The node; this counts as a use.
    pub fn get(&mut self, soul: &str) -> Option<&GunNode> {
        let node = self.remove(soul)?;
        self.insert(node);
        self.nodes.get(soul).map(|held| &held.node)
    }

    /// Forgets a node.
    pub fn remove(&mut self, soul: &str) -> Option<GunNode> {
        let held = self.nodes.remove(soul)?;
        self.order.remove(&held.touched);
        self.bytes = self.bytes.saturating_sub(held.bytes);
        Some(held.node)
    }

    /// How many nodes it holds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether it holds none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    fn insert(&mut self, node: GunNode) {
        let bytes = node.size();
        if bytes > self.limits.bytes || self.limits.nodes == 0 {
            return;
        }
        while self.nodes.len() >= self.limits.nodes || self.bytes.saturating_add(bytes) > self.limits.bytes {
            let Some((_, oldest)) = self.order.pop_first() else { break };
            if let Some(held) = self.nodes.remove(&oldest) {
                self.bytes = self.bytes.saturating_sub(held.bytes);
            }
        }
        self.touches += 1;
        self.bytes += bytes;
        self.order.insert(self.touches, node.soul.clone());
        self.nodes.insert(node.soul.clone(), Held { node, touched: self.touches, bytes });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gun::Value;
    use crate::gun::tests::{any_node, node_of};
    use proptest::prelude::*;

    const EVER: State = State::INFINITY;

    proptest! {
        #[test]
        fn it_stays_within_its_limits(
            steps in proptest::collection::vec(("[a-e]", any_node("s"), any::<bool>()), 0..60),
        ) {
            let limits = GraphLimits { nodes: 3, bytes: 800 };
            let mut graph = Graph::new(limits);
            for (soul, mut node, is_read) in steps {
                if is_read {
                    let _ = graph.get(&soul);
                } else {
                    node.soul = soul;
                    graph.merge(node, EVER);
                }
                prop_assert!(graph.len() <= 3 && graph.bytes <= 800);
                prop_assert_eq!(graph.order.len(), graph.len());
                prop_assert_eq!(graph.nodes.values().map(|held| held.bytes).sum::<usize>(), graph.bytes);
            }
        }
    }

    #[test]
    fn the_longest_untouched_goes_first() {
        let mut graph = Graph::new(GraphLimits { nodes: 2, bytes: 10_000 });
        for soul in ["a", "b"] {
            graph.merge(node_of(soul, "x", Value::Null, 1.0), EVER);
        }
        assert!(graph.get("a").is_some());
        graph.merge(node_of("c", "x", Value::Null, 1.0), EVER);
        assert!(graph.get("b").is_none() && graph.get("a").is_some() && graph.get("c").is_some());
        assert!(graph.remove("a").is_some() && !graph.is_empty());
    }
}
