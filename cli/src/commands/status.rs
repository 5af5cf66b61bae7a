//! `bauta status` and `bauta down`

use std::fmt::Write;
use std::time::Duration;

use bauta_ipc::methods::{DaemonStop, StatusGet};
use bauta_ipc::{Client, ConnectionState, Empty, Exit, HomeLock, RpcError, Status, StatusOf, codes};
use clap::Args;
use tokio::time::Instant;

use crate::{
    Context, ago, crowd_words, daemon_is_away, daemon_is_back, interrupted, moment, printable, state_words,
};

/// How long a daemon may take to stop.
const STOPPING: Duration = Duration::from_secs(20);

/// How often the status is read, besides whenever an event says that it changed.
const LOOK: Duration = Duration::from_secs(5);

#[derive(Args, Debug)]
pub(crate) struct StatusArgs {
    /// Print it again whenever it changes, also after a restart of the daemon; with --json, one object per line
    #[arg(long, short)]
    watch: bool,
}

/// The exit status is 0 whenever the daemon answered.
pub(super) async fn run(args: StatusArgs, context: &Context) -> Result<Exit, RpcError> {
    if args.watch {
        return watch(context).await;
    }
    let status = context.client().await?.call::<StatusGet>(&StatusOf::default()).await?;
    context.out.show(&status, describe)?;
    Ok(Exit::Ok)
}

async fn watch(context: &Context) -> Result<Exit, RpcError> {
    // One that does not run now is an error, as without --watch.
    drop(context.client().await?);
    let stop = interrupted()?;
    let mut last = None;
    loop {
        let ended = tokio::select! {
            () = stop.cancelled() => return Ok(Exit::Ok),
            ended = watching(&mut last, context) => ended,
        };
        match ended {
            Err(error) if daemon_is_away(&error) => {
                last = None;
                if context.out.is_json() {
                    context.out.line(&serde_json::json!({ "error": error }))?;
                } else {
                    context.out.text(&printable(&error.message))?;
                }
            }
            Ok(()) => return Ok(Exit::Ok),
            Err(error) => return Err(error),
        }
        tokio::select! {
            () = stop.cancelled() => return Ok(Exit::Ok),
            back = daemon_is_back(context) => back?,
        }
    }
}

/// Prints the status when it changes, until the reader has gone or the connection ends.
async fn watching(last: &mut Option<Status>, context: &Context) -> Result<(), RpcError> {
    let client = context.client().await?;
    let mut events = context.client().await?.subscribe(None).await?;
    while !context.out.is_closed() {
        let status = client.call::<StatusGet>(&StatusOf::default()).await?;
        if last.as_ref().is_none_or(|last| without_times(last) != without_times(&status)) {
            if context.out.is_json() {
                context.out.line(&status)?
            } else {
                context.out.text(&describe(&status))?
            }
            *last = Some(status);
        }
        tokio::select! {
            event = events.next() => drop(event?),
            () = tokio::time::sleep(LOOK) => {}
        }
    }
    Ok(())
}

/// The status without what changes with every answer of a relay.
fn without_times(status: &Status) -> Status {
    let mut status = status.clone();
    status.last_exchange = None;
    status.personas.iter_mut().for_each(|persona| persona.last_exchange = None);
    status.relays.iter_mut().for_each(|relay| relay.last_exchange = None);
    status
}

/// Returns when the daemon has ended.
pub(super) async fn down(context: &Context) -> Result<Exit, RpcError> {
    let home = context.home()?;
    let client: Client = context.client().await?;
    let stopped = match client.call::<DaemonStop>(&Empty {}).await {
        // It does nothing that is asked of it, but it is still a process of this user.
        Err(error) if error.is(&codes::DAEMON_LOCKED) => client.terminate().map(|()| Empty {})?,
        stopped => stopped?,
    };
    drop(client);
    let deadline = Instant::now() + STOPPING;
    while HomeLock::is_held(&home) {
        if Instant::now() >= deadline {
            return Err(RpcError::new(&codes::DAEMON_STOPPING, "The daemon is still stopping.")
                .hint("Wait a moment."));
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    context.out.show(&stopped, |_| "Stopped.".to_owned())?;
    Ok(Exit::Ok)
}

fn describe(status: &Status) -> String {
    let mut text = state_words(status.state, status.phase.as_deref());
    let _ = write!(text, " since {}", moment(status.since));
    if let Some(last) = status.last_exchange {
        let _ = write!(text, ", last answer {}", ago(last));
    }
    if status.state == ConnectionState::Off && status.personas.is_empty() {
        text.push_str("\nThere is no persona yet. Make one: bauta persona new NAME");
    }
    for item in &status.health {
        let _ = write!(text, "\n! {}", printable(&item.message));
        if !item.hint.is_empty() {
            let _ = write!(text, "\n  {}", printable(&item.hint));
        }
    }
    if status.state == ConnectionState::Locked {
        let _ = write!(text, "\nversion   {}", status.version);
        return text;
    }
    let mut line = |heading: &str, value: &str| {
        let _ = write!(text, "\n{heading:<10}{value}");
    };
    line("network", &status.network);
    let traffic = match status.traffic_note.as_str() {
        "" => status.traffic.clone(),
        note => format!("{}: {note}", status.traffic),
    };
    line("traffic", &traffic);
    line("queued", &messages(status.queued));
    for persona in &status.personas {
        let mut value =
            format!("{}: {}", printable(&persona.name), state_words(persona.state, persona.phase.as_deref()));
        if persona.requests > 0 {
            let _ = write!(value, ", {} waiting: bauta contact requests", requests(persona.requests));
        }
        line("persona", &value);
    }
    for relay in &status.relays {
        let answered = relay
            .last_exchange
            .map_or_else(|| "no answer yet".to_owned(), |last| format!("answered {}", ago(last)));
        let doors = if relay.doors == 1 { "1 door".to_owned() } else { format!("{} doors", relay.doors) };
        let people =
            relay.personas.map(|personas| format!(", {}", crowd_words(personas))).unwrap_or_default();
        line("relay", &format!("{}, {doors}{people}, {answered}", relay.id));
    }
    for relay in &status.gun.relays {
        let root = if status.gun.extra_root { ", with a root certificate of your own" } else { "" };
        line("gun", &format!("{}{root}", relay.url));
    }
    if !status.gun.relays.is_empty() {
        let exits = match status.gun.exits.len() {
            0 => "any in the network's directory".to_owned(),
            1 => "a fixed one".to_owned(),
            count => format!("{count} fixed ones"),
        };
        line("exit", &exits);
    }
    if status.gun.endpoint.is_some() {
        line("endpoint", "serves local Gun clients; bauta status --json shows the URL");
    }
    if status.unlisted > 0 {
        line("more", &format!("{} lines are not shown", status.unlisted));
    }
    line("version", &status.version);
    text
}

fn messages(count: u64) -> String {
    if count == 1 { "1 message".to_owned() } else { format!("{count} messages") }
}

fn requests(count: u64) -> String {
    if count == 1 { "1 request".to_owned() } else { format!("{count} requests") }
}

#[cfg(test)]
mod tests {
    use bauta_ipc::{PersonaStatus, Utc};

    use super::*;

    #[test]
    fn the_state_comes_first() {
        let at = Utc::from_millis(0);
        let status = Status {
            state: ConnectionState::Connecting,
            phase: Some("choosing a gateway".into()),
            since: at,
            last_exchange: None,
            traffic: "full".into(),
            traffic_note: "55 packets/s".into(),
            network: "mainnet".into(),
            personas: vec![PersonaStatus {
                name: "alice".into(),
                state: ConnectionState::Connecting,
                phase: None,
                since: at,
                last_exchange: None,
                requests: 1,
                queued: 0,
            }],
            relays: Vec::new(),
            gun: bauta_ipc::GunStatus::default(),
            health: vec![RpcError::new(&codes::RELAY_NONE, "No relay is known.")],
            version: "0.1.0".into(),
            queued: 1,
            unlisted: 0,
        };
        let text = describe(&status);
        assert!(text.starts_with(
            "Connecting: choosing a gateway since 1970-01-01 00:00:00Z\n! No relay is known.\n"
        ));
        assert!(text.contains("\nqueued    1 message\n") && text.contains("1 request waiting"), "{text}");
    }
}
