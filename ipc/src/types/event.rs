use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ConnectionState, Contact, MessageState, Profile, PublishedPost, ReceivedMessage, Request, Utc};
use crate::{Grant, RpcError};

/// Parameters of `event.subscribe`.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct Subscribe {
    /// Replay what came after this cursor, then follow; 0: everything kept. Absent: only what comes from now on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<u64>,
}

/// Result of `event.subscribe`; the events follow as notifications named `event`.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct Subscribed {
    /// Events with a greater cursor will come.
    pub cursor: u64,
}

/// One entry of the daemon's durable log.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct Event {
    /// Its place in the log: grows, never repeats, may skip.
    pub cursor: u64,
    /// When it happened.
    pub at: Utc,
    /// What happened.
    #[serde(flatten)]
    pub body: EventBody,
}

/// What happened. On the wire the fields are beside `cursor`, `at` and `kind`.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(tag = "kind")]
pub enum EventBody {
    /// A contact's message arrived and is stored.
    #[serde(rename = "message.received")]
    MessageReceived {
        /// The message.
        message: ReceivedMessage,
    },
    /// An own message has come further, or failed.
    #[serde(rename = "message.state")]
    MessageState {
        /// The message's id.
        id: String,
        /// The persona that wrote it.
        persona: String,
        /// The contact it is for.
        contact: String,
        /// How far it has come.
        state: MessageState,
        /// Why it failed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<RpcError>,
    },
    /// A stranger wrote.
    #[serde(rename = "contact.request")]
    ContactRequest {
        /// What arrived.
        request: Request,
    },
    /// A contact was added, accepted, or took an invitation.
    #[serde(rename = "contact.added")]
    ContactAdded {
        /// The contact as it is now.
        contact: Contact,
    },
    /// Something about a contact changed.
    #[serde(rename = "contact.changed")]
    ContactChanged {
        /// The contact as it is now.
        contact: Contact,
        /// What changed.
        change: ContactChange,
    },
    /// A contact was deleted, and all that was said with them; which one is not kept.
    #[serde(rename = "contact.deleted")]
    ContactDeleted {
        /// The persona that knew them.
        persona: String,
    },
    /// A relay has accepted a persona's new bundle.
    #[serde(rename = "persona.published")]
    PersonaPublished {
        /// The persona's name.
        persona: String,
        /// Base64url id of the relay.
        relay: String,
        /// When the bundle was made.
        version: Utc,
        /// When it ends.
        expires_at: Utc,
    },
    /// More keys of a post are at a relay, or an attempt failed.
    #[serde(rename = "post.state")]
    PostState {
        /// The persona that wrote it.
        persona: String,
        /// How far it has come.
        #[serde(flatten)]
        post: PublishedPost,
    },
    /// A key for a post is being looked for.
    #[serde(rename = "post.lookup")]
    PostLookup {
        /// The post's IV: base64 of 16 bytes.
        iv: String,
        /// How many partitions were read.
        done: u32,
        /// How many are asked for.
        of: u32,
        /// How many records were tried.
        records: u32,
    },
    /// The key of a profile was learned from a post, or set.
    #[serde(rename = "profile.learned")]
    ProfileLearned {
        /// The profile as it is known now.
        profile: Profile,
    },
    /// A post of a known profile shows another key. The known one stays.
    #[serde(rename = "profile.changed")]
    ProfileChanged {
        /// The profile; `other_key` has the other key.
        profile: Profile,
    },
    /// The state of a connection changed.
    #[serde(rename = "status.changed")]
    StatusChanged {
        /// The persona whose connection it is; absent: the daemon as a whole.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        persona: Option<String>,
        /// Its state now.
        state: ConnectionState,
        /// What is happening now, in a few words.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        phase: Option<String>,
    },
    /// Something needs attention, or no longer does.
    #[serde(rename = "health")]
    Health {
        /// The same object as in `status.get`.
        item: RpcError,
        /// It is over.
        #[serde(default)]
        cleared: bool,
    },
    /// A kind this version does not know. Never sent.
    #[serde(other, rename = "unknown")]
    Unknown,
}

impl EventBody {
    /// The grant that a connection needs to see it.
    pub fn grant(&self) -> Grant {
        match self {
            Self::MessageReceived { .. } | Self::MessageState { .. } | Self::ContactRequest { .. } => {
                Grant::MessagesRead
            }
            Self::ContactAdded { .. }
            | Self::ContactChanged { .. }
            | Self::ContactDeleted { .. }
            | Self::PersonaPublished { .. }
            | Self::ProfileLearned { .. }
            | Self::ProfileChanged { .. } => Grant::ContactsRead,
            Self::PostState { .. } | Self::PostLookup { .. } => Grant::PostsUse,
            Self::StatusChanged { .. } | Self::Health { .. } => Grant::StatusRead,
            Self::Unknown => Grant::PersonaAdmin,
        }
    }
}

/// What changed about a contact.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ContactChange {
    /// The conversation has come further.
    State,
    /// Their long-term session key is a new one: compare the safety number again.
    Identity,
    /// Marked or unmarked as verified.
    Verified,
    /// Blocked, or not any more.
    Blocked,
    /// A message of theirs was lost for good: there is a gap.
    Gap,
    /// The conversation begins again, because one side was set back to an older copy of its home.
    Restarted,
    /// Their name in this home, or whether they are muted.
    Settings,
    /// Messages of the conversation were deleted, or have disappeared.
    Messages,
    /// How long one side wants messages to stay, or what the other side knows of it.
    Disappearing,
    /// Messages of theirs were marked as read.
    Read,
}
