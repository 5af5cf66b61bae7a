use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::limits::MAX_MESSAGE;

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 64, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
            prop::collection::btree_map(any::<String>(), inner, 0..8).prop_map(|map| json!(map)),
        ]
    })
}

fn any_id() -> impl Strategy<Value = Id> {
    prop_oneof![any::<i64>().prop_map(Id::Number), ".{0,20}".prop_map(Id::Text)]
}

/// Feeds a stream to the codec in pieces and returns all frames.
fn decode_in_pieces(stream: &[u8], piece: usize) -> Result<Vec<Vec<u8>>, FrameError> {
    let (mut codec, mut buffer, mut frames) = (FrameCodec::default(), BytesMut::new(), Vec::new());
    for part in stream.chunks(piece.max(1)) {
        buffer.extend_from_slice(part);
        while let Some(frame) = codec.decode(&mut buffer)? {
            frames.push(frame.to_vec());
        }
    }
    while let Some(frame) = codec.decode_eof(&mut buffer)? {
        frames.push(frame.to_vec());
    }
    Ok(frames)
}

proptest! {
    #[test]
    fn frames_survive_any_cut(lines in prop::collection::vec("[^\n]{1,40}", 0..10), piece in 1usize..50, ended: bool) {
        let mut stream = lines.join("\n").into_bytes();
        if ended && !lines.is_empty() {
            stream.push(b'\n');
        }
        let frames = decode_in_pieces(&stream, piece).unwrap();
        prop_assert_eq!(frames, lines.into_iter().map(String::into_bytes).collect::<Vec<_>>());
    }

    #[test]
    fn calls_survive(id in any_id(), method in any::<String>(), params in prop::collection::btree_map(any::<String>(), any_json(), 0..6)) {
        let call = Call { id, method, params: json!(params) };
        let frame = write_call(&call);
        prop_assert!(!frame.contains(&b'\n'));
        prop_assert_eq!(parse_call(&frame).unwrap(), call);
    }

    #[test]
    fn answers_survive(id in any_id(), result in any_json()) {
        let frame = write_answer(Some(&id), &Ok(result.clone()));
        prop_assert!(!frame.contains(&b'\n'));
        prop_assert_eq!(parse_from_daemon(&frame), Some(FromDaemon::Answer(Some(id), Ok(result))));
    }

    #[test]
    fn errors_survive(id in prop::option::of(any_id()), index in 0..crate::CODES.len(), message in any::<String>()) {
        let error = RpcError::new(crate::CODES[index], message);
        let frame = write_answer(id.as_ref(), &Err(error.clone()));
        prop_assert_eq!(parse_from_daemon(&frame), Some(FromDaemon::Answer(id, Err(error))));
    }

    #[test]
    fn any_bytes_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = parse_call(&bytes);
        let _ = parse_from_daemon(&bytes);
    }

    #[test]
    fn any_json_is_answered(value in any_json()) {
        let frame = value.to_string().into_bytes();
        let _ = parse_from_daemon(&frame);
        if let Err(refused) = parse_call(&frame) {
            prop_assert!(!refused.close);
        }
    }
}

#[test]
fn the_longest_frame_passes_and_one_more_does_not() {
    let mut stream = vec![b'x'; MAX_FRAME];
    stream.push(b'\n');
    assert_eq!(decode_in_pieces(&stream, 8192).unwrap().len(), 1);
    let stream = vec![b'x'; MAX_FRAME + 1];
    assert!(matches!(decode_in_pieces(&stream, 8192), Err(FrameError::TooLong)));
    // Also where the line feed comes in the same read.
    let mut stream = vec![b'x'; MAX_FRAME + 1];
    stream.push(b'\n');
    assert!(matches!(decode_in_pieces(&stream, stream.len()), Err(FrameError::TooLong)));
}

#[test]
fn refusals_name_their_reason() {
    for (frame, code, close) in [
        ("not json", "request.parse", true),
        ("{\"id\":1", "request.parse", true),
        ("GET / HTTP/1.1", "request.parse", true),
        ("[]", "request.batch", false),
        ("[{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"hello\"}]", "request.batch", false),
        ("3", "request.invalid", false),
        ("{}", "request.invalid", false),
        ("{\"jsonrpc\":\"2.0\",\"method\":\"hello\"}", "request.invalid", false),
        ("{\"jsonrpc\":\"2.0\",\"id\":null,\"method\":\"hello\"}", "request.invalid", false),
        ("{\"jsonrpc\":\"2.0\",\"id\":1.5,\"method\":\"hello\"}", "request.invalid", false),
        ("{\"id\":1,\"method\":\"hello\"}", "request.invalid", false),
        ("{\"jsonrpc\":\"1.0\",\"id\":1,\"method\":\"hello\"}", "request.invalid", false),
        ("{\"jsonrpc\":\"2.0\",\"id\":1}", "request.invalid", false),
        ("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":7}", "request.invalid", false),
        ("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"hello\",\"params\":[1]}", "request.params", false),
        ("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"hello\",\"params\":null}", "request.params", false),
    ] {
        let refused = parse_call(frame.as_bytes()).unwrap_err();
        assert_eq!((refused.error.code.as_str(), refused.close), (code, close), "{frame}");
    }
    let long = json!({"jsonrpc": "2.0", "id": "x".repeat(129), "method": "hello"}).to_string();
    assert_eq!(parse_call(long.as_bytes()).unwrap_err().error.code, "request.invalid");
}

#[test]
fn deep_nesting_is_refused() {
    let frame = "[".repeat(100_000);
    assert_eq!(parse_call(frame.as_bytes()).unwrap_err().error.code, "request.parse");
}

#[test]
fn unknown_fields_are_ignored() {
    let frame = br#"{"jsonrpc":"2.0","id":"a","method":"status.get","later":true}"#;
    assert_eq!(parse_call(frame).unwrap().method, "status.get");
}

#[test]
fn an_answer_too_long_becomes_an_error() {
    let frame = write_answer(Some(&Id::Number(1)), &Ok(json!("x".repeat(MAX_FRAME))));
    let Some(FromDaemon::Answer(Some(Id::Number(1)), Err(error))) = parse_from_daemon(&frame) else {
        panic!()
    };
    assert!(error.is(&codes::ANSWER_TOO_LARGE), "{error:?}");
}

#[test]
fn an_error_fits_a_frame_whatever_it_quotes() {
    for character in ['\u{1}', '"', 'x', '\u{1f3ad}'] {
        let long: String = std::iter::repeat_n(character, MAX_FRAME).collect();
        let error = RpcError::new(&codes::CONTACT_UNKNOWN, format!("There is no contact {long}.")).hint(long);
        let frame = write_answer(Some(&Id::Text("\u{1}".repeat(MAX_ID))), &Err(error.clone()));
        assert!(frame.len() <= MAX_FRAME, "{}", frame.len());
        assert_eq!(
            parse_from_daemon(&frame),
            Some(FromDaemon::Answer(Some(Id::Text("\u{1}".repeat(MAX_ID))), Err(error.clone())))
        );
        assert!(error.message.starts_with("There is no contact ") && error.message.ends_with('…'));
        assert!(error.message.len() <= MAX_MESSAGE && error.hint.len() <= MAX_MESSAGE);
    }
}

#[test]
fn an_unknown_event_kind_is_kept_apart() {
    let event: Event =
        serde_json::from_value(json!({"cursor": 7, "at": "2026-01-01T00:00:00Z", "kind": "later", "x": 1}))
            .unwrap();
    assert_eq!((event.cursor, event.body), (7, crate::EventBody::Unknown));
}

#[test]
fn an_event_stands_flat() {
    let event = Event {
        cursor: 3,
        at: crate::Utc::from_millis(0),
        body: crate::EventBody::StatusChanged {
            persona: None,
            state: crate::ConnectionState::Ready,
            phase: None,
        },
    };
    let frame = write_event(&event).unwrap();
    let value: Value = serde_json::from_slice(&frame).unwrap();
    assert_eq!(
        value,
        json!({"jsonrpc": "2.0", "method": "event", "params":
            {"cursor": 3, "at": "1970-01-01T00:00:00.000Z", "kind": "status.changed", "state": "ready"}})
    );
    let Some(FromDaemon::Notification { params, .. }) = parse_from_daemon(&frame) else { panic!() };
    assert_eq!(serde_json::from_value::<Event>(params).unwrap(), event);
}
