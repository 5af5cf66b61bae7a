//! Personas in the text of social profiles and posts: the line that Bauta writes for the user's own profile, and every
//! form in which others name a persona (docs/mask.md, "Profile texts").

use crate::address::Address;
use crate::id::PersonaKey;
use crate::mask::{Payload, PersonaId, ProfileId, find_all_in_text};
use data_encoding::{BASE64, HEXLOWER_PERMISSIVE};

/// How an address begins.
const SCHEME: &str = "bauta:";
/// The mark before the line; readers do not need it.
const MARK: char = '🎭';
/// Personas that are looked for in one text.
const MOST: usize = 16;
/// Only this many bytes of a text are searched.
const MAX_TEXT: usize = 1 << 20;

/// Somebody whom a text names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Their key, and their relay where the text names it.
    pub address: Address,
    /// The profile that a post in the text names as its author. Nothing proves it.
    pub profile: Option<ProfileId>,
}

/// The line for the user's own profile: 90 characters as social networks count them.
#[must_use]
pub fn profile_line(persona: &PersonaKey) -> String {
    format!("{MARK} {}", bare(*persona))
}

/// Everyone whom a text names, at most 16, each once: by an address, a key of 66 hexadecimal digits or in Mask's base64,
/// an `ec_key:` identifier, or as author of a post of Mask.
#[must_use]
pub fn find_personas(text: &str) -> Vec<Found> {
    let text = text.get(..text.floor_char_boundary(MAX_TEXT)).unwrap_or_default();
    let mut found = Vec::new();
    for address in addresses(text) {
        add(&mut found, Found { address, profile: None });
    }
    for key in keys(&without_long_addresses(text)) {
        add(&mut found, Found { address: bare(key), profile: None });
    }
    for payload in find_all_in_text(text).iter().filter_map(|(wire, _)| Payload::parse(wire).ok()) {
        if let Ok(Some(key)) = &payload.author_key {
            add(&mut found, Found { address: bare(key.into()), profile: payload.author.ok().flatten() });
        }
    }
    found
}

/// Adds somebody, or completes what is known: an address has more than a bare key, and a post adds the profile.
fn add(all: &mut Vec<Found>, new: Found) {
    let full = all.len() >= MOST;
    match all.iter_mut().find(|known| known.address.persona == new.address.persona) {
        Some(known) => {
            known.profile = known.profile.take().or(new.profile);
            if known.address.relay.is_none() {
                known.address = new.address;
            }
        }
        None if full => {}
        None => all.push(new),
    }
}

fn bare(persona: PersonaKey) -> Address {
    Address { persona, relay: None, seed: None }
}

/// The next `bauta:` with the characters after it that may belong to it; and the text before and after.
/// The search goes on after those characters, so a text full of `bauta:` takes linear time.
fn next_uri(text: &str) -> Option<(&str, &str, &str)> {
    let (before, from) = text.split_at_checked(text.find(SCHEME)?)?;
    let end = from.find(|c: char| !(c.is_ascii_alphanumeric() || "-_:?=&#".contains(c)));
    let (uri, after) = from.split_at_checked(end.unwrap_or(from.len()))?;
    Some((before, uri, after))
}

/// The addresses, without the punctuation of the sentence around them.
fn addresses(text: &str) -> impl Iterator<Item = Address> {
    let mut rest = text;
    let uris = std::iter::from_fn(move || {
        let (_, uri, after) = next_uri(rest)?;
        rest = after;
        // If several follow each other without a gap, only the last can be complete.
        uri.get(uri.rfind(SCHEME)?..)
    });
    uris.filter_map(|uri| {
        uri.trim_end_matches(['-', '_', ':', '?', '=', '&', '#']).parse().ok().or_else(|| uri.parse().ok())
    })
}

/// The text without addresses that have parameters.
fn without_long_addresses(text: &str) -> String {
    // An address whose check fails must not be used, and neither must the key inside it: the key may be what is damaged,
    // and a key with a wrong digit is another valid key half of the time. So the search for bare keys must not see it.
    let (mut kept, mut rest) = (String::new(), text);
    while let Some((before, uri, after)) = next_uri(rest) {
        kept.push_str(before);
        kept.push_str(if uri.contains('=') { " " } else { uri });
        rest = after;
    }
    kept.push_str(rest);
    kept
}

/// Keys outside of addresses.
fn keys(text: &str) -> impl Iterator<Item = PersonaKey> {
    let in_key = |c: char| c.is_ascii_alphanumeric() || "+/=|:_".contains(c);
    text.split(move |c: char| !in_key(c)).filter_map(|word| {
        let word = word.trim_matches([':', '_']);
        if let Some(start) = word.find("ec_key:") {
            return Some((&word.get(start..)?.parse::<PersonaId>().ok()?.0).into());
        }
        if word.contains("bauta:") {
            // A damaged address without parameters.
            return None;
        }
        let word = word.rsplit(':').next().unwrap_or_default();
        let bytes = match word.len() {
            66 => HEXLOWER_PERMISSIVE.decode(word.as_bytes()).ok()?,
            68 => HEXLOWER_PERMISSIVE.decode(word.strip_prefix("0x")?.as_bytes()).ok()?,
            // 33 bytes need no padding, and begin with 2 or 3.
            44 if word.starts_with('A') => BASE64.decode(word.replace('|', "/").as_bytes()).ok()?,
            _ => return None,
        };
        PersonaKey::from_bytes(bytes.as_slice().try_into().ok()?).ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mask::{Audience, Draft, Network, SecretKey, TypedMessage, encrypt_v37, write_in_text};
    use proptest::prelude::*;

    fn key(byte: u8) -> (SecretKey, PersonaKey) {
        let secret = SecretKey::from_bytes(&[byte; 32]).unwrap();
        let key = PersonaKey::from(&secret.public());
        (secret, key)
    }

    fn named(text: &str) -> Vec<PersonaKey> {
        find_personas(text).into_iter().map(|found| found.address.persona).collect()
    }

    #[test]
    fn every_spelling_is_found() {
        let (secret, key) = key(7);
        let id = PersonaId(secret.public()).to_string();
        let base64 = BASE64.encode(key.as_bytes());
        for spelling in [
            profile_line(&key),
            key.to_string(),
            key.to_string().to_uppercase(),
            format!("0x{key}"),
            format!("key:{key}"),
            id,
            base64.clone(),
            format!("https://example.org/#{}", bare(key)),
        ] {
            for text in
                [spelling.clone(), format!("I am Ann ({spelling}), hello!"), format!("a\n{spelling}.\nb")]
            {
                assert_eq!(named(&text), [key], "{text}");
            }
            assert_eq!(named(&format!("{spelling} {key}")), [key], "each once");
        }
    }

    #[test]
    fn a_damaged_address_names_nobody() {
        use crate::address::{Address, RelayAddress};
        use crate::id::{DoorAddress, RelayId};
        let relay = RelayAddress { id: RelayId([1; 32]), doors: vec![DoorAddress([2; 96])] };
        let whole = Address { persona: key(7).1, relay: Some(relay), seed: None }.to_string();
        assert_eq!(named(&format!("here: {whole}.")), [key(7).1]);
        let damaged = whole.replace("door=AgIC", "door=AgIA");
        assert!(named(&damaged).is_empty());
        assert!(named(&format!("here: {damaged}.")).is_empty());
    }

    #[test]
    fn what_only_resembles_a_key_is_not_one() {
        let (_, key) = key(7);
        let hex = key.to_string();
        for text in [
            "",
            "bauta:",
            "bauta",
            "ec_key:secp256k1/",
            &format!("{hex}0"),
            &format!("00{hex}"),
            &"02".repeat(33),
        ] {
            let ours = named(text);
            assert!(ours.is_empty() || ours[0] != key, "{text}: {ours:?}");
        }
        assert!(named(&format!("a{hex}")).is_empty());
        assert!(named(&format!("bauta:{hex}?check=AAAAAAAA")).is_empty());
    }

    #[test]
    fn the_author_of_a_post_is_found_with_the_profile() {
        let (secret, key) = key(9);
        let (author, name) = (secret.public(), ProfileId::new("twitter.com", "ann").unwrap());
        let mut rng = getrandom::rand_core::UnwrapErr(getrandom::SysRng);
        let message = TypedMessage::text("hello");
        let draft = Draft {
            message: &message,
            author: Some(&name),
            author_key: Some(&author),
            audience: Audience::Public,
        };
        let post = encrypt_v37(&draft, &mut rng).unwrap();
        for network in [Network::Twitter, Network::Facebook] {
            let text = format!("Read this: {}", write_in_text(network, &post.payload));
            let found = find_personas(&text);
            assert_eq!(found, [Found { address: bare(key), profile: Some(name.clone()) }]);
        }
        // Of several posts each author is found.
        let (other, other_key) = self::key(11);
        let public = other.public();
        let by_other =
            encrypt_v37(&Draft { author: None, author_key: Some(&public), ..draft }, &mut rng).unwrap();
        for (one, two) in [(Network::Twitter, Network::Twitter), (Network::Minds, Network::Twitter)] {
            let text =
                format!("{} {}", write_in_text(one, &post.payload), write_in_text(two, &by_other.payload));
            let mut both = named(&text);
            both.sort_unstable();
            let mut expected = [key, other_key];
            expected.sort_unstable();
            assert_eq!(both, expected);
        }
    }

    proptest! {
        #[test]
        fn a_line_round_trips(byte in 1_u8..255, before in "[ -~]{0,20} ", after in " [ -~]{0,20}") {
            let (_, key) = key(byte);
            prop_assert!(named(&(before + &profile_line(&key) + &after)).contains(&key));
        }

        #[test]
        fn any_text_is_answered(text: String, digits in "[0-9a-fA-Fbauta:ec_key/=|]{0,200}") {
            prop_assert!(find_personas(&text).len() <= MOST);
            prop_assert!(find_personas(&digits).len() <= MOST);
        }
    }
}
