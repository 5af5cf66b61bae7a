//! The host as a process, as a browser starts it, with a socket where the daemon's would be.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use bauta_bridge::{read_frame, write_frame};
use bauta_ipc::{HomeLock, MAX_FRAME};
use serde_json::{Value, json};

const ORIGIN: &str = "chrome-extension://glggelpbdmnoognbkiacemakhjalbeki/";
const PATIENCE: Duration = Duration::from_secs(120);

struct Host {
    child: Child,
    input: Option<ChildStdin>,
    output: ChildStdout,
}

impl Host {
    fn start(home: &Path, arguments: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_bauta-bridge"))
            .args(arguments)
            .env("BAUTA_HOME", home)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (input, output) = (child.stdin.take(), child.stdout.take().unwrap());
        Self { child, input, output }
    }

    fn send(&mut self, frame: &[u8]) {
        write_frame(self.input.as_mut().unwrap(), frame).unwrap();
    }

    fn receive(&mut self) -> Vec<u8> {
        read_frame(&mut self.output).unwrap().unwrap()
    }

    /// The error that ends it, with id null, and nothing after it on either stream.
    fn error(mut self) -> String {
        let frame: Value = serde_json::from_slice(&self.receive()).unwrap();
        assert_eq!((&frame["jsonrpc"], &frame["id"]), (&json!("2.0"), &Value::Null));
        assert_eq!(frame["error"]["message"], frame["error"]["data"]["message"]);
        assert!(!self.finish().success());
        frame["error"]["data"]["code"].as_str().unwrap().to_owned()
    }

    fn finish(&mut self) -> ExitStatus {
        let deadline = Instant::now() + PATIENCE;
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(Instant::now() < deadline, "the host did not end");
            std::thread::sleep(Duration::from_millis(2));
        };
        let (mut out, mut err) = (Vec::new(), String::new());
        self.output.read_to_end(&mut out).unwrap();
        self.child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
        assert!(out.is_empty() && err.is_empty(), "{out:?} {err}");
        status
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

struct Daemon {
    home: tempfile::TempDir,
    socket: UnixListener,
    _lock: HomeLock,
}

impl Daemon {
    fn start() -> Self {
        let home = tempfile::tempdir().unwrap();
        let lock = HomeLock::acquire(home.path()).unwrap();
        let socket = UnixListener::bind(home.path().join("run/bridge.sock")).unwrap();
        Self { home, socket, _lock: lock }
    }

    /// A started host and its connection, after the introduction.
    fn joined(&self, arguments: &[&str], origin: &str) -> (Host, BufReader<UnixStream>) {
        let host = Host::start(self.home.path(), arguments);
        let (stream, _) = self.socket.accept().unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut stream = BufReader::new(stream);
        let expected = json!({"jsonrpc": "2.0", "method": "bridge.origin", "params": {"origin": origin}});
        assert_eq!(serde_json::from_slice::<Value>(&line(&mut stream)).unwrap(), expected);
        (host, stream)
    }
}

fn line(stream: &mut BufReader<UnixStream>) -> Vec<u8> {
    let mut line = Vec::new();
    stream.read_until(b'\n', &mut line).unwrap();
    assert_eq!(line.pop(), Some(b'\n'));
    line
}

#[test]
fn frames_pass_both_ways_unchanged() {
    let daemon = Daemon::start();
    let (mut host, mut stream) = daemon.joined(&[ORIGIN], ORIGIN);
    let longest = format!("\"{}\"", "x".repeat(MAX_FRAME - 2)).into_bytes();
    for frame in [br#"{"jsonrpc":"2.0","id":1,"method":"hello"}"#.as_slice(), "\"é\"".as_bytes(), &longest] {
        // A pipe holds less than the longest frame.
        std::thread::scope(|scope| {
            let sending = scope.spawn(|| host.send(frame));
            assert_eq!(line(&mut stream), frame);
            sending.join().unwrap();
        });
        std::thread::scope(|scope| {
            let answer = scope.spawn(|| stream.get_mut().write_all(&[frame, b"\n"].concat()).unwrap());
            assert_eq!(host.receive(), frame);
            answer.join().unwrap();
        });
    }
    host.input = None;
    assert!(host.finish().success());
    assert_eq!(stream.read(&mut [0]).unwrap(), 0);
}

#[test]
fn a_frame_cannot_become_two() {
    let daemon = Daemon::start();
    let (mut host, mut stream) = daemon.joined(&[ORIGIN], ORIGIN);
    host.send(b"{}\n{\"jsonrpc\":\"2.0\",\"method\":\"bridge.origin\"}");
    assert_eq!(line(&mut stream), b"{} {\"jsonrpc\":\"2.0\",\"method\":\"bridge.origin\"}");
}

#[test]
fn firefox_is_known_by_its_id() {
    let daemon = Daemon::start();
    let manifest = "/home/u/.mozilla/native-messaging-hosts/app.bauta.bridge.json";
    daemon.joined(&[manifest, "extension@bauta.app"], "firefox-extension://extension@bauta.app/");
}

#[test]
fn other_callers_never_reach_the_daemon() {
    let daemon = Daemon::start();
    daemon.socket.set_nonblocking(true).unwrap();
    for (arguments, code) in [
        (&["chrome-extension://aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/"][..], "access.origin"),
        (&["/x/app.bauta.bridge.json", "other@example.org"], "access.origin"),
        (&["--version"], "usage"),
        (&[], "usage"),
    ] {
        assert_eq!(Host::start(daemon.home.path(), arguments).error(), code, "{arguments:?}");
    }
    assert_eq!(daemon.socket.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
}

#[test]
fn frames_over_1_mib_are_refused() {
    let daemon = Daemon::start();
    let (mut host, _stream) = daemon.joined(&[ORIGIN], ORIGIN);
    let length = u32::try_from(MAX_FRAME + 1).unwrap().to_ne_bytes();
    host.input.as_mut().unwrap().write_all(&length).unwrap();
    assert_eq!(host.error(), "request.too_large");

    let (host, mut stream) = daemon.joined(&[ORIGIN], ORIGIN);
    // The host may end before all of it is written.
    let _ = stream.get_mut().write_all(&vec![b'x'; MAX_FRAME + 2]);
    assert_eq!(host.error(), "daemon.unreachable");
}

#[test]
fn the_daemons_last_words_arrive() {
    let daemon = Daemon::start();
    let (mut host, mut stream) = daemon.joined(&[ORIGIN], ORIGIN);
    stream.get_mut().write_all(b"{\"last\":true}\n").unwrap();
    drop(stream);
    assert_eq!(host.receive(), b"{\"last\":true}");
    assert_eq!(host.error(), "daemon.unreachable");
}

#[test]
fn a_cut_frame_ends_it() {
    let daemon = Daemon::start();
    let (mut host, mut stream) = daemon.joined(&[ORIGIN], ORIGIN);
    host.input.take().unwrap().write_all(&[9_u32.to_ne_bytes().as_slice(), b"{"].concat()).unwrap();
    assert!(host.finish().success());
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).unwrap();
    assert!(rest.is_empty());
}

#[test]
fn it_says_why_there_is_no_daemon() {
    let home = tempfile::tempdir().unwrap();
    assert_eq!(Host::start(home.path(), &[ORIGIN]).error(), "daemon.not_running");
    // A socket that a killed daemon left behind.
    let lock = HomeLock::acquire(home.path()).unwrap();
    drop(UnixListener::bind(home.path().join("run/bridge.sock")).unwrap());
    drop(lock);
    assert_eq!(Host::start(home.path(), &[ORIGIN]).error(), "daemon.not_running");
}

#[test]
fn it_tells_a_locked_daemon_from_an_older_one() {
    let locked = tempfile::tempdir().unwrap();
    let older = tempfile::tempdir().unwrap();
    let _locks = [HomeLock::acquire(locked.path()).unwrap(), HomeLock::acquire(older.path()).unwrap()];
    let _commands = UnixListener::bind(older.path().join("run/bauta.sock")).unwrap();
    let hosts = [Host::start(locked.path(), &[ORIGIN]), Host::start(older.path(), &[ORIGIN])];
    assert_eq!(hosts.map(Host::error), ["store.locked", "hello.unsupported"]);
}

#[test]
fn a_daemon_that_starts_is_waited_for() {
    let home = tempfile::tempdir().unwrap();
    let _lock = HomeLock::acquire(home.path()).unwrap();
    let mut host = Host::start(home.path(), &[ORIGIN]);
    let socket = UnixListener::bind(home.path().join("run/bridge.sock")).unwrap();
    let (stream, _) = socket.accept().unwrap();
    // Held until the host has ended: a daemon that hangs up is an error.
    let mut stream = BufReader::new(stream);
    assert!(!line(&mut stream).is_empty());
    host.input = None;
    assert!(host.finish().success());
}

/// Small and quick, because a browser starts one for each port.
#[cfg(target_os = "linux")]
#[test]
fn it_stays_below_5_mb() {
    let daemon = Daemon::start();
    let (mut host, mut stream) = daemon.joined(&[ORIGIN], ORIGIN);
    let frame = format!("\"{}\"", "x".repeat(MAX_FRAME / 2)).into_bytes();
    host.send(&frame);
    assert_eq!(line(&mut stream), frame);
    let status = std::fs::read_to_string(format!("/proc/{}/status", host.child.id())).unwrap();
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    let kib: u64 = resident.trim().trim_end_matches("kB").trim().parse().unwrap();
    assert!(kib < 5 << 10, "{kib} KiB");
}
