//! Payloads inside the text of posts: as links on Twitter, and between 🎼 and `:||` elsewhere.

use super::base64;
use super::id::Network;
use super::limits::{MAX_PAGE_TEXT, MAX_PAYLOAD, MAX_PAYLOADS_IN_TEXT};
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

/// The payloads in the text of a post, in order: at most one on Twitter,
/// elsewhere at most [`MAX_PAYLOADS_IN_TEXT`]. Only the first [`MAX_PAGE_TEXT`] bytes are searched.
#[must_use]
pub fn find_in_text(network: Network, text: &str) -> Vec<Wire> {
    let text = text.get(..text.floor_char_boundary(MAX_PAGE_TEXT)).unwrap_or_default();
    match network {
        Network::Twitter => find_v2_link(text).or_else(|| find_v1_link(text)).into_iter().collect(),
        _ => find_marked(text),
    }
}

fn find_v2_link(text: &str) -> Option<Wire> {
    let links = text.split(V2_LINK).skip(1);
    links.filter_map(|rest| unescape(leading(rest, is_escaped_base64))).find_map(|value| {
        let bytes = base64::decode(&value)?;
        (!bytes.is_empty() && bytes.len() <= MAX_PAYLOAD).then_some(Wire::Binary(bytes))
    })
}

fn is_escaped_base64(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '%' | '+' | '/' | '=')
}

/// Undoes percent encoding. `None` if a `%` is not followed by two hexadecimal digits of an ASCII character.
fn unescape(text: &str) -> Option<String> {
    let mut parts = text.split('%');
    let mut out = parts.next()?.to_owned();
    for part in parts {
        let (digits, rest) = part.split_at_checked(2)?;
        // `from_str_radix` would take a sign.
        let hexadecimal = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        let byte = u8::from_str_radix(digits, 16).ok().filter(|byte| hexadecimal && byte.is_ascii())?;
        out.push(char::from(byte));
        out.push_str(rest);
    }
    Some(out)
}

fn find_v1_link(text: &str) -> Option<Wire> {
    // Old links carry a text payload with a few characters replaced (see `write_in_text`) and no other escaping: `%20`
    // replaces 🎼 and `%40` replaces `:||`, so only its end identifies a link. The extension looks for both in the
    // text, takes the first URL that ends with `%40`, on any host, and undoes the replacements. So does this.
    if !text.contains("%20") || !text.contains("%40") {
        return None;
    }
    // The first link of each run of printable characters, so that the search takes linear time on any text.
    let runs = text.split(|character: char| !character.is_ascii_graphic());
    let mut links = runs.filter_map(|run| {
        let start = [run.find("https://"), run.find("http://")].into_iter().flatten().min()?;
        run.get(start..)?.split_once("://")?.1.strip_suffix("%40")
    });
    let link = links.next()?;
    // The extension accepts any host, and takes the path where there is no query.
    let value = link.split_once('?').or_else(|| link.split_once('/')).map(|(_, value)| value)?;
    let value = without_name(value);
    let value = value.strip_prefix("%20").unwrap_or(value);
    let body = value.replacen('-', "+", 1).replacen('_', "=", 1).replace('.', "|");
    (body.len() <= MAX_PAYLOAD).then(|| Wire::Text(format!("{MARK}{body}{TAIL}")))
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

fn find_marked(text: &str) -> Vec<Wire> {
    let is_body = |character: char| {
        character.is_ascii_alphanumeric() || matches!(character, '_' | '+' | '/' | '=' | '|')
    };
    let marked = text.split(MARK).skip(1).filter_map(|rest| {
        let body = leading(rest, is_body);
        let whole = !body.is_empty() && rest.get(body.len()..).is_some_and(|after| after.starts_with(TAIL));
        if !whole || body.len() > MAX_PAYLOAD {
            return None;
        }
        let binary = body.strip_prefix("6/8|").and_then(base64::decode).filter(|bytes| !bytes.is_empty());
        // If `6/8|` is not followed by base64, the extension hands it on as text.
        Some(binary.map_or_else(|| Wire::Text(format!("{MARK}{body}{TAIL}")), Wire::Binary))
    });
    marked.take(MAX_PAYLOADS_IN_TEXT).collect()
}

fn leading(text: &str, belongs: impl Fn(char) -> bool) -> &str {
    text.find(|character| !belongs(character)).and_then(|end| text.get(..end)).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const V38: &str = "🎼4/4|A+/=+|B==|C-_|_||1:||";

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
        let far = format!("{}{V38}", " ".repeat(MAX_PAGE_TEXT));
        assert!(find_in_text(Network::Facebook, &far).is_empty());
    }

    proptest! {
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
