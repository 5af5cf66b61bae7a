//! Remembers the packets a key has already opened.

use std::collections::{HashSet, VecDeque};

/// Tags kept per key. Older ones are forgotten: a bounded memory matters more here than a perfect one.
const CAPACITY: usize = 1 << 16;

/// A bounded set of replay tags, first in, first out.
#[derive(Debug, Default)]
pub(crate) struct ReplayFilter {
    seen: HashSet<u128>,
    order: VecDeque<u128>,
}

impl ReplayFilter {
    /// Whether the tag is new; from now on it is not.
    pub(crate) fn insert(&mut self, tag: &[u8]) -> bool {
        // Half of a 32-byte pseudorandom tag is unique enough and halves the memory.
        let tag = tag.iter().take(16).fold(0, |tag, byte| (tag << 8) | u128::from(*byte));
        if !self.seen.insert(tag) {
            return false;
        }
        self.order.push_back(tag);
        if self.order.len() > CAPACITY
            && let Some(oldest) = self.order.pop_front()
        {
            self.seen.remove(&oldest);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_new_once_and_memory_is_bounded() {
        let mut filter = ReplayFilter::default();
        assert!(filter.insert(&[1; 32]));
        assert!(!filter.insert(&[1; 32]));
        for tag in 0..CAPACITY as u64 {
            assert!(filter.insert(&tag.to_be_bytes()));
        }
        assert_eq!(filter.seen.len(), CAPACITY);
        assert_eq!(filter.order.len(), CAPACITY);
        assert!(filter.insert(&[1; 32]), "the oldest was forgotten");
    }
}
