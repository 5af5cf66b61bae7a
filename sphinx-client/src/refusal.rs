//! Why no gateway takes a client, and for how long one that refused is left alone.

use std::collections::HashMap;
use std::io;
use std::time::Duration;

use bauta_protocol::error::{HasKind, Kind};
use nym_client_core::error::ClientCoreError;
use nym_gateway_client::error::GatewayClientError;
use nym_gateway_requests::registration::handshake::error::HandshakeError;
use thiserror::Error;
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Error as WsError;
use tokio_tungstenite::tungstenite::error::ProtocolError;

use crate::guards::GatewayId;
use crate::link::LinkError;
use crate::timers::Tuning;

/// How many gateways are remembered that refused; an installation uses three at a time.
const MOST_REMEMBERED: usize = 64;
/// What one gateway answers today it mostly answers tomorrow: such pauses grow this much longer than others.
const LASTING: u32 = 16;

/// Why no gateway takes a client, from the least to the most telling.
///
/// What a gateway says is not authenticated, and of several answers the most telling is reported.
#[derive(Clone, Copy, Debug, Eq, Error, Hash, Ord, PartialEq, PartialOrd)]
pub enum NoGateway {
    /// The directory does not answer, or names no gateway.
    #[error("Nym's directory cannot be reached or names no usable network")]
    Directory,
    /// No connection could be made.
    #[error("no gateway of the mixnet can be reached")]
    Unreachable,
    /// Nothing came back.
    #[error("no gateway of the mixnet answered in time")]
    Silent,
    /// Refused, in words that this program does not know.
    #[error("the gateways of the mixnet refuse this program and do not say why")]
    Refused,
    /// Connections are closed at once, as gateways do that are full.
    #[error(
        "the gateways of the mixnet close each connection at once: they are full, or this network cuts it"
    )]
    Full,
    /// They speak a protocol that this program does not speak.
    #[error("the gateways of the mixnet speak another version of the protocol than this program")]
    Protocol,
    /// They serve those who pay.
    #[error("the gateways of the mixnet give no bandwidth away: they ask for paid tickets")]
    Tickets,
    /// A login bears the time, and a gateway accepts two minutes of difference.
    #[error("the clock of this machine is wrong, by what the gateways of the mixnet say")]
    Clock,
}

impl HasKind for NoGateway {
    fn kind(&self) -> Kind {
        match self {
            Self::Directory | Self::Unreachable | Self::Full => Kind::Network,
            Self::Silent => Kind::Timeout,
            Self::Protocol => Kind::Unsupported,
            Self::Refused | Self::Tickets | Self::Clock => Kind::Refused,
        }
    }
}

impl NoGateway {
    /// Whether gateways answered, and so will most likely answer the same again.
    pub fn is_refusal(self) -> bool {
        self >= Self::Refused
    }

    /// Whether only a change of the gateway or of this program helps.
    fn is_lasting(self) -> bool {
        matches!(self, Self::Protocol | Self::Tickets)
    }

    /// Why an attempt over one gateway failed.
    pub(crate) fn of(error: &LinkError) -> Self {
        let LinkError::Sdk(error) = error else { return Self::Silent };
        match error.as_ref() {
            nym_sdk::Error::ClientCoreError(ClientCoreError::GatewayClientError { source, .. }) => {
                Self::of_gateway(source)
            }
            nym_sdk::Error::ClientCoreError(
                ClientCoreError::NymApiQueryFailure { .. } | ClientCoreError::ValidatorClientError(_),
            ) => Self::Directory,
            _ => Self::Unreachable,
        }
    }

    fn of_gateway(error: &GatewayClientError) -> Self {
        match error {
            GatewayClientError::GatewayError(words)
            | GatewayClientError::RegistrationFailure(HandshakeError::RemoteError(words)) => {
                Self::of_words(words)
            }
            GatewayClientError::IncompatibleProtocol { .. }
            | GatewayClientError::OutdatedGatewayCredentialVersion { .. }
            | GatewayClientError::MalformedResponse
            | GatewayClientError::UnexpectedResponse { .. }
            | GatewayClientError::RegistrationFailure(HandshakeError::UnsupportedProtocol { .. }) => {
                Self::Protocol
            }
            GatewayClientError::TypedGatewayError(_)
            | GatewayClientError::NoMoreBandwidthCredentials
            | GatewayClientError::NotEnoughBandwidth(..) => Self::Tickets,
            GatewayClientError::NetworkConnectionFailed { source, .. }
            | GatewayClientError::NetworkError(source) => Self::of_socket(source),
            GatewayClientError::ConnectionAbruptlyClosed => Self::Full,
            GatewayClientError::Timeout
            | GatewayClientError::RegistrationFailure(HandshakeError::Timeout) => Self::Silent,
            GatewayClientError::RegistrationFailure(_)
            | GatewayClientError::AuthenticationFailure
            | GatewayClientError::RequestError(_) => Self::Refused,
            _ => Self::Unreachable,
        }
    }

    /// An error of a gateway is a sentence: those of nym-node 1.31 and before.
    fn of_words(words: &str) -> Self {
        let words = words.to_lowercase();
        let has = |parts: &[&str]| parts.iter().any(|part| words.contains(part));
        if has(&["excessively skewed"]) {
            Self::Clock
        } else if has(&["coconut credentials", "bandwidth", "ticket"]) {
            Self::Tickets
        } else if has(&["incompatible protocol"]) {
            Self::Protocol
        } else {
            Self::Refused
        }
    }

    fn of_socket(error: &WsError) -> Self {
        match error {
            WsError::Io(error) => match error.kind() {
                io::ErrorKind::ConnectionReset
                | io::ErrorKind::ConnectionAborted
                | io::ErrorKind::BrokenPipe
                | io::ErrorKind::UnexpectedEof => Self::Full,
                _ => Self::Unreachable,
            },
            WsError::ConnectionClosed
            | WsError::AlreadyClosed
            | WsError::Protocol(
                ProtocolError::HandshakeIncomplete | ProtocolError::ResetWithoutClosingHandshake,
            ) => Self::Full,
            // What a server before the gateway answers for it.
            WsError::Http(answer) if matches!(answer.status().as_u16(), 429 | 502..=504) => Self::Full,
            WsError::Http(_) | WsError::HttpFormat(_) | WsError::Protocol(_) | WsError::Utf8 => {
                Self::Protocol
            }
            _ => Self::Unreachable,
        }
    }
}

/// The gateways that refused, each with the time until which no client of this process asks it again.
///
/// A client that is refused has mostly registered already, under an identity that is of no use any more; so what one
/// client was told holds for all. Pure: time and randomness are passed in.
pub(crate) struct Refusals {
    first: Duration,
    most: Duration,
    /// How long an attempt may take.
    attempt: Duration,
    entries: HashMap<GatewayId, Refused>,
}

struct Refused {
    why: NoGateway,
    times: u32,
    until: Instant,
}

/// No gateway may be asked now.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Paused {
    pub(crate) why: NoGateway,
    pub(crate) until: Instant,
}

impl Refusals {
    pub(crate) fn new(tuning: &Tuning) -> Self {
        let (first, most) = tuning.refused;
        Self { first, most, attempt: tuning.connect_timeout, entries: HashMap::new() }
    }

    /// This gateway refused. `uniform` is in [0, 1).
    pub(crate) fn refused(&mut self, id: &GatewayId, why: NoGateway, now: Instant, uniform: f64) {
        let most = match why {
            _ if why.is_lasting() => self.most.saturating_mul(LASTING),
            // It has registered nobody, and a network that cuts connections may be left any time.
            NoGateway::Full => self.most / 3,
            _ => self.most,
        };
        let times = self.entries.get(id).map_or(0, |entry| entry.times);
        let pause = self.first.saturating_mul(1 << times.min(16)).min(most).mul_f64(1.0 + uniform / 2.0);
        if self.entries.len() >= MOST_REMEMBERED && !self.entries.contains_key(id) {
            let first = self.entries.iter().min_by_key(|(_, entry)| entry.until).map(|(id, _)| id.clone());
            first.map(|first| self.entries.remove(&first));
        }
        self.entries.insert(id.clone(), Refused { why, times: times.saturating_add(1), until: now + pause });
    }

    /// This gateway took a client.
    pub(crate) fn taken(&mut self, id: &GatewayId) {
        self.entries.remove(id);
    }

    /// The machine was suspended or its clock set: what depends on the time or the network is asked again.
    pub(crate) fn woken(&mut self) {
        self.entries.retain(|_, entry| entry.why.is_lasting());
    }

    /// Those of these gateways that may be asked now, in their order.
    ///
    /// A gateway whose pause is over is given to one client; the others wait for what it is told.
    pub(crate) fn admit(&mut self, gateways: Vec<GatewayId>, now: Instant) -> Result<Vec<GatewayId>, Paused> {
        let mut paused: Option<Paused> = None;
        let mut admitted = Vec::new();
        for gateway in gateways {
            match self.entries.get(&gateway) {
                Some(entry) if entry.until > now => {
                    let (why, until) = (entry.why, entry.until);
                    paused = Some(paused.map_or(Paused { why, until }, |other| Paused {
                        why: other.why.max(why),
                        until: other.until.min(until),
                    }));
                }
                _ => admitted.push(gateway),
            }
        }
        match paused {
            Some(paused) if admitted.is_empty() => Err(paused),
            _ => {
                let mut until = now;
                for id in &admitted {
                    until += self.attempt;
                    if let Some(entry) = self.entries.get_mut(id) {
                        entry.until = until;
                    }
                }
                Ok(admitted)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::traffic::{PROFILES, Traffic};

    fn id(name: u8) -> GatewayId {
        name.to_string()
    }

    fn refusals() -> Refusals {
        Refusals::new(&Traffic::Full.tuning())
    }

    #[test]
    fn what_gateways_say_is_told_apart() {
        for (words, why) in [
            (
                "the provided request timestamp is excessively skewed. got 1 whilst the server time is 2",
                NoGateway::Clock,
            ),
            ("This gateway is only accepting coconut credentials for bandwidth", NoGateway::Tickets),
            ("insufficient bandwidth available to process the request", NoGateway::Tickets),
            (
                "Attempted to negotiate connection with client using incompatible protocol version. Ours is 9",
                NoGateway::Protocol,
            ),
            ("Internal gateway storage error", NoGateway::Refused),
            ("the provided request timestamp is smaller or equal to one previously used", NoGateway::Refused),
            ("", NoGateway::Refused),
        ] {
            assert_eq!(NoGateway::of_words(words), why, "{words}");
        }
        for (error, why) in [
            (io::ErrorKind::ConnectionRefused, NoGateway::Unreachable),
            (io::ErrorKind::NetworkUnreachable, NoGateway::Unreachable),
            (io::ErrorKind::ConnectionReset, NoGateway::Full),
            (io::ErrorKind::UnexpectedEof, NoGateway::Full),
        ] {
            assert_eq!(NoGateway::of_socket(&WsError::Io(error.into())), why, "{error}");
        }
        assert_eq!(NoGateway::of(&LinkError::Timeout), NoGateway::Silent);
    }

    #[test]
    fn a_gateway_that_refused_is_asked_ever_more_rarely() {
        let mut refusals = refusals();
        let mut now = Instant::now();
        let start = now;
        let mut asked = 0;
        while now - start < Duration::from_secs(24 * 3600) {
            match refusals.admit(vec![id(1)], now) {
                Ok(_) => {
                    asked += 1;
                    refusals.refused(&id(1), NoGateway::Tickets, now, 0.5);
                }
                Err(paused) => {
                    assert_eq!(paused.why, NoGateway::Tickets);
                    now = paused.until;
                }
            }
        }
        assert!((8..=16).contains(&asked), "{asked} times in a day");
        refusals.refused(&id(1), NoGateway::Tickets, now, 0.5);
        refusals.woken();
        assert!(refusals.admit(vec![id(1)], now).is_err(), "a suspend makes nobody give bandwidth away");
        refusals.taken(&id(1));
        assert!(refusals.admit(vec![id(1)], now).is_ok());
    }

    #[test]
    fn a_clock_that_is_set_ends_the_wait_for_it() {
        let (mut refusals, now) = (refusals(), Instant::now());
        refusals.refused(&id(1), NoGateway::Clock, now, 0.0);
        refusals.refused(&id(2), NoGateway::Full, now, 0.0);
        let paused = refusals.admit(vec![id(1), id(2)], now).unwrap_err();
        assert_eq!(paused.why, NoGateway::Clock, "the most telling");
        refusals.woken();
        assert_eq!(refusals.admit(vec![id(1), id(2)], now).unwrap(), [id(1), id(2)]);
    }

    #[test]
    fn after_a_pause_one_client_asks_for_all() {
        let (mut refusals, now) = (refusals(), Instant::now());
        refusals.refused(&id(1), NoGateway::Full, now, 0.0);
        let later = refusals.admit(vec![id(1)], now).unwrap_err().until;
        assert_eq!(refusals.admit(vec![id(1), id(2)], now).unwrap(), [id(2)], "another is free at once");
        assert!(refusals.admit(vec![id(1)], later).is_ok());
        assert!(refusals.admit(vec![id(1)], later).is_err());
    }

    proptest! {
        #[test]
        fn every_pause_ends_and_memory_is_bounded(
            steps in proptest::collection::vec((any::<u8>(), 0u64..100_000, 0.0f64..1.0), 0..200),
        ) {
            for profile in PROFILES {
                let mut refusals = Refusals::new(&profile.tuning());
                let mut now = Instant::now();
                for (name, seconds, uniform) in &steps {
                    now += Duration::from_secs(*seconds);
                    refusals.refused(&id(*name), NoGateway::Protocol, now, *uniform);
                    prop_assert!(refusals.entries.len() <= MOST_REMEMBERED);
                    let longest = profile.tuning().refused.1 * LASTING * 2;
                    prop_assert!(refusals.admit(vec![id(*name)], now + longest).is_ok());
                }
            }
        }
    }
}
