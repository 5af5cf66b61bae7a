use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Utc;
use crate::RpcError;

/// How far an own message has come. The order of the first three is the order of progress.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum MessageState {
    /// Safe on this machine's disk; sent as soon as possible.
    Queued,
    /// The contact's relay has confirmed all of it.
    Stored,
    /// The contact's daemon has confirmed it.
    Delivered,
    /// It will not arrive; `error` has the reason.
    Failed,
}

/// Parameters of `message.send`.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct SendMessage {
    /// The persona that writes; absent: the only one there is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub persona: Option<String>,
    /// The contact's name in this home, or their public key.
    pub contact: String,
    /// 1 to [`crate::MAX_TEXT`] bytes of UTF-8.
    pub text: String,
    /// 32 hex digits chosen by the caller: sending again with the same id returns the first message. Absent: drawn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
}

/// Result of `message.send` and `message.wait`.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct SentMessage {
    /// 32 hex digits.
    pub id: String,
    /// How far it has come.
    pub state: MessageState,
}

/// Parameters of `message.wait`.
/// Returns when the message is at `state` or past it.
/// Errors: `message.timeout` (it stays queued), `message.failed`.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct WaitFor {
    /// The message's id.
    pub id: String,
    /// The state to wait for: `queued`, `stored` or `delivered`.
    pub state: MessageState,
    /// How long, in milliseconds; at most [`crate::MAX_WAIT_MS`].
    pub timeout_ms: u64,
}

/// Parameters of `message.inbox`.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct InboxOf {
    /// The persona; absent: the only one there is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub persona: Option<String>,
    /// Only messages after this place; take it from `next`. Absent: from the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<u64>,
    /// At most this many; absent: 100. The answer may hold fewer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// Only messages that were not marked as read.
    #[serde(default, skip_serializing_if = "super::is_false")]
    pub unread: bool,
    /// Only messages that arrived here at this time or later. Absent: of every time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Utc>,
}

/// What a message says. In JSON it is one field, named after the kind.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Body {
    /// Words.
    Text(String),
    /// How long its writer wants messages to stay, in seconds; 0: they should stay.
    Disappear(u32),
    /// A kind that this version cannot show: its number in the protocol.
    Unsupported(u32),
}

impl Body {
    /// The words, where there are any.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Disappear(_) | Self::Unsupported(_) => None,
        }
    }
}

/// A message that arrived from a contact.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct ReceivedMessage {
    /// 32 hex digits, chosen by the sender.
    pub id: String,
    /// The persona it came for.
    pub persona: String,
    /// The contact's name in this home.
    pub from: String,
    /// What they wrote.
    #[serde(flatten)]
    pub body: Body,
    /// When the sender wrote it, by the sender's clock.
    pub sent_at: Utc,
    /// When it arrived here.
    pub received_at: Utc,
    /// How many seconds it stays, from when it was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disappears_after: Option<u32>,
    /// When it disappears; sooner when it is read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disappears_at: Option<Utc>,
}

/// Result of `message.inbox`.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct Inbox {
    /// Oldest first.
    pub messages: Vec<ReceivedMessage>,
    /// Ask again with `after` set to this for what follows; absent: that was all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<u64>,
}

/// Parameters of `message.history`.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct HistoryOf {
    /// The persona; absent: the only one there is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub persona: Option<String>,
    /// The contact's name in this home, or their public key.
    pub contact: String,
    /// Only messages before this place; take it from `previous`. Absent: the latest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<u64>,
    /// The message with this id and those after it, whatever `before` is: to begin where a search led, or to go on from
    /// the last message of an answer with `later`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// At most this many; absent: 100. The answer may hold fewer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

/// Which way a message went.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// From the contact.
    In,
    /// To the contact.
    Out,
}

/// One message of a conversation.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct HistoryEntry {
    /// 32 hex digits.
    pub id: String,
    /// Which way it went.
    pub direction: Direction,
    /// What was written.
    #[serde(flatten)]
    pub body: Body,
    /// When it was written here, or when it arrived here.
    pub at: Utc,
    /// How far an own message has come; absent for theirs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<MessageState>,
    /// When the contact's relay confirmed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stored_at: Option<Utc>,
    /// When the contact's daemon confirmed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivered_at: Option<Utc>,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<RpcError>,
    /// How many seconds it stays, from when it was read, or from when the contact's relay confirmed an own one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disappears_after: Option<u32>,
    /// When it disappears; absent while it waits to be sent. An unread one disappears sooner when it is read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disappears_at: Option<Utc>,
}

/// Result of `message.history`.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct History {
    /// Oldest first.
    pub messages: Vec<HistoryEntry>,
    /// How long messages stay; absent: nobody ever wanted them to disappear.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disappearing: Option<super::Disappearing>,
    /// Ask again with `before` set to this for what came earlier; absent: that was all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<u64>,
    /// There are messages after these; only where `from` was given.
    #[serde(default, skip_serializing_if = "super::is_false")]
    pub later: bool,
}

/// Parameters of `message.delete`.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct MessageRef {
    /// The persona; absent: the only one there is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub persona: Option<String>,
    /// The contact's name in this home, or their public key.
    pub contact: String,
    /// The message's id: 32 hex digits.
    pub id: String,
}

/// Parameters of `message.keep`.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct KeepMessages {
    /// Messages are deleted from this home after so many days; 0: never. Absent: as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub days: Option<u32>,
}

/// Result of `message.keep`.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct KeptMessages {
    /// Messages are deleted from this home after so many days. Absent: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub days: Option<u32>,
}

/// Parameters of `message.search`.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct SearchFor {
    /// The persona; absent: the only one there is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub persona: Option<String>,
    /// Words, or parts of words, of 1 to [`crate::limits::MAX_SEARCH`] characters together; a message is found that has
    /// all of them, in any order. Case, accents and width do not matter, and neither does punctuation.
    pub text: String,
    /// Only in the conversation with this contact: their name in this home, or their public key. Absent: in all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact: Option<String>,
    /// Only messages before this place; take it from `previous`. Absent: the latest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<u64>,
    /// At most this many; absent: 100. The answer may hold fewer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

/// A message that was found.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct FoundMessage {
    /// The contact it is with: their name in this home.
    pub contact: String,
    /// The message.
    #[serde(flatten)]
    pub message: HistoryEntry,
}

/// Result of `message.search`.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct Found {
    /// Latest first.
    pub messages: Vec<FoundMessage>,
    /// Ask again with `before` set to this for what came earlier; absent: that was all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The kind of a body is the name of its field, beside the others.
    #[test]
    fn a_body_is_one_field() {
        let mut message = ReceivedMessage {
            id: "0".repeat(32),
            persona: "alice".to_owned(),
            from: "bob".to_owned(),
            body: Body::Text("at nine".to_owned()),
            sent_at: Utc::from_millis(0),
            received_at: Utc::from_millis(0),
            disappears_after: None,
            disappears_at: None,
        };
        let json = serde_json::to_value(&message).unwrap();
        assert_eq!(json.get("text").unwrap(), "at nine");
        assert!(json.get("body").is_none());
        assert_eq!(serde_json::from_value::<ReceivedMessage>(json).unwrap(), message);
        message.body = Body::Unsupported(77);
        let json = serde_json::to_value(&message).unwrap();
        assert_eq!((json.get("unsupported").unwrap(), json.get("text")), (&77.into(), None));
        assert_eq!(serde_json::from_value::<ReceivedMessage>(json).unwrap(), message);
    }
}
