use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::{Output, Progress};

/// Prints the steps, unless the output is JSON.
pub(super) struct Narrator {
    out: Output,
    progress: Progress,
    /// The phase, and the time of the last step.
    current: Mutex<(String, Instant)>,
}

impl Narrator {
    pub(super) fn new(out: Output, progress: Progress) -> Self {
        Self { out, progress, current: Mutex::new((String::new(), Instant::now())) }
    }

    /// Shows what happens now.
    pub(super) fn phase(&self, text: &str) {
        *self.lock() = (text.to_owned(), Instant::now());
        self.progress.phase(text);
    }

    /// Prints what has happened.
    pub(super) fn step(&self, text: &str) {
        self.lock().1 = Instant::now();
        if !self.out.is_json() {
            self.progress.say(&format!("{:>7}  {text}", self.progress.elapsed()));
        }
    }

    /// The phase, and how long ago the last step was.
    pub(super) fn current(&self) -> (String, Duration) {
        let current = self.lock();
        (current.0.clone(), current.1.elapsed())
    }

    /// Prints that a phase is still running.
    pub(super) fn remind(&self, phase: &str) {
        self.progress.say(&format!("{:>7}  Still waiting: {phase}", self.progress.elapsed()));
    }

    fn lock(&self) -> MutexGuard<'_, (String, Instant)> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
