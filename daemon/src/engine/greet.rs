//! First contact from outside: handshakes in the inbox, requests, and their acceptance.

use bauta_protocol::bundle::{Bundle, Prekeys};
use bauta_protocol::content::Content;
use bauta_protocol::handshake::{HANDSHAKE_LEN, RespondError, Responded, respond};
use bauta_protocol::id::PersonaKey;
use bauta_protocol::invitation::InviteSeed;
use bauta_protocol::session::Session;
use bauta_protocol::time::Timestamp;
use data_encoding::HEXLOWER;

use super::peer::{Moment, add_peer_session, pack, unpack};
use super::{announce, descriptors, receive, waits};
use crate::random;
use crate::store::{
    Change, ContactId, ContactRow, ContactState, Happened, NewContact, NewRequest, PersonaId, PersonaRow,
    PrekeysRow, ROLLED_BACK_AT, RequestRow, SessionId, StoreError, Tx,
};

/// The most requests that one persona keeps. The one that cost its sender least is evicted, of those the oldest, and the
/// user is told how many went.
pub(super) const MOST_REQUESTS: u64 = 256;

/// Takes one handshake from the inbox. Whatever it is, the next one follows. `work`: the leading zero bits of its work.
pub(super) fn take_deposit(
    tx: &Tx<'_>,
    persona: PersonaId,
    seq: u64,
    sealed: &[u8; HANDSHAKE_LEN],
    work: u8,
    at: &Moment,
) -> Result<(), StoreError> {
    let persona = tx.persona(persona)?;
    tx.set_drain_after(persona.id, seq)?;
    take_sealed(tx, &persona, sealed, work, at)
}

/// Opens a handshake from the inbox and does what it leads to.
pub(super) fn take_sealed(
    tx: &Tx<'_>,
    persona: &PersonaRow,
    sealed: &[u8; HANDSHAKE_LEN],
    work: u8,
    at: &Moment,
) -> Result<(), StoreError> {
    let prekeys = tx.prekeys(persona.id)?;
    let Some((responded, row)) = respond_with(&prekeys, None, sealed, at.now)? else { return Ok(()) };
    let key = responded.peer.persona();
    if tx.knows_transcript(&responded.transcript)? || tx.is_blocked(persona.id, &key)? {
        return Ok(());
    }
    let contact = tx.contact_of(persona.id, &key)?;
    if let Some(contact) = &contact
        && at.now.since(tx.taken_at(contact.id)?) < at.times.waits.handshake_gap
    {
        // Each makes a session, with keys to keep and a lane to read.
        return tx.hold_handshake(contact.id, sealed);
    }
    let Some(stale) = remember(tx, &responded, row)? else { return Ok(()) };
    let Some(contact) = contact else { return request(tx, persona, &responded, stale, work, at) };
    tx.note_taken(contact.id, at.now)?;
    let session = join(tx, persona, &contact, &responded, stale, at)?;
    // The relay saw who read the inbox, and will see who writes on the new lane.
    tx.keep_quiet(session, waits::after(at.times.waits.contact, at.now))
}

/// Opens a handshake with the keys it was made for. `None`: it is not for us, not whole, or came before. The flag says
/// that the session must not seal, because an old copy of the store may have answered it already.
pub(super) fn open(
    tx: &Tx<'_>,
    prekeys: &[PrekeysRow],
    seed: Option<&InviteSeed>,
    sealed: &[u8; HANDSHAKE_LEN],
    now: Timestamp,
) -> Result<Option<(Responded, bool)>, StoreError> {
    let Some((responded, row)) = respond_with(prekeys, seed, sealed, now)? else { return Ok(None) };
    Ok(remember(tx, &responded, row)?.map(|stale| (responded, stale)))
}

fn respond_with<'a>(
    prekeys: &'a [PrekeysRow],
    seed: Option<&InviteSeed>,
    sealed: &[u8; HANDSHAKE_LEN],
    now: Timestamp,
) -> Result<Option<(Responded, &'a PrekeysRow)>, StoreError> {
    for row in prekeys {
        let keys: Prekeys = unpack(&row.secret, "prekeys")?;
        match respond([&keys], seed, sealed, now, &mut random::rng()) {
            Ok(responded) => return Ok(Some((responded, row))),
            Err(RespondError::NotForUs) => {}
            Err(error) => {
                tracing::debug!("A handshake was dropped: {error}.");
                return Ok(None);
            }
        }
    }
    Ok(None)
}

/// Before a contact is deleted: a handshake of theirs that is held is remembered, so that it is not taken for a
/// stranger's when it comes again.
pub(crate) fn forget_held(tx: &Tx<'_>, contact: &ContactRow, now: Timestamp) -> Result<(), StoreError> {
    if let Some(held) = tx.held_handshake(contact.id)? {
        open(tx, &tx.prekeys(contact.persona)?, None, &held, now)?;
    }
    Ok(())
}

/// Remembers a handshake. `None`: it came before. Otherwise whether its session must not seal.
fn remember(tx: &Tx<'_>, responded: &Responded, row: &PrekeysRow) -> Result<Option<bool>, StoreError> {
    if !tx.remember_transcript(&responded.transcript, row.id)? {
        tracing::debug!("A handshake came again and was dropped.");
        return Ok(None);
    }
    let rolled_back_at = Timestamp(tx.meta_u64(ROLLED_BACK_AT)?.unwrap_or(0));
    Ok(Some(row.made_at <= rolled_back_at && rolled_back_at.0 > 0))
}

/// A contact begins the conversation, or begins it again.
pub(super) fn join(
    tx: &Tx<'_>,
    persona: &PersonaRow,
    contact: &ContactRow,
    responded: &Responded,
    stale: bool,
    at: &Moment,
) -> Result<SessionId, StoreError> {
    // Where both begin at the same time there are two sessions, too; that is over within minutes.
    let before = at.now.minus(at.times.waits.handshake_gap * 6);
    let restarted = match contact.current {
        // One who was restored says so, below.
        Some(current) => tx.was_in_use(current, before)? && !says_restored(&responded.content),
        None => false,
    };
    let session = add_peer_session(tx, persona, contact.id, &responded.session, &responded.peer, stale, at)?;
    if contact.state != ContactState::Active {
        tx.set_contact_state(contact.id, ContactState::Active)?;
    }
    if restarted {
        tx.note_restart(contact.id, at.now)?;
    }
    let change = if restarted { Change::Restarted } else { Change::State };
    announce::contact_changed(tx, contact.id, change, at.now)?;
    let Some(contact) = tx.contact(contact.id)? else { return Ok(session) };
    receive::take_content(tx, persona, &contact, &responded.content, at)?;
    if let Some(seen) = responded.seen {
        descriptors::compare(tx, &contact, persona.relay, seen, at)?;
    }
    super::send::seal_pending(tx, persona, contact.id, at)?;
    Ok(session)
}

fn says_restored(content: &[u8]) -> bool {
    matches!(Content::decode(content), Ok(Content::Greeting { kept: Some(_), .. }))
}

fn request(
    tx: &Tx<'_>,
    persona: &PersonaRow,
    responded: &Responded,
    stale: bool,
    work: u8,
    at: &Moment,
) -> Result<(), StoreError> {
    let full = tx.count_requests(persona.id)? >= MOST_REQUESTS;
    if full && let Some((cheapest, bits)) = tx.cheapest_request(persona.id)? {
        tx.lose_request(persona.id)?;
        if bits > work {
            return Ok(());
        }
        tx.delete_request_of(persona.id, &cheapest)?;
    }
    let mut handle = [0; 8];
    random::fill(&mut handle);
    let handle = HEXLOWER.encode(&handle);
    let new = NewRequest {
        handle: &handle,
        persona: persona.id,
        public: responded.peer.persona(),
        content: &responded.content,
        session: &pack(&responded.session)?,
        stale,
        bundle: responded.peer.as_bytes(),
        work,
    };
    let request = tx.keep_request(&new, at.now)?;
    tx.emit(Happened::ContactRequest(request), at.now)
}

/// Makes the sender of a request a contact. From now on their lane is read and they get receipts.
pub(crate) fn accept(
    tx: &Tx<'_>,
    persona: &PersonaRow,
    request: &RequestRow,
    name: &str,
    at: &Moment,
) -> Result<ContactId, StoreError> {
    let session: Session = unpack(&request.session, "a session")?;
    let bundle = Bundle::from_bytes(&request.bundle).map_err(|_| StoreError::Damaged("a bundle"))?;
    let contact = tx.add_contact(
        &NewContact {
            persona: persona.id,
            name,
            public: Some(request.public),
            state: ContactState::Active,
            relay: None,
        },
        at.now,
    )?;
    add_peer_session(tx, persona, contact, &session, &bundle, request.stale, at)?;
    tx.delete_request_of(persona.id, &request.public)?;
    announce::contact_added(tx, contact, at.now)?;
    if let Some(row) = tx.contact(contact)? {
        receive::take_content(tx, persona, &row, &request.content, at)?;
    }
    Ok(contact)
}

/// A name that no contact of the persona has: the first digits of the key, as many as it takes.
pub(super) fn name_of_key(tx: &Tx<'_>, persona: PersonaId, key: &PersonaKey) -> Result<String, StoreError> {
    let digits = key.to_string();
    for length in [8, 16, 32] {
        let name: String = digits.chars().take(length).collect();
        if tx.contact_named(persona, &name)?.is_none() {
            return Ok(name);
        }
    }
    Ok(digits)
}
