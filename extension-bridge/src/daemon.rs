//! Finds the daemon of a home.

use std::io;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use bauta_ipc::{HomeLock, RpcError, STARTING, bridge_socket_path, codes, is_same_user, socket_path};

/// Connects to the bridge's socket of a home. Waits up to [`STARTING`] for a daemon that is starting.
///
/// Errors: `daemon.not_running`; `store.locked` while the daemon waits for its store to be opened;
/// `hello.unsupported` for a daemon without such a socket; `access.peer`, `daemon.unreachable`, `home.invalid`.
pub fn connect(home: &Path) -> Result<UnixStream, RpcError> {
    let path = bridge_socket_path(home)?;
    let deadline = Instant::now() + STARTING;
    loop {
        let error = match UnixStream::connect(&path) {
            Ok(stream) if is_same_user(&stream) => return Ok(stream),
            Ok(_) => {
                let message = "The daemon on this socket runs as another user.";
                return Err(RpcError::new(&codes::ACCESS_PEER, message));
            }
            Err(error) => error,
        };
        match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {}
            io::ErrorKind::PermissionDenied => {
                return Err(RpcError::new(&codes::ACCESS_PEER, "The daemon's socket may not be opened."));
            }
            _ => {
                let message = format!("The daemon's socket failed: {error}.");
                return Err(RpcError::new(&codes::DAEMON_UNREACHABLE, message));
            }
        }
        if !HomeLock::is_held(home) {
            return Err(RpcError::new(&codes::DAEMON_NOT_RUNNING, "The daemon is not running."));
        }
        if Instant::now() >= deadline {
            return Err(held_up(home));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The error for a daemon that runs, but does not answer on the bridge's socket.
fn held_up(home: &Path) -> RpcError {
    let serves_commands = socket_path(home).is_ok_and(|path| UnixStream::connect(path).is_ok());
    if serves_commands {
        let message = "The daemon's version does not serve browsers.";
        return RpcError::new(&codes::HELLO_UNSUPPORTED, message)
            .hint("Restart it: bauta down, then bauta up");
    }
    let message = "The daemon has started, but its store is not open yet.";
    RpcError::new(&codes::STORE_LOCKED, message)
        .hint("Unlock this desktop's keychain, if it asks.")
        .retry(bauta_ipc::Retry::Later)
}
