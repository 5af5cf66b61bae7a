use std::io;
use std::path::{Path, PathBuf};

use bauta_protocol::error::{HasKind, Kind};
use rusqlite::ErrorCode;

/// The store could not be opened, read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The daemon is stopping.
    #[error("the store is closed")]
    Closed,
    /// Another daemon has the home.
    #[error("another daemon uses {}: stop it, or choose another home", .0.display())]
    InUse(PathBuf),
    /// The key does not open the database.
    #[error("{} does not open with this home's key: it is damaged, or belongs to another home", .0.display())]
    WrongKey(PathBuf),
    /// There was a database, and it is not there any more.
    #[error(
        "{} is {}, although this home had a store: its personas and messages are not here any more",
        .path.display(), if *.is_empty { "empty" } else { "missing" }
    )]
    Gone {
        /// The database.
        path: PathBuf,
        /// The file is there, but empty.
        is_empty: bool,
    },
    /// A newer version wrote it.
    #[error("the store was written by a newer version of Bauta (schema {found}, this version knows {known})")]
    Newer {
        /// Its schema.
        found: i64,
        /// The newest schema known here.
        known: i64,
    },
    /// A version before the first release wrote it.
    #[error(
        "the store was written by a version of Bauta from before its first release, whose homes this one does not read: \
         export the personas with that version (bauta persona export), then begin with an empty home"
    )]
    Unreleased,
    /// The disk is full.
    #[error("the disk that holds the store is full")]
    Full,
    /// A file could not be made, read or written.
    #[error("{} cannot be used: {source}", .path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The database reports an error.
    #[error("the store failed to {during}: {source}")]
    Database {
        /// What was being done.
        during: &'static str,
        /// The database's error.
        source: rusqlite::Error,
    },
    /// A stored value does not have the form it was written with.
    #[error("the store is damaged: {0} cannot be read; restore a backup")]
    Damaged(&'static str),
    /// No thread could be started.
    #[error("no thread could be started: {0}")]
    Thread(#[source] io::Error),
}

impl StoreError {
    pub(super) fn during(during: &'static str) -> impl FnOnce(rusqlite::Error) -> Self {
        move |source| match source.sqlite_error() {
            Some(error) if error.code == ErrorCode::DiskFull || error.extended_code == NO_ROOM => Self::Full,
            _ => Self::Database { during, source },
        }
    }

    /// What SQLite reports of a file that it cannot make or write is the same for a full disk and for a broken one.
    pub(super) fn looked_at(self, home: &Path) -> Self {
        let vague = match &self {
            Self::Database { source, .. } => {
                matches!(source.sqlite_error_code(), Some(ErrorCode::SystemIoFailure | ErrorCode::CannotOpen))
            }
            _ => false,
        };
        if vague && is_full(home) { Self::Full } else { self }
    }

    pub(super) fn file(path: PathBuf) -> impl FnOnce(io::Error) -> Self {
        move |source| match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full,
            _ => Self::File { path, source },
        }
    }
}

/// SQLITE_IOERR_SHMSIZE: the memory beside the write-ahead log could not be made larger. Only a full disk does that.
const NO_ROOM: i32 = 4874;

/// Less than this on the disk, in bytes, is no room for a transaction.
const ROOM: u64 = 1 << 20;

fn is_full(home: &Path) -> bool {
    rustix::fs::statvfs(home).is_ok_and(|disk| disk.f_bavail.saturating_mul(disk.f_frsize) < ROOM)
}

impl HasKind for StoreError {
    fn kind(&self) -> Kind {
        match self {
            Self::Closed | Self::File { .. } | Self::Database { .. } | Self::Damaged(_) => Kind::Storage,
            Self::InUse(_) => Kind::Conflict,
            Self::WrongKey(_) => Kind::Locked,
            Self::Gone { .. } => Kind::NotFound,
            Self::Newer { .. } | Self::Unreleased => Kind::Unsupported,
            Self::Full => Kind::Full,
            Self::Thread(_) => Kind::Internal,
        }
    }
}
