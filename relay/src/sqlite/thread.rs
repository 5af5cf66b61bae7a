//! A thread of the store, which has ended when the store is closed.

use std::io;
use std::sync::{Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};

/// A running thread. It must have ended before the process exits: otherwise it could run into the exit handlers of
/// libcrypto, which SQLite uses.
pub(super) struct Thread(Mutex<Option<JoinHandle<()>>>);

impl Thread {
    pub(super) fn start(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<Self> {
        let handle = Builder::new().name(name.to_owned()).spawn(work)?;
        Ok(Self(Mutex::new(Some(handle))))
    }

    /// Returns once the thread has ended. Ask it to end first.
    pub(super) async fn join(&self) {
        let handle = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(handle) = handle {
            drop(tokio::task::spawn_blocking(move || handle.join()).await);
        }
    }
}
