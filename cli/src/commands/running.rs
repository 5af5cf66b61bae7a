//! The commands that run something in this process, in the foreground: a daemon, a relay, a network, the demo.

pub(super) mod background;
pub(super) mod demo;
pub(super) mod localnet;
pub(super) mod network;
pub(super) mod passphrase;
pub(super) mod relay;
pub(super) mod restore;
pub(super) mod up;

mod renewing;
mod unlocking;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use bauta_ipc::{RpcError, codes};
use bauta_sphinx_client::{PROFILES, Traffic};
use clap::builder::{PossibleValuesParser, TypedValueParser};

/// The traffic profiles, by name.
fn profiles() -> impl TypedValueParser<Value = Traffic> {
    PossibleValuesParser::new(PROFILES.map(Traffic::name)).try_map(|name| name.parse::<Traffic>())
}

/// The directory that a command works in.
enum WorkDir {
    /// The user's; it stays.
    Kept(PathBuf),
    /// One that is removed at the end.
    Temporary(tempfile::TempDir),
}

impl WorkDir {
    /// Makes `chosen` where it is missing, or without it a temporary directory.
    fn open(chosen: Option<PathBuf>, command: &str) -> Result<Self, RpcError> {
        let failed = |error: io::Error| {
            RpcError::new(&codes::FILE_FAILED, format!("The directory cannot be used: {error}."))
        };
        match chosen {
            Some(dir) => {
                fs::create_dir_all(&dir).map_err(failed)?;
                Ok(Self::Kept(std::path::absolute(dir).map_err(failed)?))
            }
            None => tempfile::Builder::new()
                .prefix(&format!("bauta-{command}-"))
                .tempdir()
                .map(Self::Temporary)
                .map_err(failed),
        }
    }

    fn path(&self) -> &Path {
        match self {
            Self::Kept(path) => path,
            Self::Temporary(dir) => dir.path(),
        }
    }
}
