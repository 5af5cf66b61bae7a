//! The network that a daemon or a relay runs on.

use std::convert::Infallible;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use bauta_ipc::{RpcError, Status, codes, sentence};
use bauta_localnet::NetworkFile;
use bauta_protocol::address::RelayAddress;
use bauta_sphinx_client::{ExitAddress, Network, Traffic};

use crate::{failure, state_words};

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

/// What somebody reads who waits for a connection for so long: why no gateway takes this machine, as far as that is known.
pub(super) fn still_trying(status: &Status) -> String {
    let words = state_words(status.state, status.phase.as_deref());
    match status.health.iter().find(|item| item.code.starts_with("network.")) {
        Some(item) => format!("{words}; still trying. {} {}", item.message, item.hint).trim_end().to_owned(),
        None => format!("{words}; still trying. Check this machine's connection"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_waits_reads_why() {
        let mut status: Status = serde_json::from_value(serde_json::json!({
            "state": "connecting", "since": "2026-01-01T00:00:00.000Z", "traffic": "test", "network": "local",
            "personas": [], "relays": [], "health": [], "version": "0", "queued": 0,
        }))
        .unwrap();
        assert_eq!(still_trying(&status), "Connecting; still trying. Check this machine's connection");
        status.health = vec![
            RpcError::new(&codes::RELAY_NONE, "No relay is known."),
            RpcError::new(&codes::NETWORK_CLOCK, "The clock is wrong."),
        ];
        let said = still_trying(&status);
        assert!(said.starts_with("Connecting; still trying. The clock is wrong. Set the clock"), "{said}");
    }
}
