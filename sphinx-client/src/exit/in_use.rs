//! What the ways out of one process may not share, and how many there are.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use nym_sdk::mixnet::Recipient;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// The most Nym clients of streams at a time: each costs as much as a persona's.
const MOST_CLIENTS: usize = 8;

/// The exits that an owner used last and keeps from others, as many as one stream may try: one that was left because it
/// was slow has seen this owner, too.
const MOST_KEPT: usize = 3;

/// An exit, by its Nym address.
pub(super) type Key = [u8; Recipient::LEN];

/// The exits of all [`Exits`](super::Exits) of a process, and the places for their Nym clients.
pub(crate) struct ExitsInUse {
    /// Whose exit each is, the last one to be chosen at the end.
    exits: Mutex<Vec<(Key, Owner)>>,
    owners: AtomicU64,
    places: Arc<Semaphore>,
    /// How many wait for a place.
    waiting: AtomicUsize,
}

/// One [`Exits`](super::Exits).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Owner(u64);

impl Default for ExitsInUse {
    fn default() -> Self {
        Self {
            exits: Mutex::default(),
            owners: AtomicU64::new(0),
            places: Arc::new(Semaphore::new(MOST_CLIENTS)),
            waiting: AtomicUsize::new(0),
        }
    }
}

impl ExitsInUse {
    /// Another owner.
    pub(super) fn owner(&self) -> Owner {
        Owner(self.owners.fetch_add(1, Ordering::Relaxed))
    }

    /// Lets `choose` see the exits of the others, and makes its choice one of this owner's.
    ///
    /// An exit that is another's already stays that: it is shared where there is no other choice.
    pub(super) fn claim(
        &self,
        owner: Owner,
        choose: impl FnOnce(&HashSet<Key>) -> Option<Recipient>,
    ) -> Option<Recipient> {
        let mut exits = self.lock();
        let others = exits.iter().filter(|(_, other)| *other != owner).map(|(key, _)| *key).collect();
        let chosen = choose(&others)?;
        let key = chosen.to_bytes();
        if !others.contains(&key) {
            exits.retain(|(other, _)| *other != key);
            exits.push((key, owner));
            let own = exits.iter().enumerate().rev().filter(|(_, (_, other))| *other == owner);
            if let Some(oldest) = own.map(|(at, _)| at).nth(MOST_KEPT) {
                exits.remove(oldest);
            }
        }
        Some(chosen)
    }

    /// This owner is gone.
    pub(super) fn release(&self, owner: Owner) {
        self.lock().retain(|(_, other)| *other != owner);
    }

    /// A place for one more Nym client, if there is one in time.
    pub(super) async fn place(&self, within: Duration) -> Option<OwnedSemaphorePermit> {
        let places = Arc::clone(&self.places);
        if let Ok(place) = Arc::clone(&places).try_acquire_owned() {
            return Some(place);
        }
        struct Waits<'a>(&'a AtomicUsize);
        impl Drop for Waits<'_> {
            fn drop(&mut self) {
                self.0.fetch_sub(1, Ordering::Relaxed);
            }
        }
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let _waits = Waits(&self.waiting);
        timeout(within, places.acquire_owned()).await.ok()?.ok()
    }

    /// Whether somebody waits for the place of a client that has nothing to do.
    pub(super) fn is_wanted(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) > 0
    }

    fn lock(&self) -> MutexGuard<'_, Vec<(Key, Owner)>> {
        self.exits.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use nym_sdk::mixnet::{ed25519, x25519};
    use rand::rngs::StdRng;
    use rand::{RngCore as _, SeedableRng as _};

    use super::*;

    fn exits(count: usize) -> Vec<Recipient> {
        let mut rng = StdRng::seed_from_u64(3);
        let mut key = || {
            let mut secret = [0; 32];
            rng.fill_bytes(&mut secret);
            secret
        };
        let identity = |secret: [u8; 32]| ed25519::PrivateKey::from_bytes(&secret).unwrap().public_key();
        (0..count)
            .map(|_| {
                let encryption = x25519::PrivateKey::from_secret(key());
                Recipient::new(identity(key()), encryption.public_key(), identity(key()))
            })
            .collect()
    }

    #[test]
    fn an_exit_is_one_owners_while_there_is_another() {
        let (in_use, exits) = (ExitsInUse::default(), exits(2));
        let (one, two, three) = (in_use.owner(), in_use.owner(), in_use.owner());
        let free = |others: &HashSet<Key>| {
            exits.iter().find(|exit| !others.contains(&exit.to_bytes())).or(exits.first()).copied()
        };
        let first = in_use.claim(one, free).unwrap();
        let second = in_use.claim(two, free).unwrap();
        assert!(first != second);
        assert!(in_use.claim(three, free) == Some(exits[0]), "shared, as there is none left");
        in_use.release(one);
        assert!(
            in_use.claim(two, |others| {
                assert!(others.is_empty(), "a shared exit was the first one's, who is gone");
                Some(exits[0])
            }) == Some(exits[0])
        );
        assert!(in_use.claim(one, |_| None).is_none());
    }

    #[test]
    fn an_exit_that_was_left_is_kept_from_others_for_a_while() {
        let (in_use, exits) = (ExitsInUse::default(), exits(MOST_KEPT + 1));
        let (one, two) = (in_use.owner(), in_use.owner());
        for exit in &exits {
            assert!(in_use.claim(one, |_| Some(*exit)).is_some());
            assert!(in_use.claim(one, |_| Some(*exit)).is_some(), "the same one again makes no difference");
        }
        let seen = |others: &HashSet<Key>| {
            let kept: Vec<_> = exits.iter().map(|exit| others.contains(&exit.to_bytes())).collect();
            assert_eq!(kept, [false, true, true, true]);
            None
        };
        assert!(in_use.claim(two, seen).is_none());
        in_use.release(one);
        assert!(in_use.claim(two, |others| others.is_empty().then_some(exits[0])).is_some());
    }

    #[tokio::test]
    async fn places_are_bounded_and_those_who_wait_are_seen() {
        let in_use = ExitsInUse::default();
        let mut taken = Vec::new();
        for _ in 0..MOST_CLIENTS {
            taken.push(in_use.place(Duration::ZERO).await.unwrap());
        }
        assert!(!in_use.is_wanted());
        assert!(in_use.place(Duration::from_millis(1)).await.is_none() && !in_use.is_wanted());
        let freeing = async {
            while !in_use.is_wanted() {
                tokio::task::yield_now().await;
            }
            taken.pop();
        };
        let (place, ()) = tokio::join!(in_use.place(Duration::from_secs(180)), freeing);
        assert!(place.is_some() && !in_use.is_wanted());
    }
}
