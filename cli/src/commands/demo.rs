//! `bauta demo`: everything on this machine, and what each observer saw.

mod gun_peer;
mod people;
mod recorder;
mod report;
mod search;
mod stage;
mod story;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bauta_ipc::{Exit, RpcError, codes};
use bauta_sphinx_client::Traffic;
use tokio::time::{Instant, timeout, timeout_at};

use self::report::Report;
use self::stage::{RELAY, Scenery};
use self::story::{Teller, Told};
use crate::args::Demo;
use crate::{Context, LogTarget, Progress, interrupted, start_logging};

/// The profile that is shown when none is asked for.
const SHOWN: Traffic = Traffic::Full;
/// For everything until both messages are delivered; the rest of the minute is for stopping and searching.
const LIMIT: Duration = Duration::from_secs(51);
const STOPPING: Duration = Duration::from_secs(6);

/// Runs the demo: 0 only when both messages were delivered.
pub(super) async fn run(args: Demo, context: &Context) -> Result<Exit, RpcError> {
    let deadline = Instant::now() + LIMIT;
    let place = Place::open(args.keep)?;
    start_logging(&LogTarget::file(&place.path().join("log"))?);
    let stop = interrupted()?;
    let progress = Progress::begin(&context.out, LogTarget::default());
    let teller = Teller { out: context.out.clone(), progress };
    let traffic = args.traffic.unwrap_or(SHOWN);
    let report = tokio::select! {
        () = stop.cancelled() => return Err(RpcError::new(&codes::INTERRUPTED, "Interrupted.")),
        report = show(place.path(), traffic, deadline, &teller) => report?,
    };
    drop(teller);
    context.out.show(&report, |report| format!("\n{}", report.describe()))?;
    Ok(if report.is_delivered() { Exit::Ok } else { Exit::Network })
}

async fn show(dir: &Path, traffic: Traffic, deadline: Instant, teller: &Teller) -> Result<Report, RpcError> {
    let playing = async {
        let scenery = Scenery::build(dir, traffic, teller).await?;
        let cast = scenery.invite(dir, traffic, teller).await?;
        let told = story::play(&cast, teller).await?;
        Ok((scenery, cast, told))
    };
    let played = timeout_at(deadline, playing).await.unwrap_or_else(|_| {
        let error = RpcError::new(&codes::NETWORK_TIMEOUT, "The messages did not arrive within a minute.");
        Err(error.hint("Is this machine busy? --traffic test is quicker; --keep DIR keeps the log."))
    });
    let (scenery, cast, Told { message, reply, post, secrets }) = played?;

    teller.phase("Searching what the relay and both disks hold");
    let mut observers = scenery.observers();
    let relay = [dir.join(RELAY), dir.join("log")];
    let homes = [cast.alice.home().to_owned(), cast.bob.home().to_owned()];
    // With the write-ahead logs of what still runs, and then with what stays behind.
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

/// The directory of the demo: the user's, or one that goes at the end.
enum Place {
    Kept(PathBuf),
    Temporary(tempfile::TempDir),
}

impl Place {
    fn open(keep: Option<PathBuf>) -> Result<Self, RpcError> {
        let failed =
            |error| RpcError::new(&codes::FILE_FAILED, format!("The directory cannot be used: {error}."));
        let Some(dir) = keep else {
            return tempfile::Builder::new()
                .prefix("bauta-demo-")
                .tempdir()
                .map(Self::Temporary)
                .map_err(failed);
        };
        fs::create_dir_all(&dir).map_err(failed)?;
        if fs::read_dir(&dir).map_err(failed)?.next().is_some() {
            return Err(RpcError::new(&codes::USAGE, format!("{} is not empty.", dir.display())).hint(""));
        }
        Ok(Self::Kept(std::path::absolute(dir).map_err(failed)?))
    }

    fn path(&self) -> &Path {
        match self {
            Self::Kept(path) => path,
            Self::Temporary(dir) => dir.path(),
        }
    }
}
