//! When a daemon locks itself.

use std::time::Duration;

/// A shorter time would lock the daemon between two commands.
const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// Whether the daemon locks itself before the machine sleeps.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum AtSuspend {
    /// If a passphrase protects the home: where nobody is asked for one, locking keeps nobody out.
    #[default]
    Auto,
    On,
    Off,
}

/// Neither `auto`, `on` nor `off`.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("choose auto, on or off")]
pub(crate) struct UnknownWord;

impl std::str::FromStr for AtSuspend {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        match text {
            "auto" => Ok(Self::Auto),
            "on" => Ok(Self::On),
            "off" => Ok(Self::Off),
            _ => Err(UnknownWord),
        }
    }
}

impl std::fmt::Display for AtSuspend {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Auto => "auto",
            Self::On => "on",
            Self::Off => "off",
        })
    }
}

/// The settings of locking.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Locking {
    /// Locks when nobody has used the daemon for so long.
    pub(crate) after: Option<Duration>,
    pub(crate) at_suspend: AtSuspend,
}

/// A value of `lock.after` as it is kept.
pub(super) fn lock_after(value: &str) -> Result<String, String> {
    let after: humantime::Duration =
        value.parse().map_err(|error: humantime::DurationError| bauta_ipc::sentence(&error))?;
    match (SHORTEST..=LONGEST).contains(after.as_ref()) {
        true => Ok(after.to_string()),
        false => Err("It is between a second and a year.".to_owned()),
    }
}
