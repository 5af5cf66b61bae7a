//! The files of a home that have to do with its key.

use std::path::Path;

use bauta_private_file::{self as private_file, ReadError};
use zeroize::Zeroizing;

use super::UnlockError;

/// A longer file is not one of ours.
const MAX_LEN: u64 = 64 * 1024;

/// The content of a file, or `None` where there is none.
pub(super) fn read(path: &Path) -> Result<Option<Zeroizing<Vec<u8>>>, UnlockError> {
    private_file::read(path, MAX_LEN).map_err(|error| unusable(path, error))
}

/// Reads a key file of 32 bytes that only its owner can read.
pub(super) fn read_key(path: &Path) -> Result<Zeroizing<[u8; 32]>, UnlockError> {
    let bytes = private_file::read_private(path, 32).map_err(|error| unusable(path, error))?;
    let bytes = bytes.ok_or_else(|| UnlockError::MissingKeyFile(path.to_owned()))?;
    if bytes.len() != 32 {
        return Err(UnlockError::Damaged(path.to_owned()));
    }
    let mut key = Zeroizing::new([0; 32]);
    key.copy_from_slice(&bytes);
    Ok(key)
}

/// Writes a file of mode 0600. After a power cut the whole file is there, or what was there before.
pub(super) fn write(path: &Path, bytes: &[u8]) -> Result<(), UnlockError> {
    private_file::write(path, bytes).map_err(|source| UnlockError::File { path: path.to_owned(), source })
}

/// Removes a file, if it is there.
pub(super) fn remove(path: &Path) -> Result<(), UnlockError> {
    match std::fs::remove_file(path) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
            Err(UnlockError::File { path: path.to_owned(), source })
        }
        _ => Ok(()),
    }
}

fn unusable(path: &Path, error: ReadError) -> UnlockError {
    let path = path.to_owned();
    match error {
        ReadError::Exposed => UnlockError::Exposed(path),
        ReadError::Foreign => UnlockError::Foreign(path),
        ReadError::TooLong => UnlockError::Damaged(path),
        ReadError::Io(source) => UnlockError::File { path, source },
    }
}
