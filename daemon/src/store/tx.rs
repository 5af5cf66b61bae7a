use std::cell::Cell;

use rusqlite::{OptionalExtension, Params, Row, Transaction};

use bauta_protocol::time::Timestamp;

use super::StoreError;

/// One transaction. The typed queries of each area are in the files beside this one.
pub(crate) struct Tx<'a> {
    sql: Transaction<'a>,
    advanced: Cell<bool>,
    event: Cell<Option<u64>>,
    erased: Cell<bool>,
    full: Cell<bool>,
}

impl<'a> Tx<'a> {
    pub(super) fn new(sql: Transaction<'a>) -> Self {
        Self {
            sql,
            advanced: Cell::new(false),
            event: Cell::new(None),
            erased: Cell::new(false),
            full: Cell::new(false),
        }
    }

    pub(super) fn commit(self) -> Result<(), StoreError> {
        self.sql.commit().map_err(StoreError::during("commit"))
    }

    /// The last event written.
    pub(super) fn event(&self) -> Option<u64> {
        self.event.get()
    }

    /// Notes that a session advanced in this transaction.
    pub(super) fn advance(&self) {
        self.advanced.set(true);
    }

    pub(super) fn is_advanced(&self) -> bool {
        self.advanced.get()
    }

    /// Notes that words were deleted which must not stay in the database's files.
    pub(super) fn erase(&self) {
        self.erased.set(true);
    }

    pub(super) fn is_erased(&self) -> bool {
        self.erased.get()
    }

    /// Whether something could not be written because the disk is full.
    pub(super) fn is_full(&self) -> bool {
        self.full.get()
    }

    fn failed(&self, during: &'static str) -> impl FnOnce(rusqlite::Error) -> StoreError {
        move |error| {
            let error = StoreError::during(during)(error);
            if matches!(error, StoreError::Full) {
                self.full.set(true);
            }
            error
        }
    }

    pub(super) fn wrote_event(&self, cursor: u64) {
        self.event.set(Some(cursor));
    }

    pub(super) fn execute<P: Params>(
        &self,
        during: &'static str,
        sql: &str,
        params: P,
    ) -> Result<usize, StoreError> {
        self.sql
            .prepare_cached(sql)
            .and_then(|mut statement| statement.execute(params))
            .map_err(self.failed(during))
    }

    /// Inserts one row and returns its rowid.
    pub(super) fn insert<P: Params>(
        &self,
        during: &'static str,
        sql: &str,
        params: P,
    ) -> Result<i64, StoreError> {
        self.sql
            .prepare_cached(sql)
            .and_then(|mut statement| statement.insert(params))
            .map_err(self.failed(during))
    }

    pub(super) fn one<T, P: Params>(
        &self,
        during: &'static str,
        sql: &str,
        params: P,
        read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Option<T>, StoreError> {
        self.sql
            .prepare_cached(sql)
            .and_then(|mut statement| statement.query_row(params, read).optional())
            .map_err(self.failed(during))
    }

    pub(super) fn all<T, P: Params>(
        &self,
        during: &'static str,
        sql: &str,
        params: P,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, StoreError> {
        self.sql
            .prepare_cached(sql)
            .and_then(|mut statement| statement.query_map(params, read)?.collect())
            .map_err(self.failed(during))
    }

    pub(super) fn count<P: Params>(
        &self,
        during: &'static str,
        sql: &str,
        params: P,
    ) -> Result<u64, StoreError> {
        Ok(self.one(during, sql, params, |row| row.get::<_, i64>(0))?.map_or(0, unsigned))
    }

    /// Makes due now what is planned for after `last`.
    pub(crate) fn pull_back_times(&self, now: Timestamp, last: Timestamp) -> Result<(), StoreError> {
        for sql in [
            "UPDATE outbox SET due_at = ?1 WHERE due_at > ?2",
            "UPDATE contacts SET attempt_at = ?1 WHERE attempt_at > ?2",
            "UPDATE contacts SET taken_at = ?1 WHERE taken_at > ?2",
            "UPDATE sessions SET deposit_at = ?1 WHERE deposit_at > ?2",
            "UPDATE sessions SET quiet_until = ?1 WHERE quiet_until > ?2",
            "UPDATE sessions SET ack_due_at = ?1 WHERE ack_due_at > ?2",
            "UPDATE capabilities SET due_at = ?1 WHERE due_at > ?2",
        ] {
            self.execute("pull back times", sql, (signed(now.0), signed(last.0)))?;
        }
        Ok(())
    }

    pub(crate) fn meta(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.one("read a setting", "SELECT value FROM meta WHERE key = ?1", [key], |row| row.get(0))
    }

    pub(crate) fn set_meta(&self, key: &str, value: &[u8]) -> Result<(), StoreError> {
        self.execute(
            "write a setting",
            "INSERT INTO meta (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            (key, value),
        )?;
        Ok(())
    }

    pub(crate) fn clear_meta(&self, key: &str) -> Result<(), StoreError> {
        self.execute("clear a setting", "DELETE FROM meta WHERE key = ?1", [key])?;
        Ok(())
    }

    pub(crate) fn meta_u64(&self, key: &str) -> Result<Option<u64>, StoreError> {
        match self.meta(key)? {
            None => Ok(None),
            Some(bytes) => bytes
                .try_into()
                .map(|bytes| Some(u64::from_be_bytes(bytes)))
                .map_err(|_| StoreError::Damaged("a setting")),
        }
    }
}

#[cfg(test)]
impl Tx<'_> {
    /// Lets the database grow by so many pages and no more, as on a disk that is nearly full; `None`: as it likes.
    pub(crate) fn leave_room(&self, pages: Option<u32>) -> Result<(), StoreError> {
        let count =
            self.one("count pages", "PRAGMA page_count", [], |row| row.get::<_, u32>(0))?.unwrap_or(0);
        let most = pages.map_or(u32::MAX - 1, |pages| count.saturating_add(pages));
        self.one("set a limit", &format!("PRAGMA max_page_count = {most}"), [], |row| row.get::<_, u32>(0))?;
        Ok(())
    }
}

/// SQLite's integers are signed; all of ours are counts and times, far below 2^63.
pub(super) fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

pub(super) fn unsigned(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}

/// The error for a text that is not what was written there.
pub(super) fn damaged(column: usize) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(
        column,
        rusqlite::types::Type::Text,
        "not what was written".into(),
    )
}

/// A column of exactly `N` bytes.
pub(super) fn bytes<const N: usize>(row: &Row<'_>, column: usize) -> rusqlite::Result<[u8; N]> {
    row.get(column)
}
