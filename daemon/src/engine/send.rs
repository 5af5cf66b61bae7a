//! Sealing: from a message's row to boxes in the outbox, in one transaction.

use bauta_protocol::bundle::{Bundle, Prekeys};
use bauta_protocol::content::{Content, Kept};
use bauta_protocol::descriptor::DescriptorSeen;
use bauta_protocol::handshake::{HANDSHAKE_LEN, InitiateError, initiate};
use bauta_protocol::id::MessageId;
use bauta_protocol::invitation::InviteSeed;
use bauta_protocol::session::{MAX_FIRST, OutgoingBox, SealError};
use bauta_protocol::timer::Timer;

use super::bundle::fresh_prekeys;
use super::content::Letter;
use super::peer::{MOST_READ, Moment, give_up, pack, session_of, speaking_session, unpack, wanted};
use super::{announce, timers, waits};
use crate::random;
use crate::store::{
    BoxFor, Change, ContactId, ContactRow, MessageSeq, NewBox, NewDeposit, NewSession, OutboxId, PersonaRow,
    SessionId, SessionRow, StoreError, Tx,
};

/// Messages sealed in one transaction at most.
const BATCH: u32 = 32;

/// Keeps a message to a contact and seals it where there is a session. Returns its row; one that was sent before under
/// the same id is not sent again.
pub(crate) fn queue_message(
    tx: &Tx<'_>,
    persona: &PersonaRow,
    contact: &ContactRow,
    letter: &Letter,
    at: &Moment,
) -> Result<Option<MessageSeq>, StoreError> {
    let seq = tx.add_message(&letter.row(contact, true), at.now)?;
    seal_pending(tx, persona, contact.id, at)?;
    Ok(seq)
}

/// Says to a contact how long one wants messages to stay.
pub(crate) fn wish(
    tx: &Tx<'_>,
    persona: &PersonaRow,
    contact: &ContactRow,
    timer: Option<Timer>,
    at: &Moment,
) -> Result<(), StoreError> {
    timers::want(tx, contact, timer, at)?;
    seal_pending(tx, persona, contact.id, at)
}

/// Seals messages that the contact's current session does not carry yet, in order.
pub(crate) fn seal_pending(
    tx: &Tx<'_>,
    persona: &PersonaRow,
    contact: ContactId,
    at: &Moment,
) -> Result<(), StoreError> {
    let Some(contact) = tx.contact(contact)? else { return Ok(()) };
    timers::tell(tx, &contact, at)?;
    let Some(row) = speaking_session(tx, persona, &contact)? else { return Ok(()) };
    let messages = tx.unsealed(contact.conversation, Some(row.id), BATCH)?;
    if messages.is_empty() {
        return Ok(());
    }
    if row.stale {
        return give_up(tx, &row, at);
    }
    let mut session = session_of(&row)?;
    let seen = tx.seen(row.persona, row.relay)?;
    // Nobody answers the key of a post, so the lane is not watched more closely because of one.
    let is_conversation = messages.iter().any(|message| message.kind != Content::POST_KEY);
    for message in messages {
        match session.seal(&message.content, seen, &mut random::rng()) {
            Ok(boxes) => queue_boxes(tx, &row, Some(message.seq), &boxes, at)?,
            Err(error) => return refused(tx, &row, error, at),
        }
    }
    tx.save_sender(row.id, &pack(&session)?, None, at.now)?;
    if is_conversation { tx.keep_active(row.id, at.active_until()) } else { Ok(()) }
}

/// Seals a receipt; returns the row of its box.
pub(super) fn seal_ack(tx: &Tx<'_>, session: SessionId, at: &Moment) -> Result<Option<OutboxId>, StoreError> {
    let Some(row) = tx.session(session)?.filter(|row| !row.stale) else { return Ok(None) };
    let mut session = session_of(&row)?;
    match session.seal_ack(tx.seen(row.persona, row.relay)?, &mut random::rng()) {
        Ok(sealed) => {
            tx.save_sender(row.id, &pack(&session)?, None, at.now)?;
            queue_box(tx, &row, None, &sealed, at).map(Some)
        }
        Err(error) => refused(tx, &row, error, at).map(|()| None),
    }
}

/// Seals something that is not a message. Nothing keeps it but its boxes: it is lost when the session is given up.
pub(super) fn seal_untracked(
    tx: &Tx<'_>,
    contact: ContactId,
    content: &Content,
    at: &Moment,
) -> Result<(), StoreError> {
    let current = tx.contact(contact)?.and_then(|contact| contact.current);
    let Some(row) = current.map(|id| tx.session(id)).transpose()?.flatten().filter(|row| !row.stale) else {
        return Ok(());
    };
    let Ok(content) = content.encode() else { return Ok(()) };
    let mut session = session_of(&row)?;
    match session.seal(&content, tx.seen(row.persona, row.relay)?, &mut random::rng()) {
        Ok(boxes) => {
            tx.save_sender(row.id, &pack(&session)?, None, at.now)?;
            queue_boxes(tx, &row, None, &boxes, at)
        }
        Err(error) => refused(tx, &row, error, at),
    }
}

/// Begins a session over the contact's bundle, with the first open message inside the handshake where it fits. The
/// handshake will be left in the contact's inbox.
pub(super) fn begin(
    tx: &Tx<'_>,
    persona: &PersonaRow,
    contact: &ContactRow,
    bundle: &Bundle,
    at: &Moment,
) -> Result<(), StoreError> {
    let mine = fresh_prekeys(tx, persona, at.now)?;
    let mine: Prekeys = unpack(&mine.secret, "prekeys")?;
    let first = tx.unsealed(contact.conversation, None, 1)?.pop();
    // A stranger shows what is inside the handshake as a request, and the key of a post is nothing to show.
    // After a restore the greeting says so, and goes first.
    let inside = first.filter(|message| {
        message.content.len() <= MAX_FIRST
            && message.kind != Content::POST_KEY
            && contact.kept_until.is_none()
    });
    let content = match &inside {
        Some(message) => message.content.clone(),
        None => greeting(kept(tx, contact)?, at)?,
    };
    let seen = tx.seen(persona.id, bundle.relay().id)?;
    let Some((session, handshake)) = start(tx, persona, contact, &mine, bundle, None, &content, seen, at)?
    else {
        return Ok(());
    };
    let until = bundle.expiry().min(mine.bundle().expiry());
    // After the bundle was fetched, and before anything goes over the new lane.
    let deposit_at = waits::after(at.times.waits.contact, at.now);
    let id = tx.add_session(
        &NewSession {
            contact: contact.id,
            persona: persona.id,
            relay: bundle.relay().id,
            own_relay: persona.relay,
            state: &pack(&session)?,
            wanted: &wanted(&session),
            stale: false,
            initiator: true,
            ack_due_at: None,
            deposit: Some(NewDeposit { handshake: &handshake, inbox: bundle.inbox(), at: deposit_at, until }),
        },
        at.now,
    )?;
    if let Some(message) = inside {
        tx.note_sealed(message.seq, id, None)?;
    }
    tx.keep_quiet(id, deposit_at.plus(waits::wait(at.times.waits.contact)))?;
    tx.set_current_session(contact.id, Some(id))?;
    tx.bound_sessions(contact.id, MOST_READ)?;
    announce::contact_changed(tx, contact.id, Change::State, at.now)?;
    seal_pending(tx, persona, contact.id, at)
}

/// The protocol's first step; `None` where the bundles do not allow it: then a fresh one is fetched later.
#[allow(clippy::too_many_arguments, reason = "each is one input of the handshake")]
pub(super) fn start(
    tx: &Tx<'_>,
    persona: &PersonaRow,
    contact: &ContactRow,
    mine: &Prekeys,
    bundle: &Bundle,
    seed: Option<&InviteSeed>,
    content: &[u8],
    seen: Option<DescriptorSeen>,
    at: &Moment,
) -> Result<Option<(bauta_protocol::session::Session, Box<[u8; HANDSHAKE_LEN]>)>, StoreError> {
    match initiate(&persona.secret, mine, bundle, seed, content, seen, at.now, &mut random::rng()) {
        Ok(initiated) => Ok(Some((initiated.session, initiated.handshake))),
        Err(error) => {
            tracing::debug!("A conversation could not begin: {error}.");
            let bug = matches!(error, InitiateError::Internal);
            let attempts = contact.attempts.saturating_add(if bug { 6 } else { 1 });
            let wait = at.times.waits.again(attempts);
            tx.set_contact_attempt(contact.id, at.now.plus(wait), attempts)?;
            Ok(None)
        }
    }
}

/// What a contact is to know that was not told of a restore yet.
fn kept(tx: &Tx<'_>, contact: &ContactRow) -> Result<Option<Kept>, StoreError> {
    let Some(until) = contact.kept_until else { return Ok(None) };
    Ok(Some(Kept { until, wish: tx.agreement(contact.conversation)?.own }))
}

pub(super) fn greeting(kept: Option<Kept>, at: &Moment) -> Result<Vec<u8>, StoreError> {
    let id = MessageId::generate(&mut random::rng());
    let content = Content::Greeting { id, sent_at: at.now, kept };
    content.encode().map_err(|_| StoreError::Damaged("a greeting"))
}

fn queue_boxes(
    tx: &Tx<'_>,
    row: &SessionRow,
    message: Option<MessageSeq>,
    boxes: &[OutgoingBox],
    at: &Moment,
) -> Result<(), StoreError> {
    for sealed in boxes {
        queue_box(tx, row, message, sealed, at)?;
    }
    if let (Some(message), Some(first), Some(last)) = (message, boxes.first(), boxes.last()) {
        tx.note_sealed(message, row.id, Some((first.index, last.index)))?;
    }
    Ok(())
}

fn queue_box(
    tx: &Tx<'_>,
    row: &SessionRow,
    message: Option<MessageSeq>,
    sealed: &OutgoingBox,
    at: &Moment,
) -> Result<OutboxId, StoreError> {
    let new = NewBox {
        persona: row.persona,
        relay: row.relay,
        id: sealed.id,
        tag: sealed.tag,
        bytes: &sealed.bytes,
        key: Some(&sealed.key),
        place: sealed.index,
        owner: BoxFor::Session { session: row.id, message },
    };
    tx.add_box(&new, at.now)
}

fn refused(tx: &Tx<'_>, row: &SessionRow, error: SealError, at: &Moment) -> Result<(), StoreError> {
    match error {
        SealError::RolledBack | SealError::Full => {
            // Boxes sealed before the error in this transaction go with the session's unsaved state.
            tx.forget_sealed_from(row.id, session_of(row)?.sent())?;
            give_up(tx, row, at)
        }
        SealError::TooLong(_) | SealError::Internal => Err(StoreError::Damaged("a session or a message")),
    }
}
