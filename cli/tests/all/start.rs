//! The manifests when a daemon starts.

use std::fs;
use std::path::Path;

use crate::user::{CHROME, CHROMIUM, FIREFOX, User, until};

/// A user whose manifests name a host that has moved since.
fn moved() -> User {
    let user = User::new(&[".config/chromium", ".mozilla/firefox", ".config/google-chrome/Default"]);
    let old = user.path("old/bauta-bridge");
    fs::create_dir_all(old.parent().unwrap()).unwrap();
    fs::copy(&user.host, &old).unwrap();
    let line = format!("install --browser chromium --browser firefox --host {}", old.display());
    assert_eq!(user.json(&line).0, 0);
    fs::remove_file(&old).unwrap();
    user
}

#[test]
fn manifests_follow_a_program_that_moved() {
    let user = moved();
    let foreign = r#"{"name":"app.bauta.bridge","description":"mine","path":"/bin/sh","type":"stdio"}"#;
    fs::write(user.path(FIREFOX), foreign).unwrap();
    let daemon = user.start(&[]);
    until("the manifest names the new host", || {
        user.manifest(CHROMIUM)["path"] == user.host.to_str().unwrap()
    });
    daemon.stop();
    assert_eq!(fs::read_to_string(user.path(FIREFOX)).unwrap(), foreign, "it is not ours");
    assert!(!user.path(CHROME).exists(), "a start installs nothing");
}

#[test]
fn a_daemon_of_another_home_leaves_manifests_alone() {
    let user = moved();
    let before = fs::read(user.path(CHROMIUM)).unwrap();
    let other = user.path("other");
    user.start(&["--home", other.to_str().unwrap()]).stop();
    assert_eq!(fs::read(user.path(CHROMIUM)).unwrap(), before);
}

#[test]
fn a_start_without_a_host_succeeds() {
    let user = moved();
    let before = fs::read(user.path(CHROMIUM)).unwrap();
    fs::remove_file(&user.host).unwrap();
    fs::write(user.path(FIREFOX), "{").unwrap();
    user.start(&[]).stop();
    assert_eq!(fs::read(user.path(CHROMIUM)).unwrap(), before);
    assert_eq!(fs::read_to_string(user.path(FIREFOX)).unwrap(), "{");
}

#[test]
fn a_lost_database_is_reported_and_never_replaced() {
    let user = User::new(&[]);
    user.start(&[]).stop();
    let database = user.path("bauta/store.db");
    for empty in [false, true] {
        for name in ["store.db", "store.db-wal", "store.db-shm"] {
            drop(fs::remove_file(user.path("bauta").join(name)));
        }
        if empty {
            fs::write(&database, "").unwrap();
        }
        let network = user.path("network.json");
        let line = format!("up --json --traffic test --network {}", network.display());
        let output = user.run(&line);
        let error: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!((output.status.code(), error["error"]["code"].as_str()), (Some(1), Some("store.gone")));
        assert!(error["error"]["hint"].as_str().unwrap().contains("from a copy"), "{error}");
        let left = fs::metadata(&database).map(|metadata| metadata.len()).ok();
        assert_eq!(left, empty.then_some(0));
        let (code, checks) = user.doctor();
        let store = checks.iter().find(|check| check["id"] == "store").unwrap();
        assert_eq!((code, store["state"].as_str()), (4, Some("fail")), "{store}");
        assert!(store["message"].as_str().unwrap().contains("store.db"), "{store}");
    }
}

/// On a small file system of its own, where this machine lets a user mount one: elsewhere nothing is tested.
#[test]
fn a_start_on_a_full_disk_says_so() {
    const MOUNTED: &str =
        "mount -t tmpfs -o size=$1 none \"$2\" 2>/dev/null || exit 77; shift 2; exec timeout 120 \"$@\"";
    let user = User::new(&["small"]);
    let network = user.path("network.json");
    fs::write(&network, r#"{"version":1,"api":"http://127.0.0.1:9/api/","nodes":[]}"#).unwrap();
    // Room for the key and nothing else, for some pages of the store, and for not quite all of its tables.
    for size in ["4k", "16k", "64k", "128k"] {
        for more in [&[][..], &["--background"]] {
            let mut command = user.command(Path::new("unshare"));
            command.args(["--user", "--map-root-user", "--mount", "sh", "-c", MOUNTED, "sh", size]);
            command.arg(user.path("small")).arg(env!("CARGO_BIN_EXE_bauta"));
            command.arg("--home").arg(user.path("small/home"));
            command.args(["up", "--json", "--unlock", "keyfile", "--traffic", "test", "--network"]);
            let output = command.arg(&network).args(more).output().unwrap();
            let said = String::from_utf8_lossy(&output.stderr);
            if output.status.code() == Some(77) || said.contains("unshare:") {
                eprintln!("No file system can be mounted here: {said}");
                return;
            }
            let error: serde_json::Value = serde_json::from_slice(&output.stdout)
                .unwrap_or_else(|_| panic!("{size} {more:?}: {output:?}"));
            let code = error["error"]["code"].as_str();
            assert_eq!((output.status.code(), code), (Some(1), Some("store.full")), "{size}: {error}");
        }
    }
}
