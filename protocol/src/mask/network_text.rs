//! Payloads inside the text of posts: as links on Twitter, and between 🎼 and `:||` elsewhere.

use super::base64;
use super::id::Network;
use super::limits::{MAX_PAGE_TEXT, MAX_PAYLOAD, MAX_PAYLOADS_IN_TEXT, MAX_PAYLOADS_PASTED};
use super::payload::Wire;

const V2_LINK: &str = "https://mask.io/?PostData_v2=";
const V1_LINK: &str = "https://mask.io/?PostData_v1=";
const MARK: char = '🎼';
const TAIL: &str = ":||";

/// The text that carries a payload in a post on `network`.
#[must_use]
pub fn write_in_text(network: Network, payload: &Wire) -> String {
    match (network, payload) {
        (Network::Twitter, Wire::Binary(bytes)) => {
            let escaped = base64::encode(bytes).replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
            format!("{V2_LINK}{escaped}")
        }
        (Network::Twitter, Wire::Text(text)) => {
            // The extension replaces only the first of each, and its readers undo only that: a second `+` or `=` stays.
            let text = text.replacen(MARK, "%20", 1).replacen(TAIL, "%40", 1);
            let text = text.replacen('+', "-", 1).replacen('=', "_", 1).replace('|', ".");
            format!("{V1_LINK}{text}")
        }
        (_, Wire::Binary(bytes)) => format!("{MARK}6/8|{}{TAIL}", base64::encode(bytes)),
        (_, Wire::Text(text)) => text.clone(),
    }
}

/// The payloads in the text of a post, in order: at most one on Twitter, as in the extension,
/// elsewhere at most [`MAX_PAYLOADS_IN_TEXT`]. Only the first [`MAX_PAGE_TEXT`] bytes are searched.
#[must_use]
pub fn find_in_text(network: Network, text: &str) -> Vec<Wire> {
    let text = searched(text);
    match network {
        Network::Twitter => v2_links(text).chain(v1_links(text)).take(1).collect(),
        _ => marked(text).take(MAX_PAYLOADS_IN_TEXT).collect(),
    }
}

/// Every payload of a text that somebody pasted, and the network that its form shows: links first, which only Twitter
/// has, then what the other networks share. At most [`MAX_PAYLOADS_PASTED`] of each form. A link that can be read in two
/// ways gives both: one of them is no payload.
#[must_use]
pub fn find_all_in_text(text: &str) -> Vec<(Wire, Option<Network>)> {
    let text = searched(text);
    let links = v2_readings(text).chain(v1_links(text)).take(MAX_PAYLOADS_PASTED);
    let marked = marked(text).take(MAX_PAYLOADS_PASTED);
    links.map(|wire| (wire, Some(Network::Twitter))).chain(marked.map(|wire| (wire, None))).collect()
}

fn searched(text: &str) -> &str {
    text.get(..text.floor_char_boundary(MAX_PAGE_TEXT)).unwrap_or_default()
}

// People write full stops, brackets and quotes behind a link, and other programs add queries and invisible marks, plain
// or percent-encoded. So a payload ends at what cannot belong to it, and what follows does not matter.

fn v2_links(text: &str) -> impl Iterator<Item = Wire> {
    text.split(V2_LINK).skip(1).filter_map(|rest| v2_link(&escaped_base64(rest)))
}

/// As [`v2_links`], and each once more where it ends earlier as the extension writes it.
fn v2_readings(text: &str) -> impl Iterator<Item = Wire> {
    // A slash, a plus sign or an escaped blank behind a payload without padding might be more of it. The extension escapes
    // what is not a letter or a digit, and no blank is in a payload.
    text.split(V2_LINK).skip(1).flat_map(|rest| {
        let lenient = v2_link(&escaped_base64(rest));
        let exact = v2_link(&written_base64(rest)).filter(|exact| lenient.as_ref() != Some(exact));
        lenient.into_iter().chain(exact)
    })
}

fn v2_link(base64: &str) -> Option<Wire> {
    let bytes = base64::decode(base64)?;
    (!bytes.is_empty() && bytes.len() <= MAX_PAYLOAD).then_some(Wire::Binary(bytes))
}

/// The base64 that a text begins with, if it is written as the extension writes it.
fn written_base64(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let escaped = rest.get(..3).map(str::to_ascii_uppercase);
        let (digit, length) = match escaped.as_deref() {
            Some("%2B") => ('+', 3),
            Some("%2F") => ('/', 3),
            Some("%3D") => ('=', 3),
            _ => (first, first.len_utf8()),
        };
        let is_digit = digit.is_ascii_alphanumeric() || first == '%' && matches!(digit, '+' | '/');
        let belongs = match digit {
            '=' => !out.len().is_multiple_of(4),
            _ => is_digit && !out.ends_with('='),
        };
        if !belongs {
            break;
        }
        out.push(digit);
        rest = rest.get(length..).unwrap_or_default();
    }
    out
}

/// The base64 that a text begins with, plain or percent-encoded: up to its padding, or to another character.
fn escaped_base64(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let (character, length) = if first == '%' {
            // `from_str_radix` would take a sign.
            let digits =
                rest.get(1..3).filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
            let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
            (char::from(byte.unwrap_or_default()), 3)
        } else {
            (first, first.len_utf8())
        };
        // Browsers skip white space in base64, but a link holds it percent-encoded only.
        let space = first == '%' && matches!(character, '\t' | '\n' | '\x0c' | '\r' | ' ');
        let padded = out.ends_with('=');
        let digit = character.is_ascii_alphanumeric() || matches!(character, '+' | '/');
        // A group of four that is whole takes no more padding.
        if digit && !padded || character == '=' && !out.len().is_multiple_of(4) {
            out.push(character);
        } else if !space {
            break;
        }
        rest = rest.get(length..).unwrap_or_default();
    }
    out
}

fn v1_links(text: &str) -> impl Iterator<Item = Wire> {
    let mut before = "";
    text.split("://").filter_map(move |piece| {
        let is_link = before.ends_with("http") || before.ends_with("https");
        before = piece;
        is_link.then(|| v1_link(leading(piece, |character| character.is_ascii_graphic()))).flatten()
    })
}

/// The payload of an old link, given without its scheme.
fn v1_link(link: &str) -> Option<Wire> {
    // Old links carry a text payload with a few characters replaced (see `write_in_text`) and no other escaping: `%20`
    // replaces 🎼 and `%40` replaces `:||`, so only its end identifies a link. The extension takes a URL that ends with
    // `%40`, on any host, and the path where there is no query. So does this. With more behind its end, the link must
    // begin as payloads do: addresses of e-mail in links have `%40` too.
    let value = link.split_once('?').or_else(|| link.split_once('/')).map(|(_, value)| value)?;
    let value = without_name(value);
    let value = value.strip_prefix("%20").unwrap_or(value);
    let body = leading(value, |character| {
        character.is_ascii_alphanumeric() || matches!(character, '-' | '_' | '+' | '/' | '=' | '.' | '|')
    });
    let behind = value.get(body.len()..)?.strip_prefix("%40")?;
    if body.len() > MAX_PAYLOAD || !(behind.is_empty() || begins_with_version(body)) {
        return None;
    }
    let body = body.replacen('-', "+", 1).replacen('_', "=", 1).replace('.', "|");
    Some(Wire::Text(format!("{MARK}{body}{TAIL}")))
}

/// Whether a text begins as `4/4.` does.
fn begins_with_version(text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|digit| digit.is_ascii_digit());
    text.split_once('.')
        .and_then(|(version, _)| version.split_once('/'))
        .is_some_and(|(one, other)| digits(one) && digits(other))
}

/// Strips `PostData_vN=` in any case.
fn without_name(value: &str) -> &str {
    let Some((name, rest)) = value.split_once('=') else { return value };
    let named = name.split_at_checked(10).is_some_and(|(word, digits)| {
        word.eq_ignore_ascii_case("PostData_v")
            && !digits.is_empty()
            && digits.bytes().all(|digit| digit.is_ascii_digit())
    });
    if named { rest } else { value }
}

fn marked(text: &str) -> impl Iterator<Item = Wire> {
    let is_body = |character: char| {
        character.is_ascii_alphanumeric() || matches!(character, '_' | '+' | '/' | '=' | '|')
    };
    text.split(MARK).skip(1).filter_map(move |rest| {
        let body = leading(rest, is_body);
        let whole = !body.is_empty() && rest.get(body.len()..).is_some_and(|after| after.starts_with(TAIL));
        if !whole || body.len() > MAX_PAYLOAD {
            return None;
        }
        let binary = body.strip_prefix("6/8|").and_then(base64::decode).filter(|bytes| !bytes.is_empty());
        // If `6/8|` is not followed by base64, the extension hands it on as text.
        Some(binary.map_or_else(|| Wire::Text(format!("{MARK}{body}{TAIL}")), Wire::Binary))
    })
}

fn leading(text: &str, belongs: impl Fn(char) -> bool) -> &str {
    text.find(|character| !belongs(character)).and_then(|end| text.get(..end)).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const V38: &str = "🎼4/4|A+/=+|B==|C+/|_||1:||";

    #[test]
    fn links_are_found_among_words() {
        let binary = Wire::Binary(vec![0xfb, 0xff, 0xbf, 1]);
        let link = write_in_text(Network::Twitter, &binary);
        for text in [
            link.clone(),
            format!("see {link}."),
            format!("({link})"),
            format!("{V2_LINK} {V2_LINK}%zz {V2_LINK}A {link}，后"),
            format!("{link}&utm=1"),
            format!("{link}="),
            format!("{link}%3D%3D"),
        ] {
            assert_eq!(find_in_text(Network::Twitter, &text), std::slice::from_ref(&binary), "{text}");
        }
        let old = "🎼4/4|A+B|C=D|E:||".to_owned();
        let link = write_in_text(Network::Twitter, &Wire::Text(old.clone()));
        for text in [
            link.clone(),
            format!("http {link}… more"),
            link.replace("https://mask.io/?PostData_v1=", "http://a.example/?pOSTdATA_v12="),
            link.replace("?PostData_v1=", ""),
        ] {
            assert_eq!(find_in_text(Network::Twitter, &text), [Wire::Text(old.clone())], "{text}");
        }
    }

    #[test]
    fn all_are_found_in_pasted_text() {
        let (first, second) = (Wire::Binary(vec![1, 2, 3]), Wire::Binary(vec![4]));
        let old = Wire::Text(V38.to_owned());
        let twitter = |wire: &Wire| write_in_text(Network::Twitter, wire);
        let text = format!(
            "{},{V38} {}{} 🎼6/8|BA==:||",
            twitter(&first),
            twitter(&old),
            twitter(&second).replace("%3D", "=")
        );
        let link = Some(Network::Twitter);
        assert_eq!(
            find_all_in_text(&text),
            [(first, link), (second.clone(), link), (old.clone(), link), (old, None), (second, None)]
        );
        assert_eq!(find_all_in_text("words"), []);
    }

    #[test]
    fn nothing_is_found_in_other_text() {
        for text in
            ["", "%20 %40", "https://%20%40", "https://mask.io/?PostData_v2=", "https://a.example/%20x%40x"]
        {
            assert!(find_in_text(Network::Twitter, text).is_empty(), "{text}");
        }
        for text in ["🎼:||", "🎼6/8|AA", "🎼a b:||", "🎼🎼"] {
            assert!(find_in_text(Network::Minds, text).is_empty(), "{text}");
        }
    }

    #[test]
    fn the_number_of_payloads_is_bounded() {
        let text = "🎼6/8|AA==:||".repeat(100);
        assert_eq!(find_in_text(Network::Facebook, &text).len(), MAX_PAYLOADS_IN_TEXT);
        assert_eq!(find_all_in_text(&text).len(), MAX_PAYLOADS_PASTED);
        let far = format!("{}{V38}", " ".repeat(MAX_PAGE_TEXT));
        assert!(find_in_text(Network::Facebook, &far).is_empty());
    }

    #[test]
    fn every_punctuation_mark_behind_a_payload_ends_it() {
        // With two, one and no character of padding; the last one is read with a slash or a plus sign, too.
        let wires = [vec![0xfb; 7], vec![0xfb; 8], vec![0xfb; 9]].map(Wire::Binary);
        for wire in wires.into_iter().chain([Wire::Text(V38.to_owned())]) {
            let link = write_in_text(Network::Twitter, &wire);
            let marks = (0..128_u8).map(char::from).filter(char::is_ascii_punctuation).map(String::from);
            let more = ["/and more", "+1", "%20and more", "%20", "%0A", "%2f)", "&amp;s=20", "/?s=20", "/…"];
            for behind in marks.chain(more.map(str::to_owned)) {
                // It is base64, and ends nothing.
                let is_digit =
                    behind.starts_with("%2f") && link.ends_with(|last: char| last.is_ascii_alphanumeric());
                if is_digit && !link.ends_with("%3D") && !link.ends_with("%40") {
                    continue;
                }
                let all = find_all_in_text(&format!("({link}{behind}"));
                let expected = (wire.clone(), Some(Network::Twitter));
                assert!(all.contains(&expected), "{link}{behind}: {all:?}");
            }
        }
    }

    #[test]
    fn a_link_is_read_twice_only_where_two_readings_differ() {
        let wire = Wire::Binary(vec![0xfb; 9]);
        let link = write_in_text(Network::Twitter, &wire);
        assert_eq!(find_all_in_text(&link).len(), 1);
        assert_eq!(find_all_in_text(&format!("{link}.")).len(), 1);
        assert_eq!(find_all_in_text(&format!("{link}/")), [(wire.clone(), Some(Network::Twitter))]);
        assert_eq!(find_all_in_text(&format!("{link}/and")).len(), 2);
        // Somebody has decoded it: then the first reading is the right one.
        let plain = link.replace("%2B", "+").replace("%2F", "/");
        assert_eq!(find_all_in_text(&plain).first(), Some(&(wire, Some(Network::Twitter))));
    }

    /// Begins with what cannot belong to a payload that is whole.
    fn behind() -> impl Strategy<Value = String> {
        let first = prop::sample::select(vec![
            ".",
            ",",
            ")",
            "]",
            "}",
            ">",
            "\"",
            "'s",
            "!",
            "?",
            ";",
            ":",
            "*",
            "~",
            "&fbclid=IwAR0",
            "&utm_source=x&b=%20",
            "#top",
            "%E2%80%8B",
            "%EF%BB%BF",
            "%2e",
            "%",
            "\u{200b}",
            "\u{feff}",
            "\u{2060}",
            "…",
            "”",
            " ",
            "\n",
        ]);
        (first, any::<String>()).prop_map(|(first, more)| format!("{first}{more}"))
    }

    proptest! {
        #[test]
        fn what_cannot_belong_to_a_payload_ends_it(
            bytes in prop::collection::vec(any::<u8>(), 1..60), iv: [u8; 16], before in "[(\\[<\"' ,:]?", behind in behind(),
        ) {
            let binary = Wire::Binary(bytes.clone());
            let text = Wire::Text(format!("🎼4/4|{}|{}|AA==|_||1:||", base64::encode(&bytes), base64::encode(&iv)));
            for payload in [binary, text] {
                let written = format!("{before}{}{behind}", write_in_text(Network::Twitter, &payload));
                prop_assert_eq!(find_in_text(Network::Twitter, &written), std::slice::from_ref(&payload));
                let all = find_all_in_text(&written);
                prop_assert_eq!(all.first(), Some(&(payload, Some(Network::Twitter))));
            }
        }

        #[test]
        fn round_trip(bytes in prop::collection::vec(any::<u8>(), 1..200), key: Vec<u8>, iv: [u8; 16]) {
            let text = format!("🎼4/4|{}|{}|AA==|_||1:||", base64::encode(&key), base64::encode(&iv));
            for network in [Network::Facebook, Network::Twitter, Network::Unknown] {
                let payload = Wire::Binary(bytes.clone());
                let written = format!("words {} words", write_in_text(network, &payload));
                prop_assert_eq!(find_in_text(network, &written), [payload]);
                let payload = Wire::Text(text.clone());
                let written = format!("words {} words", write_in_text(network, &payload));
                prop_assert_eq!(find_in_text(network, &written), [payload]);
            }
        }

        #[test]
        fn any_text_is_answered(text: String, more: String) {
            for network in [Network::Minds, Network::Twitter] {
                for text in [
                    text.clone(),
                    format!("{V2_LINK}{text}%{more}"),
                    format!("https://{text}%20{more}%40"),
                    format!("🎼6/8|{text}:||{more}"),
                ] {
                    let _ = find_in_text(network, &text);
                }
            }
        }
    }
}
