//! What the rest of this system does for the daemon: its service manager, its keychain, and who tells of sleep.

use std::path::Path;
use std::time::Duration;

use bauta_daemon::suspend_is_announced;
use bauta_daemon::unlock::{Mode, Unlock, UnlockError};
use bauta_ipc::{codes, sentence};

use super::Check;
use crate::commands::machine::service::{State, state};

/// A keychain that does not answer in this time may wait for somebody to unlock it.
const PATIENCE: Duration = Duration::from_secs(5);

/// Whether the service runs, where there is one.
pub(super) fn service() -> Check {
    service_in(state().ok().as_ref())
}

fn service_in(state: Option<&State>) -> Check {
    const ID: &str = "service";
    let Some(state) = state else {
        return Check::ok(ID, "This user has no service manager; the daemon is started by hand.");
    };
    let words = state.words();
    match state.active.as_str() {
        _ if !state.installed => Check::ok(ID, "Not installed; the daemon is started by hand."),
        "active" => Check::ok(ID, format!("Running ({words}).")),
        "failed" => Check::fail(ID, format!("It failed ({words})."), "bauta logs")
            .exits(codes::DAEMON_NOT_RUNNING.exit),
        "activating" | "reloading" | "deactivating" => {
            Check::warn(ID, format!("It is not ready ({words})."), "bauta service status")
        }
        _ => Check::warn(ID, format!("It does not run ({words})."), "systemctl --user start bauta"),
    }
}

/// Whether a keychain answers, where this home needs one or may choose it.
pub(super) async fn keychain(home: &Path) -> Option<Check> {
    // A description that cannot be read is the store's matter.
    let kept = Unlock::mode_of(home).ok()?;
    if !matches!(kept, None | Some(Mode::Keychain)) {
        return None;
    }
    let asked = tokio::task::spawn_blocking(Unlock::keychain_answers);
    Some(match tokio::time::timeout(PATIENCE, asked).await {
        Ok(Ok(answer)) => keychain_says(kept, answer),
        _ => keychain_says(kept, Err(UnlockError::NoKeychain("it takes longer than 5 seconds".to_owned()))),
    })
}

fn keychain_says(kept: Option<Mode>, answer: Result<(), UnlockError>) -> Check {
    const ID: &str = "keychain";
    match (answer, kept) {
        (Ok(()), Some(_)) => Check::ok(ID, "It answers."),
        (Ok(()), None) => Check::ok(ID, "It answers; a new home can be protected by it."),
        (Err(error), Some(_)) => Check::fail(
            ID,
            sentence(&error),
            "Log in to your desktop, or unlock its keychain (GNOME Keyring, KWallet, KeePassXC).",
        )
        .exits(codes::UNLOCK_FAILED.exit),
        // Nothing needs it.
        (Err(_), None) => Check::ok(ID, "None answers; a new home can be protected by a passphrase."),
    }
}

/// Whether the daemon hears that this machine will sleep, where it would lock itself.
pub(super) async fn suspend(home: &Path, command: &dyn Fn(&str) -> String) -> Option<Check> {
    // Only a passphrase keeps others out of a daemon that is locked.
    if !matches!(Unlock::mode_of(home), Ok(Some(Mode::Passphrase))) {
        return None;
    }
    let told = tokio::time::timeout(PATIENCE, suspend_is_announced()).await;
    Some(suspend_says(matches!(told, Ok(Ok(()))), command))
}

fn suspend_says(is_told: bool, command: &dyn Fn(&str) -> String) -> Check {
    const ID: &str = "sleep";
    if is_told {
        return Check::ok(ID, "The daemon hears of it before this machine sleeps.");
    }
    let message = "Nobody tells the daemon when this machine sleeps (no logind), so it stays unlocked.";
    Check::warn(ID, message, command("config set lock.after 15m"))
}

#[cfg(test)]
mod tests {
    use super::super::Verdict;
    use super::*;

    fn command(rest: &str) -> String {
        format!("bauta {rest}")
    }

    #[test]
    fn a_service_that_failed_is_a_fault() {
        let look = |installed, active: &str| {
            let check = service_in(Some(&State::for_tests(installed, active)));
            (check.state, check.fix)
        };
        assert_eq!(service_in(None).state, Verdict::Ok);
        assert_eq!(look(false, "inactive"), (Verdict::Ok, String::new()));
        assert_eq!(look(true, "active"), (Verdict::Ok, String::new()));
        assert_eq!(look(true, "failed"), (Verdict::Fail, "bauta logs".into()));
        assert_eq!(look(true, "activating").0, Verdict::Warn);
        assert_eq!(look(true, "inactive"), (Verdict::Warn, "systemctl --user start bauta".into()));
    }

    #[test]
    fn a_keychain_matters_to_a_home_that_uses_it() {
        let none = || Err(UnlockError::NoKeychain("there is none".to_owned()));
        let lost = keychain_says(Some(Mode::Keychain), none());
        assert_eq!((lost.state, lost.exit), (Verdict::Fail, codes::UNLOCK_FAILED.exit));
        assert!(lost.message.contains("there is none"), "{}", lost.message);
        assert_eq!(keychain_says(None, none()).state, Verdict::Ok);
        assert_eq!(keychain_says(Some(Mode::Keychain), Ok(())).state, Verdict::Ok);
    }

    #[tokio::test]
    async fn a_home_with_a_passphrase_asks_for_no_keychain() {
        let home = tempfile::tempdir().unwrap();
        std::fs::write(home.path().join("unlock.json"), r#"{"version":1,"mode":"passphrase"}"#).unwrap();
        assert!(keychain(home.path()).await.is_none());
        std::fs::write(home.path().join("unlock.json"), r#"{"version":1,"mode":"keyfile"}"#).unwrap();
        assert!(keychain(home.path()).await.is_none());
        assert!(suspend(home.path(), &command).await.is_none());
    }

    #[test]
    fn a_machine_that_sleeps_unannounced_is_named() {
        assert_eq!(suspend_says(true, &command).state, Verdict::Ok);
        let check = suspend_says(false, &command);
        assert_eq!((check.state, check.fix.as_str()), (Verdict::Warn, "bauta config set lock.after 15m"));
    }
}
