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

/// The most doors of a relay: one lost gateway must not cut it off, and its descriptor stays short.
pub const MAX_DOORS: usize = 4;

/// The most doors that an address or a bundle names: two fit a QR code, and one lost gateway still leaves a way in.
pub const ADDRESS_DOORS: usize = 2;

/// A bundle expires at most this long after its version: it bounds how long a stolen prekey matters. A persona that is
/// online once a week stays reachable.
pub const BUNDLE_LIFETIME: Duration = DAY.saturating_mul(8);

/// A descriptor expires at most this long after its day begins: as long as a bundle that names it may live.
pub const DESCRIPTOR_LIFETIME: Duration = BUNDLE_LIFETIME;

/// Full days for which a relay keeps boxes, tombstones and deposits: three weeks away lose nothing.
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

/// How long a relay holds the reply to a get of an absent box.
///
/// The Nym SDK throws held reply blocks away when the mix nodes rotate their keys, so longer would lose replies.
pub const HOLD: Duration = Duration::from_secs(5 * 60);

const _: () = assert!(MAX_TEXT + 256 <= MAX_CONTENT, "a text fits a content with its fields");
