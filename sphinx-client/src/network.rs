//! Which mixnet: Nym's own, or one on this machine.

use std::fmt;

use bauta_protocol::error::{HasKind, Kind};
use nym_network_defaults::{ApiUrl, NymNetworkDetails, ValidatorDetails};
use thiserror::Error;
use url::{Host, Url};

/// A chain endpoint where nothing listens: the chain is never asked, but the SDK needs an address.
const NO_CHAIN: &str = "http://127.0.0.1:1";

/// A Nym network, named by its directory.
#[derive(Clone)]
pub struct Network {
    details: NymNetworkDetails,
    local: bool,
}

impl Network {
    /// The public Nym network.
    ///
    /// The directory is asked over HTTPS at connect and every few minutes after.
    pub fn mainnet() -> Self {
        Self { details: NymNetworkDetails::new_mainnet(), local: false }
    }

    /// A network on this machine, by the address of its directory, such as `http://127.0.0.1:8080/api/`.
    ///
    /// Nothing but 127.0.0.1 is accepted, not even the name `localhost`: a name would be resolved over the network.
    ///
    /// # Errors
    /// [`NetworkError`] says which part of the address was refused.
    pub fn local(api_url: &str) -> Result<Self, NetworkError> {
        let mut url = Url::parse(api_url).map_err(NetworkError::NotAUrl)?;
        if url.scheme() != "http" {
            return Err(NetworkError::NotHttp(url.scheme().to_owned()));
        }
        match url.host() {
            Some(Host::Ipv4(ip)) if ip.is_loopback() => {}
            _ => return Err(NetworkError::NotLoopback),
        }
        if !url.username().is_empty()
            || url.password().is_some()
            || url.query().is_some()
            || url.fragment().is_some()
        {
            return Err(NetworkError::Decorated);
        }
        if !url.path().ends_with('/') {
            let path = format!("{}/", url.path());
            url.set_path(&path);
        }
        let api = url.to_string();
        let mut details = NymNetworkDetails::new_empty()
            .with_network_name("localnet".to_owned())
            .with_validator_endpoint(ValidatorDetails::new(NO_CHAIN, Some(&api), None));
        details.set_nym_api_urls(vec![ApiUrl { url: api, front_hosts: None }]);
        Ok(Self { details, local: true })
    }

    /// Whether every address of this network is on this machine.
    pub fn is_local(&self) -> bool {
        self.local
    }

    pub(crate) fn details(&self) -> &NymNetworkDetails {
        &self.details
    }

    /// The directory's addresses, fronted ones included.
    pub(crate) fn directory(&self) -> Vec<ApiUrl> {
        let urls = self.details.nym_api_urls();
        if !urls.is_empty() {
            return urls;
        }
        self.details
            .endpoints
            .iter()
            .filter_map(|endpoint| endpoint.api_url.clone())
            .map(|url| ApiUrl { url, front_hosts: None })
            .collect()
    }
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Network").field(&if self.local { "local" } else { "mainnet" }).finish()
    }
}

/// Why an address was refused as the directory of a local network.
#[derive(Debug, Error)]
pub enum NetworkError {
    /// It does not parse.
    #[error(
        "the address of the local network's directory is not a URL: use something like http://127.0.0.1:8080/api/"
    )]
    NotAUrl(#[source] url::ParseError),
    /// Only plain HTTP is used on loopback.
    #[error("a local network's directory is asked over http, not {0}")]
    NotHttp(String),
    /// The host is not 127.0.0.0/8.
    #[error("a local network's directory must be at 127.0.0.1, written as numbers")]
    NotLoopback,
    /// User, password, query and fragment have no meaning here.
    #[error("the address of a local network's directory must hold a host, a port and a path only")]
    Decorated,
}

impl HasKind for NetworkError {
    fn kind(&self) -> Kind {
        Kind::Usage
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_local_network_is_on_loopback_only() {
        for bad in [
            "https://127.0.0.1/api/",
            "http://localhost:80/api/",
            "http://10.0.0.1/api/",
            "http://example.org/api/",
            "http://[::1]/api/",
            "http://user@127.0.0.1/api/",
            "http://127.0.0.1/api/?x=1",
            "ftp://127.0.0.1/",
            "127.0.0.1:80",
            "",
        ] {
            assert!(Network::local(bad).is_err(), "{bad}");
        }
        let good = Network::local("http://127.0.0.1:4000/api").unwrap();
        assert!(good.is_local());
        assert_eq!(good.directory()[0].url, "http://127.0.0.1:4000/api/");
    }

    #[test]
    fn every_address_of_a_local_network_is_on_loopback() {
        let network = Network::local("http://127.0.0.1:4000/api/").unwrap();
        for endpoint in &network.details().endpoints {
            assert!(endpoint.nyxd_url.starts_with("http://127.0.0.1"));
            assert!(
                endpoint.api_url.as_deref().unwrap_or("http://127.0.0.1").starts_with("http://127.0.0.1")
            );
            assert!(endpoint.websocket_url.is_none());
        }
    }

    #[test]
    fn mainnet_has_a_directory() {
        let network = Network::mainnet();
        assert!(!network.is_local());
        assert!(network.directory().iter().all(|api| api.url.starts_with("https://")));
        assert!(!network.directory().is_empty());
    }
}
