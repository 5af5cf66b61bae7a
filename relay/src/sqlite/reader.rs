//! The thread that reads. It sees what is committed, and never waits for the writer.

use bauta_protocol::id::BoxId;
use bauta_protocol::limits::BUNDLE_LIFETIME;
use bauta_protocol::time::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};
use tokio::sync::{mpsc, oneshot};

use super::ledger::{during, sql};
use super::thread::Thread;
use crate::error::StorageError;
use crate::policy;
use crate::storage::{BundleName, Hour, SealedBox};

/// The length of the reader's queue. Further questions wait until there is room in it.
const QUEUE: usize = 1024;

type Question = Box<dyn FnOnce(&Connection) + Send>;

enum Message {
    Ask(Question),
    Close,
}

pub(super) struct Reader {
    queue: mpsc::Sender<Message>,
    thread: Thread,
}

impl Reader {
    pub(super) fn start(name: &'static str, connection: Connection) -> Result<Self, std::io::Error> {
        let (queue, mut messages) = mpsc::channel(QUEUE);
        let thread = Thread::start(name, move || {
            while let Some(message) = messages.blocking_recv() {
                match message {
                    Message::Ask(question) => question(&connection),
                    // What is in the queue still gets its answer; the queue accepts nothing more.
                    Message::Close => messages.close(),
                }
            }
        })?;
        Ok(Self { queue, thread })
    }

    pub(super) async fn run<T, F>(&self, question: F) -> Result<T, StorageError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StorageError> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let ask: Question = Box::new(move |connection| {
            let _ = reply.send(question(connection));
        });
        self.queue.send(Message::Ask(ask)).await.map_err(|_| StorageError::Closed)?;
        answer.await.map_err(|_| StorageError::Closed)?
    }

    pub(super) async fn close(&self) {
        if self.queue.send(Message::Close).await.is_ok() {
            self.thread.join().await;
        }
    }
}

pub(super) fn get_box(
    connection: &Connection,
    id: &BoxId,
    now: Timestamp,
) -> Result<Option<SealedBox>, StorageError> {
    let reading = "looks for a box";
    let sealed: Option<Vec<u8>> = connection
        .prepare_cached(
            "SELECT sealed FROM boxes WHERE id = ?1 AND sealed IS NOT NULL
             AND CASE WHEN out_hour IS NULL THEN expires > ?2 ELSE out_hour > ?3 END",
        )
        .map_err(during(reading))?
        .query_row(params![id.as_bytes(), now.day().0, policy::dropped_since(Hour::of(now)).0], |row| {
            row.get(0)
        })
        .optional()
        .map_err(during(reading))?;
    sealed.map(|bytes| SealedBox::try_from(bytes).map_err(|_| StorageError::Damaged("a box"))).transpose()
}

pub(super) fn bundle(
    connection: &Connection,
    name: BundleName,
    now: Timestamp,
) -> Result<Option<Vec<u8>>, StorageError> {
    let reading = "looks for a bundle";
    connection
        .prepare_cached("SELECT bytes FROM bundles WHERE name = ?1 AND expires_ms > ?2")
        .map_err(during(reading))?
        .query_row(params![name.0, sql(now.0)], |row| row.get(0))
        .optional()
        .map_err(during(reading))
}

pub(super) fn personas_since(connection: &Connection, moment: Timestamp) -> Result<u64, StorageError> {
    let reading = "counts the bundles";
    // By the index: a version is forgotten a fixed time after it.
    connection
        .prepare_cached("SELECT count(*) FROM bundles WHERE forget_ms > ?1")
        .map_err(during(reading))?
        .query_row([sql(moment.plus(BUNDLE_LIFETIME).0)], |row| row.get(0))
        .map_err(during(reading))
}
