//! `bauta lock`, `unlock`, `passphrase`, `backup` and `restore`, with a real daemon and its memory.

use std::fs::{self, File};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::process::Stdio;

use bauta_ipc::methods::METHODS;
use bauta_ipc::{Client, codes};
use bauta_protocol::address::RelayAddress;
use bauta_protocol::id::{DoorAddress, RelayId};
use serde_json::{Value, json};

use crate::user::{Daemon, User, until};

/// A persona key of nobody: the generator of secp256k1 (SEC 2, 2.4.1).
const KEY: &str = "0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798";
const TEXT: &str = "the lantern hangs in the fourth window";

/// Starts a daemon on a network that answers nothing, with a relay that nobody runs.
fn up(user: &User, more: &[&str]) -> Daemon {
    let network = user.path("network.json");
    fs::write(&network, r#"{"version":1,"api":"http://127.0.0.1:9/api/","nodes":[]}"#).unwrap();
    let relay = RelayAddress { id: RelayId([1; 32]), doors: vec![DoorAddress([1; 96])] }.to_string();
    let mut command = user.command(&user.program());
    command.args(["up", "--traffic", "test", "--relay", &relay, "--network"]).arg(&network).args(more);
    let daemon = Daemon::of(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    until("the daemon answers", || user.run("status --json").status.success());
    daemon
}

/// What a command answers with `--json`, and its status.
fn answer(user: &User, arguments: &[&str]) -> (i32, Value) {
    let output = user.bauta().arg("--json").args(arguments).output().unwrap();
    let value =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{arguments:?}: {output:?}"));
    (output.status.code().unwrap(), value)
}

fn ok(user: &User, arguments: &[&str]) -> Value {
    let (code, value) = answer(user, arguments);
    assert_eq!(code, 0, "{arguments:?}: {value}");
    value
}

fn state(user: &User) -> String {
    ok(user, &["status"])["state"].as_str().unwrap().to_owned()
}

/// Whether it is locked. While the daemon restarts itself, nothing answers for a moment.
fn is_locked(user: &User) -> bool {
    let (code, status) = answer(user, &["status"]);
    assert!(code == 0 || status["error"]["retry"] == "later", "{status}");
    status["state"] == "locked"
}

/// A line of `/proc/PID/FILE` that begins so.
fn line(process: u32, file: &str, start: &str) -> String {
    let text = fs::read_to_string(format!("/proc/{process}/{file}")).unwrap();
    text.lines().find(|line| line.starts_with(start)).unwrap().to_owned()
}

/// Which of these are in memory that the process can write.
fn found(process: u32, needles: &[(&'static str, Vec<u8>)]) -> Vec<&'static str> {
    const CHUNK: usize = 1 << 20;
    let mut is_first = [false; 256];
    for (_, needle) in needles {
        is_first[usize::from(needle[0])] = true;
    }
    let longest = needles.iter().map(|(_, needle)| needle.len()).max().unwrap();
    let memory = File::open(format!("/proc/{process}/mem")).unwrap();
    let mut found = Vec::new();
    for map in fs::read_to_string(format!("/proc/{process}/maps")).unwrap().lines() {
        let mut words = map.split(' ');
        let (range, access) = (words.next().unwrap(), words.next().unwrap());
        if !access.starts_with("rw") {
            continue;
        }
        let (start, end) = range.split_once('-').unwrap();
        let mut at = u64::from_str_radix(start, 16).unwrap();
        let end = u64::from_str_radix(end, 16).unwrap();
        let mut chunk = vec![0; CHUNK + longest];
        while at < end {
            let length = chunk.len().min(usize::try_from(end - at).unwrap());
            // A region may have gone meanwhile.
            let read = memory.read_at(&mut chunk[..length], at).unwrap_or(0);
            let read = &chunk[..read];
            for place in (0..read.len()).filter(|place| is_first[usize::from(read[*place])]) {
                let here = needles.iter().filter(|(_, needle)| read[place..].starts_with(needle));
                found.extend(here.map(|(name, _)| *name));
            }
            at += CHUNK as u64;
        }
    }
    found.sort_unstable();
    found.dedup();
    found
}

fn unhex(text: &str) -> Vec<u8> {
    data_encoding::HEXLOWER.decode(text.as_bytes()).unwrap()
}

#[test]
fn a_locked_daemon_has_nothing_in_memory_and_answers_nothing() {
    let user = User::new(&[]);
    let daemon = up(&user, &["--unlock", "keyfile"]);
    ok(&user, &["persona", "new", "adelaide-of-the-window"]);
    ok(&user, &["contact", "add", "benedikt-of-the-street", KEY]);
    ok(&user, &["send", "benedikt-of-the-street", TEXT, "--wait", "queued"]);
    let exported = ok(&user, &["persona", "export", "adelaide-of-the-window"]);
    let secret = exported["secret_key"].as_str().unwrap().to_owned();
    let history = ok(&user, &["history", "benedikt-of-the-street"]);
    assert!(history.to_string().contains(TEXT));

    let key = fs::read(user.path("bauta/key")).unwrap();
    let needles = [
        ("a text", TEXT.as_bytes().to_vec()),
        ("a persona's name", b"adelaide-of-the-window".to_vec()),
        ("a contact's name", b"benedikt-of-the-street".to_vec()),
        ("a persona's secret key", unhex(&secret)),
        ("a persona's secret key in hex", secret.into_bytes()),
        ("the key of the store in hex", data_encoding::HEXLOWER.encode(&key).into_bytes()),
        ("the key of the store", key),
    ];
    let is_root = rustix::process::geteuid().is_root();
    // Only root looks into a process that is not dumpable.
    assert_eq!(File::open(format!("/proc/{}/mem", daemon.id())).is_ok(), is_root);
    if is_root {
        let before = found(daemon.id(), &needles);
        assert!(before.contains(&"a text") && before.contains(&"a contact's name"), "only {before:?}");
    }
    let core = line(daemon.id(), "limits", "Max core file size");
    assert_eq!(core.split_whitespace().filter(|word| *word == "0").count(), 2, "{core}");

    ok(&user, &["lock"]);
    assert_eq!(state(&user), "locked");
    if is_root {
        assert_eq!(found(daemon.id(), &needles), Vec::<&str>::new());
    }
    assert_eq!(File::open(format!("/proc/{}/mem", daemon.id())).is_ok(), is_root);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let client = Client::open(&user.path("bauta")).await.unwrap();
        let rest = METHODS.iter().filter(|method| !["hello", "status.get", "unlock"].contains(&method.name));
        for method in rest {
            let error = client.call_raw(method.name, json!({})).await.unwrap_err();
            assert!(error.is(&codes::DAEMON_LOCKED) && !error.hint.is_empty(), "{}: {error:?}", method.name);
        }
    });
    let (code, error) = answer(&user, &["history", "benedikt-of-the-street"]);
    assert_eq!((code, error["error"]["code"].as_str()), (5, Some("daemon.locked")));
    // A second time nothing happens.
    ok(&user, &["lock"]);

    ok(&user, &["unlock"]);
    assert!(ok(&user, &["history", "benedikt-of-the-street"]).to_string().contains(TEXT));
    ok(&user, &["unlock"]);
    ok(&user, &["lock"]);
    ok(&user, &["down"]);
    daemon.ends();
}

#[test]
fn a_passphrase_unlocks_and_can_be_changed() {
    let user = User::new(&[]);
    let file = |name: &str, passphrase: &str| {
        let path = user.path(name);
        bauta_private_file::write(&path, passphrase.as_bytes()).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (one, two) = (file("one", "open sesame\n"), file("two", "close sesame\n"));
    let daemon = up(&user, &["--unlock", "passphrase", "--passphrase-file", &one]);
    ok(&user, &["persona", "new", "alice"]);
    ok(&user, &["lock"]);
    let refused = |arguments: &[&str], code: &str| {
        let (status, error) = answer(&user, arguments);
        assert_eq!((status, error["error"]["code"].as_str()), (5, Some(code)), "{error}");
    };
    refused(&["unlock", "--passphrase-file", &two], "unlock.failed");
    assert_eq!(state(&user), "locked");
    // Without a terminal it cannot be asked for.
    refused(&["unlock"], "unlock.failed");
    ok(&user, &["unlock", "--passphrase-file", &one]);
    ok(&user, &["persona", "show", "alice"]);

    refused(&["passphrase", "--passphrase-file", &two, "--new-passphrase-file", &one], "unlock.failed");
    ok(&user, &["passphrase", "--passphrase-file", &one, "--new-passphrase-file", &two]);
    ok(&user, &["lock"]);
    refused(&["unlock", "--passphrase-file", &one], "unlock.failed");
    ok(&user, &["unlock", "--passphrase-file", &two]);
    ok(&user, &["down"]);
    daemon.ends();

    // It starts locked where it is told to, and the way of protection may change meanwhile.
    let daemon = up(&user, &["--locked"]);
    assert_eq!(state(&user), "locked");
    ok(&user, &["passphrase", "--passphrase-file", &two, "--unlock", "keyfile"]);
    ok(&user, &["unlock"]);
    ok(&user, &["persona", "show", "alice"]);
    daemon.stop();
}

#[test]
fn a_daemon_that_nobody_uses_locks_itself() {
    let user = User::new(&[]);
    let daemon = up(&user, &["--unlock", "keyfile", "--lock-after", "1s"]);
    until("it locks itself", || is_locked(&user));
    daemon.stop();
    // What was given at the start is kept.
    let daemon = up(&user, &[]);
    until("it locks itself again", || is_locked(&user));
    daemon.stop();
}

#[test]
fn a_home_goes_into_one_file_and_out_of_it() {
    let user = User::new(&[]);
    let words = user.path("words");
    bauta_private_file::write(&words, b"correct horse\n").unwrap();
    let words = words.to_str().unwrap();
    let daemon = up(&user, &["--unlock", "keyfile", "--lock-after", "1h"]);
    ok(&user, &["persona", "new", "alice"]);
    ok(&user, &["contact", "add", "benedikt", KEY]);
    ok(&user, &["send", "benedikt", TEXT, "--wait", "queued"]);
    // A report of this home names neither its persona nor its contact.
    let report = user.path("report");
    assert!(user.run(&format!("bugreport --yes --output {}", report.display())).status.success());
    let report = fs::read_to_string(report).unwrap();
    assert!(report.contains("1 personas"), "{report}");
    for name in ["alice", "benedikt", KEY, TEXT] {
        assert!(!report.contains(name), "{name}: {report}");
    }
    let file = user.path("home.age");
    let file = file.to_str().unwrap();
    let written = ok(&user, &["backup", file, "--passphrase-file", words]);
    assert_eq!(
        (&written["personas"], &written["contacts"], &written["messages"]),
        (&json!(1), &json!(1), &json!(1))
    );
    assert_eq!(fs::metadata(file).unwrap().mode() & 0o777, 0o600);
    let (code, error) = answer(&user, &["backup", file, "--passphrase-file", words]);
    assert_eq!((code, error["error"]["code"].as_str()), (1, Some("backup.place")));
    let public = ok(&user, &["persona", "show", "alice"])["public_key"].clone();

    // Into a home of a running daemon: no.
    let (code, error) = answer(&user, &["restore", file, "--passphrase-file", words, "--unlock", "keyfile"]);
    assert_eq!((code, error["error"]["code"].as_str()), (1, Some("daemon.running")));
    daemon.stop();
    let (code, error) = answer(&user, &["restore", file, "--passphrase-file", words]);
    assert_eq!((code, error["error"]["code"].as_str()), (1, Some("backup.place")));
    fs::rename(user.path("bauta"), user.path("old")).unwrap();
    let other = user.path("other");
    bauta_private_file::write(&other, b"wrong horse\n").unwrap();
    let other = other.to_str().unwrap();
    let (code, error) = answer(&user, &["restore", file, "--passphrase-file", other, "--unlock", "keyfile"]);
    assert_eq!((code, error["error"]["code"].as_str()), (5, Some("backup.passphrase")));
    ok(&user, &["restore", file, "--passphrase-file", words, "--unlock", "keyfile"]);
    let daemon = up(&user, &[]);
    assert_eq!(ok(&user, &["persona", "show", "alice"])["public_key"], public);
    assert!(ok(&user, &["history", "benedikt"]).to_string().contains(TEXT));
    assert_eq!(ok(&user, &["config", "get", "lock.after"])["values"], json!(["1h"]));
    daemon.stop();
}

#[test]
fn a_daemon_backs_up_by_itself_and_moves_away() {
    let user = User::new(&[]);
    let words = user.path("words");
    bauta_private_file::write(&words, b"correct horse\n").unwrap();
    let words = words.to_str().unwrap();
    let dir = user.path("backups");
    fs::create_dir(&dir).unwrap();
    let daemon = up(&user, &["--unlock", "keyfile"]);
    ok(&user, &["persona", "new", "alice"]);
    ok(&user, &["contact", "add", "benedikt", KEY]);
    let set =
        ["config", "set", "backup.every", "1d", "backup.dir", dir.to_str().unwrap(), "backup.keep", "3"];
    // Nobody is there to type it.
    let (code, error) = answer(&user, &set);
    assert_ne!(code, 0, "{error}");
    let list = ok(&user, &[set.as_slice(), &["--passphrase-file", words]].concat());
    let keys: Vec<_> =
        list.as_array().unwrap().iter().map(|setting| setting["key"].as_str().unwrap()).collect();
    assert_eq!(keys, ["backup.every", "backup.dir", "backup.keep"]);
    let made = || fs::read_dir(&dir).unwrap().map(|entry| entry.unwrap().path()).collect::<Vec<_>>();
    until("a backup is made", || made().iter().any(|path| path.extension().unwrap() == "age"));
    assert!(!ok(&user, &["config", "list"]).to_string().contains("horse"));

    let file = user.path("moved.age");
    let file = file.to_str().unwrap();
    ok(&user, &["backup", file, "--move", "--passphrase-file", words]);
    daemon.ends();
    let daemon = up(&user, &[]);
    let status = ok(&user, &["status"]);
    assert_eq!((&status["state"], &status["health"][0]["code"]), (&json!("off"), &json!("home.moved")));
    let (code, error) = answer(&user, &["send", "benedikt", TEXT]);
    assert_eq!((code, error["error"]["code"].as_str()), (5, Some("home.moved")));
    ok(&user, &["history", "benedikt"]);
    daemon.stop();
}
