//! The one error shape of the API, and the list of every code.

use std::error::Error;
use std::fmt;
use std::io;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::limits::MAX_MESSAGE;

/// Whether the same call can succeed later.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Retry {
    /// Not before something else changes.
    No,
    /// In a while, without doing anything.
    Later,
    /// At once.
    Now,
}

/// What went wrong, for people and for programs.
///
/// It travels as `error.data` of a JSON-RPC answer, in `status.get` under `health`, and from the command line with
/// `--json`.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct RpcError {
    /// Stable and dotted, such as `contact.unknown`.
    pub code: String,
    /// What happened, as one sentence.
    pub message: String,
    /// What to do about it, as one sentence; empty when there is nothing to do.
    #[serde(default)]
    pub hint: String,
    /// Whether the same call can succeed later.
    pub retry: Retry,
}

impl RpcError {
    /// An error with the code's own hint and retry. Of the message, and of a hint, [`MAX_MESSAGE`] bytes are kept.
    pub fn new(code: &Code, message: impl Into<String>) -> Self {
        Self {
            code: code.name.to_owned(),
            message: bounded(message.into()),
            hint: code.hint.to_owned(),
            retry: code.retry,
        }
    }

    /// An error of another part under this code; its message is the error and its causes, as [`sentence`] writes them.
    pub fn of(code: &Code, error: &dyn Error) -> Self {
        Self::new(code, sentence(error))
    }

    /// Replaces the hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = bounded(hint.into());
        self
    }

    /// Replaces the retry.
    #[must_use]
    pub fn retry(mut self, retry: Retry) -> Self {
        self.retry = retry;
        self
    }

    /// Whether this is an error of that code.
    pub fn is(&self, code: &Code) -> bool {
        self.code == code.name
    }

    /// What the command line exits with.
    pub fn exit(&self) -> Exit {
        exit_for(&self.code)
    }

    /// The number in a JSON-RPC answer's `error.code`.
    pub fn number(&self) -> i64 {
        match self.code.as_str() {
            "request.parse" => -32_700,
            "request.invalid" | "request.batch" => -32_600,
            "request.method" => -32_601,
            "request.params" => -32_602,
            _ => match self.exit() {
                Exit::Ok | Exit::User => -32_001,
                Exit::Bug => -32_603,
                Exit::Network => -32_003,
                Exit::Daemon => -32_004,
                Exit::Locked => -32_005,
            },
        }
    }
}

// An error may quote what a caller or somebody else wrote, and each byte of that can be six in JSON. The error is in its
// frame twice, so a long one would fit none, and the connection would end instead.
fn bounded(mut text: String) -> String {
    if text.len() > MAX_MESSAGE {
        text.truncate(text.floor_char_boundary(MAX_MESSAGE.saturating_sub('…'.len_utf8())));
        text.push('…');
    }
    text
}

impl fmt::Display for RpcError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for RpcError {}

/// The code for a file that could not be used: `store.full` where the disk, or this user's share of it, is full, and
/// else another one.
pub fn file_code(error: &io::Error, otherwise: &'static Code) -> &'static Code {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => &codes::STORE_FULL,
        _ => otherwise,
    }
}

/// An error and its causes as one sentence. A cause that the text before it quotes is not repeated.
pub fn sentence(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    let mut letters = text.chars();
    let first: String = letters.next().into_iter().flat_map(char::to_uppercase).collect();
    let end = if text.ends_with(['.', '!', '?']) { "" } else { "." };
    format!("{first}{}{end}", letters.as_str())
}

/// What the command line exits with.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Exit {
    /// All went well.
    Ok = 0,
    /// The user can put it right; usage errors too.
    User = 1,
    /// A bug, or a broken machine.
    Bug = 2,
    /// The network, a relay, or time.
    Network = 3,
    /// The daemon does not answer.
    Daemon = 4,
    /// Locked, or not allowed.
    Locked = 5,
}

/// The exit status for an error code. A code this version does not know counts by its first word.
pub fn exit_for(code: &str) -> Exit {
    if let Some(known) = CODES.iter().find(|known| known.name == code) {
        return known.exit;
    }
    match code.split('.').next() {
        Some("network" | "relay" | "message") => Exit::Network,
        Some("daemon") => Exit::Daemon,
        Some("access" | "unlock") => Exit::Locked,
        Some("internal") | None => Exit::Bug,
        Some(_) => Exit::User,
    }
}

/// One error code.
#[derive(Debug)]
pub struct Code {
    /// Stable and dotted.
    pub name: &'static str,
    /// What the command line exits with.
    pub exit: Exit,
    /// Whether the same call can succeed later, unless the error says otherwise.
    pub retry: Retry,
    /// When it happens.
    pub meaning: &'static str,
    /// What to do, unless the error says otherwise.
    pub hint: &'static str,
}

macro_rules! error_codes {
    ($($constant:ident $name:literal $exit:ident $retry:ident $meaning:literal $hint:literal;)+) => {
        /// Every error code, as a constant.
        pub mod codes {
            use super::{Code, Exit, Retry};
            $(
                #[doc = $meaning]
                pub static $constant: Code = Code {
                    name: $name, exit: Exit::$exit, retry: Retry::$retry, meaning: $meaning, hint: $hint,
                };
            )+
        }

        /// Every error code, in the order of `docs/api.md`.
        pub static CODES: &[&Code] = &[$(&codes::$constant),+];
    };
}

error_codes! {
    REQUEST_PARSE "request.parse" User No "The frame is not JSON. The connection is closed." "Send one JSON object per line.";
    REQUEST_INVALID "request.invalid" User No "The frame is JSON, but not a request." "See docs/api.md.";
    REQUEST_BATCH "request.batch" User No "A batch was sent; batches are not supported." "Send the requests one by one.";
    REQUEST_TOO_LARGE "request.too_large" User No "The frame is too long. The connection is closed." "Send less at once.";
    ANSWER_TOO_LARGE "answer.too_large" User No "The answer is longer than a frame." "Ask for less at once.";
    REQUEST_METHOD "request.method" User No "There is no such method." "See docs/api.md for the methods.";
    REQUEST_PARAMS "request.params" User No "The parameters are not right for the method." "See docs/api.md for the parameters.";
    HELLO_REQUIRED "hello.required" User No "The first frame was not hello. The connection is closed." "Send hello first.";
    HELLO_UNSUPPORTED "hello.unsupported" User No "The daemon does not speak the client's protocol version. The connection is closed." "Use the same version of Bauta on both sides; restart the daemon after an update.";
    HELLO_REPEATED "hello.repeated" User No "A second hello was sent." "Send hello once, as the first frame.";
    ACCESS_DENIED "access.denied" Locked No "The connection does not have the grant the method needs." "Ask for the grant.";
    ACCESS_PEER "access.peer" Locked No "The socket belongs to another user of this machine, or the client does." "Run the command as the user who runs the daemon.";
    ACCESS_UNPAIRED "access.unpaired" Locked No "The extension is not paired, or has not proven its pairing on this connection." "Pair it: it shows a code for bauta pair approve CODE";
    ACCESS_REVOKED "access.revoked" Locked No "The extension's pairing was revoked." "Pair it again.";
    ACCESS_ORIGIN "access.origin" Locked No "The caller is not an extension that may use Bauta, or not the one that was paired." "Use the extension that belongs to Bauta.";
    ACCESS_FILES "access.files" Locked No "A file or directory of the home cannot be read or written, or other users could do so." "Check who owns the home and its permissions.";
    PAIR_PENDING "pair.pending" User Later "Another extension waits for its code to be typed." "Type that code, or wait two minutes.";
    PAIR_LIMIT "pair.limit" User Later "Too many codes were asked for, or too many pairings are kept." "Wait ten minutes.";
    PAIR_KEY "pair.key" User No "The extension's key is not an ECDSA P-256 public key." "Update the extension.";
    PAIR_CODE "pair.code" User No "The code is wrong, or no extension waits for one." "Type the six digits that the extension shows; after the third wrong code, or two minutes, ask for a new one there.";
    PAIR_GRANT "pair.grant" User No "No extension gets this grant." "Leave persona.admin out.";
    PAIR_UNKNOWN "pair.unknown" User No "There is no pairing with that id." "See bauta pair list.";
    SESSION_REFUSED "session.refused" Locked Now "The signature is wrong, or there is no unused challenge." "Ask for a new challenge.";
    DAEMON_NOT_RUNNING "daemon.not_running" Daemon Later "Nothing answers on the socket." "Start it: bauta up";
    DAEMON_UNREACHABLE "daemon.unreachable" Daemon Later "The connection to the daemon broke before the answer came." "Ask again: bauta status";
    DAEMON_BUSY "daemon.busy" Daemon Later "Too many requests or connections at once." "Ask again in a moment.";
    DAEMON_STOPPING "daemon.stopping" Daemon Later "The daemon is stopping." "Start it again: bauta up";
    DAEMON_LOCKED "daemon.locked" Locked No "The daemon is locked: its store is closed, and it is connected to nothing." "Unlock it: bauta unlock";
    DAEMON_RUNNING "daemon.running" User No "Another daemon runs on this home." "Stop it first, or choose another --home.";
    USAGE "usage" User No "The command line was not understood." "See bauta --help.";
    HOME_INVALID "home.invalid" User No "The home directory cannot be used." "Choose another with --home or BAUTA_HOME.";
    UNLOCK_REQUIRED "unlock.required" User No "The first run needs to know how to protect the store." "Use --unlock keychain, passphrase or keyfile.";
    UNLOCK_FAILED "unlock.failed" Locked No "The store could not be unlocked: wrong passphrase, missing key file, or the keychain refused." "Try again.";
    STORE_LOCKED "store.locked" Locked No "The store is not open yet." "Unlock it first.";
    STORE_GONE "store.gone" User No "The home had a store, and its database is empty or gone." "Put back the whole home from a copy. To begin again with nothing, move the home away, or use another: bauta --home DIR up";
    STORE_NEWER "store.newer" User No "The store was written by a newer version." "Use that version of Bauta or a later one.";
    STORE_OLD "store.old" User No "The store was written by a version from before the first release." "Export the personas with that version, then begin with an empty home: bauta --home DIR up";
    STORE_FULL "store.full" User Later "The disk is full." "Free some space on the disk.";
    STORE_FAILED "store.failed" Bug No "The store could not be read or written." "See the daemon's log.";
    CONFIG_UNKNOWN "config.unknown" User No "There is no setting of that name." "See bauta config list.";
    CONFIG_VALUE "config.value" User No "The value does not fit the setting." "See bauta config list.";
    NETWORK_INVALID "network.invalid" User No "The network file cannot be read, or names something that is not on this machine." "Give mainnet or a network.json written by bauta localnet.";
    NETWORK_UNREACHABLE "network.unreachable" Network Later "The mixnet cannot be reached." "Check this machine's connection; Bauta keeps trying.";
    NETWORK_CLOCK "network.clock" Network Later "The gateways of the mixnet say that this machine's clock is wrong." "Set the clock and the time zone of this machine; Bauta then connects by itself.";
    NETWORK_TICKETS "network.tickets" Network Later "The gateways of the mixnet give no bandwidth away: they ask for paid tickets." "Bauta cannot pay. It tries again, ever more rarely; see whether there is a newer Bauta.";
    NETWORK_FULL "network.full" Network Later "The gateways of the mixnet close each connection at once: they are full, or the local network cuts it." "Bauta tries again, ever more rarely. If this lasts, try another network.";
    NETWORK_PROTOCOL "network.protocol" Network No "The gateways of the mixnet speak another version of the protocol." "Update Bauta.";
    NETWORK_REFUSED "network.refused" Network Later "The gateways of the mixnet refuse this program and do not say why." "Bauta tries again, ever more rarely; with BAUTA_LOG=debug its log has their words.";
    NETWORK_TIMEOUT "network.timeout" Network Later "No answer came through the mixnet in time." "Bauta keeps trying; see bauta status.";
    RELAY_NONE "relay.none" User No "No relay is known." "Name one: bauta up --relay ADDRESS";
    RELAY_INVALID "relay.invalid" User No "The relay address is not valid." "It begins with bauta-relay: and is printed by bauta relay.";
    RELAY_REFUSED "relay.refused" Network No "The relay refused the request." "Use another relay, or tell its operator.";
    RELAY_SUSPECT "relay.suspect" Network Later "The relay seems to show a contact a different descriptor than you." "Bauta compares the two with the contact; nothing needs to be done yet.";
    RELAY_DISHONEST "relay.dishonest" Network No "The relay shows different clients different addresses, so it could tell them apart. It is no longer used." "Use another relay.";
    RELAY_NONSENSE "relay.nonsense" Network Later "A relay sent invalid answers or forged bundles. They were discarded." "What you sent waits and is tried again. If this lasts, use another relay: bauta up --relay ADDRESS";
    RELAY_APART "relay.apart" User No "Every relay that is known is used by another persona of this home." "Name a relay of another operator: bauta up --relay ADDRESS";
    RELAY_FAILED "relay.failed" Network No "The relay service could not start or went down." "See its log.";
    LOCALNET_FAILED "localnet.failed" User No "The local mixnet could not start." "Check the directory, or use another one.";
    PERSONA_NONE "persona.none" User No "There is no persona yet." "Make one: bauta persona new NAME";
    PERSONA_CHOICE "persona.choice" User No "There are several personas, and none was named." "Name one: --as PERSONA";
    PERSONA_UNKNOWN "persona.unknown" User No "There is no persona of that name." "See bauta persona list.";
    PERSONA_EXISTS "persona.exists" User No "There is a persona of that name already." "Choose another name.";
    PERSONA_ELSEWHERE "persona.elsewhere" Locked No "The persona is used by another home, so this one sends and receives nothing of it." "Use the other home. If it should be this one, make a backup of it (bauta backup FILE) and restore that into an empty home (bauta --home DIR restore FILE).";
    PERSONA_SECRET "persona.secret" User No "The recovery words or the key cannot be read." "Check that all of it was copied.";
    BACKUP_PLACE "backup.place" User No "A backup is written into a new file, and restored into a home without a store." "Name another file, or another home: bauta --home DIR restore FILE";
    BACKUP_PASSPHRASE "backup.passphrase" Locked No "The passphrase does not open the backup of a home, or is empty." "Try again.";
    BACKUP_DAMAGED "backup.damaged" User No "The file is not a backup of a home, or it is damaged." "Use another backup.";
    BACKUP_FAILED "backup.failed" User Later "The last backup by the clock could not be made." "See bauta config list: backup.dir is an absolute directory that is there and has room. It is tried again within the hour.";
    HOME_MOVED "home.moved" Locked No "This home was moved to another machine, so it sends and receives nothing." "Use the other one. What is here can be read; delete this home when you do not need it.";
    BACKUP_INVALID "backup.invalid" User No "The file is not a backup of Mask, or it is damaged." "Fetch it again from where it was saved.";
    BACKUP_PASSWORD "backup.password" User No "The password does not open the backup." "Try again; a backup from Mask's cloud needs the mail address or phone number before the password.";
    BACKUP_VERSION "backup.version" User No "The backup has a version that Bauta does not read." "Import it into Mask's extension and save a new backup there.";
    NAME_INVALID "name.invalid" User No "The name is empty, too long, or contains control characters." "Choose another name.";
    CONTACT_UNKNOWN "contact.unknown" User No "There is no contact of that name or key." "See bauta contact list.";
    CONTACT_EXISTS "contact.exists" User No "There is a contact of that name or key already." "Choose another name, or see bauta contact list.";
    CONTACT_ADDRESS "contact.address" User No "The address is not valid." "Copy the whole address; it begins with bauta: or is a key of 66 hex digits.";
    CONTACT_SELF "contact.self" User No "The address is this persona's own." "Give it to someone else, or add another address.";
    CONTACT_BLOCKED "contact.blocked" User No "The contact is blocked." "Choose another contact.";
    CONTACT_PENDING "contact.pending" User Later "The contact has not answered yet, so this is not possible yet." "Wait for contact.added or contact.changed.";
    CONTACT_REQUEST "contact.request_unknown" User No "There is no request with that id." "See bauta contact requests.";
    CONTACT_UNREACHABLE "contact.unreachable" Network Later "No relay known here has a current bundle of the contact." "Ask them to start Bauta, or for a new address.";
    CONTACT_CHANGED "contact.changed" User No "The contact's long-term session key has changed." "Compare the safety number: bauta contact verify NAME";
    CONTACT_RESTARTED "contact.restarted" Network Later "A conversation begins again, because this home or the contact's was set back to an older copy or restored from a backup." "What was sent in between may be missing on one side: ask for it. Messages that were not received go out again by themselves, within hours.";
    CONTACT_REQUESTS_LOST "contact.requests_lost" User Later "Strangers left more requests than are kept. Those that cost their senders least were dropped." "Look through those that are left: bauta contact requests";
    INVITATION_USED "invitation.used" User No "Someone else has used the invitation." "Ask for a new one, and tell the sender that somebody else used the old one.";
    INVITATION_EXPIRED "invitation.expired" User No "The invitation has ended." "Ask for a new one.";
    MESSAGE_EXISTS "message.exists" User No "A message with that id was written already, with another text or for another contact." "Choose another id.";
    MESSAGE_UNKNOWN "message.unknown" User No "There is no message with that id." "See bauta history NAME.";
    MESSAGE_TEXT "message.text" User No "The text is empty or too long." "Send it in parts.";
    SEARCH_TEXT "search.text" User No "There is nothing to search for, or too much." "Give a word, or a part of one.";
    MESSAGE_FAILED "message.failed" Network No "The message will not arrive." "See bauta history NAME for the reason.";
    MESSAGE_TIMEOUT "message.timeout" Network Later "The message did not get that far in time. It stays queued." "See bauta status; Bauta keeps trying.";
    MESSAGE_UNRECEIVED "message.unreceived" Network Later "A message has been at the relay for days without being received." "The contact may be offline.";
    POST_NONE "post.none" User No "The text contains no post of Mask." "Copy the whole post, with its link or its mark.";
    POST_DAMAGED "post.damaged" User No "The post is damaged or was changed." "Copy it again, as a whole.";
    POST_VERSION "post.version" User No "The post has a version that this program does not know." "Update Bauta.";
    POST_CURVE "post.curve" User No "The post, or the key, is for the curve P-256, which Mask names but cannot use." "Only secp256k1 personas work.";
    POST_NOT_SHARED "post.not_shared" User Later "The post is not shared with any of your personas, or its keys are not published yet." "Ask the author to add you: bauta post append";
    POST_REVEALS "post.reveals" User No "The key of the post can be looked up only under your profile name, which everybody connected to the Gun relay would see." "To do so once: bauta post decrypt --reveal-profile";
    POST_AUTHOR "post.author" User No "The post can be opened or extended only by its author's persona, or with the author's key, and that is not here." "Say who wrote it with --author, or act as the persona that did.";
    POST_TEXT "post.text" User No "The post is empty or too long." "Write it in parts.";
    POST_RECIPIENTS "post.recipients" User No "The people named cannot be recipients of a post." "Name contacts whose key is known, or make the post public.";
    POST_UNKNOWN "post.unknown" User No "No post with that IV was written here." "Copy the IV from bauta post encrypt --json.";
    POST_TIMEOUT "post.timeout" Network Later "The keys were not published in time. They stay queued." "Bauta keeps trying; see bauta status.";
    POST_FAILED "post.failed" Network No "The keys were given up: no relay accepted them for weeks." "Encrypt the post again, or append the recipients again.";
    PROFILE_INVALID "profile.invalid" User No "This is not a profile." "Write it as person:twitter.com/alice.";
    PROFILE_UNKNOWN "profile.unknown" User No "Nothing is known about that profile." "See bauta profile list.";
    PROFILE_CHANGED "profile.changed" User No "The profile is known with another persona key: they have a new persona, or somebody is impersonating them." "Ask them over another channel which key is theirs; then: bauta profile set PROFILE KEY --replace";
    GUN_UNREACHABLE "gun.unreachable" Network Later "No Gun relay could be reached or answered." "Bauta keeps trying to publish; look up again in a while. See bauta status.";
    GUN_NONE "gun.none" User No "No Gun relay is set, so keys of posts cannot be published or looked up." "Name one: bauta up --gun URL";
    EVENT_CURSOR "event.cursor" User No "The log does not contain that cursor." "Subscribe without since, and read the lists again.";
    EVENT_SUBSCRIBED "event.subscribed" User No "This connection already follows the events." "Open a second connection.";
    INTERRUPTED "interrupted" User Now "The command was interrupted." "";
    FILE_FAILED "file.failed" User No "A file or stream could not be read or written." "Check the path and its permissions.";
    INTERNAL "internal" Bug No "Something happened that should not be possible." "Please report it, with the daemon's log.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("the door does not open")]
    struct Unquoted(#[source] std::io::Error);

    #[derive(Debug, thiserror::Error)]
    #[error("the door does not open: {0}")]
    struct Quoted(#[source] std::io::Error);

    #[test]
    fn each_cause_is_named_once() {
        let rust = || std::io::Error::other("rust");
        for error in [&Unquoted(rust()) as &dyn Error, &Quoted(rust())] {
            assert_eq!(sentence(error), "The door does not open: rust.");
        }
        assert_eq!(sentence(&std::io::Error::other("done.")), "Done.");
        let told = RpcError::of(&codes::USAGE, &Unquoted(rust()));
        assert_eq!(
            (told.message, told.hint.as_str()),
            ("The door does not open: rust.".into(), codes::USAGE.hint)
        );
    }
}
