//! What is written: checked, and dated.

use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use bauta_protocol::gun::{GunNode, MAX_NAME, Value};
use serde_json::{Map, Value as Json};

use super::GunError;

/// The largest value that is written, in bytes.
const MAX_VALUE: usize = 1 << 20;
/// Writes are dated this many milliseconds back, because a relay holds back what its clock calls the future.
const DATED_BACK: f64 = 3000.0;

/// What to write to a node.
#[derive(Clone, Debug, PartialEq)]
pub struct NodeUpdate {
    /// The node.
    pub soul: String,
    /// The properties that change: texts, numbers, booleans, null to delete, and links ([`NodeUpdate::link`]).
    pub properties: Map<String, Json>,
}

impl NodeUpdate {
    /// The value that links to another node.
    #[must_use]
    pub fn link(soul: &str) -> Json {
        Value::Link(soul.to_owned()).to_json()
    }

    /// An update that makes `member` a member of the set `set`, as Gun's `set` does.
    #[must_use]
    pub fn member(set: &str, member: &str) -> Self {
        Self { soul: set.to_owned(), properties: Map::from_iter([(member.to_owned(), Self::link(member))]) }
    }
}

/// Gives each write a state: the time, dated back, and later than the write before.
#[derive(Default)]
pub(super) struct Clock(Mutex<f64>);

impl Clock {
    pub(super) fn next(&self) -> f64 {
        self.next_at(now_ms())
    }

    fn next_at(&self, now: f64) -> f64 {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *last = (now - DATED_BACK).max(*last + 0.001);
        *last
    }
}

/// Milliseconds since 1970.
#[expect(clippy::disallowed_methods, reason = "states of Gun are finer than milliseconds")]
pub(super) fn now_ms() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64() * 1000.0
}

/// The node of an update, every property with the same state.
pub(super) fn dated(update: NodeUpdate, state: f64) -> Result<GunNode, GunError> {
    check_name(&update.soul)?;
    let mut node = GunNode::new(update.soul);
    for (name, value) in update.properties {
        check_name(&name)?;
        let value = Value::from_json(&value).ok_or(GunError::Invalid("a value is a list or an object"))?;
        if matches!(&value, Value::Text(text) if text.len() > MAX_VALUE) {
            return Err(GunError::Invalid("a value is too long"));
        }
        if name == "_" {
            return Err(GunError::Invalid("a property may not be named _"));
        }
        node = node.with(name, value, state);
    }
    if node.properties.is_empty() {
        return Err(GunError::Invalid("a node has no properties"));
    }
    Ok(node)
}

pub(super) fn check_name(name: &str) -> Result<(), GunError> {
    if name.is_empty() || name.len() > MAX_NAME {
        return Err(GunError::Invalid("a name is empty or too long"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn update(soul: &str, name: &str, value: Json) -> NodeUpdate {
        NodeUpdate { soul: soul.to_owned(), properties: Map::from_iter([(name.to_owned(), value)]) }
    }

    #[test]
    fn what_gun_can_hold_is_dated() {
        for value in [json!("words"), json!(1.5), json!(true), Json::Null, NodeUpdate::link("t")] {
            let node = dated(update("s", "p", value.clone()), 7.0).unwrap();
            let property = node.properties.get("p").unwrap();
            assert_eq!((property.value.to_json(), property.state), (value, 7.0));
        }
        let node = dated(NodeUpdate::member("set", "s"), 7.0).unwrap();
        assert_eq!(node.links().collect::<Vec<_>>(), [("s", "s")]);
    }

    #[test]
    fn what_gun_cannot_hold_is_refused() {
        let long = "x".repeat(MAX_NAME + 1);
        let empty = NodeUpdate { soul: "s".to_owned(), properties: Map::new() };
        for wrong in [
            update("", "p", json!(1)),
            update(&long, "p", json!(1)),
            update("s", "", json!(1)),
            update("s", &long, json!(1)),
            update("s", "_", json!(1)),
            update("s", "p", json!([1])),
            update("s", "p", json!({"a": 1})),
            update("s", "p", json!("x".repeat(MAX_VALUE + 1))),
            empty,
        ] {
            assert!(matches!(dated(wrong.clone(), 7.0), Err(GunError::Invalid(_))), "{:?}", wrong.soul.len());
        }
    }

    proptest! {
        /// A write always wins over the one before, also when the clock is set back.
        #[test]
        fn states_grow(times in proptest::collection::vec(0.0..2e12_f64, 1..50)) {
            let clock = Clock::default();
            let mut last = f64::NEG_INFINITY;
            for time in times {
                let state = clock.next_at(time);
                prop_assert!(state > last);
                // Dated back, unless a later write has to win over an earlier one.
                prop_assert!(state <= time - DATED_BACK || state <= last.max(0.0) + 0.01);
                last = state;
            }
        }
    }
}
