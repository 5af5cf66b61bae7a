//! One answer, collected from the messages it arrives in.

use std::collections::{BTreeMap, HashSet};

use super::id::MessageId;
use super::message::{Message, More};
use super::node::{GunNode, State};

/// How much of an answer has arrived.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Progress {
    /// Nothing has arrived yet.
    Waiting,
    /// Parts are missing. They may never arrive, so wait for a quiet period and not for completion.
    Partial,
    /// Every part that was announced is there. More may still arrive: nothing announces the first part of a chain, and a
    /// relay may answer again from its disk or for another peer.
    Complete,
    /// The peer said that it does not have the node.
    Missing,
}

/// Collects the messages that answer one question.
#[derive(Clone, Debug)]
pub struct Answer {
    // A relay cuts a large node into many messages (measured: 3,000 properties came as 334 messages), in any order. Each
    // names the next one in `%`, which makes a chain; the one without `%` ends the chain and may arrive before others.
    // So an answer is complete when an end has come and every named message has. It can look complete too early when
    // the missing part is the first, which nothing names: callers keep listening for a while.
    nodes: BTreeMap<String, GunNode>,
    /// Ids of messages that have arrived.
    came: HashSet<MessageId>,
    /// Ids that were named and have not arrived.
    awaited: HashSet<MessageId>,
    /// A message without `%` has arrived.
    has_end: bool,
    /// The peer said that it has nothing; a later message with content overrules it.
    is_empty: bool,
    /// How many more properties are kept.
    left: usize,
}

impl Answer {
    /// An answer that keeps at most `properties` properties, the first ones that arrive.
    #[must_use]
    pub fn new(properties: usize) -> Self {
        Self {
            nodes: BTreeMap::new(),
            came: HashSet::new(),
            awaited: HashSet::new(),
            has_end: false,
            is_empty: false,
            left: properties,
        }
    }

    /// Adds one message and returns what is new in it. The caller has checked that it belongs to this answer.
    pub fn push(&mut self, message: Message) -> Vec<GunNode> {
        let Some(nodes) = message.put else {
            self.is_empty |= message.answers.is_some();
            return Vec::new();
        };
        if let Some(id) = message.id {
            self.awaited.remove(&id);
            self.came.insert(id);
        }
        match message.more {
            Some(More::Named(id)) if !self.came.contains(&id) => drop(self.awaited.insert(id)),
            Some(_) => {}
            None => self.has_end = true,
        }
        nodes.into_iter().filter_map(|node| self.take(node)).collect()
    }

    /// How much of it has arrived.
    #[must_use]
    pub fn progress(&self) -> Progress {
        match (self.came.is_empty() && !self.has_end, self.has_end && self.awaited.is_empty()) {
            (true, _) if self.is_empty => Progress::Missing,
            (true, _) => Progress::Waiting,
            (false, true) => Progress::Complete,
            (false, false) => Progress::Partial,
        }
    }

    /// Whether properties were left out because there were too many.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.left == 0
    }

    /// What has arrived of one node.
    #[must_use]
    pub fn node(&self, soul: &str) -> Option<&GunNode> {
        self.nodes.get(soul)
    }

    /// Everything that has arrived.
    #[must_use]
    pub fn into_nodes(self) -> Vec<GunNode> {
        self.nodes.into_values().collect()
    }

    fn take(&mut self, mut node: GunNode) -> Option<GunNode> {
        let known = self.nodes.get(&node.soul);
        let old = |name: &str| known.and_then(|known| known.properties.get(name));
        node.properties.retain(|name, property| match old(name) {
            Some(before) => property.wins_over(before),
            None => match self.left.checked_sub(1) {
                Some(fewer) => {
                    self.left = fewer;
                    true
                }
                None => false,
            },
        });
        if node.properties.is_empty() {
            return None;
        }
        let all = self.nodes.entry(node.soul.clone()).or_insert_with(|| GunNode::new(node.soul.clone()));
        // The peer has merged these already, so a state in the future of our clock counts too.
        all.merge(node.clone(), State::INFINITY);
        Some(node)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gun::Value;
    use crate::gun::tests::node_of;
    use proptest::prelude::*;

    fn id(text: &str) -> MessageId {
        MessageId::new(text).unwrap()
    }

    fn chunk(name: &str, next: Option<More>, property: &str) -> Message {
        let node = node_of("s", property, Value::Bool(true), 1.0);
        Message { answers: Some(id("q")), more: next, ..Message::put(id(name), vec![node]) }
    }

    fn chain(length: usize) -> Vec<Message> {
        let next = |n: usize| (n + 1 < length).then(|| More::Named(id(&format!("m{}", n + 1))));
        (0..length).map(|n| chunk(&format!("m{n}"), next(n), &format!("p{n}"))).collect()
    }

    proptest! {
        #[test]
        fn a_chain_is_complete_in_any_order(order in Just((0..12).collect::<Vec<usize>>()).prop_shuffle()) {
            let messages = chain(12);
            let mut answer = Answer::new(100);
            for n in order {
                // Nothing names the first part, so a chain without it may look complete.
                prop_assert!(!answer.came.contains(&id("m0")) || answer.progress() != Progress::Complete);
                prop_assert_eq!(answer.push(messages[n].clone()).len(), 1);
            }
            prop_assert_eq!(answer.progress(), Progress::Complete);
            prop_assert_eq!(answer.node("s").unwrap().properties.len(), 12);
        }
    }

    #[test]
    fn an_empty_answer_is_overruled_by_a_full_one() {
        let mut answer = Answer::new(10);
        assert_eq!(answer.progress(), Progress::Waiting);
        answer.push(Message { id: Some(id("a")), answers: Some(id("q")), ..Message::default() });
        assert_eq!(answer.progress(), Progress::Missing);
        answer.push(chunk("b", Some(More::Somewhere), "x"));
        assert_eq!(answer.progress(), Progress::Partial);
        answer.push(chunk("c", None, "y"));
        assert_eq!(answer.progress(), Progress::Complete);
        assert_eq!(answer.push(chunk("d", None, "y")), []);
    }

    #[test]
    fn it_stays_within_its_bound() {
        let mut answer = Answer::new(3);
        for message in chain(5) {
            answer.push(message);
        }
        assert!(answer.is_full());
        assert_eq!(answer.node("s").unwrap().properties.len(), 3);
    }
}
