use bauta_protocol::time::Timestamp;
use rusqlite::Row;

use super::tx::{signed, unsigned};
use super::{StoreError, Tx};

/// The pairing of a browser extension.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct PairingRow {
    pub(crate) id: String,
    pub(crate) origin: String,
    pub(crate) label: String,
    /// An uncompressed point of P-256.
    pub(crate) key: Vec<u8>,
    /// Names of grants.
    pub(crate) grants: Vec<String>,
    /// Names of personas; `None`: all.
    pub(crate) personas: Option<Vec<String>>,
    pub(crate) since: Timestamp,
    pub(crate) last_used: Option<Timestamp>,
    pub(crate) revoked: bool,
}

/// Revoked pairings that are remembered; older ones are forgotten, and are then as unknown as any other.
const REVOKED_KEPT: u32 = 1_000;

const COLUMNS: &str = "id, origin, label, key, grants, personas, since, last_used, revoked";

type Raw = (String, String, String, Vec<u8>, String, Option<String>, i64, Option<i64>, bool);

fn raw(row: &Row<'_>) -> rusqlite::Result<Raw> {
    Ok((
        row.get(0)?,
        row.get(1)?,
        row.get(2)?,
        row.get(3)?,
        row.get(4)?,
        row.get(5)?,
        row.get(6)?,
        row.get(7)?,
        row.get(8)?,
    ))
}

fn read(row: Raw) -> Result<PairingRow, StoreError> {
    let (id, origin, label, key, grants, personas, since, last_used, revoked) = row;
    let damaged = |_| StoreError::Damaged("a pairing");
    let grants = serde_json::from_str(&grants).map_err(damaged)?;
    let personas = personas.map(|names| serde_json::from_str(&names)).transpose().map_err(damaged)?;
    let since = Timestamp(unsigned(since));
    let last_used = last_used.map(|at| Timestamp(unsigned(at)));
    Ok(PairingRow { id, origin, label, key, grants, personas, since, last_used, revoked })
}

fn json(value: &impl serde::Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|_| StoreError::Damaged("a pairing"))
}

impl Tx<'_> {
    pub(crate) fn add_pairing(&self, pairing: &PairingRow) -> Result<(), StoreError> {
        let sql = "INSERT INTO pairings (id, origin, label, key, grants, personas, since, last_used, revoked) \
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
        let row = (
            &pairing.id,
            &pairing.origin,
            &pairing.label,
            &pairing.key,
            json(&pairing.grants)?,
            pairing.personas.as_ref().map(json).transpose()?,
            signed(pairing.since.0),
            pairing.last_used.map(|at| signed(at.0)),
            pairing.revoked,
        );
        self.execute("add a pairing", sql, row)?;
        self.execute(
            "forget old pairings",
            "DELETE FROM pairings WHERE revoked = 1 AND seq <= (
               SELECT seq FROM pairings WHERE revoked = 1 ORDER BY seq DESC LIMIT 1 OFFSET ?1)",
            [REVOKED_KEPT],
        )?;
        Ok(())
    }

    /// In order of approval.
    pub(crate) fn pairings(&self) -> Result<Vec<PairingRow>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM pairings ORDER BY seq");
        self.all("list pairings", &sql, [], raw)?.into_iter().map(read).collect()
    }

    pub(crate) fn pairing(&self, id: &str) -> Result<Option<PairingRow>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM pairings WHERE id = ?1");
        self.one("find a pairing", &sql, [id], raw)?.map(read).transpose()
    }

    pub(crate) fn revoke_pairing(&self, id: &str) -> Result<(), StoreError> {
        self.execute("revoke a pairing", "UPDATE pairings SET revoked = 1 WHERE id = ?1", [id]).map(|_| ())
    }

    pub(crate) fn note_pairing_use(&self, id: &str, at: Timestamp) -> Result<(), StoreError> {
        let sql = "UPDATE pairings SET last_used = ?2 WHERE id = ?1";
        self.execute("note the use of a pairing", sql, (id, signed(at.0))).map(|_| ())
    }
}
