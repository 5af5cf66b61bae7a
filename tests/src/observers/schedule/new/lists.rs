//! Listings: when a client learns that a box is there. They ask in the order of their own coins, whatever is listed.

use std::hash::{DefaultHasher, Hash, Hasher};

use super::clock::GETS;
use super::{What, World};
use crate::observers::clocks::Seconds;
use crate::observers::schedule::design::Rule;
use crate::observers::workload::exponential;

/// Which listing.
#[derive(Clone, Copy, Debug)]
pub(super) enum How {
    /// The first or second `news` after the interval.
    News(u64, u8),
    /// A page of a walk.
    Page,
}

impl World<'_> {
    /// A coin of a client: the same for all that one listing shows.
    fn coin(&self, of: impl Hash) -> f64 {
        let mut hasher = DefaultHasher::new();
        (self.salt, of).hash(&mut hasher);
        hasher.finish() as f64 / u64::MAX as f64
    }

    /// The relay stored a box that nobody waited for.
    pub(super) fn list(&mut self, lane: usize, place: u64) {
        let of_today = self.lanes[lane].is_loop && !self.has(Rule::LivingLoops);
        if of_today || self.clients.get(self.lanes[lane].reader).is_none() {
            return;
        }
        if !self.has(Rule::Digest) && !self.lanes[lane].is_loop {
            // It is asked for when its turn comes: the head is asked for again and again.
            let reader = self.lanes[lane].reader;
            let due = self.now + exponential(self.design.wait(self.design.refill), self.rng);
            self.clients[reader].listed.push((due, lane, place));
            return self.wake(reader, GETS);
        }
        self.news(lane, place, (self.now / self.design.interval) as u64 + 1, 0);
    }

    fn news(&mut self, lane: usize, place: u64, interval: u64, times: u8) {
        let begins = interval as f64 * self.design.interval;
        let at = begins + self.design.interval * self.coin((self.lanes[lane].reader, interval));
        self.at(at, What::Learn { lane, place, how: How::News(interval, times) });
    }

    pub(super) fn learn(&mut self, lane: usize, place: u64, how: How) {
        let reader = self.lanes[lane].reader;
        let id = self.id(lane, place);
        if !self.kept.contains_key(&id) || self.lanes[lane].got.contains(&place) {
            return;
        }
        let from = match how {
            _ if self.is_up(reader) => match how {
                How::News(interval, _) if self.has(Rule::FromTheEnd) => {
                    (interval + 1) as f64 * self.design.interval
                }
                _ => self.now,
            },
            How::News(interval, 0) => return self.news(lane, place, interval + 1, 1),
            _ if self.clients[reader].online => return self.learn_by_page(lane, place),
            _ => return self.clients[reader].missed.push((lane, place)),
        };
        let mean = match how {
            How::News(..) => self.design.listed,
            How::Page => self.design.paged,
        };
        let own = self.lanes[lane].is_loop;
        let from = if own { from.max(self.absent_until(reader, place)) } else { from };
        let of_today = own && !self.has(Rule::LivingLoops);
        let due = from + if of_today { 0.0 } else { exponential(self.design.wait(mean), self.rng) };
        self.clients[reader].listed.push((due, lane, place));
        self.wake(reader, GETS);
    }

    /// The page that shows a box comes at its place of the next walk after the relay fixed its pages.
    pub(super) fn learn_by_page(&mut self, lane: usize, place: u64) {
        let walk = self.design.walk;
        let id = self.id(lane, place);
        let Some(kept) = self.kept.get(&id) else { return };
        let fixed = (kept.at / walk).ceil() * walk;
        let reader = self.lanes[lane].reader;
        let (from, epoch) = (self.clients[reader].up_at, self.clients[reader].epoch);
        if !self.has(Rule::PagesByClock) {
            return self.at(from.max(fixed), What::Learn { lane, place, how: How::Page });
        }
        let turn = |number: f64| -> Seconds {
            from + walk * (number + self.coin((reader, epoch, number as u64, id.0 % 16)))
        };
        let mut number = ((self.now.max(fixed) - from) / walk).floor().max(0.0);
        while turn(number) < self.now.max(fixed) {
            number += 1.0;
        }
        let at = turn(number);
        self.at(at, What::Learn { lane, place, how: How::Page });
    }
}
