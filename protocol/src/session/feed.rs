//! Feeds the ratchet in lane order and joins contents, on a copy of the session's state.

use std::collections::BTreeMap;

use zeroize::Zeroizing;

use super::{OpenError, Opened, Session};
use crate::codec::SecretBytes;
use crate::limits::MAX_CONTENT;
use crate::payload::{Part, Payload, PayloadError};
use crate::ratchet::Ratchet;

/// The parts of a session that messages change. They are copied back into the session if everything succeeded.
pub(super) struct Feed {
    // Why a copy: one accepted box can release others that waited behind it, each of which advances the ratchet and may
    // complete a content. If one of the steps fails as a bug or a bad box, the session must be exactly as before the call,
    // because the caller commits it to the store or not at all.
    //
    // Why strictly in lane order: docs/decisions/0009. So a box ahead of a missing one is opened (its lane key is erased at
    // once) and stays sealed by the ratchet in `Session::ahead` until its turn.
    pub(super) ratchet: Ratchet,
    pub(super) sent: u64,
    pub(super) partial: Option<SecretBytes>,
    pub(super) dropping: bool,
    pub(super) acked: u64,
    pub(super) ack_due: bool,
    pub(super) given_up: u64,
    pub(super) peer_given_up: u64,
    pub(super) rolled_back: bool,
    pub(super) opened: Opened,
}

/// Why a message was not accepted.
pub(super) enum FeedError {
    Ratchet,
    Payload(PayloadError),
}

impl FeedError {
    pub(super) fn at(self, index: u64) -> OpenError {
        match self {
            Self::Ratchet => OpenError::Ratchet(index),
            Self::Payload(PayloadError::Version(version)) => OpenError::Unsupported(version),
            Self::Payload(PayloadError::Malformed) => OpenError::Malformed(index),
        }
    }
}

impl Feed {
    pub(super) fn of(session: &Session) -> Self {
        Self {
            ratchet: session.ratchet.copy(),
            sent: session.sent(),
            partial: session.partial.clone(),
            dropping: session.dropping,
            acked: session.acked,
            ack_due: session.ack_due,
            given_up: session.given_up,
            peer_given_up: session.peer_given_up,
            rolled_back: session.rolled_back,
            opened: Opened::default(),
        }
    }

    /// Accepts the message of the first missing box. On an error nothing has changed.
    pub(super) fn message(&mut self, message: &[u8]) -> Result<(), FeedError> {
        let mut ratchet = self.ratchet.copy();
        let plain = ratchet.decrypt(message).map_err(|_| FeedError::Ratchet)?;
        let payload = Payload::decode(&plain).map_err(FeedError::Payload)?;
        self.ratchet = ratchet;
        self.take(payload);
        Ok(())
    }

    /// Looks into a box that is ahead of a missing one, on a copy of the ratchet.
    //
    // The peer sealed it, because it opens with the lane's key. A whole state of ours can always decrypt it: the peer's
    // chain begins from a ratchet key that we sent after reading all before that chain. So where it cannot be decrypted,
    // or acknowledges what was never sealed, a newer copy of this state has spoken with the peer. Without this look an
    // old copy would wait for a box that the newer one has read, for days.
    pub(super) fn look_ahead(&mut self, message: &[u8]) {
        let mut ratchet = self.ratchet.copy();
        self.rolled_back |= match ratchet.decrypt(message).map(|plain| Payload::decode(&plain)) {
            Err(_) => true,
            Ok(Ok(payload)) => payload.ack > self.sent,
            // A later version's payload says nothing.
            Ok(Err(_)) => false,
        };
    }

    /// Accepts the boxes that waited behind the first missing one, as far as they are consecutive.
    pub(super) fn waiting(&mut self, ahead: &BTreeMap<u64, SecretBytes>, from: u64) {
        for (index, message) in (from..).map_while(|index| ahead.get(&index).map(|message| (index, message)))
        {
            // Its lane key is gone, so it cannot be asked for again: what cannot be used now is lost.
            if self.message(&message.0).is_err() {
                self.give_up(index);
            }
        }
    }

    /// Continues without a box: the content it belonged to is lost, and the next box reports this to the peer.
    pub(super) fn give_up(&mut self, index: u64) {
        self.partial = None;
        self.dropping = true;
        self.given_up = index + 1;
        self.ack_due = true;
        self.opened.gap = true;
    }

    fn take(&mut self, payload: Payload) {
        let Payload { ack, given_up, seen, part } = payload;
        if ack > self.sent {
            // The peer has boxes that this state never sealed. Its messages are still valid; what we would seal is not.
            self.rolled_back = true;
        } else if !self.rolled_back {
            self.acked = self.acked.max(ack);
            self.peer_given_up = self.peer_given_up.max(given_up.min(ack));
        }
        self.opened.seen.extend(seen);
        match part {
            Part::AckOnly => {
                // Fragments of one content are in consecutive boxes. A writer that breaks this loses the content.
                if self.partial.take().is_some() {
                    self.drop_content();
                }
            }
            Part::Fragment { continues, more, data } => {
                self.ack_due = true;
                self.fragment(continues, more, data);
            }
        }
    }

    fn fragment(&mut self, continues: bool, more: bool, data: Zeroizing<Vec<u8>>) {
        let begun = self.partial.take();
        let mut content = match (continues, begun) {
            (true, Some(begun)) => begun.0,
            (true, None) => return self.drop_content(),
            (false, begun) => {
                self.opened.gap |= begun.is_some();
                self.dropping = false;
                // All capacity at once: growing would leave copies of secrets behind.
                Zeroizing::new(Vec::with_capacity(if more { MAX_CONTENT } else { data.len() }))
            }
        };
        if content.len() + data.len() > MAX_CONTENT {
            return self.drop_content();
        }
        if content.capacity() < content.len() + data.len() {
            content = with_room(&content);
        }
        content.extend_from_slice(&data);
        if more {
            self.partial = Some(SecretBytes(content));
        } else {
            self.opened.contents.push(std::mem::take(&mut *content));
        }
    }

    /// Drops this fragment and those that continue it; one lost content is reported once.
    fn drop_content(&mut self) {
        self.opened.gap |= !self.dropping;
        self.dropping = true;
    }
}

/// A copy with capacity for the longest content; the original is erased.
fn with_room(begun: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut content = Zeroizing::new(Vec::with_capacity(MAX_CONTENT));
    content.extend_from_slice(begun);
    content
}
