//! Descriptors of relays, and what contacts saw of them.
//!
//! A relay that shows clients different doors could tell them apart. Contacts tell each other the hash of what they
//! saw; where hashes differ they exchange the descriptors themselves, and two that are signed for one day are proof.

use bauta_protocol::content::Content;
use bauta_protocol::descriptor::{Descriptor, DescriptorError, DescriptorSeen, proves_equivocation};
use bauta_protocol::id::RelayId;
use bauta_protocol::time::{Day, Timestamp};

use super::peer::Moment;
use super::send;
use crate::store::{ContactRow, Doubt, Happened, PersonaId, PersonaRow, StoreError, Tx};

/// Days for which descriptors are kept: as long as one of them may be valid.
pub(super) const KEEP_DAYS: u32 = 9;

/// Keeps what a relay answered, the first of each day. Gives what is kept.
pub(super) fn keep(
    tx: &Tx<'_>,
    persona: PersonaId,
    relay: RelayId,
    bytes: &[u8],
    now: Timestamp,
) -> Result<Result<Descriptor, DescriptorError>, StoreError> {
    let shown = match read(relay, bytes, now) {
        Ok(shown) => shown,
        Err(error) => return Ok(Err(error)),
    };
    let kept = tx.keep_descriptor(persona, &shown)?;
    tx.set_describe_at(persona, relay, None)?;
    if kept.hash != shown.seen().hash {
        found_out(tx, persona, relay, now)?;
    }
    for (contact, hash) in tx.other_sightings(persona, relay, kept.day, kept.hash)? {
        tx.note_sighting(contact, relay, DescriptorSeen { day: kept.day, hash }, true)?;
        suspect(tx, persona, relay, now)?;
    }
    Ok(Ok(shown))
}

fn read(relay: RelayId, bytes: &[u8], now: Timestamp) -> Result<Descriptor, DescriptorError> {
    let descriptor = Descriptor::from_bytes(bytes, relay)?;
    descriptor.check_fresh(now)?;
    // Clocks differ by hours, not by days.
    if descriptor.day() > Day(now.day().0.saturating_add(1)) {
        return Err(DescriptorError::Malformed);
    }
    Ok(descriptor)
}

/// Compares what a contact saw of a relay with what we saw.
pub(super) fn compare(
    tx: &Tx<'_>,
    contact: &ContactRow,
    relay: RelayId,
    seen: DescriptorSeen,
    at: &Moment,
) -> Result<(), StoreError> {
    let today = at.now.day().0;
    // Zeros: the contact had seen none. Days that nobody can ask the relay about any more say nothing.
    if seen.hash == [0; 32]
        || seen.day.0.saturating_add(KEEP_DAYS) < today
        || seen.day.0 > today.saturating_add(1)
    {
        return Ok(());
    }
    match tx.descriptor_of(contact.persona, relay, seen.day)? {
        None => tx.note_sighting(contact.id, relay, seen, false),
        Some(ours) if ours.hash == seen.hash => Ok(()),
        Some(_) => {
            tx.note_sighting(contact.id, relay, seen, true)?;
            suspect(tx, contact.persona, relay, at.now)?;
            show(tx, contact, relay, seen.day, at)
        }
    }
}

/// A contact shows a descriptor that it saw.
pub(super) fn take_shown(
    tx: &Tx<'_>,
    persona: &PersonaRow,
    contact: &ContactRow,
    bytes: &[u8],
    at: &Moment,
) -> Result<(), StoreError> {
    let mut relays = vec![persona.relay];
    relays.extend(contact.relay);
    let shown = relays.into_iter().find_map(|relay| Descriptor::from_bytes(bytes, relay).ok());
    let Some(shown) = shown else { return Ok(()) };
    let relay = shown.relay();
    let ours = match tx.descriptor_of(persona.id, relay, shown.day())? {
        None => return compare(tx, contact, relay, shown.seen(), at),
        Some(ours) => ours,
    };
    let proved =
        Descriptor::from_bytes(&ours.bytes, relay).is_ok_and(|ours| proves_equivocation(&ours, &shown));
    if proved {
        // First the answer: the contact needs the proof too, and nothing is sent once the relay is found out.
        show(tx, contact, relay, shown.day(), at)?;
        found_out(tx, persona.id, relay, at.now)?;
    }
    Ok(())
}

/// Sends our descriptor to a contact, once a day.
fn show(tx: &Tx<'_>, contact: &ContactRow, relay: RelayId, day: Day, at: &Moment) -> Result<(), StoreError> {
    let today = at.now.day();
    let Some(ours) = tx.descriptor_of(contact.persona, relay, day)? else { return Ok(()) };
    if tx.contact(contact.id)?.is_none_or(|row| row.descriptor_day >= today) {
        return Ok(());
    }
    tx.set_descriptor_day(contact.id, today)?;
    send::seal_untracked(tx, contact.id, &Content::Descriptor { bytes: ours.bytes }, at)
}

fn suspect(tx: &Tx<'_>, persona: PersonaId, relay: RelayId, now: Timestamp) -> Result<(), StoreError> {
    tx.emit(Happened::Relay(persona, relay, Doubt::Suspect), now)
}

fn found_out(tx: &Tx<'_>, persona: PersonaId, relay: RelayId, now: Timestamp) -> Result<(), StoreError> {
    if tx.mark_equivocated(persona, relay)? {
        tracing::warn!(
            "A relay shows different clients different addresses. Nothing more is sent to it; see bauta status."
        );
        tx.emit(Happened::Relay(persona, relay, Doubt::Dishonest), now)?;
    }
    Ok(())
}
