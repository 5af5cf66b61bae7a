//! A small world: a local mixnet in this process, a relay and daemons as processes of their own.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bauta_localnet::{ExitPolicy, Localnet, LocalnetConfig};
use serde_json::Value;

use crate::process::Process;
use crate::program::{Answer, Program};
use crate::wait::eventually;

/// Long enough for a daemon to start on a busy machine.
pub const STARTUP: Duration = Duration::from_secs(180);

/// The mixnet, the relay's address and the place of all files.
pub struct World {
    /// Fault switches.
    pub localnet: Localnet,
    dir: tempfile::TempDir,
    program: Program,
    traffic: &'static str,
    relay: Option<Process>,
    relay_address: Option<String>,
}

impl World {
    /// A mixnet with `gateways` gateways and no relay yet. All clients use the traffic profile for tests.
    pub async fn new(program: Program, gateways: usize) -> Self {
        Self::with_traffic(program, gateways, "test").await
    }

    /// A mixnet as [`World::new`] makes it, whose clients use another traffic profile.
    pub async fn with_traffic(program: Program, gateways: usize, traffic: &'static str) -> Self {
        let config = LocalnetConfig { gateways, ..LocalnetConfig::default() };
        Self::of(program, config, traffic).await
    }

    /// A mixnet as [`World::new`] makes it, with an exit to every port of this machine.
    pub async fn with_exit(program: Program, gateways: usize) -> Self {
        Self::with_exits(program, gateways, 1).await
    }

    /// A mixnet as [`World::new`] makes it, with several exits to every port of this machine.
    pub async fn with_exits(program: Program, gateways: usize, exits: usize) -> Self {
        let config =
            LocalnetConfig { gateways, exit: ExitPolicy::Loopback, exits, ..LocalnetConfig::default() };
        Self::of(program, config, "test").await
    }

    async fn of(program: Program, config: LocalnetConfig, traffic: &'static str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let localnet = Localnet::start(config).await.unwrap();
        localnet.network_file().write(&dir.path().join("network.json")).unwrap();
        Self { localnet, dir, program, traffic, relay: None, relay_address: None }
    }

    /// The directory of everything in this world.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// The network file that names API and nodes.
    pub fn network_file(&self) -> PathBuf {
        self.dir.path().join("network.json")
    }

    /// The relay's data.
    pub fn relay_data(&self) -> PathBuf {
        self.dir.path().join("relay")
    }

    /// The relay's log.
    pub fn relay_log(&self) -> PathBuf {
        self.dir.path().join("relay.log")
    }

    /// Starts the relay, or starts it again, and waits until it has printed its address.
    pub fn start_relay(&mut self) {
        self.relay = None;
        let log = self.relay_log();
        let before = std::fs::read_to_string(&log).unwrap_or_default().len();
        let mut command = self.program.command(["relay", "--data"]);
        command
            .arg(self.relay_data())
            .arg("--network")
            .arg(self.network_file())
            .args(["--traffic", self.traffic]);
        let mut process = Process::start(command, &log);
        let address = eventually("the relay's address", STARTUP, || {
            assert!(process.is_running(), "the relay stopped:\n{}", process.output());
            let output = process.output();
            output[before..].lines().find(|line| line.starts_with("bauta-relay:")).map(str::to_owned)
        });
        self.relay = Some(process);
        self.use_relay(&address);
    }

    /// Gives daemons this relay, which runs elsewhere.
    pub fn use_relay(&mut self, address: &str) {
        self.relay_address = Some(address.to_owned());
    }

    /// SIGKILL for the relay.
    pub fn kill_relay(&mut self) {
        if let Some(relay) = &mut self.relay {
            relay.kill();
        }
    }

    /// The address that daemons are given with `--relay`.
    pub fn relay_address(&self) -> &str {
        self.relay_address.as_ref().expect("a relay was started or named")
    }

    /// A person with a home below this world's directory, whose daemon does not run yet.
    pub fn person(&self, name: &str) -> Person {
        Person {
            home: self.dir.path().join(name),
            log: self.dir.path().join(format!("{name}.log")),
            network: self.network_file(),
            traffic: self.traffic,
            log_filter: None,
            more: Vec::new(),
            relay: self.relay_address().to_owned(),
            program: self.program.clone(),
            daemon: None,
        }
    }
}

/// Someone with a home, a daemon and a shell.
pub struct Person {
    home: PathBuf,
    log: PathBuf,
    network: PathBuf,
    traffic: &'static str,
    log_filter: Option<String>,
    more: Vec<OsString>,
    relay: String,
    program: Program,
    daemon: Option<Process>,
}

impl Person {
    /// The home.
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// The daemon's log at level info.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// What the daemon logs from its next start, in the words of `BAUTA_LOG`.
    pub fn log_at(&mut self, filter: &str) {
        self.log_filter = Some(filter.to_owned());
    }

    /// Further arguments for `bauta up`, from its next start.
    pub fn up_with<S: Into<OsString>>(&mut self, arguments: impl IntoIterator<Item = S>) {
        self.more = arguments.into_iter().map(Into::into).collect();
    }

    /// Starts the daemon without waiting for it.
    pub fn launch(&mut self) {
        self.daemon = None;
        let mut command = self.program.command(["--home".as_ref(), self.home.as_os_str()]);
        let traffic = self.traffic;
        command.args([
            "up",
            "--unlock",
            "keyfile",
            "--traffic",
            traffic,
            "--relay",
            &self.relay,
            "--network",
        ]);
        if let Some(filter) = &self.log_filter {
            command.env("BAUTA_LOG", filter);
        }
        command.arg(&self.network).args(&self.more);
        self.daemon = Some(Process::start(command, &self.log));
    }

    /// Starts the daemon and waits until an exchange has come back.
    pub fn up(&mut self) {
        self.launch();
        eventually("a daemon that is ready", STARTUP, || {
            let daemon = self.daemon.as_mut().unwrap();
            assert!(daemon.is_running(), "the daemon stopped:\n{}", daemon.output());
            let status = self.run(&["status"]);
            (status.code == 0 && status.json()["state"] == "ready").then_some(())
        });
    }

    /// SIGKILL for the daemon.
    pub fn kill(&mut self) {
        if let Some(daemon) = &mut self.daemon {
            daemon.kill();
        }
    }

    /// SIGTERM for the daemon; it must stop with 0.
    pub fn down(&mut self) {
        if let Some(mut daemon) = self.daemon.take() {
            let status = daemon.terminate(STARTUP);
            assert!(status.success(), "{status}:\n{}", daemon.output());
        }
    }

    /// The daemon's process id.
    pub fn pid(&self) -> u32 {
        self.daemon.as_ref().expect("the daemon was started").id()
    }

    /// Runs one command. Sending waits for as long as a busy machine may need.
    pub fn run(&self, arguments: &[&str]) -> Answer {
        if arguments.first() == Some(&"send") && !arguments.contains(&"--timeout") {
            return self.program.run(&self.home, &[arguments, &["--timeout", "180s"]].concat());
        }
        self.program.run(&self.home, arguments)
    }

    /// Runs one command that must succeed.
    pub fn ok(&self, arguments: &[&str]) -> Value {
        self.run(arguments).ok()
    }

    /// Makes a persona and gives its public key and address.
    pub fn persona(&self, name: &str) -> (String, String) {
        let made = self.ok(&["persona", "new", name]);
        (made["public_key"].as_str().unwrap().to_owned(), made["address"].as_str().unwrap().to_owned())
    }

    /// The texts in the inbox, oldest first, as (sender, text).
    pub fn inbox(&self) -> Vec<(String, String)> {
        let list = self.ok(&["inbox"]);
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        list.as_array().unwrap().iter().map(|m| (text(&m["from"]), text(&m["text"]))).collect()
    }

    /// Waits until `text` from `sender` has arrived.
    pub fn receives(&self, sender: &str, text: &str, deadline: Duration) {
        eventually(&format!("{text:?} from {sender}"), deadline, || {
            self.inbox().iter().any(|m| m.0 == sender && m.1 == text).then_some(())
        });
    }

    /// Waits for a request and gives its id.
    pub fn request(&self, text: &str, deadline: Duration) -> String {
        eventually(&format!("a request with {text:?}"), deadline, || {
            let list = self.ok(&["contact", "requests"]);
            let found = list.as_array().unwrap().iter().find(|r| r["text"] == text)?;
            Some(match &found["id"] {
                Value::String(id) => id.clone(),
                id => id.to_string(),
            })
        })
    }

    /// Whether a contact of this name is listed.
    pub fn knows(&self, name: &str) -> bool {
        self.ok(&["contact", "list"]).as_array().unwrap().iter().any(|c| c["name"] == name)
    }
}

/// Makes `host` and `guest` contacts of each other by an invitation; each knows the other under the given name.
pub fn introduce(host: &Person, guest_name: &str, guest: &Person, host_name: &str, deadline: Duration) {
    let invitation = host.ok(&["contact", "invite", "--name", guest_name]);
    guest.ok(&["contact", "add", host_name, invitation["address"].as_str().unwrap()]);
    eventually("the newcomer among the contacts", deadline, || host.knows(guest_name).then_some(()));
}
