//! What relays and other peers of Gun send.

use rand_core::CryptoRng;

use super::{BrokenRule, Parser, rule, text};
use crate::gun::{
    Answer, Get, Graph, GraphLimits, GunNode, Hello, Message, MessageId, More, Seen, Value, decode, encode,
};

pub(super) const PARSERS: &[Parser] = &[
    Parser { name: "gun_frame", check: frame, seeds: frames },
    Parser { name: "gun_graph", check: graph, seeds: frames },
];

fn frame(bytes: &[u8]) -> Result<bool, BrokenRule> {
    let Ok(messages) = decode(&text(bytes)) else { return Ok(false) };
    let again = decode(&encode(&messages));
    rule(again.is_ok_and(|again| again == messages), "messages are read as they are written")
}

/// Gathers and merges what a frame holds, within narrow bounds.
fn graph(bytes: &[u8]) -> Result<bool, BrokenRule> {
    const NOW: f64 = 1.8e12;
    let limits = GraphLimits { nodes: 2, bytes: 4096 };
    let Ok(messages) = decode(&text(bytes)) else { return Ok(false) };
    let (mut graph, mut answer, mut seen) = (Graph::new(limits), Answer::new(3), Seen::new(2));
    let mut merged = [GunNode::new("all"), GunNode::new("all")];
    for message in messages.iter().filter(|message| message.id.as_ref().is_none_or(|id| seen.is_new(id, NOW)))
    {
        for node in answer.push(message.clone()) {
            graph.merge(node, NOW);
            rule(graph.len() <= limits.nodes, "a graph is bounded")?;
        }
    }
    let nodes = messages.iter().flat_map(|message| message.put.iter().flatten());
    let [forwards, backwards] = &mut merged;
    for node in nodes.clone() {
        forwards.merge(node.clone(), NOW);
    }
    for node in nodes.collect::<Vec<_>>().into_iter().rev() {
        backwards.merge(node.clone(), NOW);
    }
    rule(forwards == backwards, "the order of merges makes no difference")?;
    let _ = answer.progress();
    let kept: usize = answer.into_nodes().iter().map(|node| node.properties.len()).sum();
    rule(kept <= 3, "an answer is bounded")
}

fn frames(rng: &mut dyn CryptoRng) -> Option<Vec<Vec<u8>>> {
    let state = 1_795_219_099_721.001;
    let record = GunNode::new("mwpn3mmhSnJQ1D7EH9Mt").with("e", Value::Text("UDWcHqh6".to_owned()), state);
    let set = GunNode::new("37-fb-W1-hX")
        .with("mwpn3mmhSnJQ1D7EH9Mt", Value::Link("mwpn3mmhSnJQ1D7EH9Mt".to_owned()), state)
        .with("number", Value::Number(-0.25), state + 1.0)
        .with("null", Value::Null, 1.0)
        .with("bool", Value::Bool(true), 1e300);
    let mut id = || MessageId::random(rng);
    let (first, second) = (id(), id());
    let hello = Hello { kind: "?".to_owned(), peer: Some("GxjVecUv1".to_owned()) };
    let messages = [
        Message { id: Some(id()), hello: Some(hello), ..Message::default() },
        Message::get(id(), Get::property("37-fb-W1-hX", "a")),
        Message { answers: Some(first.clone()), ok: true, ..Message::put(id(), vec![record, set.clone()]) },
        Message { more: Some(More::Named(second.clone())), ..Message::put(first, vec![set.clone()]) },
        Message {
            error: Some("full".to_owned()),
            more: Some(More::Somewhere),
            ..Message::put(second, vec![set])
        },
    ];
    let mut seeds: Vec<_> =
        messages.iter().map(|message| encode(std::slice::from_ref(message)).into_bytes()).collect();
    seeds.push(encode(&messages).into_bytes());
    Some(seeds)
}
