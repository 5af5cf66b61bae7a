use bauta_ipc::{Code, RpcError, codes, file_code};
use bauta_protocol::error::{HasKind, Kind};
use bauta_sphinx_client::MixnetError;

use crate::backup::BackupError;
use crate::gun::GunConfigError;
use crate::gun::endpoint::EndpointError;
use crate::store::StoreError;
use crate::unlock::UnlockError;

/// Why a node could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// The key of the store is not to be had.
    #[error("the store cannot be unlocked: {0}")]
    Unlock(#[source] UnlockError),
    /// The store cannot be opened.
    #[error("the store cannot be opened: {0}")]
    Store(#[source] StoreError),
    /// The Gun relays cannot be used like this.
    #[error("the Gun relays cannot be used: {0}")]
    Gun(#[source] GunConfigError),
    /// The local Gun endpoint cannot listen.
    #[error("the local Gun endpoint cannot start: {0}")]
    Endpoint(#[source] EndpointError),
    /// A profile without protection was set, and the network is not a local one.
    #[error("the traffic profile \"test\", which is set for this home, is for local networks only")]
    TestTraffic,
    /// The mixnet cannot be used like this.
    #[error("the mixnet cannot be used: {0}")]
    Mixnet(#[source] MixnetError),
}

impl HasKind for NodeError {
    fn kind(&self) -> Kind {
        match self {
            Self::Unlock(error) => error.kind(),
            Self::Store(error) => error.kind(),
            Self::Gun(error) => error.kind(),
            Self::Endpoint(error) => error.kind(),
            Self::TestTraffic => Kind::Usage,
            Self::Mixnet(error) => error.kind(),
        }
    }
}

impl From<NodeError> for RpcError {
    fn from(error: NodeError) -> Self {
        match error {
            NodeError::Unlock(error) => error.into(),
            NodeError::Store(error) => error.into(),
            NodeError::Endpoint(error) => {
                Self::of(&codes::USAGE, &error).hint("Name another: --gun-endpoint PORT")
            }
            NodeError::TestTraffic => {
                Self::of(&codes::USAGE, &error).hint("Use --traffic full, or --network DIR/network.json.")
            }
            NodeError::Gun(error) => Self::of(&codes::USAGE, &error),
            NodeError::Mixnet(error) => Self::of(&codes::USAGE, &error),
        }
    }
}

impl From<UnlockError> for RpcError {
    fn from(error: UnlockError) -> Self {
        let code: &Code = match &error {
            UnlockError::File { source, .. } => file_code(source, &codes::ACCESS_FILES),
            UnlockError::Exposed(_) | UnlockError::Foreign(_) => &codes::ACCESS_FILES,
            UnlockError::Newer(_) => &codes::STORE_NEWER,
            UnlockError::OtherMode { .. } => &codes::USAGE,
            _ => &codes::UNLOCK_FAILED,
        };
        Self::of(code, &error)
    }
}

impl From<BackupError> for RpcError {
    fn from(error: BackupError) -> Self {
        let code: &Code = match error {
            BackupError::Store(error) => return error.into(),
            BackupError::Unlock(error) => return error.into(),
            BackupError::File { ref source, .. } => file_code(source, &codes::FILE_FAILED),
            BackupError::Exists(_) | BackupError::NotEmpty(_) => &codes::BACKUP_PLACE,
            BackupError::WrongPassphrase | BackupError::EmptyPassphrase => &codes::BACKUP_PASSPHRASE,
            BackupError::Invalid(_) | BackupError::Changed => &codes::BACKUP_DAMAGED,
            BackupError::Newer => &codes::STORE_NEWER,
        };
        Self::of(code, &error)
    }
}

impl From<StoreError> for RpcError {
    fn from(error: StoreError) -> Self {
        let code: &Code = match &error {
            StoreError::Closed => &codes::DAEMON_STOPPING,
            StoreError::InUse(_) => &codes::DAEMON_RUNNING,
            StoreError::WrongKey(_) => &codes::UNLOCK_FAILED,
            StoreError::Gone { .. } => &codes::STORE_GONE,
            StoreError::Newer { .. } => &codes::STORE_NEWER,
            StoreError::Unreleased => &codes::STORE_OLD,
            StoreError::Full => &codes::STORE_FULL,
            StoreError::File { .. } => &codes::ACCESS_FILES,
            StoreError::Database { .. } | StoreError::Damaged(_) | StoreError::Thread(_) => {
                &codes::STORE_FAILED
            }
        };
        Self::of(code, &error)
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::path::PathBuf;

    use bauta_ipc::Exit;

    use super::*;

    #[test]
    fn whatever_the_full_disk_stopped_has_one_code() {
        let (path, full) =
            (PathBuf::from("/nowhere/home/key"), || io::Error::from(io::ErrorKind::StorageFull));
        let errors: [RpcError; 3] = [
            NodeError::Unlock(UnlockError::File { path: path.clone(), source: full() }).into(),
            NodeError::Store(StoreError::Full).into(),
            BackupError::File { path, source: full() }.into(),
        ];
        for error in errors {
            assert!(error.is(&codes::STORE_FULL) && error.exit() == Exit::User, "{error:?}");
        }
    }
}
