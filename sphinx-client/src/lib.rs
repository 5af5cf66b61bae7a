//! The Nym mixnet as the rest of Bauta sees it.
//!
//! Two sides share one frame format:
//! - [`Mixnet`] and [`Client`]: exchanges with relays. Each client has a throw-away Nym identity, and each attempt a
//!   fresh sender tag, so nothing in two exchanges shows a relay whether they came from one client. Guards are shared.
//! - [`Service`]: a relay's Nym addresses, and each request answered once over the newest reply SURBs.
//!
//! [`Exits`] opens byte streams to the clear network, over a Nym identity of its own.
//!
//! Delivery is up to this crate: the SDK only queues, and its acknowledgements come from a gateway.
//! An exchange is sent again, byte for byte the same, until its deadline or the loss of its connection; the relay handles it once.
//!
//! No type of the Nym crates appears in this interface.
//!
//! # Logs
//! The Nym crates log Nym addresses and sender tags at `info`, some at `warn`.
//! A binary must put [`LOG_DIRECTIVES`] behind its own directives, whatever the user asked for.

mod client;
mod clock;
mod directory;
pub mod exit;
pub mod frame;
mod guards;
mod link;
mod mixnet;
mod network;
mod refusal;
mod service;
mod shared;
mod state;
mod storage;
mod timers;
mod traffic;
mod tuning;

pub use client::{Client, ExchangeError, Patience, RelayTarget};
pub use clock::{PoissonClock, SystemClock, exponential_gap};
pub use exit::{ExitAddress, ExitAddressError, ExitStream, Exits, OpenError};
pub use mixnet::{Mixnet, MixnetError};
pub use network::{Network, NetworkError};
pub use refusal::NoGateway;
pub use service::{Incoming, MOST_DOORS, Observer, Responder, Service, ServiceConfig, ServiceError};
pub use shared::GuardKeeper;
pub use state::{ConnectPhase, Phase, State};
pub use traffic::{PROFILES, Pace, Traffic, UnknownTraffic};

/// `tracing_subscriber::EnvFilter` directives that keep Nym addresses and sender tags out of logs.
///
/// Targets match by prefix, so `nym_` covers all crates of Nym. The modules that handle replies log tags and addresses at
/// `warn` too; `fronted` and `nym_sqlx_pool_guard` warn for no reason.
pub const LOG_DIRECTIVES: &str = "nym_=warn,\
    nym_client_core::client::replies=off,\
    nym_client_core::client::real_messages_control=off,\
    nym_client_core_surb_storage=off,\
    nym_http_api_client::fronted=off,\
    nym_sqlx_pool_guard=off";

#[cfg(test)]
mod tests {
    use tracing_subscriber::EnvFilter;

    use super::*;

    #[test]
    fn the_log_directives_parse_and_have_the_last_word() {
        let filter = EnvFilter::builder().parse(format!("trace,{LOG_DIRECTIVES}")).unwrap();
        let shown = filter.to_string();
        for directive in LOG_DIRECTIVES.split(',') {
            assert!(shown.contains(directive), "{directive} in {shown}");
        }
    }
}
