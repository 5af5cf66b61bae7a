mod unlocking;

use std::path::{Path, PathBuf};
use std::time::Duration;

use bauta_daemon::Daemon;
use bauta_daemon::node::{GunSettings, NodeConfig};
use bauta_ipc::{Exit, HomeLock, RpcError, State, codes, home_directory};
use bauta_sphinx_client::ExitAddress;

use super::network::{self, SLOW};
use crate::args::{ExitName, Up};
use crate::browsers;
use crate::{Context, LogTarget, Output, Progress, interrupted, start_logging, state_words, unreadable};

/// How often the daemon's state is looked at while it connects, and later.
const LOOK_OFTEN: Duration = Duration::from_millis(200);
const LOOK_SELDOM: Duration = Duration::from_secs(5);

/// `bauta up`: the daemon, until a signal or `bauta down`.
pub(super) async fn run(args: Up, context: &Context) -> Result<Exit, RpcError> {
    let log = LogTarget::default();
    start_logging(&log);
    let home = context.home()?;
    let mut chosen = network::choose(&args.network, args.traffic)?;
    chosen.relays.extend(args.relays);
    let unlock = unlocking::choose(&home, args.unlock, args.passphrase_file, &context.out).await?;
    let lock = HomeLock::acquire(&home)?;
    // From here on a signal is an orderly stop.
    let stop = interrupted()?;
    let gun = GunSettings {
        relays: (!args.gun.is_empty()).then_some(args.gun),
        extra_roots_pem: args.gun_root.as_deref().map(read_root).transpose()?,
        exits: exits(args.exits)?,
        network_exit: chosen.exit,
        endpoint: args.gun_endpoint,
    };
    let (network, relays, traffic) = (chosen.network, chosen.relays, args.traffic);
    let shown_home = home.clone();
    let config = NodeConfig { home, network, relays, traffic, unlock, gun };
    let mut daemon = Daemon::start(config, lock, stop).await?;
    refresh_browsers(&shown_home);
    let told = tell(&mut daemon, Progress::begin(&context.out, log), &context.out).await;
    let closed = daemon.close().await;
    told.and(closed).map(|()| Exit::Ok)
}

/// The manifests of this user's browsers follow this program when it moved, as an update may do.
/// Only for the home that a host finds when a browser starts it: other daemons may run beside.
fn refresh_browsers(home: &Path) {
    let usual = home_directory(std::env::var_os("BAUTA_HOME").map(PathBuf::from).as_deref());
    if usual.is_ok_and(|usual| usual == home) {
        tokio::task::spawn_blocking(|| match browsers::refresh() {
            Ok(count) => tracing::debug!("{count} manifests for browsers were rewritten."),
            Err(error) => tracing::debug!("The manifests for browsers were left as they are: {error}"),
        });
    }
}

fn read_root(path: &Path) -> Result<Vec<u8>, RpcError> {
    std::fs::read(path).map_err(|error| unreadable(&path.display().to_string(), &error))
}

/// The exits that were named; none at all when that was "directory".
fn exits(named: Vec<ExitName>) -> Result<Option<Vec<ExitAddress>>, RpcError> {
    if named.is_empty() {
        return Ok(None);
    }
    let any = named.contains(&ExitName::Directory);
    let exits: Vec<_> = named
        .into_iter()
        .filter_map(|exit| match exit {
            ExitName::Directory => None,
            ExitName::Address(exit) => Some(*exit),
        })
        .collect();
    if any && !exits.is_empty() {
        let message = "--exit names an exit and the directory, and only one of them can be meant.";
        return Err(RpcError::new(&codes::USAGE, message));
    }
    Ok(Some(exits))
}

/// Tells how the daemon stands, whenever that changes, until it ends.
async fn tell(daemon: &mut Daemon, progress: Progress, out: &Output) -> Result<(), RpcError> {
    let mut progress = Some(progress);
    let (mut last, mut was_ready) = (None, false);
    loop {
        let status = match daemon.status().await {
            // It was asked to end while it was asked how it stands.
            Err(error) if error.is(&codes::DAEMON_STOPPING) => return daemon.ended().await,
            status => status?,
        };
        let words = state_words(status.state, status.phase.as_deref());
        match &progress {
            Some(waiting) if status.state == State::Ready => {
                waiting.say(&format!("{words} ({}).", waiting.elapsed()));
                // From here on only changes are told, so nothing moves any more.
                progress = None;
                if out.is_json() && !was_ready {
                    out.line(&status)?;
                }
                was_ready = true;
            }
            Some(waiting) if status.state == State::Off => {
                waiting.phase(&format!("{words}: no relay is known. Name one with --relay ADDRESS"));
            }
            Some(waiting) if waiting.passed() > SLOW => {
                waiting.phase(&format!("{words}; still trying. Check this machine's connection"));
            }
            Some(waiting) => waiting.phase(&words),
            None if last != Some(status.state) => out.note(&format!("{words}.")),
            None => {}
        }
        last = Some(status.state);
        let pause = if progress.is_some() { LOOK_OFTEN } else { LOOK_SELDOM };
        tokio::select! {
            ended = daemon.ended() => return ended,
            () = tokio::time::sleep(pause) => {}
        }
    }
}
