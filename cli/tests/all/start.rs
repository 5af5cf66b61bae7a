//! The manifests when a daemon starts.

use std::fs;

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
