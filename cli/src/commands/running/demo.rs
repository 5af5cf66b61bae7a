//! `bauta demo`: everything on this machine, and what each observer saw.

mod gun_peer;
mod narrator;
mod people;
mod recorder;
mod report;
mod search;
mod stage;
mod story;

use std::path::{Path, PathBuf};
use std::time::Duration;

use bauta_ipc::{Exit, RpcError, codes};
use bauta_sphinx_client::Traffic;
use clap::Args;
use tokio::time::{Instant, timeout};

use self::narrator::Narrator;
use self::report::Report;
use self::stage::{RELAY, Scenery};
use self::story::Played;
use super::{WorkDir, profiles};
use crate::{Context, LogTarget, Progress, interrupted, start_logging};

/// The profile when none is asked for.
const DEFAULT_PROFILE: Traffic = Traffic::Full;
/// It takes under a minute; on a busy machine it may take as long as this, in one step or in all.
const LIMIT: Duration = Duration::from_secs(180);
/// How often the step that is waited for is printed again.
const REMINDER: Duration = Duration::from_secs(15);
const STOPPING: Duration = Duration::from_secs(30);

#[derive(Args, Debug)]
pub(crate) struct DemoArgs {
    /// Traffic profile of the daemons [default: full]
    #[arg(long, value_name = "PROFILE", value_parser = profiles())]
    traffic: Option<Traffic>,
    /// Keep all files and the log in this directory, which must be new or empty
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
}

/// The exit status is 0 only when both messages were delivered.
pub(crate) async fn run(args: DemoArgs, context: &Context) -> Result<Exit, RpcError> {
    let dir = WorkDir::open(args.keep, "demo")?;
    must_be_empty(dir.path())?;
    start_logging(&LogTarget::file(&dir.path().join("log"))?);
    let stop = interrupted()?;
    let progress = Progress::begin(&context.out, LogTarget::default());
    let narrator = Narrator::new(context.out.clone(), progress);
    let traffic = args.traffic.unwrap_or(DEFAULT_PROFILE);
    let report = tokio::select! {
        () = stop.cancelled() => return Err(RpcError::new(&codes::INTERRUPTED, "Interrupted.")),
        report = show(dir.path(), traffic, &narrator) => report?,
    };
    drop(narrator);
    context.out.show(&report, |report| format!("\n{}", report.describe()))?;
    Ok(if report.is_delivered() { Exit::Ok } else { Exit::Network })
}

async fn show(dir: &Path, traffic: Traffic, narrator: &Narrator) -> Result<Report, RpcError> {
    let playing = async {
        let scenery = Scenery::build(dir, traffic, narrator).await?;
        let cast = scenery.invite(dir, traffic, narrator).await?;
        let told = story::play(&cast, narrator).await?;
        Ok((scenery, cast, told))
    };
    let played = tokio::select! {
        played = playing => played,
        error = lose_patience(narrator) => Err(error),
    };
    let (scenery, cast, Played { message, reply, post, secrets }) = played?;

    narrator.phase("Searching what the relay and both disks hold");
    let mut observers = scenery.observers();
    let relay = [dir.join(RELAY), dir.join("log")];
    let homes = [cast.alice.home().to_owned(), cast.bob.home().to_owned()];
    // Now with the write-ahead logs of what still runs, and again with what is left after the end.
    observers.relay.found(secrets.found_in(&relay).await?);
    observers.disks.found(secrets.found_in(&homes).await?);
    observers.gun.found(secrets.found_in_text(&scenery.gun_content()));
    let closing = async { cast.close().await.and(scenery.close().await) };
    timeout(STOPPING, closing)
        .await
        .unwrap_or_else(|_| Err(RpcError::new(&codes::INTERNAL, "Stopping took too long.")))?;
    observers.relay.found(secrets.found_in(&relay).await?);
    observers.disks.found(secrets.found_in(&homes).await?);
    Ok(Report { message, reply, post, traffic, observers })
}

/// Returns when it takes too long; prints meanwhile what is waited for.
async fn lose_patience(narrator: &Narrator) -> RpcError {
    lose_patience_after(LIMIT, REMINDER, narrator).await
}

async fn lose_patience_after(limit: Duration, reminder: Duration, narrator: &Narrator) -> RpcError {
    let begun = Instant::now();
    loop {
        tokio::time::sleep(reminder).await;
        let (phase, waited) = narrator.current();
        if begun.elapsed() >= limit {
            let message = format!("The demo waited {} s for this: {phase}.", waited.as_secs());
            return RpcError::new(&codes::NETWORK_TIMEOUT, message)
                .hint("Is this machine busy? --traffic test is quicker; --keep DIR keeps the log.");
        }
        narrator.remind(&phase);
    }
}

fn must_be_empty(dir: &Path) -> Result<(), RpcError> {
    let mut entries = std::fs::read_dir(dir).map_err(|error| {
        RpcError::new(&codes::FILE_FAILED, format!("The directory cannot be used: {error}."))
    })?;
    match entries.next() {
        Some(_) => Err(RpcError::new(&codes::USAGE, format!("{} is not empty.", dir.display())).hint("")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Output;

    /// A machine under load takes three minutes for what takes a quarter of one elsewhere.
    #[tokio::test]
    async fn patience_lasts_for_three_minutes_and_says_what_is_waited_for() {
        assert!(LIMIT >= Duration::from_secs(180) && REMINDER <= Duration::from_secs(20));
        let out = Output::new(true);
        let narrator = Narrator::new(out.clone(), Progress::begin(&out, LogTarget::default()));
        narrator.phase("Connecting");
        let (limit, begun) = (Duration::from_millis(200), Instant::now());
        let error = lose_patience_after(limit, Duration::from_millis(20), &narrator).await;
        assert!(begun.elapsed() >= limit, "one step may take all of it");
        assert!(error.is(&codes::NETWORK_TIMEOUT) && error.message.contains("Connecting"), "{error:?}");
    }
}
