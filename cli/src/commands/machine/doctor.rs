//! `bauta doctor`: checks this machine, and prints a fix for each problem. Sends nothing to the network.

mod browser;
mod machine;
mod policy;
mod running;
mod system;

use bauta_ipc::methods::StatusGet;
use bauta_ipc::{Client, Exit, RpcError, Status, StatusOf};
use serde::Serialize;

use crate::{Context, printable};

/// The exit status is 0, or that of the first failed check.
pub(crate) async fn run(context: &Context) -> Result<Exit, RpcError> {
    let checks = checks(context).await?;
    let exit = checks.iter().find(|check| check.state == Verdict::Fail).map_or(Exit::Ok, |check| check.exit);
    context.out.show(&Report { checks }, Report::describe)?;
    Ok(exit)
}

/// What the checks found, one line each.
pub(super) async fn findings(context: &Context) -> Result<Vec<String>, RpcError> {
    let line = |check: &Check| format!("{} {}: {}", check.state.mark(), check.title, check.message);
    Ok(checks(context).await?.iter().map(line).collect())
}

async fn checks(context: &Context) -> Result<Vec<Check>, RpcError> {
    let home = context.home()?;
    let daemon = ask(context).await;
    let status = daemon.as_ref().ok().and_then(|status| status.as_ref().ok());
    let command = |rest: &str| context.command(rest);
    let mut checks = vec![
        running::daemon(&daemon, &command),
        machine::home(&home, &command),
        machine::sockets(&home, daemon.is_ok(), &command),
        running::store(&home, &daemon, &command),
    ];
    checks.extend(running::network(status, &command));
    checks.extend(status.map(running::relays).unwrap_or_default());
    checks.push(machine::clock(&home));
    checks.push(machine::disk(&home));
    checks.push(system::service());
    checks.extend(system::keychain(&home).await);
    checks.extend(system::suspend(&home, &command).await);
    checks.extend(browser::browsers()?);
    Ok(checks)
}

/// The daemon's status; the outer error is that it did not answer.
type Answer = Result<Result<Status, RpcError>, RpcError>;

async fn ask(context: &Context) -> Answer {
    let client: Client = context.client().await?;
    Ok(client.call::<StatusGet>(&StatusOf::default()).await)
}

/// The result of a check.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    Ok,
    Warn,
    Fail,
}

impl Verdict {
    fn mark(self) -> char {
        match self {
            Self::Ok => '✓',
            Self::Warn => '!',
            Self::Fail => '✗',
        }
    }
}

/// One check.
#[derive(Debug, Serialize)]
struct Check {
    /// Stable: `daemon`, or `browser.chromium`, which may come several times.
    id: String,
    /// What was checked, in words.
    title: String,
    state: Verdict,
    message: String,
    /// The command that fixes it, or a sentence where no command does; empty when there is nothing to do.
    fix: String,
    #[serde(skip)]
    exit: Exit,
}

impl Check {
    fn new(id: &str, state: Verdict, message: impl Into<String>, fix: impl Into<String>) -> Self {
        let (id, title) = (id.to_owned(), id.to_owned());
        Self { id, title, state, message: message.into(), fix: fix.into(), exit: Exit::User }
    }

    fn ok(id: &str, message: impl Into<String>) -> Self {
        Self::new(id, Verdict::Ok, message, "")
    }

    fn warn(id: &str, message: impl Into<String>, fix: impl Into<String>) -> Self {
        Self::new(id, Verdict::Warn, message, fix)
    }

    fn fail(id: &str, message: impl Into<String>, fix: impl Into<String>) -> Self {
        Self::new(id, Verdict::Fail, message, fix)
    }

    fn exits(self, exit: Exit) -> Self {
        Self { exit, ..self }
    }

    fn titled(self, title: &str) -> Self {
        Self { title: title.to_owned(), ..self }
    }
}

#[derive(Serialize)]
struct Report {
    checks: Vec<Check>,
}

impl Report {
    fn describe(&self) -> String {
        let width = self.checks.iter().map(|check| check.title.chars().count()).max().unwrap_or(0);
        let mut lines = Vec::new();
        for Check { title, state, message, fix, .. } in &self.checks {
            lines.push(format!("{} {title:<width$}  {}", state.mark(), printable(message)));
            if !fix.is_empty() {
                lines.push(format!("  {:<width$}  {}", "", printable(fix)));
            }
        }
        let count = |state, word: &str| match self.checks.iter().filter(|check| check.state == state).count()
        {
            0 => None,
            1 => Some(format!("1 {word}")),
            many => Some(format!("{many} {word}s")),
        };
        lines.push(match (count(Verdict::Fail, "error"), count(Verdict::Warn, "warning")) {
            (None, None) => "No problems found.".to_owned(),
            (None, Some(warnings)) => format!("No errors, {warnings}."),
            (Some(errors), None) => format!("{errors}."),
            (Some(errors), Some(warnings)) => format!("{errors}, {warnings}."),
        });
        lines.join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fix_is_printed_below_its_check() {
        let checks = vec![
            Check::ok("daemon", "Running."),
            Check::warn("browser.edge", "It has no manifest.", "bauta browser install --browser edge")
                .titled("Edge Beta"),
        ];
        assert_eq!(
            Report { checks }.describe(),
            "✓ daemon     Running.\n! Edge Beta  It has no manifest.\n             bauta browser install --browser \
             edge\nNo errors, 1 warning."
        );
        assert_eq!(Report { checks: Vec::new() }.describe(), "No problems found.");
    }
}
