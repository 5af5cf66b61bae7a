//! `bauta up --background`: the same command in a process of its own, which goes on when the terminal closes.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use bauta_daemon::unlock::{Mode, Unlock};
use bauta_ipc::methods::StatusGet;
use bauta_ipc::{Client, ConnectionState, Exit, HomeLock, RpcError, Status, StatusOf, codes, file_code};
use serde::Deserialize;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, Command};
use zeroize::Zeroizing;

use super::network::{SLOW, still_trying};
use crate::{Context, LogTarget, Progress, interrupted, state_words};

/// The pause between two looks at the daemon's state.
const LOOK: Duration = Duration::from_millis(200);

/// A log that is longer at a start is renamed, and a new one begun.
const MAX_LOG: u64 = 1 << 20;

/// The log of a daemon in the background.
pub(crate) fn log_file(home: &Path) -> PathBuf {
    home.join("log/daemon.log")
}

/// Starts the daemon with the arguments of this process, and returns when it is ready, or has nothing to connect.
/// Whatever has to be asked was asked before: the daemon has no terminal. `unlock` is `None` for a locked start.
pub(super) async fn start(home: &Path, unlock: Option<Unlock>, context: &Context) -> Result<Exit, RpcError> {
    if HomeLock::is_held(home) {
        return Err(RpcError::new(&codes::DAEMON_RUNNING, "Another daemon runs on this home."));
    }
    let stop = interrupted()?;
    let progress = Progress::begin(&context.out, LogTarget::default());
    progress.phase("Starting the daemon");
    let mut child = spawn(home, unlock, context).await?;
    let status = tokio::select! {
        status = serves(home, &mut child, &progress) => status?,
        () = stop.cancelled() => {
            progress.say("The daemon goes on in the background. See bauta status; bauta down stops it.");
            return Ok(Exit::Ok);
        }
    };
    let words = state_words(status.state, status.phase.as_deref());
    progress.say(&format!("{words} ({}). The daemon runs in the background.", progress.elapsed()));
    drop(progress);
    if context.out.is_json() {
        context.out.line(&status)?;
    }
    Ok(Exit::Ok)
}

async fn spawn(home: &Path, unlock: Option<Unlock>, context: &Context) -> Result<Child, RpcError> {
    let failed = |error: io::Error| {
        RpcError::new(&codes::INTERNAL, format!("The daemon could not be started: {error}."))
    };
    let log = open_log(home).map_err(|error| {
        let path = log_file(home);
        let code = file_code(&error, &codes::FILE_FAILED);
        RpcError::new(code, format!("{} cannot be written: {error}.", path.display()))
    })?;
    let mut command = Command::new(std::env::current_exe().map_err(failed)?);
    command.args(std::env::args_os().skip(1)).arg("--detached");
    // Its errors are then JSON, which this process shows in its own way.
    if !context.out.is_json() {
        command.arg("--json");
    }
    let (mode, passphrase) = match unlock {
        None => (None, None),
        Some(Unlock::Keychain) => (Some(Mode::Keychain), None),
        Some(Unlock::KeyFile) => (Some(Mode::KeyFile), None),
        Some(Unlock::Passphrase(passphrase)) => (Some(Mode::Passphrase), Some(passphrase)),
    };
    if let Some(mode) = mode {
        command.args(["--unlock", mode.name()]);
    }
    if passphrase.is_some() {
        command.args(["--passphrase-file", "-"]);
    }
    let stdin = if passphrase.is_some() { Stdio::piped() } else { Stdio::null() };
    command.stdin(stdin).stdout(Stdio::piped()).stderr(log).current_dir("/");
    let mut child = command.spawn().map_err(failed)?;
    if let (Some(mut stdin), Some(passphrase)) = (child.stdin.take(), passphrase) {
        let line = Zeroizing::new(format!("{}\n", *passphrase));
        stdin.write_all(line.as_bytes()).await.map_err(failed)?;
    }
    Ok(child)
}

/// Waits until the daemon is ready, locked, or has nothing to connect. It is an error when it ends before.
async fn serves(home: &Path, child: &mut Child, progress: &Progress) -> Result<Status, RpcError> {
    loop {
        if child.try_wait().is_ok_and(|ended| ended.is_some()) {
            return Err(why(child).await);
        }
        if let Some(status) = look(home).await {
            let words = state_words(status.state, status.phase.as_deref());
            match status.state {
                ConnectionState::Ready | ConnectionState::Locked | ConnectionState::Off => return Ok(status),
                _ if progress.passed() > SLOW => {
                    let why = still_trying(&status);
                    progress
                        .phase(&format!("{}. Ctrl-C leaves it in the background", why.trim_end_matches('.')));
                }
                _ => progress.phase(&words),
            }
        }
        tokio::time::sleep(LOOK).await;
    }
}

async fn look(home: &Path) -> Option<Status> {
    if !HomeLock::is_held(home) {
        return None;
    }
    let client = Client::open(home).await.ok()?;
    client.call::<StatusGet>(&StatusOf::default()).await.ok()
}

/// What a daemon that has ended said last.
async fn why(child: &mut Child) -> RpcError {
    #[derive(Deserialize)]
    struct Last {
        error: RpcError,
    }
    let mut text = String::new();
    if let Some(mut stdout) = child.stdout.take() {
        let _ = stdout.read_to_string(&mut text).await;
    }
    let last = text.lines().last().and_then(|line| serde_json::from_str::<Last>(line).ok());
    last.map(|last| last.error).unwrap_or_else(|| {
        RpcError::new(&codes::INTERNAL, "The daemon ended while it started.").hint("See its log: bauta logs")
    })
}

fn open_log(home: &Path) -> io::Result<File> {
    let path = log_file(home);
    if let Some(directory) = path.parent() {
        DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    }
    if fs::metadata(&path).is_ok_and(|file| file.len() > MAX_LOG) {
        fs::rename(&path, path.with_extension("log.1"))?;
    }
    OpenOptions::new().create(true).append(true).mode(0o600).open(path)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn the_log_is_private_and_does_not_grow_forever() {
        let dir = tempfile::tempdir().unwrap();
        let path = log_file(dir.path());
        drop(open_log(dir.path()).unwrap());
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
        File::options().write(true).open(&path).unwrap().set_len(MAX_LOG + 1).unwrap();
        drop(open_log(dir.path()).unwrap());
        assert_eq!(fs::metadata(&path).unwrap().len(), 0);
        assert_eq!(fs::metadata(path.with_extension("log.1")).unwrap().len(), MAX_LOG + 1);
    }
}
