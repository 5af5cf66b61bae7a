use bauta_protocol::address::RelayAddress;
use bauta_protocol::descriptor::{Descriptor, DescriptorSeen};
use bauta_protocol::id::{DoorAddress, RelayId};
use bauta_protocol::time::{Day, Timestamp};
use rusqlite::Row;

use super::ids::{ContactId, PersonaId};
use super::tx::{bytes, signed, unsigned};
use super::{StoreError, Tx};

/// A relay that this home uses, or that somebody named.
pub(crate) struct RelayRow {
    pub(crate) id: RelayId,
    /// As configured, then from addresses and bundles.
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
    let (configured, learned): (Vec<u8>, Vec<u8>) = (row.get(1)?, row.get(2)?);
    let mut doors = Vec::new();
    for door in unpack(&configured).into_iter().chain(unpack(&learned)) {
        if !doors.contains(&door) && doors.len() < MOST_LEARNED {
            doors.push(door);
        }
    }
    Ok(RelayRow { id: RelayId(bytes(row, 0)?), doors, configured: row.get(3)?, equivocated: row.get(4)? })
}

fn unpack(doors: &[u8]) -> Vec<DoorAddress> {
    doors.as_chunks::<{ DoorAddress::LEN }>().0.iter().map(|door| DoorAddress(*door)).collect()
}

fn pack(doors: &[DoorAddress]) -> Vec<u8> {
    doors.iter().flat_map(|door| door.0).collect()
}

fn read_descriptor(row: &Row<'_>) -> rusqlite::Result<StoredDescriptor> {
    Ok(StoredDescriptor { day: Day(row.get(0)?), bytes: row.get(1)?, hash: bytes(row, 2)? })
}

impl Tx<'_> {
    /// Makes a relay known by its id alone.
    pub(crate) fn name_relay(&self, id: RelayId) -> Result<(), StoreError> {
        self.execute("name a relay", "INSERT OR IGNORE INTO relays (id) VALUES (?1)", [id.0])?;
        Ok(())
    }

    /// Adds a relay that somebody named to a persona. What it knows already is not replaced: only a descriptor, which
    /// the relay itself signed, may do that. Otherwise a contact could name doors of its own for any relay.
    pub(crate) fn learn_relay(
        &self,
        persona: PersonaId,
        id: RelayId,
        doors: &[DoorAddress],
    ) -> Result<(), StoreError> {
        self.name_relay(id)?;
        let mut known = self.relay(persona, id)?.map(|row| row.doors).unwrap_or_default();
        if self.latest_descriptor(persona, id)?.is_none() {
            let fresh: Vec<_> = doors.iter().filter(|door| !known.contains(door)).copied().collect();
            known.extend(fresh);
            known.truncate(MOST_LEARNED);
        }
        self.execute(
            "keep a relay",
            "INSERT INTO known_relays (persona, relay, doors) VALUES (?1, ?2, ?3)
             ON CONFLICT (persona, relay) DO UPDATE SET doors = excluded.doors",
            (persona, id.0, pack(&known)),
        )?;
        Ok(())
    }

    /// Makes exactly these the configured relays.
    pub(crate) fn configure_relays(&self, relays: &[RelayAddress]) -> Result<(), StoreError> {
        self.execute("configure relays", "UPDATE relays SET configured = 0 WHERE configured = 1", [])?;
        for relay in relays {
            self.execute(
                "configure relays",
                "INSERT INTO relays (id, doors, configured) VALUES (?1, ?2, 1)
                 ON CONFLICT (id) DO UPDATE SET configured = 1,
                   doors = CASE WHEN length(excluded.doors) > 0 THEN excluded.doors ELSE doors END",
                (relay.id.0, pack(&relay.doors)),
            )?;
        }
        Ok(())
    }

    /// What a persona knows of a relay; a relay that is only configured counts too.
    pub(crate) fn relay(&self, persona: PersonaId, id: RelayId) -> Result<Option<RelayRow>, StoreError> {
        self.one(
            "read a relay",
            "SELECT id, r.doors, coalesce(k.doors, x''), configured, coalesce(equivocated, 0) FROM relays AS r
             LEFT JOIN known_relays AS k ON k.relay = id AND k.persona = ?1 WHERE id = ?2",
            (persona, id.0),
            read,
        )
    }

    /// All relays, with the doors that are configured; `equivocated` says that some persona found it out.
    pub(crate) fn relays(&self) -> Result<Vec<RelayRow>, StoreError> {
        self.all(
            "list relays",
            "SELECT id, doors, x'', configured,
               EXISTS (SELECT 1 FROM known_relays WHERE relay = id AND equivocated = 1)
             FROM relays ORDER BY id",
            [],
            read,
        )
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
    pub(crate) fn keep_descriptor(
        &self,
        persona: PersonaId,
        descriptor: &Descriptor,
    ) -> Result<DescriptorSeen, StoreError> {
        let seen = descriptor.seen();
        self.execute(
            "keep a descriptor",
            "INSERT OR IGNORE INTO descriptors (persona, relay, day, bytes, hash) VALUES (?1, ?2, ?3, ?4, ?5)",
            (persona, descriptor.relay().0, seen.day.0, descriptor.as_bytes().as_slice(), seen.hash),
        )?;
        let kept = self.descriptor_of(persona, descriptor.relay(), seen.day)?;
        Ok(DescriptorSeen { day: seen.day, hash: kept.map_or(seen.hash, |kept| kept.hash) })
    }

    pub(crate) fn descriptor_of(
        &self,
        persona: PersonaId,
        relay: RelayId,
        day: Day,
    ) -> Result<Option<StoredDescriptor>, StoreError> {
        self.one(
            "read a descriptor",
            "SELECT day, bytes, hash FROM descriptors WHERE persona = ?1 AND relay = ?2 AND day = ?3",
            (persona, relay.0, day.0),
            read_descriptor,
        )
    }

    pub(crate) fn latest_descriptor(
        &self,
        persona: PersonaId,
        relay: RelayId,
    ) -> Result<Option<StoredDescriptor>, StoreError> {
        self.one(
            "read a descriptor",
            "SELECT day, bytes, hash FROM descriptors WHERE persona = ?1 AND relay = ?2 ORDER BY day DESC LIMIT 1",
            (persona, relay.0),
            read_descriptor,
        )
    }

    /// The last day for which a relay has signed a descriptor, as far as this home knows: that day has come.
    pub(crate) fn last_signed_day(&self) -> Result<Option<Day>, StoreError> {
        let day = self.one("find the last signed day", "SELECT max(day) FROM descriptors", [], |row| {
            row.get::<_, Option<u32>>(0)
        })?;
        Ok(day.flatten().map(Day))
    }

    /// The latest descriptor of a relay, as contacts are shown that it was seen.
    pub(crate) fn seen(
        &self,
        persona: PersonaId,
        relay: RelayId,
    ) -> Result<Option<DescriptorSeen>, StoreError> {
        let latest = self.latest_descriptor(persona, relay)?;
        Ok(latest.map(|found| DescriptorSeen { day: found.day, hash: found.hash }))
    }

    /// The relay showed a persona two descriptors for one day: the persona sends nothing more to it.
    pub(crate) fn mark_equivocated(&self, persona: PersonaId, relay: RelayId) -> Result<bool, StoreError> {
        self.know(persona, relay)?;
        let changed = self.execute(
            "mark a relay",
            "UPDATE known_relays SET equivocated = 1 WHERE persona = ?1 AND relay = ?2 AND equivocated = 0",
            (persona, relay.0),
        )?;
        Ok(changed > 0)
    }

    /// The relay gave a persona an invalid answer.
    pub(crate) fn note_invalid_answer(
        &self,
        persona: PersonaId,
        relay: RelayId,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.know(persona, relay)?;
        self.execute(
            "note an invalid answer",
            "UPDATE known_relays SET invalid_at = ?3 WHERE persona = ?1 AND relay = ?2",
            (persona, relay.0, signed(now.0)),
        )?;
        Ok(())
    }

    /// Relays that gave some persona an invalid answer since then.
    pub(crate) fn invalid_relays(&self, since: Timestamp) -> Result<Vec<RelayId>, StoreError> {
        self.all(
            "list relays with invalid answers",
            "SELECT DISTINCT relay FROM known_relays WHERE invalid_at > ?1 ORDER BY relay",
            [signed(since.0)],
            |row| Ok(RelayId(bytes(row, 0)?)),
        )
    }

    /// When a persona next asks a relay for its descriptor; `None`: nothing is planned.
    pub(crate) fn describe_at(
        &self,
        persona: PersonaId,
        relay: RelayId,
    ) -> Result<Option<Timestamp>, StoreError> {
        let at = self.one(
            "read when a relay is asked",
            "SELECT describe_at FROM known_relays WHERE persona = ?1 AND relay = ?2",
            (persona, relay.0),
            |row| row.get::<_, Option<i64>>(0),
        )?;
        Ok(at.flatten().map(|at| Timestamp(unsigned(at))))
    }

    pub(crate) fn set_describe_at(
        &self,
        persona: PersonaId,
        relay: RelayId,
        at: Option<Timestamp>,
    ) -> Result<(), StoreError> {
        self.know(persona, relay)?;
        self.execute(
            "plan a description",
            "UPDATE known_relays SET describe_at = ?3 WHERE persona = ?1 AND relay = ?2",
            (persona, relay.0, at.map(|at| signed(at.0))),
        )?;
        Ok(())
    }

    fn know(&self, persona: PersonaId, relay: RelayId) -> Result<(), StoreError> {
        self.name_relay(relay)?;
        self.execute(
            "keep a relay",
            "INSERT OR IGNORE INTO known_relays (persona, relay) VALUES (?1, ?2)",
            (persona, relay.0),
        )?;
        Ok(())
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

    /// Contacts of a persona that saw another descriptor of that day than `hash`.
    pub(crate) fn other_sightings(
        &self,
        persona: PersonaId,
        relay: RelayId,
        day: Day,
        hash: [u8; 32],
    ) -> Result<Vec<(ContactId, [u8; 32])>, StoreError> {
        self.all(
            "compare sightings",
            "SELECT contact, hash FROM sightings JOIN contacts ON contacts.id = contact
             WHERE persona = ?1 AND sightings.relay = ?2 AND day = ?3 AND hash <> ?4",
            (persona, relay.0, day.0, hash),
            |row| Ok((row.get(0)?, bytes(row, 1)?)),
        )
    }

    /// Relays of which a contact saw another descriptor than the persona did that they write to.
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
