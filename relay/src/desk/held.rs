//! `Get` requests that wait for their box.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bauta_protocol::id::BoxId;
use bauta_protocol::limits::BOX_LEN;
use tokio::sync::oneshot;

/// All requests that wait, at most `cap`; the oldest gives way to a new one.
pub(super) struct Held {
    // Readers ask before the box is there, so that an answer follows a put at once and nobody polls. Each held request costs
    // memory here and a reply block at the mixnet side, so there is a bound, and the oldest goes first: it is the one whose
    // client will ask again soonest. Tickets order the requests, because several may wait for one box and any of them can
    // be dropped at any time.
    cap: usize,
    waiting: Mutex<Waiting>,
}

/// One request that waits. Dropping it ends the wait.
pub(super) struct Hold {
    held: Arc<Held>,
    ticket: u64,
    id: BoxId,
    woken: oneshot::Receiver<Arc<[u8; BOX_LEN]>>,
}

/// Delivers the box to one request; dropping it ends that request's wait.
type Wake = oneshot::Sender<Arc<[u8; BOX_LEN]>>;

#[derive(Default)]
struct Waiting {
    closed: bool,
    next: u64,
    by_id: HashMap<BoxId, BTreeMap<u64, Wake>>,
    by_age: BTreeMap<u64, BoxId>,
}

impl Held {
    pub(super) fn new(cap: usize) -> Arc<Self> {
        Arc::new(Self { cap: cap.max(1), waiting: Mutex::new(Waiting::default()) })
    }

    /// Begins to wait for a box. Look into the store after this, or a box that arrives in between is missed.
    /// `None` when the relay is stopping.
    pub(super) fn hold(self: &Arc<Self>, id: BoxId) -> Option<Hold> {
        let (wake, woken) = oneshot::channel();
        let mut waiting = self.lock();
        if waiting.closed {
            return None;
        }
        while waiting.by_age.len() >= self.cap {
            let Some((oldest, id)) = waiting.by_age.pop_first() else { break };
            // Dropping the sender ends that wait without a box.
            waiting.forget(&id, oldest);
        }
        let ticket = waiting.next;
        waiting.next += 1;
        waiting.by_age.insert(ticket, id);
        waiting.by_id.entry(id).or_default().insert(ticket, wake);
        Some(Hold { held: Arc::clone(self), ticket, id, woken })
    }

    /// Whether anybody waits for this box.
    pub(super) fn is_wanted(&self, id: &BoxId) -> bool {
        self.lock().by_id.contains_key(id)
    }

    /// All boxes that somebody waits for.
    pub(super) fn wanted(&self) -> Vec<BoxId> {
        self.lock().by_id.keys().copied().collect()
    }

    /// Delivers the box to all requests that wait for it. Whether one took it.
    pub(super) fn wake(&self, id: &BoxId, sealed: &Arc<[u8; BOX_LEN]>) -> bool {
        let mut waiting = self.lock();
        let mut taken = false;
        for (ticket, wake) in waiting.by_id.remove(id).unwrap_or_default() {
            waiting.by_age.remove(&ticket);
            taken |= wake.send(Arc::clone(sealed)).is_ok();
        }
        taken
    }

    /// Ends all waits without a box, and allows no new ones.
    pub(super) fn close(&self) {
        let mut waiting = self.lock();
        waiting.closed = true;
        waiting.by_id.clear();
        waiting.by_age.clear();
    }

    pub(super) fn len(&self) -> usize {
        self.lock().by_age.len()
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Hold {
    /// Waits for the box. `None` if the wait was ended to make room, or because the relay stops.
    pub(super) async fn woken(&mut self) -> Option<Arc<[u8; BOX_LEN]>> {
        (&mut self.woken).await.ok()
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let mut waiting = self.held.lock();
        waiting.by_age.remove(&self.ticket);
        waiting.forget(&self.id, self.ticket);
    }
}

impl Waiting {
    fn forget(&mut self, id: &BoxId, ticket: u64) {
        if let Some(tickets) = self.by_id.get_mut(id) {
            tickets.remove(&ticket);
            if tickets.is_empty() {
                self.by_id.remove(id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(name: u8) -> BoxId {
        BoxId([name; 32])
    }

    #[tokio::test]
    async fn all_who_wait_for_a_box_get_it_and_nobody_else() {
        let held = Held::new(8);
        let (mut one, mut two) = (held.hold(id(1)).unwrap(), held.hold(id(1)).unwrap());
        let other = held.hold(id(2)).unwrap();
        let sealed = Arc::new([7; BOX_LEN]);
        held.wake(&id(1), &sealed);
        assert_eq!(one.woken().await.unwrap(), sealed);
        assert_eq!(two.woken().await.unwrap(), sealed);
        assert_eq!(held.len(), 1);
        drop(other);
        assert_eq!(held.len(), 0);
        assert!(!held.is_wanted(&id(2)));
    }

    #[tokio::test]
    async fn the_oldest_gives_way() {
        let held = Held::new(2);
        let mut oldest = held.hold(id(1)).unwrap();
        let _second = held.hold(id(2)).unwrap();
        let mut third = held.hold(id(1)).unwrap();
        assert!(oldest.woken().await.is_none());
        drop(oldest);
        assert_eq!(held.len(), 2);
        held.wake(&id(1), &Arc::new([1; BOX_LEN]));
        assert!(third.woken().await.is_some());
    }

    #[tokio::test]
    async fn closing_ends_all_waits() {
        let held = Held::new(2);
        let mut one = held.hold(id(1)).unwrap();
        held.close();
        assert!(one.woken().await.is_none());
        assert!(held.hold(id(1)).is_none());
    }
}
