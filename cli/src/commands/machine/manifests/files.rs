//! Manifests as files: inspected, written atomically, and removed if they are ours.

use std::fs::{self, File, Permissions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use bauta_bridge::Manifest;
use bauta_ipc::{RpcError, codes};

use super::Spot;

/// A longer file is not a manifest.
const MAX_MANIFEST: u64 = 64 << 10;

/// What was found at a spot.
#[derive(Debug)]
pub(crate) enum Condition {
    /// There is no file.
    Missing,
    /// It cannot be read.
    Unreadable(io::Error),
    /// It is not a manifest.
    Damaged,
    /// Bauta did not write it.
    Foreign(Manifest),
    /// This version of Bauta wrote it, or another.
    Ours {
        /// Its content.
        manifest: Manifest,
        /// Its text.
        text: Vec<u8>,
    },
}

/// Inspects the manifest of a spot.
pub(crate) fn inspect(spot: &Spot) -> Condition {
    let mut text = Vec::new();
    match File::open(&spot.path).and_then(|file| file.take(MAX_MANIFEST).read_to_end(&mut text)) {
        Ok(_) => {}
        // Where a part of the path is not a directory, no browser finds anything either.
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Condition::Missing;
        }
        Err(error) => return Condition::Unreadable(error),
    }
    match Manifest::read(spot.family(), &text) {
        Some(manifest) if manifest.is_ours => Condition::Ours { manifest, text },
        Some(manifest) => Condition::Foreign(manifest),
        None => Condition::Damaged,
    }
}

/// Writes the manifest of a spot over any other, unless it is the same already; returns whether it was written.
/// A browser that reads it meanwhile gets the old one or the new one.
///
/// Errors: `access.files`, `file.failed`.
pub(crate) fn write(spot: &Spot, host: &Path) -> Result<bool, RpcError> {
    let text = Manifest::text(spot.family(), host)
        .map_err(|error| RpcError::new(&codes::INTERNAL, format!("No manifest can be made: {error}.")))?;
    if let Condition::Ours { text: old, .. } = inspect(spot)
        && old == text.as_bytes()
    {
        return Ok(false);
    }
    put(&spot.path, text.as_bytes()).map_err(|error| failed(&spot.path, "written", &error))?;
    Ok(true)
}

fn put(path: &Path, text: &[u8]) -> io::Result<()> {
    let directory = path.parent().ok_or(io::ErrorKind::InvalidFilename)?;
    fs::create_dir_all(directory)?;
    let mut file = tempfile::Builder::new().prefix(".bauta-").tempfile_in(directory)?;
    file.write_all(text)?;
    // The browsers of all users read the system's manifest; it holds nothing secret.
    file.as_file().set_permissions(Permissions::from_mode(0o644))?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

/// Removes a manifest, and its directory if it is then empty.
///
/// Errors: `access.files`, `file.failed`.
pub(crate) fn remove(spot: &Spot) -> Result<(), RpcError> {
    fs::remove_file(&spot.path).map_err(|error| failed(&spot.path, "removed", &error))?;
    if let Some(directory) = spot.path.parent() {
        // This fails while the directory holds manifests of other hosts.
        let _ = fs::remove_dir(directory);
    }
    Ok(())
}

fn failed(path: &Path, what: &str, error: &io::Error) -> RpcError {
    let message = format!("{} cannot be {what}: {error}.", path.display());
    match error.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            RpcError::new(&codes::ACCESS_FILES, message).hint("For --system, run it as root.")
        }
        _ => RpcError::new(&codes::FILE_FAILED, message),
    }
}

#[cfg(test)]
mod tests {
    use bauta_bridge::{Platform, Roots};

    use super::super::{Scope, spots};
    use super::*;

    fn spot(directory: &Path) -> Spot {
        let roots = Roots { user: directory.into(), config: directory.into(), system: directory.into() };
        spots(Platform::Linux, Scope::User, &roots).swap_remove(0)
    }

    #[test]
    fn a_manifest_is_written_once_and_replaced_when_it_differs() {
        let dir = tempfile::tempdir().unwrap();
        let spot = spot(dir.path());
        assert!(matches!(inspect(&spot), Condition::Missing));
        assert!(write(&spot, Path::new("/a/bauta-bridge")).unwrap());
        assert!(!write(&spot, Path::new("/a/bauta-bridge")).unwrap());
        assert!(write(&spot, Path::new("/b/bauta-bridge")).unwrap());
        let Condition::Ours { manifest, .. } = inspect(&spot) else { panic!() };
        assert_eq!(manifest.host, Path::new("/b/bauta-bridge"));
        assert_eq!(fs::metadata(&spot.path).unwrap().permissions().mode() & 0o777, 0o644);
        let beside: Vec<_> = fs::read_dir(spot.path.parent().unwrap()).unwrap().collect();
        assert_eq!(beside.len(), 1, "no temporary file stays");
    }

    #[test]
    fn what_is_not_a_manifest_is_damaged() {
        let dir = tempfile::tempdir().unwrap();
        let spot = spot(dir.path());
        write(&spot, Path::new("/a/bauta-bridge")).unwrap();
        let text = fs::read(&spot.path).unwrap();
        for damaged in [&text[..text.len() / 2], b"", b"\xff", &b" ".repeat(1 << 20)] {
            fs::write(&spot.path, damaged).unwrap();
            assert!(matches!(inspect(&spot), Condition::Damaged));
        }
        fs::write(&spot.path, "{}").unwrap();
        assert!(matches!(inspect(&spot), Condition::Foreign(_)));
    }

    #[test]
    fn removing_leaves_what_others_put_there() {
        let dir = tempfile::tempdir().unwrap();
        let spot = spot(dir.path());
        write(&spot, Path::new("/a/bauta-bridge")).unwrap();
        remove(&spot).unwrap();
        assert!(!spot.path.parent().unwrap().exists());
        write(&spot, Path::new("/a/bauta-bridge")).unwrap();
        let other = spot.path.with_file_name("org.example.json");
        fs::write(&other, "{}").unwrap();
        remove(&spot).unwrap();
        assert!(other.exists() && !spot.path.exists());
        assert!(remove(&spot).is_err());
    }
}
