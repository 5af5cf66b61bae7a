//! Bounds on everything that is read from outside.
//! Each is far above what the extension produces, and low enough that no input costs much memory or time.

/// Bytes of one payload, binary or text.
pub const MAX_PAYLOAD: usize = 1 << 20;
/// Bytes of page text that are searched for payloads; what follows is not looked at.
pub const MAX_PAGE_TEXT: usize = 4 << 20;
/// Payloads taken from one page text.
pub const MAX_PAYLOADS_IN_TEXT: usize = 16;
/// Payloads of one form taken from a text that somebody pasted: a timeline may be copied as a whole.
pub const MAX_PAYLOADS_PASTED: usize = 64;
/// Arrays and maps inside one another, in payloads, messages, metadata and backups.
pub const MAX_DEPTH: usize = 100;
/// MessagePack or JSON values in one payload, message or key.
pub const MAX_NODES: usize = 1 << 16;
/// Characters of a network name or a user id.
pub const MAX_ID: usize = 512;
/// Records tried for one post.
pub const MAX_RECORDS: usize = 4096;
/// Bytes of the encrypted post key in one record; the extension writes 48 or 138.
pub const MAX_RECORD_KEY: usize = 1024;
/// Ephemeral keys in one payload; the extension writes one.
pub const MAX_EPHEMERAL_KEYS: usize = 4;
/// Recipients of one post or one append.
pub const MAX_RECIPIENTS: usize = 4096;
/// Characters of a key given as text: recovery words, JWK, private-key string.
pub const MAX_KEY_TEXT: usize = 1 << 14;
/// Bytes of a backup file.
pub const MAX_BACKUP: usize = 32 << 20;
/// MessagePack or JSON values in one backup.
pub const MAX_BACKUP_NODES: usize = 1 << 20;
/// Personas in one backup.
pub const MAX_PERSONAS: usize = 10_000;
/// Personas in one backup whose recovery words are tried; each takes as long as a partition hash.
pub const MAX_WORDS: usize = 256;
