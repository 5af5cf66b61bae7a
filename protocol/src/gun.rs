//! The wire protocol and the data model of Gun (<https://gun.eco>), where Mask Network stores its post keys.
//!
//! A Gun database is a graph of [`GunNode`]s.
//! A node has a name, its *soul*, and properties, each with a [`Value`] and a state: the milliseconds since 1970 of the
//! write, as a JSON number.
//! Two copies of a node are merged property by property: the higher state wins, and of equal states the value with the
//! greater JSON text ([`GunNode::merge`], Gun's "hypothetical amnesia machine").
//!
//! Peers exchange [`Message`]s over WebSocket text frames.
//! A frame is one JSON object or an array of them; [`decode`] and [`encode`] read and write frames.
//! An answer may come in many messages, which an [`Answer`] gathers.
//!
//! Everything here is bounded, and nothing is trusted: anybody may write any node. `docs/gun.md` says what relays do.
//! The source is the code of `gun` 0.2020.1241 and 0.2020.1234 and the frames these send (`protocol/vectors`).

mod answer;
mod graph;
mod id;
mod message;
mod node;
mod value;

pub use answer::{Answer, Progress};
pub use graph::{Graph, GraphLimits};
pub use id::{MessageId, Seen};
pub use message::{FrameError, Get, Hello, Message, More, decode, encode};
pub use node::{GunNode, Merged, Property, State};
pub use value::Value;

/// The longest frame that is read, in bytes. It must hold one large value, which anybody may have put into a set.
pub const MAX_FRAME: usize = 16 << 20;

/// How deep arrays and objects may be nested in a frame. Frames of real peers have seven levels.
pub const MAX_DEPTH: usize = 16;

/// How many messages one frame may hold.
pub const MAX_BATCH: usize = 4096;

/// The longest soul and property name, in bytes.
pub const MAX_NAME: usize = 1024;

/// How many properties of one message are read.
pub const MAX_PROPERTIES: usize = 1 << 16;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A node with one property.
    pub(super) fn node_of(soul: &str, name: &str, value: Value, state: State) -> GunNode {
        GunNode::new(soul).with(name, value, state)
    }

    fn any_value() -> impl Strategy<Value = Value> {
        prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Bool),
            (-3..3_i32).prop_map(|value| Value::Number(f64::from(value) / 2.0)),
            proptest::num::f64::NORMAL.prop_map(Value::Number),
            ".{0,8}".prop_map(Value::Text),
            "[a-c]{1,2}".prop_map(Value::Link),
        ]
    }

    /// A node with few possible names, states and values, so that two of them often collide.
    pub(super) fn any_node(soul: &'static str) -> impl Strategy<Value = GunNode> {
        let property =
            (any_value(), 0..8_u8).prop_map(|(value, state)| Property { value, state: f64::from(state) });
        proptest::collection::btree_map("[a-d]", property, 0..5)
            .prop_map(move |properties| GunNode { soul: soul.to_owned(), properties })
    }

    fn any_id() -> impl Strategy<Value = MessageId> {
        "[a-zA-Z0-9]{1,9}".prop_map(|text| MessageId::new(&text).unwrap())
    }

    /// A message that says something.
    pub(super) fn any_message() -> impl Strategy<Value = Message> {
        let more = prop_oneof![any_id().prop_map(More::Named), Just(More::Somewhere)];
        let get = ("[a-z]{1,5}", proptest::option::of("[a-z]{1,5}"), any::<bool>());
        let get = get.prop_map(|(soul, property, is_from_disk)| Get { soul, property, is_from_disk });
        let hello =
            ("[?a-z]{0,3}", proptest::option::of("[a-z]{1,5}")).prop_map(|(kind, peer)| Hello { kind, peer });
        let nodes = (any_node("s"), any_node("t")).prop_map(|(s, t)| vec![s, t]);
        (
            any_id(),
            proptest::option::of(any_id()),
            proptest::option::of(nodes),
            proptest::option::of(get),
            any::<bool>(),
            proptest::option::of(".{0,20}"),
            proptest::option::of(hello),
            proptest::option::of(more),
        )
            .prop_map(|(id, answers, put, get, ok, error, hello, more)| Message {
                id: Some(id),
                answers,
                put,
                get,
                ok,
                error,
                hello,
                more,
            })
    }
}
