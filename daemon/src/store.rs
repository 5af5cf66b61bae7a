//! The one encrypted database of a home (SQLCipher), on a thread of its own.
//!
//! Everything happens in transactions: [`Store::run`] takes a closure, runs it on the store's thread, commits, and
//! answers only when the commit is durable and, where it advanced a session, the mark beside the database is too.

mod backup;
mod capabilities;
mod contacts;
mod elsewhere;
mod error;
mod events;
mod expiry;
mod forget;
mod ids;
mod invites;
mod mark;
mod messages;
mod numbers;
mod open;
mod outbox;
mod pairings;
mod personas;
mod pieces;
mod post_keys;
mod posts;
mod prekeys;
mod profiles;
mod reason;
mod relays;
mod requests;
mod schema;
mod search;
mod sessions;
mod tx;
mod unread;
mod worker;

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;

use bauta_protocol::time::Timestamp;
use tokio::sync::{oneshot, watch};

pub(crate) use self::backup::{BackedUp, MESSAGES, TABLES};
pub(crate) use self::contacts::{ContactPlace, ContactRow, ContactState, NewContact};
pub use self::error::StoreError;
pub(crate) use self::events::{Change, Connection, Doubt, EventRow, Happened};
pub(crate) use self::ids::{
    CapabilityId, ContactId, ConversationId, InviteId, MessageSeq, OutboxId, PersonaId, PrekeysId, RequestId,
    SessionId,
};
pub(crate) use self::invites::{GuestPhase, NewInvite};
pub(crate) use self::messages::{MessageRow, MessageState, NewMessage};
pub use self::open::is_there;
pub(crate) use self::open::{ROLLED_BACK_AT, private_home, remove};
pub(crate) use self::outbox::{BoxFor, DueBox, NewBox};
pub(crate) use self::pairings::PairingRow;
pub(crate) use self::personas::{PersonaRow, Recovery};
pub(crate) use self::post_keys::{KeyOrigin, PostKeyRow};
pub(crate) use self::posts::{DuePublication, NewPublication, PublicationCount, TagKind};
pub(crate) use self::prekeys::PrekeysRow;
pub(crate) use self::profiles::{Learned, ProfileRow, ProfileSource};
pub(crate) use self::reason::Reason;
pub(crate) use self::requests::{NewRequest, RequestRow};
pub(crate) use self::sessions::{NewDeposit, NewSession, SessionRow, Wanted};
pub(crate) use self::tx::Tx;
pub(crate) use self::unread::InboxFilter;
use self::worker::{Full, Job, Worker};
use crate::unlock::MasterKey;

/// What is written and taken away again, to see whether there is room for a message.
const TRIAL: &str = "trial";
const TRIAL_LEN: usize = 32 * 1024;

/// A handle to the store; cheap to clone. The thread ends at [`Store::close`], or when the last handle is dropped.
#[derive(Clone)]
pub(crate) struct Store {
    /// `None` ends the thread.
    jobs: mpsc::Sender<Option<Job>>,
    events: watch::Receiver<u64>,
    full: Full,
    thread: Arc<Mutex<Option<JoinHandle<()>>>>,
}

impl Store {
    /// Opens the database of a home, or makes it, on a thread of its own.
    ///
    /// When an old copy of the database was put back, every session in it is marked stale before this returns.
    pub(crate) fn open(home: &Path, key: &MasterKey, now: Timestamp) -> Result<Self, StoreError> {
        Self::on_thread(open::open(home, key, now)?)
    }

    fn on_thread(worker: Worker) -> Result<Self, StoreError> {
        let (jobs, queue) = mpsc::channel::<Option<Job>>();
        let (events, full) = (worker.events(), worker.full.clone());
        let thread = std::thread::Builder::new()
            .name("store".to_owned())
            .spawn(move || worker.work(&queue))
            .map_err(StoreError::Thread)?;
        Ok(Self { jobs, events, full, thread: Arc::new(Mutex::new(Some(thread))) })
    }

    /// Does what is queued, closes the database and ends the thread. Jobs that come later fail as
    /// [`StoreError::Closed`].
    ///
    /// A process that ends in good order must wait for this: libcrypto tears itself down at exit, and a thread that
    /// still used it then would crash.
    pub(crate) async fn close(&self) {
        drop(self.jobs.send(None));
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            drop(tokio::task::spawn_blocking(move || thread.join()).await);
        }
    }

    /// Runs `job` as one transaction: committed when it returns `Ok`, undone when `Err`.
    ///
    /// Once queued it runs, even when the caller has stopped waiting.
    pub(crate) async fn run<T, E, F>(&self, job: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
        F: FnOnce(&Tx<'_>) -> Result<T, E> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let job: Job = Box::new(move |worker: &mut Worker| {
            // Nobody may wait for it any more.
            drop(reply.send(worker.transact(job)));
        });
        self.jobs.send(Some(job)).map_err(|_| E::from(StoreError::Closed))?;
        answer.await.unwrap_or_else(|_| Err(E::from(StoreError::Closed)))
    }

    /// Queues a job without waiting; its outcome goes to the log only.
    pub(crate) fn later<F>(&self, what: &'static str, job: F)
    where
        F: FnOnce(&Tx<'_>) -> Result<(), StoreError> + Send + 'static,
    {
        let job: Job = Box::new(move |worker: &mut Worker| {
            if let Err(error) = worker.transact(job) {
                tracing::warn!("The store could not {what}: {error}. It is tried again in time.");
            }
        });
        drop(self.jobs.send(Some(job)));
    }

    /// Whether the disk is full. Where it was, this tries to write something, so that the answer is not an old one.
    pub(crate) async fn is_full(&self) -> bool {
        if self.full.get() {
            let tried = self.run(|tx| -> Result<(), StoreError> {
                tx.set_meta(TRIAL, &[0; TRIAL_LEN])?;
                tx.set_meta(TRIAL, &[])
            });
            if tried.await.is_ok() {
                self.full.clear();
            }
        }
        self.full.get()
    }

    /// The greatest cursor of the event log; changes after each commit that wrote to it.
    pub(crate) fn events(&self) -> watch::Receiver<u64> {
        self.events.clone()
    }
}

#[cfg(test)]
impl Store {
    /// As [`Store::open`], with a database that is not encrypted.
    pub(crate) fn open_readable(home: &Path, key: &MasterKey, now: Timestamp) -> Result<Self, StoreError> {
        Self::on_thread(open::open_readable(home, key, now)?)
    }
}

#[cfg(test)]
pub(crate) mod memory;
#[cfg(test)]
mod tests;
