//! The numbers that both ends of a conversation, and the relay between them, must agree on, each with its reason.
//!
//! All are constants: a setting that others can notice would identify its user. Lengths that follow from a format
//! (`BUNDLE_LEN`, `DESCRIPTOR_LEN`, `HANDSHAKE_LEN`) are beside the code that writes it.

use std::time::Duration;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Bytes of one box as a relay stores it: a put with its reply block fits one Sphinx packet.
pub const BOX_LEN: usize = 1024;

/// Bytes sealed inside one box: what is left after the nonce (24) and the tag (16).
pub const BOX_PLAIN: usize = BOX_LEN - 24 - 16;

/// How many boxes from the first missing one a reader asks for and accepts: it bounds what a reader polls and keeps.
pub const WINDOW: usize = 8;

/// Boxes of one lane. No conversation comes near it; it keeps the ratchet's message index within seven bytes, so that a
/// message always fits its box.
pub const MAX_BOXES: u64 = 1 << 48;

/// Bytes of one content at most: 19 boxes, so that one message cannot fill the window many times over.
pub const MAX_CONTENT: usize = 16 * 1024;

/// UTF-8 bytes of a text at most: with its fields it fits a content.
pub const MAX_TEXT: usize = 15_000;

/// Bytes of a request's and a reply's body of the small class: a put fits, and nothing more.
pub const SMALL_BODY: usize = 1088;

/// Bytes of a request's and a reply's body of the large class: a handshake fits, in the fewest packets.
pub const LARGE_BODY: usize = 4096;

/// Bytes of a body that asks for a part of the digest: so few that it travels in one packet together with the reply
/// blocks of a large reply. Its reply has [`LARGE_BODY`] bytes.
pub const QUESTION_BODY: usize = 32;

/// The most doors of a relay: one lost gateway must not cut it off, and its descriptor stays short.
pub const MAX_DOORS: usize = 4;

/// The most doors that an address or a bundle names: two fit a QR code, and one lost gateway still leaves a way in.
pub const ADDRESS_DOORS: usize = 2;

/// A bundle expires at most this long after its version: it bounds how long a stolen prekey matters. A persona that is
/// online once a week stays reachable.
pub const BUNDLE_LIFETIME: Duration = DAY.saturating_mul(8);

/// A descriptor expires at most this long after its day begins: as long as a bundle that names it may live.
pub const DESCRIPTOR_LIFETIME: Duration = BUNDLE_LIFETIME;

/// Full days for which a relay keeps deposits, and boxes that never went out: three weeks away lose nothing.
///
/// Expiry has the grain of a day, so that the disk does not say at which minute a box came.
pub const TTL_DAYS: u32 = 21;

/// [`TTL_DAYS`] as a duration: after this long without a write, nothing can come over a lane.
pub const TTL: Duration = DAY.saturating_mul(TTL_DAYS);

/// The private side of a bundle is kept this long after its expiry: a deposit may wait for its whole time to live, and
/// clocks differ.
pub const KEEP_AFTER_EXPIRY: Duration = TTL.saturating_add(CLOCK_SKEW);

/// A bundle's version may be this far in the future: clocks differ.
pub const CLOCK_SKEW: Duration = DAY;

/// Leading zero bits of a put's work at most: a quarter of a minute on a slow machine. A relay that asks for more is not
/// believed, or it could keep its clients busy for ever.
pub const MAX_PUT_BITS: u8 = 24;

/// Leading zero bits of a deposit's Argon2id work at most: about ten seconds, and 32 MiB.
pub const MAX_DEPOSIT_BITS: u8 = 8;

/// How long a relay holds the reply to a get of an absent box. The end of a hold is not answered.
///
/// As long as a conversation counts as live after a message: only its next boxes are asked for ahead of time.
pub const HOLD: Duration = Duration::from_secs(90);

/// A relay drops a box this many hours after it first went out. Nobody deletes a box: who does, says that it was read,
/// and when. A reader whose answer was lost has this long to ask again.
pub const KEPT_AFTER_OUT_HOURS: u32 = 24;

/// A relay forgets the id of a box this many hours after it first went out. Until then the same box is not stored again;
/// a writer that has no receipt after five days puts it once more, and heals an answer that was lost for good.
pub const KNOWN_AFTER_OUT_HOURS: u32 = 4 * 24;

/// Milliseconds of an interval of a relay's digest: an idle client learns of a box after about one and a half of them,
/// and asks once in each, so that shorter would cost traffic and longer would be felt.
pub const INTERVAL_MS: u64 = 10_000;

/// How many intervals a digest's pages are kept unchanged: two minutes, the time of one walk over all of them.
pub const PAGES_EVERY: u64 = 12;

/// A tag that is not in a set of a digest is found there once in two to the power of this many times: a false match
/// costs one get, and with a thousand tags to look for one comes about every third hour.
pub const FALSE_MATCH_BITS: u32 = 20;

/// Bits of an entry's remainder in a set: with 2^20 places for each entry, 19 are the shortest on average (21.54 bits an
/// entry, 21.58 with 20 of them), and no entry takes more than 22.
pub const RICE_BITS: u32 = 19;

/// Entries of one set at most: what fits a large body with a header and no proof.
pub const SET_ENTRIES: usize = 1437;

/// Entries of one interval's set at most: two intervals with their headers fit a large body. It is 69 boxes a second;
/// those above it are found through the pages.
pub const INTERVAL_ENTRIES: usize = 693;

/// Pages are two to the power of this at most: they hold four and a half million waiting boxes, and a walk over them in
/// two minutes would already be 34 exchanges a second.
pub const MAX_PAGE_BITS: u8 = 12;

/// A client keeps this many headers to compare with: those of two minutes, in which an answer may come after those to
/// later questions. It gives up an exchange about a digest after 90 seconds, so that an answer, which may have been given
/// at the end of an interval, is fewer intervals than this behind.
pub const KNOWN_HEADERS: usize = 12;

const _: () = assert!(MAX_TEXT + 256 <= MAX_CONTENT, "a text fits a content with its fields");
