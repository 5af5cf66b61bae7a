//! Finding what a caller names.

use bauta_ipc::{RpcError, codes};
use bauta_protocol::id::PersonaKey;

use crate::store::{ContactRow, PersonaRow, Tx};

/// A name for use in this home only, without surrounding blanks.
pub(super) fn check_name(name: &str) -> Result<&str, RpcError> {
    let name = name.trim();
    let length = name.chars().count();
    if length == 0 || length > 64 || name.chars().any(char::is_control) {
        return Err(RpcError::new(
            &codes::NAME_INVALID,
            "A name has 1 to 64 characters, none of them a control character.",
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

/// The contact of that name or key.
pub(super) fn contact(tx: &Tx<'_>, persona: &PersonaRow, name: &str) -> Result<ContactRow, RpcError> {
    if let Some(found) = tx.contact_named(persona.id, name)? {
        return Ok(found);
    }
    if let Ok(key) = name.parse::<PersonaKey>()
        && let Some(found) = tx.contact_of(persona.id, &key)?
    {
        return Ok(found);
    }
    Err(unknown_contact(name))
}

pub(super) fn unknown_contact(name: &str) -> RpcError {
    RpcError::new(&codes::CONTACT_UNKNOWN, format!("There is no contact called \"{}\".", shown(name)))
}

/// Text of a caller as it may stand in a message.
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
}
