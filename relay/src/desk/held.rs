//! `Get` requests that wait for their box.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bauta_protocol::id::BoxId;
use bauta_protocol::limits::BOX_LEN;
use getrandom::SysRng;
use rand_core::{Rng as _, UnwrapErr};
use tokio::sync::oneshot;

/// All requests that wait, at most `cap` for each door; with more, one drawn at random gives way.
pub(super) struct Held {
    // Readers ask before the box is there, so that an answer follows a put at once and nobody polls. Each held request costs
    // memory here and a reply block at the mixnet side, so there is a bound. It is one for each door, because a flood
    // through one must not end what waits at the others. Which one gives way is drawn, because with any order a flood
    // would end exactly those before it; so of two floods as large as the bound, the first leaves a third or so.
    // Tickets tell requests apart, because several may wait for one box and any of them can be dropped at any time.
    cap: usize,
    waiting: Mutex<Waiting>,
}

/// One request that waits. Dropping it ends the wait.
pub(super) struct Hold {
    held: Arc<Held>,
    ticket: u64,
    door: usize,
    id: BoxId,
    woken: oneshot::Receiver<Arc<[u8; BOX_LEN]>>,
}

/// Delivers the box to one request; dropping it ends that request's wait.
struct Wake {
    door: usize,
    deliver: oneshot::Sender<Arc<[u8; BOX_LEN]>>,
}

#[derive(Default)]
struct Waiting {
    closed: bool,
    next: u64,
    by_id: HashMap<BoxId, BTreeMap<u64, Wake>>,
    by_door: HashMap<usize, Door>,
}

/// What waits at one door, in no order, so that one can be drawn.
#[derive(Default)]
struct Door {
    tickets: Vec<(u64, BoxId)>,
    places: HashMap<u64, usize>,
}

impl Held {
    pub(super) fn new(cap: usize) -> Arc<Self> {
        Arc::new(Self { cap: cap.max(1), waiting: Mutex::new(Waiting::default()) })
    }

    /// Begins to wait for a box. Look into the store after this, or a box that arrives in between is missed.
    /// `None` when the relay is stopping.
    pub(super) fn hold(self: &Arc<Self>, id: BoxId, door: usize) -> Option<Hold> {
        let (deliver, woken) = oneshot::channel();
        let mut waiting = self.lock();
        if waiting.closed {
            return None;
        }
        while let Some((drawn, id)) = waiting.by_door.entry(door).or_default().draw(self.cap) {
            // Dropping the sender ends that wait without a box.
            waiting.forget(&id, drawn, door);
        }
        let ticket = waiting.next;
        waiting.next += 1;
        waiting.by_door.entry(door).or_default().add(ticket, id);
        waiting.by_id.entry(id).or_default().insert(ticket, Wake { door, deliver });
        Some(Hold { held: Arc::clone(self), ticket, door, id, woken })
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
        for (ticket, Wake { door, deliver }) in waiting.by_id.remove(id).unwrap_or_default() {
            waiting.leave(ticket, door);
            taken |= deliver.send(Arc::clone(sealed)).is_ok();
        }
        taken
    }

    /// Ends all waits without a box, and allows no new ones.
    pub(super) fn close(&self) {
        let mut waiting = self.lock();
        waiting.closed = true;
        waiting.by_id.clear();
        waiting.by_door.clear();
    }

    pub(super) fn len(&self) -> usize {
        self.lock().by_door.values().map(|door| door.tickets.len()).sum()
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

    /// Ends the wait. The box, if it was delivered at this last moment: it counts as handed out then.
    pub(super) fn end(mut self) -> Option<Arc<[u8; BOX_LEN]>> {
        self.woken.close();
        self.woken.try_recv().ok()
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.held.lock().forget(&self.id, self.ticket, self.door);
    }
}

impl Waiting {
    fn forget(&mut self, id: &BoxId, ticket: u64, door: usize) {
        self.leave(ticket, door);
        if let Some(tickets) = self.by_id.get_mut(id) {
            tickets.remove(&ticket);
            if tickets.is_empty() {
                self.by_id.remove(id);
            }
        }
    }

    fn leave(&mut self, ticket: u64, door: usize) {
        if let Some(door) = self.by_door.get_mut(&door) {
            door.remove(ticket);
        }
    }
}

impl Door {
    fn add(&mut self, ticket: u64, id: BoxId) {
        self.places.insert(ticket, self.tickets.len());
        self.tickets.push((ticket, id));
    }

    fn remove(&mut self, ticket: u64) {
        let Some(place) = self.places.remove(&ticket) else { return };
        self.tickets.swap_remove(place);
        if let Some((moved, _)) = self.tickets.get(place) {
            self.places.insert(*moved, place);
        }
    }

    /// One of those that wait, if there are so many that none can be added.
    fn draw(&self, cap: usize) -> Option<(u64, BoxId)> {
        let count = self.tickets.len();
        if count < cap {
            return None;
        }
        // The bias of the remainder is below 2^-32 for any count below 2^32.
        let drawn = UnwrapErr(SysRng).next_u64() % u64::try_from(count).unwrap_or(1).max(1);
        self.tickets.get(usize::try_from(drawn).unwrap_or(0)).copied()
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
        let (mut one, mut two) = (held.hold(id(1), 0).unwrap(), held.hold(id(1), 1).unwrap());
        let other = held.hold(id(2), 0).unwrap();
        let sealed = Arc::new([7; BOX_LEN]);
        assert!(held.wake(&id(1), &sealed));
        assert_eq!(one.woken().await.unwrap(), sealed);
        assert_eq!(two.woken().await.unwrap(), sealed);
        assert_eq!(held.len(), 1);
        drop(other);
        assert_eq!(held.len(), 0);
        assert!(!held.is_wanted(&id(2)) && !held.wake(&id(2), &sealed));
    }

    #[tokio::test]
    async fn a_flood_through_one_door_ends_any_there_and_none_elsewhere() {
        let held = Held::new(100);
        let elsewhere: Vec<_> = (0..100).map(|name| held.hold(id(name), 1).unwrap()).collect();
        let mut before: Vec<_> = (0..100).map(|name| held.hold(id(name), 0).unwrap()).collect();
        let flood: Vec<_> = (0..100).map(|_| held.hold(id(200), 0).unwrap()).collect();
        assert_eq!(held.len(), 200);
        let mut left = 0;
        for hold in &mut before {
            left += usize::from(hold.woken.try_recv() == Err(oneshot::error::TryRecvError::Empty));
        }
        // 37 are expected; more than 30 beyond that have a probability far below 10^-6.
        assert!((8..=67).contains(&left), "{left} of a hundred are left");
        for mut hold in elsewhere {
            assert_eq!(hold.woken.try_recv(), Err(oneshot::error::TryRecvError::Empty));
        }
        drop((before, flood));
        assert_eq!(held.len(), 0);
        assert!(
            held.lock().by_id.is_empty() && held.lock().by_door.values().all(|door| door.places.is_empty())
        );
    }

    #[tokio::test]
    async fn a_box_that_is_delivered_as_the_wait_ends_is_not_lost() {
        let held = Held::new(8);
        let (late, empty) = (held.hold(id(2), 0).unwrap(), held.hold(id(3), 0).unwrap());
        let sealed: Arc<[u8; BOX_LEN]> = Arc::new([7; BOX_LEN]);
        assert!(held.wake(&id(2), &sealed) && late.end().is_some());
        assert!(empty.end().is_none() && !held.is_wanted(&id(3)));
    }

    #[tokio::test]
    async fn closing_ends_all_waits() {
        let held = Held::new(2);
        let mut one = held.hold(id(1), 0).unwrap();
        held.close();
        assert!(one.woken().await.is_none());
        assert!(held.hold(id(1), 0).is_none());
    }
}
