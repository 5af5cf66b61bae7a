//! Brings the keys of posts from the store to the Gun relays.

use std::sync::Arc;

use tokio::sync::Notify;

/// The task that publishes; dropping it ends it at once, as a crash would.
pub(crate) struct Publisher {
    wake: Arc<Notify>,
}

impl Publisher {
    pub(crate) fn start() -> Self {
        Self { wake: Arc::default() }
    }

    /// Something was queued.
    pub(crate) fn wake(&self) {
        self.wake.notify_one();
    }
}
