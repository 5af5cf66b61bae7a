use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Disappearing, HistoryEntry, Utc};

/// Parameters of `message.read`.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct ReadMessages {
    /// The persona; absent: the only one there is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub persona: Option<String>,
    /// The contact's name in this home, or their public key.
    pub contact: String,
    /// The id of the last message that was seen: it and all before it are read. Absent: all that are there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
}

/// The conversation with a contact.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct Conversation {
    /// The contact's name in this home.
    pub contact: String,
    /// How many of their messages were not marked as read.
    pub unread: u64,
    /// Programs should not call for attention when they write.
    #[serde(default, skip_serializing_if = "super::is_false")]
    pub muted: bool,
    /// How long messages stay; absent: nobody ever wanted them to disappear.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disappearing: Option<Disappearing>,
    /// When the last message was sent or received.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_message_at: Option<Utc>,
    /// The last message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<HistoryEntry>,
}

/// Result of `conversation.list`.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct ConversationList {
    /// One for each contact, by last activity, newest first.
    pub conversations: Vec<Conversation>,
    /// Ask again with `after` set to this for what follows; absent: that was all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}
