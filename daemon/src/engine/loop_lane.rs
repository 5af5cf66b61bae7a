//! Boxes that a persona puts, reads and deletes for itself when its clock ticks and nothing is due.
//!
//! They are meant as cover, and prove to the persona that exchanges come back. A relay can recognise them today by their
//! times, because they are read and deleted sooner than a contact's (docs/threat-model.md, "Known attacks").

use bauta_protocol::digest::set::Tag;
use bauta_protocol::id::Capability;
use bauta_protocol::limits::BOX_LEN;

use super::flight::Errand;
use crate::random;

/// Boxes at a time at most; when all wait for an answer, a tick passes.
const MOST: usize = 4;

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Stage {
    Fresh,
    Put,
    Read,
}

struct Slot {
    number: u64,
    cap: Capability,
    stage: Stage,
    waiting: bool,
}

/// The loop boxes of one persona. They are not kept over a restart: the relay forgets those left over.
#[derive(Default)]
pub(super) struct LoopLane {
    slots: Vec<Slot>,
    next: u64,
}

impl LoopLane {
    /// What to do next; `None` when all boxes wait for an answer.
    pub(super) fn next(&mut self) -> Option<Errand> {
        if self.slots.iter().all(|slot| slot.waiting) && self.slots.len() < MOST {
            let cap = Capability::generate(&mut random::rng());
            self.slots.push(Slot { number: self.next, cap, stage: Stage::Fresh, waiting: false });
            self.next += 1;
        }
        let slot = self.slots.iter_mut().find(|slot| !slot.waiting)?;
        slot.waiting = true;
        let (number, id) = (slot.number, slot.cap.box_id());
        Some(match slot.stage {
            Stage::Fresh => {
                let mut bytes = Box::new([0; BOX_LEN]);
                random::fill(bytes.as_mut_slice());
                let mut tag = Tag([0; 8]);
                random::fill(&mut tag.0);
                Errand::LoopPut { slot: number, id, tag, bytes }
            }
            Stage::Put => Errand::LoopGet { slot: number, id },
            Stage::Read => Errand::LoopDelete { slot: number, cap: slot.cap.clone() },
        })
    }

    /// An answer came, or none. A box that failed is abandoned: a put may have had its effect, and its bytes
    /// cannot be put again.
    pub(super) fn land(&mut self, number: u64, well: bool) {
        self.slots.retain_mut(|slot| {
            if slot.number != number {
                return true;
            }
            slot.waiting = false;
            let next = match slot.stage {
                Stage::Fresh => Stage::Put,
                Stage::Put => Stage::Read,
                Stage::Read => return false,
            };
            slot.stage = next;
            well
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boxes_are_put_read_and_deleted_in_turn() {
        let mut lane = LoopLane::default();
        let Some(Errand::LoopPut { slot, id, .. }) = lane.next() else { panic!("a put comes first") };
        lane.land(slot, true);
        let Some(Errand::LoopGet { slot, id: read }) = lane.next() else { panic!("then a get") };
        assert_eq!(id, read);
        lane.land(slot, true);
        let Some(Errand::LoopDelete { slot, cap }) = lane.next() else { panic!("then a delete") };
        assert_eq!(cap.box_id(), id);
        lane.land(slot, true);
        assert!(lane.slots.is_empty());
    }

    #[test]
    fn few_wait_at_a_time_and_failures_are_left() {
        let mut lane = LoopLane::default();
        assert_eq!(std::iter::from_fn(|| lane.next()).count(), MOST);
        lane.land(0, false);
        assert_eq!(lane.slots.len(), MOST - 1);
        lane.land(99, true);
        assert!(matches!(lane.next(), Some(Errand::LoopPut { slot: 4, .. })));
    }
}
