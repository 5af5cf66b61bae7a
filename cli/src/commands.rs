//! The commands: one file each, with its arguments and its `run`.
//!
//! The commands in this directory use the local API only, as any other program can, and the pure formats of
//! `bauta_protocol`. Two directories hold the exceptions: `running` for commands that run a daemon, a relay or a network
//! in this process, `machine` for commands that look at files and browsers of this machine. A test below checks it.
//!
//! A new command is a file here, a `mod` line, a variant of [`Command`] and its arm in [`run`].

mod backup;
mod config;
mod contact;
mod conversation;
mod forget;
mod generate;
mod lock;
mod machine;
mod pair;
mod persona;
mod post;
mod profile;
mod rpc;
mod running;
mod search;
mod send;
mod status;

use std::io::{IsTerminal as _, Read as _};
use std::path::PathBuf;
use std::time::Duration;

use bauta_ipc::{Exit, RpcError, codes};
use clap::{Args, Parser, Subcommand};

use self::machine::{browser, bugreport, doctor, logs, service};
use self::running::{demo, localnet, passphrase, relay, restore, up};
use crate::Context;
use crate::editor::Editor;

const AFTER_HELP: &str = "\
Exit status: 0 success, 1 an error that you can fix, 2 a bug, 3 a network failure, 4 the daemon does not answer, \
5 locked or access denied.
Data goes to standard output, progress and logs to standard error. Times are RFC 3339 in UTC.";

/// Private messages between personas, through the Nym mixnet
#[derive(Debug, Parser)]
#[command(name = "bauta", version, after_help = AFTER_HELP, max_term_width = 100)]
pub(crate) struct Cli {
    /// Directory that holds all state [default: $XDG_DATA_HOME/bauta]
    #[arg(long, global = true, value_name = "DIR", env = "BAUTA_HOME", hide_env_values = true)]
    pub(crate) home: Option<PathBuf>,
    /// Print JSON, also for errors
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Every command, in the order of the help text.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a demo on this machine: a mixnet, a relay, two daemons, a message and its answer
    Demo(demo::DemoArgs),
    /// Run a mixnet and a relay on this machine, in the foreground
    Localnet(localnet::LocalnetArgs),
    /// Run the daemon, in the foreground unless asked otherwise
    Up(up::UpArgs),
    /// Stop the daemon
    Down,
    /// Lock the daemon: it disconnects, closes its store and keeps nothing of it in memory
    Lock,
    /// Unlock the daemon
    Unlock(lock::UnlockArgs),
    /// Change the passphrase, or how the store is protected
    Passphrase(passphrase::PassphraseArgs),
    /// Write a backup of this home, with its history, into a new encrypted file
    Backup(backup::BackupArgs),
    /// Make a home from a backup
    Restore(restore::RestoreArgs),
    /// Show the daemon's status
    Status(status::StatusArgs),
    /// Check this installation and print a fix for each problem
    ///
    /// Sends nothing to the network. The exit status is 0 unless a check failed.
    Doctor,
    /// Show the daemon's log: of the service, or of a daemon in the background
    Logs(logs::LogsArgs),
    /// Collect what helps to find a fault; it is shown before it is written
    ///
    /// It holds versions, states, checks and the log, without personas, contacts, addresses and ids.
    Bugreport(bugreport::BugreportArgs),
    /// Manage your personas
    #[command(subcommand)]
    Persona(persona::PersonaCommand),
    /// Manage the people you write to
    #[command(subcommand)]
    Contact(contact::ContactCommand),
    /// Send a message
    Send(send::SendArgs),
    /// List conversations, with how many messages are unread
    Conversations(Acting),
    /// Show received messages, which are read then
    Inbox(conversation::InboxArgs),
    /// Show the conversation with a contact
    History(conversation::HistoryArgs),
    /// Delete messages, or a whole conversation, from this home
    ///
    /// The other side is not told and keeps what it has; a message that is on its way may still arrive.
    Forget(forget::ForgetArgs),
    /// Find messages by words or parts of words
    Search(search::SearchArgs),
    /// Encrypt and open posts on social networks, in Mask's formats
    #[command(subcommand)]
    Post(post::PostCommand),
    /// Manage which persona a social profile belongs to
    #[command(subcommand)]
    Profile(profile::ProfileCommand),
    /// Register Bauta with browsers: the manifests of its native messaging host
    #[command(subcommand)]
    Browser(browser::BrowserCommand),
    /// Run the daemon as a service of this user: from login on, and again after a failure
    #[command(subcommand)]
    Service(service::ServiceCommand),
    /// Show and change the settings of this home
    #[command(subcommand)]
    Config(config::ConfigCommand),
    /// Manage browser extensions that may use this daemon
    #[command(subcommand)]
    Pair(pair::PairCommand),
    /// Run a relay, in the foreground
    Relay(relay::RelayArgs),
    /// Call a method of the local API
    Rpc(rpc::RpcArgs),
    /// Print a completion script
    Completions(generate::CompletionsArgs),
    /// Print the manual page
    Man(generate::ManArgs),
}

impl Command {
    /// The arguments that nobody else should read.
    pub(crate) fn secrets(&self) -> Vec<&str> {
        let secret = match self {
            Self::Send(args) => args.text(),
            Self::Search(args) => args.text(),
            Self::Post(command) => command.text(),
            Self::Contact(command) => command.address(),
            Self::Pair(command) => command.code(),
            Self::Rpc(args) => args.params(),
            _ => None,
        };
        secret.filter(|secret| *secret != "-").into_iter().collect()
    }
}

/// Runs one command.
pub(crate) async fn run(command: Command, context: &Context) -> Result<Exit, RpcError> {
    match command {
        Command::Demo(args) => demo::run(args, context).await,
        Command::Localnet(args) => localnet::run(args, context).await,
        Command::Up(args) => up::run(args, context).await,
        Command::Down => status::down(context).await,
        Command::Backup(args) => backup::run(args, context).await,
        Command::Restore(args) => restore::run(args, context).await,
        Command::Lock => lock::lock(context).await,
        Command::Unlock(args) => lock::unlock(args, context).await,
        Command::Passphrase(args) => passphrase::run(args, context).await,
        Command::Status(args) => status::run(args, context).await,
        Command::Doctor => doctor::run(context).await,
        Command::Logs(args) => logs::run(args, context).await,
        Command::Bugreport(args) => bugreport::run(args, context).await,
        Command::Persona(command) => persona::run(command, context).await,
        Command::Contact(command) => contact::run(command, context).await,
        Command::Send(args) => send::run(args, context).await,
        Command::Conversations(acting) => conversation::conversations(acting, context).await,
        Command::Inbox(args) => conversation::inbox(args, context).await,
        Command::History(args) => conversation::history(args, context).await,
        Command::Forget(args) => forget::run(args, context).await,
        Command::Search(args) => search::run(args, context).await,
        Command::Post(command) => post::run(command, context).await,
        Command::Profile(command) => profile::run(command, context).await,
        Command::Browser(command) => browser::run(command, context),
        Command::Service(command) => service::run(command, context),
        Command::Config(command) => config::run(command, context).await,
        Command::Pair(command) => pair::run(command, context).await,
        Command::Relay(args) => relay::run(args, context).await,
        Command::Rpc(args) => rpc::run(args, context).await,
        Command::Completions(args) => generate::completions(&args, context),
        Command::Man(args) => generate::man(args, context),
    }
}

/// The persona that a command acts as.
#[derive(Args, Clone, Debug)]
pub(crate) struct Acting {
    /// Persona to act as [default: the only one]
    #[arg(long = "as", value_name = "PERSONA")]
    persona: Option<String>,
}

/// A duration on the command line: seconds, or with units, such as `1m30s`.
fn duration(text: &str) -> Result<Duration, humantime::DurationError> {
    match text.parse::<u32>() {
        Ok(seconds) => Ok(Duration::from_secs(seconds.into())),
        Err(_) => humantime::parse_duration(text),
    }
}

/// Standard input, at most two bytes more than `limit`: one for the line feed that a shell adds, and one to notice
/// that there is too much. `what` is asked of somebody who sits before a terminal.
async fn stdin(what: &str, limit: usize, context: &Context) -> Result<Vec<u8>, RpcError> {
    if std::io::stdin().is_terminal() {
        context.out.note(&format!("{what}; end with Ctrl-D on a line of its own."));
    }
    let read = tokio::task::spawn_blocking(move || {
        let mut bytes = Vec::new();
        std::io::stdin().lock().take(limit as u64 + 2).read_to_end(&mut bytes).map(|_| bytes)
    });
    read.await
        .map_err(|error| RpcError::new(&codes::INTERNAL, format!("Reading failed: {error}.")))?
        .map_err(|error| crate::unreadable("Standard input", &error))
}

/// A text that somebody writes: in their editor where they have one and sit before a terminal, and else on standard input.
async fn written(what: &str, limit: usize, context: &Context) -> Result<Vec<u8>, RpcError> {
    let Some(editor) = Editor::chosen() else { return stdin(what, limit, context).await };
    let writing = tokio::task::spawn_blocking(move || editor.write(limit as u64 + 2));
    writing.await.map_err(|error| RpcError::new(&codes::INTERNAL, format!("The editor failed: {error}.")))?
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use clap::CommandFactory;

    use super::*;

    pub(super) fn parse(line: &str) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(std::iter::once("bauta").chain(line.split_whitespace()))
    }

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn home_and_json_may_be_anywhere() {
        for line in ["--home h --json status", "status --json --home h", "--json status --home h"] {
            let cli = parse(line).unwrap();
            assert!(cli.json && cli.home == Some("h".into()), "{line}");
        }
    }

    #[test]
    fn arguments_that_are_secret_are_known() {
        for (line, secrets) in [
            ("send bob words", &["words"][..]),
            ("send bob", &[]),
            ("send bob -", &[]),
            ("search words", &["words"]),
            ("post encrypt words --to bob", &["words"]),
            ("post encrypt --to bob words more", &["words"]),
            ("post decrypt words", &["words"]),
            ("post append words --to bob", &["words"]),
            ("contact add bob bauta:x#y", &["bauta:x#y"]),
            ("pair approve 123456", &["123456"]),
            ("rpc message.send {}", &["{}"]),
            ("status", &[]),
        ] {
            assert_eq!(parse(line).unwrap().command.secrets(), secrets, "{line}");
        }
    }

    #[test]
    fn limits_hold() {
        assert!(parse("localnet --gateways 0").is_err());
        assert!(parse("relay --data d --doors 5").is_err());
        assert!(parse("relay").is_err());
        assert!(parse("contact accept 1").is_err());
        assert!(parse("contact verify bob --matches --differs").is_err());
    }

    /// Commands in the shell examples of the documents are understood.
    #[test]
    fn documents_name_commands_that_exist() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let mut documents: Vec<PathBuf> =
            std::fs::read_dir(root.join("docs")).unwrap().map(|entry| entry.unwrap().path()).collect();
        documents.push(root.join("README.md"));
        documents.retain(|path| path.extension().is_some_and(|extension| extension == "md"));
        let mut count = 0;
        for path in documents {
            let text = std::fs::read_to_string(&path).unwrap();
            let lines = text.lines().map(|line| line.trim_start_matches("$ "));
            for line in lines.filter(|line| line.starts_with("bauta ") && !line.ends_with('\\')) {
                let command = line.split(['|', '>', '&']).next().unwrap();
                let parsed = Cli::try_parse_from(shell_words(command));
                assert!(parsed.is_ok(), "{}: {line}: {}", path.display(), parsed.unwrap_err());
                count += 1;
            }
        }
        assert!(count > 20, "{count} commands were read");
    }

    /// The words of a command, without quotes and comment.
    fn shell_words(line: &str) -> Vec<String> {
        let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
        for character in line.chars() {
            match (quote, character) {
                (Some(open), _) if open == character => quote = None,
                (None, '"' | '\'') => {
                    quote = Some(character);
                    word.get_or_insert_default();
                }
                (None, '#') if word.is_none() => break,
                (None, ' ') => words.extend(word.take()),
                _ => word.get_or_insert_default().push(character),
            }
        }
        words.extend(word);
        words
    }

    /// As `docs/api.md` says, with the exceptions that it names.
    #[test]
    fn commands_use_the_api_only() {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/commands");
        let mut pending = vec![directory.clone()];
        let mut files = 0;
        while let Some(path) = pending.pop() {
            if path.is_dir()
                && ["running", "machine"].iter().all(|exception| path != directory.join(exception))
            {
                pending.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
            } else if path.is_file()
                && path != directory.join("running.rs")
                && path != directory.join("machine.rs")
            {
                let text = std::fs::read_to_string(&path).unwrap();
                for other in ["daemon", "relay", "localnet", "sphinx_client", "bridge"] {
                    assert!(!text.contains(&format!("bauta_{other}")), "{} uses {other}", path.display());
                }
                files += 1;
            }
        }
        assert!(files > 8, "{files} files were read");
    }
}
