//! The relay of the simulator: what it answers, what it holds, and what it sees (relay/src/desk.rs, desk/held.rs).

use rand::Rng;

use super::{Ask, Reply, Request, What, World};
use crate::observers::schedule::Attack;
use crate::observers::trace::{Id, Operation, Seen, Size};
use crate::observers::workload::transit;

impl World<'_> {
    pub(super) fn arrive(&mut self, request: Request) {
        if request.sending > 0 {
            // The relay's ledger answers a frame once (sphinx-client/src/service/ledger.rs); it sees it all the same.
            if let Ask::Get { id, .. } = request.ask
                && self.held.get(&id).is_some_and(|(ticket, _)| *ticket == request.ticket)
            {
                self.see(request);
                self.send_again(request);
            }
            return;
        }
        self.see(request);
        match request.ask {
            Ask::Put { lane, place, message } => {
                if let Some(place) =
                    self.conflicts.iter().position(|(one, from)| *one == lane && self.now >= *from)
                {
                    self.conflicts.remove(place);
                    return self.answer(request, Reply::Conflict);
                }
                let id = self.id(lane, place);
                if let Some(truth) = self.run.boxes.get_mut(&id) {
                    truth.message = message;
                }
                self.kept.insert(id, message);
                if let Some((_, waiting)) = self.held.remove(&id) {
                    self.answer(waiting, Reply::Box { message });
                }
                self.answer(request, Reply::Done);
            }
            Ask::Get { id, .. } => {
                if let Some(message) = self.kept.get(&id) {
                    let message = *message;
                    return self.answer(request, Reply::Box { message });
                }
                if self.is_denied(request) {
                    return self.answer(request, Reply::Absent);
                }
                self.number += 1;
                let ticket = self.number;
                self.held.insert(id, (ticket, request));
                self.at(self.now + self.rules.clocks.hold, What::HoldEnds(id, ticket));
                self.send_again(Request { ticket, ..request });
            }
            Ask::Delete(_) | Ask::Loop(..) | Ask::Fetch(_) | Ask::Deposit(_) => {
                self.answer(request, Reply::Done)
            }
            Ask::Drain | Ask::Publish | Ask::Describe => self.answer(request, Reply::Done),
        }
    }

    pub(super) fn send_again(&mut self, request: Request) {
        let after = self.rules.clocks.hold_resend * self.rng.gen_range(0.75..1.25);
        let again = Request { sending: request.sending + 1, ..request };
        self.at(self.now + after, What::Arrive(again));
    }

    pub(super) fn is_denied(&self, request: Request) -> bool {
        let Ask::Get { reading, .. } = request.ask else { return false };
        let asked = self.clients[request.who].reading[reading].lane;
        self.scene.attacks.iter().any(|attack| match attack {
            Attack::AbsentAtOnce { lane, span } => *lane == asked && (span.0..span.1).contains(&self.now),
            Attack::Conflict { .. } => false,
        })
    }

    pub(super) fn see(&mut self, request: Request) {
        let of_persona = |world: &Self, lane: usize| {
            world.run.names.get(world.scene.lanes[lane].reader).copied().unwrap_or(Id(0))
        };
        let own = self.run.names[request.who];
        let (operation, id, size) = match request.ask {
            Ask::Put { lane, place, .. } => (Operation::Put, self.id(lane, place), Size::Small),
            Ask::Get { id, .. } => (Operation::Get, id, Size::Small),
            Ask::Delete(id) => (Operation::Delete, id, Size::Small),
            Ask::Loop(id, 0) => (Operation::Put, id, Size::Small),
            Ask::Loop(id, 1) => (Operation::Get, id, Size::Small),
            Ask::Loop(id, _) => (Operation::Delete, id, Size::Small),
            Ask::Fetch(lane) => (Operation::Fetch, of_persona(self, lane), Size::Large),
            Ask::Deposit(lane) => (Operation::Deposit, of_persona(self, lane), Size::Large),
            Ask::Drain => (Operation::Drain, own, Size::Large),
            Ask::Publish => (Operation::Publish, own, Size::Large),
            Ask::Describe => (Operation::Describe, Id(0), Size::Large),
        };
        self.run.seen.push(Seen { at: self.now, operation, id, size, again: request.sending > 0 });
        self.run.by.push(Some(request.who));
    }

    pub(super) fn answer(&mut self, request: Request, reply: Reply) {
        let arrives = self.now + transit(self.rng);
        self.at(arrives, What::Land(request, reply));
    }
}
