use std::io;
use std::path::PathBuf;

use bauta_protocol::backup::LineError;
use bauta_protocol::error::{HasKind, Kind};

use crate::store::StoreError;
use crate::unlock::UnlockError;

/// Why there is no backup, or none could be restored.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// A file could not be read or written.
    #[error("{} cannot be used: {source}", .path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A backup is never written over another file.
    #[error("there is a file {} already", .0.display())]
    Exists(PathBuf),
    /// The passphrase is not the one of the file.
    #[error("the passphrase does not open this backup")]
    WrongPassphrase,
    /// A passphrase must not be empty.
    #[error("the passphrase is empty")]
    EmptyPassphrase,
    /// It is not a backup, or a damaged one.
    #[error("the file is not a backup of a home of Bauta, or it is damaged: {0}")]
    Invalid(&'static str),
    /// A newer version wrote it.
    #[error("the backup was made by a newer version of Bauta")]
    Newer,
    /// The file changed while it was read.
    #[error("the backup is not what was written, or it changed while it was read")]
    Changed,
    /// The home has a store already.
    #[error("{} has a store already: a backup is restored into a new home", .0.display())]
    NotEmpty(PathBuf),
    /// The home's key could not be made.
    #[error(transparent)]
    Unlock(#[from] UnlockError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<LineError> for BackupError {
    fn from(error: LineError) -> Self {
        Self::Invalid(match error {
            LineError::TooLong => "a line is too long",
            LineError::Malformed => "a line cannot be read",
        })
    }
}

impl HasKind for BackupError {
    fn kind(&self) -> Kind {
        match self {
            Self::File { .. } => Kind::Storage,
            Self::Exists(_) | Self::EmptyPassphrase | Self::NotEmpty(_) => Kind::Usage,
            Self::WrongPassphrase => Kind::Locked,
            Self::Invalid(_) | Self::Changed => Kind::Malformed,
            Self::Newer => Kind::Unsupported,
            Self::Unlock(error) => error.kind(),
            Self::Store(error) => error.kind(),
        }
    }
}
