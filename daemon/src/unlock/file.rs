//! Small private files: written whole or not at all.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use zeroize::Zeroizing;

use super::UnlockError;

/// A longer file is not one of ours.
const MAX_LEN: u64 = 64 * 1024;

/// The content of a file, or `None` where there is none.
pub(super) fn read(path: &Path) -> Result<Option<Zeroizing<Vec<u8>>>, UnlockError> {
    let failed = |source| UnlockError::File { path: path.to_owned(), source };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let mut bytes = Zeroizing::new(Vec::new());
    file.take(MAX_LEN + 1).read_to_end(&mut bytes).map_err(failed)?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > MAX_LEN {
        return Err(UnlockError::Damaged(path.to_owned()));
    }
    Ok(Some(bytes))
}

/// Reads a key file of 32 bytes that only its owner can read.
pub(super) fn read_key(path: &Path) -> Result<Zeroizing<[u8; 32]>, UnlockError> {
    let bytes = read(path)?.ok_or_else(|| UnlockError::MissingKeyFile(path.to_owned()))?;
    let mode =
        fs::metadata(path).map_err(|source| UnlockError::File { path: path.to_owned(), source })?.mode();
    if mode & 0o077 != 0 {
        return Err(UnlockError::Exposed(path.to_owned()));
    }
    if bytes.len() != 32 {
        return Err(UnlockError::Damaged(path.to_owned()));
    }
    let mut key = Zeroizing::new([0; 32]);
    key.copy_from_slice(&bytes);
    Ok(key)
}

/// Writes a file of mode 0600. After a power cut the whole file is there, or what was there before.
pub(super) fn write(path: &Path, bytes: &[u8]) -> Result<(), UnlockError> {
    write_through(path, bytes).map_err(|source| UnlockError::File { path: path.to_owned(), source })
}

fn write_through(path: &Path, bytes: &[u8]) -> io::Result<()> {
    // A new file under another name, synced, then renamed over the old one, then the directory synced: without the first
    // sync the rename may reach the disk before the bytes do, and without the second the name may not reach it at all.
    // `create_new` fails on a symbolic link that somebody put there, and the mode is set before there is content.
    let temporary = path.with_extension("new");
    match fs::remove_file(&temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&temporary, path)?;
    match path.parent() {
        Some(directory) => File::open(directory)?.sync_all(),
        None => Ok(()),
    }
}
