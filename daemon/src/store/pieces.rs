//! The pieces of texts that the index holds, and what is asked of it.

// A text is found by every part of its words, in every script. The index therefore holds each run of three characters of
// each word, with its place: a longer part of a word is the row of its pieces, one behind the other. A part of one or
// two characters, which is a whole word in Chinese and Japanese, is a piece of its own, held once for each text. So
// nothing has to know where words begin in scripts without spaces, and a search never reads texts.
//
// FTS5's own tokenizer of trigrams has no pieces shorter than three: it would find neither 猫 nor 東京. Ours come as one
// text of pieces with spaces between them, which its tokenizer "ascii" takes apart again.

use std::collections::BTreeSet;

use rusqlite::functions::FunctionFlags;
use rusqlite::{Connection, Error};
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Before the number of a persona, as a piece of each of its texts. No word has a character of private use.
const PERSONA: char = '\u{e000}';
/// Before the number of a conversation.
const CONVERSATION: char = '\u{e001}';

/// Makes `search_pieces(persona, conversation, text)` known, which the triggers of the schema call.
pub(super) fn register(connection: &Connection) -> Result<(), Error> {
    // Harmless in a schema that somebody else wrote: it depends on its arguments alone.
    let flags =
        FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC | FunctionFlags::SQLITE_INNOCUOUS;
    connection.create_scalar_function("search_pieces", 3, flags, |context| {
        let (persona, conversation, text) = (context.get(0)?, context.get(1)?, context.get::<String>(2)?);
        Ok(pieces(persona, conversation, &text))
    })
}

/// The words of a text as they are compared: without case, accents and width, and without what is between them.
fn words(text: &str) -> Vec<Vec<char>> {
    // Accents go while letters and accents are apart; what is no accent, such as the dots of が, goes back to its letter.
    let folded: String = text
        .nfkd()
        .flat_map(char::to_lowercase)
        .filter(|c| !('\u{300}'..='\u{36f}').contains(c))
        .nfc()
        .collect();
    let words = folded.split(|c| !is_searched(c)).filter(|word| !word.is_empty());
    words.map(|word| word.chars().collect()).collect()
}

/// Letters, digits and their marks, and symbols such as emoji; neither spaces nor punctuation.
fn is_searched(c: char) -> bool {
    let is_symbol = matches!(u32::from(c), 0x2190..=0x2BFF | 0x1F000..=0x1FAFF);
    c.is_alphanumeric() || is_combining_mark(c) && !('\u{fe00}'..='\u{fe0f}').contains(&c) || is_symbol
}

/// What the index holds of a text.
fn pieces(persona: i64, conversation: i64, text: &str) -> String {
    let mut out = format!("{PERSONA}{persona} {CONVERSATION}{conversation}");
    let mut push = |piece: &[char]| {
        out.push(' ');
        out.extend(piece);
    };
    let words = words(text);
    let mut seen = BTreeSet::new();
    for word in &words {
        word.windows(3).for_each(&mut push);
        let mut apart = false;
        for short in word.windows(2).chain(word.windows(1)) {
            if seen.insert(short) {
                push(short);
                apart = true;
            }
        }
        // A short piece is between any two words, so that their pieces are not in a row.
        if let (false, Some(last)) = (apart, word.last_chunk::<1>()) {
            push(last);
        }
    }
    out
}

/// What to ask the index for texts of a persona, or of one conversation of it, that have every word of a query somewhere
/// in a word of theirs. `None`: there is no word in the query.
pub(super) fn expression(persona: i64, conversation: Option<i64>, query: &str) -> Option<String> {
    let words = words(query);
    if words.is_empty() {
        return None;
    }
    let scope = match conversation {
        Some(conversation) => format!("\"{CONVERSATION}{conversation}\""),
        None => format!("\"{PERSONA}{persona}\""),
    };
    let mut out = scope;
    // The same word twice asks for nothing more.
    for word in words.iter().collect::<BTreeSet<_>>() {
        out.push_str(" AND \"");
        let size = word.len().min(3);
        for (place, piece) in word.windows(size).enumerate() {
            if place > 0 {
                out.push(' ');
            }
            out.extend(piece);
        }
        out.push('"');
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folded(text: &str) -> Vec<String> {
        words(text).into_iter().map(String::from_iter).collect()
    }

    #[test]
    fn words_have_no_case_no_accents_and_no_width() {
        assert_eq!(folded("Café, CAFE\u{301}!  ＡＢＣ ﾈｺ"), ["cafe", "cafe", "abc", "ネコ"]);
        assert_eq!(folded("がく か\u{3099}く"), ["がく", "がく"], "a mark that makes another letter stays");
        assert_eq!(folded("İstanbul ΣΊΣΥΦΟΣ"), ["istanbul", "σισυφοσ"]);
        assert_eq!(folded("「東京」で。3時?"), ["東京", "で", "3時"]);
        assert_eq!(folded("a🎭b \u{e000}1 \u{1}\"*"), ["a🎭b", "1"]);
        assert_eq!(folded("हिन्दी 한국어"), ["हिन्दी", "한국어"]);
        assert!(folded(" .,;-_\u{2026}\n").is_empty());
    }

    #[test]
    fn pieces_of_two_words_are_apart() {
        assert_eq!(pieces(1, 2, "abc bcd"), "\u{e000}1 \u{e001}2 abc ab bc a b c bcd cd d");
        assert_eq!(pieces(1, 2, "猫 猫"), "\u{e000}1 \u{e001}2 猫 猫");
        assert_eq!(expression(1, None, "abcd 猫 abcd").unwrap(), "\"\u{e000}1\" AND \"abc bcd\" AND \"猫\"");
        assert_eq!(expression(1, Some(2), "Ab").unwrap(), "\"\u{e001}2\" AND \"ab\"");
        assert_eq!(expression(1, None, "?!"), None);
    }
}
