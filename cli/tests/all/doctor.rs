//! `bauta doctor`.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::Value;

use crate::user::{CHROMIUM, User};

fn check<'a>(checks: &'a [Value], id: &str) -> &'a Value {
    checks.iter().find(|check| check["id"] == id).unwrap_or_else(|| panic!("{id} in {checks:?}"))
}

fn state<'a>(checks: &'a [Value], id: &str) -> &'a str {
    check(checks, id)["state"].as_str().unwrap()
}

#[test]
fn a_stopped_daemon_is_the_first_error() {
    let user = User::new(&[".config/chromium"]);
    let (code, checks) = user.doctor();
    let ids: Vec<&str> = checks.iter().map(|check| check["id"].as_str().unwrap()).collect();
    let all = [
        "daemon",
        "home",
        "socket",
        "store",
        "network",
        "clock",
        "disk",
        "service",
        "keychain",
        "browser.chromium",
    ];
    assert_eq!(ids, all);
    let daemon = check(&checks, "daemon");
    assert_eq!((code, &daemon["state"]), (4, &Value::from("fail")));
    let fix = daemon["fix"].as_str().unwrap();
    assert!(fix.starts_with("bauta --home ") && fix.ends_with(" up"), "{fix}");
    assert_eq!((state(&checks, "home"), state(&checks, "network")), ("warn", "warn"));
    assert_eq!((state(&checks, "store"), state(&checks, "clock")), ("ok", "ok"));
    let chromium = check(&checks, "browser.chromium");
    assert_eq!(
        (&chromium["state"], &chromium["fix"]),
        (&Value::from("warn"), &Value::from("bauta browser install --browser chromium"))
    );
    let text = user.run("doctor");
    assert_eq!(text.status.code(), Some(4));
    let text = String::from_utf8(text.stdout).unwrap();
    assert!(text.starts_with("✗ daemon    The daemon is not running.\n            bauta --home "), "{text}");
    assert!(text.contains("! Chromium  It has no manifest"), "{text}");
    assert!(!user.path("bauta").exists(), "looking makes nothing");
}

#[test]
fn with_a_daemon_everything_is_checked() {
    let user = User::new(&[".config/chromium"]);
    user.install("");
    let daemon = user.start(&[]);
    let (code, checks) = user.doctor();
    assert_eq!(code, 0, "{checks:?}");
    for id in ["daemon", "home", "socket", "store", "clock", "browser.chromium"] {
        assert_eq!(state(&checks, id), "ok", "{checks:?}");
        assert_eq!(check(&checks, id)["fix"], "", "{checks:?}");
    }
    // There is neither a persona nor a relay.
    let network = check(&checks, "network");
    assert_eq!(network["state"], "warn", "{network}");
    assert!(network["fix"].as_str().unwrap().ends_with("persona new NAME"), "{network}");
    assert_eq!(state(&checks, "health"), "warn");
    fs::set_permissions(user.path("bauta"), fs::Permissions::from_mode(0o755)).unwrap();
    let (code, checks) = user.doctor();
    let home = check(&checks, "home");
    assert_eq!((code, &home["state"]), (5, &Value::from("fail")));
    assert!(home["fix"].as_str().unwrap().starts_with("chmod 700 "), "{home}");
    fs::set_permissions(user.path("bauta"), fs::Permissions::from_mode(0o700)).unwrap();
    let socket = fs::canonicalize(user.path("bauta")).unwrap().join("run/bridge.sock");
    fs::remove_file(socket).unwrap();
    let (code, checks) = user.doctor();
    let socket = check(&checks, "socket");
    assert_eq!((code, &socket["state"]), (5, &Value::from("fail")), "{socket}");
    assert!(socket["message"].as_str().unwrap().contains("bridge.sock"), "{socket}");
    daemon.stop();
    let (_, checks) = user.doctor();
    assert!(check(&checks, "store")["message"].as_str().unwrap().contains("Closed"), "{checks:?}");
    fs::remove_file(user.path("bauta/key")).unwrap();
    assert_eq!(state(&user.doctor().1, "store"), "fail");
}

#[test]
fn an_invalid_manifest_is_reported_with_its_fix() {
    let user = User::new(&[".config/chromium"]);
    user.install("");
    let good = fs::read_to_string(user.path(CHROMIUM)).unwrap();
    let install = "bauta browser install --browser chromium";
    let other = good.replace("Joins", "Mine: joins");
    let cases = [
        (good.clone(), "ok", "It starts ", ""),
        (good.replace("programs", "gone"), "fail", "which does not exist", install),
        (good.replace("glgge", "aaaaa"), "fail", "does not allow the extension", install),
        (good.replace('}', ""), "fail", "is damaged", install),
        (other, "warn", "Bauta did not write", "rm "),
    ];
    for (text, state, message, fix) in cases {
        fs::write(user.path(CHROMIUM), text).unwrap();
        let (_, checks) = user.doctor();
        let chromium = check(&checks, "browser.chromium");
        assert_eq!(chromium["state"], state, "{chromium}");
        assert!(chromium["message"].as_str().unwrap().contains(message), "{chromium}");
        let told = chromium["fix"].as_str().unwrap();
        assert!(told.starts_with(fix) && told.is_empty() == fix.is_empty(), "{chromium}");
    }
    // The fix works.
    fs::write(user.path(CHROMIUM), good.replace("programs", "gone")).unwrap();
    assert_eq!(user.install("--browser chromium").0, 0);
    assert_eq!(state(&user.doctor().1, "browser.chromium"), "ok");
    fs::set_permissions(&user.host, fs::Permissions::from_mode(0o644)).unwrap();
    let (_, checks) = user.doctor();
    let message = check(&checks, "browser.chromium")["message"].as_str().unwrap();
    assert!(message.contains("cannot be executed"), "{message}");
}
