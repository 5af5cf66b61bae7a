//! What is checked in agrees with the code.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use bauta_ipc::limits::LIMITS;
use bauta_ipc::methods::METHODS;
use bauta_ipc::{CODES, Exit, MethodInfo, SETTINGS, SettingInfo, openrpc};
use serde::Serialize;

fn beside(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Compares a file with what it should hold. `BAUTA_WRITE=1 cargo test -p bauta-ipc freshness` writes it first.
fn fresh(path: &str, wanted: impl FnOnce(&str) -> String) {
    let file = beside(path);
    let kept = fs::read_to_string(&file).unwrap_or_default();
    let wanted = wanted(&kept);
    if std::env::var_os("BAUTA_WRITE").is_some() {
        fs::write(&file, wanted).unwrap();
        return;
    }
    assert!(kept == wanted, "ipc/{path} is stale: BAUTA_WRITE=1 cargo test -p bauta-ipc freshness");
}

#[test]
fn openrpc_is_fresh() {
    fresh("openrpc.json", |_| serde_json::to_string_pretty(&openrpc::document()).unwrap() + "\n");
}

/// The page with other rows in the table that has this header.
fn with_table(page: &str, header: &str, rows: impl Iterator<Item = String>) -> String {
    let (before, rest) = page.split_once(header).unwrap();
    let (rule, rest) = rest.trim_start_matches('\n').split_once('\n').unwrap();
    let after = rest.split_once("\n\n").unwrap().1;
    format!("{before}{header}\n{rule}\n{}\n\n{after}", rows.collect::<Vec<_>>().join("\n"))
}

/// A word as it is on the wire.
fn word(value: impl Serialize) -> String {
    serde_json::to_value(value).unwrap().as_str().unwrap_or("–").to_owned()
}

fn method_row(method: &MethodInfo) -> String {
    let MethodInfo { name, summary, grant, reach, network, reveals, .. } = method;
    let grant = grant.map_or("–".to_owned(), |grant| format!("`{}`", grant.name()));
    let mut reveals = reveals.chars();
    let reveals: String = reveals.next().into_iter().flat_map(char::to_lowercase).chain(reveals).collect();
    format!(
        "| `{name}` | {grant} | {} | {} | {} *Reveals:* {reveals} |",
        word(reach),
        word(network),
        summary.trim()
    )
}

#[test]
fn the_page_is_fresh() {
    fresh("../docs/api.md", |page| {
        let methods = "| method | grant | personas | network | what it does, and what it reveals to whom |";
        let page = with_table(page, methods, METHODS.iter().map(method_row));
        let codes = CODES.iter().map(|code| {
            format!("| `{}` | {} | {} | {} |", code.name, code.exit as u8, word(code.retry), code.meaning)
        });
        let limits = LIMITS.iter().map(|limit| {
            format!("| `{}` | {} | {} |", limit.name.to_lowercase(), limit.value, limit.meaning.trim())
        });
        let page = with_table(&page, "| name | value | what |", limits);
        let settings = SETTINGS.iter().map(|setting| {
            let default = match setting.default {
                [] => "none".to_owned(),
                words => words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", "),
            };
            let SettingInfo { name, values, meaning, .. } = setting;
            format!("| `{name}` | {values} | {default} | {} | {meaning} |", word(setting.applies))
        });
        let page = with_table(&page, "| setting | values | default | from | what |", settings);
        with_table(&page, "| code | exit | retry | when |", codes)
    });
}

#[test]
fn openrpc_describes_every_method_with_resolvable_schemas() {
    let document = openrpc::document();
    let text = document.to_string();
    for method in METHODS {
        assert!(text.contains(&format!("\"name\":\"{}\"", method.name)), "{}", method.name);
        assert!(!method.reveals.is_empty() && !method.summary.trim().is_empty());
    }
    for reference in text.split("\"$ref\":\"#").skip(1) {
        let pointer = reference.split('"').next().unwrap();
        assert!(document.pointer(pointer).is_some(), "{pointer}");
    }
}

#[test]
fn codes_are_unique_and_exit_in_one_place() {
    let names: BTreeSet<_> = CODES.iter().map(|code| code.name).collect();
    assert_eq!(names.len(), CODES.len());
    assert!(CODES.iter().all(|code| code.exit != Exit::Ok && !code.meaning.is_empty()));
    for (code, exit) in [
        ("contact.unknown", Exit::User),
        ("usage", Exit::User),
        ("internal", Exit::Bug),
        ("message.timeout", Exit::Network),
        ("daemon.not_running", Exit::Daemon),
        ("unlock.failed", Exit::Locked),
        ("access.denied", Exit::Locked),
        ("network.later", Exit::Network),
        ("daemon.later", Exit::Daemon),
        ("access.later", Exit::Locked),
        ("something.else", Exit::User),
    ] {
        assert_eq!(bauta_ipc::exit_for(code), exit, "{code}");
    }
}
