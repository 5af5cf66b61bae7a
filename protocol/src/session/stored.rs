//! A session as it comes out of a store: taken only when it does not contradict itself.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{MAX_CONTENT, STATE_VERSION, Session};
use crate::codec::SecretBytes;
use crate::lane::{ReceiveLane, SendLane};
use crate::ratchet::Ratchet;
use crate::secret::Secret32;

#[derive(Deserialize)]
pub(super) struct StoredSession {
    version: u8,
    ratchet: Ratchet,
    send: SendLane,
    receive: ReceiveLane,
    ahead: BTreeMap<u64, SecretBytes>,
    partial: Option<SecretBytes>,
    dropping: bool,
    acked: u64,
    ack_due: bool,
    given_up: u64,
    peer_given_up: u64,
    rolled_back: bool,
    epoch: Secret32,
}

impl TryFrom<StoredSession> for Session {
    type Error = &'static str;

    fn try_from(stored: StoredSession) -> Result<Self, &'static str> {
        let StoredSession { version, ratchet, send, receive, ahead, partial, acked, ack_due, .. } = stored;
        if version != STATE_VERSION {
            return Err("a newer version stored this session");
        }
        let sound = acked <= send.next_index()
            && ahead.keys().all(|index| receive.was_accepted(*index))
            && partial.as_ref().is_none_or(|partial| partial.0.len() <= MAX_CONTENT);
        if !sound {
            return Err("a stored session contradicts itself");
        }
        let StoredSession { dropping, given_up, peer_given_up, rolled_back, epoch, .. } = stored;
        Ok(Self {
            version,
            ratchet,
            send,
            receive,
            ahead,
            partial,
            dropping,
            acked,
            ack_due,
            given_up,
            peer_given_up,
            rolled_back,
            epoch,
        })
    }
}
