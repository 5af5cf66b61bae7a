//! Addresses of Gun relays.

use std::fmt;
use std::str::FromStr;

use bauta_protocol::error::{HasKind, Kind};
use thiserror::Error;
use url::Url;

/// The address of a Gun relay: `http`, `https`, `ws` or `wss`, a host, and a path.
///
/// As in Gun itself, `http` means a plain WebSocket and `https` one inside TLS.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct GunUrl {
    url: Url,
    host: String,
    port: u16,
}

impl GunUrl {
    /// The relay that Mask Network uses.
    pub const MASK: &'static str = "https://gun.r2d2.to/gun";

    /// The host name or address, without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The TCP port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Whether it uses TLS.
    #[must_use]
    pub fn is_tls(&self) -> bool {
        matches!(self.url.scheme(), "https" | "wss")
    }

    /// The address of the WebSocket.
    pub(super) fn websocket(&self) -> String {
        let scheme = if self.is_tls() { "wss" } else { "ws" };
        let authority = match self.url.port() {
            Some(port) => format!("{}:{port}", self.url.host_str().unwrap_or_default()),
            None => self.url.host_str().unwrap_or_default().to_owned(),
        };
        let query = self.url.query().map(|query| format!("?{query}")).unwrap_or_default();
        format!("{scheme}://{authority}{}{query}", self.url.path())
    }
}

impl FromStr for GunUrl {
    type Err = GunUrlError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let url = Url::parse(text.trim()).map_err(GunUrlError::NotUrl)?;
        if !matches!(url.scheme(), "http" | "https" | "ws" | "wss") {
            return Err(GunUrlError::Scheme);
        }
        if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
            return Err(GunUrlError::Extra);
        }
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or(GunUrlError::Host)?;
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let port = url.port_or_known_default().ok_or(GunUrlError::Host)?;
        Ok(Self { url, host, port })
    }
}

impl fmt::Display for GunUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.url.as_str())
    }
}

/// Why a text is not the address of a Gun relay.
#[derive(Debug, Error)]
pub enum GunUrlError {
    /// It is not a URL.
    #[error("not a URL; write something like {}", GunUrl::MASK)]
    NotUrl(#[source] url::ParseError),
    /// It has another scheme.
    #[error("a Gun relay's address begins with https, http, wss or ws")]
    Scheme,
    /// It has no host.
    #[error("the address has no host")]
    Host,
    /// It holds a user name, a password or a fragment.
    #[error("the address must not have a user name, a password or a fragment")]
    Extra,
}

impl HasKind for GunUrlError {
    fn kind(&self) -> Kind {
        Kind::Usage
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read() {
        let mask: GunUrl = GunUrl::MASK.parse().unwrap();
        assert_eq!((mask.host(), mask.port(), mask.is_tls()), ("gun.r2d2.to", 443, true));
        assert_eq!(mask.websocket(), "wss://gun.r2d2.to/gun");
        assert_eq!(mask.to_string(), GunUrl::MASK);
        let local: GunUrl = "http://[::1]:8765/gun".parse().unwrap();
        assert_eq!((local.host(), local.port(), local.is_tls()), ("::1", 8765, false));
        assert_eq!(local.websocket(), "ws://[::1]:8765/gun");
    }

    #[test]
    fn others_are_refused() {
        for bad in ["", "gun", "ftp://a/gun", "https://", "https://me@a/gun", "https://a/gun#b", "mailto:a@b"]
        {
            assert!(bad.parse::<GunUrl>().is_err(), "{bad}");
        }
    }
}
