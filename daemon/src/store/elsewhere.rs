//! What is known of the bundle at a persona's relay, and whether another home has the persona.

use std::time::Duration;

use bauta_protocol::id::InboxId;
use bauta_protocol::time::Timestamp;

use super::ids::PersonaId;
use super::tx::{signed, unsigned};
use super::{StoreError, Tx};

impl Tx<'_> {
    /// Whether an inbox is that of this home, or of one that this home was restored from.
    pub(crate) fn is_own_inbox(&self, persona: PersonaId, inbox: &InboxId) -> Result<bool, StoreError> {
        let inboxes: Option<Vec<u8>> =
            self.one("read inboxes", "SELECT inboxes FROM personas WHERE id = ?1", [persona], |row| {
                row.get(0)
            })?;
        Ok(inboxes.unwrap_or_default().chunks_exact(InboxId::LEN).any(|one| one == inbox.as_bytes()))
    }

    fn number_of(&self, persona: PersonaId, sql: &str) -> Result<Option<u64>, StoreError> {
        let found = self.one("read about a bundle", sql, [persona], |row| row.get::<_, Option<i64>>(0))?;
        Ok(found.flatten().map(unsigned))
    }

    /// The newest version of a bundle that the relay is known to have had; `None`: of none.
    pub(crate) fn known_bundle(&self, persona: PersonaId) -> Result<Option<Timestamp>, StoreError> {
        let sql = "SELECT known_bundle FROM personas WHERE id = ?1";
        Ok(self.number_of(persona, sql)?.map(Timestamp))
    }

    pub(crate) fn set_known_bundle(
        &self,
        persona: PersonaId,
        version: Option<Timestamp>,
    ) -> Result<(), StoreError> {
        self.execute(
            "keep a bundle's version",
            "UPDATE personas SET known_bundle = ?2 WHERE id = ?1",
            (persona, version.map(|version| signed(version.0))),
        )?;
        Ok(())
    }

    /// Time online until the bundle at the relay is looked at; zero: now. `None`: it is not.
    pub(crate) fn check_wait(&self, persona: PersonaId) -> Result<Option<Duration>, StoreError> {
        let sql = "SELECT check_wait FROM personas WHERE id = ?1";
        Ok(self.number_of(persona, sql)?.map(Duration::from_millis))
    }

    pub(crate) fn set_check_wait(&self, persona: PersonaId, left: Duration) -> Result<(), StoreError> {
        let left = i64::try_from(left.as_millis()).unwrap_or(i64::MAX);
        self.execute(
            "plan a look at the own bundle",
            "UPDATE personas SET check_wait = ?2 WHERE id = ?1",
            (persona, left),
        )?;
        Ok(())
    }

    /// When the bundle at the relay was last looked at.
    pub(crate) fn checked_at(&self, persona: PersonaId) -> Result<Timestamp, StoreError> {
        let sql = "SELECT checked_at FROM personas WHERE id = ?1";
        Ok(Timestamp(self.number_of(persona, sql)?.unwrap_or_default()))
    }

    /// It was looked at.
    pub(crate) fn set_checked(&self, persona: PersonaId, now: Timestamp) -> Result<(), StoreError> {
        self.execute(
            "note a look at the own bundle",
            "UPDATE personas SET check_wait = NULL, checked_at = ?2 WHERE id = ?1",
            (persona, signed(now.0)),
        )?;
        Ok(())
    }

    /// Since when the persona is known to be another home's, if it is.
    pub(crate) fn elsewhere_at(&self, persona: PersonaId) -> Result<Option<Timestamp>, StoreError> {
        let sql = "SELECT elsewhere_at FROM personas WHERE id = ?1";
        Ok(self.number_of(persona, sql)?.map(Timestamp))
    }

    /// From now on the persona is another home's.
    pub(crate) fn set_elsewhere(&self, persona: PersonaId, now: Timestamp) -> Result<(), StoreError> {
        self.execute(
            "note another home",
            "UPDATE personas SET elsewhere_at = ?2 WHERE id = ?1 AND elsewhere_at IS NULL",
            (persona, signed(now.0)),
        )?;
        Ok(())
    }
}
