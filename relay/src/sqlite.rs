//! The store of one machine: SQLite, with one writer that commits in groups and one reader.
//!
//! Everything stored is sealed by its senders or by the desk, so the database itself is not encrypted.
//! The layout hides what a plain table would add: boxes are stored in the order of their random ids, not of their arrival,
//! expiry has a resolution of one day, and `secure_delete` overwrites what is erased.

mod change;
mod ledger;
mod listing;
mod reader;
mod schema;
mod thread;
mod upkeep;
mod writer;

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use bauta_protocol::digest::set::Tag;
use bauta_protocol::id::{BoxId, InboxId};
use bauta_protocol::relay::Deposited;
use bauta_protocol::time::{Day, Timestamp};
use futures::StreamExt as _;
use tokio::sync::broadcast::error::RecvError;

use crate::error::{RelayError, StorageError};
use crate::files;
use crate::meter::Meter;
use crate::policy::{Quotas, Stored};
use crate::storage::{
    Arrival, Arrivals, BundleName, DepositOutcome, DepositsOfDay, Hour, PublishOutcome, PutOutcome,
    SealedBox, SealedHandshake, Storage, StoredBundle, StoredInterval,
};
use reader::Reader;
use writer::Writer;

/// How the store works. A relay uses the default; tests and benchmarks use others.
#[derive(Clone, Debug)]
pub struct SqliteOptions {
    /// The quotas.
    pub quotas: Quotas,
    /// The most changes in one transaction.
    pub max_batch: usize,
    /// The length of the writer's queue. Further changes wait until there is room in it.
    pub queue: usize,
    /// Where the sizes of the batches are counted.
    pub meter: Arc<Meter>,
}

impl Default for SqliteOptions {
    fn default() -> Self {
        Self { quotas: Quotas::default(), max_batch: 256, queue: 1024, meter: Arc::new(Meter::off()) }
    }
}

/// A [`Storage`] in one SQLite file.
pub struct SqliteStorage {
    writer: Writer,
    reader: Reader,
    /// Reads what takes long, so that nothing waits for it.
    lister: Reader,
    quotas: Quotas,
}

impl std::fmt::Debug for SqliteStorage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SqliteStorage(..)")
    }
}

impl SqliteStorage {
    /// Opens the store in `path`, or makes it with mode 0600. Older layouts are brought up to date.
    ///
    /// # Errors
    /// [`RelayError::Open`] if the file is not a database of ours, [`RelayError::TooNew`] if a newer release wrote it,
    /// [`RelayError::File`], [`RelayError::Exposed`] and [`RelayError::Foreign`] for the file itself.
    pub fn open(path: &Path, options: SqliteOptions) -> Result<Self, RelayError> {
        files::ensure_private_file(path)?;
        let opened = |source| RelayError::Open { path: path.to_owned(), source };
        let mut connection = schema::connect(path).map_err(opened)?;
        schema::migrate(&mut connection, path)?;
        let quotas = options.quotas;
        let writer = Writer::start(connection, options).map_err(|error| match error {
            writer::StartError::Storage(source) => opened(source),
            writer::StartError::Thread(source) => RelayError::Thread(source),
        })?;
        let start = |name| {
            Reader::start(name, schema::connect_to_read(path).map_err(opened)?).map_err(RelayError::Thread)
        };
        let (reader, lister) = (start("relay-reader")?, start("relay-lister")?);
        Ok(Self { writer, reader, lister, quotas })
    }

    /// Counts the stored rows one by one, to check the running totals. Slow in a large store.
    ///
    /// # Errors
    /// [`StorageError`] if the store cannot be read.
    pub async fn recount(&self) -> Result<Stored, StorageError> {
        self.reader.run(upkeep::recount).await
    }
}

#[async_trait]
impl Storage for SqliteStorage {
    async fn put_box(
        &self,
        id: BoxId,
        tag: Tag,
        sealed: SealedBox,
        now: Timestamp,
    ) -> Result<PutOutcome, StorageError> {
        self.writer.run(move |ledger| change::put_box(ledger, &id, tag, &sealed, now)).await
    }

    async fn mark_out(&self, ids: Vec<BoxId>, hour: Hour) -> Result<(), StorageError> {
        self.writer.run(move |ledger| change::mark_out(ledger, &ids, hour)).await
    }

    async fn waiting(&self, today: Day) -> Result<Vec<Tag>, StorageError> {
        self.lister.run(move |connection| listing::waiting(connection, today)).await
    }

    async fn keep_interval(&self, interval: StoredInterval) -> Result<(), StorageError> {
        self.writer.run(move |ledger| listing::keep_interval(ledger, &interval)).await
    }

    async fn intervals(&self) -> Result<Vec<StoredInterval>, StorageError> {
        self.reader.run(listing::intervals).await
    }

    fn arrivals(&self) -> Arrivals {
        let news = self.writer.arrivals();
        futures::stream::unfold(news, async |mut news| {
            let arrival = match news.recv().await {
                Ok(id) => Arrival::Box(id),
                Err(RecvError::Lagged(_)) => Arrival::Missed,
                Err(RecvError::Closed) => return None,
            };
            Some((arrival, news))
        })
        .boxed()
    }

    async fn get_box(&self, id: BoxId, now: Timestamp) -> Result<Option<SealedBox>, StorageError> {
        self.reader.run(move |connection| reader::get_box(connection, &id, now)).await
    }

    async fn deposit(
        &self,
        inbox: InboxId,
        sealed: SealedHandshake,
        work: u8,
        now: Timestamp,
    ) -> Result<DepositOutcome, StorageError> {
        self.writer.run(move |ledger| change::deposit(ledger, &inbox, sealed.as_slice(), work, now)).await
    }

    async fn deposit_seen(
        &self,
        inbox: InboxId,
        sealed: &SealedHandshake,
        today: Day,
    ) -> Result<bool, StorageError> {
        let digest = change::deposit_digest(&inbox, sealed.as_slice());
        let seen = self.reader.run(move |connection| change::seen(connection, &digest, today)).await?;
        Ok(seen == Some(true))
    }

    async fn deposits_of_day(&self, inbox: InboxId, now: Hour) -> Result<DepositsOfDay, StorageError> {
        self.reader.run(move |connection| listing::deposits_of_day(connection, &inbox, now)).await
    }

    async fn bell(&self, inbox: InboxId, today: Day) -> Result<Option<[u8; 32]>, StorageError> {
        self.reader.run(move |connection| listing::bell(connection, &inbox, today)).await
    }

    async fn waiting_bells(&self, today: Day) -> Result<Vec<[u8; 32]>, StorageError> {
        self.lister.run(move |connection| listing::waiting_bells(connection, today)).await
    }

    async fn drain(&self, inbox: InboxId, after: u64, today: Day) -> Result<Option<Deposited>, StorageError> {
        if after == 0 {
            // Sequence numbers start above zero, so there is nothing to erase.
            return self
                .reader
                .run(move |connection| change::next_deposit(connection, &inbox, 0, today))
                .await;
        }
        self.writer.run(move |ledger| change::drain(ledger, &inbox, after, today)).await
    }

    async fn publish(
        &self,
        bundle: StoredBundle,
        known: Timestamp,
        takes_new: bool,
        now: Timestamp,
    ) -> Result<PublishOutcome, StorageError> {
        self.writer.run(move |ledger| change::publish(ledger, &bundle, known, takes_new, now)).await
    }

    async fn bundle(&self, name: BundleName, now: Timestamp) -> Result<Option<Vec<u8>>, StorageError> {
        self.reader.run(move |connection| reader::bundle(connection, name, now)).await
    }

    async fn personas_since(&self, moment: Timestamp) -> Result<u64, StorageError> {
        self.lister.run(move |connection| reader::personas_since(connection, moment)).await
    }

    fn takes_personas(&self) -> bool {
        let stored = self.stored();
        stored.bundles < self.quotas.bundles && stored.has_room(&self.quotas, Quotas::BUNDLE_COST)
    }

    async fn keep_descriptor(&self, day: Day, bytes: Vec<u8>) -> Result<Vec<u8>, StorageError> {
        self.writer.run(move |ledger| change::keep_descriptor(ledger, day, &bytes)).await
    }

    async fn descriptor(&self, day: Day) -> Result<Option<Vec<u8>>, StorageError> {
        self.reader.run(move |connection| change::descriptor(connection, day)).await
    }

    async fn expire(&self, now: Timestamp, limit: u32) -> Result<usize, StorageError> {
        let removed = self.writer.run(move |ledger| upkeep::expire(ledger, now, limit)).await?;
        if removed == 0 {
            self.writer.tidy().await?;
        }
        Ok(removed)
    }

    fn stored(&self) -> Stored {
        self.writer.stored()
    }

    fn fill_permille(&self) -> u16 {
        self.stored().fill_permille(&self.quotas)
    }

    async fn close(&self) -> Result<(), StorageError> {
        self.reader.close().await;
        self.lister.close().await;
        self.writer.close().await
    }
}
