//! What a tick of the clock is used for: one exchange, chosen from what is due. Pure.
//!
//! Heads of lanes come first, in random order; but every kind of errand that is due keeps a share, so that none waits
//! for ever. A tick without anything due goes to a loop lane, so that ticks do not show whether something is due.

use std::collections::HashSet;

use bauta_protocol::id::{BoxId, RelayId};

use crate::store::{CapabilityId, ContactId, DueBox, InviteId, OutboxId, PrekeysId, SessionId, Wanted};

/// Gets that wait for their answer at most, over all lanes: few enough that neither a client nor a relay is slowed.
pub(super) const MOST_GETS: usize = 256;

/// Puts under way at most.
pub(super) const MOST_PUTS: usize = 16;

/// Other errands under way at most.
pub(super) const MOST_ERRANDS: usize = 8;

/// Half of the draws pick among this many most recently used lanes, so that active conversations stay fast.
const FAVOURED: usize = 16;

/// What a lane belongs to.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) enum LaneOf {
    Session(SessionId),
    Invite(InviteId),
    Guest(ContactId),
    /// A box of ours that the relay says it has with other bytes.
    Disputed(OutboxId),
}

/// A lane that is read.
#[derive(Clone, Debug)]
pub(super) struct Lane {
    pub(super) of: LaneOf,
    pub(super) relay: RelayId,
    /// In lane order.
    pub(super) wanted: Vec<Wanted>,
    /// All of `wanted` is asked for at once; otherwise its head only.
    pub(super) active: bool,
}

/// What is due, as the store has it.
#[derive(Clone, Debug, Default)]
pub(super) struct Due {
    /// The most recently used first.
    pub(super) lanes: Vec<Lane>,
    /// Sessions that owe a receipt.
    pub(super) acks: Vec<SessionId>,
    /// In the order they were sealed.
    pub(super) puts: Vec<DueBox>,
    /// Sessions whose handshake is to be left.
    pub(super) deposits: Vec<SessionId>,
    /// Contacts to begin a session with.
    pub(super) joins: Vec<ContactId>,
    /// Relays without a descriptor for today.
    pub(super) describes: Vec<RelayId>,
    /// Prekeys whose bundle is to be published.
    pub(super) publish: Option<PrekeysId>,
    /// Whether the persona's own bundle is to be looked at.
    pub(super) own: bool,
    /// Rows of boxes to delete.
    pub(super) deletes: Vec<CapabilityId>,
}

/// What is under way.
#[derive(Debug, Default)]
pub(super) struct UnderWay {
    pub(super) gets: HashSet<BoxId>,
    pub(super) puts: HashSet<OutboxId>,
    pub(super) deposits: HashSet<SessionId>,
    pub(super) joins: HashSet<ContactId>,
    pub(super) describes: HashSet<RelayId>,
    pub(super) publish: bool,
    pub(super) own: bool,
    pub(super) deletes: HashSet<CapabilityId>,
}

/// What to do with a tick.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Step {
    Get {
        of: LaneOf,
        relay: RelayId,
        want: Wanted,
    },
    Ack(SessionId),
    Put(OutboxId),
    Deposit(SessionId),
    Join(ContactId),
    Describe(RelayId),
    Publish(PrekeysId),
    Own,
    Delete(CapabilityId),
    /// Nothing is due.
    Loop,
}

// The shares: a kind of errand is drawn with its share divided by the shares of all kinds that are due.
//
// Shares rather than an order of precedence, because with an order a steady supply of one kind would stop the others
// for ever: someone with many lanes would never publish keys, and a contact who sends without pause would keep
// receipts from going out. With shares the expected wait of each kind depends on its share only, whatever else is due; the test
// `no_kind_waits_for_ever` holds that.
//
// The sizes follow from what a user waits for. Heads of lanes (HEADS) and own messages (PUTS) are felt at once.
// Places behind the head (WINDOW) matter only while a conversation is active. Receipts (ACKS) and first contact
// (FIRST_CONTACT: deposits, bundles, and keys to publish) may take some ticks longer. A relay without today's
// descriptor (DESCRIBES) cannot be used at all until it has shown one, so it comes before most others, but at most
// once a day. Deletions and puts that are repeated after weeks (DELETES) can wait for hours.
//
// The relay sees one exchange per tick, of the same length for each class, whatever was drawn: shares change how
// long something waits, not how much is sent.
const HEADS: usize = 8;
const WINDOW: usize = 4;
const PUTS: usize = 6;
const ACKS: usize = 4;
const FIRST_CONTACT: usize = 4;
const DESCRIBES: usize = 8;
const DELETES: usize = 1;

/// Chooses the exchange for one tick. `draw(n)` returns a number below `n`.
pub(super) fn choose(due: &Due, under_way: &UnderWay, mut draw: impl FnMut(usize) -> usize) -> Step {
    let mut kinds: Vec<(usize, Vec<Step>)> = Vec::new();
    let mut offer = |share: usize, steps: Vec<Step>| {
        if !steps.is_empty() {
            kinds.push((share, steps));
        }
    };
    if under_way.gets.len() < MOST_GETS {
        let (heads, rest) = gets(due, under_way);
        let favoured: Vec<Step> = heads.iter().take(FAVOURED).copied().collect();
        offer(HEADS / 2, favoured);
        offer(HEADS / 2, heads);
        offer(WINDOW, rest);
    }
    if under_way.puts.len() < MOST_PUTS {
        let next = due.puts.iter().find(|one| !under_way.puts.contains(&one.row) && !one.again);
        let again = due.puts.iter().find(|one| !under_way.puts.contains(&one.row) && one.again);
        offer(PUTS, next.map(|one| Step::Put(one.row)).into_iter().collect());
        offer(DELETES, again.map(|one| Step::Put(one.row)).into_iter().collect());
        offer(ACKS, due.acks.iter().copied().map(Step::Ack).collect());
    }
    let few = |count: usize| count < MOST_ERRANDS;
    if few(under_way.deposits.len()) {
        offer(FIRST_CONTACT, except(&due.deposits, &under_way.deposits).map(Step::Deposit).collect());
    }
    if few(under_way.joins.len()) {
        offer(FIRST_CONTACT, except(&due.joins, &under_way.joins).map(Step::Join).collect());
    }
    if few(under_way.describes.len()) {
        offer(DESCRIBES, except(&due.describes, &under_way.describes).map(Step::Describe).collect());
    }
    if !under_way.publish {
        offer(FIRST_CONTACT, due.publish.map(Step::Publish).into_iter().collect());
    }
    if due.own && !under_way.own {
        offer(FIRST_CONTACT, vec![Step::Own]);
    }
    if few(under_way.deletes.len()) {
        offer(DELETES, except(&due.deletes, &under_way.deletes).map(Step::Delete).collect());
    }
    pick(&kinds, &mut draw).unwrap_or(Step::Loop)
}

/// The heads to ask for, and the places behind them.
fn gets(due: &Due, under_way: &UnderWay) -> (Vec<Step>, Vec<Step>) {
    let (mut heads, mut rest) = (Vec::new(), Vec::new());
    for lane in &due.lanes {
        let step = |want: &Wanted| Step::Get { of: lane.of, relay: lane.relay, want: *want };
        let Some((head, behind)) = lane.wanted.split_first() else { continue };
        if !under_way.gets.contains(&head.id) {
            heads.push(step(head));
        }
        if lane.active {
            rest.extend(behind.iter().filter(|want| !under_way.gets.contains(&want.id)).map(step));
        }
    }
    (heads, rest)
}

fn except<'a, T: Copy + Eq + std::hash::Hash>(
    due: &'a [T],
    under_way: &'a HashSet<T>,
) -> impl Iterator<Item = T> + 'a {
    due.iter().copied().filter(|one| !under_way.contains(one))
}

fn pick(kinds: &[(usize, Vec<Step>)], draw: &mut impl FnMut(usize) -> usize) -> Option<Step> {
    let all: usize = kinds.iter().map(|(share, _)| share).sum();
    if all == 0 {
        return None;
    }
    let mut place = draw(all);
    for (share, steps) in kinds {
        if place < *share {
            return steps.get(draw(steps.len())).copied();
        }
        place -= share;
    }
    None
}

#[cfg(test)]
mod tests;
