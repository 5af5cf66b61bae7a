//! Reply SURBs of waiting requests, kept outside of the SDK.
//!
//! At each rotation of the mixes' keys the SDK spends every SURB it holds to ask for new ones, which our clients never
//! send. A request that is held for minutes could not be answered any more. The SDK also keeps an entry per sender tag
//! for a long time. So SURBs stay with the SDK only for a moment, and are given back to it together with the answer.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use nym_sdk::mixnet::{AnonymousSenderTag, CombinedReplyStorage};
use nym_sphinx::anonymous_replies::ReplySurbWithKeyRotation;

use super::ledger::REMEMBER;
use crate::clock::sdk_now;

/// How long SURBs stay with the SDK: an immediate answer finds them there.
const LEFT_WITH_SDK: Duration = Duration::from_secs(1);
/// The most packets of an answer.
const MOST_PER_TAG: usize = 3;
/// The most tags in the stash: each request, resends included, has a tag of its own.
const MOST_TAGS: usize = 32 * 1024;

/// SURBs by the tag they came under.
#[derive(Default)]
pub(super) struct Stash {
    surbs: HashMap<AnonymousSenderTag, Vec<ReplySurbWithKeyRotation>>,
    by_age: VecDeque<(Instant, AnonymousSenderTag)>,
}

impl Stash {
    /// Takes the SURBs that the SDK has held for a moment, and drops those that are too old or too many.
    pub(super) fn sweep(&mut self, now: Instant, sdk: &CombinedReplyStorage) {
        let cutoff = sdk_now() - LEFT_WITH_SDK;
        sdk.surbs_storage_ref().retain(|tag, received| {
            if received.surbs_last_received_at() > cutoff {
                return true;
            }
            let amount = received.fresh_left().min(MOST_PER_TAG);
            if let (Some(surbs), _) = received.get_reply_surbs(amount)
                && !surbs.is_empty()
                && !self.surbs.contains_key(tag)
            {
                self.surbs.insert(*tag, surbs.into_iter().map(Into::into).collect());
                self.by_age.push_back((now, *tag));
            }
            false
        });
        while let Some((since, tag)) = self.by_age.front().copied() {
            if self.by_age.len() <= MOST_TAGS && now.saturating_duration_since(since) < REMEMBER {
                break;
            }
            self.by_age.pop_front();
            self.surbs.remove(&tag);
        }
    }

    /// Gives back to the SDK what came under this tag, right before it is needed.
    pub(super) fn give_back(&mut self, tag: &AnonymousSenderTag, sdk: &CombinedReplyStorage) {
        if let Some(surbs) = self.surbs.remove(tag) {
            sdk.surbs_storage_ref().insert_fresh_surbs(tag, surbs);
        }
    }
}
