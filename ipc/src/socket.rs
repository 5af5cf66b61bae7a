//! The socket of a home: its path, who may use it, and the lock that allows one daemon per home.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};
use sha2::{Digest, Sha256};
use tokio::net::{UnixListener, UnixStream};

use crate::home::{HomeError, check_home};
use crate::{RpcError, codes, file_code};

/// The longest path an AF_UNIX address holds on Linux, without its final zero (unix(7)).
const MAX_SOCKET_PATH: usize = 107;

/// How long a client waits for a daemon that holds the home's lock but does not answer yet.
pub const STARTING: Duration = Duration::from_millis(crate::limits::STARTING_MS);

/// Why a home has no path for its socket.
#[derive(Debug, thiserror::Error)]
pub enum SocketPathError {
    /// The working directory is gone, so a relative home means nothing.
    #[error("the home directory has no absolute path")]
    NoAbsolutePath(#[source] io::Error),
    /// The path is too long, and there is no runtime directory to use instead.
    #[error("the home's path is too long for a socket, and XDG_RUNTIME_DIR is not set")]
    TooLong,
}

/// The socket of a home: `HOME/run/bauta.sock`, or, where that is longer than 107 bytes,
/// `$XDG_RUNTIME_DIR/bauta/<hash of the home's path>.sock`.
pub fn socket_path(home: &Path) -> Result<PathBuf, SocketPathError> {
    socket_path_in(home, "bauta", runtime_directory())
}

/// The socket of a home for browser extensions: `HOME/run/bridge.sock`, or, where that is too long,
/// `$XDG_RUNTIME_DIR/bauta/<hash of the home's path>-bridge.sock`.
pub fn bridge_socket_path(home: &Path) -> Result<PathBuf, SocketPathError> {
    socket_path_in(home, "bridge", runtime_directory())
}

fn runtime_directory() -> Option<PathBuf> {
    std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from)
}

fn socket_path_in(home: &Path, name: &str, runtime: Option<PathBuf>) -> Result<PathBuf, SocketPathError> {
    // The daemon and its clients must agree on one spelling of the home.
    let home = match fs::canonicalize(home) {
        Ok(home) => home,
        Err(_) => std::path::absolute(home).map_err(SocketPathError::NoAbsolutePath)?,
    };
    let path = home.join("run").join(format!("{name}.sock"));
    if path.as_os_str().len() <= MAX_SOCKET_PATH {
        return Ok(path);
    }
    let digest = Sha256::digest(home.as_os_str().as_bytes());
    let hash: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    let file = if name == "bauta" { format!("{hash}.sock") } else { format!("{hash}-{name}.sock") };
    let path = runtime.ok_or(SocketPathError::TooLong)?.join("bauta").join(file);
    if path.as_os_str().len() <= MAX_SOCKET_PATH { Ok(path) } else { Err(SocketPathError::TooLong) }
}

/// Why a daemon cannot listen on a home.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// There can be no home.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// The socket has no path.
    #[error("the socket has no usable path")]
    Path(#[source] SocketPathError),
    /// Another daemon runs on this home.
    #[error("another daemon runs on {}", .0.display())]
    Running(PathBuf),
    /// A directory belongs to another user.
    #[error("{} belongs to another user", .0.display())]
    NotOurs(PathBuf),
    /// A file or directory could not be made, opened, or protected.
    #[error("{} cannot be used", .path.display())]
    Files {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl From<SocketPathError> for RpcError {
    fn from(error: SocketPathError) -> Self {
        Self::new(&codes::HOME_INVALID, format!("The socket has no place: {error}."))
    }
}

impl From<BindError> for RpcError {
    fn from(error: BindError) -> Self {
        match error {
            BindError::Home(error) => error.into(),
            BindError::Path(error) => error.into(),
            BindError::Running(home) => {
                Self::new(&codes::DAEMON_RUNNING, format!("A daemon already runs on {}.", home.display()))
            }
            BindError::NotOurs(path) => {
                Self::new(&codes::ACCESS_FILES, format!("{} belongs to another user.", path.display()))
            }
            BindError::Files { path, source } => {
                let code = file_code(&source, &codes::ACCESS_FILES);
                Self::new(code, format!("{} cannot be used: {source}.", path.display()))
            }
        }
    }
}

/// The right to run the daemon of a home; held from before its store is opened until it is closed.
#[derive(Debug)]
pub struct HomeLock {
    home: PathBuf,
    _file: File,
}

impl HomeLock {
    /// Makes the home and its `run` directory if they are missing, both 0700, and takes the lock.
    pub fn acquire(home: &Path) -> Result<Self, BindError> {
        let no_home = |error| match error {
            BindError::Files { source, .. } => HomeError::unusable(home)(source).into(),
            error => error,
        };
        private_directory(home).map_err(no_home)?;
        // Only now links in its path can be followed.
        check_home(home)?;
        let run = home.join("run");
        private_directory(&run).map_err(no_home)?;
        let path = run.join("bauta.lock");
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(&path)
            .map_err(|source| BindError::Files { path: path.clone(), source })?;
        // A client that checks whether a daemon is starting holds the lock for a moment.
        let deadline = Instant::now() + Duration::from_millis(500);
        while flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
            if Instant::now() >= deadline {
                return Err(BindError::Running(home.to_owned()));
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(Self { home: home.to_owned(), _file: file })
    }

    /// Whether a daemon holds the home's lock: it runs, starts, or stops.
    pub fn is_held(home: &Path) -> bool {
        let Ok(file) = File::open(home.join("run").join("bauta.lock")) else { return false };
        flock(&file, FlockOperation::NonBlockingLockShared).is_err()
    }
}

/// The listening socket of a home. It is removed on drop.
#[derive(Debug)]
pub struct Listener {
    path: PathBuf,
    socket: UnixListener,
}

impl Listener {
    /// Listens. A socket file nothing answers on is replaced. Needs a Tokio runtime.
    ///
    /// Keep the lock until the daemon has ended, which may be later than the listener.
    pub async fn bind(lock: &HomeLock) -> Result<Self, BindError> {
        Self::bind_at(lock, socket_path(&lock.home)).await
    }

    /// Listens for browser extensions. Otherwise like [`Self::bind`].
    pub async fn bind_bridge(lock: &HomeLock) -> Result<Self, BindError> {
        Self::bind_at(lock, bridge_socket_path(&lock.home)).await
    }

    async fn bind_at(lock: &HomeLock, path: Result<PathBuf, SocketPathError>) -> Result<Self, BindError> {
        let path = path.map_err(BindError::Path)?;
        let files = |source| BindError::Files { path: path.clone(), source };
        if let Some(directory) = path.parent() {
            private_directory(directory)?;
        }
        match fs::symlink_metadata(&path) {
            Ok(_) if UnixStream::connect(&path).await.is_ok() => {
                return Err(BindError::Running(lock.home.clone()));
            }
            Ok(_) => fs::remove_file(&path).map_err(files)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(files(error)),
        }
        let socket = UnixListener::bind(&path).map_err(files)?;
        fs::set_permissions(&path, Permissions::from_mode(0o600)).map_err(files)?;
        Ok(Self { path, socket })
    }

    /// The path it listens on.
    pub fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) async fn accept(&self) -> io::Result<UnixStream> {
        self.socket.accept().await.map(|(stream, _)| stream)
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

/// The process that listens at the other end of a connection, according to the kernel.
#[cfg(target_os = "linux")]
pub(crate) fn peer_process(stream: &impl AsFd) -> Option<rustix::process::Pid> {
    rustix::net::sockopt::socket_peercred(stream).ok().map(|peer| peer.pid)
}

/// Not known here.
#[cfg(not(target_os = "linux"))]
pub(crate) fn peer_process(_: &impl AsFd) -> Option<rustix::process::Pid> {
    None
}

/// Whether the other end of a connection runs as this process's user, according to the kernel.
#[cfg(target_os = "linux")]
pub fn is_same_user(stream: &impl AsFd) -> bool {
    rustix::net::sockopt::socket_peercred(stream).is_ok_and(|peer| peer.uid == rustix::process::geteuid())
}

/// Whether the other end of a connection runs as this process's user: whether this user owns the socket's file, which
/// is in a directory that only its owner can open.
#[cfg(not(target_os = "linux"))]
pub fn is_same_user(stream: &impl AsFd) -> bool {
    let Ok(stream) = stream.as_fd().try_clone_to_owned().map(std::os::unix::net::UnixStream::from) else {
        return false;
    };
    // A client sees the file's name at the other end, a server at its own.
    let names = [stream.peer_addr(), stream.local_addr()].into_iter().flatten();
    let mut files = names.filter_map(|name| fs::metadata(name.as_pathname()?).ok());
    files.any(|file| file.uid() == rustix::process::geteuid().as_raw())
}

fn private_directory(path: &Path) -> Result<(), BindError> {
    let files = |source| BindError::Files { path: path.to_owned(), source };
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(files)?;
    let metadata = fs::metadata(path).map_err(files)?;
    if metadata.uid() != rustix::process::geteuid().as_raw() {
        return Err(BindError::NotOurs(path.to_owned()));
    }
    if metadata.mode() & 0o077 != 0 {
        fs::set_permissions(path, Permissions::from_mode(0o700)).map_err(files)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_home_moves_the_socket() {
        let short = socket_path_in(Path::new("/nowhere/home"), "bauta", None).unwrap();
        assert_eq!(short, Path::new("/nowhere/home/run/bauta.sock"));
        let long = format!("/nowhere/{}", "h".repeat(100));
        let moved = socket_path_in(Path::new(&long), "bauta", Some("/run/user/1".into())).unwrap();
        assert!(moved.starts_with("/run/user/1/bauta"));
        assert!(moved.as_os_str().len() <= MAX_SOCKET_PATH);
        assert_ne!(
            moved,
            socket_path_in(Path::new(&format!("{long}x")), "bauta", Some("/run/user/1".into())).unwrap()
        );
        assert!(matches!(socket_path_in(Path::new(&long), "bauta", None), Err(SocketPathError::TooLong)));
        let bridge = socket_path_in(Path::new(&long), "bridge", Some("/run/user/1".into())).unwrap();
        assert!(bridge != moved && bridge.to_string_lossy().ends_with("-bridge.sock"));
        let runtime = PathBuf::from(format!("/{}", "r".repeat(100)));
        assert!(matches!(
            socket_path_in(Path::new(&long), "bauta", Some(runtime)),
            Err(SocketPathError::TooLong)
        ));
    }

    #[test]
    fn the_boundary_is_107_bytes() {
        let tail = "/run/bauta.sock".len();
        let home = format!("/{}", "h".repeat(MAX_SOCKET_PATH - tail - 1));
        assert_eq!(
            socket_path_in(Path::new(&home), "bauta", None).unwrap().as_os_str().len(),
            MAX_SOCKET_PATH
        );
        assert!(socket_path_in(Path::new(&format!("{home}h")), "bauta", None).is_err());
    }

    #[tokio::test]
    async fn one_daemon_per_home_and_stale_sockets_go() {
        let home = tempfile::tempdir().unwrap();
        let lock = HomeLock::acquire(home.path()).unwrap();
        let listener = Listener::bind(&lock).await.unwrap();
        assert!(HomeLock::is_held(home.path()));
        assert!(matches!(HomeLock::acquire(home.path()), Err(BindError::Running(_))));
        let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
        assert_eq!(mode(listener.path()), 0o600);
        assert_eq!(mode(&home.path().join("run")), 0o700);

        // A killed daemon leaves its socket file behind.
        let path = listener.path().to_owned();
        drop(listener);
        drop(lock);
        assert!(!path.exists() && !HomeLock::is_held(home.path()));
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        assert!(path.exists());
        let lock = HomeLock::acquire(home.path()).unwrap();
        let listener = Listener::bind(&lock).await.unwrap();
        assert!(UnixStream::connect(listener.path()).await.is_ok());
    }

    #[tokio::test]
    async fn a_socket_that_answers_is_left_alone() {
        let home = tempfile::tempdir().unwrap();
        let lock = HomeLock::acquire(home.path()).unwrap();
        let other = std::os::unix::net::UnixListener::bind(home.path().join("run/bauta.sock")).unwrap();
        assert!(matches!(Listener::bind(&lock).await, Err(BindError::Running(_))));
        drop(other);
    }

    #[test]
    fn a_full_disk_is_not_blamed_on_the_owner() {
        let path = PathBuf::from("/nowhere/home");
        for kind in [io::ErrorKind::StorageFull, io::ErrorKind::QuotaExceeded] {
            let source = || io::Error::from(kind);
            for error in [
                BindError::Files { path: path.clone(), source: source() },
                BindError::Home(HomeError::unusable(&path)(source())),
            ] {
                assert!(RpcError::from(error).is(&codes::STORE_FULL));
            }
        }
        let denied = BindError::Files { path, source: io::ErrorKind::PermissionDenied.into() };
        assert!(RpcError::from(denied).is(&codes::ACCESS_FILES));
    }

    #[test]
    fn open_directories_are_closed() {
        let home = tempfile::tempdir().unwrap();
        fs::set_permissions(home.path(), Permissions::from_mode(0o755)).unwrap();
        let _lock = HomeLock::acquire(home.path()).unwrap();
        assert_eq!(fs::metadata(home.path()).unwrap().mode() & 0o777, 0o700);
    }

    #[test]
    fn a_home_that_is_a_file_is_refused() {
        let file = tempfile::NamedTempFile::new().unwrap();
        assert!(matches!(HomeLock::acquire(file.path()), Err(BindError::Home(_))));
    }

    #[test]
    fn a_home_that_cannot_be_made_or_written_is_refused() {
        let there = tempfile::tempdir().unwrap();
        let dangling = there.path().join("link");
        std::os::unix::fs::symlink("/proc/nowhere", &dangling).unwrap();
        let mut bad = vec![PathBuf::from("/proc/home"), dangling];
        // Root may write everywhere.
        if !rustix::process::geteuid().is_root() {
            let closed = there.path().join("closed");
            fs::create_dir(&closed).unwrap();
            fs::set_permissions(&closed, Permissions::from_mode(0o500)).unwrap();
            bad.extend([closed.join("home"), closed]);
        }
        for home in bad {
            let refused = HomeLock::acquire(&home).unwrap_err();
            assert!(matches!(refused, BindError::Home(_)), "{}: {refused}", home.display());
            assert!(RpcError::from(refused).is(&codes::HOME_INVALID));
        }
    }
}
