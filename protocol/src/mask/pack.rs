//! MessagePack with bounds: the bytes are surveyed before any memory is allocated for what they claim to hold.

use rmp::Marker;
pub use rmpv::Value;
use zeroize::Zeroize;

use super::limits::MAX_DEPTH;

/// Why bytes are not one bounded MessagePack value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PackError {
    /// The bytes end inside a value.
    #[error("the MessagePack data are cut off")]
    Truncated,
    /// There is something after the value.
    #[error("there are bytes after the MessagePack value")]
    Trailing,
    /// The one byte that MessagePack never uses.
    #[error("the byte 0xc1 is not a MessagePack value")]
    Reserved,
    /// Nested deeper than [`MAX_DEPTH`].
    #[error("the MessagePack data are nested too deeply")]
    TooDeep,
    /// More values than allowed here.
    #[error("the MessagePack data hold too many values")]
    TooMany,
    /// The library refused what the survey had accepted.
    #[error("the MessagePack data could not be converted")]
    Library,
}

/// Reads one value that fills `bytes`, of at most `nodes` values, nested at most [`MAX_DEPTH`] deep.
pub(crate) fn read(bytes: &[u8], nodes: usize) -> Result<Value, PackError> {
    survey(bytes, nodes)?;
    // The library counts two steps for each level and two for a string.
    let depth = MAX_DEPTH.saturating_mul(2).saturating_add(4);
    rmpv::decode::read_value_with_max_depth(&mut &*bytes, depth).map_err(|_| PackError::Library)
}

/// The shortest encoding of `value`.
pub(crate) fn write(value: &Value) -> Result<Vec<u8>, PackError> {
    let mut bytes = Vec::new();
    rmpv::encode::write_value(&mut bytes, value).map_err(|_| PackError::Library)?;
    Ok(bytes)
}

/// A text value.
pub(crate) fn text(text: &str) -> Value {
    Value::from(text)
}

/// A map with text keys, in the order given.
pub(crate) fn map<const N: usize>(members: [(&str, Value); N]) -> Value {
    Value::Map(members.into_iter().map(|(key, value)| (text(key), value)).collect())
}

/// A whole number, even if it was written as a float: JavaScript has one type for both.
pub(crate) fn as_whole(value: &Value) -> Option<i64> {
    match value {
        Value::F32(_) | Value::F64(_) => {
            let float = value.as_f64()?;
            let whole = float as i64;
            (float.fract() == 0.0 && float.abs() <= MAX_SAFE_INTEGER as f64).then_some(whole)
        }
        _ => value.as_i64(),
    }
}

/// The greatest whole number that JavaScript holds exactly.
pub(crate) const MAX_SAFE_INTEGER: i64 = (1 << 53) - 1;

/// A text; bytes that are not UTF-8 become U+FFFD, as in a browser.
pub(crate) fn as_text(value: &Value) -> Option<std::borrow::Cow<'_, str>> {
    match value {
        Value::String(text) => Some(String::from_utf8_lossy(text.as_bytes())),
        _ => None,
    }
}

/// The member `key` of a map; the last one when there are several, as in JavaScript.
/// Nil counts as absent.
pub(crate) fn member<'v>(map: &'v Value, key: &str) -> Option<&'v Value> {
    let (_, value) = map.as_map()?.iter().rev().find(|(name, _)| name.as_str() == Some(key))?;
    (!value.is_nil()).then_some(value)
}

/// The element at `index`; nil when the array is shorter, as in JavaScript.
pub(crate) fn element(array: &[Value], index: usize) -> &Value {
    array.get(index).unwrap_or(&Value::Nil)
}

/// A value that holds secrets; it is overwritten when it is dropped.
pub(crate) struct Wiped(pub(crate) Value);

impl Drop for Wiped {
    fn drop(&mut self) {
        wipe(&mut self.0);
    }
}

fn wipe(value: &mut Value) {
    match std::mem::replace(value, Value::Nil) {
        Value::String(text) => text.into_bytes().zeroize(),
        Value::Binary(mut bytes) | Value::Ext(_, mut bytes) => bytes.zeroize(),
        Value::Array(mut items) => items.iter_mut().for_each(wipe),
        Value::Map(mut members) => members.iter_mut().for_each(|(key, value)| {
            wipe(key);
            wipe(value);
        }),
        _ => {}
    }
}

/// Walks over the encoding and stores nothing but the open arrays and maps.
fn survey(bytes: &[u8], nodes: usize) -> Result<(), PackError> {
    // A header of five bytes can announce four billion elements, and a few kilobytes can nest thousands of arrays. So the
    // whole encoding is walked before the library builds values from it, without recursion: every value counts against
    // `nodes`, nesting against MAX_DEPTH, and each length against the bytes that are there.
    let mut rest = bytes;
    let mut left = nodes;
    // How many values each open array or map still lacks. The outermost entry is the document itself: one value.
    let mut open = vec![1_u64];
    while let Some(awaited) = open.last_mut() {
        if *awaited == 0 {
            open.pop();
            continue;
        }
        *awaited -= 1;
        left = left.checked_sub(1).ok_or(PackError::TooMany)?;
        let children = step(&mut rest)?;
        if let Some(children) = children {
            if open.len() > MAX_DEPTH {
                return Err(PackError::TooDeep);
            }
            open.push(children);
        }
    }
    if rest.is_empty() { Ok(()) } else { Err(PackError::Trailing) }
}

/// Skips one marker and its own bytes. Returns the number of values inside if it is an array or a map.
fn step(rest: &mut &[u8]) -> Result<Option<u64>, PackError> {
    let marker = Marker::from_u8(number(rest, 1)? as u8);
    let own = match marker {
        Marker::FixPos(_) | Marker::FixNeg(_) | Marker::Null | Marker::True | Marker::False => 0,
        Marker::U8 | Marker::I8 => 1,
        Marker::U16 | Marker::I16 | Marker::FixExt1 => 2,
        Marker::FixExt2 => 3,
        Marker::U32 | Marker::I32 | Marker::F32 => 4,
        Marker::FixExt4 => 5,
        Marker::U64 | Marker::I64 | Marker::F64 => 8,
        Marker::FixExt8 => 9,
        Marker::FixExt16 => 17,
        Marker::FixStr(length) => u64::from(length),
        Marker::Str8 | Marker::Bin8 => number(rest, 1)?,
        Marker::Str16 | Marker::Bin16 => number(rest, 2)?,
        Marker::Str32 | Marker::Bin32 => number(rest, 4)?,
        Marker::Ext8 => number(rest, 1)? + 1,
        Marker::Ext16 => number(rest, 2)? + 1,
        Marker::Ext32 => number(rest, 4)? + 1,
        Marker::FixArray(length) => return Ok(Some(u64::from(length))),
        Marker::Array16 => return number(rest, 2).map(Some),
        Marker::Array32 => return number(rest, 4).map(Some),
        Marker::FixMap(length) => return Ok(Some(2 * u64::from(length))),
        Marker::Map16 => return number(rest, 2).map(|length| Some(2 * length)),
        Marker::Map32 => return number(rest, 4).map(|length| Some(2 * length)),
        Marker::Reserved => return Err(PackError::Reserved),
    };
    let own = usize::try_from(own).map_err(|_| PackError::Truncated)?;
    take(rest, own).map(|_| None)
}

/// A big-endian number of at most 4 bytes.
fn number(rest: &mut &[u8], width: usize) -> Result<u64, PackError> {
    Ok(take(rest, width)?.iter().fold(0, |number, byte| (number << 8) | u64::from(*byte)))
}

fn take<'b>(rest: &mut &'b [u8], length: usize) -> Result<&'b [u8], PackError> {
    let (taken, after) = rest.split_at_checked(length).ok_or(PackError::Truncated)?;
    *rest = after;
    Ok(taken)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn bounds_hold() {
        let nested = |depth: usize| [vec![0x91; depth], vec![0xc0]].concat();
        assert!(read(&nested(MAX_DEPTH), 1000).is_ok());
        assert_eq!(read(&nested(MAX_DEPTH + 1), 1000), Err(PackError::TooDeep));
        assert_eq!(read(&nested(1 << 20), usize::MAX), Err(PackError::TooDeep));
        assert_eq!(read(&[0x93, 0, 0, 0], 3), Err(PackError::TooMany));
        assert!(read(&[0x93, 0, 0, 0], 4).is_ok());
        assert_eq!(read(&[0xdd, 0xff, 0xff, 0xff, 0xff, 0], 100), Err(PackError::Truncated));
        assert_eq!(read(&[0xc6, 0xff, 0xff, 0xff, 0xff, 0], 100), Err(PackError::Truncated));
        assert_eq!(read(&[0xc0, 0xc0], 100), Err(PackError::Trailing));
        assert_eq!(read(&[0x91, 0xc1], 100), Err(PackError::Reserved));
        assert_eq!(read(&[], 100), Err(PackError::Truncated));
    }

    #[test]
    fn whole_floats_are_whole() {
        assert_eq!(as_whole(&Value::F64(2.0)), Some(2));
        assert_eq!(as_whole(&Value::F64(2.5)), None);
        assert_eq!(as_whole(&Value::F64(f64::NAN)), None);
        assert_eq!(as_whole(&Value::F64(1e300)), None);
        assert_eq!(as_whole(&Value::from(-3)), Some(-3));
        assert_eq!(as_whole(&Value::from(u64::MAX)), None);
    }

    proptest! {
        #[test]
        fn survey_and_library_agree(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            // Whatever passes the survey is one whole value for the library, and writes back.
            if let Ok(value) = read(&bytes, 1000) {
                let again = write(&value).unwrap();
                prop_assert!(read(&again, 1000).is_ok());
            }
        }
    }
}
