//! Small files that only their owner may read, written whole or not at all.
//!
//! Keys of personas, relays and doors are stored in such files. The caller decides what a failure means to its users,
//! so errors here carry no path and no kind.

use std::ffi::OsString;
use std::fs::{self, DirBuilder, File, Metadata, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use zeroize::Zeroizing;

/// Drafts that are replaced under our hands before we give up. Each is mostly the turn of another writer of the same
/// file, so there are many; the bound is for a program that does it on purpose.
const ATTEMPTS: usize = 10_000;

/// Why a file was not read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// Other users may read or write it.
    #[error("it can be read by other users")]
    Exposed,
    /// It belongs to another user.
    #[error("it belongs to another user")]
    Foreign,
    /// It is longer than the caller expects.
    #[error("it is too long")]
    TooLong,
    /// The operating system says why.
    #[error(transparent)]
    Io(io::Error),
}

/// The content of a file of at most `limit` bytes; `None` if there is no such file.
///
/// # Errors
/// [`ReadError::TooLong`], [`ReadError::Io`].
pub fn read(path: &Path, limit: u64) -> Result<Option<Zeroizing<Vec<u8>>>, ReadError> {
    match open_to_read(path)? {
        Some(file) => content(file, limit).map(Some),
        None => Ok(None),
    }
}

/// As [`read`], but only from a file that belongs to this process's user and that nobody else may open.
///
/// # Errors
/// Every [`ReadError`].
pub fn read_private(path: &Path, limit: u64) -> Result<Option<Zeroizing<Vec<u8>>>, ReadError> {
    let Some(file) = open_to_read(path)? else { return Ok(None) };
    // The open file is looked at, not the path: the path may name another file a moment later.
    check(&file.metadata().map_err(ReadError::Io)?, rustix::process::geteuid().as_raw())?;
    content(file, limit).map(Some)
}

/// Refuses a file or directory that any other user can read, write or enter, or that belongs to one.
///
/// # Errors
/// [`ReadError::Exposed`], [`ReadError::Foreign`], [`ReadError::Io`].
pub fn check_private(path: &Path) -> Result<(), ReadError> {
    check(&fs::metadata(path).map_err(ReadError::Io)?, rustix::process::geteuid().as_raw())
}

/// Writes a file of mode 0600, in place of the one that is there. After a crash at any point the path names the old
/// content or the new one, and once this returns, the new one stays.
///
/// Several threads and processes may write the same file; the last one wins.
///
/// # Errors
/// What the operating system says. The old file is untouched then.
pub fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    // A draft under another name, synced, then renamed over the old file, then the directory synced: without the first
    // sync the rename may reach the disk before the bytes do, and without the second the name may not reach it at all.
    let draft = Draft::write(path, bytes)?;
    fs::rename(&draft.path, path)?;
    draft.keep(path)
}

/// As [`write()`], but never in place of another file.
///
/// # Errors
/// [`io::ErrorKind::AlreadyExists`] if there is one, and what else the operating system says.
pub fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    use rustix::io::Errno;

    let exists = || io::Error::from(io::ErrorKind::AlreadyExists);
    if fs::symlink_metadata(path).is_ok() {
        return Err(exists());
    }
    let draft = Draft::write(path, bytes)?;
    match renameat_with(CWD, &draft.path, CWD, path, RenameFlags::NOREPLACE) {
        Ok(()) => {}
        // Some file systems cannot do this in one step. What is left is a race with another program of the same user.
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {
            if fs::symlink_metadata(path).is_ok() {
                return Err(exists());
            }
            fs::rename(&draft.path, path)?;
        }
        Err(error) => return Err(error.into()),
    }
    draft.keep(path)
}

/// Opens a file to read and write, and makes it with mode 0600 if it is not there: for locks, and for databases that
/// take their mode from it.
///
/// # Errors
/// What the operating system says.
pub fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)
}

/// Makes a directory and those above it with mode 0700. One that is there stays as it is.
///
/// # Errors
/// What the operating system says.
pub fn make_dir(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// As [`make_dir`], and closes one that is there to other users.
///
/// # Errors
/// What the operating system says.
pub fn close_dir(path: &Path) -> io::Result<()> {
    make_dir(path)?;
    fs::set_permissions(path, Permissions::from_mode(0o700))
}

fn open_to_read(path: &Path) -> Result<Option<File>, ReadError> {
    match File::open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(ReadError::Io(error)),
    }
}

fn content(file: File, limit: u64) -> Result<Zeroizing<Vec<u8>>, ReadError> {
    // Room for all of it from the start: a vector that grows leaves copies of the secret behind.
    let length = file.metadata().map_err(ReadError::Io)?.len().min(limit).saturating_add(1);
    let mut bytes = Zeroizing::new(Vec::with_capacity(usize::try_from(length).unwrap_or(0)));
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes).map_err(ReadError::Io)?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length <= limit) {
        Ok(bytes)
    } else {
        Err(ReadError::TooLong)
    }
}

fn check(file: &Metadata, user: u32) -> Result<(), ReadError> {
    if file.uid() != user {
        return Err(ReadError::Foreign);
    }
    if file.mode() & 0o077 != 0 { Err(ReadError::Exposed) } else { Ok(()) }
}

/// The new content beside the file, under a lock that ends with the process.
///
/// Every writer of a file uses the same name for its draft, so that a crash leaves one draft behind and not many, and
/// the next writer takes it over. The lock keeps two writers from using it at the same time. Whoever waited for the
/// lock may hold the lock of a file that has been renamed meanwhile; so the name is compared once more.
struct Draft {
    path: PathBuf,
    file: File,
    is_kept: bool,
}

impl Draft {
    fn write(path: &Path, bytes: &[u8]) -> io::Result<Self> {
        let mut draft = Self::open(path)?;
        draft.file.write_all(bytes)?;
        draft.file.sync_all()?;
        Ok(draft)
    }

    /// An empty draft that is ours.
    fn open(path: &Path) -> io::Result<Self> {
        let draft = draft_of(path)?;
        for _ in 0..ATTEMPTS {
            // A link that somebody put there is not followed.
            let nofollow = i32::try_from(OFlags::NOFOLLOW.bits()).unwrap_or(0);
            let mut options = OpenOptions::new();
            options.write(true).create(true).truncate(false).mode(0o600).custom_flags(nofollow);
            let file = match options.open(&draft) {
                Ok(file) => file,
                Err(error) if fs::symlink_metadata(&draft).is_ok_and(|found| found.is_symlink()) => {
                    fs::remove_file(&draft).map_err(|_| error)?;
                    continue;
                }
                Err(error) => return Err(error),
            };
            file.lock()?;
            let opened = file.metadata()?;
            let is_same = |named: Metadata| (named.dev(), named.ino()) == (opened.dev(), opened.ino());
            if !fs::symlink_metadata(&draft).is_ok_and(is_same) {
                continue;
            }
            // Whoever can open it now, or through another name, could read what we write.
            if check(&opened, rustix::process::geteuid().as_raw()).is_err() || opened.nlink() != 1 {
                fs::remove_file(&draft)?;
                continue;
            }
            file.set_len(0)?;
            return Ok(Self { path: draft, file, is_kept: false });
        }
        Err(io::Error::other("its draft is changed by another program"))
    }

    /// Makes the new name durable.
    fn keep(mut self, path: &Path) -> io::Result<()> {
        self.is_kept = true;
        match path.parent() {
            Some(directory) if directory.as_os_str().is_empty() => File::open(".")?.sync_all(),
            Some(directory) => File::open(directory)?.sync_all(),
            None => Ok(()),
        }
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.is_kept {
            // Nothing more can be done about it than to try; the next writer takes it over.
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn draft_of(path: &Path) -> io::Result<PathBuf> {
    let mut name = OsString::from(path.file_name().ok_or(io::ErrorKind::InvalidFilename)?);
    name.push(".new");
    Ok(path.with_file_name(name))
}

#[cfg(test)]
mod tests;
