//! Rows that tests begin with.

use bauta_protocol::digest::set::Tag;
use bauta_protocol::id::{BoxId, Capability, InboxId, MessageId, PersonaKey, RelayId};
use bauta_protocol::limits::BOX_LEN;
use bauta_protocol::persona::PersonaSecret;
use bauta_protocol::time::Timestamp;
use bauta_protocol::timer::Timer;

use crate::random;
use crate::store::ids::RequestId;
use crate::store::memory::MemoryStore;
use crate::store::{
    BoxFor, ContactId, ContactState, MessageSeq, NewBox, NewContact, NewDeposit, NewMessage, NewRequest,
    NewSession, OutboxId, PersonaId, SessionId, StoreError, Tx, Wanted,
};

pub(super) const NOW: Timestamp = Timestamp(1_790_000_000_000);
pub(super) const RELAY: RelayId = RelayId([1; 32]);

pub(super) fn at(seconds: u64) -> Timestamp {
    Timestamp(NOW.0 + seconds * 1000)
}

pub(super) fn key() -> PersonaKey {
    PersonaSecret::generate(&mut random::rng()).public()
}

/// A store with one persona.
pub(super) fn store() -> (MemoryStore, PersonaId) {
    let mut store = MemoryStore::new();
    let persona = store.run(|tx| persona(tx, "alice"));
    (store, persona)
}

pub(super) fn persona(tx: &Tx<'_>, name: &str) -> Result<PersonaId, StoreError> {
    tx.name_relay(RELAY)?;
    let mut rng = random::rng();
    let (secret, inbox) = (PersonaSecret::generate(&mut rng), Capability::generate(&mut rng));
    tx.add_persona(name, &secret, b"", &inbox, RELAY, NOW)
}

pub(super) fn contact(tx: &Tx<'_>, persona: PersonaId, name: &str) -> Result<ContactId, StoreError> {
    let new =
        NewContact { persona, name, public: Some(key()), state: ContactState::Active, relay: Some(RELAY) };
    tx.add_contact(&new, NOW)
}

pub(super) fn message(
    tx: &Tx<'_>,
    contact: ContactId,
    outgoing: bool,
    id: u8,
) -> Result<Option<MessageSeq>, StoreError> {
    keep(tx, contact, outgoing, id, None, None)
}

/// A message with words.
pub(super) fn say(
    tx: &Tx<'_>,
    contact: ContactId,
    outgoing: bool,
    id: u8,
    text: &str,
) -> Result<MessageSeq, StoreError> {
    Ok(keep(tx, contact, outgoing, id, Some(text), None)?.unwrap())
}

/// A message with words that disappears after so many seconds.
pub(super) fn whisper(
    tx: &Tx<'_>,
    contact: ContactId,
    outgoing: bool,
    id: u8,
    text: &str,
    seconds: u32,
) -> Result<MessageSeq, StoreError> {
    Ok(keep(tx, contact, outgoing, id, Some(text), Timer::new(seconds))?.unwrap())
}

fn keep(
    tx: &Tx<'_>,
    contact: ContactId,
    outgoing: bool,
    id: u8,
    text: Option<&str>,
    timer: Option<Timer>,
) -> Result<Option<MessageSeq>, StoreError> {
    let contact = tx.contact(contact)?.unwrap();
    let content = text.map_or_else(|| vec![id], |text| text.as_bytes().to_vec());
    let new = NewMessage {
        persona: contact.persona,
        conversation: contact.conversation,
        outgoing,
        id: MessageId([id; 16]),
        kind: 1,
        content: &content,
        text,
        sent_at: NOW,
        timer,
    };
    tx.add_message(&new, NOW)
}

pub(super) fn session(tx: &Tx<'_>, contact: ContactId, deposit: bool) -> Result<SessionId, StoreError> {
    let persona = tx.contact(contact)?.unwrap().persona;
    let handshake = [7; bauta_protocol::handshake::HANDSHAKE_LEN];
    let new = NewSession {
        contact,
        persona,
        relay: RELAY,
        own_relay: RELAY,
        state: b"state",
        wanted: &[Wanted { index: 0, id: BoxId([9; 32]), tag: Tag([5; 8]) }],
        stale: false,
        initiator: true,
        ack_due_at: Some(at(10)),
        deposit: deposit.then_some(NewDeposit {
            handshake: &handshake,
            inbox: InboxId([8; 32]),
            at: NOW,
            until: at(100),
        }),
    };
    tx.add_session(&new, NOW)
}

/// A box of a session at a place in its lane.
pub(super) fn sealed(
    tx: &Tx<'_>,
    session: SessionId,
    message: Option<MessageSeq>,
    place: u64,
) -> Result<OutboxId, StoreError> {
    let persona = tx.session(session)?.unwrap().persona;
    put(tx, persona, place, BoxFor::Session { session, message })
}

pub(super) fn put(
    tx: &Tx<'_>,
    persona: PersonaId,
    place: u64,
    owner: BoxFor,
) -> Result<OutboxId, StoreError> {
    let mut id = [0; 32];
    random::fill(&mut id);
    let new = NewBox {
        persona,
        relay: RELAY,
        id: BoxId(id),
        tag: Tag([5; 8]),
        bytes: &[0; BOX_LEN],
        key: None,
        place,
        owner,
    };
    tx.add_box(&new, NOW)
}

pub(super) fn request(tx: &Tx<'_>, persona: PersonaId, handle: &str) -> Result<RequestId, StoreError> {
    let new = NewRequest {
        handle,
        persona,
        public: key(),
        content: b"hello",
        session: b"state",
        stale: false,
        bundle: b"bundle",
        work: 0,
    };
    tx.keep_request(&new, NOW)
}
