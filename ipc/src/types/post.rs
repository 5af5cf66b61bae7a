use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Utc;
use crate::RpcError;

/// A social network that Mask knows, with partitions on Gun relays.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SocialNetwork {
    /// twitter.com, also known as x.com.
    Twitter,
    /// facebook.com.
    Facebook,
    /// minds.com.
    Minds,
    /// instagram.com.
    Instagram,
}

/// The format of Mask in which a post is written. Both can be read, and the older -39 and -40.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum PostFormat {
    /// Version -37, for text posts.
    V37,
    /// Version -38, for posts inside images; only a persona with recovery words can write it for recipients.
    V38,
}

/// Whether the keys of a post are at a Gun relay.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum PostState {
    /// Safe on this machine's disk; they are sent without another call.
    Queued,
    /// A relay has all of them: they were read back. A post without recipients needs none.
    Published,
    /// Some were given up; `error` has the reason.
    Failed,
}

/// How the keys of a post reach its recipients.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum PostDelivery {
    /// To contacts in their conversations, and to all recipients through the Gun relays.
    #[default]
    Both,
    /// To all recipients through the Gun relays, where users of Mask look.
    Gun,
    /// Only in conversations: every recipient must be a contact. No Gun relay learns of the post.
    Contacts,
}

/// Parameters of `post.encrypt`. Without `public` and without `to`, only the author can read the post.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct EncryptPost {
    /// The persona that writes; absent: the only one there is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub persona: Option<String>,
    /// 1 to [`crate::MAX_POST_TEXT`] bytes of UTF-8.
    pub text: String,
    /// For everybody who has Mask or a program like it.
    #[serde(default)]
    pub public: bool,
    /// For these: contacts' names or public keys, known profiles (`person:twitter.com/bob`), or bare persona keys.
    #[serde(default)]
    pub to: Vec<String>,
    /// Where the post will be pasted; absent: Twitter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<SocialNetwork>,
    /// The author's own profile there, as `person:twitter.com/alice` or `alice`; everybody can read it in the post.
    /// Absent: the persona's profile, if one was set (`profile.set`); else the post names no profile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// Absent: `v37`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<PostFormat>,
    /// Metadata of plugins: a JSON object, kept value for value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub meta: Option<serde_json::Map<String, serde_json::Value>>,
    /// How its keys reach the recipients; absent: `both`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivery: Option<PostDelivery>,
}

/// Result of `post.encrypt`.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct EncryptedPost {
    /// What to paste.
    pub text: String,
    /// The post's IV, which identifies it: base64 of 16 bytes.
    pub iv: String,
    /// Who can read it besides the author: names of contacts, or what the parameters named.
    pub recipients: Vec<String>,
    /// Those of them who get the key in a conversation.
    #[serde(default)]
    pub by_message: Vec<String>,
    /// Whether everything is published, so that the recipients can open it.
    pub published: bool,
}

/// Parameters of `post.append`.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct AppendPost {
    /// The persona that wrote the post; absent: whichever did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub persona: Option<String>,
    /// The post as it was pasted; words around it do not matter.
    pub text: String,
    /// Further recipients, as in `post.encrypt`.
    pub to: Vec<String>,
    /// Where the post was pasted; absent: as when it was written, or as its text shows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<SocialNetwork>,
    /// How its keys reach the recipients; absent: `both`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivery: Option<PostDelivery>,
}

/// Result of `post.append`.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct AppendedPost {
    /// The post's IV: base64 of 16 bytes.
    pub iv: String,
    /// Who can read it now, in addition.
    pub recipients: Vec<String>,
    /// Those of them who get the key in a conversation.
    #[serde(default)]
    pub by_message: Vec<String>,
    /// Whether everything is published, so that they can open it.
    pub published: bool,
}

/// Parameters of `post.wait`.
/// Returns when all of the post's keys are published. Errors: `post.timeout` (it stays queued), `post.unknown`.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct WaitForPost {
    /// The persona that wrote the post; absent: any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub persona: Option<String>,
    /// The personas that may have written it; absent: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub personas: Option<Vec<String>>,
    /// The post's IV: base64 of 16 bytes.
    pub iv: String,
    /// How long, in milliseconds; at most [`crate::MAX_WAIT_MS`].
    pub timeout_ms: u64,
}

/// Result of `post.wait`, and content of the event `post.state`.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct PublishedPost {
    /// The post's IV: base64 of 16 bytes.
    pub iv: String,
    /// How far it has come.
    pub state: PostState,
    /// How many keys relays have.
    pub published: u32,
    /// How many keys there are.
    pub keys: u32,
    /// Why some were given up, or why the last attempt failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<RpcError>,
}

/// Parameters of `post.decrypt` and `post.check`.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct DecryptPost {
    /// The persona that reads; absent: each is tried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub persona: Option<String>,
    /// The personas that may be tried; absent: all. A pairing that is limited to some has these.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub personas: Option<Vec<String>>,
    /// The post; words around it do not matter. Of several posts, the first that opens is the answer.
    pub text: String,
    /// The network where the post was found; absent: the one it names, or else all are tried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<SocialNetwork>,
    /// The profile that the page shows as author, as `person:twitter.com/alice` or `alice`.
    /// The author's key is learned when the post names the same one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// The site that shows the post, such as `https://twitter.com`: kept with the post's key the first time.
    /// At most 255 bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub site: Option<String>,
    /// Open it only with what is on this machine; nothing is looked up.
    #[serde(default)]
    pub offline: bool,
    /// Look up a post of version -40 although that shows the reader's profile name to everybody who is connected to the
    /// Gun relay. Without it, such a post is `post.reveals`.
    #[serde(default)]
    pub reveal_profile: bool,
    /// How long to look for a key, in milliseconds; at most [`crate::MAX_WAIT_MS`]. Absent: 90 seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
}

/// Result of `post.check`: the errors of `post.decrypt` for what does not open are errors here too.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct CheckedPost {
    /// What opening it takes.
    pub needs: PostNeeds,
    /// Who wrote it, as it says: `person:twitter.com/alice`. Absent: it does not say.
    pub author: Option<String>,
    /// The author's secp256k1 public key, as it says or as known from the profile: 66 hex digits.
    pub author_key: Option<String>,
    /// The key is a contact's, an own persona's, or the one known for the profile.
    /// Anybody can name a known key in a post: it shows whom the post names, and not who wrote it.
    pub author_known: bool,
    /// Whether it is certain that the author wrote it, as in `post.decrypt`.
    pub author_proven: bool,
    /// The contact or own persona that has the key, by their name in this home.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author_name: Option<String>,
    /// The post is for everybody.
    pub public: bool,
    /// The site where its key was first used, as a caller said then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_site: Option<String>,
}

/// What it takes to open a post.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum PostNeeds {
    /// Nothing: it opens with what is here.
    Nothing,
    /// Its key must be looked up; whether it is there is not known.
    Lookup,
    /// Its key must be looked up under the reader's profile name: see `reveal_profile`.
    Profile,
}

/// Result of `post.decrypt`. A post names its author and the author's key; no version of the format proves either.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct DecryptedPost {
    /// The words; those of several parts with line feeds between.
    pub text: String,
    /// Who wrote it, as it says: `person:twitter.com/alice`. Absent: it does not say.
    pub author: Option<String>,
    /// The network where it was found: `twitter`, `facebook`, `minds`, `instagram`. Absent: not known.
    pub network: Option<SocialNetwork>,
    /// The author's secp256k1 public key, as it says or as known from the profile: 66 hex digits.
    pub author_key: Option<String>,
    /// The key is a contact's, an own persona's, or the one known for the profile.
    /// Anybody can name a known key in a post: it shows whom the post names, and not who wrote it.
    pub author_known: bool,
    /// Whether it is certain that the owner of `author_key` wrote these words: the post was written in this home, or its
    /// key and the hash of its content came from that contact, in their conversation.
    pub author_proven: bool,
    /// The contact or own persona that has the key, by their name in this home.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author_name: Option<String>,
    /// The post is for everybody.
    #[serde(default)]
    pub public: bool,
    /// How many can read it besides its author, who wrote it in this home: `post.append` adds more.
    /// Absent: not known, or for everybody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub readers: Option<u64>,
    /// The site where its key was first used, as a caller said then; of public posts, nothing is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_site: Option<String>,
    /// What plugins attached; absent if there is nothing, nothing that JSON can hold, or more than fits a frame.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub meta: Option<serde_json::Map<String, serde_json::Value>>,
    /// `profile.changed`: the profile is known with another key. Show it loudly.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warning: Option<RpcError>,
}

/// How posts are looked up and published. Parameters (what is absent stays) and result of `post.settings`.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct PostSettings {
    /// A look-up always asks for this many neighbouring tags, all of one fixed block: a power of two up to 64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub block: Option<u16>,
    /// The other tags of a block are asked for within this many seconds; at most 3600.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spread_seconds: Option<u32>,
    /// What this costs and what it hides, in a sentence. Only in results.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<String>,
}

/// The source of a profile's key.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ProfileSource {
    /// From the first post seen on the profile's page.
    Seen,
    /// Set by the user.
    Hand,
    /// Found in a text.
    Text,
    /// From a backup of Mask.
    Backup,
}

/// A social profile and the persona key behind it.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct Profile {
    /// `person:twitter.com/alice`.
    pub profile: String,
    /// Its secp256k1 public key: 66 hex digits.
    pub public_key: String,
    /// Its source.
    pub source: ProfileSource,
    /// Since when.
    pub since: Utc,
    /// The contact or own persona that has the key, by their name in this home.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Another key that posts of this profile showed since then: somebody may pretend to be them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub other_key: Option<String>,
}

/// Result of `profile.list`.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct ProfileList {
    /// By name.
    pub profiles: Vec<Profile>,
    /// Ask again with `after` set to this for what follows; absent: that was all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// Parameters of `profile.set`.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct SetProfile {
    /// `person:twitter.com/alice`, or `twitter.com/alice`.
    pub profile: String,
    /// Whose it is: the name of an own persona or of a contact, or a persona key.
    pub of: String,
    /// The persona whose contacts are meant; absent: the only one there is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub persona: Option<String>,
    /// Take the key in place of another one that is known for the profile.
    #[serde(default)]
    pub replace: bool,
}

/// Names a profile.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct ProfileRef {
    /// `person:twitter.com/alice`, or `twitter.com/alice`.
    pub profile: String,
}
