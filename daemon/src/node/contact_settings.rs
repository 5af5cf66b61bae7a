//! Contacts: renamed, muted, unblocked; how long messages with them stay; and who is blocked.

use async_trait::async_trait;
use bauta_ipc::limits::{MAX_PAGE, MAX_TIMER, MIN_TIMER};
use bauta_ipc::{
    Blocked, BlockedKey, BlockedList, Contact, ContactRef, ContactSettingsApi, ListOf, MuteContact,
    RenameContact, RpcError, SetDisappearing, codes, page,
};
use bauta_protocol::id::PersonaKey;
use bauta_protocol::time::Timestamp;
use bauta_protocol::timer::Timer;

use super::contact::name_is_free;
use super::message::can_write;
use super::moved::refuse_if;
use super::{Node, names, view};
use crate::engine::{self, announce};
use crate::store::{Change, ContactState, StoreError};

#[async_trait]
impl ContactSettingsApi for Node {
    async fn contact_rename(&self, params: RenameContact) -> Result<Contact, RpcError> {
        let now = self.shared.time.now();
        let renamed = self.shared.store.run(move |tx| {
            let persona = names::persona(tx, params.persona.as_deref())?;
            let row = names::contact(tx, &persona, &params.contact)?;
            let name = names::check_name(&params.name)?;
            if name != row.name {
                name_is_free(tx, &persona, name)?;
                tx.rename_contact(row.id, name)?;
                announce::contact_changed(tx, row.id, Change::Settings, now)?;
            }
            let row = tx.contact(row.id)?.ok_or(StoreError::Damaged("a contact"))?;
            Ok::<_, RpcError>(view::contact_of(tx, &persona, &row)?)
        });
        renamed.await
    }

    async fn contact_mute(&self, params: MuteContact) -> Result<Contact, RpcError> {
        let now = self.shared.time.now();
        let muted = self.shared.store.run(move |tx| {
            let persona = names::persona(tx, params.persona.as_deref())?;
            let mut row = names::contact(tx, &persona, &params.contact)?;
            if row.muted != params.muted {
                tx.mute_contact(row.id, params.muted)?;
                announce::contact_changed(tx, row.id, Change::Settings, now)?;
                row.muted = params.muted;
            }
            Ok::<_, RpcError>(view::contact_of(tx, &persona, &row)?)
        });
        muted.await
    }

    async fn contact_disappear(&self, params: SetDisappearing) -> Result<Contact, RpcError> {
        let timer = match params.after {
            0 => None,
            seconds => Some(Timer::new(seconds).ok_or_else(|| out_of_bounds(seconds))?),
        };
        let (at, moved) = (self.shared.moment(), self.moved());
        let set = self.shared.store.run(move |tx| {
            refuse_if(&moved)?;
            let persona = names::sender(tx, params.persona.as_deref())?;
            let row = names::contact(tx, &persona, &params.contact)?;
            if row.state == ContactState::Blocked {
                return Err(RpcError::new(&codes::CONTACT_BLOCKED, "The contact is blocked."));
            }
            let agreement = tx.agreement(row.conversation)?;
            // Who has not said anything yet may have a version that did not understand; it may be a later one by now.
            let unheard = timer.is_some() && agreement.told && agreement.theirs.at == Timestamp(0);
            if agreement.own.timer != timer || unheard {
                can_write(tx, &row)?;
                engine::wish(tx, &persona, &row, timer, &at)?;
            }
            Ok((persona.id, view::contact_of(tx, &persona, &row)?))
        });
        let (persona, contact) = set.await?;
        self.wake(persona);
        Ok(contact)
    }

    async fn contact_unblock(&self, params: ContactRef) -> Result<Blocked, RpcError> {
        let at = self.shared.moment();
        let unblocked = self.shared.store.run(move |tx| {
            let persona = names::sender(tx, params.persona.as_deref())?;
            let unknown = || names::unknown_contact(&params.contact);
            let known = names::contact(tx, &persona, &params.contact).ok();
            let key =
                known.as_ref().and_then(|row| row.public).or_else(|| names::persona_key(&params.contact));
            let key = key.ok_or_else(unknown)?;
            if !tx.unblock_key(persona.id, &key)? {
                return Err(unknown());
            }
            if let Some(row) = known.filter(|row| row.state == ContactState::Blocked) {
                // The old sessions are gone: keys are exchanged anew, as with somebody whose address was just added.
                tx.set_contact_state(row.id, ContactState::Pending)?;
                tx.ask_to_rejoin(row.id, engine::first_contact_at(&at))?;
                announce::contact_changed(tx, row.id, Change::Blocked, at.now)?;
            }
            Ok(Blocked { public_key: Some(key.to_string()) })
        });
        unblocked.await
    }

    async fn contact_blocked(&self, params: ListOf) -> Result<BlockedList, RpcError> {
        let list = self.shared.store.run(move |tx| {
            let persona = names::persona(tx, params.persona.as_deref())?;
            let after = names::place(params.after.as_deref(), |after| after.parse::<PersonaKey>().ok())?;
            let rows = tx.blocked_keys(persona.id, after.as_ref(), MAX_PAGE.saturating_add(1))?;
            let (blocked, last) = page(&rows, MAX_PAGE, |(key, since)| {
                let contact = tx.contact_of(persona.id, key)?;
                Ok::<_, StoreError>(BlockedKey {
                    public_key: key.to_string(),
                    name: contact.map(|contact| contact.name),
                    since: view::utc(*since),
                })
            })?;
            Ok::<_, RpcError>(BlockedList { blocked, next: last.map(|(key, _)| key.to_string()) })
        });
        list.await
    }
}

fn out_of_bounds(seconds: u32) -> RpcError {
    let message =
        format!("Messages disappear after {MIN_TIMER} to {MAX_TIMER} seconds, and not after {seconds}.");
    RpcError::new(&codes::REQUEST_PARAMS, message)
}
