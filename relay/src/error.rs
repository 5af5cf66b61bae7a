//! What can go wrong in a relay.

use std::net::SocketAddr;
use std::path::PathBuf;

use bauta_protocol::descriptor::DescriptorError;
use bauta_protocol::error::{HasKind, Kind};
use bauta_sphinx_client::ServiceError;

/// A request to the store failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StorageError {
    /// The store was closed, or its thread has ended.
    #[error("the relay's store is closed")]
    Closed,
    /// The disk or the database is full.
    #[error(
        "the disk that holds the relay's store is full: make room, then clients' retries succeed by themselves"
    )]
    DiskFull,
    /// The database reports an error.
    #[error("the relay's store failed while it {during}: {source}")]
    Database {
        /// What the store was doing, in the words that follow "while it".
        during: &'static str,
        /// The class of the error.
        kind: Kind,
        /// What the database says.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A stored row is not as it was written.
    #[error(
        "the relay's store is damaged: {0} is not as it was written; restore the data directory from a backup"
    )]
    Damaged(&'static str),
}

impl HasKind for StorageError {
    fn kind(&self) -> Kind {
        match self {
            Self::DiskFull => Kind::Full,
            Self::Database { kind, .. } => *kind,
            Self::Closed | Self::Damaged(_) => Kind::Storage,
        }
    }
}

/// A relay could not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RelayError {
    /// The data directory or a file in it could not be made, read or written.
    #[error("cannot {action} {}: {source}", path.display())]
    File {
        /// What was tried.
        action: &'static str,
        /// On which file or directory.
        path: PathBuf,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// Another process uses the data directory.
    #[error("another relay is running with the data directory {}: stop it, or choose another --data directory", .0.display())]
    InUse(PathBuf),
    /// The identity file has the wrong content.
    #[error("{} is not a relay identity: restore it from a backup, or move it away to begin as a new relay with a new address", .0.display())]
    BadIdentity(PathBuf),
    /// A file or directory can be read by others.
    #[error("{} can be read by other users of this machine: run chmod go= on it", .0.display())]
    Exposed(PathBuf),
    /// A file or directory belongs to another user.
    #[error("{} belongs to another user: run the relay as that user, or give it to this one with chown", .0.display())]
    Foreign(PathBuf),
    /// The store is of another relay.
    #[error(
        "the store belongs to another relay identity ({0}): identity.key and relay.db must come from the same backup"
    )]
    ForeignDescriptor(DescriptorError),
    /// No descriptor could be signed.
    #[error("cannot sign the descriptor of the day: {0}")]
    Sign(DescriptorError),
    /// The store is of a newer release.
    #[error("the store in {} was written by a newer release (schema {found}, this release knows {known}): upgrade", path.display())]
    TooNew {
        /// The store.
        path: PathBuf,
        /// Its schema number.
        found: i64,
        /// The newest schema number known here.
        known: i64,
    },
    /// The store could not be opened.
    #[error("cannot open the store {}: {source}", path.display())]
    Open {
        /// The store.
        path: PathBuf,
        /// What went wrong.
        source: StorageError,
    },
    /// The day's descriptor could not be made or kept.
    #[error("cannot keep the descriptor of the day: {0}")]
    Descriptor(StorageError),
    /// The digest's last intervals could not be read.
    #[error("cannot read the last intervals of the digest: {0}")]
    Digest(StorageError),
    /// The number of doors is not 1 to 4.
    #[error("a relay has 1 to 4 doors, not {0}")]
    Doors(usize),
    /// The metrics address is not on this machine.
    #[error("metrics are served on this machine only: {0} is not a loopback address, use 127.0.0.1:PORT")]
    MetricsNotLoopback(SocketAddr),
    /// The metrics address cannot be listened on.
    #[error("cannot listen on {address} for metrics: {source}")]
    Metrics {
        /// The address.
        address: SocketAddr,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// The mixnet side could not start.
    #[error("cannot start on the mixnet: {0}")]
    Service(ServiceError),
    /// The store did not close cleanly.
    #[error("the store did not close cleanly, though nothing acknowledged is lost: {0}")]
    Close(StorageError),
    /// A thread could not be started.
    #[error("cannot start a thread: {0}")]
    Thread(std::io::Error),
}

impl HasKind for RelayError {
    fn kind(&self) -> Kind {
        match self {
            Self::File { .. }
            | Self::BadIdentity(_)
            | Self::Exposed(_)
            | Self::Foreign(_)
            | Self::ForeignDescriptor(_) => Kind::Storage,
            Self::InUse(_) => Kind::Conflict,
            Self::TooNew { .. } => Kind::Unsupported,
            Self::Open { source, .. }
            | Self::Descriptor(source)
            | Self::Digest(source)
            | Self::Close(source) => source.kind(),
            Self::Doors(_) | Self::MetricsNotLoopback(_) | Self::Metrics { .. } => Kind::Usage,
            Self::Service(source) => source.kind(),
            Self::Thread(_) | Self::Sign(_) => Kind::Internal,
        }
    }
}
