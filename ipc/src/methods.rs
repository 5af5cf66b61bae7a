//! Every method of the API: the one table that says what there is to say about each.

use async_trait::async_trait;
use serde_json::Value;

use crate::api::EventApi;
use crate::reach::{Cut, ListsPersonas, NamesPersona, View};
use crate::types::*;
use crate::{Grant, Method, MethodInfo, Need, NetworkUse, Reach, RpcError, codes};

#[macro_use]
mod table;

// A row, from left to right: the type, the name on the wire, the function of the area's trait, what it takes and gives,
// the grant it needs, what it does with personas, whether it leads to traffic, and what it reveals to whom.
// The first line above it is its summary in the documents; further lines are for who implements it.
methods! {
    connection {
        /// Opens a connection; must be its first frame.
        OpenConnection "hello" (Hello) -> Welcome, Free, Cut, None,
            "Nothing.";
        /// Replays the daemon's log from a cursor, then follows it as notifications; which kinds come depends on the grants.
        EventSubscribe "event.subscribe" (Subscribe) -> Subscribed, AnyGrant, Cut, None,
            "Nothing.";
        /// Asks the user to pair an extension, and returns the code to show.
        PairRequest "pair.request" (RequestPairing) -> RequestedPairing, Free, Cut, None,
            "Nothing.";
        /// Begins a session of a paired extension.
        SessionBegin "session.challenge" (PairingRef) -> SessionChallenge, Free, Cut, None,
            "Nothing.";
        /// Proves a session's pairing; from then on the connection has its grants.
        SessionProve "session.prove" (ProveSession) -> Session, Free, Cut, None,
            "Nothing.";
        /// Pairs the extension that shows this code.
        PairApprove "pair.approve" (ApprovePairing) -> Pairing, PersonaAdmin, Any, None,
            "The extension can do what it is granted.";
        /// Lists the extensions that are, were or want to be paired.
        PairList "pair.list" (ListAll) -> PairingList, PersonaAdmin, Any, None,
            "Nothing.";
        /// Ends a pairing and its sessions, or refuses one that waits.
        PairRevoke "pair.revoke" (PairingRef) -> Pairing, PersonaAdmin, Any, None,
            "Nothing.";
        /// Ends a pairing and forgets that it was there.
        PairForget "pair.forget" (PairingRef) -> Empty, PersonaAdmin, Any, None,
            "Nothing.";
    }
    /// The status.
    StatusApi {
        /// Shows the status of the daemon and its connections.
        /// Always answers, also while the store is locked.
        StatusGet "status.get" status_get(StatusOf) -> Status, StatusRead, Among, None,
            "Nothing.";
    }
    /// Personas of this home.
    PersonaApi {
        /// Makes a persona; its bundle goes to its relay when the clock allows.
        PersonaNew "persona.new" persona_new(NewPersona) -> Persona, PersonaAdmin, Any, Queued,
            "The relay learns that a persona with this key has an inbox there. The local network and the gateway see one more connection.";
        /// Lists the personas of this home.
        /// In order of creation.
        PersonaListAll "persona.list" persona_list(ListAll) -> PersonaList, ContactsRead, Cut, None,
            "Nothing.";
        /// Shows one persona.
        PersonaShow "persona.show" persona_show(PersonaRef) -> PersonaDetail, ContactsRead, Named, None,
            "Nothing.";
        /// Exports the persona's secret key.
        PersonaExport "persona.export" persona_export(PersonaRef) -> ExportedPersona, PersonaAdmin, Any, None,
            "The caller learns the secret key and can be this persona from then on.";
        /// Makes a fresh bundle now and queues it for the relay.
        PersonaPublish "persona.publish" persona_publish(OptionalPersona) -> Published, PersonaAdmin, Any, Queued,
            "The relay learns that this persona published now.";
        /// Connects a persona at once, where it would wait for a random time.
        PersonaConnect "persona.connect" persona_connect(PersonaRef) -> Empty, PersonaAdmin, Any, Queued,
            "The relays and gateways can tell that this persona and the others that are connected belong to one machine.";
    }
    /// Personas from elsewhere, and to elsewhere.
    BackupApi {
        /// Imports personas from recovery words, a secret key, or a backup of Mask with all that is in it.
        /// All or none; what a home has already stays as it is.
        PersonaImport "persona.import" persona_import(ImportPersonas) -> Imported, PersonaAdmin, Any, Queued,
            "The relay learns that personas with these keys have inboxes there. The local network and the gateway see one more connection for each.";
        /// Writes all personas, profiles and post keys of this home to a backup in Mask's format.
        PersonaBackup "persona.backup" persona_backup(MakeBackup) -> BackupPage, PersonaAdmin, Any, None,
            "Anybody who has the file and its password can be these personas.";
        /// Writes a backup of this home, with its history, into a new file that is encrypted under a passphrase.
        /// It has been read back when this returns. `backup.place` where there is such a file.
        HomeBackup "home.backup" home_backup(BackUpHome) -> BackedUpHome, PersonaAdmin, Any, None,
            "Anybody who has the file and its passphrase can be these personas, and read their history.";
        /// Sets the passphrase of the backups that the daemon makes by itself, or says whether there is one.
        /// It is kept in the store, and is in no backup.
        PassphraseOfBackups "backup.passphrase" backup_passphrase(ChangeBackupPassphrase) -> BackupPassphrase, PersonaAdmin, Any, None,
            "Nothing.";
    }
    /// Contacts of a persona.
    ContactApi {
        /// Adds a contact by address, invitation or bare key, and begins the conversation.
        ContactAdd "contact.add" contact_add(AddContact) -> Contact, MessagesSend, Named, Queued,
            "With an invitation: the relay sees boxes like any others. Without: the contact's relay learns that someone asked for this persona's bundle and left a first message. The contact learns this persona's key.";
        /// Lists the contacts of a persona.
        ContactListAll "contact.list" contact_list(ListOf) -> ContactList, ContactsRead, Named, None,
            "Nothing.";
        /// Shows one contact.
        ContactShow "contact.show" contact_show(ContactRef) -> Contact, ContactsRead, Named, None,
            "Nothing.";
        /// Makes an invitation for one person.
        /// Returns when its boxes are durable here; they go out on the clock.
        ContactInvite "contact.invite" contact_invite(CreateInvitation) -> Invitation, MessagesSend, Named, Queued,
            "The relay sees boxes like any others. Whoever sees the invitation learns the persona's key and relay and can answer in the guest's place.";
        /// Lists strangers' first messages that wait for an answer.
        ContactRequests "contact.requests" contact_requests(ListOf) -> RequestList, MessagesRead, Named, None,
            "Nothing; the sender learns nothing until you accept.";
        /// Makes the sender of a request a contact.
        ContactAccept "contact.accept" contact_accept(AcceptRequest) -> Contact, MessagesSend, Named, Queued,
            "The sender learns that their message arrived.";
        /// Blocks a contact or the sender of a request, and deletes the request.
        /// In one step.
        ContactBlock "contact.block" contact_block(BlockContact) -> Blocked, MessagesSend, Named, None,
            "Nothing; to the other side it looks like being offline.";
        /// Gives the safety number to compare with a contact, and remembers the outcome.
        /// `contact.pending` while the contact's keys are not known.
        ContactVerify "contact.verify" contact_verify(VerifyContact) -> SafetyNumber, MessagesSend, Named, None,
            "Nothing.";
    }
    /// How contacts are kept.
    ContactSettingsApi {
        /// Gives a contact another name in this home.
        ContactRename "contact.rename" contact_rename(RenameContact) -> Contact, MessagesSend, Named, None,
            "Nothing.";
        /// Mutes a contact, or no longer: programs should not call for attention when they write.
        ContactMute "contact.mute" contact_mute(MuteContact) -> Contact, MessagesSend, Named, None,
            "Nothing.";
        /// Says to a contact how long you want messages to stay; they disappear after the longer of what both want.
        /// What was written before is kept as long as it said. `request.params` for a time out of bounds.
        ContactDisappear "contact.disappear" contact_disappear(SetDisappearing) -> Contact, MessagesSend, Named, Queued,
            "The contact learns what you want, and that you are online. The contact's relay sees boxes from nobody in particular.";
        /// Takes back a block; the conversation with a contact begins again.
        /// `contact.unknown` where nobody of that name or key is blocked.
        ContactUnblock "contact.unblock" contact_unblock(ContactRef) -> Blocked, MessagesSend, Named, Queued,
            "The contact's relay learns that somebody asked for their bundle and left a message. The contact learns that you are there again.";
        /// Lists the keys that a persona blocks: of contacts, and of strangers.
        ContactBlockedAll "contact.blocked" contact_blocked(ListOf) -> BlockedList, ContactsRead, Named, None,
            "Nothing.";
    }
    /// Messages.
    MessageApi {
        /// Stores a message for a contact on this disk and returns; it goes out by itself.
        /// The message is durable when this returns.
        MessageSend "message.send" message_send(SendMessage) -> SentMessage, MessagesSend, Named, Queued,
            "The contact's relay sees boxes from nobody in particular. The contact learns that you are online.";
        /// Waits until an own message has come as far as a given state.
        /// See [`WaitFor`].
        MessageWait "message.wait" message_wait(WaitFor) -> SentMessage, MessagesSend, Cut, None,
            "Nothing.";
        /// Lists messages that arrived for a persona.
        /// Oldest first.
        MessageInbox "message.inbox" message_inbox(InboxOf) -> Inbox, MessagesRead, Named, None,
            "Nothing; receipts do not depend on reading.";
        /// Lists the conversation with a contact.
        MessageHistory "message.history" message_history(HistoryOf) -> History, MessagesRead, Named, None,
            "Nothing.";
        /// Finds messages by words or parts of words, in every script.
        /// Latest first. `search.text` where there is nothing to look for.
        MessageSearch "message.search" message_search(SearchFor) -> Found, MessagesRead, Named, None,
            "Nothing.";
    }
    /// What was seen.
    SeenApi {
        /// Marks messages of a contact as read in this home.
        MessageRead "message.read" message_read(ReadMessages) -> Empty, MessagesRead, Named, None,
            "Nothing; receipts do not depend on reading.";
        /// Lists the conversations of a persona, with how many messages are unread.
        ConversationListAll "conversation.list" conversation_list(ListOf) -> ConversationList, MessagesRead, Named, None,
            "Nothing.";
    }
    /// What is deleted: it is in no file of the home when these return.
    ForgetApi {
        /// Deletes a message from this home; one that is on its way may still arrive.
        MessageDelete "message.delete" message_delete(MessageRef) -> Empty, MessagesSend, Named, None,
            "Nothing; the other side keeps what it has.";
        /// Deletes all messages with a contact from this home; the contact stays.
        ConversationDelete "conversation.delete" conversation_delete(ContactRef) -> Empty, MessagesSend, Named, None,
            "Nothing; the other side keeps what it has.";
        /// Deletes a contact and all that was said with them, or a request; whoever is blocked stays blocked.
        /// Should they write again, they are a stranger who makes a request.
        ContactDelete "contact.delete" contact_delete(BlockContact) -> Empty, MessagesSend, Named, None,
            "Nothing; to the other side it looks like being offline.";
        /// Shows or sets after how many days messages are deleted from this home: the setting `history.days`.
        MessageKeep "message.keep" message_keep(KeepMessages) -> KeptMessages, MessagesSend, Any, None,
            "Nothing; the other side keeps what it has.";
        /// Deletes a persona with its key, contacts, messages and posts' keys, and ends pairings that are limited to it.
        /// Its bundle and boxes stay at its relay until they expire.
        PersonaDelete "persona.delete" persona_delete(PersonaRef) -> Empty, PersonaAdmin, Any, Queued,
            "The local network and the gateway see a connection end.";
    }
    /// Posts on social networks.
    PostApi {
        /// Encrypts a post and queues its keys for the Gun relays.
        /// Its keys are durable here when this returns.
        PostEncrypt "post.encrypt" post_encrypt(EncryptPost) -> EncryptedPost, PostsUse, Named, Queued,
            "The Gun relays learn that somebody, through an exit of the mixnet, wrote keys for one post into the partitions of its recipients: 12 bits about the post and 12 about each of them; with the delivery `contacts` they learn nothing. A contact's relay sees boxes like any others. Whoever sees the post learns the persona's key, and the profile if there is one.";
        /// Waits until nothing of a post waits to be published.
        PostWait "post.wait" post_wait(WaitForPost) -> PublishedPost, PostsUse, Listed, None,
            "Nothing.";
        /// Says what it takes to open a post, and what is known of its author; nobody is asked for anything.
        PostCheck "post.check" post_check(DecryptPost) -> CheckedPost, PostsUse, Listed, None,
            "Nothing.";
        /// Opens a post; where its key is not on this machine, it is looked up.
        /// Without a persona, all that the caller may use are tried, one after another.
        PostDecrypt "post.decrypt" post_decrypt(DecryptPost) -> DecryptedPost, PostsUse, Listed, Interactive,
            "Nothing, when the key is here or in the post. Otherwise the Gun relays, and others connected to them, learn that somebody asked for a partition: 12 bits about the post, and 12 about each persona that is tried less those that the block hides; several personas tried for one post can be told to be one reader's. With reveal_profile, for a post of version -40, they learn the reader's profile name instead.";
        /// Lets more people read an own post.
        /// Their keys are durable here when this returns.
        PostAppend "post.append" post_append(AppendPost) -> AppendedPost, PostsUse, Named, Queued,
            "As post.encrypt; the post itself does not change.";
        /// Shows or sets how posts are looked up.
        PostSet "post.settings" post_settings(PostSettings) -> PostSettings, PersonaAdmin, Any, None,
            "Nothing.";
    }
    /// Social profiles and the persona keys behind them.
    ProfileApi {
        /// Lists the profiles whose persona keys are known.
        ProfileListAll "profile.list" profile_list(ListAll) -> ProfileList, ContactsRead, Any, None,
            "Nothing.";
        /// Sets whose a profile is.
        /// `profile.changed` when another key is known and `replace` is not set.
        ProfileSet "profile.set" profile_set(SetProfile) -> Profile, MessagesSend, Any, None,
            "Nothing.";
        /// Forgets a profile; the key in its next post is believed again.
        ProfileForget "profile.forget" profile_forget(ProfileRef) -> Empty, MessagesSend, Any, None,
            "Nothing.";
    }
    /// Settings of this home.
    ConfigApi {
        /// Lists the settings of this home.
        ConfigListAll "config.list" config_list(Empty) -> SettingList, PersonaAdmin, Any, None,
            "Nothing.";
        /// Shows one setting.
        /// `config.unknown` where there is none of that name.
        ConfigGet "config.get" config_get(SettingRef) -> Setting, PersonaAdmin, Any, None,
            "Nothing.";
        /// Changes a setting; it stays until it is changed again, here or by what the daemon is started with.
        /// `config.value` where a value does not fit.
        ConfigSet "config.set" config_set(ChangeSetting) -> Setting, PersonaAdmin, Any, None,
            "Nothing at once; what relays, exits and observers see afterwards depends on the setting.";
    }
    /// The daemon itself.
    DaemonApi {
        /// Stops the daemon after answering.
        DaemonStop "daemon.stop" daemon_stop(Empty) -> Empty, PersonaAdmin, Any, Queued,
            "The local network and the gateway see the connections end.";
        /// Locks the daemon: it ends its connections, closes the store and starts again with empty memory, locked.
        /// Returns before that has happened; `status.get` then says `locked`.
        Lock "lock" lock(Empty) -> Empty, PersonaAdmin, Any, Queued,
            "The local network and the gateway see the connections end.";
        /// Opens the store of a locked daemon, which then connects; nothing happens where it is open.
        /// `unlock.required` where a passphrase is needed and none was given, `unlock.failed` for a wrong one.
        Unlock "unlock" unlock(UnlockStore) -> Empty, PersonaAdmin, Any, Queued,
            "The local network and the gateway see the connections begin.";
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
