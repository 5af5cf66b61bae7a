//! The native messaging host of Bauta (`app.bauta.bridge`): connects a browser extension to the daemon of this user.
//!
//! A browser starts it, exchanges frames with it over standard input and output, and ends it. It stores nothing and does
//! not read messages. It checks only that a known extension started it; the daemon checks what that extension may do.

mod caller;
mod daemon;
mod frame;
mod host;
mod manifest;
mod places;

pub use self::caller::{Caller, CallerError, HOST_NAME};
pub use self::daemon::connect;
pub use self::frame::{FrameError, read_frame, write_frame};
pub use self::host::{End, join, report};
pub use self::manifest::{Family, MANIFEST_NAME, Manifest};
pub use self::places::{Browser, Place, Platform, Roots, Sandbox, manifest_in, system_places, user_places};
