//! The digest of a relay: lists of the boxes that wait there, the same for everybody, so that nobody has to name a box
//! to learn whether it came.
//!
//! This is the pure half: what travels is in [`crate::relay`].
//! Formats and rules are specified in `docs/protocol.md`, "Digest".

// How the parts belong together. A relay closes an interval every ten seconds. What came in it is a `set`; a `header`
// names that set, the header before, and the root of the `pages`, which hold all boxes that still wait. So two headers
// are one commitment to all that happened between them, and a relay that shows one client something else has to keep
// showing it other headers for ever. `chain` is where a client notices.

pub mod chain;
pub mod header;
pub mod pages;
pub mod set;

mod tree;
