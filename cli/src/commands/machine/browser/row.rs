//! What the command prints of a manifest.

use std::path::Path;

use serde::Serialize;

use crate::commands::machine::manifests::{Condition, Scope, Spot, inspect, is_program};
use crate::{plain_table, printable};

/// A spot as `--json` shows it.
#[derive(Serialize)]
pub(super) struct Row {
    /// What the browsers are called on the command line.
    browsers: Vec<&'static str>,
    title: String,
    scope: &'static str,
    pub(super) path: String,
    #[serde(flatten)]
    pub(super) what: What,
}

/// What was done, or would be done, to a manifest; or its state.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub(super) enum What {
    Written,
    Removed,
    Current,
    WouldWrite,
    WouldRemove,
    /// Of another platform, so nothing can be checked.
    Planned,
    Missing,
    /// The browser is not installed.
    NotFound,
    /// Another browser reads the same file.
    Shared {
        with: String,
    },
    /// It names another host, or was written by another version.
    Differs {
        host: String,
    },
    HostMissing {
        host: String,
    },
    Foreign {
        host: String,
    },
    Damaged,
    Unreadable {
        reason: String,
    },
}

impl What {
    fn words(&self) -> String {
        match self {
            Self::Written => "written".to_owned(),
            Self::Removed => "removed".to_owned(),
            Self::Current => "installed".to_owned(),
            Self::WouldWrite => "would be written".to_owned(),
            Self::WouldRemove => "would be removed".to_owned(),
            Self::Planned => String::new(),
            Self::Missing => "not installed".to_owned(),
            Self::NotFound => "browser not found".to_owned(),
            Self::Shared { with } => format!("kept, because {with} reads it, too"),
            Self::Differs { host } => format!("installed, for {host}"),
            Self::HostMissing { host } => format!("installed, but {host} is not a program"),
            Self::Foreign { .. } => "kept, because Bauta did not write it".to_owned(),
            Self::Damaged => "damaged".to_owned(),
            Self::Unreadable { reason } => format!("cannot be read: {reason}"),
        }
    }
}

pub(super) fn row(spot: &Spot, scope: Scope, what: What) -> Row {
    Row {
        browsers: spot.names(),
        title: spot.title(),
        scope: scope.name(),
        path: spot.path.display().to_string(),
        what,
    }
}

/// The state of a manifest, compared with this version and its host.
pub(super) fn state(spot: &Spot, host: Option<&Path>) -> What {
    match inspect(spot) {
        Condition::Missing => What::Missing,
        Condition::Unreadable(error) => What::Unreadable { reason: error.to_string() },
        Condition::Damaged => What::Damaged,
        Condition::Foreign(manifest) => What::Foreign { host: shown(&manifest.host) },
        Condition::Ours { manifest, .. } if !is_program(&manifest.host) => {
            What::HostMissing { host: shown(&manifest.host) }
        }
        Condition::Ours { manifest, .. } if !manifest.is_usable || !manifest.allows_extensions => {
            What::Differs { host: shown(&manifest.host) }
        }
        Condition::Ours { manifest, .. } => match host {
            Some(host) if host != manifest.host => What::Differs { host: shown(&manifest.host) },
            _ => What::Current,
        },
    }
}

pub(super) fn shown(path: &Path) -> String {
    printable(&path.display().to_string())
}

pub(super) fn table(rows: &[Row]) -> String {
    let row = |row: &Row| [row.title.clone(), printable(&row.path), row.what.words()];
    plain_table(["BROWSER", "MANIFEST", "STATE"], rows.iter().map(row))
}
