//! How a gateway turns clients away, in the words of the gateways of the real network.

use std::time::Duration;

use nym_gateway_requests::{
    AuthenticationFailure, CURRENT_PROTOCOL_VERSION, text_request::authenticate::AuthenticateRequest,
};

/// What gateways answer whose operators sell bandwidth (nym-node 1.31).
pub(crate) const TICKETS_ONLY: &str = "This gateway is only accepting coconut credentials for bandwidth";
/// How far [`Refusal::Clock`] is ahead.
const AHEAD: Duration = Duration::from_secs(24 * 3600);

/// Why a gateway serves no client that connects from now on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Refusal {
    /// Its clock is a day ahead of the client's. It refuses after the registration.
    Clock,
    /// It gives no bandwidth away. It refuses after registration and login.
    Tickets,
    /// It has as many connections as it takes: each further one is closed at once.
    Full,
    /// It speaks this version of the gateway protocol.
    Protocol(u8),
    /// It fails, and says so in words that no client knows.
    Broken,
}

impl Refusal {
    /// The version that a gateway shows.
    pub(crate) fn version(refusal: Option<Self>) -> u8 {
        match refusal {
            Some(Self::Protocol(version)) => version,
            _ => CURRENT_PROTOCOL_VERSION,
        }
    }

    /// What it answers to a login, if that is what it refuses.
    pub(crate) fn to_login(self, request: &AuthenticateRequest) -> Option<String> {
        match self {
            Self::Clock => {
                let received = request.content.request_timestamp();
                Some(
                    AuthenticationFailure::ExcessiveTimestampSkew { received, server: received + AHEAD }
                        .to_string(),
                )
            }
            Self::Broken => Some("Internal gateway storage error".to_owned()),
            _ => None,
        }
    }
}
