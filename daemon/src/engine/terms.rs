//! How to reach a relay, and the work it asks for today: as it signed it.

use bauta_protocol::descriptor::Descriptor;
use bauta_protocol::id::RelayId;
use bauta_protocol::time::Timestamp;
use bauta_sphinx_client::RelayTarget;

use crate::store::{PersonaId, StoreError, Tx};

/// What an exchange with a relay needs.
#[derive(Clone, Debug)]
pub(super) struct Terms {
    pub(super) target: RelayTarget,
    pub(super) put_bits: u8,
    pub(super) deposit_bits: u8,
}

/// The terms of a relay; `None` where it must be asked for its descriptor first, or is not used any more.
///
/// Only doors that the relay itself signed are used: anybody could name others in its name.
pub(super) fn terms(
    tx: &Tx<'_>,
    persona: PersonaId,
    relay: RelayId,
    now: Timestamp,
) -> Result<Option<Terms>, StoreError> {
    if tx.relay(persona, relay)?.is_none_or(|row| row.equivocated) {
        return Ok(None);
    }
    let Some(latest) = tx.latest_descriptor(persona, relay)? else { return Ok(None) };
    let descriptor = Descriptor::from_bytes(&latest.bytes, relay).ok();
    Ok(descriptor.filter(|descriptor| descriptor.check_fresh(now).is_ok()).map(|descriptor| Terms {
        target: RelayTarget { id: relay, doors: descriptor.doors().to_vec() },
        put_bits: descriptor.put_bits(),
        deposit_bits: descriptor.deposit_bits(),
    }))
}

/// How to ask a relay for its descriptor: over every door that was ever named.
pub(super) fn describe_terms(
    tx: &Tx<'_>,
    persona: PersonaId,
    relay: RelayId,
) -> Result<Option<Terms>, StoreError> {
    let Some(row) = tx.relay(persona, relay)?.filter(|row| !row.equivocated) else { return Ok(None) };
    let mut doors = super::bundle::doors(tx, persona, relay)?;
    for door in row.doors {
        if !doors.contains(&door) {
            doors.push(door);
        }
    }
    Ok((!doors.is_empty()).then_some(Terms {
        target: RelayTarget { id: relay, doors },
        put_bits: 0,
        deposit_bits: 0,
    }))
}
