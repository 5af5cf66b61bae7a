//! What runs in the foreground: the daemon, a relay, a local network, the demo.

use std::net::SocketAddr;
use std::path::PathBuf;

use bauta_daemon::gun::GunUrl;
use bauta_daemon::unlock::Mode;
use bauta_protocol::address::RelayAddress;
use bauta_sphinx_client::{ExitAddress, ExitAddressError, Traffic};
use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};

use super::profiles;

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

fn modes() -> impl TypedValueParser<Value = Mode> {
    PossibleValuesParser::new(["keychain", "passphrase", "keyfile"]).try_map(|name| name.parse::<Mode>())
}

#[cfg(test)]
mod tests {
    use super::super::tests::parse;
    use super::*;
    use crate::args::Command;

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
}
