//! JSON as JavaScript reads and writes it: member order kept, numbers as ECMA-262 prints them.

use super::limits::MAX_DEPTH;
use super::pack::{MAX_SAFE_INTEGER, Value, as_text};
use crate::javascript::number_text;

/// Reads JSON; whole numbers become integers, other numbers 64-bit floats, and of members with one name the last counts.
/// `None` when it is not JSON, nested too deeply, or has more than `nodes` values.
pub(crate) fn read(text: &str, nodes: usize) -> Option<Value> {
    let mut value: Value = serde_json::from_str(text).ok()?;
    let mut left = nodes;
    let good = tidy(&mut value, 0, &mut left);
    if good {
        return Some(value);
    }
    drop(super::pack::Wiped(value));
    None
}

/// A text without the byte order marks that some editors write before it, and without blanks around them.
#[must_use]
pub fn without_byte_order_mark(text: &str) -> &str {
    text.trim_start_matches(|c: char| c == '\u{feff}' || c.is_whitespace())
}

/// Writes JSON without white space; `None` when JSON cannot hold the value (bytes, extensions, deep nesting).
pub(crate) fn write(value: &Value) -> Option<String> {
    let mut out = String::new();
    write_into(value, 0, &mut out)?;
    Some(out)
}

/// Turns what serde read into what JavaScript would have: `false` when a bound is exceeded.
fn tidy(value: &mut Value, depth: usize, left: &mut usize) -> bool {
    // JavaScript has one number type, a 64-bit float. `1.0` and `1` are the same value, and an integer beyond 2^53 is
    // rounded. MessagePack writes integers and floats differently, so without this a post that was read here and written
    // again would have other bytes than the extension's.
    let Some(fewer) = left.checked_sub(1) else { return false };
    *left = fewer;
    match value {
        Value::Array(items) => depth < MAX_DEPTH && items.iter_mut().all(|item| tidy(item, depth + 1, left)),
        Value::Map(members) => {
            keep_last(members);
            depth < MAX_DEPTH && members.iter_mut().all(|(_, member)| tidy(member, depth + 1, left))
        }
        Value::F64(float) if float.fract() == 0.0 && float.abs() <= MAX_SAFE_INTEGER as f64 => {
            *value = Value::from(*float as i64);
            true
        }
        Value::Integer(integer) => {
            let safe = integer.as_i64().is_some_and(|number| number.abs() <= MAX_SAFE_INTEGER);
            if !safe {
                *value = Value::F64(integer.as_f64().unwrap_or(f64::NAN));
            }
            true
        }
        _ => true,
    }
}

/// Of members with one name, keeps the position of the first and the value of the last, as JavaScript objects do.
pub(crate) fn keep_last(members: &mut Vec<(Value, Value)>) {
    let mut places = std::collections::HashMap::with_capacity(members.len());
    let mut kept: Vec<(Value, Value)> = Vec::with_capacity(members.len());
    for (key, value) in members.drain(..) {
        let name = as_text(&key).map(|name| name.into_owned());
        let place = *places.entry(name).or_insert(kept.len());
        match kept.get_mut(place) {
            Some(member) => member.1 = value,
            None => kept.push((key, value)),
        }
    }
    *members = kept;
}

fn write_into(value: &Value, depth: usize, out: &mut String) -> Option<()> {
    if depth > MAX_DEPTH {
        return None;
    }
    match value {
        Value::Nil => out.push_str("null"),
        Value::Boolean(flag) => out.push_str(if *flag { "true" } else { "false" }),
        Value::Integer(integer) => out.push_str(&integer.to_string()),
        Value::F32(float) => out.push_str(&number_text(f64::from(*float))),
        Value::F64(float) => out.push_str(&number_text(*float)),
        Value::String(_) => write_text(&as_text(value)?, out)?,
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write_into(item, depth + 1, out)?;
            }
            out.push(']');
        }
        Value::Map(members) => {
            out.push('{');
            for (index, (key, member)) in members.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write_text(&as_text(key)?, out)?;
                out.push(':');
                write_into(member, depth + 1, out)?;
            }
            out.push('}');
        }
        Value::Binary(_) | Value::Ext(..) => return None,
    }
    Some(())
}

fn write_text(text: &str, out: &mut String) -> Option<()> {
    out.push_str(&serde_json::to_string(text).ok()?);
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn order_and_last_member_are_kept() {
        let value = read(r#"{ "z":1.0, "a":[null,true], "z":2, "big":9007199254740993 }"#, 100).unwrap();
        assert_eq!(write(&value).unwrap(), r#"{"z":2,"a":[null,true],"big":9007199254740992}"#);
    }

    #[test]
    fn bounds_hold() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(read(&nested(MAX_DEPTH), 1000).is_some());
        assert!(read(&nested(MAX_DEPTH + 1), 1000).is_none());
        assert!(read(&"[".repeat(100_000), 100).is_none());
        assert!(read("[1,2,3]", 3).is_none());
        assert!(write(&Value::Binary(vec![1])).is_none());
    }

    proptest! {
        #[test]
        fn any_text_is_answered(text: String) {
            if let Some(value) = read(&text, 1000) {
                prop_assert!(write(&value).is_some());
            }
        }
    }
}
