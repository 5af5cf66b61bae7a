//! What was seen, and what was not.

use async_trait::async_trait;
use bauta_ipc::limits::MAX_PAGE;
use bauta_ipc::{Conversation, ConversationList, Empty, ListOf, ReadMessages, RpcError, SeenApi, page};

use super::contact::{contact_place, place_after};
use super::message::{self, message_id};
use super::{Node, names, view};
use crate::engine::announce;
use crate::store::{Change, MessageSeq, StoreError};

#[async_trait]
impl SeenApi for Node {
    async fn message_read(&self, params: ReadMessages) -> Result<Empty, RpcError> {
        let (id, now) = (params.id.as_deref().map(message_id).transpose()?, self.shared.time.now());
        let marked = self.shared.store.run(move |tx| {
            let persona = names::persona(tx, params.persona.as_deref())?;
            let contact = names::contact(tx, &persona, &params.contact)?;
            let up_to = match id {
                None => MessageSeq::END,
                Some(id) => {
                    let last = tx.messages_of_id(contact.conversation, id)?.into_iter().max();
                    last.ok_or_else(message::unknown)?
                }
            };
            if tx.mark_read(contact.conversation, up_to, now)? {
                // Other programs count what is unread, too.
                announce::contact_changed(tx, contact.id, Change::Read, now)?;
            }
            Ok(Empty {})
        });
        let marked = marked.await;
        // The timers of what was read begin.
        self.vanishing.look();
        marked
    }

    async fn conversation_list(&self, params: ListOf) -> Result<ConversationList, RpcError> {
        let now = self.shared.time.now();
        let list = self.shared.store.run(move |tx| {
            let persona = names::persona(tx, params.persona.as_deref())?;
            let after = names::place(params.after.as_deref(), contact_place)?;
            let rows = tx.contacts(persona.id, after, MAX_PAGE.saturating_add(1))?;
            let (conversations, last) = page(&rows, MAX_PAGE, |row| {
                let last = tx.last_message(row.conversation, now)?;
                Ok::<_, StoreError>(Conversation {
                    contact: row.name.clone(),
                    unread: tx.unread(row.conversation, now)?,
                    muted: row.muted,
                    disappearing: view::disappearing(&tx.agreement(row.conversation)?),
                    last_message_at: row.last_message_at.map(view::utc),
                    last: last.as_ref().map(view::history).transpose()?,
                })
            })?;
            Ok::<_, RpcError>(ConversationList { conversations, next: last.map(place_after) })
        });
        list.await
    }
}
