//! Commands that go on after a restart of the daemon.

use std::io::{BufRead, BufReader, Lines, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::user::until;

/// A daemon that answers a few methods; its messages stay when it is restarted.
#[derive(Clone)]
struct Fake {
    home: Arc<tempfile::TempDir>,
    texts: Arc<Mutex<Vec<String>>>,
    open: Arc<Mutex<Vec<UnixStream>>>,
    /// Cursors that were asked for.
    since: Arc<Mutex<Vec<Value>>>,
    /// Ids up to which messages were marked as read.
    read: Arc<Mutex<Vec<Value>>>,
}

impl Fake {
    fn new() -> Self {
        let home = Arc::new(tempfile::tempdir().unwrap());
        std::fs::create_dir(home.path().join("run")).unwrap();
        Self {
            home,
            texts: Arc::default(),
            open: Arc::default(),
            since: Arc::default(),
            read: Arc::default(),
        }
    }

    fn path(&self) -> &Path {
        self.home.path()
    }

    fn start(&self) {
        let socket = self.path().join("run/bauta.sock");
        let _ = std::fs::remove_file(&socket);
        let listener = UnixListener::bind(socket).unwrap();
        let fake = self.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                fake.open.lock().unwrap().push(stream.try_clone().unwrap());
                let fake = fake.clone();
                std::thread::spawn(move || fake.serve(stream));
            }
        });
    }

    /// Ends every connection; nothing answers any more.
    fn stop(&self) {
        std::fs::remove_file(self.path().join("run/bauta.sock")).unwrap();
        for stream in self.open.lock().unwrap().drain(..) {
            let _ = stream.shutdown(std::net::Shutdown::Both);
        }
    }

    fn serve(&self, stream: UnixStream) {
        let mut writer = stream.try_clone().unwrap();
        for line in BufReader::new(stream).lines() {
            let Ok(line) = line else { return };
            let call: Value = serde_json::from_str(&line).unwrap();
            let result = match call["method"].as_str().unwrap() {
                "hello" => json!({"protocol": 1, "version": "0", "features": [], "grants": []}),
                "event.subscribe" => {
                    self.since.lock().unwrap().push(call["params"]["since"].clone());
                    json!({"cursor": 7})
                }
                "message.inbox" => {
                    let texts = self.texts.lock().unwrap().clone();
                    let message = |(number, text): (usize, &String)| {
                        json!({"id": format!("{number:032x}"), "persona": "alice", "from": "bob", "text": text,
                            "sent_at": "2026-01-01T00:00:00.000Z", "received_at": "2026-01-01T00:00:00.000Z"})
                    };
                    json!({"messages": texts.iter().enumerate().map(message).collect::<Vec<_>>()})
                }
                "message.read" => {
                    self.read.lock().unwrap().push(call["params"]["id"].clone());
                    json!({})
                }
                "status.get" => json!({
                    "state": "ready", "since": "2026-01-01T00:00:00.000Z", "traffic": "test", "network": "local",
                    "personas": [], "relays": [], "health": [], "version": "0",
                    "queued": self.texts.lock().unwrap().len(),
                }),
                other => panic!("{other}"),
            };
            let answer = json!({"jsonrpc": "2.0", "id": call["id"], "result": result});
            if writeln!(writer, "{answer}").is_err() {
                return;
            }
        }
    }

    fn command(&self, arguments: &[&str]) -> (Killed, Lines<BufReader<ChildStdout>>) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bauta"));
        command.env_remove("XDG_RUNTIME_DIR").env("BAUTA_HOME", self.path()).args(arguments);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        (Killed(child), lines)
    }
}

/// A child that does not outlive its test, failed or not.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn next(lines: &mut Lines<BufReader<ChildStdout>>) -> Value {
    serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap()
}

#[test]
fn following_goes_on_after_a_restart() {
    let fake = Fake::new();
    fake.texts.lock().unwrap().push("before".to_owned());
    fake.start();
    let (_child, mut lines) = fake.command(&["inbox", "--follow", "--as", "alice", "--json"]);
    assert_eq!(next(&mut lines)["text"], "before");
    fake.stop();
    fake.texts.lock().unwrap().push("while away".to_owned());
    fake.start();
    // What it has printed is not printed again, and what arrived meanwhile is.
    assert_eq!(next(&mut lines)["text"], "while away");
    assert_eq!(*fake.since.lock().unwrap(), [Value::Null, json!(7)]);
    let last = json!(format!("{:032x}", 1));
    until("what was shown is marked as read", || fake.read.lock().unwrap().last() == Some(&last));
}

#[test]
fn watching_goes_on_after_a_restart() {
    let fake = Fake::new();
    fake.start();
    let (_child, mut lines) = fake.command(&["status", "--watch", "--json"]);
    assert_eq!(next(&mut lines)["queued"], 0);
    fake.stop();
    assert!(next(&mut lines)["error"]["code"].as_str().unwrap().starts_with("daemon."));
    fake.texts.lock().unwrap().push("one".to_owned());
    fake.start();
    assert_eq!(next(&mut lines)["queued"], 1);
}
