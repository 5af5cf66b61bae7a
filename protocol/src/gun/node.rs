//! A node, its encoding in a frame, and the merge rule.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use serde_json::{Map, Value as Json};

use super::value::{Value, is_name, number};

/// When a property was written: milliseconds since 1970, with a fraction to order writes of one millisecond. Finite.
pub type State = f64;

/// A property: its value, and when that was written.
#[derive(Clone, Debug, PartialEq)]
pub struct Property {
    /// Its value.
    pub value: Value,
    /// When it was written.
    pub state: State,
}

/// A node, or some properties of one.
#[derive(Clone, Debug, PartialEq)]
pub struct GunNode {
    /// Its name in the database.
    pub soul: String,
    /// Its properties by name.
    pub properties: BTreeMap<String, Property>,
}

/// What a merge did.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Merged {
    /// How many properties changed.
    pub changed: usize,
    /// How many were left out because their state is in the future.
    pub deferred: usize,
}

impl GunNode {
    /// A node without properties.
    #[must_use]
    pub fn new(soul: impl Into<String>) -> Self {
        Self { soul: soul.into(), properties: BTreeMap::new() }
    }

    /// The node with one more property.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: Value, state: State) -> Self {
        self.properties.insert(name.into(), Property { value, state });
        self
    }

    /// Merges another copy of the node into this one. Properties with a state above `now` are left out.
    /// With `now` at infinity everything is taken, which is right for what another peer has merged already.
    /// The souls are not compared.
    pub fn merge(&mut self, other: Self, now: State) -> Merged {
        // Gun's rule, which every peer must follow exactly, or copies of a node never agree: per property the higher state
        // wins, and of equal states the greater JSON text in UTF-16 order. For one `now` the merge is commutative,
        // associative and idempotent, so neither the order of messages nor repeats matter.
        // Gun keeps a state in the future until its time has come; here it is left out and counted.
        let mut merged = Merged::default();
        for (name, property) in other.properties {
            if property.state > now {
                merged.deferred += 1;
                continue;
            }
            match self.properties.entry(name) {
                Entry::Vacant(entry) => {
                    entry.insert(property);
                }
                Entry::Occupied(mut entry) if property.wins_over(entry.get()) => {
                    entry.insert(property);
                }
                Entry::Occupied(_) => continue,
            }
            merged.changed += 1;
        }
        merged
    }

    /// The properties without their states, for display: deleted ones are left out, and a link is `{"#": soul}`.
    #[must_use]
    pub fn to_map(&self) -> Map<String, Json> {
        let kept = self.properties.iter().filter(|(_, property)| property.value != Value::Null);
        kept.map(|(name, property)| (name.clone(), property.value.to_json())).collect()
    }

    /// The souls that properties link to, with the properties' names.
    pub fn links(&self) -> impl Iterator<Item = (&str, &str)> {
        self.properties.iter().filter_map(|(name, property)| Some((name.as_str(), property.value.link()?)))
    }

    /// Reads a node from the `put` of a frame. Malformed properties and those without a state are left out;
    /// `None` when there is no soul.
    pub(super) fn from_json(json: &Json, left: &mut usize) -> Option<Self> {
        let members = json.as_object()?;
        let meta = members.get("_")?.as_object()?;
        let soul = meta.get("#")?.as_str().filter(|soul| is_name(soul))?;
        let states = meta.get(">").and_then(Json::as_object);
        let mut node = Self::new(soul);
        for (name, value) in members {
            let state = states.and_then(|states| states.get(name)?.as_f64());
            let Some(state) = state.filter(|state| state.is_finite() && name != "_" && is_name(name)) else {
                continue;
            };
            let Some(value) = Value::from_json(value) else { continue };
            let Some(fewer) = left.checked_sub(1) else { break };
            *left = fewer;
            node.properties.insert(name.clone(), Property { value, state: state + 0.0 });
        }
        Some(node)
    }

    /// The node for the `put` of a frame.
    pub(super) fn to_json(&self) -> Json {
        let states: Map<_, _> =
            self.properties.iter().map(|(name, property)| (name.clone(), number(property.state))).collect();
        let mut meta = Map::new();
        meta.insert("#".to_owned(), Json::String(self.soul.clone()));
        meta.insert(">".to_owned(), Json::Object(states));
        let mut members = Map::new();
        members.insert("_".to_owned(), Json::Object(meta));
        for (name, property) in &self.properties {
            members.insert(name.clone(), property.value.to_json());
        }
        Json::Object(members)
    }

    /// About how many bytes it takes.
    pub(super) fn size(&self) -> usize {
        let properties =
            self.properties.iter().map(|(name, property)| name.len() + property.value.size() + 32);
        properties.fold(self.soul.len() + 64, usize::saturating_add)
    }
}

impl Property {
    /// Gun's merge rule for two writes of one property.
    #[must_use]
    pub fn wins_over(&self, other: &Self) -> bool {
        if self.state == other.state { self.value.wins_over(&other.value) } else { self.state > other.state }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gun::tests::{any_node, node_of};
    use proptest::prelude::*;

    const EVER: State = State::INFINITY;

    fn merged(parts: impl IntoIterator<Item = GunNode>, now: State) -> GunNode {
        let mut all = GunNode::new("s");
        for part in parts {
            all.merge(part, now);
        }
        all
    }

    proptest! {
        #[test]
        fn merging_is_commutative_associative_and_idempotent(
            a in any_node("s"), b in any_node("s"), c in any_node("s"), now in 0.0..6.0_f64,
        ) {
            let all = merged([a.clone(), b.clone(), c.clone()], now);
            prop_assert_eq!(&merged([c.clone(), a.clone(), b.clone()], now), &all);
            prop_assert_eq!(&merged([b.clone(), c.clone(), a.clone(), c.clone(), b.clone()], now), &all);
            let (left, right) = (merged([a.clone(), b.clone()], now), merged([b, c], now));
            prop_assert_eq!(&merged([left, right], now), &all);
            prop_assert_eq!(all.clone().merge(a, now).changed, 0);
        }
    }

    #[test]
    fn the_higher_state_wins() {
        let old = node_of("s", "a", Value::Text("z".into()), 1.0);
        let new = node_of("s", "a", Value::Text("a".into()), 1.001);
        assert_eq!(merged([old.clone(), new.clone()], EVER), new);
        let lexically = node_of("s", "a", Value::Text("za".into()), 1.0);
        assert_eq!(merged([lexically.clone(), old], EVER), lexically);
    }

    #[test]
    fn the_future_waits() {
        let mut node = GunNode::new("s");
        let later = node_of("s", "a", Value::Null, 5.0);
        assert_eq!(node.merge(later.clone(), 4.9), Merged { changed: 0, deferred: 1 });
        assert_eq!(node.merge(later, 5.0), Merged { changed: 1, deferred: 0 });
        assert!(node.to_map().is_empty());
    }
}
