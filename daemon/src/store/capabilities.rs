use bauta_protocol::id::{Capability, RelayId};
use bauta_protocol::time::Timestamp;
use zeroize::Zeroizing;

use super::ids::{CapabilityId, PersonaId};
use super::tx::{bytes, signed};
use super::{StoreError, Tx};

/// A box to delete at a relay.
pub(crate) struct DueCapability {
    pub(crate) row: CapabilityId,
    pub(crate) relay: RelayId,
    pub(crate) cap: Capability,
    pub(crate) attempts: u32,
}

impl Tx<'_> {
    pub(crate) fn queue_delete(
        &self,
        persona: PersonaId,
        relay: RelayId,
        cap: &Capability,
        due_at: Timestamp,
    ) -> Result<(), StoreError> {
        self.execute(
            "queue a deletion",
            "INSERT INTO capabilities (persona, relay, cap, due_at) VALUES (?1, ?2, ?3, ?4)",
            (persona, relay.0, cap.as_bytes().as_slice(), signed(due_at.0)),
        )?;
        Ok(())
    }

    /// Boxes to delete now.
    pub(crate) fn due_deletes(
        &self,
        persona: PersonaId,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<DueCapability>, StoreError> {
        self.all(
            "list deletions",
            "SELECT id, relay, cap, attempts FROM capabilities WHERE persona = ?1 AND due_at <= ?2
             ORDER BY due_at LIMIT ?3",
            (persona, signed(now.0), limit),
            |row| {
                let cap = Zeroizing::new(bytes::<32>(row, 2)?);
                Ok(DueCapability {
                    row: row.get(0)?,
                    relay: RelayId(bytes(row, 1)?),
                    cap: Capability::from_bytes(&cap),
                    attempts: row.get(3)?,
                })
            },
        )
    }

    pub(crate) fn delete_later(
        &self,
        row: CapabilityId,
        at: Timestamp,
        attempts: u32,
    ) -> Result<(), StoreError> {
        self.execute(
            "plan a deletion",
            "UPDATE capabilities SET due_at = ?2, attempts = ?3 WHERE id = ?1",
            (row, signed(at.0), attempts),
        )?;
        Ok(())
    }

    /// The relay has deleted the box.
    pub(crate) fn drop_capability(&self, row: CapabilityId) -> Result<(), StoreError> {
        self.execute("forget a capability", "DELETE FROM capabilities WHERE id = ?1", [row])?;
        Ok(())
    }
}
