//! What the API shows of rows in the store.

use bauta_ipc::{
    Contact, Direction, EventBody, HistoryEntry, MessageState as ApiMessageState, ReceivedMessage, Request,
    RpcError, Utc, codes,
};
use bauta_protocol::time::Timestamp;
use bauta_sphinx_client::{ConnectPhase, Phase, State};

use crate::store::{
    ContactId, ContactRow, ContactState, GuestPhase, MessageRow, MessageSeq, MessageState, PersonaRow,
    RequestRow, StoreError, Tx,
};

/// So many failed attempts to get a contact's bundle are shown as a problem.
pub(crate) const ATTEMPTS_SHOWN: u32 = 4;

pub(crate) fn utc(at: Timestamp) -> Utc {
    Utc::from_millis(at.0)
}

pub(crate) fn contact(tx: &Tx<'_>, row: &ContactRow) -> Result<Contact, StoreError> {
    let persona = tx.persona(row.persona)?;
    contact_of(tx, &persona, row)
}

pub(crate) fn contact_of(tx: &Tx<'_>, persona: &PersonaRow, row: &ContactRow) -> Result<Contact, StoreError> {
    Ok(Contact {
        persona: persona.name.clone(),
        name: row.name.clone(),
        public_key: row.public.map(|key| key.to_string()),
        state: match row.state {
            ContactState::Invited => bauta_ipc::ContactState::Invited,
            ContactState::Pending => bauta_ipc::ContactState::Pending,
            ContactState::Active => bauta_ipc::ContactState::Active,
            ContactState::Blocked => bauta_ipc::ContactState::Blocked,
        },
        verified: row.verified,
        added_at: utc(row.added_at),
        last_message_at: row.last_message_at.map(utc),
        problem: problem(tx, row)?,
    })
}

/// What stands in a contact's way.
pub(crate) fn problem(tx: &Tx<'_>, row: &ContactRow) -> Result<Option<RpcError>, StoreError> {
    let guest = tx.guest(row.id)?.map(|guest| guest.phase);
    Ok(match guest {
        Some(GuestPhase::Taken) => Some(invitation_used()),
        Some(GuestPhase::Unusable) => Some(invitation_ended()),
        _ if row.state == ContactState::Blocked => None,
        _ if row.identity_changed => Some(RpcError::new(
            &codes::CONTACT_CHANGED,
            "The contact's long-term session key is another one than before.",
        )),
        _ if keyless(row).is_some() => keyless(row),
        _ if row.current.is_none() && row.attempts >= ATTEMPTS_SHOWN => Some(RpcError::new(
            &codes::CONTACT_UNREACHABLE,
            "No relay known here has current keys of this contact.",
        )),
        _ => None,
    })
}

/// Why messages do not reach a contact of whom only the persona key is known, when relays were asked for more in vain.
pub(crate) fn keyless(row: &ContactRow) -> Option<RpcError> {
    let bare = row.current.is_none() && row.bundle.is_none() && row.relay.is_none() && row.public.is_some();
    (bare && row.state == ContactState::Pending && row.attempts >= ATTEMPTS_SHOWN).then(|| {
        let message = "They seem to have Mask only: posts reach them, messages do not.";
        RpcError::new(&codes::CONTACT_UNREACHABLE, message)
            .hint("No relay known here has keys of this contact: ask for a Bauta address, or: bauta post encrypt --to NAME")
    })
}

pub(crate) fn invitation_used() -> RpcError {
    RpcError::new(&codes::INVITATION_USED, "This invitation was used already, by someone else.")
}

pub(crate) fn invitation_ended() -> RpcError {
    RpcError::new(&codes::INVITATION_EXPIRED, "This invitation has ended, or its keys are not the sender's.")
}

pub(crate) fn message_state(state: MessageState) -> ApiMessageState {
    match state {
        MessageState::Queued => ApiMessageState::Queued,
        MessageState::Stored => ApiMessageState::Stored,
        MessageState::Delivered => ApiMessageState::Delivered,
        MessageState::Failed => ApiMessageState::Failed,
    }
}

pub(crate) fn received(persona: &str, from: &str, row: MessageRow) -> ReceivedMessage {
    ReceivedMessage {
        id: row.id.to_string(),
        persona: persona.to_owned(),
        from: from.to_owned(),
        text: row.text,
        sent_at: utc(row.sent_at),
        received_at: utc(row.at),
    }
}

pub(crate) fn history(row: MessageRow) -> HistoryEntry {
    HistoryEntry {
        id: row.id.to_string(),
        direction: if row.outgoing { Direction::Out } else { Direction::In },
        text: row.text,
        at: utc(row.at),
        state: row.state.map(message_state),
        stored_at: row.stored_at.map(utc),
        delivered_at: row.delivered_at.map(utc),
        error: row.error.as_deref().and_then(reason),
    }
}

/// Why a message failed, as it was stored.
pub(crate) fn reason(json: &str) -> Option<RpcError> {
    serde_json::from_str(json).ok()
}

pub(crate) fn request(persona: &str, row: &RequestRow) -> Request {
    Request {
        id: row.handle.clone(),
        persona: persona.to_owned(),
        public_key: row.public.to_string(),
        text: row.text.clone(),
        received_at: utc(row.received_at),
    }
}

/// Moves an own message on and tells of it, unless it was as far already.
pub(crate) fn move_message(
    tx: &Tx<'_>,
    seq: MessageSeq,
    state: MessageState,
    error: Option<&RpcError>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let json =
        error.map(serde_json::to_string).transpose().map_err(|_| StoreError::Damaged("a message's error"))?;
    if !tx.set_message_state(seq, state, json.as_deref(), now)? {
        return Ok(());
    }
    let Some(message) = tx.message(seq)? else { return Ok(()) };
    let Some(contact) = tx.contact_in(message.conversation)? else { return Ok(()) };
    let persona = tx.persona(message.persona)?;
    let body = EventBody::MessageState {
        id: message.id.to_string(),
        persona: persona.name,
        contact: contact.name,
        state: message_state(state),
        error: error.cloned(),
    };
    tx.emit(&body, now)
}

/// Tells that a contact changed.
pub(crate) fn contact_changed(
    tx: &Tx<'_>,
    id: ContactId,
    change: bauta_ipc::ContactChange,
    now: Timestamp,
) -> Result<(), StoreError> {
    let Some(row) = tx.contact(id)? else { return Ok(()) };
    tx.emit(&EventBody::ContactChanged { contact: contact(tx, &row)?, change }, now)
}

/// Tells that there is a contact.
pub(crate) fn contact_added(tx: &Tx<'_>, id: ContactId, now: Timestamp) -> Result<(), StoreError> {
    let Some(row) = tx.contact(id)? else { return Ok(()) };
    tx.emit(&EventBody::ContactAdded { contact: contact(tx, &row)? }, now)
}

/// How a connection stands, and what is happening, in a few words.
pub(crate) fn connection(state: &State) -> (bauta_ipc::State, Option<String>) {
    let (shown, phase) = match state.phase {
        Phase::Off => (bauta_ipc::State::Off, None),
        Phase::Connecting(ConnectPhase::Waiting) => {
            (bauta_ipc::State::Connecting, Some("waiting a random moment"))
        }
        Phase::Connecting(ConnectPhase::ChoosingGateway) => {
            (bauta_ipc::State::Connecting, Some("choosing a gateway"))
        }
        Phase::Connecting(ConnectPhase::Registering) => {
            (bauta_ipc::State::Connecting, Some("registering with the gateway"))
        }
        Phase::Connecting(ConnectPhase::FirstExchange) => {
            (bauta_ipc::State::Connecting, Some("waiting for the first answer of a relay"))
        }
        Phase::Ready => (bauta_ipc::State::Ready, None),
        Phase::Degraded => (bauta_ipc::State::Degraded, Some("no relay has answered for a minute")),
        Phase::Lost => (bauta_ipc::State::Lost, Some("looking for a gateway")),
    };
    (shown, phase.map(str::to_owned))
}
