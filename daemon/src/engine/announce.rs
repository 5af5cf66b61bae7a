//! What changed is written down together with its event, so that nobody learns of the one without the other.

use bauta_protocol::content::Content;
use bauta_protocol::mask::ProfileId;
use bauta_protocol::time::Timestamp;
use bauta_sphinx_client::{ConnectPhase, Phase};

use crate::store::{
    Change, Connection, ContactId, Happened, MessageRow, MessageSeq, MessageState, Reason, StoreError, Tx,
};

/// Moves an own message on, unless it was as far already.
pub(crate) fn set_message_state(
    tx: &Tx<'_>,
    message: MessageSeq,
    state: MessageState,
    reason: Option<Reason>,
    now: Timestamp,
) -> Result<(), StoreError> {
    if !tx.set_message_state(message, state, reason, now)? {
        return Ok(());
    }
    let Some(row) = tx.message(message)? else { return Ok(()) };
    if row.kind == Content::POST_KEY {
        // Nobody sees it, and what it held is with the post.
        return if state >= MessageState::Delivered { tx.delete_message(message) } else { Ok(()) };
    }
    if row.kind == Content::TIMER && state == MessageState::Delivered {
        wish_confirmed(tx, &row, now)?;
    }
    tx.emit(Happened::MessageState { message, state, reason }, now)
}

/// The contact knows how long one wants messages to stay.
fn wish_confirmed(tx: &Tx<'_>, row: &MessageRow, now: Timestamp) -> Result<(), StoreError> {
    let mut agreement = tx.agreement(row.conversation)?;
    agreement.confirm(row.sent_at);
    tx.keep_agreement(row.conversation, &agreement)?;
    match tx.contact_in(row.conversation)? {
        Some(contact) => contact_changed(tx, contact.id, Change::Disappearing, now),
        None => Ok(()),
    }
}

/// Something about a contact changed.
pub(crate) fn contact_changed(
    tx: &Tx<'_>,
    contact: ContactId,
    change: Change,
    now: Timestamp,
) -> Result<(), StoreError> {
    match tx.contact(contact)? {
        Some(_) => tx.emit(Happened::ContactChanged(contact, change), now),
        None => Ok(()),
    }
}

/// There is a new contact, or an invitation of ours was answered.
pub(crate) fn contact_added(tx: &Tx<'_>, contact: ContactId, now: Timestamp) -> Result<(), StoreError> {
    tx.emit(Happened::ContactAdded(contact), now)
}

/// The key of a profile became known.
pub(crate) fn profile_learned(tx: &Tx<'_>, profile: &ProfileId, now: Timestamp) -> Result<(), StoreError> {
    match tx.profile_row(profile)? {
        Some(row) => tx.emit(Happened::ProfileLearned(row), now),
        None => Ok(()),
    }
}

/// A profile shows another key than the known one.
pub(crate) fn profile_changed(tx: &Tx<'_>, profile: &ProfileId, now: Timestamp) -> Result<(), StoreError> {
    match tx.profile_row(profile)? {
        Some(row) => tx.emit(Happened::ProfileChanged(row), now),
        None => Ok(()),
    }
}

/// The phase of a connection as the log keeps it.
pub(crate) fn connection(phase: &Phase) -> Connection {
    match phase {
        Phase::Off => Connection::Off,
        Phase::Connecting(ConnectPhase::Waiting) => Connection::Waiting,
        Phase::Connecting(ConnectPhase::Pausing) => Connection::Pausing,
        Phase::Connecting(ConnectPhase::ChoosingGateway) => Connection::ChoosingGateway,
        Phase::Connecting(ConnectPhase::Registering) => Connection::Registering,
        Phase::Connecting(ConnectPhase::FirstExchange) => Connection::FirstExchange,
        Phase::Ready => Connection::Ready,
        Phase::Degraded => Connection::Degraded,
        Phase::Lost => Connection::Lost,
    }
}
