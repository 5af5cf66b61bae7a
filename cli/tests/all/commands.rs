//! `bauta` as programs run it: exit status, what is on which stream, and errors as JSON.

use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

fn bauta(home: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bauta"));
    command.env_remove("XDG_RUNTIME_DIR").env("BAUTA_HOME", home).stdin(Stdio::null());
    command
}

fn run(home: &Path, line: &str) -> Output {
    bauta(home).args(line.split_whitespace()).output().unwrap()
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// The error object of a command that ran with `--json`, which must be all there is on standard output.
fn error(output: &Output) -> Value {
    let value: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
    let object = value.as_object().unwrap();
    assert_eq!(object.len(), 1, "{value}");
    let error = object["error"].clone();
    for field in ["code", "message", "hint", "retry"] {
        assert!(error[field].is_string(), "{error}");
    }
    error
}

#[test]
fn help_and_version_are_answers() {
    let home = tempfile::tempdir().unwrap();
    for line in ["--help", "-h", "help", "send --help", "--version", "help contact add"] {
        let output = run(home.path(), line);
        assert_eq!(code(&output), 0, "{line}");
        assert!(!output.stdout.is_empty() && output.stderr.is_empty(), "{line}: {output:?}");
    }
}

#[test]
fn usage_errors_are_status_one_and_json_where_asked() {
    let home = tempfile::tempdir().unwrap();
    let lines = [
        "",
        "dance",
        "send",
        "persona new",
        "up --traffic loud",
        "pair approve",
        "pair approve 123456 --grant persona.admin",
        "pair approve 123456 --grant everything",
        "up --unlock magic",
        "relay",
        "send bob hi --timeout soon",
        "contact accept x",
        "up --lock-after soon",
        "unlock now",
        "passphrase --unlock magic",
        "backup",
        "restore",
        "config get",
        "config get colour",
        "inbox --since yesterday",
        "inbox --limit 0",
        "inbox --limit 1 --follow",
        "persona delete a",
        "forget bob",
        "forget bob 00 --all",
        "contact rename bob",
        "contact disappear bob",
        "contact disappear bob soon",
        "contact disappear bob 29s",
        "contact disappear bob 2years",
        "search words --limit 0",
        "search words --before now",
        "config set",
        "config set traffic",
        "config unset",
        "service",
        "service install --platform macos",
        "service install --unlock magic --dry-run",
        "logs --lines few",
        "localnet --gateways none",
        "localnet --exit-allow 10.0.0.1:80",
        "localnet --exit-allow example.org:80",
        "up --relay bauta-relay:short",
    ];
    for line in lines {
        let output = run(home.path(), line);
        assert_eq!(code(&output), 1, "{line}");
        assert!(output.stdout.is_empty() && !output.stderr.is_empty(), "{line}: {output:?}");
        let output = run(home.path(), &format!("{line} --json"));
        assert_eq!((code(&output), error(&output)["code"].as_str()), (1, Some("usage")), "{line}");
    }
    // After "--" it is a text, not an option.
    let output = run(home.path(), "send -- bob hi --json");
    assert!(output.stdout.is_empty());
}

#[test]
fn without_a_daemon_every_command_says_so() {
    let home = tempfile::tempdir().unwrap();
    let lines = [
        "status",
        "down",
        "lock",
        "unlock",
        "backup file --passphrase-file passphrase",
        "persona new alice",
        "persona list",
        "persona show",
        "persona export a",
        "persona connect a",
        "persona publish",
        "contact invite",
        "contact add bob 02",
        "contact list",
        "contact show bob",
        "contact requests",
        "contact accept 1 --name bob",
        "contact block bob",
        "contact verify bob",
        "send bob hi",
        "inbox",
        "inbox --follow",
        "inbox --unread --since 2h --limit 5 --keep",
        "conversations",
        "history bob --ids",
        "forget bob --all",
        "forget bob 00",
        "contact rename bob bobby",
        "contact mute bob",
        "contact unmute bob",
        "contact disappear bob 1week",
        "contact unblock bob",
        "contact delete bob",
        "persona delete a --yes",
        "pair forget 00",
        "search words",
        "search words --with bob --limit 3",
        "rpc status.get",
        "config list",
        "config get traffic",
        "config set traffic full",
        "config unset traffic",
    ];
    for line in lines {
        let output = run(home.path(), &format!("{line} --json"));
        let error = error(&output);
        assert_eq!((code(&output), error["code"].as_str()), (4, Some("daemon.not_running")), "{line}");
        assert_eq!(error["retry"], "later");
    }
    let output = run(home.path(), "status");
    assert_eq!(code(&output), 4);
    assert!(output.stdout.is_empty());
    let told = text(&output.stderr);
    assert!(told.contains("The daemon is not running.") && told.contains("bauta --home"), "{told}");
    assert!(!told.contains('\x1b'), "no colours where nobody reads them");
}

#[test]
fn a_socket_that_answers_nothing_is_not_a_daemon() {
    let home = tempfile::tempdir().unwrap();
    let run_dir = home.path().join("run");
    std::fs::create_dir(&run_dir).unwrap();
    drop(UnixListener::bind(run_dir.join("bauta.sock")).unwrap());
    let output = run(home.path(), "status --json");
    assert_eq!((code(&output), error(&output)["code"].as_str()), (4, Some("daemon.not_running")));
}

#[test]
fn a_daemon_that_hangs_up_is_unreachable() {
    let home = tempfile::tempdir().unwrap();
    let run_dir = home.path().join("run");
    std::fs::create_dir(&run_dir).unwrap();
    let listener = UnixListener::bind(run_dir.join("bauta.sock")).unwrap();
    let hanging_up = std::thread::spawn(move || drop(listener.accept().unwrap()));
    let output = run(home.path(), "status --json");
    assert_eq!((code(&output), error(&output)["code"].as_str()), (4, Some("daemon.unreachable")));
    hanging_up.join().unwrap();
}

#[test]
fn a_home_too_long_for_a_socket_needs_a_runtime_directory() {
    let home = tempfile::tempdir().unwrap();
    let long = home.path().join("h".repeat(120));
    let output = run(&long, "status --json");
    assert_eq!((code(&output), error(&output)["code"].as_str()), (1, Some("home.invalid")));
}

#[test]
fn a_home_that_cannot_be_one_is_refused_by_every_command() {
    let there = tempfile::tempdir().unwrap();
    let file = there.path().join("file");
    std::fs::write(&file, "").unwrap();
    let network = there.path().join("network.json");
    std::fs::write(&network, r#"{"version":1,"api":"http://127.0.0.1:9/api/","nodes":[]}"#).unwrap();
    let up = format!("up --unlock keyfile --traffic test --json --network {}", network.display());
    let mut long = there.path().to_owned();
    while long.as_os_str().len() < 540 {
        long.push("h".repeat(100));
    }
    for home in [file.clone(), file.join("home"), there.path().join("h".repeat(256)), long] {
        for line in [up.as_str(), "status --json"] {
            // With a place for the socket that does not depend on the home.
            let mut command = bauta(&home);
            command.env("XDG_RUNTIME_DIR", there.path()).args(line.split_whitespace());
            let output = command.output().unwrap();
            let found = (code(&output), error(&output)["code"].clone());
            assert_eq!(found, (1, "home.invalid".into()), "{line}: {}", home.display());
        }
    }
    // This one shows only when it is made.
    let output = run(Path::new("/proc/home"), &up);
    assert_eq!((code(&output), error(&output)["code"].as_str()), (1, Some("home.invalid")));
}

#[test]
fn the_first_run_asks_how_to_protect_the_store() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path().join("new");
    let output = run(&home, "up --json");
    let error = error(&output);
    assert_eq!((code(&output), error["code"].as_str()), (1, Some("unlock.required")));
    assert!(error["hint"].as_str().unwrap().contains("--unlock"));
    assert!(!home.exists(), "a refused first run leaves nothing behind");
}

#[test]
fn networks_that_cannot_be_are_refused() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("network.json");
    let up = |network: &str| run(home.path(), &format!("up --unlock keyfile --json --network {network}"));
    let output = up("nowhere.json");
    assert_eq!((code(&output), error(&output)["code"].as_str()), (1, Some("network.invalid")));
    for content in [
        "",
        "{}",
        r#"{"version":1,"api":"http://192.0.2.1:80/api/","nodes":[]}"#,
        r#"{"version":9,"api":"http://127.0.0.1:80/api/","nodes":[]}"#,
        r#"{"version":1,"api":"http://127.0.0.1:80/api/","nodes":[],"relays":[{"id":"x","address":"bauta-relay:x"}]}"#,
    ] {
        std::fs::write(&file, content).unwrap();
        let output = up(file.to_str().unwrap());
        assert_eq!(
            (code(&output), error(&output)["code"].as_str()),
            (1, Some("network.invalid")),
            "{content}"
        );
    }
    let output = run(home.path(), "up --unlock keyfile --traffic test --json");
    assert_eq!((code(&output), error(&output)["code"].as_str()), (1, Some("usage")));
    let output = run(home.path(), "relay --data d --traffic test --json");
    assert_eq!((code(&output), error(&output)["code"].as_str()), (1, Some("usage")));
}

#[test]
fn a_passphrase_file_must_fit_the_mode() {
    let home = tempfile::tempdir().unwrap();
    let network = home.path().join("network.json");
    std::fs::write(&network, r#"{"version":1,"api":"http://127.0.0.1:9/api/","nodes":[]}"#).unwrap();
    let up = |rest: &str| run(home.path(), &format!("up --json --network {} {rest}", network.display()));
    let output = up("--unlock keyfile --passphrase-file -");
    assert_eq!((code(&output), error(&output)["code"].as_str()), (1, Some("usage")));
    let output = up("--unlock passphrase --passphrase-file nowhere");
    assert_eq!((code(&output), error(&output)["code"].as_str()), (1, Some("file.failed")));
}

#[test]
fn bad_rpc_parameters_are_found_before_anything_is_sent() {
    let home = tempfile::tempdir().unwrap();
    for params in ["{", "[]", "7"] {
        let output = run(home.path(), &format!("rpc status.get {params} --json"));
        assert_eq!((code(&output), error(&output)["code"].as_str()), (1, Some("usage")), "{params}");
    }
}

#[test]
fn completions_and_manual_are_generated() {
    let home = tempfile::tempdir().unwrap();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let output = run(home.path(), &format!("completions {shell}"));
        assert!(code(&output) == 0 && text(&output.stdout).contains("bauta"), "{shell}");
    }
    assert_eq!(code(&run(home.path(), "completions tcsh")), 1);
    let page = run(home.path(), "man");
    assert!(code(&page) == 0 && text(&page.stdout).contains(".TH bauta"));
    let dir = home.path().join("man");
    assert_eq!(code(&run(home.path(), &format!("man --dir {}", dir.display()))), 0);
    assert!(dir.join("bauta-contact-invite.1").exists() || dir.join("bauta-contact.1").exists());
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let home = tempfile::tempdir().unwrap();
    let mut child = bauta(home.path()).args(["completions", "zsh"]).stdout(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn an_interrupted_localnet_leaves_no_network_file() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("net");
    let file = dir.join("network.json");
    std::fs::create_dir(&dir).unwrap();
    std::fs::write(&file, "left behind by a killed run").unwrap();
    let mut command = bauta(home.path());
    command.args(["localnet", "--json", "--gateways", "2", "--dir"]).arg(&dir);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(180);
    let network = loop {
        let ready = std::fs::read(&file).ok().and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok());
        if let Some(network) = ready {
            break network;
        }
        assert!(child.try_wait().unwrap().is_none() && Instant::now() < deadline, "no network file");
        std::thread::sleep(Duration::from_millis(20));
    };
    assert!(network["api"].as_str().unwrap().starts_with("http://127.0.0.1:"));
    assert_eq!(network["nodes"].as_array().unwrap().len(), 5);
    assert!(network["relays"][0]["address"].as_str().unwrap().starts_with("bauta-relay:"));
    let exit = network["exit"].as_str().unwrap().to_owned();
    assert!(
        network["nodes"]
            .as_array()
            .unwrap()
            .iter()
            .any(|node| exit.ends_with(node["identity"].as_str().unwrap()))
    );
    let id = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(id, rustix::process::Signal::TERM).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(code(&output), 0, "{output:?}");
    assert!(!file.exists());
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(told["network"], file.to_str().unwrap());
    assert_eq!(told["exit"], exit);
}
