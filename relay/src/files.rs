//! Files and directories that only the relay's own user may read.

use std::fs::{self, File};
use std::path::Path;

use bauta_private_file::{self as private_file, ReadError};
use zeroize::Zeroizing;

use crate::error::RelayError;

/// Makes the directory with mode 0700, and refuses one that others can enter.
pub(crate) fn ensure_private_dir(path: &Path) -> Result<(), RelayError> {
    private_file::make_dir(path).map_err(failed("make the directory", path))?;
    private_file::check_private(path).map_err(refused(path))
}

/// Makes the file with mode 0600 if it is not there, and refuses one that others can read.
pub(crate) fn ensure_private_file(path: &Path) -> Result<(), RelayError> {
    private_file::open(path).map_err(failed("make the file", path))?;
    private_file::check_private(path).map_err(refused(path))
}

/// Locks the file against other processes for as long as the handle lives. Makes it if necessary.
pub(crate) fn lock(path: &Path, owned: &Path) -> Result<File, RelayError> {
    let file = private_file::open(path).map_err(failed("make the file", path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(fs::TryLockError::WouldBlock) => Err(RelayError::InUse(owned.to_owned())),
        Err(fs::TryLockError::Error(source)) => Err(failed("lock", path)(source)),
    }
}

/// Reads a key of at most `limit` bytes that nobody else may read; `None` if there is none.
pub(crate) fn read_key(path: &Path, limit: u64) -> Result<Option<Zeroizing<Vec<u8>>>, RelayError> {
    private_file::read_private(path, limit).map_err(refused(path))
}

/// Writes a file with mode 0600 so that after a crash it is there whole or not at all.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), RelayError> {
    private_file::write(path, bytes).map_err(failed("write", path))
}

/// Adds to an error of the operating system what was tried on which path.
pub(crate) fn failed(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> RelayError {
    let path = path.to_owned();
    move |source| RelayError::File { action, path, source }
}

fn refused(path: &Path) -> impl FnOnce(ReadError) -> RelayError {
    let path = path.to_owned();
    move |error| match error {
        ReadError::Exposed => RelayError::Exposed(path),
        ReadError::Foreign => RelayError::Foreign(path),
        ReadError::TooLong => RelayError::BadIdentity(path),
        ReadError::Io(source) => RelayError::File { action: "read", path, source },
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o777
    }

    #[test]
    fn what_is_made_is_private_and_what_is_exposed_is_refused() {
        let home = tempfile::tempdir().unwrap();
        let dir = home.path().join("a/b");
        ensure_private_dir(&dir).unwrap();
        assert_eq!(mode(&dir), 0o700);
        let file = dir.join("file");
        ensure_private_file(&file).unwrap();
        assert_eq!(mode(&file), 0o600);
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(ensure_private_file(&file), Err(RelayError::Exposed(_))));
        fs::set_permissions(&dir, fs::Permissions::from_mode(0o711)).unwrap();
        assert!(matches!(ensure_private_dir(&dir), Err(RelayError::Exposed(_))));
    }

    #[test]
    fn a_lock_is_held_until_it_is_dropped() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("lock");
        let held = lock(&path, home.path()).unwrap();
        assert!(matches!(lock(&path, home.path()), Err(RelayError::InUse(_))));
        drop(held);
        lock(&path, home.path()).unwrap();
    }

    #[test]
    fn a_file_is_replaced_whole() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("key");
        write_whole(&path, b"one").unwrap();
        write_whole(&path, b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(mode(&path), 0o600);
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 1);
    }
}
