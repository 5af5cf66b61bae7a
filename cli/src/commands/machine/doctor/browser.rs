//! Whether each browser of this user finds the host and may start it.

use std::path::Path;

use bauta_bridge::{Browser, HOST_NAME, Manifest, Place, Platform, Roots, Sandbox};
use bauta_ipc::RpcError;

use super::policy::{Policy, policy};
use super::{Check, Verdict};
use crate::commands::machine::manifests::{Condition, Scope, Spot, inspect, is_program, roots, spots};
use crate::shell_word;

/// A check for each browser that is found.
pub(super) fn browsers() -> Result<Vec<Check>, RpcError> {
    let Some(platform @ (Platform::Linux | Platform::Macos)) = Platform::HERE else { return Ok(Vec::new()) };
    Ok(browsers_in(platform, &roots()?))
}

fn browsers_in(platform: Platform, roots: &Roots) -> Vec<Check> {
    let system = spots(platform, Scope::System, roots);
    let mut checks = Vec::new();
    for spot in spots(platform, Scope::User, roots) {
        let Some(found) = spot.found() else { continue };
        for reader in &found.readers {
            checks.push(check(&spot, reader, &system, &roots.system));
        }
    }
    if checks.is_empty() {
        checks.push(Check::warn(
            "browser",
            "No browser that Bauta knows has been started by this user.",
            "Start the browser once, or name its directory: bauta browser install --dir DIR",
        ));
    }
    checks
}

fn check(spot: &Spot, reader: &Place, system: &[Spot], root: &Path) -> Check {
    // A browser in a sandbox does not see the system's policies.
    let policy = if reader.sandbox.is_none() { policy(reader.browser, root) } else { Policy::default() };
    let (state, message, fix) = if policy.is_blocked {
        let message =
            "The administrator's policy NativeMessagingBlocklist forbids it to start the host.".to_owned();
        (
            Verdict::Fail,
            message,
            format!("Ask the administrator to add {HOST_NAME} to NativeMessagingAllowlist."),
        )
    } else if policy.system_only {
        let install = format!("sudo bauta browser install --system --browser {}", reader.browser.name());
        match in_system(reader.browser, system) {
            Some(manifest) => judge(&manifest, &install),
            None => {
                let message = "The administrator's policy NativeMessagingUserLevelHosts allows only the system's manifest, and there is none.";
                (Verdict::Fail, message.to_owned(), install)
            }
        }
    } else {
        look(spot, reader, system)
    };
    let (state, message, fix) = confined(reader, state, message, fix);
    Check::new(&format!("browser.{}", reader.browser.name()), state, message, fix).titled(reader.title)
}

fn look(spot: &Spot, reader: &Place, system: &[Spot]) -> (Verdict, String, String) {
    let install = format!("bauta browser install --browser {}", reader.browser.name());
    let path = spot.path.display().to_string();
    let replace = || format!("rm {} && {install}", shell_word(&path));
    match inspect(spot) {
        Condition::Missing => match in_system(reader.browser, system) {
            Some(manifest) => judge(&manifest, "sudo bauta browser install --system"),
            None => {
                let message = "It has no manifest, so an extension in it cannot reach Bauta.";
                (Verdict::Warn, message.to_owned(), install)
            }
        },
        Condition::Unreadable(error) => (
            Verdict::Fail,
            format!("Its manifest cannot be read: {error}."),
            format!("ls -l {}", shell_word(&path)),
        ),
        Condition::Damaged => (Verdict::Fail, format!("Its manifest {path} is damaged."), install),
        Condition::Ours { manifest, .. } => judge(&manifest, &install),
        Condition::Foreign(manifest) => match judge(&manifest, &replace()) {
            (Verdict::Ok, message, _) => {
                (Verdict::Warn, format!("{message} Bauta did not write its manifest {path}."), replace())
            }
            faulty => faulty,
        },
    }
}

/// The system's manifest, which a browser reads when the user has none.
fn in_system(browser: Browser, system: &[Spot]) -> Option<Manifest> {
    system.iter().filter(|spot| spot.is_read_by(&[browser])).find_map(|spot| match inspect(spot) {
        Condition::Ours { manifest, .. } | Condition::Foreign(manifest) => Some(manifest),
        Condition::Missing | Condition::Unreadable(_) | Condition::Damaged => None,
    })
}

fn judge(manifest: &Manifest, repair: &str) -> (Verdict, String, String) {
    let host = manifest.host.display();
    let fault = if !manifest.is_usable {
        "Its manifest is not for bauta-bridge.".to_owned()
    } else if !manifest.host.exists() {
        format!("Its manifest names {host}, which does not exist.")
    } else if !is_program(&manifest.host) {
        format!("Its manifest names {host}, which cannot be executed.")
    } else if !manifest.allows_extensions {
        "Its manifest does not allow the extension of this version.".to_owned()
    } else {
        return (Verdict::Ok, format!("It starts {host}."), String::new());
    };
    (Verdict::Fail, fault, repair.to_owned())
}

/// Adds what a sandbox changes. Firefox has the desktop's portal start the host; others start it inside the sandbox.
fn confined(reader: &Place, state: Verdict, message: String, fix: String) -> (Verdict, String, String) {
    let Some(sandbox) = reader.sandbox else { return (state, message, fix) };
    if reader.browser == Browser::Firefox {
        let message = format!("{message} Firefox asks once whether the extension may start it: allow that.");
        return (state, message, fix);
    }
    if state == Verdict::Fail {
        return (state, message, fix);
    }
    let kind = match sandbox {
        Sandbox::Snap => "Snap",
        Sandbox::Flatpak(_) => "Flatpak",
    };
    let message = format!("{message} It is confined by {kind}, which may keep it from starting the host.");
    let other = "Use a browser from the distribution's or the vendor's packages.";
    (Verdict::Warn, message, if fix.is_empty() { other.to_owned() } else { fix })
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::commands::machine::manifests::write;

    struct User {
        root: tempfile::TempDir,
        host: std::path::PathBuf,
    }

    impl User {
        fn new(directories: &[&str]) -> Self {
            let root = tempfile::tempdir().unwrap();
            for directory in directories {
                fs::create_dir_all(root.path().join(directory)).unwrap();
            }
            let host = root.path().join("bauta-bridge");
            fs::write(&host, "").unwrap();
            fs::set_permissions(&host, fs::Permissions::from_mode(0o755)).unwrap();
            Self { root, host }
        }

        fn roots(&self) -> Roots {
            let user = self.root.path().to_owned();
            Roots { config: user.join(".config"), system: user.join("system"), user }
        }

        fn spot(&self, scope: Scope, browser: Browser) -> Spot {
            let mut spots = spots(Platform::Linux, scope, &self.roots());
            spots.retain(|spot| {
                spot.is_read_by(&[browser]) && (scope == Scope::System || spot.found().is_some())
            });
            spots.swap_remove(0)
        }

        fn only(&self) -> Check {
            let mut checks = browsers_in(Platform::Linux, &self.roots());
            assert_eq!(checks.len(), 1, "{checks:?}");
            checks.remove(0)
        }
    }

    #[test]
    fn each_fault_has_its_fix() {
        let user = User::new(&[".config/chromium/Default"]);
        let install = "bauta browser install --browser chromium";
        let expect = |state: Verdict, words: &str, fix: &str| {
            let check = user.only();
            assert_eq!((check.id.as_str(), check.title.as_str()), ("browser.chromium", "Chromium"));
            assert!(check.state == state && check.message.contains(words), "{check:?}");
            assert_eq!(check.fix, fix, "{check:?}");
        };
        expect(Verdict::Warn, "no manifest", install);
        let spot = user.spot(Scope::User, Browser::Chromium);
        write(&spot, &user.host).unwrap();
        expect(Verdict::Ok, "It starts", "");
        let good = fs::read_to_string(&spot.path).unwrap();
        fs::set_permissions(&user.host, fs::Permissions::from_mode(0o644)).unwrap();
        expect(Verdict::Fail, "cannot be executed", install);
        fs::remove_file(&user.host).unwrap();
        expect(Verdict::Fail, "does not exist", install);
        fs::write(&user.host, "").unwrap();
        fs::set_permissions(&user.host, fs::Permissions::from_mode(0o755)).unwrap();
        fs::write(&spot.path, good.replace("glggelpb", "aaaaaaaa")).unwrap();
        expect(Verdict::Fail, "does not allow the extension", install);
        fs::write(&spot.path, good.replace('}', "")).unwrap();
        expect(Verdict::Fail, "is damaged", install);
        let replace = format!("rm {} && {install}", spot.path.display());
        fs::write(&spot.path, good.replace("Joins", "My own joins")).unwrap();
        expect(Verdict::Warn, "Bauta did not write", &replace);
        fs::write(&spot.path, "{}").unwrap();
        expect(Verdict::Fail, "not for bauta-bridge", &replace);
    }

    #[test]
    fn the_systems_manifest_counts_without_one_of_the_user() {
        let user = User::new(&[".config/google-chrome/Default"]);
        write(&user.spot(Scope::System, Browser::Chrome), &user.host).unwrap();
        assert_eq!(user.only().state, Verdict::Ok);
        fs::remove_file(&user.host).unwrap();
        let check = user.only();
        assert_eq!((check.state, check.fix.as_str()), (Verdict::Fail, "sudo bauta browser install --system"));
    }

    #[test]
    fn the_administrators_policies_count() {
        let user = User::new(&[".config/chromium/Default", "system/etc/chromium/policies/managed"]);
        write(&user.spot(Scope::User, Browser::Chromium), &user.host).unwrap();
        let policy = user.root.path().join("system/etc/chromium/policies/managed/all.json");
        fs::write(&policy, r#"{"NativeMessagingUserLevelHosts":false}"#).unwrap();
        let check = user.only();
        assert_eq!(
            (check.state, check.fix.as_str()),
            (Verdict::Fail, "sudo bauta browser install --system --browser chromium")
        );
        write(&user.spot(Scope::System, Browser::Chromium), &user.host).unwrap();
        assert_eq!(user.only().state, Verdict::Ok);
        fs::write(&policy, r#"{"NativeMessagingBlocklist":["*"]}"#).unwrap();
        let check = user.only();
        assert!(check.state == Verdict::Fail && check.fix.contains("app.bauta.bridge"), "{check:?}");
    }

    #[test]
    fn sandboxes_are_named() {
        let user = User::new(&["snap/chromium/common/chromium"]);
        assert_eq!(user.only().fix, "bauta browser install --browser chromium");
        write(&user.spot(Scope::User, Browser::Chromium), &user.host).unwrap();
        let check = user.only();
        assert!(check.state == Verdict::Warn && check.message.contains("Snap"), "{check:?}");
        assert!(check.fix.contains("distribution"), "{check:?}");
        let user = User::new(&[".var/app/org.mozilla.firefox"]);
        write(&user.spot(Scope::User, Browser::Firefox), &user.host).unwrap();
        let check = user.only();
        assert_eq!((check.state, check.title.as_str()), (Verdict::Ok, "Firefox (Flatpak)"));
        assert!(check.message.contains("asks once"), "{check:?}");
        let nobody = User::new(&[]);
        assert_eq!(nobody.only().id, "browser");
    }
}
