use std::fs::File;
use std::path::PathBuf;
use std::sync::mpsc;

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
    /// Locked while the thread lives.
    pub(super) _lock: File,
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
        let sql = self.connection.transaction().map_err(StoreError::during("begin a transaction"))?;
        let tx = Tx::new(sql);
        let answer = job(&tx)?;
        let counter = advance_counter(&tx)?;
        let event = tx.event();
        tx.commit()?;
        if let Some(cursor) = event {
            self.events.send_replace(cursor);
        }
        if counter.is_some() {
            self.owed = counter;
            self.pay_mark()?;
        }
        Ok(answer)
    }

    /// The mark follows the commit and precedes everything that the commit leads to.
    fn pay_mark(&mut self) -> Result<(), StoreError> {
        if let Some(counter) = self.owed {
            self.mark.write(counter).map_err(StoreError::file(self.mark_path.clone()))?;
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
