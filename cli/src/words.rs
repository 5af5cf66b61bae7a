//! Words for states and times, the same in every command.

use std::fmt::Write as _;
use std::time::Duration;

use bauta_ipc::{ConnectionState, ContactState, Disappearing, MessageState, Utc};
use bauta_protocol::time::{Clock as _, Timestamp};
use bauta_sphinx_client::SystemClock;

/// The state of an own message.
pub(crate) fn message_words(state: MessageState) -> &'static str {
    match state {
        MessageState::Queued => "Queued",
        MessageState::Stored => "Stored at the relay",
        MessageState::Delivered => "Delivered",
        MessageState::Failed => "Failed",
    }
}

/// How many personas use a relay, by its word, which is a power of ten.
pub(crate) fn crowd_words(personas: u32) -> String {
    match personas {
        0..10 => "fewer than 10 personas".to_owned(),
        10_000.. => "10,000 personas or more".to_owned(),
        _ => format!("{personas} personas or more"),
    }
}

/// The state of a connection, with its phase where there is one.
pub(crate) fn state_words(state: ConnectionState, phase: Option<&str>) -> String {
    match (state, phase) {
        (ConnectionState::Off, _) => "Not connected".to_owned(),
        (ConnectionState::Connecting, None) => "Connecting".to_owned(),
        (ConnectionState::Connecting, Some(phase)) => format!("Connecting: {phase}"),
        (ConnectionState::Ready, _) => "Connected through the mixnet".to_owned(),
        (ConnectionState::Degraded, _) => "Connected, but answers are late".to_owned(),
        (ConnectionState::Lost, None) => "Connection lost".to_owned(),
        (ConnectionState::Lost, Some(phase)) => format!("Connection lost: {phase}"),
        (ConnectionState::Locked, _) => "Locked".to_owned(),
    }
}

/// The state of a contact.
pub(crate) fn contact_words(state: ContactState) -> &'static str {
    match state {
        ContactState::Invited => "invited, no answer yet",
        ContactState::Pending => "exchanging keys",
        ContactState::Active => "connected",
        ContactState::Blocked => "blocked",
    }
}

/// A time of so many seconds: `1day 12h`.
pub(crate) fn span(seconds: u32) -> String {
    humantime::format_duration(Duration::from_secs(seconds.into())).to_string()
}

/// How long messages with a contact stay, and who wants what.
pub(crate) fn disappearing_words(shown: &Disappearing) -> String {
    let Disappearing { after, own, theirs, untold } = *shown;
    let mut words =
        after.map_or_else(|| "they stay".to_owned(), |after| format!("they disappear after {}", span(after)));
    let wish = |wish: Option<u32>| wish.map_or_else(|| "them to stay".to_owned(), span);
    if own != theirs {
        words.push_str(&format!("; you want {}, they want {}", wish(own), wish(theirs)));
    }
    if untold {
        words.push_str("; they have not heard of yours yet");
    }
    words
}

/// A time for a person: `2026-11-21 14:03:07Z`.
pub(crate) fn moment(time: Utc) -> String {
    let text = time.to_string();
    match text.split_once('T').and_then(|(day, clock)| Some((day, clock.split_once('.')?.0))) {
        Some((day, clock)) => format!("{day} {clock}Z"),
        None => text,
    }
}

/// How long ago, in one unit: `3 s ago`.
pub(crate) fn ago(time: Utc) -> String {
    match now().0.checked_sub(time.millis()).map(Duration::from_millis) {
        Some(passed) => format!("{} ago", one_unit(passed)),
        None => "just now".to_owned(),
    }
}

/// How long from now, in one unit: `in 7 days`.
pub(crate) fn expiry(time: Utc) -> String {
    match time.millis().checked_sub(now().0).map(Duration::from_millis) {
        Some(left) => format!("in {}", one_unit(left)),
        None => "already".to_owned(),
    }
}

/// The first digits of a public key.
pub(crate) fn short_key(key: &str) -> String {
    key.chars().take(8).collect()
}

/// Text of others, safe for a terminal: control characters, which could move the cursor or hide words, and marks that
/// change the direction of writing are shown escaped, as Rust writes them.
pub(crate) fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if steers(c) {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
    }
    shown
}

/// JSON with the same values, safe for a terminal. JSON itself escapes only the control characters below the space; a
/// terminal also obeys those from 0x7f to 0x9f.
pub(crate) fn escaped_json(json: &str) -> String {
    let mut shown = String::with_capacity(json.len());
    for c in json.chars() {
        if steers(c) {
            // All of them are below 0x10000, and only texts hold them.
            let _ = write!(shown, "\\u{:04x}", u32::from(c));
        } else {
            shown.push(c);
        }
    }
    shown
}

fn steers(c: char) -> bool {
    let hides =
        matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{200E}' | '\u{200F}' | '\u{061C}');
    hides || (c.is_control() && c != '\n')
}

/// Text of others after a heading; its lines are aligned below the first.
pub(crate) fn block(heading: &str, text: &str) -> String {
    let indent = format!("\n{}", " ".repeat(heading.chars().count()));
    format!("{heading}{}", printable(text).trim_end().replace('\n', &indent))
}

/// The time now.
pub(crate) fn now() -> Timestamp {
    SystemClock.now()
}

fn one_unit(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..=119 => format!("{seconds} s"),
        120..=7_199 => format!("{} min", seconds / 60),
        7_200..=172_799 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_cannot_steer_the_terminal() {
        assert_eq!(printable("a\x1b[2Jb\rc\u{202E}d\u{9b}e\tf"), r"a\u{1b}[2Jb\rc\u{202e}d\u{9b}e\tf");
        assert_eq!(block("bob  ", "one\ntwo\n"), "bob  one\n     two");
        assert_eq!(printable("身份 مرحبا"), "身份 مرحبا");
    }

    #[test]
    fn json_cannot_steer_it_either_and_says_the_same() {
        for text in
            ["a\u{9b}2J\u{7f}\u{85}b", "\u{202e}\u{2066}\u{61c}", "\x1b[2J\r\n\t\"\\", "身份 مرحبا 🎭"]
        {
            let value = serde_json::json!({ text: [text] });
            for json in [value.to_string(), serde_json::to_string_pretty(&value).unwrap()] {
                let shown = escaped_json(&json);
                assert!(!shown.chars().any(steers), "{shown:?}");
                assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).unwrap(), value);
            }
        }
        assert_eq!(escaped_json("{\n  \"a\": 1\n}"), "{\n  \"a\": 1\n}");
    }

    #[test]
    fn it_is_said_who_wants_what() {
        let words =
            |after, own, theirs, untold| disappearing_words(&Disappearing { after, own, theirs, untold });
        assert_eq!(words(Some(604_800), Some(604_800), Some(604_800), false), "they disappear after 7days");
        assert_eq!(
            words(None, Some(3_600), None, true),
            "they stay; you want 1h, they want them to stay; they have not heard of yours yet"
        );
        assert_eq!(
            words(Some(90), Some(30), Some(90), false),
            "they disappear after 1m 30s; you want 30s, they want 1m 30s"
        );
    }

    #[test]
    fn times_are_short() {
        assert_eq!(moment("2026-11-21T14:03:07.512Z".parse().unwrap()), "2026-11-21 14:03:07Z");
        assert_eq!(one_unit(Duration::from_secs(119)), "119 s");
        assert_eq!(one_unit(Duration::from_secs(121)), "2 min");
        assert_eq!(one_unit(Duration::from_secs(7_200)), "2 h");
        assert_eq!(one_unit(Duration::from_secs(8 * 86_400)), "8 days");
        assert_eq!(expiry(Utc::from_millis(0)), "already");
    }
}
