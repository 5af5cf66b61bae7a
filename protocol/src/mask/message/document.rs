//! The MessagePack document inside posts of version -37.

use super::{
    DecodeMessageError, EncodeMessageError, MAX_DEPTH, MAX_NODES, Meta, TypedMessage, Value, as_text,
    as_whole, element, pack,
};

/// Document versions: words alone, and one item of any type.
const TEXT_DOCUMENT: i64 = 0;
const ITEM_DOCUMENT: i64 = 1;

/// Types of items, and the only version each has.
const TUPLE: i64 = 0;
const TEXT: i64 = 1;
const ITEM_VERSION: i64 = 1;

pub(super) fn encode(message: &TypedMessage) -> Result<Vec<u8>, EncodeMessageError> {
    let document = match message {
        // The format has the words before the metadata in this short form, and after the metadata in an item.
        TypedMessage::Text { content, meta } => {
            vec![Value::from(TEXT_DOCUMENT), pack::text(content), encode_meta(meta)]
        }
        other => {
            let mut document = vec![Value::from(ITEM_DOCUMENT)];
            document.extend(encode_item(other, 0).ok_or(EncodeMessageError::TooDeep)?);
            document
        }
    };
    let bytes = pack::write(&Value::Array(document)).map_err(|_| EncodeMessageError::TooDeep)?;
    // Read back, because metadata may exceed the bounds in ways that only the whole document shows.
    pack::read(&bytes, MAX_NODES).map_err(|_| EncodeMessageError::TooDeep)?;
    Ok(bytes)
}

/// `None` when the message is nested too deeply.
fn encode_item(message: &TypedMessage, depth: usize) -> Option<Vec<Value>> {
    let item = |kind: i64, meta: &Meta, content: Value| {
        Some(vec![Value::from(kind), Value::from(ITEM_VERSION), encode_meta(meta), content])
    };
    match message {
        TypedMessage::Text { content, meta } => item(TEXT, meta, pack::text(content)),
        TypedMessage::Tuple { items, meta } if depth < MAX_DEPTH => {
            let items = items.iter().map(|inner| encode_item(inner, depth + 1).map(Value::Array));
            item(TUPLE, meta, Value::Array(items.collect::<Option<_>>()?))
        }
        TypedMessage::Tuple { .. } => None,
        TypedMessage::Unknown(item) => Some(item.clone()),
    }
}

fn encode_meta(meta: &Meta) -> Value {
    if meta.is_empty() { Value::Nil } else { meta.to_value() }
}

pub(super) fn decode(bytes: &[u8]) -> Result<TypedMessage, DecodeMessageError> {
    let Value::Array(document) = pack::read(bytes, MAX_NODES).map_err(DecodeMessageError::Pack)? else {
        return Err(DecodeMessageError::NotADocument);
    };
    match as_whole(element(&document, 0)) {
        Some(TEXT_DOCUMENT) => {
            Ok(TypedMessage::Text { content: words(&document, 1)?, meta: decode_meta(&document, 2)? })
        }
        Some(ITEM_DOCUMENT) => decode_item(document.into_iter().skip(1).collect()),
        _ => Err(DecodeMessageError::UnknownDocument),
    }
}

/// Recursion is bounded, because the MessagePack reader has checked the depth.
fn decode_item(item: Vec<Value>) -> Result<TypedMessage, DecodeMessageError> {
    if item.is_empty() {
        return Err(DecodeMessageError::Part("type"));
    }
    let known = as_whole(element(&item, 1)) == Some(ITEM_VERSION);
    match as_whole(element(&item, 0)) {
        Some(TEXT) if known => {
            Ok(TypedMessage::Text { content: words(&item, 3)?, meta: decode_meta(&item, 2)? })
        }
        Some(TUPLE) if known => {
            let meta = decode_meta(&item, 2)?;
            let Some(Value::Array(inner)) = item.into_iter().nth(3) else {
                return Err(DecodeMessageError::Part("items"));
            };
            let items = inner.into_iter().map(|inner| match inner {
                Value::Array(inner) => decode_item(inner),
                _ => Err(DecodeMessageError::Part("items")),
            });
            Ok(TypedMessage::Tuple { items: items.collect::<Result<_, _>>()?, meta })
        }
        _ => Ok(TypedMessage::Unknown(item)),
    }
}

fn words(array: &[Value], index: usize) -> Result<String, DecodeMessageError> {
    as_text(element(array, index)).map(|words| words.into_owned()).ok_or(DecodeMessageError::Part("text"))
}

fn decode_meta(array: &[Value], index: usize) -> Result<Meta, DecodeMessageError> {
    match element(array, index) {
        Value::Nil => Ok(Meta::default()),
        value => Meta::from_value(value.clone()).ok_or(DecodeMessageError::Part("metadata")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn unknown_messages_are_kept() {
        let item =
            Value::Array(vec!["com.example.poll".into(), 3.into(), Value::Nil, Value::Ext(5, vec![1, 2])]);
        let bytes = pack::write(&Value::Array(vec![
            1.into(),
            0.into(),
            1.into(),
            Value::Nil,
            Value::Array(vec![item, Value::Array(vec![1.into(), 2.into(), Value::F32(0.5)])]),
        ]))
        .unwrap();
        let message = decode(&bytes).unwrap();
        let TypedMessage::Tuple { items, .. } = &message else { panic!("no tuple") };
        assert!(matches!(items.as_slice(), [TypedMessage::Unknown(_), TypedMessage::Unknown(_)]));
        assert_eq!(encode(&message).unwrap(), bytes);
    }

    #[test]
    fn broken_documents_are_refused() {
        let refused = |value: Value| decode(&pack::write(&value).unwrap()).unwrap_err();
        assert_eq!(refused("text".into()), DecodeMessageError::NotADocument);
        assert_eq!(refused(Value::Array(vec![2.into(), "text".into()])), DecodeMessageError::UnknownDocument);
        assert_eq!(refused(Value::Array(vec![])), DecodeMessageError::UnknownDocument);
        assert_eq!(refused(Value::Array(vec![0.into(), 5.into()])), DecodeMessageError::Part("text"));
        assert_eq!(refused(Value::Array(vec![1.into()])), DecodeMessageError::Part("type"));
        assert_eq!(
            refused(Value::Array(vec![0.into(), "text".into(), 5.into()])),
            DecodeMessageError::Part("metadata")
        );
        assert!(matches!(decode(&[0x93, 0]), Err(DecodeMessageError::Pack(_))));
    }

    #[test]
    fn depth_is_bounded_both_ways() {
        let mut message = TypedMessage::text("deep");
        for _ in 0..MAX_DEPTH + 50 {
            message = TypedMessage::Tuple { items: vec![message], meta: Meta::default() };
        }
        assert_eq!(encode(&message), Err(EncodeMessageError::TooDeep));
    }

    /// Any metadata value of bounded size.
    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Nil),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<f64>().prop_filter("equal to itself", |float| !float.is_nan()).prop_map(Value::F64),
            any::<String>().prop_map(Value::from),
            any::<Vec<u8>>().prop_map(Value::Binary),
            (any::<i8>(), any::<Vec<u8>>()).prop_map(|(kind, bytes)| Value::Ext(kind, bytes)),
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
                prop::collection::vec((any::<String>().prop_map(Value::from), inner), 0..4)
                    .prop_map(Value::Map),
            ]
        })
    }

    fn message() -> impl Strategy<Value = TypedMessage> {
        let meta = || {
            prop::collection::btree_map(any::<String>(), value(), 0..3)
                .prop_map(|map| Meta(map.into_iter().collect()))
        };
        let text = (any::<String>(), meta()).prop_map(|(content, meta)| TypedMessage::Text { content, meta });
        text.prop_recursive(3, 12, 4, move |inner| {
            (prop::collection::vec(inner, 0..4), meta())
                .prop_map(|(items, meta)| TypedMessage::Tuple { items, meta })
        })
    }

    proptest! {
        #[test]
        fn round_trip(message in message()) {
            prop_assert_eq!(decode(&encode(&message).unwrap()), Ok(message));
        }

        #[test]
        fn any_bytes_are_answered(bytes: Vec<u8>) {
            let _ = decode(&bytes);
            let _ = decode(&[&[0x95, 1, 0, 1, 0xc0], bytes.as_slice()].concat());
        }
    }
}
