use std::fs::File;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};

use rusqlite::Connection;
use tokio::sync::watch;

use super::mark::Mark;
use super::{StoreError, Tx};

/// The counter that the mark repeats.
pub(super) const COUNTER: &str = "counter";

pub(super) type Job = Box<dyn FnOnce(&mut Worker) + Send>;

/// What the store's thread owns.
pub(crate) struct Worker {
    pub(super) connection: Connection,
    pub(super) mark: Mark,
    pub(super) mark_path: PathBuf,
    /// A committed counter whose mark is not durable yet: nothing else happens before it is.
    pub(super) owed: Option<u64>,
    pub(super) events: watch::Sender<u64>,
    pub(super) full: Full,
    /// Locked while the thread lives.
    pub(super) _lock: File,
}

/// Whether an attempt to write found the disk full, and none has shown since that there is room. A small write may find
/// room within the database, so that its success shows nothing.
#[derive(Clone, Default)]
pub(super) struct Full(Arc<AtomicBool>);

impl Full {
    pub(super) fn get(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    fn note(&self, is_full: bool) {
        if is_full && !self.0.swap(true, Ordering::Relaxed) {
            tracing::error!(
                "The disk that holds the store is full. Nothing is lost, but nothing can be stored: free some space."
            );
        }
    }

    fn noted(&self, error: StoreError) -> StoreError {
        self.note(matches!(error, StoreError::Full));
        error
    }

    pub(super) fn clear(&self) {
        if self.0.swap(false, Ordering::Relaxed) {
            tracing::warn!("The disk that holds the store has room again.");
        }
    }
}

impl Worker {
    pub(super) fn events(&self) -> watch::Receiver<u64> {
        self.events.subscribe()
    }

    pub(super) fn work(mut self, queue: &mpsc::Receiver<Option<Job>>) {
        while let Ok(Some(job)) = queue.recv() {
            job(&mut self);
        }
    }

    pub(super) fn transact<T, E, F>(&mut self, job: F) -> Result<T, E>
    where
        E: From<StoreError>,
        F: FnOnce(&Tx<'_>) -> Result<T, E>,
    {
        self.pay_mark()?;
        let home = self.mark_path.parent().unwrap_or(&self.mark_path);
        let began = self.connection.transaction().map_err(StoreError::during("begin a transaction"));
        let tx = Tx::new(began.map_err(|error| self.full.noted(error.looked_at(home)))?);
        let answer = job(&tx).inspect_err(|_| self.full.note(tx.is_full()))?;
        let counter = advance_counter(&tx).map_err(|error| self.full.noted(error))?;
        let (event, erased) = (tx.event(), tx.is_erased());
        tx.commit().map_err(|error| self.full.noted(error.looked_at(home)))?;
        if let Some(cursor) = event {
            self.events.send_replace(cursor);
        }
        if counter.is_some() {
            self.owed = counter;
            self.pay_mark()?;
        }
        if erased {
            self.clean_log();
        }
        Ok(answer)
    }

    /// Empties the write-ahead log, which holds pages as they were before. In the database itself `secure_delete`
    /// overwrites what is deleted.
    fn clean_log(&self) {
        let emptied =
            self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, i64>(0));
        match emptied {
            Ok(0) => {}
            Ok(_) => tracing::warn!(
                "The store's log is in use and was not emptied. It is tried at the next deletion."
            ),
            Err(error) => {
                tracing::warn!(
                    "The store's log could not be emptied: {error}. It is tried at the next deletion."
                );
            }
        }
    }

    /// The mark follows the commit and precedes everything that the commit leads to.
    fn pay_mark(&mut self) -> Result<(), StoreError> {
        if let Some(counter) = self.owed {
            let written = self.mark.write(counter).map_err(StoreError::file(self.mark_path.clone()));
            written.map_err(|error| self.full.noted(error))?;
            self.owed = None;
        }
        Ok(())
    }
}

fn advance_counter(tx: &Tx<'_>) -> Result<Option<u64>, StoreError> {
    if !tx.is_advanced() {
        return Ok(None);
    }
    let counter = tx.meta_u64(COUNTER)?.unwrap_or(0).saturating_add(1);
    tx.set_meta(COUNTER, &counter.to_be_bytes())?;
    Ok(Some(counter))
}
