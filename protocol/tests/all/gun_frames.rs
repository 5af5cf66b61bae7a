//! Frames that real peers of Gun sent.

use std::collections::BTreeMap;

use bauta_protocol::gun::{Answer, Message, Progress, Value, decode, encode};
use serde_json::Value as Json;

/// Every message that was recorded, with its connection and whether a relay sent it.
fn recorded() -> Vec<(u64, bool, Message)> {
    let mut messages = Vec::new();
    for line in include_str!("../../vectors/gun-frames.jsonl").lines() {
        let line: Json = serde_json::from_str(line).unwrap();
        let Some(frame) = line["frame"].as_str() else { continue };
        let from_relay = line["dir"] == "relay->client";
        let in_frame = decode(frame).unwrap();
        let items = match serde_json::from_str(frame).unwrap() {
            Json::Array(items) => items.len(),
            _ => 1,
        };
        assert_eq!(in_frame.len(), items, "{frame}");
        let connection = line["conn"].as_u64().unwrap();
        messages.extend(in_frame.into_iter().map(|message| (connection, from_relay, message)));
    }
    messages
}

#[test]
fn every_frame_is_read_and_written_back() {
    let messages = recorded();
    assert!(messages.len() > 300, "{}", messages.len());
    for (_, _, message) in messages {
        assert_eq!(decode(&encode(std::slice::from_ref(&message))).unwrap(), [message]);
    }
}

#[test]
fn every_node_is_read_whole() {
    let mut properties = 0;
    for (_, _, message) in recorded() {
        for node in message.put.into_iter().flatten() {
            properties += node.properties.len();
            for property in node.properties.values() {
                assert!(property.state > 1_795_000_000_000.0, "{node:?}");
                assert!(!matches!(property.value, Value::Null), "{node:?}");
            }
        }
    }
    assert!(properties > 80, "{properties}");
}

#[test]
fn every_answer_is_complete_or_says_that_nothing_is_there() {
    let mut answers = BTreeMap::new();
    for (connection, from_relay, message) in recorded() {
        if !from_relay && message.get.is_some() {
            answers.insert((connection, message.id.unwrap()), Answer::new(100));
        } else if from_relay
            && let Some(id) = message.answers.clone()
            && let Some(answer) = answers.get_mut(&(connection, id))
        {
            answer.push(message);
        }
    }
    let count = |progress| answers.values().filter(|answer| answer.progress() == progress).count();
    assert!(count(Progress::Complete) > 20, "{}", count(Progress::Complete));
    assert!(count(Progress::Missing) > 5, "{}", count(Progress::Missing));
    assert_eq!(count(Progress::Partial), 0);
}
