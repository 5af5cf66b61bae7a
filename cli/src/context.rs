use std::path::PathBuf;
use std::time::Duration;

use bauta_ipc::methods::PersonaListAll;
use bauta_ipc::{Client, ListAll, RpcError, codes, home_directory};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::Output;

/// The pause between two looks for a daemon that is away.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// What every command gets.
#[derive(Debug)]
pub(crate) struct Context {
    chosen: Option<PathBuf>,
    /// Where to print.
    pub(crate) out: Output,
}

impl Context {
    pub(crate) fn new(chosen: Option<PathBuf>, out: Output) -> Self {
        Self { chosen, out }
    }

    /// The home: `--home`, `BAUTA_HOME`, or `bauta` below the XDG data directory
    /// (XDG Base Directory Specification 0.8). Always absolute.
    pub(crate) fn home(&self) -> Result<PathBuf, RpcError> {
        home_directory(self.chosen.as_deref())
    }

    /// A connection to the home's daemon.
    pub(crate) async fn client(&self) -> Result<Client, RpcError> {
        Client::open(&self.home()?).await.map_err(|error| match &self.chosen {
            Some(_) if error.is(&codes::DAEMON_NOT_RUNNING) => {
                error.hint(format!("Start it: {}", self.command("up")))
            }
            _ => error,
        })
    }

    /// A command for this home, as a shell reads it.
    pub(crate) fn command(&self, rest: &str) -> String {
        match &self.chosen {
            Some(home) => format!("bauta --home {} {rest}", shell_word(&home.display().to_string())),
            None => format!("bauta {rest}"),
        }
    }
}

/// The persona to act as: the named one, or the only one.
pub(crate) async fn acting(client: &Client, named: Option<String>) -> Result<String, RpcError> {
    if let Some(name) = named {
        return Ok(name);
    }
    let mut personas = client.all::<PersonaListAll>(ListAll::default()).await?;
    match (personas.pop(), personas.is_empty()) {
        (Some(only), true) => Ok(only.name),
        (None, _) => Err(RpcError::new(&codes::PERSONA_NONE, "There is no persona yet.")),
        (Some(_), false) => {
            Err(RpcError::new(&codes::PERSONA_CHOICE, "There are several personas, and none was named."))
        }
    }
}

/// Whether the daemon has stopped, or stops, so that it may be there again later.
pub(crate) fn daemon_is_away(error: &RpcError) -> bool {
    [&codes::DAEMON_NOT_RUNNING, &codes::DAEMON_UNREACHABLE, &codes::DAEMON_STOPPING]
        .iter()
        .any(|code| error.is(code))
}

/// Waits until the daemon answers again.
pub(crate) async fn daemon_is_back(context: &Context) -> Result<(), RpcError> {
    loop {
        match context.client().await {
            Ok(_) => return Ok(()),
            Err(error) if daemon_is_away(&error) => tokio::time::sleep(LOOK_AGAIN).await,
            Err(error) => return Err(error),
        }
    }
}

/// A token that is cancelled by SIGINT or SIGTERM. Needs a Tokio runtime.
pub(crate) fn interrupted() -> Result<CancellationToken, RpcError> {
    let failed = |error| RpcError::new(&codes::INTERNAL, format!("Signals cannot be received: {error}."));
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let token = CancellationToken::new();
    let cancelled = token.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        cancelled.cancel();
    });
    Ok(token)
}

/// A word as a shell reads it.
pub(crate) fn shell_word(text: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "/._-+:@,".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_for_the_shell_are_quoted() {
        assert_eq!(shell_word("/a/b-c"), "/a/b-c");
        assert_eq!(shell_word("/a b/it's"), r"'/a b/it'\''s'");
    }
}
