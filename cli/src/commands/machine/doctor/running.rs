//! What the daemon answers, or why it does not.

use std::path::Path;

use bauta_daemon::store_exists;
use bauta_daemon::unlock::{Mode, Unlock};
use bauta_ipc::{ConnectionState, HomeLock, RpcError, Status, codes, sentence};

use super::{Answer, Check};
use crate::{crowd_words, state_words};

/// The version of this program, which the daemon should have, too.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Whether it answers, and is of this version.
pub(super) fn daemon(answer: &Answer, command: &dyn Fn(&str) -> String) -> Check {
    const ID: &str = "daemon";
    let restart = || format!("{} && {}", command("down"), command("up"));
    match answer {
        Ok(Ok(status)) if status.version == VERSION => Check::ok(ID, format!("Running, version {VERSION}.")),
        Ok(Ok(status)) => {
            let message = format!("Running, but its version is {}; this is {VERSION}.", status.version);
            Check::warn(ID, message, restart())
        }
        // The next checks report the error.
        Ok(Err(_)) => Check::ok(ID, "Running."),
        Err(error) => {
            let fix = if error.is(&codes::DAEMON_NOT_RUNNING) {
                command("up")
            } else if error.is(&codes::HELLO_UNSUPPORTED) || error.is(&codes::DAEMON_UNREACHABLE) {
                restart()
            } else {
                error.hint.clone()
            };
            Check::fail(ID, error.message.clone(), fix).exits(error.exit())
        }
    }
}

/// Whether the store is open, or could be opened.
pub(super) fn store(home: &Path, answer: &Answer, command: &dyn Fn(&str) -> String) -> Check {
    const ID: &str = "store";
    let kept = Unlock::mode_of(home);
    match (answer, kept) {
        (Ok(Ok(status)), _) if status.state == ConnectionState::Locked => {
            let error = RpcError::new(&codes::DAEMON_LOCKED, "The daemon is locked.");
            Check::fail(ID, error.message.clone(), error.hint.clone()).exits(error.exit())
        }
        (Ok(Ok(_)), Ok(mode)) => Check::ok(
            ID,
            format!("Open{}.", mode.map(|mode| format!(", protected by {mode}")).unwrap_or_default()),
        ),
        (Ok(Err(error)), _) => Check::fail(ID, error.message.clone(), error.hint.clone()).exits(error.exit()),
        (_, Err(error)) => Check::fail(ID, sentence(&error), "Put the file back from a copy of the home."),
        (Err(_), Ok(kept)) => closed(home, kept, command),
    }
}

fn closed(home: &Path, kept: Option<Mode>, command: &dyn Fn(&str) -> String) -> Check {
    const ID: &str = "store";
    if HomeLock::is_held(home) {
        return Check::warn(ID, "A daemon has opened it and does not answer yet.", command("status"));
    }
    match (store_exists(home), kept) {
        (Err(error), _) => {
            let error = RpcError::from(error);
            Check::fail(ID, error.message.clone(), error.hint.clone()).exits(error.exit())
        }
        (Ok(false), _) => Check::ok(ID, "It does not exist yet; the first start creates it."),
        // Only a key file can be checked without asking the user.
        (Ok(true), None | Some(Mode::KeyFile)) => match Unlock::KeyFile.check(home) {
            Ok(()) => Check::ok(ID, "Closed; its key file is valid."),
            // The messages say what to do themselves.
            Err(error) => Check::fail(ID, sentence(&error), ""),
        },
        (Ok(true), Some(mode)) => Check::ok(ID, format!("Closed; protected by {mode}.")),
    }
}

/// How the daemon is connected, and the problems it reports itself.
pub(super) fn network(status: Option<&Status>, command: &dyn Fn(&str) -> String) -> Vec<Check> {
    const ID: &str = "network";
    let Some(status) = status else {
        return vec![Check::warn(ID, "Not known while the daemon does not answer.", command("up"))];
    };
    let words = format!("{} ({}).", state_words(status.state, status.phase.as_deref()), status.network);
    let wait = || command("status");
    // The daemon names its reason, where it knows one.
    let is_reason = |item: &&RpcError| item.code.starts_with("network.");
    let named = status.health.iter().find(is_reason);
    let mut checks = vec![match status.state {
        _ if named.is_some_and(|item| !item.is(&codes::NETWORK_UNREACHABLE)) => {
            let item = named.cloned().unwrap_or_else(|| RpcError::new(&codes::NETWORK_UNREACHABLE, ""));
            let exit = item.exit();
            Check::fail(ID, format!("{words} {}", item.message), item.hint).exits(exit)
        }
        ConnectionState::Ready => Check::ok(ID, words),
        ConnectionState::Off if status.personas.is_empty() => {
            Check::warn(ID, words, command("persona new NAME"))
        }
        ConnectionState::Off | ConnectionState::Locked => Check::warn(ID, words, ""),
        ConnectionState::Connecting | ConnectionState::Degraded => Check::warn(ID, words, wait()),
        ConnectionState::Lost => {
            Check::fail(ID, words, "Check this machine's connection; Bauta keeps trying.")
                .exits(codes::NETWORK_UNREACHABLE.exit)
        }
    }];
    let told = status.health.iter().filter(|item| !is_reason(item));
    checks.extend(told.map(|item| Check::warn("health", item.message.clone(), item.hint.clone())));
    checks
}

/// So many personas at one relay are few: each is cover for the others.
const FEW: u32 = 100;

/// How many people each relay has, where it said so.
pub(super) fn relays(status: &Status) -> Vec<Check> {
    const ID: &str = "relay";
    let sized = status.relays.iter().filter_map(|relay| relay.personas.map(|personas| (&relay.id, personas)));
    sized
        .map(|(relay, personas)| {
            let words = format!("{relay} has {}.", crowd_words(personas));
            match personas < FEW {
                true => Check::warn(
                    ID,
                    format!(
                        "{words} The fewer use a relay, the better it guesses whose requests belong together."
                    ),
                    "Choose a relay that more people use; docs/anonymity.md says what a relay can guess.",
                ),
                false => Check::ok(ID, words),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use bauta_ipc::{RelayStatus, Utc};

    use super::super::Verdict;
    use super::*;

    fn status(state: ConnectionState) -> Status {
        Status {
            state,
            phase: None,
            since: Utc::from_millis(0),
            last_exchange: None,
            traffic: "full".into(),
            traffic_note: String::new(),
            network: "mainnet".into(),
            personas: Vec::new(),
            relays: Vec::new(),
            gun: bauta_ipc::GunStatus::default(),
            health: vec![
                RpcError::new(&codes::RELAY_NONE, "No relay is known."),
                RpcError::new(&codes::NETWORK_UNREACHABLE, "No gateway."),
            ],
            version: VERSION.to_owned(),
            queued: 0,
            unlisted: 0,
        }
    }

    fn command(rest: &str) -> String {
        format!("bauta {rest}")
    }

    #[test]
    fn a_daemon_of_another_version_must_be_restarted() {
        let check = |answer: Answer| {
            let check = daemon(&answer, &command);
            (check.state, check.fix)
        };
        assert_eq!(check(Ok(Ok(status(ConnectionState::Ready)))), (Verdict::Ok, String::new()));
        let old = Status { version: "0.0.9".into(), ..status(ConnectionState::Ready) };
        assert_eq!(check(Ok(Ok(old))), (Verdict::Warn, "bauta down && bauta up".into()));
        for (code, fix) in [
            (&codes::DAEMON_NOT_RUNNING, "bauta up"),
            (&codes::HELLO_UNSUPPORTED, "bauta down && bauta up"),
            (&codes::ACCESS_PEER, codes::ACCESS_PEER.hint),
        ] {
            assert_eq!(check(Err(RpcError::new(code, "No."))), (Verdict::Fail, fix.into()));
        }
    }

    #[test]
    fn the_network_is_described_as_in_the_status() {
        for (state, verdict) in [
            (ConnectionState::Ready, Verdict::Ok),
            (ConnectionState::Connecting, Verdict::Warn),
            (ConnectionState::Degraded, Verdict::Warn),
            (ConnectionState::Off, Verdict::Warn),
            (ConnectionState::Lost, Verdict::Fail),
        ] {
            let checks = network(Some(&status(state)), &command);
            assert_eq!((checks[0].state, checks.len()), (verdict, 2), "{state:?}");
            assert_eq!(checks[1].message, "No relay is known.");
        }
        let unknown = network(None, &command);
        assert_eq!((unknown.len(), unknown[0].state), (1, Verdict::Warn));
    }

    #[test]
    fn a_relay_with_few_people_is_named() {
        let mut status = status(ConnectionState::Ready);
        let relay = |personas| RelayStatus { id: "r".into(), doors: 1, personas, last_exchange: None };
        status.relays = vec![relay(None), relay(Some(10)), relay(Some(10_000))];
        let checks = relays(&status);
        let said: Vec<_> = checks.iter().map(|check| (check.state, check.message.as_str())).collect();
        assert!(said[0].1.starts_with("r has 10 personas or more. The fewer"), "{said:?}");
        assert_eq!(said[0].0, Verdict::Warn);
        assert_eq!(said[1..], [(Verdict::Ok, "r has 10,000 personas or more.")]);
    }

    #[test]
    fn why_no_gateway_serves_is_the_check_of_the_network() {
        for code in [&codes::NETWORK_CLOCK, &codes::NETWORK_TICKETS, &codes::NETWORK_FULL] {
            let mut status = status(ConnectionState::Connecting);
            status.health = vec![RpcError::new(code, code.meaning)];
            let checks = network(Some(&status), &command);
            assert_eq!((checks.len(), checks[0].state, checks[0].exit), (1, Verdict::Fail, code.exit));
            assert!(checks[0].message.contains(code.meaning) && checks[0].fix == code.hint);
        }
    }

    #[test]
    fn the_state_of_the_store_is_the_daemons_or_that_of_its_files() {
        let home = tempfile::tempdir().unwrap();
        let locked = store(home.path(), &Ok(Ok(status(ConnectionState::Locked))), &command);
        assert_eq!((locked.state, locked.exit), (Verdict::Fail, codes::DAEMON_LOCKED.exit));
        assert_eq!(store(home.path(), &Ok(Ok(status(ConnectionState::Off))), &command).state, Verdict::Ok);
        let failed = RpcError::new(&codes::STORE_FAILED, "It cannot be read.");
        assert_eq!(store(home.path(), &Ok(Err(failed)), &command).exit, codes::STORE_FAILED.exit);
        let down = || Err(RpcError::new(&codes::DAEMON_NOT_RUNNING, "The daemon is not running."));
        let closed = || store(home.path(), &down(), &command);
        assert_eq!(closed().state, Verdict::Ok, "there is none yet");
        std::fs::write(home.path().join("store.db"), "").unwrap();
        assert!(closed().state == Verdict::Fail && closed().message.contains("unlock.json"));
        std::fs::write(home.path().join("unlock.json"), r#"{"version":1,"mode":"keyfile"}"#).unwrap();
        assert!(closed().state == Verdict::Fail && closed().message.contains("key file"));
        std::fs::write(home.path().join("unlock.json"), r#"{"version":1,"mode":"passphrase"}"#).unwrap();
        assert!(closed().state == Verdict::Ok && closed().message.contains("passphrase"));
        std::fs::write(home.path().join("unlock.json"), "{").unwrap();
        assert_eq!(closed().state, Verdict::Fail);
    }
}
