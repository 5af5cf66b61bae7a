//! Which persona key belongs to a profile on a social network.

use bauta_protocol::id::PersonaKey;
use bauta_protocol::mask::ProfileId;
use bauta_protocol::time::Timestamp;

use crate::engine::announce;
use crate::store::{Learned, PersonaRow, ProfileRow, ProfileSource, StoreError, Tx};

/// A post says it is by a profile, but shows another key than the one known for it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct OtherKey {
    pub(crate) known: ProfileRow,
    pub(crate) shown: PersonaKey,
}

/// Learns the author's key that a post shows for the profile on whose page it is. A key other than the known one changes
/// nothing, and is returned.
pub(crate) fn learn(
    tx: &Tx<'_>,
    profile: &ProfileId,
    key: PersonaKey,
    source: ProfileSource,
    now: Timestamp,
) -> Result<Option<OtherKey>, StoreError> {
    match tx.learn_profile(profile, key, source, now)? {
        Learned::Same | Learned::Full => Ok(None),
        Learned::New(row) => {
            announce::profile_learned(tx, &row.profile, now)?;
            Ok(None)
        }
        Learned::Other { known, first } => {
            if first {
                announce::profile_changed(tx, &known.profile, now)?;
            }
            Ok(Some(OtherKey { known, shown: key }))
        }
    }
}

/// Whose key it is: the name of one of these personas, or of a contact of any of them.
pub(crate) fn name_of(
    tx: &Tx<'_>,
    key: &PersonaKey,
    personas: &[PersonaRow],
) -> Result<Option<String>, StoreError> {
    if let Some(own) = personas.iter().find(|persona| persona.public == *key) {
        return Ok(Some(own.name.clone()));
    }
    for persona in personas {
        if let Some(contact) = tx.contact_of(persona.id, key)? {
            return Ok(Some(contact.name));
        }
    }
    Ok(None)
}
