//! `bauta up`

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use bauta_daemon::Daemon;
use bauta_daemon::gun::GunUrl;
use bauta_daemon::node::{Ending, GunSettings, NodeConfig};
use bauta_daemon::unlock::{Mode, Unlock};
use bauta_ipc::limits::LOCKING_MS;
use bauta_ipc::{ConnectionState, Exit, HomeLock, RpcError, codes, home_directory};
use bauta_protocol::address::RelayAddress;
use bauta_sphinx_client::{ExitAddress, ExitAddressError, Traffic};
use clap::Args;

use super::network::{self, NetworkArg, SLOW};
use super::{background, profiles, renewing, unlocking};
use crate::commands::duration;
use crate::commands::machine::manifests;
use crate::{Context, LogTarget, Output, Progress, interrupted, start_logging, state_words, unreadable};

/// The pauses between two looks at the daemon's state, while it connects and later.
const LOOK_OFTEN: Duration = Duration::from_millis(200);
const LOOK_SELDOM: Duration = Duration::from_secs(5);

/// Bytes of a file of roots, at most: as many as all certificates of the web have.
const MAX_ROOT: u64 = 1 << 20;

#[derive(Args, Debug)]
pub(crate) struct UpArgs {
    /// "mainnet", or a network.json written by bauta localnet
    #[arg(long, value_name = "NETWORK", default_value = "mainnet")]
    network: NetworkArg,
    /// Relay to use, besides those of the network file; may be given several times, and is remembered
    #[arg(long = "relay", value_name = "ADDRESS")]
    relays: Vec<RelayAddress>,
    /// Gun relay for the keys of posts; may be given several times, and is remembered
    /// [default: Mask's, gun.r2d2.to]
    #[arg(long, value_name = "URL")]
    gun: Vec<GunUrl>,
    /// Also trust the certificates in this PEM file for Gun relays; remembered
    #[arg(long, value_name = "FILE")]
    gun_root: Option<PathBuf>,
    /// Exit of the mixnet to reach Gun relays through, or "directory" for any; may be given several times, and is
    /// remembered [default: that of the network file, or any]
    #[arg(long = "exit", value_name = "ADDRESS")]
    exits: Vec<ExitArg>,
    /// Serve Gun clients of this machine on this loopback port; bauta status --json shows their URL;
    /// remembered [default port: 8765]
    #[arg(long, value_name = "PORT", num_args = 0..=1, default_missing_value = "8765")]
    gun_endpoint: Option<u16>,
    /// How much cover traffic hides yours; "test" is for local networks only; remembered [default: full]
    #[arg(long, value_name = "PROFILE", value_parser = profiles())]
    traffic: Option<Traffic>,
    /// How to protect the store, chosen at the first run: with the desktop's keychain, with a passphrase that is asked
    /// for at each start, or with a key file beside the store (for servers; no protection from anyone who has the disk)
    #[arg(long, value_name = "MODE", value_parser = unlocking::modes(), overrides_with = "unlock")]
    unlock: Option<Mode>,
    /// Read the passphrase from the first line of this file; "-" is standard input
    #[arg(long, value_name = "FILE", overrides_with = "passphrase_file")]
    passphrase_file: Option<PathBuf>,
    /// Lock when no program has used the daemon for this long, such as 15m; remembered [default: never]
    #[arg(long, value_name = "TIME", value_parser = duration)]
    lock_after: Option<Duration>,
    /// Start locked: nothing is opened or connected before bauta unlock
    #[arg(long)]
    locked: bool,
    /// Return when the daemon is connected, and leave it running; bauta logs shows its log
    #[arg(long, overrides_with = "detached")]
    background: bool,
    /// What --background runs. It follows the arguments of the user, so it overrides that option.
    #[arg(long, hide = true, overrides_with = "background")]
    detached: bool,
}

/// The value of `--exit`.
#[derive(Clone, Debug, Eq, PartialEq)]
enum ExitArg {
    /// Any that the network's directory names.
    Directory,
    /// This one.
    Address(Box<ExitAddress>),
}

impl FromStr for ExitArg {
    type Err = ExitAddressError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "directory" {
            Ok(Self::Directory)
        } else {
            text.parse().map(|exit| Self::Address(Box::new(exit)))
        }
    }
}

/// Runs the daemon until a signal or `bauta down`. What is remembered is in the home's settings (`bauta config`).
pub(crate) async fn run(args: UpArgs, context: &Context) -> Result<Exit, RpcError> {
    let log = LogTarget::default();
    start_logging(&log);
    if args.detached {
        // A terminal that closes then does not end it.
        if let Err(error) = rustix::process::setsid() {
            tracing::debug!("The daemon stays in the session of its terminal: {error}.");
        }
    }
    let home = context.home()?;
    let chosen = network::choose(&args.network, args.traffic)?;
    let own_relays = (!args.relays.is_empty()).then_some(args.relays);
    renewing::protect();
    let unlock = match args.locked {
        false => unlocking::choose(&home, args.unlock, args.passphrase_file, &context.out).await?,
        // What opens the store comes with bauta unlock.
        true => match unlocking::mode_of(&home)? {
            Some(_) => Unlock::KeyFile,
            None => {
                let message = "This is the home's first run, so there is nothing to lock.";
                return Err(RpcError::new(&codes::USAGE, message).hint("Leave --locked out."));
            }
        },
    };
    if args.background {
        return background::start(&home, (!args.locked).then_some(unlock), context).await;
    }
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
    let (network, relays, traffic, lock_after) =
        (chosen.network, chosen.relays, args.traffic, args.lock_after);
    let shown_home = home.clone();
    let config = NodeConfig { home, network, relays, own_relays, traffic, lock_after, unlock, gun };
    let mut daemon = if args.locked {
        context.out.note(&format!("Locked. Unlock it: {}", context.command("unlock")));
        match Daemon::start_locked(config, lock, stop).await? {
            Some(daemon) => daemon,
            None => return Ok(Exit::Ok),
        }
    } else {
        Daemon::start(config, lock, stop).await?
    };
    refresh_browsers(&shown_home);
    let reported = report(&mut daemon, Progress::begin(&context.out, log), &context.out).await;
    if reported.as_ref().is_ok_and(|ending| *ending == Ending::Locked) {
        // What is committed survives a kill, so nothing has to be waited for.
        let _ = tokio::time::timeout(Duration::from_millis(LOCKING_MS), daemon.close()).await;
        return Err(renewing::begin_anew());
    }
    let closed = daemon.close().await;
    reported.and(closed).map(|()| Exit::Ok)
}

/// Updates the manifests of this user's browsers, in case an update moved this program.
/// Only for the home that the host uses when a browser starts it: other daemons may run besides.
fn refresh_browsers(home: &Path) {
    let usual = home_directory(std::env::var_os("BAUTA_HOME").map(PathBuf::from).as_deref());
    if usual.is_ok_and(|usual| usual == home) {
        tokio::task::spawn_blocking(|| match manifests::refresh() {
            Ok(count) => tracing::debug!("{count} manifests for browsers were rewritten."),
            Err(error) => tracing::debug!("The manifests for browsers were left as they are: {error}"),
        });
    }
}

fn read_root(path: &Path) -> Result<Vec<u8>, RpcError> {
    let mut pem = Vec::new();
    let read = File::open(path).and_then(|file| file.take(MAX_ROOT + 1).read_to_end(&mut pem));
    match read {
        Ok(length) if length as u64 > MAX_ROOT => {
            let message = format!("{} has more than {MAX_ROOT} bytes.", path.display());
            Err(RpcError::new(&codes::USAGE, message)
                .hint("Name a file with the one certificate that is missing."))
        }
        Ok(_) => Ok(pem),
        Err(error) => Err(unreadable(&path.display().to_string(), &error)),
    }
}

/// The exits that were named; an empty list for "directory".
fn exits(named: Vec<ExitArg>) -> Result<Option<Vec<ExitAddress>>, RpcError> {
    if named.is_empty() {
        return Ok(None);
    }
    let any = named.contains(&ExitArg::Directory);
    let exits: Vec<_> = named
        .into_iter()
        .filter_map(|exit| match exit {
            ExitArg::Directory => None,
            ExitArg::Address(exit) => Some(*exit),
        })
        .collect();
    if any && !exits.is_empty() {
        let message = "--exit names both an exit and \"directory\"; use one of them.";
        return Err(RpcError::new(&codes::USAGE, message));
    }
    Ok(Some(exits))
}

/// Prints the daemon's state whenever it changes, until the daemon ends.
async fn report(daemon: &mut Daemon, progress: Progress, out: &Output) -> Result<Ending, RpcError> {
    let mut progress = Some(progress);
    let (mut last, mut was_ready, mut was_told) = (None, false, false);
    loop {
        let status = match daemon.status().await {
            // It was stopped while it was asked for its state.
            Err(error) if error.is(&codes::DAEMON_STOPPING) => return daemon.ended().await,
            status => status?,
        };
        let words = state_words(status.state, status.phase.as_deref());
        let is_elsewhere =
            |item: &&RpcError| item.is(&codes::HOME_MOVED) || item.is(&codes::PERSONA_ELSEWHERE);
        if let Some(elsewhere) = status.health.iter().find(is_elsewhere)
            && !was_told
        {
            was_told = true;
            if status.state == ConnectionState::Off {
                // Nothing is waited for.
                (progress, last) = (None, Some(status.state));
            }
            out.note(&format!("{} {}", elsewhere.message, elsewhere.hint));
        }
        match &progress {
            Some(waiting) if status.state == ConnectionState::Ready => {
                waiting.say(&format!("{words} ({}).", waiting.elapsed()));
                // From now on only changes are printed, and no line moves.
                progress = None;
                if out.is_json() && !was_ready {
                    out.line(&status)?;
                }
                was_ready = true;
            }
            Some(waiting) if status.state == ConnectionState::Off => {
                waiting.phase(&format!("{words}: no relay is known. Name one with --relay ADDRESS"));
            }
            Some(waiting) if waiting.passed() > SLOW => {
                waiting.phase(&network::still_trying(&status));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::Command;
    use crate::commands::tests::parse;

    #[test]
    fn up_takes_a_network_and_relays() {
        let up = |line: &str| match parse(line).unwrap().command {
            Command::Up(up) => up,
            other => panic!("{other:?}"),
        };
        let full = up("up --network D/network.json --unlock keyfile --traffic test");
        assert_eq!(full.network, NetworkArg::File("D/network.json".into()));
        assert_eq!(full.unlock, Some(Mode::KeyFile));
        let plain = up("up");
        assert_eq!((plain.network, plain.unlock), (NetworkArg::Mainnet, None));
        assert!(parse("up --relay nonsense").is_err());
        assert!(parse("up --traffic loud").is_err());
        assert!(parse("up --unlock none").is_err());
        let detached = up("up --background --unlock keyfile --detached --unlock keyfile");
        assert!(detached.detached && !detached.background);
        assert_eq!(up("up --locked --lock-after 15m").lock_after, Some(Duration::from_secs(900)));
    }
}
