//! What an answer leads to at the client.

use rand::Rng;

use super::clock::{GETS, PUTS};
use super::{Ahead, Ask, Reply, Request, World};
use crate::observers::schedule::design::Rule;
use crate::observers::trace::{Id, Operation};
use crate::observers::workload::exponential;

/// An id is asked for ahead of time so often in all.
const MOST_AHEAD: u8 = 2;
/// Without the rule `NoDeletes`: as `delete_after` was.
const DELETE_AFTER: f64 = 4.0 * 3600.0;

impl World<'_> {
    pub(super) fn land(&mut self, request: Request, reply: Reply) {
        if self.clients.get(request.who).is_none_or(|client| client.epoch != request.epoch) {
            return;
        }
        match (request.ask, reply) {
            (Ask::Get { lane, place, .. }, Reply::Box { message }) => {
                self.take(request.who, lane, place, message)
            }
            (Ask::Get { lane, place, .. }, _) => self.ask_again(lane, place),
            (Ask::Put { lane, .. }, Reply::Conflict) if !self.has(Rule::ProvenConflicts) => {
                let reader = self.lanes[lane].reader;
                self.send(request.who, Ask::Named(Operation::Fetch, reader));
            }
            _ => {}
        }
    }

    pub(super) fn end_hold(&mut self, id: Id, ticket: u64) {
        if self.held.get(&id).is_some_and(|(held, _)| *held == ticket)
            && let Some((_, request)) = self.held.remove(&id)
            && let Ask::Get { lane, place, .. } = request.ask
        {
            // The end of a hold is not answered: the client counts for itself.
            self.ask_again(lane, place);
        }
    }

    /// An id whose hold ended is asked again once, while its lane is live; then only listings count.
    fn ask_again(&mut self, lane: usize, place: u64) {
        if self.lanes[lane].is_loop {
            let who = self.lanes[lane].reader;
            return self.own_landed(who, place, false);
        }
        let due = self.now + exponential(self.design.wait(self.design.refill), self.rng);
        let (live, digest) = (self.lanes[lane].live_until > self.now, self.has(Rule::Digest));
        let is_head = self.lanes[lane].head == place;
        let Some(one) = self.lanes[lane].ahead.get_mut(&place) else { return };
        *one = match *one {
            Ahead::Asked(times) if (times < MOST_AHEAD && live) || (!digest && is_head) => {
                Ahead::Due(due, times)
            }
            Ahead::Asked(times) | Ahead::Due(_, times) | Ahead::Ended(times) => Ahead::Ended(times),
        };
        self.wake(self.lanes[lane].reader, GETS);
    }

    fn take(&mut self, who: usize, lane: usize, place: u64, message: bool) {
        let now = self.now;
        let back = self.lanes[lane].back;
        if self.lanes[lane].is_loop {
            self.lanes[lane].got.insert(place);
            return self.own_landed(who, place, true);
        }
        let one = &mut self.lanes[lane];
        one.ahead.remove(&place);
        one.got.insert(place);
        while one.got.remove(&one.head) {
            one.ahead.remove(&one.head);
            one.head += 1;
        }
        one.live_until = now + self.design.live;
        if let Some((said, live)) = one.said.remove(&place) {
            self.run.shown.push((said, now, live));
        }
        // A message of the other side comes on this lane; the receipt for ours does so too.
        self.refill(lane);
        if message {
            self.owe(who, back);
        }
        if !self.has(Rule::NoDeletes) {
            let id = self.id(lane, place);
            let due = now + DELETE_AFTER * (1.0 + self.rng.r#gen::<f64>() / 2.0);
            self.clients[who].deletes.push((due, id));
            self.wake(who, PUTS);
        }
    }

    fn owe(&mut self, who: usize, back: usize) {
        if !self.has(Rule::ClockedReceipts) {
            return self.put(who, back, false);
        }
        let client = &mut self.clients[who];
        if client.owed.iter().all(|(_, one)| *one != back) {
            client.owed.push((self.now, back));
            self.wake(who, PUTS);
        }
    }

    /// The next places of a live lane become due, each after a wait of its own.
    pub(super) fn refill(&mut self, lane: usize) {
        let head = self.lanes[lane].head;
        let ahead = match (self.has(Rule::Ahead), self.has(Rule::Digest)) {
            (true, _) => self.design.ahead,
            (false, false) => 1,
            (false, true) => return,
        };
        if !self.clients.get(self.lanes[lane].reader).is_some_and(|client| client.online) {
            return;
        }
        for place in head..head + ahead {
            let times = match self.lanes[lane].ahead.get(&place) {
                _ if self.lanes[lane].got.contains(&place) => continue,
                None => 0,
                Some(Ahead::Ended(times)) if *times < MOST_AHEAD => *times,
                Some(_) => continue,
            };
            let due = self.now + exponential(self.design.wait(self.design.refill), self.rng);
            self.lanes[lane].ahead.insert(place, Ahead::Due(due, times));
        }
        self.wake(self.lanes[lane].reader, GETS);
    }

    /// Without the digest: the head of every lane is asked for, always.
    pub(super) fn ask_heads(&mut self, who: usize) {
        for lane in self.clients[who].reading.clone() {
            let head = self.lanes[lane].head;
            self.lanes[lane].ahead.insert(head, Ahead::Due(self.now, 0));
        }
        self.wake(who, GETS);
    }
}
