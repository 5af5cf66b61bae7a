//! What can be typed.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use bauta_ipc::{Grant, MessageState, PostFormat, SocialNetwork};
use bauta_protocol::address::RelayAddress;
use bauta_sphinx_client::{ExitAddress, ExitAddressError, Traffic};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use crate::gun::GunUrl;
use crate::unlock::Mode;

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

/// `bauta demo`.
#[derive(Args, Debug)]
pub struct Demo {
    /// The daemons' traffic profile
    #[arg(long, value_name = "PROFILE", value_parser = profiles())]
    pub traffic: Option<Traffic>,
    /// Keep all files and the log in this directory, which must be empty or new
    #[arg(long, value_name = "DIR")]
    pub keep: Option<PathBuf>,
}

/// `bauta localnet`.
#[derive(Args, Debug)]
pub struct Localnet {
    /// Where keys, the relay's data and network.json go [default: a directory that is removed at the end]
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// How many gateways
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=16))]
    pub gateways: u8,
    /// A server of this machine that the network's exit connects to; may be given again
    /// [default: every port of 127.0.0.0/8]
    #[arg(long, value_name = "ADDRESS:PORT", value_parser = loopback)]
    pub exit_allow: Vec<SocketAddr>,
}

/// An address that is on this machine.
fn loopback(text: &str) -> Result<SocketAddr, String> {
    let address: SocketAddr =
        text.parse().map_err(|_| "expected something like 127.0.0.1:8765".to_owned())?;
    if address.is_ipv4() && address.ip().is_loopback() {
        Ok(address)
    } else {
        Err("the exit of a local network reaches 127.0.0.0/8 only".to_owned())
    }
}

/// `bauta up`.
#[derive(Args, Debug)]
pub struct Up {
    /// "mainnet", or a network.json written by bauta localnet
    #[arg(long, value_name = "NETWORK", default_value = "mainnet")]
    pub network: NetworkName,
    /// A relay to use, besides those of the network file; remembered
    #[arg(long = "relay", value_name = "ADDRESS")]
    pub relays: Vec<RelayAddress>,
    /// A Gun relay for the keys of posts; may be given several times, and is remembered
    /// (default: Mask's, gun.r2d2.to)
    #[arg(long, value_name = "URL")]
    pub gun: Vec<GunUrl>,
    /// Trust the certificates in this PEM file for Gun relays, too
    #[arg(long, value_name = "FILE")]
    pub gun_root: Option<PathBuf>,
    /// An exit of the mixnet that leads to Gun relays, or "directory" for any; may be given several times, and is
    /// remembered [default: that of the network file, or any]
    #[arg(long = "exit", value_name = "ADDRESS")]
    pub exits: Vec<ExitName>,
    /// Serve Gun clients of this machine on this loopback port; their URL is in bauta status --json [default: 8765]
    #[arg(long, value_name = "PORT", num_args = 0..=1, default_missing_value = "8765")]
    pub gun_endpoint: Option<u16>,
    /// How much traffic hides yours; test is for local networks only
    #[arg(long, value_name = "PROFILE", default_value = "full", value_parser = profiles())]
    pub traffic: Traffic,
    /// How the store is protected, decided at the first run: by the desktop's keychain, by a passphrase asked for at
    /// each start, or by a key file beside the store (for servers; no protection against who has the disk)
    #[arg(long, value_name = "MODE", value_parser = modes())]
    pub unlock: Option<Mode>,
    /// Read the passphrase from the first line of this file; "-" is standard input
    #[arg(long, value_name = "FILE")]
    pub passphrase_file: Option<PathBuf>,
}

/// Which mixnet.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum NetworkName {
    /// Nym's public mixnet.
    Mainnet,
    /// What a network file describes.
    File(PathBuf),
}

/// Which exit.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ExitName {
    /// Any that the network's directory names.
    Directory,
    /// This one.
    Address(Box<ExitAddress>),
}

impl std::str::FromStr for ExitName {
    type Err = ExitAddressError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "directory" {
            Ok(Self::Directory)
        } else {
            text.parse().map(|exit| Self::Address(Box::new(exit)))
        }
    }
}

impl std::str::FromStr for NetworkName {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(if text == "mainnet" { Self::Mainnet } else { Self::File(text.into()) })
    }
}

/// `bauta persona`.
#[derive(Debug, Subcommand)]
pub enum Persona {
    /// Make a persona
    New {
        /// What you call it; nobody else sees the name
        name: String,
    },
    /// List your personas
    List,
    /// Show a persona and its address
    Show {
        /// Which [default: the only one there is]
        name: Option<String>,
        /// Show the address as a QR code
        #[arg(long)]
        qr: bool,
        /// Print the line to put on your own social profile instead
        #[arg(long, conflicts_with = "qr")]
        profile_text: bool,
    },
    /// Take personas over: from recovery words, a secret key, or a backup of Mask
    ///
    /// Words and keys are read from standard input, or asked for at a terminal.
    Import(Import),
    /// Print a persona's secret key, or write a backup of all personas; whoever has it is these personas
    Export(Export),
    /// Make a fresh bundle and give it to the relay
    Publish {
        /// Which [default: the only one there is]
        #[arg(conflicts_with = "persona")]
        name: Option<String>,
        /// Which persona.
        #[command(flatten)]
        acting: Acting,
    },
}

/// `bauta persona import`.
#[derive(Args, Debug)]
pub struct Import {
    /// What you call it [default: its name in the backup, or the first digits of its key]
    pub name: Option<String>,
    /// What to take over.
    #[command(flatten)]
    pub from: ImportFrom,
    /// Read the backup's password from the first line of this file; "-" is standard input
    #[arg(long, value_name = "FILE", requires = "backup")]
    pub password_file: Option<PathBuf>,
}

/// What personas come from.
#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
pub struct ImportFrom {
    /// Recovery words, 12 to 24
    #[arg(long)]
    pub words: bool,
    /// A secret key as Mask shows it, or 64 hex digits
    #[arg(long)]
    pub key: bool,
    /// A JSON Web Key
    #[arg(long)]
    pub jwk: bool,
    /// Mask's encrypted backup, with all its personas, profiles and post keys
    #[arg(long, value_name = "FILE")]
    pub backup: Option<PathBuf>,
}

/// `bauta persona export`.
#[derive(Args, Debug)]
pub struct Export {
    /// Which
    #[arg(required_unless_present = "backup", conflicts_with = "backup")]
    pub name: Option<String>,
    /// Print the key as Mask imports it
    #[arg(long, requires = "name", conflicts_with = "words")]
    pub mask: bool,
    /// Print the recovery words
    #[arg(long, requires = "name")]
    pub words: bool,
    /// Write all personas, profiles and post keys into this new file, encrypted, as Mask's extension reads it
    #[arg(long, value_name = "FILE")]
    pub backup: Option<PathBuf>,
    /// Read the backup's password from the first line of this file; "-" is standard input
    #[arg(long, value_name = "FILE", requires = "backup")]
    pub password_file: Option<PathBuf>,
}

/// `bauta contact`.
#[derive(Debug, Subcommand)]
pub enum Contact {
    /// Make an invitation for one person
    Invite {
        /// What you will call them [default: the first digits of their key]
        #[arg(long)]
        name: Option<String>,
        /// Show the invitation as a QR code, too
        #[arg(long)]
        qr: bool,
        /// Which persona.
        #[command(flatten)]
        acting: Acting,
    },
    /// Add someone by address, invitation or public key
    Add {
        /// What you call them; nobody else sees the name
        name: String,
        /// What they gave you
        #[arg(required_unless_present = "from_text")]
        address: Option<String>,
        /// Take address or key out of this file, the text of their profile or of a post; "-" is standard input
        #[arg(long, value_name = "FILE", conflicts_with = "address")]
        from_text: Option<PathBuf>,
        /// Which persona.
        #[command(flatten)]
        acting: Acting,
    },
    /// List your contacts
    List(Acting),
    /// Show one contact
    Show {
        /// Whom
        name: String,
        /// Which persona.
        #[command(flatten)]
        acting: Acting,
    },
    /// List strangers' first messages
    Requests(Acting),
    /// Accept a request; only now its sender learns that it arrived
    Accept {
        /// The request's id
        id: String,
        /// What you call them
        #[arg(long)]
        name: String,
        /// Which persona.
        #[command(flatten)]
        acting: Acting,
    },
    /// Block a contact, or the sender of a request, and delete the request
    Block {
        /// A request's id, or a contact's name
        #[arg(value_name = "ID|NAME")]
        contact: String,
        /// Which persona.
        #[command(flatten)]
        acting: Acting,
    },
    /// Show the safety number to compare with a contact
    Verify {
        /// Whom
        name: String,
        /// Remember that both numbers were equal
        #[arg(long, conflicts_with = "differs")]
        matches: bool,
        /// Remember that they were not
        #[arg(long)]
        differs: bool,
        /// Which persona.
        #[command(flatten)]
        acting: Acting,
    },
}

/// `bauta send`.
#[derive(Args, Debug)]
pub struct Send {
    /// To whom
    pub name: String,
    /// What; "-" reads standard input
    pub text: String,
    /// Return when it has come this far
    #[arg(long, value_name = "STATE", default_value = "stored")]
    pub wait: Wait,
    /// How long to wait; the message stays queued after that
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = duration)]
    pub timeout: Duration,
    /// Which persona.
    #[command(flatten)]
    pub acting: Acting,
}

/// How far a message shall have come.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Wait {
    /// Safe on this machine's disk
    Queued,
    /// Confirmed by the contact's relay
    Stored,
    /// Confirmed by the contact's daemon
    Delivered,
}

impl From<Wait> for MessageState {
    fn from(wait: Wait) -> Self {
        match wait {
            Wait::Queued => Self::Queued,
            Wait::Stored => Self::Stored,
            Wait::Delivered => Self::Delivered,
        }
    }
}

/// `bauta inbox`.
#[derive(Args, Debug)]
pub struct Inbox {
    /// Go on with what arrives; with --json one object per line instead of an array
    #[arg(long, short)]
    pub follow: bool,
    /// Which persona.
    #[command(flatten)]
    pub acting: Acting,
}

/// `bauta history`.
#[derive(Args, Debug)]
pub struct History {
    /// With whom
    pub name: String,
    /// Which persona.
    #[command(flatten)]
    pub acting: Acting,
}

/// `bauta post`.
#[derive(Debug, Subcommand)]
pub enum Post {
    /// Encrypt a post and print what to paste
    ///
    /// Without --public and --to, only you can read it.
    Encrypt {
        /// What; "-" reads standard input
        text: String,
        /// For everybody who has Mask or a program like it
        #[arg(long, conflicts_with = "to")]
        public: bool,
        /// For these: contacts, known profiles (person:twitter.com/bob), or persona keys
        #[arg(long, value_name = "NAME")]
        to: Vec<String>,
        /// More of them.
        #[arg(hide = true, requires = "to")]
        more: Vec<String>,
        /// Where you will paste it
        #[arg(long, value_name = "NETWORK", default_value = "twitter")]
        network: NetworkOfPost,
        /// Your own profile there, which the post will name [default: the one set with bauta profile set]
        #[arg(long, value_name = "PROFILE")]
        author: Option<String>,
        /// In which of Mask's formats
        #[arg(long, value_name = "FORMAT", default_value = "v37")]
        format: FormatOfPost,
        /// When it is published, and how long to wait.
        #[command(flatten)]
        publishing: Publishing,
        /// Which persona.
        #[command(flatten)]
        acting: Acting,
    },
    /// Open a post
    Decrypt {
        /// The post, words around it do not matter; "-" reads standard input
        text: String,
        /// The profile on whose page it stands: its key is learned, and compared the next time
        #[arg(long, value_name = "PROFILE")]
        author: Option<String>,
        /// Where it stands [default: as it says itself]
        #[arg(long, value_name = "NETWORK")]
        network: Option<NetworkOfPost>,
        /// Ask nobody
        #[arg(long)]
        offline: bool,
        /// How long to look for its key
        #[arg(long, value_name = "TIME", default_value = "90s", value_parser = duration)]
        timeout: Duration,
        /// Which persona.
        #[command(flatten)]
        acting: Acting,
    },
    /// Let more people read a post of yours; the post itself does not change
    Append {
        /// The post; "-" reads standard input
        text: String,
        /// These, too: contacts, known profiles, or persona keys
        #[arg(long, value_name = "NAME", required = true)]
        to: Vec<String>,
        /// More of them.
        #[arg(hide = true)]
        more: Vec<String>,
        /// Where it stands [default: as when it was written]
        #[arg(long, value_name = "NETWORK")]
        network: Option<NetworkOfPost>,
        /// When it is published, and how long to wait.
        #[command(flatten)]
        publishing: Publishing,
        /// Which persona.
        #[command(flatten)]
        acting: Acting,
    },
    /// Show or set how posts are looked up, and what that costs
    Settings {
        /// How many neighbouring tags a look-up asks for, so that a relay does not see which is yours: 1, 2, 4 … 64
        #[arg(long, value_name = "N")]
        block: Option<u16>,
        /// Within how long
        #[arg(long, value_name = "TIME", value_parser = duration)]
        spread: Option<Duration>,
    },
}

/// When a post is published.
#[derive(Args, Clone, Copy, Debug)]
pub struct Publishing {
    /// Return when its keys have come this far
    #[arg(long, value_name = "STATE", default_value = "published")]
    pub wait: WaitForPost,
    /// How long to wait; the keys stay queued after that
    #[arg(long, value_name = "TIME", default_value = "120s", value_parser = duration)]
    pub timeout: Duration,
}

/// How far the keys of a post shall have come.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum WaitForPost {
    /// Safe on this machine's disk
    Queued,
    /// Read back from a Gun relay
    Published,
}

/// A social network.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum NetworkOfPost {
    /// twitter.com, x.com
    Twitter,
    /// facebook.com
    Facebook,
    /// minds.com
    Minds,
    /// instagram.com
    Instagram,
}

impl From<NetworkOfPost> for SocialNetwork {
    fn from(network: NetworkOfPost) -> Self {
        match network {
            NetworkOfPost::Twitter => Self::Twitter,
            NetworkOfPost::Facebook => Self::Facebook,
            NetworkOfPost::Minds => Self::Minds,
            NetworkOfPost::Instagram => Self::Instagram,
        }
    }
}

/// A format of posts.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum FormatOfPost {
    /// For text posts
    V37,
    /// For posts inside images; for recipients it needs a persona with recovery words
    V38,
}

impl From<FormatOfPost> for PostFormat {
    fn from(format: FormatOfPost) -> Self {
        match format {
            FormatOfPost::V37 => Self::V37,
            FormatOfPost::V38 => Self::V38,
        }
    }
}

/// `bauta profile`.
#[derive(Debug, Subcommand)]
pub enum Profile {
    /// List the profiles whose persona is known
    List,
    /// Say whose a profile is: of a contact, of a persona of yours, or of a key
    Set {
        /// Such as person:twitter.com/alice
        profile: String,
        /// A contact, a persona of yours, or a persona key
        #[arg(value_name = "NAME|KEY")]
        of: String,
        /// Even though another key is known
        #[arg(long)]
        replace: bool,
        /// Which persona.
        #[command(flatten)]
        acting: Acting,
    },
    /// Forget whose a profile is; its next post is believed again
    Forget {
        /// Such as person:twitter.com/alice
        profile: String,
    },
}

/// `bauta pair …`
#[derive(Debug, Subcommand)]
pub enum Pair {
    /// List the extensions that are, were or want to be paired
    List,
    /// Pair the extension that shows this code
    Approve {
        /// Six digits
        code: String,
        /// What it may do; may be given again [default: everything but persona.admin]
        #[arg(long = "grant", value_name = "GRANT", value_parser = grants())]
        grants: Vec<Grant>,
        /// A persona it may act for; may be given again [default: all]
        #[arg(long = "persona", value_name = "PERSONA")]
        personas: Vec<String>,
    },
    /// End a pairing, or refuse one that waits
    Revoke {
        /// The pairing's id, from bauta pair list
        id: String,
    },
}

/// The grants that an extension can have.
fn grants() -> impl TypedValueParser<Value = Grant> {
    let grants = || Grant::ALL.into_iter().filter(|grant| *grant != Grant::PersonaAdmin);
    PossibleValuesParser::new(grants().map(Grant::name)).try_map(move |name| {
        grants().find(|grant| grant.name() == name).ok_or_else(|| format!("there is no grant {name}"))
    })
}

/// `bauta relay`.
#[derive(Args, Debug)]
pub struct Relay {
    /// Where identity, doors and boxes lie
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
    /// "mainnet", or a network.json written by bauta localnet
    #[arg(long, value_name = "NETWORK", default_value = "mainnet")]
    pub network: NetworkName,
    /// How many doors, each on a gateway of its own where there are enough
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=4))]
    pub doors: u8,
    /// Serve Prometheus metrics at this loopback address
    #[arg(long, value_name = "ADDR")]
    pub metrics: Option<SocketAddr>,
    /// The traffic profile; test makes the relay quick on a local network
    #[arg(long, value_name = "PROFILE", default_value = "full", value_parser = profiles())]
    pub traffic: Traffic,
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

fn modes() -> impl TypedValueParser<Value = Mode> {
    PossibleValuesParser::new(["keychain", "passphrase", "keyfile"]).try_map(|name| name.parse::<Mode>())
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

    fn parse(line: &str) -> Result<Cli, clap::Error> {
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
    fn recipients_are_named_in_any_order() {
        for line in [
            "post encrypt hello --to bob --to carol",
            "post encrypt --to bob --to carol hello",
            "post encrypt hello --to bob carol",
            "post encrypt --to bob hello carol",
        ] {
            let Command::Post(Post::Encrypt { text, mut to, more, .. }) = parse(line).unwrap().command else {
                panic!("{line}")
            };
            to.extend(more);
            assert_eq!(
                (text.as_str(), to.as_slice()),
                ("hello", &["bob".to_owned(), "carol".to_owned()][..])
            );
        }
        for line in ["post encrypt", "post encrypt a b", "post encrypt a --public --to b", "post append a"] {
            assert!(parse(line).is_err(), "{line}");
        }
    }

    #[test]
    fn home_and_json_stand_anywhere() {
        for line in ["--home h --json status", "status --json --home h", "--json status --home h"] {
            let cli = parse(line).unwrap();
            assert!(cli.json && cli.home == Some("h".into()), "{line}");
        }
    }

    #[test]
    fn an_export_is_of_one_or_of_all() {
        for good in
            ["export ann", "export ann --words", "export ann --mask", "export --backup f --password-file -"]
        {
            assert!(parse(&format!("persona {good}")).is_ok(), "{good}");
        }
        for bad in [
            "export",
            "export ann --backup f",
            "export --words",
            "export ann --words --mask",
            "import",
            "import --key --jwk",
        ] {
            assert!(parse(&format!("persona {bad}")).is_err(), "{bad}");
        }
    }

    #[test]
    fn up_takes_a_network_and_relays() {
        let Command::Up(up) =
            parse("up --network D/network.json --unlock keyfile --traffic test").unwrap().command
        else {
            panic!()
        };
        assert_eq!(up.network, NetworkName::File("D/network.json".into()));
        assert_eq!(up.unlock, Some(Mode::KeyFile));
        let Command::Up(up) = parse("up").unwrap().command else { panic!() };
        assert_eq!((up.network, up.unlock), (NetworkName::Mainnet, None));
        assert!(parse("up --relay nonsense").is_err());
        assert!(parse("up --traffic loud").is_err());
        assert!(parse("up --unlock none").is_err());
    }

    #[test]
    fn send_waits_a_minute_for_the_relay() {
        let send = |line: &str| match parse(line).unwrap().command {
            Command::Send(send) => send,
            other => panic!("{other:?}"),
        };
        let plain = send("send bob hi");
        assert_eq!((plain.wait, plain.timeout), (Wait::Stored, Duration::from_secs(60)));
        let full = send("send bob - --wait delivered --timeout 1m30s --as alice");
        assert_eq!((full.wait, full.timeout), (Wait::Delivered, Duration::from_secs(90)));
        assert_eq!((full.text.as_str(), full.acting.persona.as_deref()), ("-", Some("alice")));
        assert_eq!(send("send bob hi --timeout 5").timeout, Duration::from_secs(5));
        assert!(parse("send bob hi --wait read").is_err());
        assert!(parse("send bob").is_err());
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
