//! Puts numbered names in the place of what differs from run to run.

use std::collections::HashMap;
use std::path::Path;

use serde_json::{Map, Value};

/// Numbers under these keys are measured, or count something that time decides.
const MEASURED: [&str; 5] = ["cursor", "seconds", "pid", "exchanges", "version"];
/// Texts under these keys are random as a whole.
const RANDOM: [&str; 3] = ["digits", "words", "profile_text"];

/// Sentences for people, which may be worded better at any time.
const SENTENCES: [&str; 4] = ["message", "hint", "cost", "traffic_note"];

pub(crate) struct Normal {
    dir: String,
    names: HashMap<String, String>,
    counts: HashMap<&'static str, usize>,
}

impl Normal {
    pub(crate) fn new(dir: &Path) -> Self {
        Self { dir: dir.display().to_string(), names: HashMap::new(), counts: HashMap::new() }
    }

    pub(crate) fn of(&mut self, value: &Value) -> Value {
        self.within("", value)
    }

    fn within(&mut self, key: &str, value: &Value) -> Value {
        match value {
            Value::Object(members) => {
                // In one order, whatever the program's is: numbers are given by it.
                let mut sorted: Vec<_> = members.iter().collect();
                sorted.sort_by_key(|(name, _)| (*name != "run", name.as_str()));
                // A relay says how many use it some time after it is reached.
                sorted.retain(|(name, _)| key != "relays" || *name != "personas");
                let of = sorted.into_iter().map(|(name, value)| (name.clone(), self.within(name, value)));
                Value::Object(of.collect::<Map<_, _>>())
            }
            Value::Array(items) => items.iter().map(|item| self.within(key, item)).collect(),
            Value::Number(_) if MEASURED.contains(&key) || key.ends_with("_ms") => Value::from("NUMBER"),
            Value::String(_) if SENTENCES.contains(&key) => Value::from("SENTENCE"),
            Value::String(text) if RANDOM.contains(&key) => Value::from(self.name("TEXT", text)),
            Value::String(text) => Value::from(self.text(text)),
            other => other.clone(),
        }
    }

    /// Words are runs of what keys, addresses and times are written with.
    fn text(&mut self, text: &str) -> String {
        let text = text.replace(&self.dir, "DIR");
        let mut out = String::new();
        let mut rest = text.as_str();
        while !rest.is_empty() {
            let is_part = |c: char| c.is_ascii_alphanumeric() || "+/=_-:#?&%.".contains(c);
            let length = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
            let (word, other) = rest.split_at(length.max(rest.chars().next().map_or(0, char::len_utf8)));
            out.push_str(&self.word(word));
            rest = other;
        }
        out
    }

    fn word(&mut self, word: &str) -> String {
        let all = |part: &str, is: fn(&u8) -> bool| !part.is_empty() && part.bytes().all(|byte| is(&byte));
        let stem = word.trim_end_matches(['.', ':']);
        let end = word.strip_prefix(stem).unwrap();
        let known = [
            ("https://mask.io/?", "POST"),
            ("https://facebook.com", "POST"),
            ("bauta-relay:", "RELAY"),
            ("bauta:", "ADDRESS"),
        ];
        if let Some((start, kind)) =
            known.iter().find(|(start, _)| stem.starts_with(start) && stem.len() > 40)
        {
            return format!("{start}{}{end}", self.name(kind, stem));
        }
        if stem.len() >= 20
            && stem.as_bytes()[4] == b'-'
            && stem.as_bytes()[10] == b'T'
            && stem.ends_with('Z')
        {
            return format!("TIME{end}");
        }
        if let Some((host, port)) = stem.split_once("127.0.0.1:").or_else(|| stem.split_once("localhost:")) {
            let path = port.trim_start_matches(|c: char| c.is_ascii_digit());
            return format!("{host}LOCAL{path}{end}");
        }
        if stem.len() >= 16 && all(stem, u8::is_ascii_hexdigit) {
            return format!("{}{end}", self.name(if stem.len() == 66 { "KEY" } else { "HEX" }, stem));
        }
        let is_mixed = stem.bytes().any(|byte| byte.is_ascii_uppercase())
            && stem.bytes().any(|byte| byte.is_ascii_lowercase());
        if stem.len() >= 20 && is_mixed && !stem.contains("://") && !stem.contains("DIR") {
            return format!("{}{end}", self.name("BYTES", stem));
        }
        word.to_owned()
    }

    fn name(&mut self, kind: &'static str, text: &str) -> String {
        if let Some(name) = self.names.get(text) {
            return name.clone();
        }
        let count = self.counts.entry(kind).or_default();
        *count += 1;
        let name = format!("{kind}-{count}");
        self.names.insert(text.to_owned(), name.clone());
        name
    }
}

/// The kind of a value that may come later.
const NULL: &str = "null";

/// The kinds of values instead of the values: events show some things as they are when they are read.
pub(crate) fn shape(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            members.iter().map(|(name, value)| (name.clone(), shape(value))).collect::<Map<_, _>>().into()
        }
        Value::Array(items) => items.iter().map(shape).collect(),
        Value::String(_) => "text".into(),
        Value::Number(_) => "number".into(),
        Value::Bool(_) => "boolean".into(),
        Value::Null => NULL.into(),
    }
}

/// Adds a line for every place where two values differ.
pub(crate) fn compare(place: &str, then: &Value, now: &Value, differences: &mut Vec<String>) {
    match (then, now) {
        (Value::Object(then), Value::Object(now)) => {
            for (name, value) in then {
                compare(
                    &format!("{place}.{name}"),
                    value,
                    now.get(name).unwrap_or(&Value::Null),
                    differences,
                );
            }
            let new = now.iter().filter(|(name, _)| !then.contains_key(*name));
            differences.extend(new.map(|(name, value)| format!("{place}.{name}: new: {value}")));
        }
        (Value::Array(then), Value::Array(now)) if then.len() == now.len() => {
            for (at, (then, now)) in then.iter().zip(now).enumerate() {
                compare(&format!("{place}[{at}]"), then, now, differences);
            }
        }
        _ if *then == NULL || (*now == NULL && then.is_string()) => {}
        _ if then != now => differences.push(format!("{place}:\n    was {then}\n    is  {now}")),
        _ => {}
    }
}

#[test]
fn equal_things_keep_equal_names() {
    let mut normal = Normal::new(Path::new("/tmp/x"));
    let key = "02".to_owned() + &"ab".repeat(32);
    let value = serde_json::json!({"a": key, "b": ["2026-01-01T00:00:00.000Z", format!("see {key}.")], "c": "/tmp/x/home", "took_ms": 7});
    let expected =
        serde_json::json!({"a": "KEY-1", "b": ["TIME", "see KEY-1."], "c": "DIR/home", "took_ms": "NUMBER"});
    assert_eq!(normal.of(&value), expected);
}
