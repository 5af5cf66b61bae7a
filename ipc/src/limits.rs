//! The numbers of the API, each in one place: `openrpc.json` and `docs/api.md` list them, and the extension has them
//! from there. A number of the protocol that shows here too, such as the length of a text, is compared with that of
//! `bauta-protocol` by a test of the daemon: this crate knows nothing of the others.

/// A number of the API.
#[derive(Debug)]
pub struct Limit {
    /// The name of its constant.
    pub name: &'static str,
    /// The number.
    pub value: u64,
    /// What it is, and its unit.
    pub meaning: &'static str,
}

macro_rules! limits {
    ($(#[doc = $meaning:literal] $name:ident: $type:ty = $value:expr;)+) => {
        $(
            #[doc = $meaning]
            pub const $name: $type = $value;
        )+

        /// Every number, in the order of `docs/api.md`.
        pub static LIMITS: &[Limit] =
            &[$(Limit { name: stringify!($name), value: $name as u64, meaning: $meaning }),+];
    };
}

limits! {
    /// The version of the protocol; raised when an older client could not go on.
    PROTOCOL: u32 = 1;
    /// Bytes of the longest frame in either direction, without its line feed.
    MAX_FRAME: usize = 1 << 20;
    /// Bytes of the longest id of a request.
    MAX_ID: usize = 128;
    /// Bytes of the longest message or hint of an error; a longer one is cut.
    MAX_MESSAGE: usize = 4_000;
    /// Bytes of the longest text of a message, in UTF-8.
    MAX_TEXT: usize = 15_000;
    /// The shortest time after which messages disappear, in seconds.
    MIN_TIMER: u32 = 30;
    /// The longest time after which messages disappear, in seconds: a year.
    MAX_TIMER: u32 = 31_557_600;
    /// Characters of the longest text that messages are searched for.
    MAX_SEARCH: usize = 256;
    /// Bytes of the longest text of a post, in UTF-8.
    MAX_POST_TEXT: usize = 200_000;
    /// Characters of the longest name of a persona or a contact, and of the longest label of a pairing.
    MAX_NAME: usize = 64;
    /// Messages in one answer, where the call does not say how many.
    PAGE: u32 = 100;
    /// Items of a list in one answer, at most.
    MAX_PAGE: u32 = 500;
    /// Bytes of the items in one answer, as they are encoded, at most; but always one item.
    PAGE_BYTES: usize = 1 << 19;
    /// The longest time that `message.wait`, `post.wait` and `post.decrypt` wait, in milliseconds.
    MAX_WAIT_MS: u64 = 600_000;
    /// How long `post.decrypt` looks for a key where the call does not say, in milliseconds.
    LOOKUP_MS: u64 = 90_000;
    /// Personas for which one call of `post.decrypt` looks a key up, at most.
    LOOKUP_PERSONAS: usize = 8;
    /// Bytes of the longest name of a site where a post is shown.
    MAX_SITE: usize = 255;
    /// Connections at a time on a socket; for a further one the longest idle one makes place, or it gets `daemon.busy`.
    MAX_CONNECTIONS: usize = 64;
    /// Calls at a time on a connection; a further one gets `daemon.busy`.
    MAX_CALLS: usize = 32;
    /// Within this time the first frame must be there, in milliseconds.
    HELLO_MS: u64 = 10_000;
    /// Within this time a program must take a frame, in milliseconds; otherwise it is dropped.
    READ_MS: u64 = 20_000;
    /// How long calls under way may still run when the program has stopped writing, in milliseconds.
    FINISH_MS: u64 = 5_000;
    /// How long programs wait for a daemon that is starting, in milliseconds.
    STARTING_MS: u64 = 10_000;
    /// How long a daemon may take to lock, in milliseconds; then its process begins anew all the same.
    LOCKING_MS: u64 = 10_000;
    /// How long the code of a pairing can be typed, in milliseconds.
    CODE_MS: u64 = 120_000;
    /// How many wrong codes end a pairing.
    CODE_TRIES: u8 = 3;
    /// Codes that are drawn within `codes_ms`, at most.
    MAX_CODES: usize = 5;
    /// The time in which `max_codes` count, in milliseconds.
    CODES_MS: u64 = 600_000;
    /// Personas that one pairing may be limited to.
    MAX_PAIRED_PERSONAS: usize = 64;
    /// Pairings in force at a time. As many revoked ones are remembered.
    MAX_PAIRINGS: usize = 1_000;
}

/// The names of the traffic profiles, as `status.get` gives them.
pub const TRAFFIC_PROFILES: [&str; 5] = ["full", "saver", "metered", "paranoid", "test"];
