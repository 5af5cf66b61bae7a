//! Invitations, from both sides.

use bauta_protocol::address::{Address, RelayAddress};
use bauta_protocol::bundle::{Bundle, Prekeys};
use bauta_protocol::id::RelayId;
use bauta_protocol::invitation::{InviteError, InviteGuest, InviteHost, InviteSeed};
use bauta_protocol::lane::WantedBox;
use bauta_protocol::limits::BOX_LEN;
use bauta_protocol::time::Timestamp;

use super::announce;
use super::bundle::{doors, fresh_prekeys};
use super::greet::{join, name_of_key, open};
use super::peer::{Moment, keep_bundle, pack, unpack, wanted};
use super::receive::BoxOutcome;
use super::send::{greeting, start};
use crate::random;
use crate::store::{
    BoxFor, Change, ContactId, ContactRow, ContactState, GuestPhase, InviteId, MessageState, NewBox,
    NewContact, NewInvite, NewSession, PersonaRow, Reason, StoreError, Tx, Wanted,
};

fn all_wanted(wanted: Vec<WantedBox>) -> Vec<Wanted> {
    wanted.into_iter().map(Wanted::from).collect()
}

/// Makes an invitation; returns its address and its end. With a name there is a contact at once, whose key comes later.
pub(crate) fn invite(
    tx: &Tx<'_>,
    persona: &PersonaRow,
    name: Option<&str>,
    at: &Moment,
) -> Result<(Address, Timestamp), StoreError> {
    let row = fresh_prekeys(tx, persona, at.now)?;
    let prekeys: Prekeys = unpack(&row.secret, "prekeys")?;
    let (seed, host, boxes) = InviteHost::create(prekeys.bundle(), &mut random::rng())
        .map_err(|_| StoreError::Damaged("an invitation's keys"))?;
    let contact = name
        .map(|name| {
            let new = NewContact {
                persona: persona.id,
                name,
                public: None,
                state: ContactState::Invited,
                relay: None,
            };
            tx.add_contact(&new, at.now)
        })
        .transpose()?;
    let id = tx.add_invite(&NewInvite {
        persona: persona.id,
        contact,
        state: &pack(&host)?,
        prekeys: row.id,
        relay: persona.relay,
        wanted: &all_wanted(host.wanted()),
        expires_at: row.expires_at,
    })?;
    for sealed in &boxes {
        let new = NewBox {
            persona: persona.id,
            relay: persona.relay,
            id: sealed.id,
            tag: sealed.tag,
            bytes: &sealed.bytes,
            key: None,
            place: sealed.index,
            owner: BoxFor::Invite(id),
        };
        tx.add_box(&new, at.now)?;
    }
    if let Some(contact) = contact {
        announce::contact_added(tx, contact, at.now)?;
    }
    let relay = RelayAddress { id: persona.relay, doors: doors(tx, persona.id, persona.relay)? };
    Ok((Address { persona: persona.public, relay: Some(relay), seed: Some(seed) }, row.expires_at))
}

/// The host accepts one of the guest's boxes.
pub(super) fn host_box(
    tx: &Tx<'_>,
    invite: InviteId,
    index: u64,
    bytes: &[u8; BOX_LEN],
    at: &Moment,
) -> Result<BoxOutcome, StoreError> {
    let Some(row) = tx.invite(invite)? else { return Ok(BoxOutcome::Settled) };
    let mut host: InviteHost = unpack(&row.state, "an invitation")?;
    let handshake = match host.open(index, bytes) {
        Ok(handshake) => handshake,
        Err(InviteError::Forged(_)) => return Ok(BoxOutcome::Forged),
        Err(_) => return Ok(BoxOutcome::Settled),
    };
    let Some(handshake) = handshake else {
        tx.save_invite(row.id, &pack(&host)?, &all_wanted(host.wanted()), at.active_until())?;
        return Ok(BoxOutcome::Settled);
    };
    let persona = tx.persona(row.persona)?;
    let prekeys = tx.prekeys_by_id(row.prekeys)?;
    let opened = match prekeys {
        Some(prekeys) => open(tx, &[prekeys], Some(host.seed()), &handshake, at.now)?,
        None => None,
    };
    // It is spent, whatever it brought.
    tx.delete_invite(row.id)?;
    let Some((responded, stale)) = opened else { return Ok(BoxOutcome::Settled) };
    let key = responded.peer.persona();
    if tx.is_blocked(persona.id, &key)? {
        return Ok(BoxOutcome::Settled);
    }
    let named = row.contact.map(|id| tx.contact(id)).transpose()?.flatten();
    let contact = match (tx.contact_of(persona.id, &key)?, named) {
        // Someone we know already: the name that waited is not needed.
        (Some(known), Some(named)) => {
            tx.move_messages(named.conversation, known.conversation)?;
            tx.delete_contact(named.id)?;
            known
        }
        (Some(known), None) => known,
        (None, Some(named)) => {
            tx.set_contact_key(named.id, &key)?;
            tx.contact(named.id)?.ok_or(StoreError::Damaged("a contact"))?
        }
        (None, None) => {
            let name = name_of_key(tx, persona.id, &key)?;
            let new = NewContact {
                persona: persona.id,
                name: &name,
                public: Some(key),
                state: ContactState::Active,
                relay: None,
            };
            let id = tx.add_contact(&new, at.now)?;
            tx.contact(id)?.ok_or(StoreError::Damaged("a contact"))?
        }
    };
    tx.delete_request_of(persona.id, &key)?;
    tx.set_contact_state(contact.id, ContactState::Active)?;
    announce::contact_added(tx, contact.id, at.now)?;
    join(tx, &persona, &contact, &responded, stale, at)?;
    Ok(BoxOutcome::Settled)
}

/// The guest begins to read the host's bundle.
pub(crate) fn answer_invitation(
    tx: &Tx<'_>,
    persona: &PersonaRow,
    contact: ContactId,
    seed: &InviteSeed,
    relay: RelayId,
) -> Result<(), StoreError> {
    let guest = InviteGuest::new(seed).map_err(|_| StoreError::Damaged("an invitation's keys"))?;
    tx.delete_guest(contact)?;
    tx.add_guest(contact, persona.id, &pack(&guest)?, relay, &all_wanted(guest.wanted()))
}

/// The guest accepts one of the host's boxes.
pub(super) fn guest_box(
    tx: &Tx<'_>,
    contact: ContactId,
    index: u64,
    bytes: &[u8; BOX_LEN],
    at: &Moment,
) -> Result<BoxOutcome, StoreError> {
    let Some(row) = tx.guest(contact)?.filter(|row| row.phase == GuestPhase::Asking) else {
        return Ok(BoxOutcome::Settled);
    };
    let mut guest: InviteGuest = unpack(&row.state, "an invitation")?;
    let bundle = match guest.open(index, bytes) {
        Ok(bundle) => bundle,
        Err(InviteError::Forged(_)) => return Ok(BoxOutcome::Forged),
        Err(InviteError::Bundle(_)) => return unusable(tx, contact, at).map(|()| BoxOutcome::Settled),
        Err(_) => return Ok(BoxOutcome::Settled),
    };
    let Some(bundle) = bundle else {
        tx.save_guest(contact, &pack(&guest)?, &all_wanted(guest.wanted()), GuestPhase::Asking)?;
        return Ok(BoxOutcome::Settled);
    };
    let Some(known) = tx.contact(contact)? else { return Ok(BoxOutcome::Settled) };
    // Also against a host that hands out another's bundle under its own address.
    let right =
        known.public == Some(bundle.persona()) && bundle.check_fresh(at.now, known.bundle_version).is_ok();
    if !right {
        return unusable(tx, contact, at).map(|()| BoxOutcome::Settled);
    }
    answer(tx, &known, guest, &bundle, row.relay, at)?;
    Ok(BoxOutcome::Settled)
}

/// The guest has the bundle: the handshake is put into boxes, one after the other.
fn answer(
    tx: &Tx<'_>,
    contact: &ContactRow,
    mut guest: InviteGuest,
    bundle: &Bundle,
    relay: RelayId,
    at: &Moment,
) -> Result<(), StoreError> {
    let persona = tx.persona(contact.persona)?;
    keep_bundle(tx, contact.id, bundle, at.now)?;
    let mine = fresh_prekeys(tx, &persona, at.now)?;
    let mine: Prekeys = unpack(&mine.secret, "prekeys")?;
    let seen = tx.seen(persona.id, bundle.relay().id)?;
    let greeting = greeting(None, at)?;
    let begun = start(tx, &persona, contact, &mine, bundle, Some(guest.seed()), &greeting, seen, at)?;
    let Some((session, handshake)) = begun else { return unusable(tx, contact.id, at) };
    let boxes = guest
        .answer(&handshake, &mut random::rng())
        .map_err(|_| StoreError::Damaged("an invitation's answer"))?;
    tx.add_session(
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
            deposit: None,
        },
        at.now,
    )?;
    tx.save_guest(contact.id, &pack(&guest)?, &[], GuestPhase::Answering)?;
    for sealed in &boxes {
        let new = NewBox {
            persona: persona.id,
            relay,
            id: sealed.id,
            tag: sealed.tag,
            bytes: &sealed.bytes,
            key: None,
            place: sealed.index,
            owner: BoxFor::Guest(contact.id),
        };
        tx.add_box(&new, at.now)?;
    }
    Ok(())
}

/// The relay has one more of the guest's boxes. With the last one the conversation has begun.
pub(super) fn answer_stored(tx: &Tx<'_>, contact: ContactId, at: &Moment) -> Result<(), StoreError> {
    if !tx.guest_is_done(contact)? {
        return Ok(());
    }
    let session = tx.sessions_of(contact)?.into_iter().rev().find(|row| row.initiator);
    tx.drop_guest_boxes(contact)?;
    tx.delete_guest(contact)?;
    let Some(row) = tx.contact(contact)? else { return Ok(()) };
    if let (Some(session), None) = (session, row.current) {
        tx.set_current_session(contact, Some(session.id).filter(|_| !session.stale))?;
        if session.stale {
            tx.ask_to_rejoin(contact, at.now)?;
        }
    }
    announce::contact_changed(tx, contact, Change::State, at.now)?;
    let persona = tx.persona(row.persona)?;
    super::send::seal_pending(tx, &persona, contact, at)
}

/// Someone else answered first.
pub(super) fn answer_refused(tx: &Tx<'_>, contact: ContactId, at: &Moment) -> Result<(), StoreError> {
    end(tx, contact, GuestPhase::Taken, at)
}

/// The invitation has ended, or was never the host's.
pub(super) fn unusable(tx: &Tx<'_>, contact: ContactId, at: &Moment) -> Result<(), StoreError> {
    end(tx, contact, GuestPhase::Unusable, at)
}

fn end(tx: &Tx<'_>, contact: ContactId, phase: GuestPhase, at: &Moment) -> Result<(), StoreError> {
    tx.set_guest_phase(contact, phase)?;
    tx.drop_guest_boxes(contact)?;
    let Some(row) = tx.contact(contact)? else { return Ok(()) };
    // A conversation that the other side began meanwhile continues.
    if row.current.is_none() {
        tx.delete_sessions(contact)?;
        let reason =
            if phase == GuestPhase::Taken { Reason::InvitationUsed } else { Reason::InvitationEnded };
        for message in tx.open_messages(row.conversation)? {
            announce::set_message_state(tx, message, MessageState::Failed, Some(reason), at.now)?;
        }
    }
    announce::contact_changed(tx, contact, Change::State, at.now)
}
