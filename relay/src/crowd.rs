//! How many personas are online, as far as a relay can tell, and whether it takes more.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counts questions for news. Every persona that is online asks once in an interval, whatever it does otherwise, so this
/// is their number; whoever wants can make it look greater, and gains that this relay takes nobody new meanwhile.
pub(crate) struct Crowd {
    /// More are not taken.
    most: u64,
    asking: AtomicU64,
    online: AtomicU64,
}

impl Crowd {
    pub(crate) fn new(most: u64) -> Self {
        Self { most, asking: AtomicU64::new(0), online: AtomicU64::new(0) }
    }

    /// Somebody asks for news.
    pub(crate) fn asks(&self) {
        self.asking.fetch_add(1, Ordering::Relaxed);
    }

    /// An interval has ended.
    pub(crate) fn interval_ends(&self) {
        self.online.store(self.asking.swap(0, Ordering::Relaxed), Ordering::Relaxed);
    }

    /// How many asked in the last interval.
    pub(crate) fn online(&self) -> u64 {
        self.online.load(Ordering::Relaxed)
    }

    /// Whether one more is taken.
    pub(crate) fn has_room(&self) -> bool {
        self.online() < self.most
    }
}
