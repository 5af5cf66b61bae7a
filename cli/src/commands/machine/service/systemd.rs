//! The user's service manager, asked through its own commands.

use std::io;
use std::process::Command;

use bauta_ipc::{RpcError, codes};
use rustix::process::getuid;
use serde::Serialize;

/// The unit's name.
pub(in crate::commands::machine) const UNIT: &str = "bauta.service";

/// Why the service manager did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
enum ManagerError {
    /// Its command cannot be run.
    #[error("{program} cannot be run: {source}")]
    Missing {
        /// Which command.
        program: &'static str,
        /// Why.
        source: io::Error,
    },
    /// Nothing answers it.
    #[error("this user has no systemd manager: {0}")]
    Unreachable(String),
    /// It refused.
    #[error("{what} failed: {told}")]
    Refused {
        /// The command.
        what: String,
        /// Its words.
        told: String,
    },
}

impl From<ManagerError> for RpcError {
    fn from(error: ManagerError) -> Self {
        match &error {
            ManagerError::Missing { .. } | ManagerError::Unreachable(_) => Self::of(&codes::USAGE, &error)
                .hint("Log in to a session of your own, or run the daemon without it: bauta up --background"),
            ManagerError::Refused { .. } => {
                Self::of(&codes::DAEMON_NOT_RUNNING, &error).hint("See its log: bauta logs")
            }
        }
    }
}

/// What the manager says about the unit.
#[derive(Debug, Serialize)]
pub(in crate::commands::machine) struct State {
    /// Whether there is a unit that is used.
    pub(in crate::commands::machine) installed: bool,
    /// Whether it starts at login.
    enabled: bool,
    /// systemd's word: `active`, `inactive`, `failed`, `activating`, `deactivating`.
    pub(in crate::commands::machine) active: String,
    /// How it ended last: `success`, `exit-code`, `watchdog` and others.
    result: String,
    /// Where the unit is.
    unit: String,
    /// Whether it also runs while the user is not logged in.
    linger: bool,
}

impl State {
    #[cfg(test)]
    pub(in crate::commands::machine) fn for_tests(installed: bool, active: &str) -> Self {
        Self {
            installed,
            enabled: installed,
            active: active.to_owned(),
            result: "success".to_owned(),
            unit: String::new(),
            linger: false,
        }
    }

    /// systemd's words for it.
    pub(in crate::commands::machine) fn words(&self) -> String {
        let start = if self.enabled { "enabled" } else { "not enabled" };
        format!("{}, {start}, ended last with {}", self.active, self.result)
    }

    pub(super) fn describe(&self) -> String {
        if !self.installed {
            return "Not installed. Install it: bauta service install".to_owned();
        }
        let mut text = match self.active.as_str() {
            "active" => "Running".to_owned(),
            "failed" => format!("Failed ({}). See its log: bauta logs", self.result),
            "inactive" => "Not running. Start it: systemctl --user start bauta".to_owned(),
            other => format!("Not running: {other}"),
        };
        let yes = |is: bool, yes, no| if is { yes } else { no };
        text.push_str(yes(self.enabled, "\nstart     at each login", "\nstart     by hand"));
        text.push_str(yes(self.linger, "\nlogout    it goes on", "\nlogout    it stops"));
        text.push_str(&format!("\nunit      {}", self.unit));
        text
    }
}

/// Whether there is a manager that answers.
pub(super) fn reachable() -> Result<(), RpcError> {
    match systemctl(&["show-environment"]) {
        Err(ManagerError::Refused { told, .. }) => Err(ManagerError::Unreachable(told).into()),
        outcome => outcome.map(drop).map_err(RpcError::from),
    }
}

pub(super) fn reload() -> Result<(), RpcError> {
    Ok(systemctl(&["daemon-reload"]).map(drop)?)
}

pub(super) fn enable() -> Result<(), RpcError> {
    Ok(systemctl(&["--quiet", "enable", UNIT]).map(drop)?)
}

/// Returns when the daemon has said that it serves.
pub(super) fn start() -> Result<(), RpcError> {
    Ok(systemctl(&["start", UNIT]).map(drop)?)
}

pub(super) fn restart() -> Result<(), RpcError> {
    Ok(systemctl(&["restart", UNIT]).map(drop)?)
}

/// Stops it, and forgets how it ended.
pub(super) fn disable() -> Result<(), RpcError> {
    systemctl(&["--quiet", "disable", "--now", UNIT])?;
    // It fails when there is nothing to forget.
    let _ = systemctl(&["reset-failed", UNIT]);
    Ok(())
}

/// Whether the unit runs. Without a manager it does not.
pub(in crate::commands::machine) fn is_active() -> bool {
    systemctl(&["--quiet", "is-active", UNIT]).is_ok()
}

pub(in crate::commands::machine) fn state() -> Result<State, RpcError> {
    let shown = systemctl(&["show", UNIT])?;
    let property = |name: &str| {
        let lines = shown.lines().filter_map(|line| line.split_once('='));
        lines.filter(|(key, _)| *key == name).map(|(_, value)| value.to_owned()).next().unwrap_or_default()
    };
    let enabled = property("UnitFileState") == "enabled";
    let active = property("ActiveState");
    Ok(State {
        // The package brings a unit that nobody has to use.
        installed: property("LoadState") == "loaded" && (enabled || active != "inactive"),
        enabled,
        active,
        result: property("Result"),
        unit: property("FragmentPath"),
        linger: lingers(),
    })
}

/// Whether this user's manager goes on after the last logout.
pub(super) fn lingers() -> bool {
    let user = getuid().as_raw().to_string();
    output("loginctl", &["show-user", &user, "--property=Linger", "--value"])
        .is_ok_and(|told| told.trim() == "yes")
}

pub(super) fn set_linger(on: bool) -> Result<(), RpcError> {
    let verb = if on { "enable-linger" } else { "disable-linger" };
    let hint = "An administrator can do it: loginctl enable-linger USER, or disable-linger";
    output("loginctl", &[verb]).map(drop).map_err(|error| RpcError::from(error).hint(hint))
}

fn systemctl(arguments: &[&str]) -> Result<String, ManagerError> {
    output("systemctl", &[&["--user", "--no-pager"][..], arguments].concat())
}

fn output(program: &'static str, arguments: &[&str]) -> Result<String, ManagerError> {
    let output = Command::new(program)
        .args(arguments)
        .output()
        .map_err(|source| ManagerError::Missing { program, source })?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let told = String::from_utf8_lossy(&output.stderr);
    let told = told.lines().next().unwrap_or("it gave no reason").trim_end_matches('.').to_owned();
    Err(ManagerError::Refused { what: format!("{program} {}", arguments.join(" ")), told })
}
