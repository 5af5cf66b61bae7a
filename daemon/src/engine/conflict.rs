//! A relay says that a name holds other bytes than ours. What it says alone proves nothing.
//!
//! Other bytes under a name of ours mean that a newer copy of this home was in use. A relay that could make us believe it
//! by one word would see what follows: we ask for the contact's keys and leave a handshake, which shows whose lane it
//! is. So it has to show the bytes. Only the peer and a copy of ours can seal some that open with the box's key; a relay
//! that has none gains one more get of a name that it knows.

use bauta_protocol::limits::BOX_LEN;
use bauta_protocol::relay::GetReply;

use super::flight::Answer;
use super::peer::{Moment, give_up};
use super::waits::after;
use crate::store::{BoxFor, OutboxId, StoreError, Tx};

/// What became of a conflict.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Verdict {
    /// Nothing is known: the relay did not answer.
    Nothing,
    /// No conflict: the relay has our bytes.
    Ours,
    /// A copy of this home has used the lane.
    Proved,
    /// The relay has nothing to show for what it said.
    Lie,
}

/// The relay answered a put with a conflict. Whether that cannot be true.
pub(super) fn claimed(tx: &Tx<'_>, row: OutboxId, at: &Moment) -> Result<Verdict, StoreError> {
    let Some(sealed) = tx.boxed(row)? else { return Ok(Verdict::Nothing) };
    if sealed.key.is_some() {
        tx.dispute_box(row, after(at.times.waits.dispute, at.now))?;
        return Ok(Verdict::Nothing);
    }
    // It said before that it has these very bytes.
    again(tx, row, sealed.attempts, at)?;
    Ok(Verdict::Lie)
}

/// The relay answered what it has under the name.
pub(super) fn shown(
    tx: &Tx<'_>,
    row: OutboxId,
    answer: &Answer<GetReply>,
    at: &Moment,
) -> Result<Verdict, StoreError> {
    let Some(sealed) = tx.boxed(row)? else { return Ok(Verdict::Nothing) };
    let bytes: &[u8; BOX_LEN] = match answer {
        Ok(GetReply::Box(bytes)) => bytes,
        Ok(GetReply::Absent) => {
            again(tx, row, sealed.attempts, at)?;
            return Ok(Verdict::Lie);
        }
        Ok(GetReply::Declined(_)) | Err(_) => {
            again(tx, row, sealed.attempts, at)?;
            return Ok(Verdict::Nothing);
        }
    };
    if *bytes == sealed.bytes.as_slice() {
        return Ok(Verdict::Ours);
    }
    if !sealed.key.is_some_and(|key| key.opens(&sealed.id, bytes)) {
        again(tx, row, sealed.attempts, at)?;
        return Ok(Verdict::Lie);
    }
    if let BoxFor::Session { session, .. } = sealed.owner
        && let Some(session) = tx.session(session)?
    {
        tx.forget_undone(session.id)?;
        give_up(tx, &session, at)?;
    }
    Ok(Verdict::Proved)
}

fn again(tx: &Tx<'_>, row: OutboxId, attempts: u32, at: &Moment) -> Result<(), StoreError> {
    let wait = at.times.waits.again(attempts);
    tx.settle_box(row, at.now.plus(wait), attempts.saturating_add(1))
}
