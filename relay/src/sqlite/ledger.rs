//! What changes and upkeep work on: the open transaction and the totals that go with it.

use bauta_protocol::error::Kind;
use bauta_protocol::id::BoxId;
use rusqlite::{Connection, params};

use crate::error::StorageError;
use crate::policy::{Quotas, Stored};

/// An open transaction, and what is known once it is committed.
pub(super) struct Ledger<'a> {
    pub(super) connection: &'a Connection,
    pub(super) stored: &'a mut Stored,
    pub(super) quotas: &'a Quotas,
    /// Boxes that can be read from the commit on.
    pub(super) arrived: &'a mut Vec<BoxId>,
}

impl Ledger<'_> {
    /// Whether this many more bytes fit under the quota.
    pub(super) fn has_room(&self, cost: u64) -> bool {
        self.stored.has_room(self.quotas, cost)
    }

    /// Subtracts removed deposits from the totals.
    pub(super) fn forget_deposits(&mut self, gone: usize) {
        self.stored.deposits = self.stored.deposits.saturating_sub(count(gone));
    }
}

/// Wraps an error of SQLite with what was being done, in the words that follow "while it".
pub(super) fn during(during: &'static str) -> impl FnOnce(rusqlite::Error) -> StorageError {
    move |source| match source.sqlite_error_code() {
        Some(rusqlite::ErrorCode::DiskFull) => StorageError::DiskFull,
        _ => StorageError::Database { during, kind: Kind::Storage, source: Box::new(source) },
    }
}

/// A number as SQLite holds it, saturating.
pub(super) fn sql(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A number of rows.
pub(super) fn count(rows: usize) -> u64 {
    u64::try_from(rows).unwrap_or(u64::MAX)
}

/// The last committed totals.
pub(super) fn totals(connection: &Connection) -> Result<Stored, StorageError> {
    connection
        .query_row("SELECT boxes, tombstones, deposits, bundles FROM totals", [], |row| {
            Ok(Stored {
                boxes: row.get(0)?,
                tombstones: row.get(1)?,
                deposits: row.get(2)?,
                bundles: row.get(3)?,
            })
        })
        .map_err(during("reads the totals"))
}

/// Stores the totals, in the transaction that changed them.
pub(super) fn set_totals(connection: &Connection, totals: &Stored) -> Result<(), StorageError> {
    connection
        .prepare_cached("UPDATE totals SET boxes = ?1, tombstones = ?2, deposits = ?3, bundles = ?4")
        .map_err(during("writes the totals"))?
        .execute(params![
            sql(totals.boxes),
            sql(totals.tombstones),
            sql(totals.deposits),
            sql(totals.bundles)
        ])
        .map_err(during("writes the totals"))?;
    Ok(())
}
