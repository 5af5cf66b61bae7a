use std::collections::{BTreeSet, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bauta_sphinx_client::Observer;
use bauta_sphinx_client::frame::SMALL_FRAME;
use serde::Serialize;

/// Counts what a relay sees of its clients.
#[derive(Default)]
pub(super) struct Recorder {
    counts: Mutex<Counts>,
}

#[derive(Default)]
struct Counts {
    requests: u64,
    tags: HashSet<[u8; 16]>,
    request_sizes: Sizes,
    reply_sizes: Sizes,
}

/// The different sizes of messages, in bytes. Up to the length of a small frame they count as small.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
pub(super) struct Sizes {
    pub(super) small: BTreeSet<usize>,
    pub(super) large: BTreeSet<usize>,
}

/// What was counted.
pub(super) struct Notes {
    /// Messages received: each begins an exchange or repeats it.
    pub(super) exchanges: u64,
    pub(super) tags: u64,
    pub(super) request_sizes: Sizes,
    pub(super) reply_sizes: Sizes,
}

impl Recorder {
    pub(super) fn notes(&self) -> Notes {
        let counts = self.counts();
        Notes {
            exchanges: counts.requests,
            tags: counts.tags.len() as u64,
            request_sizes: counts.request_sizes.clone(),
            reply_sizes: counts.reply_sizes.clone(),
        }
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Observer for Recorder {
    fn request(&self, sender_tag: [u8; 16], bytes: usize) {
        let mut counts = self.counts();
        counts.requests += 1;
        counts.tags.insert(sender_tag);
        counts.request_sizes.add(bytes);
    }

    fn reply(&self, _sender_tag: [u8; 16], bytes: usize) {
        self.counts().reply_sizes.add(bytes);
    }
}

impl Sizes {
    fn add(&mut self, bytes: usize) {
        if bytes <= SMALL_FRAME { &mut self.small } else { &mut self.large }.insert(bytes);
    }
}

#[cfg(test)]
mod tests {
    use bauta_sphinx_client::frame::LARGE_FRAME;

    use super::*;

    #[test]
    fn tags_and_sizes_are_counted() {
        let recorder = Recorder::default();
        recorder.request([1; 16], SMALL_FRAME);
        recorder.request([1; 16], SMALL_FRAME);
        recorder.request([2; 16], LARGE_FRAME);
        recorder.reply([2; 16], LARGE_FRAME - 1);
        let notes = recorder.notes();
        assert_eq!((notes.exchanges, notes.tags), (3, 2));
        assert_eq!(notes.request_sizes, Sizes { small: [SMALL_FRAME].into(), large: [LARGE_FRAME].into() });
        assert_eq!(notes.reply_sizes.large, [LARGE_FRAME - 1].into());
    }
}
