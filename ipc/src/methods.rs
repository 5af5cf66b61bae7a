//! Every method of the API, as types for [`Client::call`](crate::Client::call), and their dispatch to an [`Api`].

use serde_json::Value;

use crate::types::*;
use crate::{Api, Grant, Method, MethodInfo, Network, RpcError, codes};

macro_rules! methods {
    (
        direct { $($direct:tt)+ }
        dispatched { $($dispatched:tt)+ }
    ) => {
        methods!(@types $($direct)+ $($dispatched)+);
        methods!(@dispatch $($dispatched)+);
    };
    (@types $(
        $(#[doc = $summary:literal])+
        $method:ident $name:literal ($params:ty) -> $result:ty, $grant:ident, $network:ident, $reveals:literal $(=> $call:ident)?;
    )+) => {
        $(
            $(#[doc = $summary])+
            #[derive(Clone, Copy, Debug)]
            pub struct $method;

            impl Method for $method {
                const NAME: &'static str = $name;
                const SUMMARY: &'static str = concat!($($summary),+);
                const GRANT: Option<Grant> = methods!(@grant $grant);
                const NETWORK: Network = Network::$network;
                const REVEALS: &'static str = $reveals;
                type Params = $params;
                type Result = $result;
            }
        )+

        /// Every method, in the order of `docs/api.md`.
        pub static METHODS: &[MethodInfo] = &[$(MethodInfo::of::<$method>()),+];
    };
    (@grant Free) => { None };
    (@grant $grant:ident) => { Some(Grant::$grant) };
    (@dispatch $(
        $(#[doc = $summary:literal])+
        $method:ident $name:literal ($params:ty) -> $result:ty, $grant:ident, $network:ident, $reveals:literal => $call:ident;
    )+) => {
        /// Reads the parameters, calls the API, and writes the result. The caller has checked the grant.
        pub(crate) async fn dispatch(api: &dyn Api, name: &str, params: Value) -> Result<Value, RpcError> {
            match name {
                $($name => write(&api.$call(read::<$params>(params)?).await?),)+
                _ => Err(unknown(name)),
            }
        }
    };
}

methods! {
    direct {
        /// Opens a connection; must be its first frame.
        OpenConnection "hello" (Hello) -> Welcome, Free, None, "Nothing.";
        /// Replays the daemon's log from a cursor, then follows it as notifications.
        EventSubscribe "event.subscribe" (Subscribe) -> Subscribed, MessagesRead, None, "Nothing.";
        /// Asks the user to pair an extension, and returns the code to show.
        PairRequest "pair.request" (RequestPairing) -> RequestedPairing, Free, None, "Nothing.";
        /// Begins a session of a paired extension.
        SessionBegin "session.challenge" (PairingRef) -> SessionChallenge, Free, None, "Nothing.";
        /// Proves a session's pairing; from then on the connection has its grants.
        SessionProve "session.prove" (ProveSession) -> Session, Free, None, "Nothing.";
        /// Pairs the extension that shows this code.
        PairApprove "pair.approve" (ApprovePairing) -> Pairing, PersonaAdmin, None, "The extension can do what it is granted.";
        /// Lists the extensions that are, were or want to be paired.
        PairList "pair.list" (Empty) -> PairingList, PersonaAdmin, None, "Nothing.";
        /// Ends a pairing and its sessions, or refuses one that waits.
        PairRevoke "pair.revoke" (PairingRef) -> Pairing, PersonaAdmin, None, "Nothing.";
    }
    dispatched {
        /// Tells how the daemon and its connections stand.
        StatusGet "status.get" (Empty) -> Status, StatusRead, None, "Nothing." => status_get;
        /// Makes a persona; its bundle goes to its relay when the clock allows.
        PersonaNew "persona.new" (NewPersona) -> Persona, PersonaAdmin, Queued, "The relay learns that a persona with this key has an inbox there. The local network and the gateway see one more connection." => persona_new;
        /// Lists the personas of this home.
        PersonaListAll "persona.list" (Empty) -> PersonaList, ContactsRead, None, "Nothing." => persona_list;
        /// Shows one persona.
        PersonaShow "persona.show" (PersonaRef) -> PersonaDetail, ContactsRead, None, "Nothing." => persona_show;
        /// Gives the persona's secret key out.
        PersonaExport "persona.export" (PersonaRef) -> ExportedPersona, PersonaAdmin, None, "The caller learns the secret key and can be this persona from then on." => persona_export;
        /// Takes personas over from recovery words, a secret key, or a backup of Mask with all that is in it.
        PersonaImport "persona.import" (ImportPersonas) -> Imported, PersonaAdmin, Queued, "The relay learns that personas with these keys have inboxes there. The local network and the gateway see one more connection for each." => persona_import;
        /// Writes all personas, profiles and post keys of this home into a backup as Mask reads it.
        PersonaBackup "persona.backup" (MakeBackup) -> BackupPage, PersonaAdmin, None, "Who has the file and its password can be these personas." => persona_backup;
        /// Makes a fresh bundle now and queues it for the relay.
        PersonaPublish "persona.publish" (OptionalPersona) -> Published, PersonaAdmin, Queued, "The relay learns that this persona published now." => persona_publish;
        /// Adds a contact by address, invitation or bare key, and begins the conversation.
        ContactAdd "contact.add" (AddContact) -> Contact, MessagesSend, Queued, "With an invitation: the relay sees boxes as any others. Without: the contact's relay learns that someone asked for this persona's bundle and left a first message. The contact learns this persona's key." => contact_add;
        /// Lists the contacts of a persona.
        ContactListAll "contact.list" (OptionalPersona) -> ContactList, ContactsRead, None, "Nothing." => contact_list;
        /// Shows one contact.
        ContactShow "contact.show" (ContactRef) -> Contact, ContactsRead, None, "Nothing." => contact_show;
        /// Makes an invitation for one person.
        ContactInvite "contact.invite" (CreateInvitation) -> Invitation, MessagesSend, Queued, "The relay sees boxes as any others. Whoever sees the invitation learns the persona's key and relay and can answer in the guest's place." => contact_invite;
        /// Lists strangers' first messages that wait for an answer.
        ContactRequests "contact.requests" (OptionalPersona) -> RequestList, MessagesRead, None, "Nothing; the sender learns nothing until you accept." => contact_requests;
        /// Makes the sender of a request a contact.
        ContactAccept "contact.accept" (AcceptRequest) -> Contact, MessagesSend, Queued, "The sender learns that their message arrived." => contact_accept;
        /// Blocks a contact or the sender of a request, and deletes the request.
        ContactBlock "contact.block" (BlockContact) -> Blocked, MessagesSend, None, "Nothing; to the other side it looks like being offline." => contact_block;
        /// Gives the safety number to compare with a contact, and remembers the outcome.
        ContactVerify "contact.verify" (VerifyContact) -> SafetyNumber, MessagesSend, None, "Nothing." => contact_verify;
        /// Stores a message for a contact on this disk and returns; it goes out by itself.
        MessageSend "message.send" (SendMessage) -> SentMessage, MessagesSend, Queued, "The contact's relay sees boxes from nobody in particular. The contact learns that you are online." => message_send;
        /// Waits until an own message has come as far as a given state.
        MessageWait "message.wait" (WaitFor) -> SentMessage, MessagesSend, None, "Nothing." => message_wait;
        /// Lists messages that arrived for a persona.
        MessageInbox "message.inbox" (InboxOf) -> Inbox, MessagesRead, None, "Nothing; receipts do not depend on reading." => message_inbox;
        /// Lists the conversation with a contact.
        MessageHistory "message.history" (HistoryOf) -> History, MessagesRead, None, "Nothing." => message_history;
        /// Encrypts a post and queues its keys for the Gun relays.
        PostEncrypt "post.encrypt" (EncryptPost) -> EncryptedPost, PostsUse, Queued, "The Gun relays learn that somebody, through an exit of the mixnet, wrote keys for one post into the partitions of its recipients: 12 bits about the post and 12 about each of them. Whoever sees the post learns the persona's key, and the profile if there is one." => post_encrypt;
        /// Waits until nothing of a post waits to be published.
        PostWait "post.wait" (WaitForPost) -> PublishedPost, PostsUse, None, "Nothing." => post_wait;
        /// Opens a post; where its key is not on this machine, it is looked up.
        PostDecrypt "post.decrypt" (DecryptPost) -> DecryptedPost, PostsUse, Interactive, "Nothing, when the key is here or in the post. Else the Gun relays, and others connected to them, learn that somebody asked for a partition: 12 bits about the post, and 12 about the reader less those that the block hides." => post_decrypt;
        /// Lets more people read an own post.
        PostAppend "post.append" (AppendPost) -> AppendedPost, PostsUse, Queued, "As post.encrypt; the post itself does not change." => post_append;
        /// Shows or sets how posts are looked up.
        PostSet "post.settings" (PostSettings) -> PostSettings, PersonaAdmin, None, "Nothing." => post_settings;
        /// Lists the profiles whose persona keys are known.
        ProfileListAll "profile.list" (Empty) -> ProfileList, ContactsRead, None, "Nothing." => profile_list;
        /// Says whose a profile is.
        ProfileSet "profile.set" (SetProfile) -> Profile, MessagesSend, None, "Nothing." => profile_set;
        /// Forgets a profile; its next post is taken at its word again.
        ProfileForget "profile.forget" (ProfileRef) -> Empty, MessagesSend, None, "Nothing." => profile_forget;
        /// Stops the daemon after answering.
        DaemonStop "daemon.stop" (Empty) -> Empty, PersonaAdmin, Queued, "The local network and the gateway see the connections end." => daemon_stop;
    }
}

/// The description of a method by its name.
pub fn find(name: &str) -> Option<&'static MethodInfo> {
    METHODS.iter().find(|method| method.name == name)
}

pub(crate) fn read<T: serde::de::DeserializeOwned>(params: Value) -> Result<T, RpcError> {
    serde_json::from_value(params).map_err(|error| {
        RpcError::new(&codes::REQUEST_PARAMS, format!("The parameters do not fit: {error}."))
    })
}

pub(crate) fn write<T: serde::Serialize>(result: &T) -> Result<Value, RpcError> {
    serde_json::to_value(result).map_err(|error| {
        RpcError::new(&codes::INTERNAL, format!("The result could not be written: {error}."))
    })
}

pub(crate) fn unknown(name: &str) -> RpcError {
    let shown: String = name.chars().filter(|c| !c.is_control()).take(64).collect();
    RpcError::new(&codes::REQUEST_METHOD, format!("There is no method \"{shown}\"."))
}
