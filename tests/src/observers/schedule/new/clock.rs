//! What a tick carries: no tick is empty, and what it carries does not depend on why it waits.

use rand::seq::IteratorRandom;

use super::{Ahead, Ask, What, World};
use crate::observers::schedule::design::Rule;
use crate::observers::trace::Id;

/// The two clocks of a client.
pub(super) const PUTS: usize = 0;
pub(super) const GETS: usize = 1;

impl World<'_> {
    pub(super) fn put_tick(&mut self, who: usize, epoch: u32) {
        if self.clients[who].epoch != epoch {
            return;
        }
        if self.sleeps(who, PUTS) {
            return;
        }
        self.after(1.0 / self.design.put_rate, What::PutTick(who, epoch));
        if self.has(Rule::KindsFirst) {
            self.put_something(who);
        } else {
            self.tick_of_one_clock(who, true);
        }
    }

    pub(super) fn get_tick(&mut self, who: usize, epoch: u32) {
        if self.clients[who].epoch != epoch {
            return;
        }
        if self.sleeps(who, GETS) {
            return;
        }
        self.after(1.0 / self.design.get_rate, What::GetTick(who, epoch));
        if self.has(Rule::KindsFirst) {
            self.get_something(who);
        } else {
            self.tick_of_one_clock(who, false);
        }
    }

    /// Without cover a tick with nothing to carry shows nothing, so the clock stops until something waits. The time to the
    /// next tick is the same then: it has no memory.
    fn sleeps(&mut self, who: usize, clock: usize) -> bool {
        if self.design.loops.on {
            return false;
        }
        let client = &self.clients[who];
        let waits = match clock {
            PUTS => !client.owed.is_empty() || !client.deletes.is_empty(),
            _ => {
                let ahead =
                    |lane: &usize| self.lanes[*lane].ahead.values().any(|one| matches!(one, Ahead::Due(..)));
                !client.listed.is_empty() || client.reading.iter().any(ahead)
            }
        };
        self.clients[who].asleep[clock] = !waits;
        !waits
    }

    /// Something waits now.
    pub(super) fn wake(&mut self, who: usize, clock: usize) {
        let client = &mut self.clients[who];
        if client.online && std::mem::take(&mut client.asleep[clock]) {
            let epoch = client.epoch;
            match clock {
                PUTS => self.after(1.0 / self.design.put_rate, What::PutTick(who, epoch)),
                _ => self.after(1.0 / self.design.get_rate, What::GetTick(who, epoch)),
            }
        }
    }

    /// What waits goes first, of either kind; cover takes what is left.
    fn tick_of_one_clock(&mut self, who: usize, puts: bool) {
        let real = self.clients[who].owed.iter().any(|(due, _)| *due <= self.now);
        if real || (puts && self.wanted(who, false).is_none()) {
            self.put_something(who);
        } else {
            self.get_something(who);
        }
    }

    fn put_something(&mut self, who: usize) {
        let now = self.now;
        let due = self.clients[who].owed.iter().filter(|(due, _)| *due <= now).map(|(_, lane)| *lane);
        if let Some(lane) = due.choose(self.rng) {
            self.clients[who].owed.retain(|(_, one)| *one != lane);
            return self.put(who, lane, false);
        }
        if let Some(id) = self.due_delete(who) {
            return self.send(who, Ask::Delete(id));
        }
        self.put_loop(who);
    }

    fn due_delete(&mut self, who: usize) -> Option<Id> {
        let now = self.now;
        let deletes = &mut self.clients[who].deletes;
        let place = deletes.iter().position(|(due, _)| *due <= now)?;
        Some(deletes.swap_remove(place).1)
    }

    fn get_something(&mut self, who: usize) {
        if let Some((lane, place, ahead)) = self.wanted(who, false) {
            return self.ask(who, lane, place, ahead);
        }
        let own = self.clients[who].own;
        if let Some((lane, place, _)) = self.wanted(who, true) {
            self.ask(who, lane, place, false);
        } else if let Some(place) = self.own_ahead(who) {
            self.send(who, Ask::Get { lane: own, place, ahead: true });
        }
    }

    /// A box of a listing that is due, or a place that is due ahead: at random over lanes, one of each lane. Of one's own
    /// boxes only those that are listed.
    fn wanted(&mut self, who: usize, own: bool) -> Option<(usize, u64, bool)> {
        let (now, client, lanes) = (self.now, &self.clients[who], &self.lanes);
        let listed = client
            .listed
            .iter()
            .filter(|(due, lane, _)| *due <= now && lanes[*lane].is_loop == own)
            .map(|(_, lane, place)| (*lane, *place, false));
        if self.has(Rule::ListedFirst)
            && let Some(one) = listed.clone().choose(self.rng)
        {
            return Some(one);
        }
        let mine: &[usize] = if own { &[] } else { &client.reading };
        let ahead = mine.iter().filter_map(|lane| {
            let due = |one: &Ahead| matches!(one, Ahead::Due(at, _) if *at <= now);
            let found = lanes[*lane].ahead.iter().find(|(_, one)| due(one))?;
            Some((*lane, *found.0, true))
        });
        listed.chain(ahead).choose(self.rng)
    }

    fn ask(&mut self, who: usize, lane: usize, place: u64, ahead: bool) {
        self.clients[who].listed.retain(|(_, one, at)| (*one, *at) != (lane, place));
        if ahead {
            let before = match self.lanes[lane].ahead.get(&place) {
                Some(Ahead::Due(_, before)) => *before,
                _ => 0,
            };
            self.lanes[lane].ahead.insert(place, Ahead::Asked(before + 1));
        }
        self.send(who, Ask::Get { lane, place, ahead });
    }
}
