//! `bauta service`, and what a service manager hears from the daemon.

use std::os::unix::net::UnixDatagram;
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;

use crate::user::{Daemon, User};

fn planned(user: &User, line: &str) -> Value {
    let output = user.run(&format!("service install --dry-run --json {line}"));
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn a_definition_is_shown_for_every_system() {
    let user = User::new(&[]);
    let linux = planned(&user, "--unlock keyfile");
    let home = user.path("bauta");
    let exec = format!(
        "\nExecStart={} --home {} up --unlock keyfile\n",
        env!("CARGO_BIN_EXE_bauta"),
        home.display()
    );
    let text = linux["definition"].as_str().unwrap();
    assert!(text.contains(&exec), "{text}");
    assert_eq!(linux["path"], user.path(".config/systemd/user/bauta.service").to_str().unwrap());
    let macos = planned(&user, "--platform macos");
    assert!(macos["path"].as_str().unwrap().ends_with("Library/LaunchAgents/app.bauta.daemon.plist"));
    assert!(macos["definition"].as_str().unwrap().contains("<key>RunAtLoad</key>"), "{macos}");
    let windows = planned(&user, "--platform windows");
    assert!(windows["definition"].as_str().unwrap().contains("<RunLevel>LeastPrivilege</RunLevel>"));
    assert!(!user.path(".config").exists() && !home.exists(), "looking makes nothing");
}

#[test]
fn the_store_of_a_new_home_is_not_guessed() {
    let user = User::new(&[]);
    let output = user.run("service install --json");
    let error: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((output.status.code(), error["error"]["code"].as_str()), (Some(1), Some("unlock.required")));
    let output = user.run("service install --unlock keyfile --json");
    let error: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (output.status.code(), error["error"]["code"].as_str()),
        (Some(1), Some("usage")),
        "no manager"
    );
    assert!(!user.path(".config").exists(), "a refused install leaves nothing");
    let gone = user.run("service uninstall --json");
    assert_eq!(serde_json::from_slice::<Value>(&gone.stdout).unwrap()["state"], "none");
}

#[test]
fn a_service_manager_hears_that_the_daemon_serves_and_lives() {
    let user = User::new(&[]);
    let path = user.path("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(180))).unwrap();
    let network = user.path("network.json");
    std::fs::write(&network, r#"{"version":1,"api":"http://127.0.0.1:9/api/","nodes":[]}"#).unwrap();
    let mut command = user.bauta();
    command.args(["up", "--unlock", "keyfile", "--traffic", "test", "--network"]).arg(&network);
    command.env("NOTIFY_SOCKET", &path).env("WATCHDOG_USEC", "400000");
    let daemon = Daemon::of(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    let mut told = Vec::new();
    while told.iter().filter(|state| *state == "WATCHDOG=1").count() < 3
        || !told.contains(&"READY=1".to_owned())
    {
        let mut bytes = [0; 256];
        let length = socket.recv(&mut bytes).unwrap();
        told.push(String::from_utf8_lossy(&bytes[..length]).trim().to_owned());
    }
    assert!(user.run("status --json").status.success(), "it serves when it says so");
    daemon.stop();
}
