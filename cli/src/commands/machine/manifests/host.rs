//! Where `bauta-bridge` is.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use bauta_ipc::{RpcError, codes};

/// The host's file, as it is built and packaged.
const PROGRAM: &str = "bauta-bridge";

/// Why no host was found that a manifest could name.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HostError {
    /// The named file cannot be used.
    #[error("{} cannot be used as the host: {source}", .path.display())]
    Unusable {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The named file is not a program.
    #[error("{} is not an executable file", .0.display())]
    NotAProgram(PathBuf),
    /// The host's path is not Unicode, which a manifest has to be.
    #[error("{} cannot be written into a manifest, which holds Unicode only", .0.display())]
    NotUnicode(PathBuf),
    /// Users other than root could replace it.
    #[error("{} can be changed by users other than root, so browsers of all users should not start it", .0.display())]
    Unguarded(PathBuf),
    /// No host was named, and there is none in the usual places.
    #[error("{PROGRAM} is neither beside bauta ({}) nor on PATH", .0.display())]
    Missing(PathBuf),
}

impl From<HostError> for RpcError {
    fn from(error: HostError) -> Self {
        let hint = match &error {
            HostError::Unguarded(_) => {
                format!("Copy bauta and {PROGRAM} to /usr/local/bin as root, or name another: --host PATH")
            }
            _ => format!("Name it: --host PATH, where PATH is the program {PROGRAM}"),
        };
        Self::new(&codes::FILE_FAILED, format!("{error}.")).hint(hint)
    }
}

/// The host's absolute path, without symbolic links: the named one, else the one beside this program, else the first
/// on `PATH`.
pub(crate) fn find_host(named: Option<&Path>) -> Result<PathBuf, HostError> {
    let host = match named {
        Some(path) => resolve(path)?,
        None => {
            let own = std::env::current_exe().and_then(fs::canonicalize).unwrap_or_default();
            let own = own.parent().unwrap_or(Path::new("/")).to_owned();
            usual_host(&own, std::env::var_os("PATH").as_deref()).ok_or(HostError::Missing(own))?
        }
    };
    if host.to_str().is_none() { Err(HostError::NotUnicode(host)) } else { Ok(host) }
}

/// Refuses a host that users other than root could replace. Its path must be absolute, without symbolic links.
pub(crate) fn guarded(host: PathBuf) -> Result<PathBuf, HostError> {
    const STICKY: u32 = 0o1000;
    let is_roots = |path: &Path| {
        fs::metadata(path).is_ok_and(|file| {
            let is_open = file.mode() & 0o022 != 0 && !(file.is_dir() && file.mode() & STICKY != 0);
            file.uid() == 0 && !is_open
        })
    };
    match host.ancestors().find(|path| !is_roots(path)) {
        Some(open) => Err(HostError::Unguarded(open.to_owned())),
        None => Ok(host),
    }
}

fn resolve(path: &Path) -> Result<PathBuf, HostError> {
    let resolved =
        fs::canonicalize(path).map_err(|source| HostError::Unusable { path: path.to_owned(), source })?;
    if is_program(&resolved) { Ok(resolved) } else { Err(HostError::NotAProgram(resolved)) }
}

fn usual_host(own: &Path, path: Option<&OsStr>) -> Option<PathBuf> {
    let listed = path.map(std::env::split_paths).into_iter().flatten();
    // Packages keep programs that nobody types in lib, beside bin.
    let packaged = own.parent().map(|above| above.join("lib/bauta"));
    // A relative directory on PATH depends on where the command is run.
    std::iter::once(own.to_owned())
        .chain(packaged)
        .chain(listed.filter(|directory| directory.is_absolute()))
        .find_map(|directory| resolve(&directory.join(PROGRAM)).ok())
}

/// Whether this user can execute the file.
pub(crate) fn is_program(path: &Path) -> bool {
    use rustix::fs::{Access, access};
    fs::metadata(path).is_ok_and(|file| file.is_file()) && access(path, Access::EXEC_OK).is_ok()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn program(path: &Path, mode: u32) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "#!/bin/sh\n").unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn the_own_directory_comes_before_the_path() {
        let dir = tempfile::tempdir().unwrap();
        let root = fs::canonicalize(dir.path()).unwrap();
        let (own, listed) = (root.join("own"), root.join("listed"));
        let path = std::env::join_paths([Path::new("relative"), &root.join("none"), &listed]).unwrap();
        let find = || usual_host(&own, Some(&path));
        assert_eq!(find(), None);
        program(&listed.join(PROGRAM), 0o755);
        assert_eq!(find(), Some(listed.join(PROGRAM)));
        program(&own.join(PROGRAM), 0o644);
        assert_eq!(find(), Some(listed.join(PROGRAM)), "it cannot be executed");
        fs::remove_file(own.join(PROGRAM)).unwrap();
        program(&root.join("real/bridge-1.2"), 0o755);
        std::os::unix::fs::symlink(root.join("real/bridge-1.2"), own.join(PROGRAM)).unwrap();
        assert_eq!(find(), Some(root.join("real/bridge-1.2")));
        assert_eq!(usual_host(&root, None), None);
    }

    #[test]
    fn a_host_for_everybody_is_roots() {
        let system = fs::canonicalize("/bin/sh").unwrap();
        assert_eq!(guarded(system.clone()).unwrap(), system);
        let dir = tempfile::tempdir().unwrap();
        let root = fs::canonicalize(dir.path()).unwrap();
        program(&root.join("open/bauta-bridge"), 0o755);
        fs::set_permissions(root.join("open"), fs::Permissions::from_mode(0o777)).unwrap();
        let error = guarded(root.join("open/bauta-bridge")).unwrap_err();
        assert!(matches!(error, HostError::Unguarded(path) if path.starts_with(&root)));
    }

    #[test]
    fn a_named_host_must_be_a_program() {
        let dir = tempfile::tempdir().unwrap();
        assert!(matches!(find_host(Some(&dir.path().join("none"))), Err(HostError::Unusable { .. })));
        assert!(matches!(find_host(Some(dir.path())), Err(HostError::NotAProgram(_))));
        let file = dir.path().join("file");
        program(&file, 0o644);
        let error = RpcError::from(find_host(Some(&file)).unwrap_err());
        assert!(error.hint.contains("--host PATH"), "{error:?}");
        program(&file, 0o755);
        assert!(find_host(Some(&file)).unwrap().is_absolute());
    }
}
