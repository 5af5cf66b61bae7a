//! What the tour of the README prints with `--json`, and the events beside it, held against `data/tour`.
//!
//! Programs rely on these fields. What differs from run to run (keys, ids, times, ports) is numbered in the order in which
//! it appears, so that what was equal stays equal.
//! `BAUTA_WRITE=1` writes the files; `BAUTA_TESTS_PROGRAM` names a `bauta` of another build to compare with.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bauta_tests::gun_relay::GunRelay;
use bauta_tests::process::Process;
use bauta_tests::program::{Answer, Program, write_private};
use bauta_tests::wait::eventually;
use serde_json::{Value, json};

use normal::Normal;

mod normal;

const SOON: Duration = Duration::from_secs(180);
/// Kinds of events that do not come in every run, or not in every order.
const PASSING_EVENTS: [&str; 2] = ["status.changed", "health"];

fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("data/tour")
}

/// People with daemons, and what was recorded so far: a file's name, and its steps.
struct Tour {
    program: Program,
    dir: tempfile::TempDir,
    daemons: BTreeMap<&'static str, Process>,
    files: BTreeMap<&'static str, Vec<Value>>,
    normal: Normal,
    seen: BTreeMap<&'static str, Arc<Mutex<Seen>>>,
}

/// The first event of each kind, and the place of the last one in the log.
#[derive(Default)]
struct Seen {
    first: BTreeMap<String, Value>,
    cursor: u64,
}

impl Tour {
    fn home(&self, who: &str) -> PathBuf {
        self.dir.path().join(who)
    }

    fn path(&self, name: &str) -> String {
        self.dir.path().join(name).display().to_string()
    }

    fn up(&mut self, who: &'static str, more: &[&str]) {
        self.daemons.remove(who);
        let mut command = self.program.command(["--home".as_ref(), self.home(who).as_os_str()]);
        command.args(["up", "--unlock", "keyfile", "--traffic", "test", "--network"]);
        command.arg(self.path("net/network.json")).args(more);
        let mut daemon = Process::start(command, &self.dir.path().join(format!("{who}.log")));
        eventually("a daemon that is ready", SOON, || {
            assert!(daemon.is_running(), "the daemon stopped:\n{}", daemon.output());
            let status = self.ask(who, &["status"]);
            (status.code == 0 && status.json()["state"] == "ready").then_some(())
        });
        self.daemons.insert(who, daemon);
        self.follow(who);
    }

    /// Runs a command without recording it.
    fn ask(&self, who: &str, words: &[&str]) -> Answer {
        self.program.run(&self.home(who), words)
    }

    /// Runs a command and records it in `file`.
    fn step(&mut self, file: &'static str, who: &str, words: &[&str]) -> Value {
        let answer = self.ask(who, words);
        self.record(file, who, words, &answer)
    }

    fn step_with_input(&mut self, file: &'static str, who: &str, words: &[&str], input: &str) -> Value {
        let mut command = self.program.command(["--home".as_ref(), self.home(who).as_os_str()]);
        command.args(words).arg("--json");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let answer = child.wait_with_output().unwrap().into();
        self.record(file, who, words, &answer)
    }

    fn record(&mut self, file: &'static str, who: &str, words: &[&str], answer: &Answer) -> Value {
        let printed = answer.json();
        let step =
            json!({"run": format!("{who}: {}", words.join(" ")), "exit": answer.code, "json": printed});
        let step = self.normal.of(&step);
        self.files.entry(file).or_default().push(step);
        printed
    }

    /// Waits until what a command prints fulfils a condition.
    fn until(&self, what: &str, who: &str, words: &[&str], holds: impl Fn(&Value) -> bool) {
        eventually(what, SOON, || {
            let answer = self.ask(who, words);
            (answer.code == 0 && holds(&answer.json())).then_some(())
        });
    }

    fn delivered(&self, who: &str, to: &str, texts: usize) {
        self.until("everything delivered", who, &["history", to], |history| {
            let list = history.as_array().unwrap();
            list.len() >= texts && list.iter().all(|m| m["state"] == "delivered" || m["state"].is_null())
        });
    }

    /// Follows a daemon's events until it ends: some show things as they are when they are read.
    fn follow(&mut self, who: &'static str) {
        let seen = Arc::clone(self.seen.entry(who).or_default());
        let since = seen.lock().unwrap().cursor;
        let frames = self.subscribe(who, json!({"since": since}));
        std::thread::spawn(move || {
            for frame in frames {
                let Some(cursor) = frame["params"]["cursor"].as_u64() else { continue };
                let kind = frame["params"]["kind"].as_str().unwrap();
                let mut seen = seen.lock().unwrap();
                seen.cursor = cursor;
                if !PASSING_EVENTS.contains(&kind) {
                    seen.first.entry(kind.to_owned()).or_insert_with(|| normal::shape(&frame));
                }
            }
        });
    }

    /// Records the fields of the first event of each kind, when all have come.
    fn events(&mut self, who: &str) {
        let mut now = self.subscribe(who, json!({}));
        let end = now.find_map(|frame| frame["result"]["cursor"].as_u64()).unwrap();
        let seen = &self.seen[who];
        eventually("every event", SOON, || (seen.lock().unwrap().cursor >= end).then_some(()));
        let step = json!({"run": format!("{who}: events"), "json": seen.lock().unwrap().first});
        self.files.entry("events").or_default().push(step);
    }

    /// What the daemon writes to who subscribes to events, until it ends.
    fn subscribe(&self, who: &str, params: Value) -> impl Iterator<Item = Value> + Send + 'static {
        let mut stream = UnixStream::connect(self.home(who).join("run/bauta.sock")).unwrap();
        let hello = json!({"protocol": 1, "features": [], "client": "tour"});
        for (id, method, params) in [(1, "hello", hello), (2, "event.subscribe", params)] {
            let call = json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params});
            stream.write_all(format!("{call}\n").as_bytes()).unwrap();
        }
        BufReader::new(stream).lines().map_while(Result::ok).map(|line| serde_json::from_str(&line).unwrap())
    }

    /// Holds what was recorded against the files, or writes them.
    fn end(self) {
        let dir = data();
        if std::env::var_os("BAUTA_WRITE").is_some() {
            std::fs::create_dir_all(&dir).unwrap();
            for (name, steps) in &self.files {
                let text = serde_json::to_string_pretty(&steps).unwrap();
                std::fs::write(dir.join(format!("{name}.json")), text + "\n").unwrap();
            }
            return;
        }
        let mut differences = Vec::new();
        for (name, steps) in &self.files {
            let text = std::fs::read(dir.join(format!("{name}.json"))).unwrap();
            let expected: Vec<Value> = serde_json::from_slice(&text).unwrap();
            assert_eq!(steps.len(), expected.len(), "{name}");
            for (now, then) in steps.iter().zip(&expected) {
                normal::compare(&format!("{name}, {}", then["run"]), then, now, &mut differences);
            }
        }
        assert!(differences.is_empty(), "{}", differences.join("\n"));
    }
}

#[test]
fn the_tour_prints_what_it_always_printed() {
    let path = std::env::var_os("BAUTA_TESTS_PROGRAM").map(PathBuf::from);
    let program = Program::new(path.unwrap_or_else(|| env!("CARGO_BIN_EXE_chaos").into()));
    let dir = tempfile::tempdir().unwrap();
    let normal = Normal::new(dir.path());
    let mut tour = Tour {
        program,
        dir,
        daemons: BTreeMap::new(),
        files: BTreeMap::new(),
        normal,
        seen: BTreeMap::new(),
    };
    tour.step("errors", "alice", &["status"]);
    let mut command = tour.program.command(["localnet", "--gateways", "2", "--dir"]);
    command.arg(tour.path("net"));
    let mut localnet = Process::start(command, &tour.dir.path().join("localnet.log"));
    let network = tour.dir.path().join("net/network.json");
    eventually("network.json", SOON, || {
        assert!(localnet.is_running(), "the local mixnet stopped:\n{}", localnet.output());
        network.exists().then_some(())
    });
    for who in ["alice", "bob", "carol"] {
        tour.up(who, &[]);
    }
    personas(&mut tour);
    conversation(&mut tour);
    a_stranger(&mut tour);
    let gun = GunRelay::start("gun", &tour.dir.path().join("gun"));
    posts(&mut tour, &gun.url());
    errors(&mut tour);
    for who in ["alice", "bob"] {
        tour.events(who);
    }
    tour.step("status", "bob", &["down"]);
    tour.end();
}

fn personas(tour: &mut Tour) {
    tour.step("status", "alice", &["status"]);
    for who in ["alice", "bob", "carol"] {
        tour.step("persona", who, &["persona", "new", who]);
        tour.until("a published bundle", who, &["persona", "show", who], |shown| {
            shown["published"].is_object()
        });
    }
    tour.step("persona", "alice", &["persona", "show"]);
    tour.step("persona", "alice", &["persona", "list"]);
    for more in [vec![], vec!["--mask"], vec!["--words"]] {
        tour.step("persona", "alice", &[&["persona", "export", "alice"], more.as_slice()].concat());
    }
    tour.step("persona", "alice", &["persona", "show", "alice", "--profile-text"]);
    tour.step("persona", "alice", &["persona", "publish"]);
    tour.step("status", "alice", &["status"]);
    tour.step("pair", "alice", &["pair", "list"]);
}

fn conversation(tour: &mut Tour) {
    let invitation = tour.step("contact", "alice", &["contact", "invite", "--name", "bob"]);
    tour.step("contact", "alice", &["contact", "list"]);
    tour.step("contact", "bob", &["contact", "add", "alice", invitation["address"].as_str().unwrap()]);
    let active = |contact: &Value| contact["state"] == "active";
    tour.until("bob among the contacts", "alice", &["contact", "show", "bob"], active);
    tour.until("alice among the contacts", "bob", &["contact", "show", "alice"], active);
    tour.step("contact", "alice", &["contact", "list"]);
    tour.step("contact", "bob", &["contact", "show", "alice"]);

    tour.step("message", "bob", &["send", "alice", "see you at the old bridge", "--wait", "delivered"]);
    tour.step("message", "alice", &["inbox"]);
    tour.step("message", "alice", &["send", "bob", "at nine", "--wait", "delivered"]);
    tour.delivered("bob", "alice", 2);
    tour.step("message", "alice", &["history", "bob"]);
    tour.step("message", "bob", &["history", "alice"]);
    tour.step("message", "alice", &["rpc", "message.inbox", r#"{"limit":1}"#]);

    tour.step("contact", "alice", &["contact", "verify", "bob"]);
    tour.step("contact", "alice", &["contact", "verify", "bob", "--matches"]);
    tour.step("contact", "alice", &["contact", "show", "bob"]);
}

fn a_stranger(tour: &mut Tour) {
    let address =
        tour.ask("alice", &["persona", "show", "alice"]).ok()["address"].as_str().unwrap().to_owned();
    tour.step("contact", "carol", &["contact", "add", "alice", &address]);
    tour.step("message", "carol", &["send", "alice", "may I write to you?"]);
    tour.until("a request", "alice", &["contact", "requests"], |list| !list.as_array().unwrap().is_empty());
    tour.step("message", "carol", &["history", "alice"]);
    let requests = tour.step("contact", "alice", &["contact", "requests"]);
    let id = match &requests[0]["id"] {
        Value::String(id) => id.clone(),
        id => id.to_string(),
    };
    tour.step("contact", "alice", &["contact", "accept", &id, "--name", "carol"]);
    tour.delivered("carol", "alice", 1);
    tour.step("message", "carol", &["history", "alice"]);
    tour.step("contact", "alice", &["contact", "block", "carol"]);
    tour.step("contact", "alice", &["contact", "list"]);
    tour.step("message", "alice", &["inbox"]);
}

fn posts(tour: &mut Tour, gun: &str) {
    for who in ["alice", "bob"] {
        tour.ask(who, &["down"]).ok();
        tour.daemons.get_mut(who).unwrap().kill();
        tour.up(who, &["--gun", gun]);
    }
    tour.step("post", "alice", &["post", "settings"]);
    for who in ["alice", "bob"] {
        tour.step("post", who, &["post", "settings", "--block", "2", "--spread", "1s"]);
    }
    let bob = tour.ask("bob", &["persona", "show"]).ok()["public_key"].as_str().unwrap().to_owned();
    let post = tour.step(
        "post",
        "alice",
        &["post", "encrypt", "the ball begins at ten", "--to", "bob", "--gun-only"],
    );
    let text = post["text"].as_str().unwrap().to_owned();
    tour.step("post", "bob", &["post", "decrypt", &text, "--author", "person:twitter.com/alice"]);
    tour.step("post", "bob", &["post", "decrypt", &text, "--offline"]);
    tour.step("post", "alice", &["post", "decrypt", &text]);
    let public =
        tour.step("post", "alice", &["post", "encrypt", "to all", "--public", "--network", "facebook"]);
    tour.step("post", "bob", &["post", "decrypt", public["text"].as_str().unwrap()]);
    let mine = tour.step("post", "alice", &["post", "encrypt", "only mine", "--wait", "queued"]);
    let mine = mine["text"].as_str().unwrap().to_owned();
    tour.step("post", "bob", &["post", "decrypt", &mine]);
    tour.step("post", "alice", &["post", "append", &mine, "--to", &bob, "--gun-only"]);
    tour.step("post", "bob", &["post", "decrypt", &mine]);

    tour.step("profile", "bob", &["profile", "list"]);
    tour.step("profile", "alice", &["profile", "set", "person:twitter.com/bob", "bob"]);
    tour.step("profile", "alice", &["profile", "set", "person:twitter.com/robert", &bob]);
    tour.step("profile", "alice", &["profile", "list"]);
    tour.step("post", "alice", &["post", "encrypt", "for a profile", "--to", "person:twitter.com/bob"]);
    // Its key comes by message, and nobody is asked for it.
    let quiet = tour.step("post", "alice", &["post", "encrypt", "no relay", "--to", "bob", "--no-gun"]);
    let decrypt = ["post", "decrypt", quiet["text"].as_str().unwrap(), "--offline"];
    tour.until("the key of the post", "bob", &decrypt, |_| true);
    tour.step("post", "bob", &decrypt);

    let shown = tour.ask("carol", &["persona", "show", "carol", "--profile-text"]).ok();
    let line = shown["profile_text"].as_str().unwrap_or_default().to_owned();
    tour.step_with_input("contact", "bob", &["contact", "add", "carol", "--from-text", "-"], &line);
    write_private(tour.path("password"), "a password of some length\n");
    for (who, verb) in [("alice", "export"), ("carol", "import")] {
        let (file, password) = (tour.path("backup.bin"), tour.path("password"));
        tour.step("persona", who, &["persona", verb, "--backup", &file, "--password-file", &password]);
    }
    tour.step("profile", "carol", &["profile", "list"]);
    tour.step("status", "alice", &["status"]);
    tour.step("profile", "alice", &["profile", "forget", "person:twitter.com/robert"]);
}

fn errors(tour: &mut Tour) {
    for line in [
        "persona new alice",
        "persona show nobody",
        "persona export nobody",
        "contact show nobody",
        "contact accept 99 --name x",
        "contact add x nonsense",
        "contact add x bauta:nonsense",
        "contact verify nobody",
        "send nobody hello",
        "send bob hello --as nobody",
        "send carol hello",
        "send bob",
        "history nobody",
        "post encrypt hello --to nobody",
        "post decrypt nonsense",
        "profile forget person:twitter.com/nobody",
        "pair approve 123456",
        "pair revoke 9",
        "rpc no.such.method",
        "rpc message.send {\"contact\":7}",
    ] {
        let words: Vec<&str> = line.split(' ').collect();
        tour.step("errors", "alice", &words);
    }
}
