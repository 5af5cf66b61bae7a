//! Opening: from a box to messages, receipts and events, in one transaction.

use std::time::Duration;

use bauta_protocol::content::{Content, Kept};
use bauta_protocol::limits::BOX_LEN;
use bauta_protocol::session::{OpenError, Opened, Session};
use bauta_protocol::time::Timestamp;

use super::content::Letter;
use super::peer::{Moment, give_up, has_gap, pack, session_of, wanted};
use super::{DAY, announce, backoff, descriptors, timers};
use crate::store::{
    Change, ContactRow, ContactState, Happened, MessageState, PersonaRow, SessionId, SessionRow, StoreError,
    Tx,
};

/// How much earlier than by this machine's clock a contact's backup may be.
const CLOCKS_DIFFER: Duration = DAY;

/// What became of a box.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum BoxOutcome {
    /// It is accepted, or was before.
    Settled,
    /// It is not what was put: ask again later.
    Forged,
    /// This version cannot read it: ask again much later.
    Unsupported,
}

/// Opens a box of a session's lane and keeps what it brought.
pub(super) fn open_box(
    tx: &Tx<'_>,
    session: SessionId,
    index: u64,
    bytes: &[u8; BOX_LEN],
    at: &Moment,
) -> Result<BoxOutcome, StoreError> {
    let Some(row) = tx.session(session)? else { return Ok(BoxOutcome::Settled) };
    let mut session = session_of(&row)?;
    match session.open(index, bytes) {
        Ok(opened) => keep(tx, &row, &session, opened, at).map(|()| BoxOutcome::Settled),
        Err(OpenError::NotWanted(_)) => Ok(BoxOutcome::Settled),
        Err(OpenError::Forged(_)) => Ok(BoxOutcome::Forged),
        Err(OpenError::Unsupported(_)) => Ok(BoxOutcome::Unsupported),
        Err(error @ (OpenError::Malformed(_) | OpenError::Ratchet(_))) => {
            tracing::debug!("A conversation begins again: {error}.");
            give_up(tx, &row, at)?;
            tx.stop_reading(row.id)?;
            Ok(BoxOutcome::Settled)
        }
        Err(OpenError::Internal) => Err(StoreError::Damaged("a session")),
    }
}

/// Gives up the first missing box of a lane.
pub(super) fn skip_gap(tx: &Tx<'_>, session: SessionId, at: &Moment) -> Result<(), StoreError> {
    let Some(row) = tx.session(session)? else { return Ok(()) };
    let mut session = session_of(&row)?;
    match session.skip_gap() {
        Ok(opened) => keep(tx, &row, &session, opened, at),
        Err(_) => tx.save_reader(row.id, &row.state, &wanted(&session), None, None, at.now),
    }
}

// Keeps what opening a box brought. The order matters:
//
// 1. The session's new state is saved before anything else. What follows may seal in this very session (a descriptor
//    that is shown in return), and would otherwise seal with the state from before the box, using a key twice.
// 2. Then what the peer says about itself: that it speaks over this session, and which boxes it has. A message that is
//    confirmed here is no longer sealed again when the session is given up in step 4.
// 3. Then the contents, in the order of the lane.
// 4. A session that cannot seal any more (the peer confirmed boxes that this state never sealed) is given up last, when
//    all that it brought is kept.
//
// All of it is one transaction: after a crash the box is read again as if it had never come.
fn keep(
    tx: &Tx<'_>,
    row: &SessionRow,
    session: &Session,
    opened: Opened,
    at: &Moment,
) -> Result<(), StoreError> {
    let Some(contact) = tx.contact(row.contact)? else { return Ok(()) };
    let persona = tx.persona(row.persona)?;
    for cap in &opened.deletable {
        let wait = backoff::spread(at.times.pace.delete_after);
        tx.queue_delete(row.persona, row.own_relay, cap, at.now.plus(wait))?;
    }
    let wanted = wanted(session);
    let gap_since = gap_since(row, &wanted, session.received(), at.now);
    let ack_due_at = if row.stale { None } else { at.ack_due(session.ack_due()) };
    // First of all: what follows may seal in this very session, and must find its new state.
    tx.save_reader(row.id, &pack(session)?, &wanted, ack_due_at, gap_since, at.now)?;
    if session.received() > 0 {
        // Only boxes taken in order have passed the ratchet.
        tx.heard(row.id, !opened.contents.is_empty(), at.active_until(), at.now)?;
        if contact.state == ContactState::Pending {
            tx.set_contact_state(contact.id, ContactState::Active)?;
            announce::contact_changed(tx, contact.id, Change::State, at.now)?;
        }
    }
    if row.initiator && session.received() > 0 {
        tx.told_of_backup(contact.id)?;
    }
    confirm(tx, row, session, at)?;
    for content in &opened.contents {
        take_content(tx, &persona, &contact, content, at)?;
    }
    for seen in &opened.seen {
        descriptors::compare(tx, &contact, row.own_relay, *seen, at)?;
    }
    if opened.gap && contact.current == Some(row.id) {
        announce::contact_changed(tx, contact.id, Change::Gap, at.now)?;
    }
    if !row.stale && !session.can_send() {
        give_up(tx, row, at)?;
    }
    Ok(())
}

/// When the present gap began; a gap that has moved began later.
fn gap_since(
    row: &SessionRow,
    wanted: &[crate::store::Wanted],
    received: u64,
    now: Timestamp,
) -> Option<Timestamp> {
    if !has_gap(wanted) {
        return None;
    }
    let before = session_of(row).map(|session| session.received()).ok();
    row.gap_since.filter(|_| before == Some(received)).or(Some(now))
}

/// The peer has what it says it has.
pub(super) fn confirm(
    tx: &Tx<'_>,
    row: &SessionRow,
    session: &Session,
    at: &Moment,
) -> Result<(), StoreError> {
    if let Some(lost) = session.lost()
        && let Some(message) = tx.message_in(row.id, lost)?
    {
        // Its content never arrived, so it is sealed once more; order is lost, the message is not.
        tx.forget_sealed(message)?;
    }
    // Anything that came in order confirms the handshake, and with it the message inside.
    if session.received() > 0 {
        for message in tx.confirmed(row.id, session.acked())? {
            announce::set_message_state(tx, message, MessageState::Delivered, None, at.now)?;
        }
    }
    tx.drop_acked(row.id, session.acked())
}

/// The contact's home was made from a backup: what it confirmed since then it may not have any more.
fn restored(tx: &Tx<'_>, contact: &ContactRow, kept: Kept, at: &Moment) -> Result<(), StoreError> {
    tx.doubt_delivered_since(contact.conversation, kept.until.minus(CLOCKS_DIFFER))?;
    timers::hear_anew(tx, contact, kept.wish, at)?;
    tx.note_restart(contact.id, at.now)?;
    announce::contact_changed(tx, contact.id, Change::Restarted, at.now)
}

/// Keeps one content of a contact, unless it came before.
pub(super) fn take_content(
    tx: &Tx<'_>,
    persona: &PersonaRow,
    contact: &ContactRow,
    bytes: &[u8],
    at: &Moment,
) -> Result<(), StoreError> {
    let content = match Content::decode(bytes) {
        Ok(content) => content,
        Err(error) => {
            tracing::debug!("A contact sent something unreadable: {error}.");
            return Ok(());
        }
    };
    if let Content::Descriptor { bytes } = &content {
        return descriptors::take_shown(tx, persona, contact, bytes, at);
    }
    if let Content::Greeting { kept: Some(kept), .. } = &content {
        return restored(tx, contact, *kept, at);
    }
    if let Content::PostKey { iv, digest, key, .. } = &content {
        return tx.put_received_key(contact.id, (*iv, *digest), key, at.now);
    }
    if let Content::Timer { wish, .. } = &content
        && !timers::hear(tx, contact, *wish, at)?
    {
        // Said again, after one of the two was set back.
        return Ok(());
    }
    let Some(mut letter) = Letter::received(&content, bytes, at.now) else { return Ok(()) };
    letter.timer = timers::receive(tx, contact, letter.timer, at)?;
    match tx.add_message(&letter.row(contact, false), at.now)? {
        Some(seq) => tx.emit(Happened::MessageReceived(seq), at.now),
        None => Ok(()),
    }
}
