//! What a property holds, and its text as JavaScript writes it.

use serde_json::{Map, Number, Value as Json};

use super::MAX_NAME;

/// What a property of a node holds. Gun knows no arrays, no nested objects and no bytes.
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
    /// Reads what stands in a frame: text, number, boolean, null or `{"#": soul}`.
    #[must_use]
    pub fn from_json(json: &Json) -> Option<Self> {
        Some(match json {
            Json::Null => Self::Null,
            Json::Bool(value) => Self::Bool(*value),
            // JavaScript has one zero in JSON.
            Json::Number(number) => Self::Number(number.as_f64().filter(|value| value.is_finite())? + 0.0),
            Json::String(text) => Self::Text(text.clone()),
            Json::Object(members) if members.len() == 1 => match members.get("#") {
                Some(Json::String(soul)) if is_name(soul) => Self::Link(soul.clone()),
                _ => return None,
            },
            Json::Object(_) | Json::Array(_) => return None,
        })
    }

    /// The value as it stands in a frame.
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

    /// The text of ECMAScript's `JSON.stringify`, by which values of one state are ordered.
    #[must_use]
    pub fn stringify(&self) -> String {
        match self {
            Self::Number(value) => stringify_number(*value),
            // For everything else, serde_json and JavaScript write the same.
            _ => self.to_json().to_string(),
        }
    }

    /// Whether this one wins over `other` when both have the same state: by UTF-16 order of the texts.
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

/// ECMAScript's Number::toString for base 10 (ECMA-262, section 6.1.6.1.20).
fn stringify_number(value: f64) -> String {
    if !value.is_finite() {
        return "null".to_owned();
    }
    if value == 0.0 {
        return "0".to_owned();
    }
    // Rust also writes the fewest digits that give the same number back.
    let scientific = format!("{:e}", value.abs());
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let sign = if value < 0.0 { "-" } else { "" };
    let zeros = |count: i32| "0".repeat(usize::try_from(count).unwrap_or(0));
    let count = i32::try_from(digits.len()).unwrap_or(i32::MAX);
    let point = exponent + 1;
    if count <= point && point <= 21 {
        return format!("{sign}{digits}{}", zeros(point - count));
    }
    if 0 < point && point <= 21 {
        let at = usize::try_from(point).unwrap_or(0);
        let (whole, part) = digits.split_at_checked(at).unwrap_or((&digits, ""));
        return format!("{sign}{whole}.{part}");
    }
    if -6 < point && point <= 0 {
        return format!("{sign}0.{}{digits}", zeros(-point));
    }
    let direction = if exponent < 0 { '-' } else { '+' };
    let exponent = exponent.abs();
    match digits.split_at_checked(1) {
        Some((first, rest)) if !rest.is_empty() => format!("{sign}{first}.{rest}e{direction}{exponent}"),
        _ => format!("{sign}{digits}e{direction}{exponent}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_javascript_does() {
        for (value, text) in [
            (0.0, "0"),
            (-0.0, "0"),
            (1.0, "1"),
            (-1.5, "-1.5"),
            (1_795_219_099_721.001, "1795219099721.001"),
            (1e20, "100000000000000000000"),
            (123_456_789_012_345_680_000.0, "123456789012345680000"),
            (1e21, "1e+21"),
            (1.25e21, "1.25e+21"),
            (0.000_001, "0.000001"),
            (0.000_000_1, "1e-7"),
            (-1.5e-9, "-1.5e-9"),
            (f64::MAX, "1.7976931348623157e+308"),
            (5e-324, "5e-324"),
        ] {
            assert_eq!(Value::Number(value).stringify(), text);
        }
    }

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
