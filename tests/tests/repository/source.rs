//! Reads which paths a Rust file names, as far as the rules of the architecture need it.
//!
//! A lexer and a reader of `use` trees, no parser: whatever macros write is not seen.

/// A path that is named, segment by segment, and the name under which `use` brings it in.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Named {
    pub(crate) path: Vec<String>,
    pub(crate) name: String,
}

/// What one file names, without its tests.
#[derive(Debug, Default)]
pub(crate) struct Source {
    /// Paths that begin with `crate`, `super`, `self`, or a crate of this project or of Nym.
    pub(crate) named: Vec<Named>,
    /// What `pub use` passes on.
    pub(crate) exports: Vec<Named>,
}

impl Source {
    pub(crate) fn read(text: &str) -> Self {
        let words = without_tests(&words(text));
        let mut source = Self::default();
        for (at, word) in words.iter().enumerate() {
            let before = at.checked_sub(1).map_or("", |before| words[before]);
            let begins = matches!(*word, "crate" | "super" | "self")
                && words.get(at + 1) == Some(&"::")
                && !matches!(before, "::" | "(");
            let foreign = word.starts_with("bauta_") || word.starts_with("nym_");
            if begins || (foreign && before != "::") {
                tree(&words, at, &[], &mut source.named);
            }
            if *word == "use" && matches!(before, "pub" | ")") {
                tree(&words, at + 1, &[], &mut source.exports);
            }
        }
        source
    }
}

/// Reads one `use` tree; gives the place after it.
fn tree(words: &[&str], mut at: usize, prefix: &[String], found: &mut Vec<Named>) -> usize {
    let mut path = prefix.to_vec();
    while let Some(word) = words.get(at) {
        if *word == "{" {
            at += 1;
            while words.get(at).is_some_and(|word| *word != "}") {
                at = tree(words, at, &path, found);
                at += usize::from(words.get(at) == Some(&","));
            }
            return at + 1;
        }
        if !word.starts_with(|c: char| c.is_alphanumeric() || c == '_' || c == '*') {
            break;
        }
        if *word != "self" || path.is_empty() {
            path.push((*word).to_owned());
        }
        at += 1;
        if words.get(at) != Some(&"::") {
            break;
        }
        at += 1;
    }
    let mut name = path.last().cloned().unwrap_or_default();
    if words.get(at) == Some(&"as") {
        name = words.get(at + 1).map_or(name, |alias| (*alias).to_owned());
        at += 2;
    }
    found.push(Named { path, name });
    at
}

/// Removes every item behind `#[cfg(test)]`.
fn without_tests<'t>(words: &[&'t str]) -> Vec<&'t str> {
    const CFG_TEST: [&str; 7] = ["#", "[", "cfg", "(", "test", ")", "]"];
    let mut kept = Vec::new();
    let mut at = 0;
    while at < words.len() {
        if !words[at..].starts_with(&CFG_TEST) {
            kept.push(words[at]);
            at += 1;
            continue;
        }
        while at < words.len() && !matches!(words[at], "{" | ";") {
            at += 1;
        }
        let mut depth = usize::from(words.get(at) == Some(&"{"));
        while depth > 0 && at + 1 < words.len() {
            at += 1;
            depth = match words[at] {
                "{" => depth + 1,
                "}" => depth - 1,
                _ => depth,
            };
        }
        at += 1;
    }
    kept
}

/// Words, `::`, and every other mark by itself; comments, texts and characters are left out.
fn words(text: &str) -> Vec<&str> {
    let bytes = text.as_bytes();
    let is_word = |at: usize| bytes.get(at).is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_');
    let end =
        |from: usize, mark: &str| text[from..].find(mark).map_or(text.len(), |at| from + at + mark.len());
    let mut words = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let rest = &text[at..];
        if rest.starts_with("//") {
            at = end(at, "\n");
        } else if rest.starts_with("/*") {
            at = end(at, "*/");
        } else if let Some(hashes) = raw_text(rest) {
            at = end(at + rest.find('"').unwrap() + 1, &format!("\"{}", "#".repeat(hashes)));
        } else if rest.starts_with('"') {
            at = quoted(bytes, at, b'"');
        } else if let Some(after) = rest.strip_prefix('\'') {
            // A lifetime has no closing mark.
            let is_char = after.starts_with('\\') || after.chars().nth(1) == Some('\'');
            at = if is_char { quoted(bytes, at, b'\'') } else { at + 1 };
        } else if is_word(at) {
            let start = at;
            while is_word(at) {
                at += 1;
            }
            words.push(&text[start..at]);
        } else if rest.starts_with("::") {
            words.push("::");
            at += 2;
        } else {
            let length = rest.chars().next().unwrap().len_utf8();
            if !rest.starts_with(char::is_whitespace) {
                words.push(&rest[..length]);
            }
            at += length;
        }
    }
    words
}

/// The number of `#` of a raw text that begins here.
fn raw_text(rest: &str) -> Option<usize> {
    let rest = rest.strip_prefix("br").or_else(|| rest.strip_prefix('r'))?;
    let hashes = rest.len() - rest.trim_start_matches('#').len();
    rest[hashes..].starts_with('"').then_some(hashes)
}

fn quoted(bytes: &[u8], start: usize, mark: u8) -> usize {
    let mut at = start + 1;
    while at < bytes.len() && bytes[at] != mark {
        at += 1 + usize::from(bytes[at] == b'\\');
    }
    at + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(text: &str) -> Vec<String> {
        Source::read(text).named.into_iter().map(|named| named.path.join("::")).collect()
    }

    #[test]
    fn braces_are_expanded() {
        let text =
            "use crate::{a::B, c::{self, D as E, f::*}};\nuse bauta_ipc::{Api,};\nuse super::super::g::H;";
        assert_eq!(
            named(text),
            [
                "crate::a::B",
                "crate::c",
                "crate::c::D",
                "crate::c::f::*",
                "bauta_ipc::Api",
                "super::super::g::H"
            ]
        );
    }

    #[test]
    fn paths_in_code_count_and_texts_do_not() {
        let text = r##"
            // crate::comment::X
            fn f<'a>(x: &'a str) -> crate::a::B { /* crate::b */ g('"', "crate::text", r#"super::"#); super::h::<nym_sdk::C>() }
            pub(crate) fn g(self) { self.x() }
        "##;
        assert_eq!(named(text), ["crate::a::B", "super::h", "nym_sdk::C"]);
    }

    #[test]
    fn tests_do_not_count() {
        let text = "use crate::a::B;\n#[cfg(test)]\nmod tests { use crate::c::D; fn f() { {} } }\nuse crate::e::F;\n#[cfg(test)] mod more;";
        assert_eq!(named(text), ["crate::a::B", "crate::e::F"]);
    }

    #[test]
    fn exports_are_found() {
        let source = Source::read("pub use a::B;\npub(crate) use self::c::{D, E as F};\nuse g::H;");
        let names: Vec<_> =
            source.exports.iter().map(|named| (named.path.join("::"), named.name.as_str())).collect();
        assert_eq!(
            names,
            [("a::B".to_owned(), "B"), ("self::c::D".to_owned(), "D"), ("self::c::E".to_owned(), "F")]
        );
    }
}
