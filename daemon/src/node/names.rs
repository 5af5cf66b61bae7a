//! Finding what a caller names.

use bauta_ipc::limits::MAX_NAME;
use bauta_ipc::{RpcError, SocialNetwork, codes};
use bauta_protocol::id::PersonaKey;
use bauta_protocol::mask::{self, PersonaId, ProfileId};

use super::network::network as mask_network;
use super::view;
use crate::store::{ContactRow, PersonaRow, Tx};

/// A name for use in this home only, without surrounding blanks.
pub(super) fn check_name(name: &str) -> Result<&str, RpcError> {
    let name = name.trim();
    let length = name.chars().count();
    if length == 0 || length > MAX_NAME || name.chars().any(char::is_control) {
        return Err(RpcError::new(
            &codes::NAME_INVALID,
            format!("A name has 1 to {MAX_NAME} characters, none of them a control character."),
        ));
    }
    Ok(name)
}

/// The persona of that name, or the only one there is.
pub(super) fn persona(tx: &Tx<'_>, name: Option<&str>) -> Result<PersonaRow, RpcError> {
    if let Some(name) = name {
        let found = tx.persona_named(name)?;
        return found.ok_or_else(|| {
            RpcError::new(&codes::PERSONA_UNKNOWN, format!("There is no persona called \"{}\".", shown(name)))
        });
    }
    let mut all = tx.personas()?;
    match (all.pop(), all.is_empty()) {
        (Some(only), true) => Ok(only),
        (Some(_), false) => {
            Err(RpcError::new(&codes::PERSONA_CHOICE, "There are several personas, and none was named."))
        }
        (None, _) => Err(RpcError::new(&codes::PERSONA_NONE, "There is no persona yet.")),
    }
}

/// The same for what leads to something being sent: refused for a persona that another home has.
pub(super) fn sender(tx: &Tx<'_>, name: Option<&str>) -> Result<PersonaRow, RpcError> {
    let found = persona(tx, name)?;
    refuse_elsewhere(tx, &found)?;
    Ok(found)
}

/// Refuses where another home has the persona.
pub(super) fn refuse_elsewhere(tx: &Tx<'_>, persona: &PersonaRow) -> Result<(), RpcError> {
    match tx.elsewhere_at(persona.id)? {
        Some(at) => Err(view::elsewhere(at)),
        None => Ok(()),
    }
}

/// The contact of that name or key.
pub(super) fn contact(tx: &Tx<'_>, persona: &PersonaRow, name: &str) -> Result<ContactRow, RpcError> {
    if let Some(found) = tx.contact_named(persona.id, name)? {
        return Ok(found);
    }
    if let Some(key) = persona_key(name)
        && let Some(found) = tx.contact_of(persona.id, &key)?
    {
        return Ok(found);
    }
    Err(unknown_contact(name))
}

pub(super) fn unknown_contact(name: &str) -> RpcError {
    RpcError::new(&codes::CONTACT_UNKNOWN, format!("There is no contact called \"{}\".", shown(name)))
}

/// A persona's public key in the forms people are shown: 66 hex digits, with or without `0x`, Mask's base64 of 33
/// bytes, and Mask's `ec_key:secp256k1/…`.
pub(super) fn persona_key(text: &str) -> Option<PersonaKey> {
    let text = text.trim();
    let hex = text.strip_prefix("0x").unwrap_or(text).to_ascii_lowercase();
    if let Ok(key) = hex.parse() {
        return Some(key);
    }
    let whole = if text.contains(':') { text.to_owned() } else { format!("ec_key:secp256k1/{text}") };
    Some(PersonaKey::from(&whole.parse::<PersonaId>().ok()?.0))
}

/// A profile, with or without `person:`; one without a network is of `network`.
pub(super) fn profile(text: &str, network: Option<SocialNetwork>) -> Result<ProfileId, RpcError> {
    let text = text.trim();
    let bare = text.strip_prefix("person:").unwrap_or(text);
    let read = match (bare.split_once('/'), network) {
        (Some((network, user)), _) => ProfileId::new(network, user),
        (None, Some(network)) => ProfileId::new(mask_network(network).domain(), bare.trim_start_matches('@')),
        (None, None) => Err(mask::IdError::Part),
    };
    match read {
        Ok(profile) if !profile.is_nobody() => Ok(profile),
        _ => {
            let message = format!("\"{}\" is not a profile of a network.", shown(text));
            Err(RpcError::new(&codes::PROFILE_INVALID, message))
        }
    }
}

/// A place in a list, as a page before has named it.
pub(super) fn place<T>(
    after: Option<&str>,
    read: impl FnOnce(&str) -> Option<T>,
) -> Result<Option<T>, RpcError> {
    let Some(after) = after else { return Ok(None) };
    let place = read(after).map(Some);
    place.ok_or_else(|| RpcError::new(&codes::REQUEST_PARAMS, "after is not a place in the list."))
}

/// Text of a caller in a form that is safe in a message.
fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(80).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_bounds() {
        assert_eq!(check_name(" alice ").unwrap(), "alice");
        for bad in ["", "  ", "a\nb", &"x".repeat(65)] {
            assert!(check_name(bad).unwrap_err().is(&codes::NAME_INVALID), "{bad:?}");
        }
        assert!(check_name(&"\u{1f3ad}".repeat(64)).is_ok());
    }

    #[test]
    fn keys_come_in_many_forms() {
        let hex = "0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798";
        let base64 = "Anm+Zn753LusVaBilc6HCwcCm/zbLc4o2VnygVsW+BeY";
        for text in [
            hex.to_owned(),
            format!(" 0x{} ", hex.to_uppercase()),
            base64.to_owned(),
            format!("ec_key:secp256k1/{}", base64.replace('/', "|")),
        ] {
            assert_eq!(persona_key(&text).unwrap().to_string(), hex, "{text}");
        }
        for text in ["", "bob", "0x", hex.get(2..).unwrap(), "ec_key:p256/Anm+", "AAAA"] {
            assert_eq!(persona_key(text), None, "{text}");
        }
    }

    #[test]
    fn profiles_come_in_many_forms() {
        let alice = profile("person:twitter.com/Alice", None).unwrap();
        for text in ["x.com/Alice", " Twitter.com/Alice", "Alice", "@Alice"] {
            assert_eq!(profile(text, Some(SocialNetwork::Twitter)).unwrap(), alice, "{text}");
        }
        for text in ["", "Alice", "person:localhost/$unknown", "a/b/c"] {
            assert!(profile(text, None).unwrap_err().is(&codes::PROFILE_INVALID), "{text}");
        }
    }
}
