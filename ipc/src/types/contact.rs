use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Utc;
use crate::RpcError;

/// How far the conversation with a contact has come.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ContactState {
    /// An invitation is out; nobody has answered it yet, so the contact's key is not known.
    Invited,
    /// Added here; the first exchange of keys is under way.
    Pending,
    /// Messages flow.
    Active,
    /// Nothing is read from or sent to them.
    Blocked,
}

/// A contact of one persona.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct Contact {
    /// The persona that knows them.
    pub persona: String,
    /// Their name in this home, unique for the persona.
    pub name: String,
    /// Their secp256k1 public key: 66 hex digits. Absent while an invitation is open.
    #[serde(default)]
    pub public_key: Option<String>,
    /// How far the conversation has come.
    pub state: ContactState,
    /// The safety number was compared and found equal.
    pub verified: bool,
    /// When they were added, accepted or invited.
    pub added_at: Utc,
    /// When the last message was sent or received.
    #[serde(default)]
    pub last_message_at: Option<Utc>,
    /// Programs should not call for attention when they write.
    #[serde(default, skip_serializing_if = "super::is_false")]
    pub muted: bool,
    /// How long messages stay; absent: nobody ever wanted them to disappear.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disappearing: Option<Disappearing>,
    /// Why messages do not flow, such as `invitation.used` or `contact.changed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<RpcError>,
}

/// How long messages with a contact stay, in seconds. Each side wants a time, or that they stay; what is in force is the
/// longer of both.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct Disappearing {
    /// What is written here from now on disappears after this, on both sides; absent: it stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<u32>,
    /// What you want; absent: that messages stay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub own: Option<u32>,
    /// What they want, as far as is known here; absent: that messages stay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub theirs: Option<u32>,
    /// They do not know yet what you want.
    #[serde(default, skip_serializing_if = "super::is_false")]
    pub untold: bool,
}

/// Parameters of `contact.disappear`.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct SetDisappearing {
    /// The persona that knows them; absent: the only one there is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub persona: Option<String>,
    /// Their name in this home, or their public key.
    pub contact: String,
    /// How long messages should stay, in seconds: [`crate::limits::MIN_TIMER`] to [`crate::limits::MAX_TIMER`]; 0: they
    /// should stay.
    pub after: u32,
}

/// Parameters of `contact.add`.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct AddContact {
    /// The persona that adds them; absent: the only one there is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub persona: Option<String>,
    /// A name for use in this home only. 1 to 64 characters, none a control character.
    pub name: String,
    /// A `bauta:` address, with or without an invitation, or a bare persona key: 66 hex digits, or as Mask writes it.
    /// Or a text that holds one of them, such as that of a social profile, or a post of Mask.
    pub address: String,
}

/// Names a contact of a persona.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct ContactRef {
    /// The persona that knows them; absent: the only one there is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub persona: Option<String>,
    /// Their name in this home, or their public key.
    pub contact: String,
}

/// Parameters of `contact.list`, `contact.requests` and `contact.blocked`.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct ListOf {
    /// The persona; absent: the only one there is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub persona: Option<String>,
    /// Only what comes after this place; take it from `next`. Absent: from the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

/// Result of `contact.list`.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct ContactList {
    /// By last activity, newest first.
    pub contacts: Vec<Contact>,
    /// Ask again with `after` set to this for what follows; absent: that was all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// Parameters of `contact.invite`.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct CreateInvitation {
    /// The persona that invites; absent: the only one there is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub persona: Option<String>,
    /// The name for whoever answers; absent: the first digits of their key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// Result of `contact.invite`.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct Invitation {
    /// The `bauta:` address to give to one person over a channel you trust. It works once.
    pub address: String,
    /// After this it is no longer read.
    pub expires_at: Utc,
}

/// A stranger's first message, not yet answered; the sender learns nothing until it is accepted.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct Request {
    /// For `contact.accept`, `contact.block` and `contact.delete`.
    pub id: String,
    /// The persona they wrote to.
    pub persona: String,
    /// Their secp256k1 public key: 66 hex digits.
    pub public_key: String,
    /// What they wrote; empty for a greeting without words.
    pub text: String,
    /// When it arrived here.
    pub received_at: Utc,
}

/// Result of `contact.requests`.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct RequestList {
    /// Oldest first.
    pub requests: Vec<Request>,
    /// Ask again with `after` set to this for what follows; absent: that was all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// Parameters of `contact.accept`.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct AcceptRequest {
    /// The persona they wrote to; absent: whichever has the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub persona: Option<String>,
    /// The request's id.
    pub id: String,
    /// A name for use in this home only.
    pub name: String,
}

/// Parameters of `contact.block` and `contact.delete`.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct BlockContact {
    /// The persona; absent: the only one there is, or whichever has the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub persona: Option<String>,
    /// A request's id, or a contact's name or public key.
    pub contact: String,
}

/// Result of `contact.block`: the key is refused from now on, and what they wrote as a request is deleted.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct Blocked {
    /// The blocked secp256k1 public key; absent where an unanswered invitation was withdrawn.
    #[serde(default)]
    pub public_key: Option<String>,
}

/// A key that a persona blocks, in the result of `contact.blocked`.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct BlockedKey {
    /// The secp256k1 public key: 66 hex digits.
    pub public_key: String,
    /// The name of the contact who has it. Absent: a stranger.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Since when.
    pub since: Utc,
}

/// Result of `contact.blocked`.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct BlockedList {
    /// By key.
    pub blocked: Vec<BlockedKey>,
    /// Ask again with `after` set to this for what follows; absent: that was all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// Parameters of `contact.rename`.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct RenameContact {
    /// The persona that knows them; absent: the only one there is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub persona: Option<String>,
    /// Their name in this home, or their public key.
    pub contact: String,
    /// Their name from now on.
    pub name: String,
}

/// Parameters of `contact.mute`.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct MuteContact {
    /// The persona that knows them; absent: the only one there is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub persona: Option<String>,
    /// Their name in this home, or their public key.
    pub contact: String,
    /// Whether they are muted from now on.
    pub muted: bool,
}

/// Parameters of `contact.verify`.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct VerifyContact {
    /// The persona that knows them; absent: the only one there is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub persona: Option<String>,
    /// Their name in this home, or their public key.
    pub contact: String,
    /// Remember that the numbers were equal (`true`) or no longer hold (`false`); absent: only show.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mark: Option<bool>,
}

/// Result of `contact.verify`.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct SafetyNumber {
    /// The contact's name.
    pub contact: String,
    /// 12 groups of 5 digits with single spaces. Equal on both sides, unless someone is in between.
    pub digits: String,
    /// What the QR code holds: hex.
    pub qr: String,
    /// Whether it was marked as equal.
    pub verified: bool,
}
