//! Messages, conversations, contacts, requests and personas: deleted.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bauta_ipc::{
    BlockContact, ContactRef, Empty, ForgetApi, KeepMessages, KeptMessages, MessageRef, PersonaRef, RpcError,
};

use super::contact::find_request;
use super::message::{self, message_id};
use super::{Node, config, names, purge};
use crate::engine::{self, Actor, Moment, Nameless, Shared, announce};
use crate::store::{Change, ConversationId, Happened, PersonaId, StoreError, Tx};

/// Messages that are deleted in one transaction.
pub(super) const STEP: u32 = 50;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

#[async_trait]
impl ForgetApi for Node {
    async fn message_delete(&self, params: MessageRef) -> Result<Empty, RpcError> {
        let (id, now) = (message_id(&params.id)?, self.shared.time.now());
        let deleted = self.shared.store.run(move |tx| {
            let persona = names::persona(tx, params.persona.as_deref())?;
            let contact = names::contact(tx, &persona, &params.contact)?;
            let messages = tx.messages_of_id(contact.conversation, id)?;
            if messages.is_empty() {
                return Err(message::unknown());
            }
            for message in messages {
                tx.erase_message(message)?;
            }
            tx.note_last_activity(contact.conversation)?;
            announce::contact_changed(tx, contact.id, Change::Messages, now)?;
            Ok(Empty {})
        });
        let deleted = deleted.await?;
        purge(&self.shared).await?;
        Ok(deleted)
    }

    async fn conversation_delete(&self, params: ContactRef) -> Result<Empty, RpcError> {
        let now = self.shared.time.now();
        let found = self.shared.store.run(move |tx| {
            let persona = names::persona(tx, params.persona.as_deref())?;
            names::contact(tx, &persona, &params.contact)
        });
        let contact = found.await?;
        self.empty_conversation(contact.conversation).await?;
        let told = self.shared.store.run(move |tx| -> Result<(), StoreError> {
            announce::contact_changed(tx, contact.id, Change::Messages, now)
        });
        told.await?;
        purge(&self.shared).await?;
        Ok(Empty {})
    }

    async fn contact_delete(&self, params: BlockContact) -> Result<Empty, RpcError> {
        let now = self.shared.time.now();
        let found = self.shared.store.run(move |tx| {
            if let Some(request) = find_request(tx, params.persona.as_deref(), &params.contact)? {
                tx.delete_request_of(request.persona, &request.public)?;
                return Ok(None);
            }
            let persona = names::persona(tx, params.persona.as_deref())?;
            names::contact(tx, &persona, &params.contact).map(Some)
        });
        let Some(contact) = found.await? else { return Ok(Empty {}) };
        self.empty_conversation(contact.conversation).await?;
        let deleted = self.shared.store.run(move |tx| -> Result<(), StoreError> {
            engine::forget_held(tx, &contact, now)?;
            // What came meanwhile goes with it.
            tx.delete_contact(contact.id)?;
            tx.emit(Happened::ContactDeleted(contact.persona), now)
        });
        deleted.await?;
        purge(&self.shared).await?;
        Ok(Empty {})
    }

    async fn message_keep(&self, params: KeepMessages) -> Result<KeptMessages, RpcError> {
        let days = self.shared.store.run(move |tx| {
            if let Some(days) = params.days {
                let days = if days > 0 { days.to_string() } else { String::new() };
                tx.set_meta(config::HISTORY_DAYS, days.as_bytes())?;
            }
            Ok::<_, RpcError>(config::kept::<u32>(tx, config::HISTORY_DAYS)?.unwrap_or_default().pop())
        });
        Ok(KeptMessages { days: days.await? })
    }

    async fn persona_delete(&self, params: PersonaRef) -> Result<Empty, RpcError> {
        let found = self.shared.store.run(move |tx| names::persona(tx, Some(&params.persona)));
        let persona = found.await?;
        // Before anything else: the name may be given to another persona.
        self.pairing_desk().revoke_limited_to(&persona.name).await?;
        let actor = self.actors().personas.remove(&persona.id);
        let was_running = actor.as_ref().is_some_and(|actor| !actor.has_ended());
        if let Some(actor) = actor {
            actor.end().await;
        }
        if let Some(outside) = &self.outside {
            outside.guns().forget(persona.id).await;
        }
        let emptied = self.empty_persona(persona.id).await;
        let mut actors = self.actors();
        match &emptied {
            _ if self.moved.load(Ordering::Relaxed) => {}
            Ok(()) if actors.personas.is_empty() => {
                actors.nameless = Some(Nameless::start(Arc::clone(&self.shared)));
            }
            Ok(()) => {}
            Err(_) if was_running => {
                let actor = Actor::start(Arc::clone(&self.shared), persona.id, false);
                actors.personas.insert(persona.id, actor);
            }
            Err(_) => {}
        }
        drop(actors);
        emptied?;
        let mut answered = self.shared.answered.lock().unwrap_or_else(PoisonError::into_inner);
        answered.retain(|(of, _), _| *of != Some(persona.id));
        Ok(Empty {})
    }
}

/// Deletes what is older than the setting lets it be, step by step. Nothing ends by its age while the clock is in doubt.
pub(super) async fn end_old_messages(shared: &Shared, at: Moment) -> Result<(), StoreError> {
    while at.trusted && shared.store.run(move |tx| end_some(tx, &at)).await? {}
    // Also what was deleted while nobody waited for it, or by a call that was cut off.
    purge(shared).await
}

fn end_some(tx: &Tx<'_>, at: &Moment) -> Result<bool, StoreError> {
    let days = config::kept::<u32>(tx, config::HISTORY_DAYS)?.unwrap_or_default().pop();
    let Some(days) = days else { return Ok(false) };
    let conversations = tx.erase_old(at.now.minus(DAY * days), STEP)?;
    announce_erased(tx, &conversations, at)
}

/// Messages of these conversations were deleted; whether there are some.
pub(super) fn announce_erased(
    tx: &Tx<'_>,
    conversations: &BTreeSet<ConversationId>,
    at: &Moment,
) -> Result<bool, StoreError> {
    for conversation in conversations {
        if let Some(contact) = tx.contact_in(*conversation)? {
            announce::contact_changed(tx, contact.id, Change::Messages, at.now)?;
        }
    }
    Ok(!conversations.is_empty())
}

impl Node {
    /// Deletes the messages of a conversation, step by step: others have their turn in between. One that ends half-way
    /// has deleted the oldest, and can be begun again.
    pub(super) async fn empty_conversation(&self, conversation: ConversationId) -> Result<(), StoreError> {
        while self.shared.store.run(move |tx| tx.erase_some(conversation, STEP)).await? {}
        Ok(())
    }

    async fn empty_persona(&self, persona: PersonaId) -> Result<(), StoreError> {
        while let Some(conversation) =
            self.shared.store.run(move |tx| tx.filled_conversation(persona)).await?
        {
            self.empty_conversation(conversation).await?;
        }
        self.shared.store.run(move |tx| tx.delete_persona(persona)).await?;
        purge(&self.shared).await
    }
}
