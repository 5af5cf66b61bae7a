//! What is checked in agrees with the code.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use bauta_ipc::methods::METHODS;
use bauta_ipc::{CODES, Exit, Retry, openrpc};

fn beside(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// `BAUTA_WRITE=1 cargo test -p bauta-ipc` writes the document anew.
#[test]
fn openrpc_is_fresh() {
    let path = beside("openrpc.json");
    let mut fresh = serde_json::to_string_pretty(&openrpc::document()).unwrap();
    fresh.push('\n');
    if std::env::var_os("BAUTA_WRITE").is_some() {
        fs::write(&path, &fresh).unwrap();
    }
    let kept = fs::read_to_string(&path).unwrap_or_default();
    assert!(kept == fresh, "ipc/openrpc.json is stale: BAUTA_WRITE=1 cargo test -p bauta-ipc freshness");
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
fn the_page_lists_every_method_and_code() {
    let page = fs::read_to_string(beside("../docs/api.md")).unwrap();
    for method in METHODS {
        assert!(page.contains(&format!("`{}`", method.name)), "docs/api.md lacks {}", method.name);
    }
    for code in CODES {
        let retry = match code.retry {
            Retry::No => "no",
            Retry::Later => "later",
            Retry::Now => "now",
        };
        let row = format!("| `{}` | {} | {} | {} |", code.name, code.exit as u8, retry, code.meaning);
        assert!(page.contains(&row), "docs/api.md lacks the row:\n{row}");
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
