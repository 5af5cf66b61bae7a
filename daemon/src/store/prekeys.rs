use bauta_protocol::limits::CLOCK_SKEW;
use bauta_protocol::time::Timestamp;
use rusqlite::Row;
use zeroize::Zeroizing;

use super::ids::{PersonaId, PrekeysId};
use super::tx::{signed, unsigned};
use super::{StoreError, Tx};

/// The private side of one bundle.
pub(crate) struct PrekeysRow {
    pub(crate) id: PrekeysId,
    pub(crate) persona: PersonaId,
    pub(crate) version: Timestamp,
    pub(crate) expires_at: Timestamp,
    pub(crate) made_at: Timestamp,
    /// In the protocol's own serialisation.
    pub(crate) secret: Zeroizing<Vec<u8>>,
    pub(crate) published_at: Option<Timestamp>,
}

const COLUMNS: &str = "id, version, expires_at, made_at, secret, published_at, persona";

fn read(row: &Row<'_>) -> rusqlite::Result<PrekeysRow> {
    Ok(PrekeysRow {
        id: row.get(0)?,
        persona: row.get(6)?,
        version: Timestamp(unsigned(row.get(1)?)),
        expires_at: Timestamp(unsigned(row.get(2)?)),
        made_at: Timestamp(unsigned(row.get(3)?)),
        secret: Zeroizing::new(row.get(4)?),
        published_at: row.get::<_, Option<i64>>(5)?.map(|at| Timestamp(unsigned(at))),
    })
}

impl Tx<'_> {
    pub(crate) fn add_prekeys(
        &self,
        persona: PersonaId,
        version: Timestamp,
        expires_at: Timestamp,
        erase_at: Timestamp,
        secret: &[u8],
        now: Timestamp,
    ) -> Result<PrekeysId, StoreError> {
        self.insert(
            "keep prekeys",
            "INSERT INTO prekeys (persona, version, expires_at, erase_at, made_at, secret)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            (persona, signed(version.0), signed(expires_at.0), signed(erase_at.0), signed(now.0), secret),
        )
        .map(PrekeysId)
    }

    /// Newest first.
    pub(crate) fn prekeys(&self, persona: PersonaId) -> Result<Vec<PrekeysRow>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM prekeys WHERE persona = ?1 ORDER BY version DESC");
        self.all("read prekeys", &sql, [persona], read)
    }

    /// The newest that others would take. Some may be of a later time, made while this machine's clock was ahead: those
    /// neither count nor go.
    pub(crate) fn newest_prekeys(
        &self,
        persona: PersonaId,
        now: Timestamp,
    ) -> Result<Option<PrekeysRow>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM prekeys WHERE persona = ?1 AND version <= ?2 ORDER BY version DESC LIMIT 1"
        );
        self.one("read prekeys", &sql, (persona, signed(now.plus(CLOCK_SKEW).0)), read)
    }

    pub(crate) fn prekeys_by_id(&self, id: PrekeysId) -> Result<Option<PrekeysRow>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM prekeys WHERE id = ?1");
        self.one("read prekeys", &sql, [id], read)
    }

    /// The bundle that the relay accepted last.
    pub(crate) fn published_prekeys(&self, persona: PersonaId) -> Result<Option<PrekeysRow>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM prekeys WHERE persona = ?1 AND published_at IS NOT NULL
             ORDER BY version DESC LIMIT 1"
        );
        self.one("read prekeys", &sql, [persona], read)
    }

    pub(crate) fn mark_published(&self, prekeys: PrekeysId, now: Timestamp) -> Result<(), StoreError> {
        self.execute(
            "note a publication",
            "UPDATE prekeys SET published_at = ?2 WHERE id = ?1",
            (prekeys, signed(now.0)),
        )?;
        Ok(())
    }

    pub(crate) fn erase_prekeys(&self, now: Timestamp) -> Result<(), StoreError> {
        self.execute("erase prekeys", "DELETE FROM prekeys WHERE erase_at <= ?1", [signed(now.0)])?;
        Ok(())
    }

    /// Whether a handshake was taken before.
    pub(crate) fn knows_transcript(&self, transcript: &[u8; 32]) -> Result<bool, StoreError> {
        let found = self.count(
            "look for a handshake",
            "SELECT count(*) FROM transcripts WHERE transcript = ?1",
            [transcript],
        )?;
        Ok(found > 0)
    }

    /// Whether the handshake is new; remembers it as long as its prekeys are kept.
    pub(crate) fn remember_transcript(
        &self,
        transcript: &[u8; 32],
        prekeys: PrekeysId,
    ) -> Result<bool, StoreError> {
        let added = self.execute(
            "remember a handshake",
            "INSERT OR IGNORE INTO transcripts (transcript, prekeys) VALUES (?1, ?2)",
            (transcript, prekeys),
        )?;
        Ok(added > 0)
    }
}
