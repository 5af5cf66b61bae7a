//! Installing, listing and removing manifests.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::user::{CHROME, CHROMIUM, FIREFOX, User};

/// The states of rows, each after its path below the user's home.
fn states(user: &User, rows: &Value) -> Vec<(String, String)> {
    let home = format!("{}/", user.home().display());
    let row = |row: &Value| {
        let path = row["path"].as_str().unwrap();
        (path.strip_prefix(&home).unwrap_or(path).to_owned(), row["state"].as_str().unwrap().to_owned())
    };
    rows.as_array().unwrap_or_else(|| panic!("{rows}")).iter().map(row).collect()
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(path, state)| ((*path).to_owned(), (*state).to_owned())).collect()
}

#[test]
fn a_dry_run_prints_the_places_of_every_system() {
    let user = User::new(&[]);
    let home = user.home().display().to_string();
    let data = include_str!("../data/browser-places.txt");
    let mut seen = 0;
    for platform in ["linux", "macos", "windows"] {
        for whose in ["user", "system"] {
            let expected: Vec<(&str, String)> = data
                .lines()
                .filter(|line| !line.starts_with('#'))
                .filter_map(|line| line.strip_prefix(&format!("{platform} {whose} ")))
                .map(|line| line.split_once(' ').unwrap())
                .map(|(browsers, path)| (browsers, path.replacen('~', &home, 1)))
                .collect();
            assert!(!expected.is_empty());
            seen += expected.len();
            let scope = if whose == "system" { "--system" } else { "" };
            let line = format!("install --dry-run --platform {platform} {scope}");
            let (code, rows) = user.json(&line);
            let printed: Vec<(String, String)> = rows
                .as_array()
                .unwrap()
                .iter()
                .map(|row| {
                    let browsers =
                        row["browsers"].as_array().unwrap().iter().map(|name| name.as_str().unwrap());
                    (browsers.collect::<Vec<_>>().join(","), row["path"].as_str().unwrap().to_owned())
                })
                .collect();
            let wanted: Vec<_> =
                expected.iter().map(|(browsers, path)| ((*browsers).to_owned(), path.clone())).collect();
            assert_eq!((code, printed), (0, wanted), "{platform} {whose}");
            // As text: one line each below the heading.
            let output = user.run(&format!("browser {line}"));
            let text = String::from_utf8(output.stdout).unwrap();
            let lines: Vec<&str> = text.lines().skip(1).collect();
            assert_eq!(lines.len(), expected.len());
            for (line, (_, path)) in lines.iter().zip(&expected) {
                let columns: Vec<&str> =
                    line.trim().split("  ").filter(|column| !column.is_empty()).collect();
                assert_eq!(columns[1].trim(), path, "{line}");
            }
        }
    }
    let all = data.lines().filter(|line| !line.starts_with('#')).count();
    assert_eq!(seen, all, "a line of the data was not compared");
    assert!(!user.path(".config").exists(), "a dry run writes nothing");
}

#[test]
fn browsers_that_exist_get_a_manifest() {
    let user = User::new(&[".config/chromium/Default", ".config/google-chrome/Default", ".mozilla/firefox"]);
    let written = pairs(&[(CHROME, "written"), (CHROMIUM, "written"), (FIREFOX, "written")]);
    let (code, rows) = user.install("");
    assert_eq!((code, states(&user, &rows)), (0, written));
    let manifest = user.manifest(CHROMIUM);
    assert_eq!(manifest["name"], "app.bauta.bridge");
    assert_eq!(manifest["type"], "stdio");
    assert_eq!(manifest["path"], user.host.to_str().unwrap());
    assert_eq!(manifest["allowed_origins"][0], "chrome-extension://glggelpbdmnoognbkiacemakhjalbeki/");
    assert_eq!(user.manifest(FIREFOX)["allowed_extensions"][0], "extension@bauta.app");
    assert_eq!(fs::metadata(user.path(CHROMIUM)).unwrap().permissions().mode() & 0o777, 0o644);
    assert!(!user.path(".config/vivaldi").exists());
    // The second time nothing is written.
    let (code, rows) = user.install("");
    assert!(code == 0 && states(&user, &rows).iter().all(|(_, state)| state == "current"), "{rows}");
    let (_, rows) = user.json("list");
    assert!(states(&user, &rows).len() >= 3, "{rows}");
    assert_eq!(user.json("remove").0, 0);
    for path in [CHROMIUM, CHROME, FIREFOX] {
        assert!(!user.path(path).exists() && !user.path(path).parent().unwrap().exists(), "{path}");
    }
    assert_eq!(user.json("remove"), (0, Value::Array(Vec::new())));
    let (_, rows) = user.json("list --browser chromium");
    assert_eq!(states(&user, &rows)[0], pairs(&[(CHROMIUM, "missing")])[0]);
}

#[test]
fn only_what_is_named_is_written() {
    let user = User::new(&[".config/chromium", ".config/microsoft-edge-beta"]);
    let (code, rows) = user.install("--browser edge --browser brave");
    assert_eq!(code, 0);
    let states = states(&user, &rows);
    let edge = ".config/microsoft-edge-beta/NativeMessagingHosts/app.bauta.bridge.json";
    assert!(states.contains(&(edge.to_owned(), "written".to_owned())), "{rows}");
    assert!(states.iter().filter(|(path, _)| path != edge).all(|(_, state)| state == "not-found"), "{rows}");
    assert!(!user.path(CHROMIUM).exists() && !user.path(".config/BraveSoftware").exists());
    // A named browser that does not exist is an error, which says where it was looked for.
    let (code, told) = user.install("--browser vivaldi");
    assert_eq!((code, &told["error"]["code"]), (1, &Value::from("file.failed")));
    let message = told["error"]["message"].as_str().unwrap();
    assert!(message.contains("Vivaldi was not found") && message.contains(".config/vivaldi"), "{message}");
    let nobody = User::new(&[]);
    let (code, told) = nobody.install("");
    assert_eq!((code, &told["error"]["code"]), (1, &Value::from("file.failed")));
}

#[test]
fn opera_reads_chromes_manifest() {
    let user = User::new(&[".config/opera"]);
    let (code, rows) = user.install("");
    assert_eq!((code, states(&user, &rows)), (0, pairs(&[(CHROME, "written")])));
    assert_eq!(rows[0]["browsers"], serde_json::json!(["opera"]));
    let (_, rows) = user.json("list --browser opera");
    assert_eq!(rows[0]["title"], "Opera");
    // Where both exist, it is kept for the other one.
    fs::create_dir_all(user.path(".config/google-chrome/Default")).unwrap();
    let (code, rows) = user.json("remove --browser opera");
    assert_eq!((code, states(&user, &rows)), (1, pairs(&[(CHROME, "shared")])));
    assert_eq!(rows[0]["with"], "Chrome");
    assert_eq!(user.json("remove --browser opera --browser chrome").0, 0);
    assert!(!user.path(CHROME).exists());
}

#[test]
fn a_named_profile_directory_gets_a_manifest() {
    let user = User::new(&[]);
    let profile = user.path("profile");
    let manifest = "profile/NativeMessagingHosts/app.bauta.bridge.json";
    let (code, rows) = user.install(&format!("--dir {}", profile.display()));
    assert_eq!((code, states(&user, &rows)), (0, pairs(&[(manifest, "written")])));
    assert!(user.manifest(manifest)["allowed_origins"].is_array());
    let (_, rows) = user.json(&format!("list --dir {}", profile.display()));
    assert_eq!(states(&user, &rows)[0].0, manifest);
    assert_eq!(user.json(&format!("remove --dir {}", profile.display())).0, 0);
    assert!(!user.path(manifest).exists());
}

#[test]
fn a_directory_of_firefoxs_family_gets_its_manifest() {
    let user = User::new(&["tor/Data/Browser/.mozilla", "kin/abc.default"]);
    fs::write(user.path("kin/profiles.ini"), "").unwrap();
    fs::write(user.path("kin/abc.default/prefs.js"), "").unwrap();
    for dir in ["tor/Data/Browser/.mozilla", "kin"] {
        let manifest = format!("{dir}/native-messaging-hosts/app.bauta.bridge.json");
        let (code, rows) = user.install(&format!("--dir {}", user.path(dir).display()));
        assert_eq!((code, states(&user, &rows)), (0, pairs(&[(&manifest, "written")])));
        assert_eq!(user.manifest(&manifest)["allowed_extensions"][0], "extension@bauta.app");
    }
    let (code, told) = user.install(&format!("--dir {}", user.path("kin/abc.default").display()));
    assert_eq!((code, &told["error"]["code"]), (1, &Value::from("usage")));
}

#[test]
fn channels_and_kin_are_found() {
    let user = User::new(&[".config/BraveSoftware/Brave-Browser-Nightly", ".zen", ".librewolf"]);
    let (code, rows) = user.install("");
    let nightly = ".config/BraveSoftware/Brave-Browser-Nightly/NativeMessagingHosts/app.bauta.bridge.json";
    let librewolf = ".librewolf/native-messaging-hosts/app.bauta.bridge.json";
    let written = pairs(&[(nightly, "written"), (FIREFOX, "written"), (librewolf, "written")]);
    assert_eq!((code, states(&user, &rows)), (0, written));
    assert_eq!(rows[1]["title"], "Zen");
    for path in [FIREFOX, librewolf] {
        assert_eq!(user.manifest(path)["allowed_extensions"][0], "extension@bauta.app", "{path}");
    }
    let (code, told) = user.install("--browser tor-browser");
    assert_eq!((code, &told["error"]["code"]), (1, &Value::from("usage")));
    assert!(told["error"]["message"].as_str().unwrap().contains("Tor Browser gets no manifest"), "{told}");
}

#[test]
fn a_browser_in_a_sandbox_is_told_apart() {
    for (directories, title) in [
        (&[".var/app/io.gitlab.librewolf-community/.librewolf"][..], "LibreWolf (Flatpak)"),
        (&[".var/app/app.zen_browser.zen/.zen", ".mozilla/firefox"], "Zen (Flatpak)"),
        (&["snap/brave/current/.config/BraveSoftware/Brave-Browser/Default"], "Brave (Snap)"),
        (&[".var/app/com.opera.Opera/config/opera"], "Opera (Flatpak)"),
    ] {
        let user = User::new(directories);
        let output = user.run(&format!("browser install --host {}", user.host.display()));
        let text = String::from_utf8(output.stderr).unwrap();
        let said = text.matches("runs in a sandbox").count();
        assert!(output.status.success() && said == 1, "{title}: {text}");
        assert!(text.contains(&format!("{title} runs in a sandbox")), "{title}: {text}");
    }
}

#[test]
fn manifests_of_others_are_kept_and_damaged_ones_replaced() {
    let user = User::new(&[".config/chromium", ".mozilla/firefox"]);
    user.install("");
    let whole = fs::read_to_string(user.path(FIREFOX)).unwrap();
    let foreign = r#"{"name":"app.bauta.bridge","description":"mine","path":"/bin/sh","type":"stdio"}"#;
    fs::write(user.path(CHROMIUM), foreign).unwrap();
    fs::write(user.path(FIREFOX), &whole.as_bytes()[..whole.len() / 2]).unwrap();
    let (_, rows) = user.json("list --browser chromium --browser firefox");
    let list = states(&user, &rows);
    assert!(list.starts_with(&pairs(&[(CHROMIUM, "foreign")])), "{rows}");
    assert!(list.contains(&(FIREFOX.to_owned(), "damaged".to_owned())), "{rows}");
    let left = pairs(&[(CHROMIUM, "foreign"), (FIREFOX, "damaged")]);
    let (code, rows) = user.json("remove");
    assert_eq!((code, states(&user, &rows)), (1, left));
    let (code, rows) = user.install("");
    assert_eq!((code, states(&user, &rows)), (1, pairs(&[(CHROMIUM, "foreign"), (FIREFOX, "written")])));
    assert_eq!(fs::read_to_string(user.path(CHROMIUM)).unwrap(), foreign);
    assert_eq!(fs::read_to_string(user.path(FIREFOX)).unwrap(), whole);
}

#[test]
fn a_dry_run_changes_nothing_here_either() {
    let user = User::new(&[".config/chromium"]);
    let host = user.host.display().to_string();
    let (_, rows) = user.json(&format!("install --dry-run --host {host}"));
    let would = states(&user, &rows);
    assert!(would.contains(&pairs(&[(CHROMIUM, "would-write")])[0]), "{rows}");
    assert!(would.contains(&pairs(&[(FIREFOX, "not-found")])[0]), "{rows}");
    assert!(!user.path(CHROMIUM).exists());
    user.install("");
    let (_, rows) = user.json(&format!("install --dry-run --host {host}"));
    assert!(states(&user, &rows).contains(&pairs(&[(CHROMIUM, "current")])[0]), "{rows}");
    let (code, rows) = user.json("remove --dry-run");
    assert_eq!((code, states(&user, &rows)), (0, pairs(&[(CHROMIUM, "would-remove")])));
    assert!(user.path(CHROMIUM).exists());
}

#[test]
fn manifests_for_other_systems_are_only_shown() {
    let user = User::new(&[".config/chromium"]);
    for (line, code) in [
        ("install --platform macos", "usage"),
        ("install --platform windows --browser edge", "usage"),
        ("install --dry-run --platform macos --browser waterfox", "usage"),
        ("install --dry-run --platform macos --system --browser chrome-for-testing", "usage"),
        ("install --dir d --system", "usage"),
        ("install --host nowhere", "file.failed"),
        ("install --host /", "file.failed"),
    ] {
        let (status, told) = user.json(line);
        assert_eq!((status, told["error"]["code"].as_str()), (1, Some(code)), "{line}");
    }
    assert!(!user.path(CHROMIUM).exists());
}

#[test]
fn the_host_is_beside_the_program_or_on_the_path() {
    let user = User::new(&[".config/chromium", "elsewhere"]);
    let program = user.program();
    let install = |program: &Path, path: &str| {
        let mut command = Command::new(program);
        command.env("HOME", user.home()).env_remove("XDG_CONFIG_HOME").env("PATH", path);
        command.args(["browser", "install", "--json"]).output().unwrap()
    };
    // Through a symbolic link it is the neighbour of the real program.
    let link = user.path("elsewhere/bauta");
    symlink(&program, &link).unwrap();
    let output = install(&link, "");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(user.manifest(CHROMIUM)["path"], user.host.to_str().unwrap());
    let other = user.path("elsewhere/bauta-bridge");
    fs::rename(&user.host, &other).unwrap();
    let output = install(&program, "relative:/nonexistent");
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told["error"]["hint"].as_str().unwrap().contains("--host PATH"), "{told}");
    let output = install(&program, user.path("elsewhere").to_str().unwrap());
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let found = fs::canonicalize(&other).unwrap();
    assert_eq!(user.manifest(CHROMIUM)["path"], found.to_str().unwrap());
}

#[test]
fn a_host_for_all_users_belongs_to_root() {
    let user = User::new(&[]);
    fs::set_permissions(user.path("programs"), fs::Permissions::from_mode(0o777)).unwrap();
    let (code, told) = user.install("--system");
    assert_eq!((code, &told["error"]["code"]), (1, &Value::from("file.failed")), "{told}");
    let message = told["error"]["message"].as_str().unwrap();
    assert!(message.contains("other than root"), "{message}");
}
