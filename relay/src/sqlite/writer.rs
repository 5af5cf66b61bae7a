//! The thread that writes. Changes that wait are committed together, and acknowledged after the commit.
//!
//! A commit waits for the disk; meanwhile further changes queue up and make the next group.
//! So the group grows with the load, and a single change is not delayed.

use std::sync::{Arc, Mutex, PoisonError};

use bauta_protocol::id::BoxId;
use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::{broadcast, mpsc, oneshot};

use super::SqliteOptions;
use super::ledger::{self, Ledger, during};
use super::thread::Thread;
use crate::error::StorageError;
use crate::meter::Meter;
use crate::policy::{Quotas, Stored};

/// How many committed boxes a slow subscriber may lag behind; more are replaced by one `Arrival::Missed`.
const NEWS: usize = 4096;

/// A handle to the writer.
pub(super) struct Writer {
    queue: mpsc::Sender<Message>,
    stored: Arc<Mutex<Stored>>,
    arrived: broadcast::Sender<BoxId>,
    thread: Thread,
}

pub(super) enum StartError {
    Storage(StorageError),
    Thread(std::io::Error),
}

impl Writer {
    pub(super) fn start(connection: Connection, options: SqliteOptions) -> Result<Self, StartError> {
        let totals = ledger::totals(&connection).map_err(StartError::Storage)?;
        let stored = Arc::new(Mutex::new(totals));
        let (queue, messages) = mpsc::channel(options.queue.max(1));
        let (arrived, _) = broadcast::channel(NEWS);
        let scribe = Scribe {
            connection,
            totals,
            quotas: options.quotas,
            max_batch: options.max_batch.max(1),
            shown: Arc::clone(&stored),
            arrived: arrived.clone(),
            meter: options.meter,
        };
        let thread =
            Thread::start("relay-writer", move || scribe.serve(messages)).map_err(StartError::Thread)?;
        Ok(Self { queue, stored, arrived, thread })
    }

    /// Runs `work` in a transaction, and returns what it returned once that is durable.
    /// When a group fails, its changes are tried again one by one, so `work` may run twice; the first run leaves no trace.
    pub(super) async fn run<T, F>(&self, work: F) -> Result<T, StorageError>
    where
        T: Send + 'static,
        F: Fn(&mut Ledger<'_>) -> Result<T, StorageError> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let job = Job { work, result: None, reply };
        self.send(Message::Step(Box::new(job))).await?;
        answer.await.map_err(|_| StorageError::Closed)?
    }

    /// Moves the log into the database and empties it, so that erased bytes leave the log too.
    pub(super) async fn tidy(&self) -> Result<(), StorageError> {
        let (reply, answer) = oneshot::channel();
        self.send(Message::Tidy(reply)).await?;
        answer.await.map_err(|_| StorageError::Closed)?
    }

    /// Commits what waits, then closes the database. A second call does nothing.
    pub(super) async fn close(&self) -> Result<(), StorageError> {
        let (reply, answer) = oneshot::channel();
        if self.send(Message::Close(reply)).await.is_err() {
            return Ok(());
        }
        let closed = answer.await.unwrap_or(Ok(()));
        self.thread.join().await;
        closed
    }

    /// The boxes that are committed from now on.
    pub(super) fn arrivals(&self) -> broadcast::Receiver<BoxId> {
        self.arrived.subscribe()
    }

    pub(super) fn stored(&self) -> Stored {
        *self.stored.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn send(&self, message: Message) -> Result<(), StorageError> {
        self.queue.send(message).await.map_err(|_| StorageError::Closed)
    }
}

enum Message {
    Step(Box<dyn Step>),
    Tidy(oneshot::Sender<Result<(), StorageError>>),
    Close(oneshot::Sender<Result<(), StorageError>>),
}

/// A change, whatever it returns.
trait Step: Send {
    fn run(&mut self, ledger: &mut Ledger<'_>) -> Result<(), StorageError>;
    /// Sends the result, which is `Ok` only after the commit.
    fn finish(self: Box<Self>, verdict: Result<(), StorageError>);
}

struct Job<F, T> {
    work: F,
    result: Option<T>,
    reply: oneshot::Sender<Result<T, StorageError>>,
}

impl<F, T> Step for Job<F, T>
where
    T: Send,
    F: Fn(&mut Ledger<'_>) -> Result<T, StorageError> + Send,
{
    fn run(&mut self, ledger: &mut Ledger<'_>) -> Result<(), StorageError> {
        self.result = Some((self.work)(ledger)?);
        Ok(())
    }

    fn finish(self: Box<Self>, verdict: Result<(), StorageError>) {
        let Self { result, reply, .. } = *self;
        let answer = verdict.and_then(|()| result.ok_or(StorageError::Closed));
        // Even if nobody waits any more, the change is durable.
        let _ = reply.send(answer);
    }
}

struct Scribe {
    connection: Connection,
    totals: Stored,
    quotas: Quotas,
    max_batch: usize,
    shown: Arc<Mutex<Stored>>,
    arrived: broadcast::Sender<BoxId>,
    meter: Arc<Meter>,
}

impl Scribe {
    fn serve(mut self, mut messages: mpsc::Receiver<Message>) {
        let mut closing = Vec::new();
        let mut batch: Vec<Box<dyn Step>> = Vec::new();
        while let Some(first) = messages.blocking_recv() {
            let mut next = Some(first);
            while let Some(message) = next.take() {
                match message {
                    Message::Step(step) => {
                        batch.push(step);
                        if batch.len() < self.max_batch {
                            next = messages.try_recv().ok();
                        }
                    }
                    Message::Tidy(reply) => {
                        self.commit(&mut batch);
                        let _ = reply.send(self.tidy());
                    }
                    Message::Close(reply) => {
                        // What is in the queue still gets its answer; the queue accepts nothing more.
                        messages.close();
                        closing.push(reply);
                        next = messages.try_recv().ok();
                    }
                }
            }
            self.commit(&mut batch);
        }
        let tidied = self.tidy();
        let closed = self.connection.close().map_err(|(_, error)| during("closes the database")(error));
        let mut verdict = Some(tidied.and(closed));
        for reply in closing {
            let _ = reply.send(verdict.take().unwrap_or(Ok(())));
        }
    }

    fn commit(&mut self, batch: &mut Vec<Box<dyn Step>>) {
        if batch.is_empty() {
            return;
        }
        self.meter.committed(batch.len());
        if self.transact(batch).is_ok() {
            self.show();
            for step in batch.drain(..) {
                step.finish(Ok(()));
            }
            return;
        }
        // One bad change must not fail the others, and each must get its own error.
        for step in batch.drain(..) {
            let mut alone = [step];
            let verdict = self.transact(&mut alone);
            self.show();
            if let Err(error) = &verdict {
                tracing::error!(%error, "A change to the store failed, and is not acknowledged.");
            }
            let [step] = alone;
            step.finish(verdict);
        }
    }

    fn transact(&mut self, steps: &mut [Box<dyn Step>]) -> Result<(), StorageError> {
        let mut totals = self.totals;
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(during("begins a transaction"))?;
        let mut arrived = Vec::new();
        let mut ledger = Ledger {
            connection: &transaction,
            stored: &mut totals,
            quotas: &self.quotas,
            arrived: &mut arrived,
        };
        for step in steps {
            step.run(&mut ledger)?;
        }
        if totals != self.totals {
            ledger::set_totals(&transaction, &totals)?;
        }
        transaction.commit().map_err(during("commits a transaction"))?;
        self.totals = totals;
        for id in arrived {
            // Without a subscriber nobody waits.
            let _ = self.arrived.send(id);
        }
        Ok(())
    }

    fn tidy(&self) -> Result<(), StorageError> {
        self.connection
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
            .map_err(during("empties its log"))
    }

    fn show(&self) {
        *self.shown.lock().unwrap_or_else(PoisonError::into_inner) = self.totals;
    }
}
