//! The value of a property, and its text as JavaScript writes it.

use serde_json::{Map, Number, Value as Json};

use super::MAX_NAME;
use crate::javascript::number_text;

/// The value of a property. Gun has no arrays, no nested objects and no bytes.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Nothing: the property was deleted.
    Null,
    /// True or false.
    Bool(bool),
    /// A finite number, as JavaScript has them.
    Number(f64),
    /// A text.
    Text(String),
    /// The soul of another node.
    Link(String),
}

impl Value {
    /// Reads a value from a frame: text, number, boolean, null or `{"#": soul}`.
    #[must_use]
    pub fn from_json(json: &Json) -> Option<Self> {
        Some(match json {
            Json::Null => Self::Null,
            Json::Bool(value) => Self::Bool(*value),
            // JSON.stringify writes -0 as 0; adding 0.0 does the same.
            Json::Number(number) => Self::Number(number.as_f64().filter(|value| value.is_finite())? + 0.0),
            Json::String(text) => Self::Text(text.clone()),
            Json::Object(members) if members.len() == 1 => match members.get("#") {
                Some(Json::String(soul)) if is_name(soul) => Self::Link(soul.clone()),
                _ => return None,
            },
            Json::Object(_) | Json::Array(_) => return None,
        })
    }

    /// The value for a frame.
    #[must_use]
    pub fn to_json(&self) -> Json {
        match self {
            Self::Null => Json::Null,
            Self::Bool(value) => Json::Bool(*value),
            Self::Number(value) => number(*value),
            Self::Text(text) => Json::String(text.clone()),
            Self::Link(soul) => Json::Object(Map::from_iter([("#".to_owned(), Json::String(soul.clone()))])),
        }
    }

    /// The soul that a link names.
    #[must_use]
    pub fn link(&self) -> Option<&str> {
        match self {
            Self::Link(soul) => Some(soul),
            _ => None,
        }
    }

    /// The text that ECMAScript's `JSON.stringify` gives, which orders values of one state.
    #[must_use]
    pub fn stringify(&self) -> String {
        match self {
            Self::Number(value) => number_text(*value),
            // For everything else, serde_json and JavaScript write the same.
            _ => self.to_json().to_string(),
        }
    }

    /// Whether this value wins over `other` if both have the same state: the greater text wins, in UTF-16 order.
    pub(super) fn wins_over(&self, other: &Self) -> bool {
        self.stringify().encode_utf16().gt(other.stringify().encode_utf16())
    }

    /// About how many bytes it takes.
    pub(super) fn size(&self) -> usize {
        match self {
            Self::Text(text) | Self::Link(text) => text.len(),
            _ => 8,
        }
    }
}

/// Whether a text can be a soul or the name of a property.
pub(super) fn is_name(text: &str) -> bool {
    !text.is_empty() && text.len() <= MAX_NAME
}

/// A whole number without a decimal point, as JavaScript writes it.
pub(super) fn number(value: f64) -> Json {
    const SAFE: f64 = 9_007_199_254_740_992.0;
    let number = if value.fract() == 0.0 && value.abs() < SAFE {
        // Exact: it is whole and below 2^53.
        Some(Number::from(value as i64))
    } else {
        Number::from_f64(value)
    };
    number.map_or(Json::Null, Json::Number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_compared_as_javascript_does() {
        let text = |text: &str| Value::Text(text.to_owned());
        assert_eq!(text("a\"\\\u{1}\n/é").stringify(), "\"a\\\"\\\\\\u0001\\n/é\"");
        // U+1F3BC is a surrogate pair, so before U+FF5E in UTF-16 and after it in UTF-8.
        assert!(text("\u{ff5e}").wins_over(&text("\u{1f3bc}")));
        assert!(Value::Null.wins_over(&Value::Bool(false)));
        assert!(Value::Link("a".into()).wins_over(&Value::Null));
    }

    #[test]
    fn only_plain_values_are_read() {
        for bad in [r#"[]"#, r#"{}"#, r##"{"#":1}"##, r##"{"#":""}"##, r##"{"#":"a","b":1}"##, r#"{"a":{}}"#]
        {
            assert_eq!(Value::from_json(&serde_json::from_str(bad).unwrap()), None, "{bad}");
        }
        assert_eq!(Value::from_json(&serde_json::json!({"#": "a"})), Some(Value::Link("a".into())));
    }
}
