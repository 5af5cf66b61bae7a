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
