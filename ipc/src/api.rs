use async_trait::async_trait;
use futures::stream::BoxStream;

use crate::RpcError;
use crate::types::*;

/// What [`Api::event_subscribe`] gives.
pub struct EventStream {
    /// Events with a greater cursor will come.
    pub cursor: u64,
    /// The events in order of their cursors; it is polled only as fast as the reader takes them.
    /// It ends when the daemon stops. An error ends the subscription and closes the connection.
    pub events: BoxStream<'static, Result<Event, RpcError>>,
}

/// What a daemon offers, one function per method of [`crate::methods`].
///
/// The server has checked the grant and read the parameters' shape; their meaning is checked here.
/// A future may be dropped at any await: the caller has gone. What was committed stays, the rest does not happen.
/// Errors carry one of [`crate::codes`].
#[async_trait]
pub trait Api: Send + Sync + 'static {
    /// Tells how the daemon stands. Answers always, also while locked.
    async fn status_get(&self, params: Empty) -> Result<Status, RpcError>;

    /// Makes a persona.
    async fn persona_new(&self, params: NewPersona) -> Result<Persona, RpcError>;

    /// Lists the personas in order of creation.
    async fn persona_list(&self, params: Empty) -> Result<PersonaList, RpcError>;

    /// Shows one persona.
    async fn persona_show(&self, params: PersonaRef) -> Result<PersonaDetail, RpcError>;

    /// Gives the secret key out.
    async fn persona_export(&self, params: PersonaRef) -> Result<ExportedPersona, RpcError>;

    /// Takes personas over, all or none; what a home has already stays as it is.
    async fn persona_import(&self, params: ImportPersonas) -> Result<Imported, RpcError>;

    /// Writes a backup as Mask reads it.
    async fn persona_backup(&self, params: MakeBackup) -> Result<BackupPage, RpcError>;

    /// Makes and queues a fresh bundle.
    async fn persona_publish(&self, params: OptionalPersona) -> Result<Published, RpcError>;

    /// Adds a contact.
    async fn contact_add(&self, params: AddContact) -> Result<Contact, RpcError>;

    /// Lists contacts.
    async fn contact_list(&self, params: OptionalPersona) -> Result<ContactList, RpcError>;

    /// Shows one contact.
    async fn contact_show(&self, params: ContactRef) -> Result<Contact, RpcError>;

    /// Makes an invitation. Returns when its boxes are durable here; they go out on the clock.
    async fn contact_invite(&self, params: CreateInvitation) -> Result<Invitation, RpcError>;

    /// Lists requests.
    async fn contact_requests(&self, params: OptionalPersona) -> Result<RequestList, RpcError>;

    /// Accepts a request.
    async fn contact_accept(&self, params: AcceptRequest) -> Result<Contact, RpcError>;

    /// Blocks and deletes in one step.
    async fn contact_block(&self, params: BlockContact) -> Result<Blocked, RpcError>;

    /// Gives the safety number; `contact.pending` while the contact's keys are not known.
    async fn contact_verify(&self, params: VerifyContact) -> Result<SafetyNumber, RpcError>;

    /// Queues a message: it is durable when this returns.
    async fn message_send(&self, params: SendMessage) -> Result<SentMessage, RpcError>;

    /// Waits for a state; see [`WaitFor`].
    async fn message_wait(&self, params: WaitFor) -> Result<SentMessage, RpcError>;

    /// Lists received messages, oldest first.
    async fn message_inbox(&self, params: InboxOf) -> Result<Inbox, RpcError>;

    /// Lists a conversation.
    async fn message_history(&self, params: HistoryOf) -> Result<History, RpcError>;

    /// Opens the log at a cursor. `event.cursor` when the log does not reach there.
    async fn event_subscribe(&self, params: Subscribe) -> Result<EventStream, RpcError>;

    /// Encrypts a post. Its keys are durable here when this returns.
    async fn post_encrypt(&self, params: EncryptPost) -> Result<EncryptedPost, RpcError>;

    /// Waits until nothing of a post waits to be published.
    async fn post_wait(&self, params: WaitForPost) -> Result<PublishedPost, RpcError>;

    /// Opens a post.
    async fn post_decrypt(&self, params: DecryptPost) -> Result<DecryptedPost, RpcError>;

    /// Lets more people read an own post. Their keys are durable here when this returns.
    async fn post_append(&self, params: AppendPost) -> Result<AppendedPost, RpcError>;

    /// Shows or sets how posts are looked up.
    async fn post_settings(&self, params: PostSettings) -> Result<PostSettings, RpcError>;

    /// Lists profiles.
    async fn profile_list(&self, params: Empty) -> Result<ProfileList, RpcError>;

    /// Says whose a profile is. `profile.changed` when another key is known and `replace` is not set.
    async fn profile_set(&self, params: SetProfile) -> Result<Profile, RpcError>;

    /// Forgets a profile.
    async fn profile_forget(&self, params: ProfileRef) -> Result<Empty, RpcError>;

    /// Asks the daemon to stop; it does so after this has returned.
    async fn daemon_stop(&self, params: Empty) -> Result<Empty, RpcError>;
}
