//! Contacts: added, listed, invited, accepted, blocked, compared.

use std::time::Duration;

use async_trait::async_trait;
use bauta_ipc::limits::MAX_PAGE;
use bauta_ipc::{
    AcceptRequest, AddContact, BlockContact, Blocked, Contact, ContactApi, ContactList, ContactRef,
    CreateInvitation, Invitation, ListOf, RequestList, RpcError, SafetyNumber as ShownNumber, VerifyContact,
    codes, page,
};
use bauta_protocol::address::Address;
use bauta_protocol::bundle::IdentitySecret;
use bauta_protocol::id::{IdentityKey, PersonaKey};
use bauta_protocol::profile_text::{Found, find_personas};
use bauta_protocol::safety_number::SafetyNumber;
use bauta_protocol::time::Timestamp;
use data_encoding::HEXLOWER;
use tokio::time::Instant;

use super::{Node, names, profile, purge, view};
use crate::engine::{self, Moment, announce};
use crate::posts;
use crate::store::{
    Change, ContactId, ContactPlace, ContactRow, ContactState, GuestPhase, MessageState, NewContact,
    PersonaRow, ProfileSource, Reason, RequestId, RequestRow, StoreError, Tx,
};

/// How long `contact.add` waits to see whether an invitation is still free, while the persona is connected. Later
/// verdicts come as events, and as the contact's problem.
const INVITATION_VERDICT: Duration = Duration::from_secs(10);

#[async_trait]
impl ContactApi for Node {
    async fn contact_add(&self, params: AddContact) -> Result<Contact, RpcError> {
        let at = self.shared.moment();
        let (persona, id, invited) = self
            .shared
            .store
            .run(move |tx| {
                let persona = names::sender(tx, params.persona.as_deref())?;
                let name = names::check_name(&params.name)?;
                let Found { address, profile: named } = who(&params.address)?;
                let id = add(tx, &persona, name, &address, &at)?;
                if let Some(named) = named {
                    let source = ProfileSource::Text;
                    // One that is known with another key stops everything.
                    if let Some(other) = posts::learn(tx, &named, address.persona, source, at.now)? {
                        return Err(profile::changed(&other));
                    }
                }
                Ok::<_, RpcError>((persona.id, id, address.seed.is_some()))
            })
            .await?;
        self.wake(persona);
        if invited && self.persona_connection(persona).0 == bauta_ipc::ConnectionState::Ready {
            self.invitation_verdict(id).await?;
        }
        self.contact_by_id(id).await
    }

    async fn contact_list(&self, params: ListOf) -> Result<ContactList, RpcError> {
        let list = self.shared.store.run(move |tx| {
            let persona = names::persona(tx, params.persona.as_deref())?;
            let after = names::place(params.after.as_deref(), contact_place)?;
            let rows = tx.contacts(persona.id, after, MAX_PAGE.saturating_add(1))?;
            let (contacts, last) = page(&rows, MAX_PAGE, |row| view::contact_of(tx, &persona, row))?;
            Ok::<_, RpcError>(ContactList { contacts, next: last.map(place_after) })
        });
        list.await
    }

    async fn contact_show(&self, params: ContactRef) -> Result<Contact, RpcError> {
        let shown = self.shared.store.run(move |tx| {
            let persona = names::persona(tx, params.persona.as_deref())?;
            let row = names::contact(tx, &persona, &params.contact)?;
            Ok::<_, RpcError>(view::contact_of(tx, &persona, &row)?)
        });
        shown.await
    }

    async fn contact_invite(&self, params: CreateInvitation) -> Result<Invitation, RpcError> {
        let at = self.shared.moment();
        let (persona, invitation) = self
            .shared
            .store
            .run(move |tx| {
                let persona = names::sender(tx, params.persona.as_deref())?;
                let name = params.name.as_deref().map(names::check_name).transpose()?;
                if let Some(name) = name {
                    name_is_free(tx, &persona, name)?;
                }
                let (address, end) = engine::invite(tx, &persona, name, &at)?;
                let invitation = Invitation { address: address.to_string(), expires_at: view::utc(end) };
                Ok::<_, RpcError>((persona.id, invitation))
            })
            .await?;
        self.wake(persona);
        Ok(invitation)
    }

    async fn contact_requests(&self, params: ListOf) -> Result<RequestList, RpcError> {
        let list = self.shared.store.run(move |tx| {
            let persona = names::persona(tx, params.persona.as_deref())?;
            // Told in the status until then.
            tx.forget_lost_requests(persona.id)?;
            let after = names::place(params.after.as_deref(), |after| after.parse().ok())?.unwrap_or(0);
            let after = RequestId::from_cursor(after);
            let rows = tx.requests_after(persona.id, after, MAX_PAGE.saturating_add(1))?;
            let show = |row| Ok::<_, RpcError>(view::request(&persona.name, row));
            let (requests, last) = page(&rows, MAX_PAGE, show)?;
            let next = last.map(|row| row.id.cursor().to_string());
            Ok::<_, RpcError>(RequestList { requests, next })
        });
        list.await
    }

    async fn contact_accept(&self, params: AcceptRequest) -> Result<Contact, RpcError> {
        let at = self.shared.moment();
        let accepted = self.shared.store.run(move |tx| {
            let request = find_request(tx, params.persona.as_deref(), &params.id)?
                .ok_or_else(|| RpcError::new(&codes::CONTACT_REQUEST, "There is no request with that id."))?;
            let persona = tx.persona(request.persona)?;
            names::refuse_elsewhere(tx, &persona)?;
            let name = names::check_name(&params.name)?;
            name_is_free(tx, &persona, name)?;
            let contact = engine::accept(tx, &persona, &request, name, &at)?;
            let row = tx.contact(contact)?.ok_or(StoreError::Damaged("a contact"))?;
            Ok::<_, RpcError>(view::contact_of(tx, &persona, &row)?)
        });
        accepted.await
    }

    async fn contact_block(&self, params: BlockContact) -> Result<Blocked, RpcError> {
        let at = self.shared.moment();
        let blocked = self.shared.store.run(move |tx| {
            if let Some(request) = find_request(tx, params.persona.as_deref(), &params.contact)? {
                tx.block_key(request.persona, &request.public, at.now)?;
                tx.delete_request_of(request.persona, &request.public)?;
                return Ok(Blocked { public_key: Some(request.public.to_string()) });
            }
            let persona = names::persona(tx, params.persona.as_deref())?;
            match names::contact(tx, &persona, &params.contact) {
                Ok(row) => block(tx, &persona, &row, &at),
                // A key may be blocked before it ever writes.
                Err(error) => match params.contact.parse::<PersonaKey>() {
                    Ok(key) => {
                        tx.block_key(persona.id, &key, at.now)?;
                        tx.delete_request_of(persona.id, &key)?;
                        Ok(Blocked { public_key: Some(key.to_string()) })
                    }
                    Err(_) => Err(error),
                },
            }
        });
        let blocked = blocked.await?;
        // With an invitation that nobody answered goes what waited for it.
        purge(&self.shared).await?;
        Ok(blocked)
    }

    async fn contact_verify(&self, params: VerifyContact) -> Result<ShownNumber, RpcError> {
        let now = self.shared.time.now();
        let number = self.shared.store.run(move |tx| {
            let persona = names::persona(tx, params.persona.as_deref())?;
            let row = names::contact(tx, &persona, &params.contact)?;
            let (Some(key), Some(identity)) = (row.public, row.identity) else {
                return Err(RpcError::new(
                    &codes::CONTACT_PENDING,
                    "The contact's keys are not known yet, so there is no safety number.",
                ));
            };
            if let Some(mark) = params.mark
                && mark != row.verified
            {
                tx.set_contact_verified(row.id, mark)?;
                announce::contact_changed(tx, row.id, Change::Verified, now)?;
            }
            let mine: IdentitySecret = engine::unpack(&persona.identity, "a persona's session key")?;
            let number = SafetyNumber::new(&(persona.public, mine.public()), &(key, IdentityKey(identity)));
            Ok(ShownNumber {
                contact: row.name,
                digits: number.to_string(),
                qr: HEXLOWER.encode(&number.to_qr()),
                verified: params.mark.unwrap_or(row.verified),
            })
        });
        number.await
    }
}

impl Node {
    /// Waits a while for the answer to an invitation to be stored or refused. A refused one leaves no contact.
    async fn invitation_verdict(&self, contact: ContactId) -> Result<(), RpcError> {
        let mut events = self.shared.store.events();
        let deadline = Instant::now() + INVITATION_VERDICT;
        loop {
            events.borrow_and_update();
            let phase = self
                .shared
                .store
                .run(move |tx| -> Result<_, StoreError> {
                    let phase = tx.guest(contact)?.map(|guest| guest.phase);
                    if matches!(phase, Some(GuestPhase::Taken | GuestPhase::Unusable)) {
                        tx.delete_contact(contact)?;
                    }
                    Ok(phase)
                })
                .await?;
            match phase {
                None => return Ok(()),
                Some(GuestPhase::Taken) => return Err(view::reason(Reason::InvitationUsed)),
                Some(GuestPhase::Unusable) => return Err(view::reason(Reason::InvitationEnded)),
                Some(GuestPhase::Asking | GuestPhase::Answering) => {}
            }
            if !matches!(tokio::time::timeout_at(deadline, events.changed()).await, Ok(Ok(()))) {
                return Ok(());
            }
        }
    }

    async fn contact_by_id(&self, id: ContactId) -> Result<Contact, RpcError> {
        let shown = self.shared.store.run(move |tx| match tx.contact(id)? {
            Some(row) => Ok(view::contact(tx, &row)?),
            None => Err(RpcError::new(&codes::CONTACT_UNKNOWN, "The contact is gone.")),
        });
        shown.await
    }
}

/// The place of a contact in the list, for the page after it.
pub(super) fn place_after(row: &ContactRow) -> String {
    let ContactPlace { active_at, contact } = row.place();
    format!("{}-{}", active_at.0, contact.cursor())
}

pub(super) fn contact_place(after: &str) -> Option<ContactPlace> {
    let (active_at, contact) = after.split_once('-')?;
    let active_at = Timestamp(active_at.parse().ok()?);
    Some(ContactPlace { active_at, contact: ContactId::from_cursor(contact.parse().ok()?) })
}

pub(super) fn name_is_free(tx: &Tx<'_>, persona: &PersonaRow, name: &str) -> Result<(), RpcError> {
    match tx.contact_named(persona.id, name)? {
        None => Ok(()),
        Some(_) => Err(exists(&format!("There is a contact called \"{name}\" already."))),
    }
}

fn exists(message: &str) -> RpcError {
    RpcError::new(&codes::CONTACT_EXISTS, message)
}

/// Whom an address, or a text that holds one, names.
fn who(text: &str) -> Result<Found, RpcError> {
    let refused = match text.parse::<Address>() {
        Ok(address) => return Ok(Found { address, profile: None }),
        Err(error) => error,
    };
    let mut found = find_personas(text);
    match (found.pop(), found.is_empty()) {
        (Some(only), true) => Ok(only),
        (Some(_), false) => {
            let message = "The text names several personas.";
            Err(RpcError::new(&codes::CONTACT_ADDRESS, message)
                .hint("Give only the address or key of the one you mean."))
        }
        // Someone who pasted an address wants to know what is wrong with it; a longer text is not one.
        (None, _) if text.trim().contains(char::is_whitespace) => {
            Err(RpcError::new(&codes::CONTACT_ADDRESS, "The text holds no address and no persona key."))
        }
        (None, _) => Err(RpcError::of(&codes::CONTACT_ADDRESS, &refused)),
    }
}

fn add(
    tx: &Tx<'_>,
    persona: &PersonaRow,
    name: &str,
    address: &Address,
    at: &Moment,
) -> Result<ContactId, RpcError> {
    if address.persona == persona.public {
        return Err(RpcError::new(&codes::CONTACT_SELF, "This is the persona's own address."));
    }
    if tx.is_blocked(persona.id, &address.persona)? {
        return Err(RpcError::new(&codes::CONTACT_BLOCKED, "This persona key is blocked."));
    }
    if let Some(relay) = &address.relay {
        tx.learn_relay(persona.id, relay.id, &relay.doors)?;
    }
    if let Some(known) = tx.contact_of(persona.id, &address.persona)? {
        return add_again(tx, persona, &known, address);
    }
    name_is_free(tx, persona, name)?;
    // Whoever wrote already is accepted, in whatever way they are named.
    if let Some(request) = tx.request_from(persona.id, &address.persona)? {
        return Ok(engine::accept(tx, persona, &request, name, at)?);
    }
    let new = NewContact {
        persona: persona.id,
        name,
        public: Some(address.persona),
        state: ContactState::Pending,
        relay: address.relay.as_ref().map(|relay| relay.id),
    };
    let contact = tx.add_contact(&new, at.now)?;
    if let (Some(seed), Some(relay)) = (&address.seed, &address.relay) {
        engine::answer_invitation(tx, persona, contact, seed, relay.id)?;
    }
    if address.seed.is_none() {
        tx.set_contact_attempt(contact, engine::first_contact_at(at), 0)?;
    }
    announce::contact_added(tx, contact, at.now)?;
    Ok(contact)
}

/// A new invitation for someone whose last one could not be used.
fn add_again(
    tx: &Tx<'_>,
    persona: &PersonaRow,
    known: &ContactRow,
    address: &Address,
) -> Result<ContactId, RpcError> {
    let spent = tx
        .guest(known.id)?
        .is_some_and(|guest| matches!(guest.phase, GuestPhase::Taken | GuestPhase::Unusable));
    match (&address.seed, &address.relay) {
        (Some(seed), Some(relay)) if spent => {
            engine::answer_invitation(tx, persona, known.id, seed, relay.id)?;
            Ok(known.id)
        }
        (None, _) if spent => {
            tx.delete_guest(known.id)?;
            Ok(known.id)
        }
        _ => Err(exists(&format!("This persona key is the contact \"{}\" already.", known.name))),
    }
}

pub(super) fn find_request(
    tx: &Tx<'_>,
    persona: Option<&str>,
    handle: &str,
) -> Result<Option<RequestRow>, RpcError> {
    let Some(request) = tx.request(handle)? else { return Ok(None) };
    match persona {
        Some(name) if names::persona(tx, Some(name))?.id != request.persona => Ok(None),
        _ => Ok(Some(request)),
    }
}

fn block(tx: &Tx<'_>, persona: &PersonaRow, row: &ContactRow, at: &Moment) -> Result<Blocked, RpcError> {
    let Some(key) = row.public else {
        // With the contact go its invitation and what waited for it.
        tx.delete_contact(row.id)?;
        return Ok(Blocked { public_key: None });
    };
    tx.block_key(persona.id, &key, at.now)?;
    tx.delete_request_of(persona.id, &key)?;
    tx.set_contact_state(row.id, ContactState::Blocked)?;
    tx.delete_guest(row.id)?;
    tx.delete_sessions(row.id)?;
    let reason = Some(Reason::ContactBlocked);
    for message in tx.open_messages(row.conversation)? {
        announce::set_message_state(tx, message, MessageState::Failed, reason, at.now)?;
    }
    announce::contact_changed(tx, row.id, Change::Blocked, at.now)?;
    Ok(Blocked { public_key: Some(key.to_string()) })
}
