//! `bauta service`

mod definition;
mod systemd;

use std::fs::{self, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use bauta_bridge::Platform;
use bauta_daemon::unlock::{Mode, Unlock};
use bauta_ipc::{Exit, HomeLock, RpcError, codes};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand};
use serde::Serialize;

use super::manifests::roots;
use crate::commands::running::network::{self, NetworkArg};
use crate::{Context, shell_word};

pub(super) use self::systemd::{State, UNIT, is_active, state};

#[derive(Debug, Subcommand)]
pub(crate) enum ServiceCommand {
    /// Start the daemon now and at each login
    Install(InstallArgs),
    /// Stop the daemon and do not start it by itself any more; the home stays
    Uninstall {
        /// Only print what would be removed
        #[arg(long)]
        dry_run: bool,
    },
    /// Show whether the service is installed and runs
    ///
    /// The exit status is 0 when it runs, 4 when it does not, and 1 when it is not installed.
    Status,
}

#[derive(Args, Debug)]
pub(crate) struct InstallArgs {
    /// "mainnet", or a network.json written by bauta localnet
    #[arg(long, value_name = "NETWORK", default_value = "mainnet")]
    network: NetworkArg,
    /// How to protect the store of a new home: keychain or keyfile. For a passphrase, run bauta up once before; the
    /// service then starts locked
    #[arg(long, value_name = "MODE", value_parser = modes())]
    unlock: Option<Mode>,
    /// Also run while you are not logged in, from the start of the machine (lingering)
    #[arg(long)]
    linger: bool,
    /// Only print the service's definition
    #[arg(long)]
    dry_run: bool,
    /// Print the definition for another system; only with --dry-run
    #[arg(long, value_name = "PLATFORM", value_parser = platforms(), requires = "dry_run")]
    platform: Option<Platform>,
}

fn modes() -> impl TypedValueParser<Value = Mode> {
    PossibleValuesParser::new(Mode::ALL.map(Mode::name)).try_map(|name| name.parse::<Mode>())
}

fn platforms() -> impl TypedValueParser<Value = Platform> {
    PossibleValuesParser::new(Platform::ALL.map(Platform::name)).try_map(|name| {
        Platform::ALL.into_iter().find(|platform| platform.name() == name).ok_or("there is no such platform")
    })
}

/// What was done with a definition.
#[derive(Debug, Serialize)]
struct Change {
    platform: &'static str,
    /// Where the definition is; on Windows the task's name.
    path: PathBuf,
    /// `written`, `current`, `planned`, `removed` or `none`.
    state: &'static str,
    /// Its text; empty when it was removed.
    definition: String,
}

pub(crate) fn run(command: ServiceCommand, context: &Context) -> Result<Exit, RpcError> {
    match command {
        ServiceCommand::Install(args) => install(args, context),
        ServiceCommand::Uninstall { dry_run } => uninstall(dry_run, context),
        ServiceCommand::Status => status(context),
    }
}

fn install(args: InstallArgs, context: &Context) -> Result<Exit, RpcError> {
    let platform = args.platform.or(Platform::HERE).unwrap_or(Platform::Linux);
    let home = context.home()?;
    network::choose(&args.network, None)?;
    let options = unlock_options(&home, args.unlock);
    let path = place(platform)?;
    if args.dry_run {
        let command = command_line(&home, &args.network, options.unwrap_or_default())?;
        let definition = definition::text(platform, &command);
        let change = Change { platform: platform.name(), path, state: "planned", definition };
        context.out.show(&change, |change| change.definition.trim_end().to_owned())?;
        return Ok(Exit::Ok);
    }
    only_linux()?;
    let command = command_line(&home, &args.network, options?)?;
    systemd::reachable()?;
    if HomeLock::is_held(&home) && !is_active() {
        let message = "A daemon runs on this home already, and not as this service.";
        return Err(RpcError::new(&codes::DAEMON_RUNNING, message)
            .hint(format!("Stop it first: {}", context.command("down"))));
    }
    let before = fs::read_to_string(&path).ok();
    let mut unit = definition::text(platform, &command);
    // A unit that lingering belongs to keeps it when it is installed again.
    let lingers = before.as_deref().is_some_and(definition::has_linger);
    let turns_on = args.linger && !lingers && !systemd::lingers();
    // First, because it may be refused.
    if turns_on {
        systemd::set_linger(true)?;
    }
    if lingers || turns_on {
        unit = definition::with_linger(&unit);
    }
    let is_current = before.as_deref() == Some(&unit);
    if !is_current {
        put(&path, unit.as_bytes()).map_err(|error| failed(&path, "written", &error))?;
    }
    systemd::reload()?;
    systemd::enable()?;
    if is_current {
        systemd::start()?
    } else {
        systemd::restart()?
    }
    let state = if is_current { "current" } else { "written" };
    let change = Change { platform: platform.name(), path, state, definition: unit };
    context.out.show(&change, |change| format!("The service runs. Its unit: {}", change.path.display()))?;
    if !systemd::lingers() {
        context.out.note(
            "It runs while you are logged in. To run it from the start of the machine: \
             bauta service install --linger",
        );
    }
    Ok(Exit::Ok)
}

fn uninstall(dry_run: bool, context: &Context) -> Result<Exit, RpcError> {
    only_linux()?;
    let path = place(Platform::Linux)?;
    let unit = match fs::read_to_string(&path) {
        Ok(unit) => unit,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let change = Change { platform: "linux", path, state: "none", definition: String::new() };
            context.out.show(&change, |_| "The service is not installed.".to_owned())?;
            return Ok(Exit::Ok);
        }
        Err(error) => return Err(failed(&path, "read", &error)),
    };
    let mut change =
        Change { platform: "linux", path: path.clone(), state: "planned", definition: String::new() };
    if dry_run {
        context
            .out
            .show(&change, |change| format!("Would stop the daemon and remove {}", change.path.display()))?;
        return Ok(Exit::Ok);
    }
    systemd::reachable()?;
    systemd::disable()?;
    fs::remove_file(&path).map_err(|error| failed(&path, "removed", &error))?;
    remove_empty(&path);
    systemd::reload()?;
    change.state = "removed";
    context.out.show(&change, |_| "The service is removed. The home stays.".to_owned())?;
    // Last, because a user who is not logged in loses the manager with it.
    if definition::has_linger(&unit) {
        systemd::set_linger(false)?;
    }
    Ok(Exit::Ok)
}

fn status(context: &Context) -> Result<Exit, RpcError> {
    only_linux()?;
    systemd::reachable()?;
    let state = systemd::state()?;
    let exit = match (state.installed, state.active.as_str()) {
        (false, _) => Exit::User,
        (true, "active") => Exit::Ok,
        (true, _) => Exit::Daemon,
    };
    context.out.show(&state, systemd::State::describe)?;
    Ok(exit)
}

/// Whether there is a unit of this user.
pub(super) fn is_installed() -> bool {
    systemd::state().is_ok_and(|state| state.installed)
}

/// The state in one line, for a report.
pub(super) fn summary() -> String {
    match systemd::state() {
        Ok(state) if state.installed => state.words(),
        Ok(_) => "not installed".to_owned(),
        Err(_) => "no service manager of this user".to_owned(),
    }
}

/// What `bauta up` needs to open the store without anybody to ask.
fn unlock_options(home: &Path, wanted: Option<Mode>) -> Result<Vec<String>, RpcError> {
    let kept = Unlock::mode_of(home).map_err(|error| RpcError::of(&codes::UNLOCK_FAILED, &error))?;
    match (kept, wanted) {
        (Some(kept), Some(wanted)) if kept != wanted => {
            let message = format!("This home is protected by {kept}, not by {wanted}.");
            Err(RpcError::new(&codes::USAGE, message).hint("Leave --unlock out."))
        }
        (Some(Mode::Passphrase), _) => Ok(vec!["--locked".to_owned()]),
        (Some(_), _) => Ok(Vec::new()),
        (None, Some(mode @ (Mode::Keychain | Mode::KeyFile))) => {
            Ok(vec!["--unlock".to_owned(), mode.name().to_owned()])
        }
        (None, Some(Mode::Passphrase)) => {
            let message = "A service has nobody to ask for a new passphrase.";
            let hint = "Run bauta up --unlock passphrase once, stop it, and install the service then: it starts locked.";
            Err(RpcError::new(&codes::UNLOCK_REQUIRED, message).hint(hint))
        }
        (None, None) => {
            let message = "This is the home's first run, and it is not known how to protect its store.";
            let hint = "Use --unlock keychain or keyfile; for a passphrase, run bauta up once before.";
            Err(RpcError::new(&codes::UNLOCK_REQUIRED, message).hint(hint))
        }
    }
}

/// The daemon's command. It names the home, because a service does not have the environment of a shell.
fn command_line(home: &Path, network: &NetworkArg, options: Vec<String>) -> Result<Vec<String>, RpcError> {
    let unicode = |path: &Path| {
        path.to_str().map(str::to_owned).ok_or_else(|| {
            RpcError::new(&codes::USAGE, format!("{} is not Unicode, which a service needs.", path.display()))
                .hint("Use another path.")
        })
    };
    let program = std::env::current_exe().map_err(|error| {
        RpcError::new(&codes::INTERNAL, format!("It is not known where bauta is: {error}."))
    })?;
    let mut words = vec![unicode(&program)?, "--home".to_owned(), unicode(home)?, "up".to_owned()];
    if let NetworkArg::File(path) = network {
        let path = std::path::absolute(path).map_err(|error| failed(path, "used", &error))?;
        words.extend(["--network".to_owned(), unicode(&path)?]);
    }
    words.extend(options);
    Ok(words)
}

/// Where the definition belongs.
fn place(platform: Platform) -> Result<PathBuf, RpcError> {
    let roots = roots()?;
    Ok(match platform {
        Platform::Linux => roots.config.join("systemd/user").join(UNIT),
        Platform::Macos => roots.user.join("Library/LaunchAgents/app.bauta.daemon.plist"),
        Platform::Windows => PathBuf::from("\\Bauta"),
    })
}

fn only_linux() -> Result<(), RpcError> {
    if Platform::HERE == Some(Platform::Linux) {
        return Ok(());
    }
    let message = "On this system the service's definition can be shown only.";
    Err(RpcError::new(&codes::USAGE, message).hint("Run: bauta service install --dry-run"))
}

fn put(path: &Path, text: &[u8]) -> io::Result<()> {
    let directory = path.parent().ok_or(io::ErrorKind::InvalidFilename)?;
    fs::create_dir_all(directory)?;
    let mut file = tempfile::Builder::new().prefix(".bauta-").tempfile_in(directory)?;
    file.write_all(text)?;
    file.as_file().set_permissions(Permissions::from_mode(0o644))?;
    file.persist(path)?;
    Ok(())
}

/// Removes the directories that are empty without the unit, up to the one of all settings; the others refuse.
fn remove_empty(unit: &Path) {
    let Some(directory) = unit.parent() else { return };
    let _ = fs::remove_dir(directory.join("default.target.wants"));
    for directory in directory.ancestors().take(3) {
        let _ = fs::remove_dir(directory);
    }
}

fn failed(path: &Path, what: &str, error: &io::Error) -> RpcError {
    let path = shell_word(&path.display().to_string());
    RpcError::new(&codes::FILE_FAILED, format!("{path} cannot be {what}: {error}."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::tests::parse;

    #[test]
    fn another_system_is_only_shown() {
        assert!(parse("service install --dry-run --platform windows").is_ok());
        assert!(parse("service install --platform windows").is_err());
        assert!(parse("service install --unlock magic").is_err());
    }

    #[test]
    fn a_service_never_asks() {
        let dir = tempfile::tempdir().unwrap();
        let options = |mode| unlock_options(dir.path(), mode);
        assert_eq!(options(Some(Mode::KeyFile)).unwrap(), ["--unlock", "keyfile"]);
        for asking in [None, Some(Mode::Passphrase)] {
            assert!(options(asking).unwrap_err().is(&codes::UNLOCK_REQUIRED));
        }
    }

    #[test]
    fn removing_leaves_other_units() {
        let dir = tempfile::tempdir().unwrap();
        let unit = dir.path().join("config/systemd/user/bauta.service");
        put(&unit, b"text").unwrap();
        fs::create_dir(unit.with_file_name("default.target.wants")).unwrap();
        let other = unit.with_file_name("other.service");
        put(&other, b"text").unwrap();
        fs::remove_file(&unit).unwrap();
        remove_empty(&unit);
        assert!(other.exists() && !unit.with_file_name("default.target.wants").exists());
        fs::remove_file(&other).unwrap();
        remove_empty(&unit);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
