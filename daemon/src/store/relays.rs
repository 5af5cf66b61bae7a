use bauta_protocol::address::RelayAddress;
use bauta_protocol::descriptor::{Descriptor, DescriptorSeen};
use bauta_protocol::id::{DoorAddress, RelayId};
use bauta_protocol::time::Day;
use rusqlite::Row;

use super::ids::{ContactId, PersonaId};
use super::tx::bytes;
use super::{StoreError, Tx};

/// A relay that this home uses, or that somebody named.
pub(crate) struct RelayRow {
    pub(crate) id: RelayId,
    /// From an address or a bundle.
    pub(crate) doors: Vec<DoorAddress>,
    pub(crate) configured: bool,
    pub(crate) equivocated: bool,
}

/// Doors kept of a relay that has not shown a descriptor yet.
const MOST_LEARNED: usize = 8;

/// The first descriptor of a day.
pub(crate) struct StoredDescriptor {
    pub(crate) day: Day,
    pub(crate) bytes: Vec<u8>,
    pub(crate) hash: [u8; 32],
}

fn read(row: &Row<'_>) -> rusqlite::Result<RelayRow> {
    let doors: Vec<u8> = row.get(1)?;
    Ok(RelayRow {
        id: RelayId(bytes(row, 0)?),
        doors: doors.as_chunks::<{ DoorAddress::LEN }>().0.iter().map(|door| DoorAddress(*door)).collect(),
        configured: row.get(2)?,
        equivocated: row.get(3)?,
    })
}

fn read_descriptor(row: &Row<'_>) -> rusqlite::Result<StoredDescriptor> {
    Ok(StoredDescriptor { day: Day(row.get(0)?), bytes: row.get(1)?, hash: bytes(row, 2)? })
}

impl Tx<'_> {
    /// Adds a relay that somebody named. What is known of it already is not replaced: only a descriptor, which the
    /// relay itself signed, may do that. Otherwise a contact could name doors of its own for any relay.
    pub(crate) fn learn_relay(&self, id: RelayId, doors: &[DoorAddress]) -> Result<(), StoreError> {
        let known = match self.relay(id)? {
            None => return self.keep_relay(id, doors),
            Some(known) => known.doors,
        };
        if self.latest_descriptor(id)?.is_some() {
            return Ok(());
        }
        let fresh: Vec<_> = doors.iter().filter(|door| !known.contains(door)).copied().collect();
        let both: Vec<_> = known.into_iter().chain(fresh).take(MOST_LEARNED).collect();
        self.keep_relay(id, &both)
    }

    /// Adds a relay, or replaces its doors.
    fn keep_relay(&self, id: RelayId, doors: &[DoorAddress]) -> Result<(), StoreError> {
        let doors: Vec<u8> = doors.iter().flat_map(|door| door.0).collect();
        self.execute(
            "keep a relay",
            "INSERT INTO relays (id, doors) VALUES (?1, ?2) ON CONFLICT (id) DO UPDATE SET doors = excluded.doors
             WHERE length(excluded.doors) > 0",
            (id.0, doors),
        )?;
        Ok(())
    }

    /// Makes exactly these the configured relays.
    pub(crate) fn configure_relays(&self, relays: &[RelayAddress]) -> Result<(), StoreError> {
        self.execute("configure relays", "UPDATE relays SET configured = 0 WHERE configured = 1", [])?;
        for relay in relays {
            self.keep_relay(relay.id, &relay.doors)?;
            self.execute("configure relays", "UPDATE relays SET configured = 1 WHERE id = ?1", [relay.id.0])?;
        }
        Ok(())
    }

    pub(crate) fn relay(&self, id: RelayId) -> Result<Option<RelayRow>, StoreError> {
        self.one(
            "read a relay",
            "SELECT id, doors, configured, equivocated FROM relays WHERE id = ?1",
            [id.0],
            read,
        )
    }

    pub(crate) fn relays(&self) -> Result<Vec<RelayRow>, StoreError> {
        self.all("list relays", "SELECT id, doors, configured, equivocated FROM relays ORDER BY id", [], read)
    }

    /// Every relay that a persona reads from, writes to, or asks.
    pub(crate) fn relays_of(&self, persona: PersonaId) -> Result<Vec<RelayId>, StoreError> {
        self.all(
            "list a persona's relays",
            "SELECT relay FROM personas WHERE id = ?1
             UNION SELECT relay FROM sessions WHERE persona = ?1
             UNION SELECT own_relay FROM sessions WHERE persona = ?1
             UNION SELECT relay FROM contacts WHERE persona = ?1 AND relay IS NOT NULL AND state <> 4
             UNION SELECT relay FROM guests WHERE persona = ?1",
            [persona],
            |row| Ok(RelayId(bytes(row, 0)?)),
        )
    }

    /// Keeps a descriptor unless there is one of its day; returns the one of the day that is kept.
    pub(crate) fn keep_descriptor(&self, descriptor: &Descriptor) -> Result<DescriptorSeen, StoreError> {
        let seen = descriptor.seen();
        self.execute(
            "keep a descriptor",
            "INSERT OR IGNORE INTO descriptors (relay, day, bytes, hash) VALUES (?1, ?2, ?3, ?4)",
            (descriptor.relay().0, seen.day.0, descriptor.as_bytes().as_slice(), seen.hash),
        )?;
        let kept = self.descriptor_of(descriptor.relay(), seen.day)?;
        Ok(DescriptorSeen { day: seen.day, hash: kept.map_or(seen.hash, |kept| kept.hash) })
    }

    pub(crate) fn descriptor_of(
        &self,
        relay: RelayId,
        day: Day,
    ) -> Result<Option<StoredDescriptor>, StoreError> {
        self.one(
            "read a descriptor",
            "SELECT day, bytes, hash FROM descriptors WHERE relay = ?1 AND day = ?2",
            (relay.0, day.0),
            read_descriptor,
        )
    }

    pub(crate) fn latest_descriptor(&self, relay: RelayId) -> Result<Option<StoredDescriptor>, StoreError> {
        self.one(
            "read a descriptor",
            "SELECT day, bytes, hash FROM descriptors WHERE relay = ?1 ORDER BY day DESC LIMIT 1",
            [relay.0],
            read_descriptor,
        )
    }

    /// The latest descriptor of a relay, as contacts are shown that it was seen.
    pub(crate) fn seen(&self, relay: RelayId) -> Result<Option<DescriptorSeen>, StoreError> {
        let latest = self.latest_descriptor(relay)?;
        Ok(latest.map(|found| DescriptorSeen { day: found.day, hash: found.hash }))
    }

    /// The relay showed two descriptors for one day: nothing more is sent to it.
    pub(crate) fn mark_equivocated(&self, relay: RelayId) -> Result<bool, StoreError> {
        let changed = self.execute(
            "mark a relay",
            "UPDATE relays SET equivocated = 1 WHERE id = ?1 AND equivocated = 0",
            [relay.0],
        )?;
        Ok(changed > 0)
    }

    /// Notes which descriptor of a relay a contact saw. At most one line per contact, relay and day is new.
    pub(crate) fn note_sighting(
        &self,
        contact: ContactId,
        relay: RelayId,
        seen: DescriptorSeen,
        suspect: bool,
    ) -> Result<(), StoreError> {
        self.execute(
            "note a sighting",
            "INSERT INTO sightings (contact, relay, day, hash, suspect) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT DO UPDATE SET suspect = max(suspect, excluded.suspect)",
            (contact, relay.0, seen.day.0, seen.hash, suspect),
        )?;
        Ok(())
    }

    /// Contacts that saw another descriptor of that day than `hash`.
    pub(crate) fn other_sightings(
        &self,
        relay: RelayId,
        day: Day,
        hash: [u8; 32],
    ) -> Result<Vec<(ContactId, [u8; 32])>, StoreError> {
        self.all(
            "compare sightings",
            "SELECT contact, hash FROM sightings WHERE relay = ?1 AND day = ?2 AND hash <> ?3",
            (relay.0, day.0, hash),
            |row| Ok((row.get(0)?, bytes(row, 1)?)),
        )
    }

    /// Relays of which a contact saw another descriptor than we did.
    pub(crate) fn suspect_relays(&self) -> Result<Vec<RelayId>, StoreError> {
        self.all(
            "list suspect relays",
            "SELECT DISTINCT relay FROM sightings WHERE suspect = 1 ORDER BY relay",
            [],
            |row| Ok(RelayId(bytes(row, 0)?)),
        )
    }

    pub(crate) fn forget_descriptors_before(&self, day: Day) -> Result<(), StoreError> {
        self.execute("forget sightings", "DELETE FROM sightings WHERE day < ?1", [day.0])?;
        self.execute("forget descriptors", "DELETE FROM descriptors WHERE day < ?1", [day.0])?;
        Ok(())
    }
}
