//! Whether anything comes back.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

/// What was sent and what came back over a client's links.
#[derive(Default)]
pub(super) struct Health {
    inner: Mutex<Inner>,
}

#[derive(Clone, Copy, Default)]
struct Inner {
    unanswered_since: Option<Instant>,
    last_answer: Option<Instant>,
}

impl Health {
    /// A request left.
    pub(super) fn sent(&self) {
        self.lock().unanswered_since.get_or_insert_with(Instant::now);
    }

    /// An answer came.
    pub(super) fn answered(&self) {
        *self.lock() = Inner { unanswered_since: None, last_answer: Some(Instant::now()) };
    }

    /// There is another link: what the one before did not deliver says nothing about it.
    pub(super) fn new_link(&self) {
        self.lock().unanswered_since = None;
    }

    /// Since when requests have left with nothing coming back.
    pub(super) fn unanswered_since(&self) -> Option<Instant> {
        self.lock().unanswered_since
    }

    /// When the last answer came.
    pub(super) fn last_answer(&self) -> Option<Instant> {
        self.lock().last_answer
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
