//! The text inside posts of version -38: words, and before them the metadata as JSON with U+1F9E9 (🧩) between.
//! The extension cannot tell metadata from words that look like it; what is read here is what the extension would show.

use super::{EncodeMessageError, Meta, TypedMessage, json};

const SEPARATOR: char = '\u{1f9e9}';

pub(super) fn encode(message: &TypedMessage) -> Result<Vec<u8>, EncodeMessageError> {
    let TypedMessage::Text { content, meta } = message else { return Err(EncodeMessageError::NotText) };
    if meta.is_empty() {
        return Ok(content.as_bytes().to_vec());
    }
    let meta = meta.to_json().ok_or(EncodeMessageError::NotJson)?;
    Ok(format!("{meta}{SEPARATOR}{content}").into_bytes())
}

/// UTF-8 as browsers read it: a leading byte order mark is dropped, and invalid bytes become U+FFFD.
pub(super) fn decode_bare(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    text.strip_prefix('\u{feff}').unwrap_or(&text).to_owned()
}

pub(super) fn decode(bytes: &[u8]) -> TypedMessage {
    let text = decode_bare(bytes);
    let before = text.split_once(SEPARATOR).map(|(before, _)| before);
    // docs/mask.md, "Where Bauta differs from the extension". The extension takes what comes before the first 🧩 for
    // metadata if it is JSON at all, and then shows the text without it, although only an object holds metadata. So the
    // words `12🧩hello` lose `12🧩`. Readers of both programs must see the same words, so the same is done here.
    match before.and_then(|before| json::read(before, super::MAX_NODES)) {
        Some(value) => {
            TypedMessage::Text { content: cut(&text), meta: Meta::from_value(value).unwrap_or_default() }
        }
        None => TypedMessage::text(text),
    }
}

/// Removes, in the first line with text before a separator, everything up to the last separator of that line.
///
/// This is the extension's regular expression `.+🧩`, which is greedy and stops at the end of a line: JSON over several
/// lines loses only its last one, and words with another 🧩 on that line lose everything up to it.
fn cut(text: &str) -> String {
    let mut start = 0;
    for line in text.split_inclusive(['\n', '\r', '\u{2028}', '\u{2029}']) {
        let found = line.rsplit_once(SEPARATOR).filter(|(before, _)| !before.is_empty());
        if let Some((_, after)) = found {
            let end = start + line.len();
            let head = text.get(..start).unwrap_or_default();
            let tail = text.get(end..).unwrap_or_default();
            return [head, after, tail].concat();
        }
        start += line.len();
    }
    text.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mask::Value;
    use proptest::prelude::*;

    fn words(text: &str) -> String {
        match decode(text.as_bytes()) {
            TypedMessage::Text { content, .. } => content,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn words_are_cut_as_the_extension_cuts_them() {
        for (text, shown) in [
            ("12🧩hello", "hello"),
            ("word 🧩 word", "word 🧩 word"),
            ("{\"a\":1}🧩x🧩y", "y"),
            ("{\"a\":1}🧩x\ny🧩z", "x\ny🧩z"),
            ("{\n\"a\":1}🧩x", "{\nx"),
            ("1🧩", ""),
            ("🧩x", "🧩x"),
            ("null🧩x", "x"),
            ("\u{feff}mark", "mark"),
        ] {
            assert_eq!(words(text), shown, "{text:?}");
        }
        assert_eq!(decode(&[b'a', 0xff, b'b']), TypedMessage::text("a\u{fffd}b"));
    }

    #[test]
    fn only_words_and_json_can_be_written() {
        let tuple = TypedMessage::Tuple { items: vec![], meta: Meta::default() };
        assert_eq!(encode(&tuple), Err(EncodeMessageError::NotText));
        let mut meta = Meta::default();
        meta.set("bytes", Value::Binary(vec![1]));
        let message = TypedMessage::Text { content: String::new(), meta };
        assert_eq!(encode(&message), Err(EncodeMessageError::NotJson));
    }

    proptest! {
        #[test]
        fn round_trip(content in "[^🧩\u{feff}]*", name in "[^🧩]*", number: i32, float: f32) {
            let plain = TypedMessage::text(content.clone());
            prop_assert_eq!(decode(&encode(&plain).unwrap()), plain);
            let mut meta = Meta::default();
            meta.set(&name, Value::from(number));
            prop_assume!(float.is_finite() && float.fract() != 0.0);
            meta.set("float", Value::F64(f64::from(float)));
            let message = TypedMessage::Text { content, meta };
            prop_assert_eq!(decode(&encode(&message).unwrap()), message);
        }

        #[test]
        fn any_bytes_are_answered(bytes: Vec<u8>, text: String) {
            let _ = decode(&bytes);
            let _ = words(&format!("{text}🧩{text}"));
            let _ = words(&format!("7🧩{text}🧩{text}"));
        }
    }
}
