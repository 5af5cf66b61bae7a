//! What can be typed.

mod browser;
mod contact;
mod message;
mod pair;
mod persona;
mod post;
mod profile;
mod running;

use std::path::PathBuf;
use std::time::Duration;

use bauta_sphinx_client::Traffic;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;

pub use self::browser::{Browser, Place, Selection};
pub use self::contact::Contact;
pub use self::message::{History, Inbox, Send, Wait};
pub use self::pair::Pair;
pub use self::persona::{Export, Import, ImportFrom, Persona};
pub use self::post::{FormatOfPost, NetworkOfPost, Post, Publishing, WaitForPost};
pub use self::profile::Profile;
pub use self::running::{Demo, ExitName, Localnet, NetworkName, Relay, Up};

const AFTER_HELP: &str = "\
Exit status: 0 all well, 1 you can put it right, 2 a bug, 3 the network, 4 the daemon does not answer, \
5 locked or not allowed.
Data goes to standard output, progress and logs to standard error. Times are RFC 3339 in UTC.";

/// Private messages between personas, through the Nym mixnet
#[derive(Debug, Parser)]
#[command(name = "bauta", version, after_help = AFTER_HELP, max_term_width = 100)]
pub struct Cli {
    /// Where all state lies [default: $XDG_DATA_HOME/bauta]
    #[arg(long, global = true, value_name = "DIR", env = "BAUTA_HOME", hide_env_values = true)]
    pub home: Option<PathBuf>,
    /// Print JSON, errors too
    #[arg(long, global = true)]
    pub json: bool,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show it all on this machine: a mixnet, a relay, two daemons, a message and its answer
    Demo(Demo),
    /// Run a mixnet and a relay on this machine, in the foreground
    Localnet(Localnet),
    /// Run the daemon, in the foreground
    Up(Up),
    /// Stop the daemon
    Down,
    /// Tell how the daemon stands
    Status,
    /// Look for what is not in order, and tell the command that puts it right
    ///
    /// Looks at this machine only. The status is 0 unless a check failed.
    Doctor,
    /// Your own personas
    #[command(subcommand)]
    Persona(Persona),
    /// The people you write to
    #[command(subcommand)]
    Contact(Contact),
    /// Send a message
    Send(Send),
    /// Show what arrived
    Inbox(Inbox),
    /// Show the conversation with a contact
    History(History),
    /// Posts on social networks that only some can read, in Mask's formats
    #[command(subcommand)]
    Post(Post),
    /// Whose persona stands behind a social profile
    #[command(subcommand)]
    Profile(Profile),
    /// Let browsers find Bauta: the manifests of its native messaging host
    #[command(subcommand)]
    Browser(Browser),
    /// Browser extensions that may use this daemon
    #[command(subcommand)]
    Pair(Pair),
    /// Run a relay, in the foreground
    Relay(Relay),
    /// Call a method of the local API
    Rpc(Rpc),
    /// Print a completion script
    Completions {
        /// For which shell
        shell: Shell,
    },
    /// Print the manual page
    Man {
        /// Write a page per command into this directory instead
        #[arg(long, value_name = "DIR")]
        dir: Option<PathBuf>,
    },
}

/// Which persona acts.
#[derive(Args, Clone, Debug)]
pub struct Acting {
    /// The persona that acts [default: the only one there is]
    #[arg(long = "as", value_name = "PERSONA")]
    pub persona: Option<String>,
}

/// `bauta rpc`.
#[derive(Args, Debug)]
pub struct Rpc {
    /// Such as status.get; see docs/api.md
    pub method: String,
    /// Its parameters, as a JSON object
    #[arg(value_name = "JSON", default_value = "{}")]
    pub params: String,
}

/// For the help text, which wants constants.
const PROFILE_NAMES: [&str; 5] = ["full", "saver", "metered", "paranoid", "test"];

fn profiles() -> impl TypedValueParser<Value = Traffic> {
    PossibleValuesParser::new(PROFILE_NAMES).try_map(|name| name.parse::<Traffic>())
}

fn duration(text: &str) -> Result<Duration, humantime::DurationError> {
    match text.parse::<u32>() {
        Ok(seconds) => Ok(Duration::from_secs(seconds.into())),
        Err(_) => humantime::parse_duration(text),
    }
}

#[cfg(test)]
mod tests {
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
    fn every_profile_can_be_named() {
        let names = bauta_sphinx_client::PROFILES.map(|profile| profile.to_string());
        assert_eq!(PROFILE_NAMES.map(str::to_owned), names);
    }

    #[test]
    fn home_and_json_stand_anywhere() {
        for line in ["--home h --json status", "status --json --home h", "--json status --home h"] {
            let cli = parse(line).unwrap();
            assert!(cli.json && cli.home == Some("h".into()), "{line}");
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
}
