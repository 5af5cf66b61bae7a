//! The network that a daemon or a relay runs on.

use std::convert::Infallible;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use bauta_ipc::{RpcError, codes, sentence};
use bauta_localnet::NetworkFile;
use bauta_protocol::address::RelayAddress;
use bauta_sphinx_client::{ExitAddress, Network, Traffic};

use crate::failure;

/// The value of `--network`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum NetworkArg {
    /// Nym's public mixnet.
    Mainnet,
    /// The network that a file describes.
    File(PathBuf),
}

impl FromStr for NetworkArg {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(if text == "mainnet" { Self::Mainnet } else { Self::File(text.into()) })
    }
}

/// A network, and the relays that its file names.
pub(crate) struct Chosen {
    pub(crate) network: Network,
    pub(crate) relays: Vec<RelayAddress>,
    /// The exit that its file names.
    pub(crate) exit: Option<ExitAddress>,
}

/// Reads the network file, if one is named. The traffic profile `test` protects nobody, so it is refused on mainnet.
pub(crate) fn choose(name: &NetworkArg, traffic: Option<Traffic>) -> Result<Chosen, RpcError> {
    let path = match name {
        NetworkArg::Mainnet if traffic == Some(Traffic::Test) => {
            let error =
                RpcError::new(&codes::USAGE, "The traffic profile \"test\" is for local networks only.");
            return Err(error.hint("Use --traffic full, or --network DIR/network.json."));
        }
        NetworkArg::Mainnet => {
            return Ok(Chosen { network: Network::mainnet(), relays: Vec::new(), exit: None });
        }
        NetworkArg::File(path) => path,
    };
    let file = NetworkFile::read(path).map_err(|error| RpcError::of(&codes::NETWORK_INVALID, &error))?;
    let network = Network::local(&file.api).map_err(|error| failure(&error, &codes::NETWORK_INVALID))?;
    let relays = file.relays.iter().map(|relay| {
        relay.address.parse().map_err(|error| {
            let path = path.display();
            RpcError::new(
                &codes::NETWORK_INVALID,
                format!("A relay in {path} is not valid: {}", sentence(&error)),
            )
        })
    });
    let exit = file.exit.as_deref().map(|exit| {
        exit.parse::<ExitAddress>().map_err(|error| {
            let path = path.display();
            RpcError::new(
                &codes::NETWORK_INVALID,
                format!("The exit in {path} is not valid: {}", sentence(&error)),
            )
        })
    });
    Ok(Chosen { network, relays: relays.collect::<Result<_, _>>()?, exit: exit.transpose()? })
}

/// After this long without a connection the user reads what may be wrong.
pub(super) const SLOW: Duration = Duration::from_secs(10);
