//! Messages whose time has come are deleted.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio_util::task::AbortOnDropHandle;

use super::forget::{STEP, announce_erased};
use super::purge;
use crate::engine::Shared;
use crate::store::{StoreError, Tx};

/// The task that deletes them; dropping it ends it.
pub(super) struct Vanishing {
    sooner: Arc<Notify>,
    _task: AbortOnDropHandle<()>,
}

impl Vanishing {
    pub(super) fn start(shared: Arc<Shared>) -> Self {
        let sooner = Arc::<Notify>::default();
        let task = tokio::spawn(run(shared, Arc::clone(&sooner)));
        Self { sooner, _task: AbortOnDropHandle::new(task) }
    }

    /// A message may end sooner than it would have.
    pub(super) fn look(&self) {
        self.sooner.notify_one();
    }
}

async fn run(shared: Arc<Shared>, sooner: Arc<Notify>) {
    let mut events = shared.store.events();
    loop {
        events.borrow_and_update();
        let wait = match end_messages(&shared).await {
            Ok(wait) => wait,
            Err(StoreError::Closed) => return,
            Err(error) => {
                tracing::warn!("Messages that have ended could not be deleted: {error}. It is tried again.");
                shared.times.waits.check
            }
        };
        tokio::select! {
            () = shared.stop.cancelled() => return,
            () = sooner.notified() => {}
            // Something came, or was stored at a relay.
            changed = events.changed() => if changed.is_err() { return },
            () = tokio::time::sleep(wait) => {}
        }
    }
}

/// Deletes what has ended, where the clock can be trusted; returns when to look again at the latest.
//
// Until it is deleted, what has ended is not shown any more: everything that reads messages leaves it out by the clock
// alone. So a clock that is far ahead hides messages and deletes none, and a daemon that was off shows nothing that ended
// meanwhile, also before a relay has confirmed the time.
async fn end_messages(shared: &Shared) -> Result<Duration, StoreError> {
    let (at, soon) = (shared.moment(), shared.times.waits.check);
    // A clock may be set, and the machine may sleep meanwhile: so it is looked at again soon.
    match shared.store.run(|tx| tx.next_end()).await? {
        None => return Ok(soon.saturating_mul(60)),
        Some(next) if next > at.now => return Ok(next.since(at.now).min(soon)),
        Some(_) if !at.trusted => return Ok(soon),
        Some(_) => {}
    }
    let end_some = move |tx: &Tx<'_>| {
        let conversations = tx.erase_ended(at.now, STEP)?;
        announce_erased(tx, &conversations, &at)
    };
    while shared.store.run(end_some).await? {}
    purge(shared).await?;
    Ok(Duration::ZERO)
}
