//! Who is connected. When all places are taken, the connection that has been idle longest makes place for the next one:
//! programs that connect and do nothing must not keep others out. Where none is idle, the oldest of a pairing that has
//! more than half of them does.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// The places of one socket.
pub(super) struct Seats {
    limit: usize,
    taken: Mutex<Vec<Arc<Seat>>>,
}

/// The place of one connection.
pub(super) struct Seat {
    /// Since when nothing is under way; `None` while something is.
    idle: Mutex<Option<Instant>>,
    /// The id of the pairing that was proven here.
    pairing: Mutex<Option<String>>,
    given_up: CancellationToken,
}

/// A place that is free again when this is dropped.
pub(super) struct Taken {
    seats: Arc<Seats>,
    seat: Arc<Seat>,
}

impl Seats {
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, taken: Mutex::default() }
    }

    /// A place for a new connection; `None` when all are taken by connections that are not idle, of several programs.
    pub(super) fn take(self: &Arc<Self>) -> Option<Taken> {
        let mut taken = lock(&self.taken);
        if taken.len() >= self.limit {
            let idle =
                taken.iter().enumerate().filter_map(|(place, seat)| Some(((*lock(&seat.idle))?, place)));
            let place = idle.min().map(|(_, place)| place).or_else(|| self.of_too_many(&taken))?;
            taken.remove(place).given_up.cancel();
        }
        let seat = Arc::new(Seat {
            idle: Mutex::new(Some(Instant::now())),
            pairing: Mutex::default(),
            given_up: CancellationToken::new(),
        });
        taken.push(Arc::clone(&seat));
        Some(Taken { seats: Arc::clone(self), seat })
    }

    /// The oldest place of a pairing that has more than half of them.
    fn of_too_many(&self, taken: &[Arc<Seat>]) -> Option<usize> {
        let pairings: Vec<Option<String>> = taken.iter().map(|seat| lock(&seat.pairing).clone()).collect();
        let has_too_many = |one: &Option<String>| {
            let count = pairings.iter().filter(|other| *other == one).count();
            one.is_some() && count.saturating_mul(2) > self.limit
        };
        pairings.iter().position(has_too_many)
    }
}

impl Taken {
    pub(super) fn seat(&self) -> Arc<Seat> {
        Arc::clone(&self.seat)
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        lock(&self.seats.taken).retain(|seat| !Arc::ptr_eq(seat, &self.seat));
    }
}

impl Seat {
    /// Notes that something has happened, and whether anything is still under way.
    pub(super) fn note(&self, is_idle: bool) {
        *lock(&self.idle) = is_idle.then(Instant::now);
    }

    /// A pairing was proven here.
    pub(super) fn belongs_to(&self, pairing: &str) {
        *lock(&self.pairing) = Some(pairing.to_owned());
    }

    /// Waits until the place is another connection's.
    pub(super) async fn given_up(&self) {
        self.given_up.cancelled().await;
    }

    pub(super) fn is_given_up(&self) -> bool {
        self.given_up.is_cancelled()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_idle_connection_makes_place() {
        let seats = Arc::new(Seats::new(3));
        let taken: Vec<Taken> = (0..3).map(|_| seats.take().unwrap()).collect();
        taken[0].seat.note(false);
        let later = Instant::now();
        while Instant::now() <= later {}
        taken[1].seat.note(true);
        let fourth = seats.take().unwrap();
        let given_up: Vec<bool> = taken.iter().map(|one| one.seat.is_given_up()).collect();
        assert_eq!(given_up, [false, false, true]);
        taken[1].seat.note(false);
        fourth.seat.note(false);
        assert!(seats.take().is_none(), "nobody is idle");
        fourth.seat.belongs_to("a");
        assert!(seats.take().is_none(), "nobody has more than half");
        taken[1].seat.belongs_to("a");
        let of_a = seats.take().unwrap();
        assert!(taken[1].seat.is_given_up() && !fourth.seat.is_given_up(), "the oldest makes place");
        drop(of_a);
        // Whoever made place frees none when it is gone at last.
        drop(taken);
        let fifth = seats.take();
        assert!(fifth.is_some() && seats.taken.lock().unwrap().len() == 2);
    }
}
