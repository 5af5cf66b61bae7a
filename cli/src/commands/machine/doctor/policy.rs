//! The administrator's policies on native messaging hosts (Chrome Enterprise policy list:
//! `NativeMessagingBlocklist`, `NativeMessagingAllowlist`, `NativeMessagingUserLevelHosts`).

use std::fs::{self, File};
use std::io::Read as _;
use std::path::Path;

use bauta_bridge::{Browser, HOST_NAME};
use serde::Deserialize;

/// A longer policy file is ignored.
const MAX_POLICY: u64 = 1 << 20;

/// The policies on hosts that apply to a browser.
#[derive(Debug, Default, Eq, PartialEq)]
pub(super) struct Policy {
    /// Only manifests of the system count, not those of a user.
    pub(super) system_only: bool,
    /// The host must not be started.
    pub(super) is_blocked: bool,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Fields {
    #[serde(rename = "NativeMessagingUserLevelHosts")]
    user_level: Option<bool>,
    #[serde(rename = "NativeMessagingBlocklist")]
    blocked: Vec<String>,
    #[serde(rename = "NativeMessagingAllowlist")]
    allowed: Vec<String>,
}

/// The policies for a browser on Linux whose policy directory is known; for others there are none.
pub(super) fn policy(browser: Browser, root: &Path) -> Policy {
    let directory = match browser {
        Browser::Chrome => "etc/opt/chrome",
        Browser::Chromium => "etc/chromium",
        Browser::Edge => "etc/opt/edge",
        Browser::Brave => "etc/brave",
        Browser::ChromeForTesting
        | Browser::Vivaldi
        | Browser::Opera
        | Browser::Thorium
        | Browser::Yandex
        | Browser::Firefox
        | Browser::LibreWolf
        | Browser::Waterfox
        | Browser::Floorp
        | Browser::Zen => return Policy::default(),
    };
    let Ok(files) = fs::read_dir(root.join(directory).join("policies/managed")) else {
        return Policy::default();
    };
    let mut paths: Vec<_> = files.flatten().map(|file| file.path()).collect();
    // In the order in which the browser reads them; the last one wins.
    paths.sort();
    let mut all = Fields::default();
    for Fields { user_level, blocked, allowed } in paths.iter().filter_map(|path| read(path)) {
        all.user_level = user_level.or(all.user_level);
        all.blocked = if blocked.is_empty() { all.blocked } else { blocked };
        all.allowed = if allowed.is_empty() { all.allowed } else { allowed };
    }
    let names = |list: &[String], name: &str| list.iter().any(|entry| entry == name);
    Policy {
        system_only: all.user_level == Some(false),
        is_blocked: (names(&all.blocked, "*") || names(&all.blocked, HOST_NAME))
            && !names(&all.allowed, HOST_NAME),
    }
}

fn read(path: &Path) -> Option<Fields> {
    let mut text = Vec::new();
    File::open(path).ok()?.take(MAX_POLICY).read_to_end(&mut text).ok()?;
    serde_json::from_slice(&text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_and_exceptions_count() {
        let root = tempfile::tempdir().unwrap();
        let managed = root.path().join("etc/chromium/policies/managed");
        fs::create_dir_all(&managed).unwrap();
        let look = || policy(Browser::Chromium, root.path());
        let open = Policy::default();
        assert_eq!(look(), open);
        for (first, second, expected) in [
            ("{}", r#"{"HomepageLocation":"about:blank"}"#, open),
            (r#"{"NativeMessagingBlocklist":["*"]}"#, "{", Policy { is_blocked: true, system_only: false }),
            (
                r#"{"NativeMessagingBlocklist":["*"]}"#,
                r#"{"NativeMessagingAllowlist":["app.bauta.bridge"]}"#,
                Policy::default(),
            ),
            (r#"{"NativeMessagingBlocklist":["org.example"]}"#, "[]", Policy::default()),
            (
                r#"{"NativeMessagingUserLevelHosts":true}"#,
                r#"{"NativeMessagingUserLevelHosts":false,"NativeMessagingBlocklist":["app.bauta.bridge"]}"#,
                Policy { system_only: true, is_blocked: true },
            ),
        ] {
            fs::write(managed.join("10.json"), first).unwrap();
            fs::write(managed.join("20.json"), second).unwrap();
            assert_eq!(look(), expected, "{first} {second}");
        }
        assert_eq!(policy(Browser::Chrome, root.path()), Policy::default());
    }
}
