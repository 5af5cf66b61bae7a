//! A store in memory, for tests of what runs in a transaction.

use rusqlite::Connection;

use super::{StoreError, Tx, schema};

pub(crate) struct MemoryStore(Connection);

impl MemoryStore {
    pub(crate) fn new() -> Self {
        let mut connection = Connection::open_in_memory().unwrap();
        connection.execute_batch("PRAGMA foreign_keys = ON").unwrap();
        schema::migrate(&mut connection).unwrap();
        Self(connection)
    }

    pub(crate) fn run<T>(&mut self, job: impl FnOnce(&Tx<'_>) -> Result<T, StoreError>) -> T {
        let tx = Tx::new(self.0.transaction().unwrap());
        let answer = job(&tx).unwrap();
        tx.commit().unwrap();
        answer
    }

    /// Runs a job that is cut off before its commit.
    pub(crate) fn crash<T>(&mut self, job: impl FnOnce(&Tx<'_>) -> Result<T, StoreError>) {
        let tx = Tx::new(self.0.transaction().unwrap());
        drop(job(&tx).unwrap());
    }
}

impl Tx<'_> {
    /// The one text of each row that a query finds.
    pub(crate) fn lines(&self, sql: &str) -> Result<Vec<String>, StoreError> {
        self.all("list what a test asks for", sql, [], |row| row.get(0))
    }
}
