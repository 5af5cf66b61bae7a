//! The persona's own bundles: fresh keys when they are needed, the old ones kept for late handshakes.

use bauta_protocol::address::RelayAddress;
use bauta_protocol::bundle::{IdentitySecret, Prekeys};
use bauta_protocol::descriptor::{Descriptor, DescriptorSeen, Size};
use bauta_protocol::id::{DoorAddress, RelayId};
use bauta_protocol::time::{Day, Timestamp};

use super::DAY;
use super::peer::{pack, unpack};
use crate::random;
use crate::store::{Happened, PersonaId, PersonaRow, PrekeysId, PrekeysRow, ROLLED_BACK_AT, StoreError, Tx};

/// How old keys may be that a stranger still gets.
const FRESH: std::time::Duration = DAY;

/// What no descriptor hashes to: none was seen yet.
const NOTHING_SEEN: DescriptorSeen = DescriptorSeen { day: Day(0), hash: [0; 32] };

/// The newest keys, made now when those there are older than a day.
pub(crate) fn fresh_prekeys(
    tx: &Tx<'_>,
    persona: &PersonaRow,
    now: Timestamp,
) -> Result<PrekeysRow, StoreError> {
    match tx.newest_prekeys(persona.id, now)? {
        Some(newest) if is_fresh(tx, &newest, now)? => Ok(newest),
        newest => make(tx, persona, newest.map(|newest| newest.version), now),
    }
}

/// Keys made now.
pub(crate) fn new_prekeys(
    tx: &Tx<'_>,
    persona: &PersonaRow,
    now: Timestamp,
) -> Result<PrekeysRow, StoreError> {
    let newest = tx.newest_prekeys(persona.id, now)?;
    make(tx, persona, newest.map(|newest| newest.version), now)
}

fn is_fresh(tx: &Tx<'_>, newest: &PrekeysRow, now: Timestamp) -> Result<bool, StoreError> {
    // An old copy that was put back lacks the keys of later bundles, which contacts may hold: publish new ones at once.
    let rolled_back = tx.meta_u64(ROLLED_BACK_AT)?.is_some_and(|at| newest.made_at.0 < at);
    Ok(!rolled_back && now < newest.expires_at && now.since(newest.made_at) < FRESH)
}

fn make(
    tx: &Tx<'_>,
    persona: &PersonaRow,
    last: Option<Timestamp>,
    now: Timestamp,
) -> Result<PrekeysRow, StoreError> {
    let identity: IdentitySecret = unpack(&persona.identity, "a persona's session key")?;
    let relay = RelayAddress { id: persona.relay, doors: doors(tx, persona.id, persona.relay)? };
    let seen = tx.seen(persona.id, persona.relay)?.unwrap_or(NOTHING_SEEN);
    // Versions grow, whatever the clock does.
    let version = last.map_or(now, |last| now.max(Timestamp(last.0.saturating_add(1))));
    let prekeys = Prekeys::generate(
        &persona.secret,
        &identity,
        &persona.inbox,
        &relay,
        seen,
        version,
        &mut random::rng(),
    )
    .map_err(|_| StoreError::Damaged("a persona's keys or relay"))?;
    let expires_at = prekeys.bundle().expiry();
    let id = tx.add_prekeys(persona.id, version, expires_at, prekeys.erase_at(), &pack(&prekeys)?, now)?;
    tx.prekeys_by_id(id)?.ok_or(StoreError::Damaged("prekeys"))
}

/// A relay's doors for a persona: as the relay signed them, or else as somebody named them.
pub(crate) fn doors(tx: &Tx<'_>, persona: PersonaId, relay: RelayId) -> Result<Vec<DoorAddress>, StoreError> {
    if let Some(descriptor) = descriptor(tx, persona, relay)? {
        return Ok(descriptor.doors().to_vec());
    }
    Ok(tx.relay(persona, relay)?.map(|row| row.doors).unwrap_or_default())
}

/// How many personas use a relay, by the latest descriptor that it showed a persona.
pub(crate) fn size(tx: &Tx<'_>, persona: PersonaId, relay: RelayId) -> Result<Option<Size>, StoreError> {
    Ok(descriptor(tx, persona, relay)?.map(|descriptor| descriptor.size()))
}

fn descriptor(tx: &Tx<'_>, persona: PersonaId, relay: RelayId) -> Result<Option<Descriptor>, StoreError> {
    let latest = tx.latest_descriptor(persona, relay)?;
    Ok(latest.and_then(|latest| Descriptor::from_bytes(&latest.bytes, relay).ok()))
}

/// The relay has the bundle.
pub(super) fn published(tx: &Tx<'_>, prekeys: PrekeysId, now: Timestamp) -> Result<(), StoreError> {
    tx.mark_published(prekeys, now)?;
    match tx.prekeys_by_id(prekeys)? {
        Some(row) => {
            tx.set_known_bundle(row.persona, Some(row.version))?;
            tx.set_publish_wait(row.persona, None)?;
            tx.emit(Happened::PersonaPublished(prekeys), now)
        }
        None => Ok(()),
    }
}
