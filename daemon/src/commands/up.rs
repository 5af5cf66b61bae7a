mod unlocking;

use std::time::Duration;

use bauta_ipc::{Exit, HomeLock, RpcError, State};

use super::daemon::Daemon;
use super::network::{self, SLOW};
use crate::cli::args::Up;
use crate::cli::{Context, LogTarget, Output, Progress, interrupted, start_logging, state_words};
use crate::node::NodeConfig;

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
    let (network, relays, traffic) = (chosen.network, chosen.relays, args.traffic);
    let mut daemon = Daemon::start(NodeConfig { home, network, relays, traffic, unlock }, lock, stop).await?;
    let told = tell(&mut daemon, Progress::begin(&context.out, log), &context.out).await;
    let closed = daemon.close().await;
    told.and(closed).map(|()| Exit::Ok)
}

/// Tells how the daemon stands, whenever that changes, until it ends.
async fn tell(daemon: &mut Daemon, progress: Progress, out: &Output) -> Result<(), RpcError> {
    let mut progress = Some(progress);
    let (mut last, mut was_ready) = (None, false);
    loop {
        let status = daemon.status().await?;
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
