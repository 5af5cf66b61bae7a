//! Messages: sent, waited for, listed.

use std::time::Duration;

use async_trait::async_trait;
use bauta_ipc::limits::{MAX_PAGE, MAX_SEARCH, PAGE};
use bauta_ipc::{
    Body, Found, FoundMessage, History, HistoryOf, Inbox, InboxOf, MAX_TEXT, MAX_WAIT_MS, MessageApi,
    RpcError, SearchFor, SendMessage, SentMessage, WaitFor, codes, page,
};
use bauta_protocol::id::MessageId;
use bauta_protocol::time::Timestamp;
use tokio::time::Instant;

use super::moved::refuse_if;
use super::{Node, names, view};
use crate::engine::{self, Letter};
use crate::random;
use crate::store::{
    ContactRow, ContactState, ConversationId, GuestPhase, InboxFilter, MessageRow, MessageSeq, MessageState,
    Reason, StoreError, Tx,
};

#[async_trait]
impl MessageApi for Node {
    async fn message_send(&self, params: SendMessage) -> Result<SentMessage, RpcError> {
        if params.text.is_empty() || params.text.len() > MAX_TEXT {
            let message = format!("A message has 1 to {MAX_TEXT} bytes, this one has {}.", params.text.len());
            return Err(RpcError::new(&codes::MESSAGE_TEXT, message));
        }
        let id = match params.id.as_deref().map(message_id).transpose()? {
            Some(id) => id,
            None => MessageId::generate(&mut random::rng()),
        };
        let at = self.shared.moment();
        let moved = self.moved();
        let (persona, sent) = self
            .shared
            .store
            .run(move |tx| {
                refuse_if(&moved)?;
                let persona = names::sender(tx, params.persona.as_deref())?;
                let contact = names::contact(tx, &persona, &params.contact)?;
                if contact.state == ContactState::Blocked {
                    return Err(RpcError::new(&codes::CONTACT_BLOCKED, "The contact is blocked."));
                }
                if let Some(known) = tx.own_message(id)? {
                    let same = known.conversation == contact.conversation
                        && view::body(&known)? == Body::Text(params.text);
                    return if same { Ok((persona.id, sent(&known))) } else { Err(exists()) };
                }
                can_write(tx, &contact)?;
                let timer = tx.agreement(contact.conversation)?.in_force();
                let letter = Letter::text(id, at.now, params.text, timer)
                    .map_err(|error| RpcError::of(&codes::MESSAGE_TEXT, &error))?;
                engine::queue_message(tx, &persona, &contact, &letter, &at)?;
                let row = tx.own_message(id)?.ok_or(StoreError::Damaged("a message"))?;
                Ok((persona.id, sent(&row)))
            })
            .await?;
        self.wake(persona);
        Ok(sent)
    }

    async fn message_wait(&self, params: WaitFor) -> Result<SentMessage, RpcError> {
        let id = message_id(&params.id)?;
        let deadline = Instant::now() + Duration::from_millis(params.timeout_ms.min(MAX_WAIT_MS));
        let mut events = self.shared.store.events();
        loop {
            events.borrow_and_update();
            let found = self.shared.store.run(move |tx| -> Result<_, StoreError> {
                let Some(row) = tx.own_message(id)? else { return Ok(None) };
                let contact = tx.contact_in(row.conversation)?;
                Ok(Some((row, contact.as_ref().and_then(view::keyless))))
            });
            let (row, hopeless) = found.await?.ok_or_else(unknown)?;
            let reached = sent(&row);
            if reached.state == bauta_ipc::MessageState::Failed {
                let message = row.reason.map(view::reason).map_or_else(
                    || "The message will not arrive.".to_owned(),
                    |reason| format!("The message will not arrive: {}", reason.message),
                );
                return Err(RpcError::new(&codes::MESSAGE_FAILED, message));
            }
            if reached.state >= params.state {
                return Ok(reached);
            }
            if let Some(reason) = hopeless {
                return Err(reason);
            }
            if !matches!(tokio::time::timeout_at(deadline, events.changed()).await, Ok(Ok(()))) {
                let state = row.state.unwrap_or(MessageState::Queued);
                let state = message_word(state);
                let message = format!("The message is {state}; it did not get further in time.");
                return Err(RpcError::new(&codes::MESSAGE_TIMEOUT, message));
            }
        }
    }

    async fn message_inbox(&self, params: InboxOf) -> Result<Inbox, RpcError> {
        let (limit, now) = (params.limit.unwrap_or(PAGE).clamp(1, MAX_PAGE), self.shared.time.now());
        let inbox = self.shared.store.run(move |tx| {
            let persona = names::persona(tx, params.persona.as_deref())?;
            let since = params.since.map(|at| Timestamp(at.millis()));
            let rows = tx.inbox(
                persona.id,
                InboxFilter { unread: params.unread, since, now },
                params.after.map_or(MessageSeq::START, MessageSeq::from_cursor),
                limit.saturating_add(1),
            )?;
            let (messages, last) = page(&rows, limit, |row| {
                view::received(&persona.name, &contact_name(tx, row.conversation)?, row)
            })?;
            Ok::<_, RpcError>(Inbox { messages, next: last.map(|row| row.seq.cursor()) })
        });
        inbox.await
    }

    async fn message_history(&self, params: HistoryOf) -> Result<History, RpcError> {
        let (limit, now) = (params.limit.unwrap_or(PAGE).clamp(1, MAX_PAGE), self.shared.time.now());
        let from = params.from.as_deref().map(message_id).transpose()?;
        let history = self.shared.store.run(move |tx| {
            let persona = names::persona(tx, params.persona.as_deref())?;
            let contact = names::contact(tx, &persona, &params.contact)?;
            if let Some(id) = from {
                return history_from(tx, contact.conversation, id, limit, now);
            }
            let before = params.before.map_or(MessageSeq::END, MessageSeq::from_cursor);
            let rows = tx.history(contact.conversation, before, limit.saturating_add(1), now)?;
            let (mut messages, last) = page(&rows, limit, view::history)?;
            messages.reverse();
            let disappearing = view::disappearing(&tx.agreement(contact.conversation)?);
            let previous = last.map(|row| row.seq.cursor());
            Ok::<_, RpcError>(History { messages, previous, later: false, disappearing })
        });
        history.await
    }

    async fn message_search(&self, params: SearchFor) -> Result<Found, RpcError> {
        let (limit, now) = (params.limit.unwrap_or(PAGE).clamp(1, MAX_PAGE), self.shared.time.now());
        if params.text.chars().count() > MAX_SEARCH {
            let message = format!("The text to search for has more than {MAX_SEARCH} characters.");
            return Err(RpcError::new(&codes::SEARCH_TEXT, message));
        }
        let found = self.shared.store.run(move |tx| {
            let persona = names::persona(tx, params.persona.as_deref())?;
            let with = params.contact.map(|contact| names::contact(tx, &persona, &contact)).transpose()?;
            let conversation = with.map(|contact| contact.conversation);
            let before = params.before.map_or(MessageSeq::END, MessageSeq::from_cursor);
            let most = limit.saturating_add(1);
            let rows = tx.search(persona.id, conversation, &params.text, before, most, now)?;
            let rows = rows.ok_or_else(|| {
                let message = "The text to search for has no letter, digit or symbol.";
                RpcError::new(&codes::SEARCH_TEXT, message)
            })?;
            let (messages, last) = page(&rows, limit, |row| {
                let contact = contact_name(tx, row.conversation)?;
                Ok::<_, StoreError>(FoundMessage { contact, message: view::history(row)? })
            })?;
            Ok::<_, RpcError>(Found { messages, previous: last.map(|row| row.seq.cursor()) })
        });
        found.await
    }
}

/// Whether anything that is written to a contact can arrive.
pub(super) fn can_write(tx: &Tx<'_>, contact: &ContactRow) -> Result<(), RpcError> {
    let reason = match tx.guest(contact.id)?.map(|guest| guest.phase) {
        Some(GuestPhase::Taken) => Some(view::reason(Reason::InvitationUsed)),
        Some(GuestPhase::Unusable) => Some(view::reason(Reason::InvitationEnded)),
        _ => view::keyless(contact),
    };
    reason.map_or(Ok(()), Err)
}

/// A message and what came after it.
fn history_from(
    tx: &Tx<'_>,
    conversation: ConversationId,
    id: MessageId,
    limit: u32,
    now: Timestamp,
) -> Result<History, RpcError> {
    let first = tx.messages_of_id(conversation, id)?.into_iter().min().ok_or_else(unknown)?;
    let rows = tx.history_from(conversation, first, limit.saturating_add(1), now)?;
    let (messages, last) = page(&rows, limit, view::history)?;
    let has_earlier = !tx.history(conversation, first, 1, now)?.is_empty();
    let disappearing = view::disappearing(&tx.agreement(conversation)?);
    let previous = has_earlier.then(|| first.cursor());
    Ok(History { messages, previous, later: last.is_some(), disappearing })
}

fn message_word(state: MessageState) -> &'static str {
    match state {
        MessageState::Queued => "queued",
        MessageState::Stored => "stored",
        MessageState::Delivered => "delivered",
        MessageState::Failed => "failed",
    }
}

fn contact_name(tx: &Tx<'_>, id: ConversationId) -> Result<String, StoreError> {
    Ok(tx.contact_in(id)?.map(|row| row.name).unwrap_or_default())
}

pub(super) fn unknown() -> RpcError {
    RpcError::new(&codes::MESSAGE_UNKNOWN, "There is no message with that id.")
}

fn exists() -> RpcError {
    let message = "A message with that id was written already, with another text or for another contact.";
    RpcError::new(&codes::MESSAGE_EXISTS, message)
}

pub(super) fn message_id(text: &str) -> Result<MessageId, RpcError> {
    text.parse()
        .map_err(|_| RpcError::new(&codes::REQUEST_PARAMS, "A message's id has 32 hexadecimal digits."))
}

fn sent(row: &MessageRow) -> SentMessage {
    let state = row.state.unwrap_or(MessageState::Queued);
    SentMessage { id: row.id.to_string(), state: view::message_state(state) }
}
