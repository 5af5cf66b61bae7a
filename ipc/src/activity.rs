//! When the user's programs last asked for something, so that a daemon that nobody uses can lock itself.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::{Grant, MethodInfo, Need};

/// The last call, of any connection, that shows that somebody uses the daemon.
#[derive(Debug)]
pub struct Activity {
    last: Mutex<Instant>,
}

impl Default for Activity {
    fn default() -> Self {
        Self { last: Mutex::new(Instant::now()) }
    }
}

impl Activity {
    /// Notes the call of a method. What programs do by themselves all the time is no use: reading the status,
    /// following the events, and proving a pairing after each connection.
    pub fn note(&self, method: &MethodInfo) {
        if !matches!(method.grant, None | Some(Need::Any | Need::One(Grant::StatusRead))) {
            *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        }
    }

    /// How long ago the last use was.
    pub fn idle(&self) -> Duration {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).elapsed()
    }
}
