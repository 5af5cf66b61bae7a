//! A user with a home directory of their own, for tests.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

pub(crate) const CHROMIUM: &str = ".config/chromium/NativeMessagingHosts/app.bauta.bridge.json";
pub(crate) const CHROME: &str = ".config/google-chrome/NativeMessagingHosts/app.bauta.bridge.json";
pub(crate) const FIREFOX: &str = ".mozilla/native-messaging-hosts/app.bauta.bridge.json";

/// A user with a home directory, and a host that can be installed.
pub(crate) struct User {
    directory: TempDir,
    pub(crate) host: PathBuf,
}

impl User {
    pub(crate) fn new(directories: &[&str]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let root = fs::canonicalize(directory.path()).unwrap();
        for made in directories {
            fs::create_dir_all(root.join(made)).unwrap();
        }
        let host = root.join("programs/bauta-bridge");
        fs::create_dir_all(host.parent().unwrap()).unwrap();
        fs::write(&host, "#!/bin/sh\n").unwrap();
        fs::set_permissions(&host, fs::Permissions::from_mode(0o755)).unwrap();
        Self { directory, host }
    }

    /// The user's home directory.
    pub(crate) fn home(&self) -> &Path {
        self.directory.path()
    }

    /// The program beside the host.
    pub(crate) fn program(&self) -> PathBuf {
        let program = self.path("programs/bauta");
        let built = env!("CARGO_BIN_EXE_bauta");
        if !program.exists() && fs::hard_link(built, &program).is_err() {
            // Copied by another process: a child that another test starts now would inherit the file open for
            // writing, and such a file cannot be executed.
            assert!(Command::new("cp").arg(built).arg(&program).status().unwrap().success());
        }
        program
    }

    pub(crate) fn path(&self, below: &str) -> PathBuf {
        self.directory.path().join(below)
    }

    pub(crate) fn bauta(&self) -> Command {
        self.command(Path::new(env!("CARGO_BIN_EXE_bauta")))
    }

    /// A program that this user runs.
    pub(crate) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command
            .env_remove("XDG_CONFIG_HOME")
            .env_remove("XDG_RUNTIME_DIR")
            .env_remove("DBUS_SESSION_BUS_ADDRESS")
            .env("HOME", self.directory.path())
            .env("BAUTA_HOME", self.path("bauta"))
            .stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, line: &str) -> Output {
        self.bauta().args(line.split_whitespace()).output().unwrap()
    }

    /// Runs `bauta browser … --json`; its status, and what it printed.
    pub(crate) fn json(&self, line: &str) -> (i32, Value) {
        let output = self.run(&format!("browser {line} --json"));
        let value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
        (output.status.code().unwrap(), value)
    }

    pub(crate) fn install(&self, more: &str) -> (i32, Value) {
        self.json(&format!("install --host {} {more}", self.host.display()))
    }

    pub(crate) fn manifest(&self, below: &str) -> Value {
        serde_json::from_slice(&fs::read(self.path(below)).unwrap()).unwrap()
    }

    /// Runs `bauta doctor --json`; its status, and its checks.
    pub(crate) fn doctor(&self) -> (i32, Vec<Value>) {
        let output = self.run("doctor --json");
        let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
        (output.status.code().unwrap(), report["checks"].as_array().unwrap().clone())
    }

    /// Starts the daemon beside the host, on a network that answers nothing, and waits until it serves.
    pub(crate) fn start(&self, home: &[&str]) -> Daemon {
        let network = self.path("network.json");
        fs::write(&network, r#"{"version":1,"api":"http://127.0.0.1:9/api/","nodes":[]}"#).unwrap();
        let mut command = self.command(&self.program());
        command
            .args(home)
            .args(["up", "--unlock", "keyfile", "--traffic", "test", "--network"])
            .arg(&network);
        let daemon = Daemon(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
        until("the daemon answers", || {
            let status = self.bauta().args(home).args(["status", "--json"]).output().unwrap();
            status.status.success()
        });
        daemon
    }
}

/// A running daemon, killed when dropped.
pub(crate) struct Daemon(Child);

impl Daemon {
    pub(crate) fn of(child: Child) -> Self {
        Self(child)
    }

    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }

    /// Waits until it has ended by itself.
    pub(crate) fn ends(mut self) {
        let status = self.0.wait().unwrap();
        assert!(status.success(), "{status}");
    }

    /// Stops it with SIGTERM.
    pub(crate) fn stop(mut self) {
        let id = rustix::process::Pid::from_child(&self.0);
        rustix::process::kill_process(id, rustix::process::Signal::TERM).unwrap();
        let status = self.0.wait().unwrap();
        assert!(status.success(), "{status}");
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Waits until something holds.
pub(crate) fn until(what: &str, holds: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(180);
    while !holds() {
        assert!(Instant::now() < deadline, "it did not happen: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}
