//! What is taken out of text before anybody else reads it.
//!
//! The log's rules (`docs/logging.md`) keep these things out already. This is the second wall: a line of another
//! crate, or a check that names a file, must not betray what the first one missed.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;

/// A run of letters and digits of this length with a digit in it is taken for a key, an id or an address.
const ID: usize = 16;

/// The same for runs of hexadecimal digits, of which short forms of keys are made.
const SHORT_ID: usize = 8;

/// Replaces names, paths of the user, addresses and ids.
pub(super) struct Redactor {
    /// What to look for, and what to put there; the longest first.
    words: Vec<(String, &'static str)>,
}

impl Redactor {
    pub(super) fn new(home: &Path, user: Option<&Path>, names: Vec<String>) -> Self {
        let mut words: Vec<(String, &'static str)> = names.into_iter().map(|name| (name, "[name]")).collect();
        words.push((home.display().to_string(), "[home]"));
        if let Some(user) = user.filter(|user| user.parent().is_some()) {
            words.push((user.display().to_string(), "~"));
        }
        words.retain(|(word, _)| !word.is_empty());
        words.sort_by_key(|(word, _)| std::cmp::Reverse(word.len()));
        Self { words }
    }

    pub(super) fn line(&self, line: &str) -> String {
        let mut line = line.to_owned();
        for (word, instead) in &self.words {
            line = replace_word(&line, word, instead);
        }
        let words: Vec<String> = line.split(' ').map(masked).collect();
        words.join(" ")
    }
}

/// Replaces `word` where it is not a part of a longer word.
fn replace_word(text: &str, word: &str, instead: &str) -> String {
    let mut result = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(word) {
        let inside = before.chars().next_back().is_some_and(char::is_alphanumeric)
            || after.chars().next().is_some_and(char::is_alphanumeric);
        result.push_str(before);
        result.push_str(if inside { word } else { instead });
        rest = after;
    }
    result.push_str(rest);
    result
}

fn masked(word: &str) -> String {
    let bare =
        word.trim_matches(|c: char| !c.is_ascii_alphanumeric() && !"[]:".contains(c)).trim_end_matches(':');
    if bare.parse::<IpAddr>().is_ok() || bare.parse::<SocketAddr>().is_ok() {
        return word.replace(bare, "[ip]");
    }
    if word.contains("://")
        || word.contains('@')
        || word.starts_with("bauta:")
        || word.contains("bauta-relay:")
    {
        return "[address]".to_owned();
    }
    let mut result = String::new();
    let mut run = String::new();
    for character in word.chars().chain([' ']) {
        if character.is_ascii_alphanumeric() || character == '_' || character == '-' {
            run.push(character);
            continue;
        }
        result.push_str(if is_id(&run) { "[id]" } else { &run });
        run.clear();
        result.push(character);
    }
    result.pop();
    result
}

fn is_id(run: &str) -> bool {
    let has_digit = run.chars().any(|c| c.is_ascii_digit());
    let is_hex = run.chars().all(|c| c.is_ascii_hexdigit());
    let has_letter = run.chars().any(|c| c.is_ascii_alphabetic());
    has_digit && (run.len() >= ID || (is_hex && has_letter && run.len() >= SHORT_ID))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redactor() -> Redactor {
        let names = ["alice", "Bob Ö", ""].map(str::to_owned).to_vec();
        Redactor::new(Path::new("/home/carol/.local/share/bauta"), Some(Path::new("/home/carol")), names)
    }

    #[test]
    fn what_tells_of_somebody_is_taken_out() {
        for (line, redacted) in [
            ("The persona alice writes to Bob Ö.", "The persona [name] writes to [name]."),
            ("malice and alice2 stay", "malice and alice2 stay"),
            ("/home/carol/.local/share/bauta/key and /home/carol/x", "[home]/key and ~/x"),
            ("door 192.0.2.1:9000, [2001:db8::1]:80 and 2001:db8::1.", "door [ip], [ip] and [ip]."),
            ("box 00ff00ff00ff00ff00ff00ff00ff00ff ended", "box [id] ended"),
            ("key=3f9a12c4, next", "key=[id], next"),
            ("sent to 9Ks2Zk5n3MhX7R4wq.8TfVbnmKj23QpLxYz@6GhT", "sent to [address]"),
            ("bauta:AbC#dEf https://gun.example/x", "[address] [address]"),
            (
                "2026-11-27T02:20:12.123456Z  INFO bauta_sphinx_client::client: It took 3.2 s.",
                "2026-11-27T02:20:12.123456Z  INFO bauta_sphinx_client::client: It took 3.2 s.",
            ),
        ] {
            assert_eq!(redactor().line(line), redacted);
        }
    }
}
