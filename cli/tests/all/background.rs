//! `bauta up --background`, its log, and the report.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::Value;

use crate::user::{User, until};

fn up(user: &User, more: &str) -> std::process::Output {
    let network = user.path("network.json");
    fs::write(&network, r#"{"version":1,"api":"http://127.0.0.1:9/api/","nodes":[]}"#).unwrap();
    user.run(&format!("up --background --json --traffic test --network {} {more}", network.display()))
}

#[test]
fn a_daemon_in_the_background_outlives_its_command() {
    let user = User::new(&[]);
    let started = up(&user, "--unlock keyfile");
    assert!(started.status.success(), "{started:?}");
    let status: Value = serde_json::from_slice(&started.stdout).unwrap();
    assert_eq!(status["state"], "off", "there is neither a persona nor a relay");
    let again = up(&user, "");
    let error: Value = serde_json::from_slice(&again.stdout).unwrap();
    assert_eq!(error["error"]["code"], "daemon.running");
    let log = user.path("bauta/log/daemon.log");
    assert_eq!(fs::metadata(&log).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(user.run("logs --lines 5").status.success());

    // Without a word of consent nothing is written.
    let file = user.path("report");
    let shown = user.run(&format!("bugreport --output {}", file.display()));
    let text = String::from_utf8(shown.stdout).unwrap();
    assert!(shown.status.success() && text.starts_with("bauta ") && !file.exists(), "{text}");
    let written = user.run(&format!("bugreport --yes --json --output {}", file.display()));
    assert!(written.status.success(), "{written:?}");
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.contains("counts    0 personas") && text.contains("Checks"), "{text}");
    assert!(!text.contains(user.home().to_str().unwrap()), "{text}");
    assert!(user.run("down").status.success());
    until("the daemon is gone", || user.run("status").status.code() == Some(4));
}

#[test]
fn a_start_that_fails_says_why() {
    let user = User::new(&[]);
    let locked = up(&user, "--locked");
    let error: Value = serde_json::from_slice(&locked.stdout).unwrap();
    assert_eq!(error["error"]["code"], "usage", "a first run has nothing to lock");
    assert!(up(&user, "--unlock keyfile").status.success());
    assert!(user.run("down").status.success());
    fs::remove_file(user.path("bauta/key")).unwrap();
    let failed = up(&user, "");
    let error: Value = serde_json::from_slice(&failed.stdout).unwrap();
    assert_ne!(failed.status.code(), Some(0));
    assert!(error["error"]["code"].as_str().unwrap().starts_with("unlock."), "{error}");
}

#[test]
fn a_log_that_is_not_there_is_an_error_with_a_way_out() {
    let user = User::new(&[]);
    let output = user.run("logs --json");
    let error: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((output.status.code(), error["error"]["code"].as_str()), (Some(1), Some("file.failed")));
    assert!(error["error"]["hint"].as_str().unwrap().contains("--background"), "{error}");
}
