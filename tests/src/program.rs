//! The `bauta` command as its users run it: arguments in, JSON and an exit code out.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

/// Set in the environment, it makes the runners of this crate behave as `bauta` itself.
///
/// Cargo builds no binary of another package for a test, and a runner must not depend on one being there by chance.
pub const ACT_AS_BAUTA: &str = "BAUTA_TESTS_ACT_AS_BAUTA";

/// How `bauta` is started.
#[derive(Clone, Debug)]
pub struct Program {
    path: PathBuf,
}

/// What one command gave back.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Exit code, as documented in `docs/api.md`.
    pub code: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Answer {
    /// Standard output as JSON.
    ///
    /// # Panics
    /// When it is not JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }

    /// The JSON of a command that succeeded.
    ///
    /// # Panics
    /// When it did not.
    pub fn ok(&self) -> Value {
        assert_eq!(self.code, 0, "{self:?}");
        self.json()
    }
}

impl From<Output> for Answer {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// Writes a file that only its owner can read, such as one with a password.
///
/// # Panics
/// When it cannot be written.
pub fn write_private(path: impl AsRef<Path>, text: &str) {
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
}

impl Program {
    /// `path` is a runner of this crate, for instance `env!("CARGO_BIN_EXE_chaos")`.
    pub fn new(path: impl AsRef<Path>) -> Self {
        Self { path: path.as_ref().to_owned() }
    }

    /// The runner that is running now.
    pub fn current() -> Self {
        Self::new(std::env::current_exe().unwrap())
    }

    /// `bauta ARGUMENTS…`, to be started by the caller.
    pub fn command<S: AsRef<std::ffi::OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Command {
        let mut command = Command::new(&self.path);
        command.args(arguments).env(ACT_AS_BAUTA, "1").env_remove("BAUTA_HOME").env_remove("RUST_LOG");
        command
    }

    /// The path and the environment of [`Program::command`], for a command line that wraps it.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Runs `bauta --home HOME ARGUMENTS… --json` to its end.
    pub fn run(&self, home: &Path, arguments: &[&str]) -> Answer {
        let mut command = self.command(["--home".as_ref(), home.as_os_str()]);
        command.args(arguments).arg("--json").stdin(std::process::Stdio::null());
        command.output().unwrap().into()
    }
}
