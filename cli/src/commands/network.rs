use std::time::Duration;

use bauta_ipc::{RpcError, codes, sentence};
use bauta_localnet::NetworkFile;
use bauta_protocol::address::RelayAddress;
use bauta_sphinx_client::{ExitAddress, Network, Traffic};

use crate::args::NetworkName;
use crate::failure;

/// A network, and the relays that its file names.
pub(super) struct Chosen {
    pub(super) network: Network,
    pub(super) relays: Vec<RelayAddress>,
    /// The exit that its file names.
    pub(super) exit: Option<ExitAddress>,
}

/// Reads the network file, if it is one. `test` traffic protects nobody, so it is refused on mainnet.
pub(super) fn choose(name: &NetworkName, traffic: Traffic) -> Result<Chosen, RpcError> {
    let path = match name {
        NetworkName::Mainnet if traffic == Traffic::Test => {
            let error =
                RpcError::new(&codes::USAGE, "The traffic profile \"test\" is for local networks only.");
            return Err(error.hint("Use --traffic full, or --network DIR/network.json."));
        }
        NetworkName::Mainnet => {
            return Ok(Chosen { network: Network::mainnet(), relays: Vec::new(), exit: None });
        }
        NetworkName::File(path) => path,
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

/// How long a relay may take to find its first gateway before the user is told what may be wrong.
pub(super) const SLOW: Duration = Duration::from_secs(10);
