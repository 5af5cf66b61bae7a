//! Real Gun relays on loopback, from npm, plain or with TLS under a root of the test's own.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bauta_daemon::gun::{Dial, DialError, Gun, GunConfig, Stream};
use tokio::net::TcpStream;

use crate::process::Process;
use crate::wait::eventually;

/// Long enough for node to start on a busy machine.
const STARTUP: Duration = Duration::from_secs(180);

/// The releases of `gun` that are tried, by their names in `tests/gun/package.json`.
pub const VERSIONS: [&str; 2] = ["gun", "gun-1234"];

/// A running relay, its port and its data. Dropping it ends it.
pub struct GunRelay {
    version: &'static str,
    dir: PathBuf,
    port: u16,
    root: Option<TestRoot>,
    process: Process,
}

impl GunRelay {
    /// Starts a relay of one of [`VERSIONS`] with its data in `dir`, and waits until it listens.
    pub fn start(version: &'static str, dir: &Path) -> Self {
        Self::start_on(version, dir, free_port(), None)
    }

    /// As [`Self::start`], behind TLS.
    pub fn start_tls(version: &'static str, dir: &Path, root: &TestRoot) -> Self {
        Self::start_on(version, dir, free_port(), Some(root.clone()))
    }

    /// The address that clients use.
    pub fn url(&self) -> String {
        let scheme = if self.root.is_some() { "https" } else { "http" };
        format!("{scheme}://localhost:{}/gun", self.port)
    }

    /// The TCP port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The relay's process.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Kills it and starts it again on the same port, with the data it has on disk.
    pub fn restart(&mut self) {
        self.kill();
        *self = Self::start_on(self.version, &self.dir, self.port, self.root.take());
    }

    /// Puts records for others into a set, and things that are not records.
    pub fn fill(&self, set: &str, foreign: usize, malformed: usize) {
        let mut command = node("fill.js");
        command.arg(self.url()).arg(set).args([foreign.to_string(), malformed.to_string()]);
        if let Some(root) = &self.root {
            command.env("NODE_EXTRA_CA_CERTS", root.certificate());
        }
        let Output { status, stderr, .. } = command.stdin(Stdio::null()).output().unwrap();
        assert!(status.success(), "filling {set}: {}", String::from_utf8_lossy(&stderr));
    }

    fn start_on(version: &'static str, dir: &Path, port: u16, root: Option<TestRoot>) -> Self {
        std::fs::create_dir_all(dir).unwrap();
        let log = dir.join("relay.log");
        let before = std::fs::read_to_string(&log).unwrap_or_default().len();
        let mut command = node("relay.js");
        command.arg(version).arg(port.to_string()).arg(dir);
        if let Some(root) = &root {
            command.arg(root.dir.join("relay.pem")).arg(root.dir.join("relay.key"));
        }
        let mut process = Process::start(command, &log);
        eventually("the Gun relay listens", STARTUP, || {
            assert!(process.is_running(), "the Gun relay stopped:\n{}", process.output());
            process.output()[before..].lines().any(|line| line == "listening").then_some(())
        });
        Self { version, dir: dir.to_owned(), port, root, process }
    }
}

/// A certificate authority of the test's own, and the relay's certificate for `localhost` and 127.0.0.1.
#[derive(Clone)]
pub struct TestRoot {
    dir: PathBuf,
}

impl TestRoot {
    /// Makes both in `dir` with the command line tool of OpenSSL.
    pub fn make(dir: &Path) -> Self {
        std::fs::create_dir_all(dir).unwrap();
        let usage = "subjectAltName=DNS:localhost,IP:127.0.0.1\nbasicConstraints=critical,CA:FALSE\n";
        std::fs::write(dir.join("relay.ext"), usage).unwrap();
        let curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
        let root = [
            "req",
            "-x509",
            "-days",
            "3",
            "-subj",
            "/CN=Test root",
            "-keyout",
            "root.key",
            "-out",
            "root.pem",
        ];
        openssl(dir, root.into_iter().chain(curve));
        let request = ["req", "-new", "-subj", "/CN=localhost", "-keyout", "relay.key", "-out", "relay.csr"];
        openssl(dir, request.into_iter().chain(curve));
        let sign =
            ["x509", "-req", "-days", "2", "-in", "relay.csr", "-CA", "root.pem", "-CAkey", "root.key"];
        openssl(
            dir,
            sign.into_iter().chain(["-CAcreateserial", "-extfile", "relay.ext", "-out", "relay.pem"]),
        );
        Self { dir: dir.to_owned() }
    }

    /// The root's certificate, a PEM file.
    pub fn certificate(&self) -> PathBuf {
        self.dir.join("root.pem")
    }
}

/// Plain TCP: what the daemon never does itself.
pub struct Tcp;

#[async_trait]
impl Dial for Tcp {
    async fn dial(&self, host: &str, port: u16) -> Result<Box<dyn Stream>, DialError> {
        assert!(host == "localhost" || host == "127.0.0.1", "a test reached for {host}");
        let stream = TcpStream::connect(("127.0.0.1", port)).await;
        Ok(Box::new(stream.map_err(|error| DialError::Unreachable(error.to_string()))?))
    }
}

/// A client of these relays over plain TCP.
pub fn tcp_client<'a>(urls: impl IntoIterator<Item = &'a str>, root: Option<&TestRoot>) -> Gun {
    let relays = urls.into_iter().map(|url| url.parse().unwrap()).collect();
    let extra_roots_pem = root.map(|root| std::fs::read(root.certificate()).unwrap());
    Gun::new(GunConfig { relays, extra_roots_pem, dial: std::sync::Arc::new(Tcp) }).unwrap()
}

/// A command that runs a script of `tests/gun`.
pub fn node(script: &str) -> Command {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("gun");
    assert!(
        dir.join("node_modules/ws").exists(),
        "the packages from npm are missing: run `make tests/gun/node_modules/.package-lock.json`"
    );
    let mut command = Command::new("node");
    command.arg(dir.join(script));
    command
}

/// A port of 127.0.0.1 that nothing listens on, below those the kernel gives to outgoing connections, so that it stays
/// free while a relay is down.
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let range = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap();
    let low: u16 = range.split_whitespace().next().unwrap().parse().unwrap();
    let first = 10_000.min(low / 2);
    // Test processes that run at the same time begin elsewhere.
    let begin = std::process::id() % u32::from(low - first);
    for _ in first..low {
        let step = u32::from(NEXT.fetch_add(1, Ordering::Relaxed)) * 7;
        let port = first + u16::try_from((begin + step) % u32::from(low - first)).unwrap();
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
    panic!("no port is free");
}

fn openssl<'a>(dir: &Path, arguments: impl Iterator<Item = &'a str>) {
    let arguments: Vec<&str> = arguments.collect();
    let Output { status, stderr, .. } =
        Command::new("openssl").current_dir(dir).args(&arguments).stdin(Stdio::null()).output().unwrap();
    assert!(status.success(), "openssl {arguments:?}: {}", String::from_utf8_lossy(&stderr));
}
