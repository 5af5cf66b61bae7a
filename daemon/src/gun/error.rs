//! What can go wrong with Gun relays.

use std::sync::Arc;

use bauta_protocol::error::{HasKind, Kind};
use thiserror::Error;

/// Why no stream to a relay's host was opened.
#[derive(Clone, Debug, Error)]
pub enum DialError {
    /// A rule forbids this host or port; another attempt will not help.
    #[error("refused: {0}")]
    Refused(String),
    /// The host cannot be reached now.
    #[error("not reachable: {0}")]
    Unreachable(String),
    /// No exit of the mixnet can be used now.
    #[error("no exit of the mixnet can be used: {0}")]
    NoExit(String),
    /// No answer in time.
    #[error("no answer in time")]
    Timeout,
}

impl HasKind for DialError {
    fn kind(&self) -> Kind {
        match self {
            Self::Refused(_) => Kind::Refused,
            Self::Unreachable(_) | Self::NoExit(_) => Kind::Network,
            Self::Timeout => Kind::Timeout,
        }
    }
}

/// A server before a relay answers for it while it restarts. After so many such answers there is no relay.
const TURNED_AWAY: u32 = 4;

/// What is at a relay's address in place of a relay.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Instead {
    /// A server that answers with a web page.
    WebPage,
    /// A server that answers with an error or a redirection, as one before a relay that is down.
    Failure,
    /// Another protocol, in place of WebSocket or in it.
    Protocol,
    /// A WebSocket in which nothing is said.
    Silence,
    /// It is not clear what.
    Unclear,
}

/// Why there is no connection to a relay.
#[derive(Clone, Debug, Error)]
pub enum ConnectError {
    /// There is no stream to its host.
    #[error("{relay} cannot be reached")]
    Dial {
        /// The relay's address.
        relay: String,
        /// What happened.
        source: DialError,
    },
    /// Its certificate is not trusted: the host may be another, or a root is missing.
    #[error("{relay} is not who it claims to be, or its certificate's root is not known: {reason}")]
    Certificate {
        /// The relay's address.
        relay: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The TLS handshake failed in another way.
    #[error("TLS with {relay} failed")]
    Tls {
        /// The relay's address.
        relay: String,
        /// What happened.
        source: Arc<std::io::Error>,
    },
    /// It answered, but not as a Gun relay does.
    #[error("{relay} does not answer as a Gun relay: {reason}")]
    WebSocket {
        /// The relay's address.
        relay: String,
        /// What it said.
        reason: String,
        /// The same in a word.
        instead: Instead,
        /// How many attempts in a row ended like this.
        times: u32,
    },
    /// It did not answer.
    #[error("{relay} did not answer in time")]
    Timeout {
        /// The relay's address.
        relay: String,
    },
}

impl ConnectError {
    /// Whether another attempt is useless until something is changed.
    pub(super) fn is_final(&self) -> bool {
        match self {
            Self::Certificate { .. } | Self::Dial { source: DialError::Refused(_), .. } => true,
            Self::WebSocket { times, .. } => *times >= TURNED_AWAY,
            _ => false,
        }
    }
}

impl HasKind for ConnectError {
    fn kind(&self) -> Kind {
        match self {
            Self::Dial { source, .. } => source.kind(),
            Self::Certificate { .. } | Self::WebSocket { .. } => Kind::Refused,
            Self::Tls { .. } => Kind::Network,
            Self::Timeout { .. } => Kind::Timeout,
        }
    }
}

/// Why a Gun client cannot be made.
#[derive(Debug, Error)]
pub enum GunConfigError {
    /// There is no relay to use.
    #[error("no Gun relay is set")]
    NoRelay,
    /// The extra roots hold no certificate, or a damaged one.
    #[error("the extra roots are not certificates in PEM form: {0}")]
    Roots(String),
    /// TLS itself cannot be set up.
    #[error("TLS cannot be set up")]
    Tls(#[source] rustls::Error),
}

impl HasKind for GunConfigError {
    fn kind(&self) -> Kind {
        match self {
            Self::NoRelay | Self::Roots(_) => Kind::Usage,
            Self::Tls(_) => Kind::Internal,
        }
    }
}

/// Why something was not written or read.
#[derive(Clone, Debug, Error)]
pub enum GunError {
    /// No relay could be reached in time.
    #[error("no Gun relay could be reached")]
    Unreachable(#[source] ConnectError),
    /// The relays did not answer in time.
    #[error("the Gun relays did not answer in time; try again later")]
    Timeout,
    /// The relays did not keep what was written: reading it back did not return it.
    #[error("no Gun relay stored what was written; try again later, or with another relay")]
    NotKept,
    /// Somebody wrote the same property later.
    #[error("somebody else has written this to the Gun relay since")]
    Overwritten,
    /// A node or property cannot be written to Gun.
    #[error("this cannot be written to a Gun relay: {0}")]
    Invalid(&'static str),
    /// The client was stopped.
    #[error("the Gun client is stopped")]
    Stopped,
}

impl HasKind for GunError {
    fn kind(&self) -> Kind {
        match self {
            Self::Unreachable(source) => source.kind(),
            Self::Timeout => Kind::Timeout,
            Self::NotKept | Self::Stopped => Kind::Network,
            Self::Overwritten => Kind::Conflict,
            Self::Invalid(_) => Kind::Usage,
        }
    }
}
