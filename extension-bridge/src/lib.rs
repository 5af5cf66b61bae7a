//! The native messaging host of Bauta (`app.bauta.bridge`): joins a browser extension to the daemon of this user.
//!
//! A browser starts it, speaks with it over standard input and output, and ends it. It keeps nothing, decides nothing
//! beyond who may have started it, and knows no message: the daemon checks what the extension behind it may do.

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
pub use self::places::{
    Browser, Place, Platform, Roots, Sandbox, profile_manifest, system_places, user_places,
};
