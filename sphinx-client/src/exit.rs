//! Byte streams to the clear network, through an exit of the mixnet.
//!
//! An exit makes a TCP connection for whoever asks it, and resolves the host's name.
//! It sees the host and what is said to it, so TLS belongs inside; it does not see who asks.
//!
//! All streams of an [`Exits`] go through one throw-away Nym identity, which no exchange with a relay uses:
//! an exit can tell which of its streams belong together, and nothing else.
//! Several `Exits` of a process share no identity, and none of the exits that each used last while there is a choice.
//! The identity is made when a stream is asked for, and dropped when there was none for a while, at random.

mod carrier;
mod choice;
mod in_use;
mod pipe;
mod stream;
#[doc(hidden)]
pub mod wire;

use std::collections::HashSet;
use std::fmt;
use std::net::Ipv6Addr;
use std::str::FromStr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use bauta_protocol::error::{HasKind, Kind};
use bauta_protocol::id::DoorAddress;
use futures::future::BoxFuture;
use nym_sdk::mixnet::Recipient;
use rand::Rng as _;
use rand::rngs::OsRng;
use thiserror::Error;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::clock::wait;
use crate::mixnet::Mixnet;
use crate::refusal::NoGateway;
use crate::shared::Shared;
use carrier::Carrier;
use choice::Choice;
use in_use::Owner;
use pipe::Answer;

pub(crate) use in_use::ExitsInUse;
pub use stream::ExitStream;

/// How many exits, and how many gateways, are tried for one stream.
const TRIES: usize = 3;
/// A name in the DNS is not longer (RFC 1035, section 2.3.4).
const LONGEST_HOST: usize = 253;

/// The Nym address of an exit: `client.encryption@gateway`, each part in base 58.
#[derive(Clone, Eq, PartialEq)]
pub struct ExitAddress(Recipient);

/// The text is not a Nym address.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[error("this is not the address of an exit: expected a Nym address such as 8Pd….4Wq…@9xJ…")]
pub struct ExitAddressError;

impl HasKind for ExitAddressError {
    fn kind(&self) -> Kind {
        Kind::Malformed
    }
}

impl FromStr for ExitAddress {
    type Err = ExitAddressError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Recipient::try_from_base58_string(text.trim()).map(Self).map_err(|_| ExitAddressError)
    }
}

impl fmt::Display for ExitAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for ExitAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ExitAddress(..)")
    }
}

/// Why a stream was not opened.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum OpenError {
    /// The host or the port is not valid.
    #[error("a host is a name or an IP address of at most 253 characters, and a port is not 0")]
    Host,
    /// The exits' rules forbid this host or port.
    #[error("the exit refuses to connect to this host and port: most exits allow only some ports")]
    Refused,
    /// The exit could not connect.
    #[error("the exit could not connect: the host's name may be wrong, or it may be down")]
    Unreachable,
    /// The directory names no exit.
    #[error("no exit of the mixnet is known: name one, or try again later")]
    NoExit,
    /// No exit that was tried answered.
    #[error("no exit of the mixnet answered in time: they or the host may be down")]
    Timeout,
    /// There are as many Nym clients for streams as a process may have.
    #[error("too many ways through the mixnet are open at once: try again in a while")]
    Busy,
    /// The mixnet cannot be reached.
    #[error("the mixnet cannot be reached: {0}")]
    Network(NoGateway),
    /// The streams were stopped.
    #[error("the streams through the mixnet were stopped")]
    Stopped,
}

impl HasKind for OpenError {
    fn kind(&self) -> Kind {
        match self {
            Self::Host => Kind::Usage,
            Self::Refused => Kind::Refused,
            Self::Timeout => Kind::Timeout,
            Self::NoExit => Kind::NotFound,
            Self::Busy => Kind::Full,
            Self::Network(why) => why.kind(),
            Self::Unreachable | Self::Stopped => Kind::Network,
        }
    }
}

/// The way to the clear network. Cheap to clone.
///
/// Streams live on when the last handle is dropped; [`Exits::stop`] ends them.
#[derive(Clone)]
pub struct Exits {
    pool: Arc<Pool>,
}

struct Pool {
    shared: Arc<Shared>,
    owner: Owner,
    fixed: Vec<Recipient>,
    choice: Mutex<Choice>,
    carrier: Mutex<Option<Arc<Carrier>>>,
    /// Held while a carrier connects or is closed.
    changing: tokio::sync::Mutex<()>,
    stop: CancellationToken,
}

impl Mixnet {
    /// Streams through these exits, the first that works; if there are none, through exits of the network's directory.
    ///
    /// Nothing is sent before the first stream. Each `Exits` has a Nym identity of its own.
    pub fn exits(&self, fixed: Vec<ExitAddress>) -> Exits {
        // A gateway at both ends would see which client uses which exit.
        let doors: Vec<DoorAddress> = fixed.iter().map(|exit| DoorAddress(exit.0.to_bytes())).collect();
        self.avoid_gateways_of(&doors);
        let shared = self.shared();
        shared.directory.list_exits();
        Exits {
            pool: Arc::new(Pool {
                owner: shared.exits.owner(),
                shared,
                fixed: fixed.into_iter().map(|exit| exit.0).collect(),
                choice: Mutex::default(),
                carrier: Mutex::default(),
                changing: tokio::sync::Mutex::default(),
                stop: CancellationToken::new(),
            }),
        }
    }
}

impl Exits {
    /// Connects to `port` of `host`, a name (resolved by the exit) or an IP address.
    ///
    /// An exit that does not answer, cannot connect or refuses is followed by another, up to three.
    /// Cancel safe: dropping the future closes what was opened.
    ///
    /// # Errors
    /// [`OpenError`]; of several exits' answers, the most specific.
    pub fn open<'a>(&'a self, host: &'a str, port: u16) -> BoxFuture<'a, Result<ExitStream, OpenError>> {
        // Boxed, so that other crates do not compile all of it once more.
        Box::pin(self.open_remote(host, port))
    }

    async fn open_remote(&self, host: &str, port: u16) -> Result<ExitStream, OpenError> {
        let remote = remote(host, port).ok_or(OpenError::Host)?;
        tokio::select! {
            biased;
            () = self.pool.stop.cancelled() => Err(OpenError::Stopped),
            opened = self.pool.open(&remote) => opened,
        }
    }

    /// Waits before something for which nobody waits, if the first stream of it would start a Nym client: a random time,
    /// so that the start shows nothing.
    pub async fn settle(&self) {
        if self.pool.current().is_some() {
            return;
        }
        tokio::select! {
            () = self.pool.stop.cancelled() => {}
            () = sleep(wait(self.pool.shared.tuning.exit_wait)) => {}
        }
    }

    /// How many streams are open; `None` while no Nym client is connected for them.
    pub fn streams(&self) -> Option<usize> {
        self.pool.current().map(|carrier| carrier.streams())
    }

    /// Ends all streams, for all handles. Nothing is opened any more.
    pub async fn stop(&self) {
        self.pool.stop.cancel();
        let _changing = self.pool.changing.lock().await;
        if let Some(carrier) = self.pool.carrier().take() {
            carrier.end();
        }
    }

    /// The Nym address in use, for tests.
    #[doc(hidden)]
    pub fn nym_address(&self) -> Option<DoorAddress> {
        self.pool.current().map(|carrier| DoorAddress(carrier.address().to_bytes()))
    }

    /// The identity key of the gateway in use, in base 58.
    #[doc(hidden)]
    pub fn gateway(&self) -> Option<String> {
        self.pool.current().map(|carrier| carrier.gateway().clone())
    }
}

impl fmt::Debug for Exits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exits").field("fixed", &self.pool.fixed.len()).finish_non_exhaustive()
    }
}

impl Pool {
    async fn open(self: &Arc<Self>, remote: &str) -> Result<ExitStream, OpenError> {
        let tuning = self.shared.tuning;
        let mut tried = HashSet::new();
        let mut lost = 0;
        let mut reason = OpenError::NoExit;
        while tried.len() < TRIES && lost < TRIES {
            let carrier = self.connected().await?;
            let Some(exit) = self.choose(&carrier, &tried).await? else { break };
            let (stream, answer) = carrier.open(exit, remote.to_owned());
            let told = match timeout(tuning.exit_answer, answer).await {
                Ok(Ok(Answer::Open)) => {
                    self.choice().worked(&exit);
                    self.shared.gateway_worked(carrier.gateway());
                    return Ok(stream);
                }
                Ok(Ok(Answer::Refused)) => OpenError::Refused,
                Ok(Ok(Answer::Unreachable)) => OpenError::Unreachable,
                Ok(Err(_)) => {
                    lost += 1;
                    reason = worse(reason, OpenError::Network(NoGateway::Silent));
                    continue;
                }
                Err(_) => {
                    // Silence alone does not show who is at fault: if our own message comes back, the exit is silent.
                    if !carrier.probe(tuning.probe_timeout).await {
                        self.give_up(&carrier);
                        lost += 1;
                        reason = worse(reason, OpenError::Network(NoGateway::Silent));
                        continue;
                    }
                    tracing::debug!("An exit did not answer.");
                    self.choice().failed(&exit, Instant::now());
                    OpenError::Timeout
                }
            };
            tried.insert(exit.to_bytes());
            reason = worse(reason, told);
        }
        Err(reason)
    }

    /// The best exit that was not tried.
    async fn choose(
        &self,
        carrier: &Carrier,
        tried: &HashSet<in_use::Key>,
    ) -> Result<Option<Recipient>, OpenError> {
        let ranked = !self.fixed.is_empty();
        let candidates = match ranked {
            true => self.fixed.clone(),
            false => {
                self.shared.directory.exits().await.map_err(|_| OpenError::Network(NoGateway::Directory))?
            }
        };
        if candidates.is_empty() {
            return Err(OpenError::NoExit);
        }
        Ok(self.shared.exits.claim(self.owner, |others| {
            let (mut choice, now) = (self.choice(), Instant::now());
            let order = choice.order(now, candidates, ranked, carrier.gateway(), others, &mut OsRng);
            let exit = order.into_iter().find(|exit| !tried.contains(&exit.to_bytes()))?;
            choice.chosen(&exit);
            Some(exit)
        }))
    }

    /// The Nym client of the streams; connects it if there is none.
    async fn connected(self: &Arc<Self>) -> Result<Arc<Carrier>, OpenError> {
        let _changing = self.changing.lock().await;
        let usable = |carrier: &Arc<Carrier>| carrier.age() < self.shared.tuning.renew_after;
        if let Some(carrier) = self.current().filter(usable) {
            carrier.touch();
            return Ok(carrier);
        }
        let place = self.shared.exits.place(self.shared.tuning.connect_timeout).await;
        let mut place = Some(place.ok_or(OpenError::Busy)?);
        let gateways = self.shared.gateways().await.map_err(|nowhere| OpenError::Network(nowhere.why))?;
        let mut why = NoGateway::Directory;
        for gateway in gateways.into_iter().take(TRIES) {
            match Carrier::connect(&self.shared, gateway.clone(), &mut place).await {
                Ok(carrier) => {
                    self.shared.gateway_took(&gateway);
                    // An old one lives as long as its streams.
                    *self.carrier() = Some(Arc::clone(&carrier));
                    tokio::spawn(watch(Arc::downgrade(self), Arc::downgrade(&carrier)));
                    return Ok(carrier);
                }
                Err(error) => {
                    tracing::debug!("A gateway could not be used: {error:?}");
                    why = why.max(self.shared.gateway_refused(&gateway, &error));
                }
            }
        }
        Err(OpenError::Network(why))
    }

    fn give_up(&self, carrier: &Carrier) {
        tracing::info!("Nothing comes back over the gateway: the streams end.");
        self.shared.gateway_failed(carrier.gateway());
        carrier.end();
    }

    fn current(&self) -> Option<Arc<Carrier>> {
        self.carrier().clone().filter(|carrier| !carrier.has_ended())
    }

    fn carrier(&self) -> MutexGuard<'_, Option<Arc<Carrier>>> {
        self.carrier.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn choice(&self) -> MutexGuard<'_, Choice> {
        self.choice.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.exits.release(self.owner);
        // Streams that are open keep their carrier.
        self.stop.cancel();
    }
}

/// Closes a carrier that has had no stream for a while, and ends one whose gateway is gone.
async fn watch(pool: Weak<Pool>, carrier: Weak<Carrier>) {
    let mut next_probe = Instant::now();
    // At random, so that an end does not show when the last stream ended.
    let patience = OsRng.gen_range(0.5..1.5);
    loop {
        let Some(tuning) = pool.upgrade().map(|pool| pool.shared.tuning) else { return };
        let idle = tuning.exit_idle.mul_f64(patience);
        sleep(tuning.look).await;
        let (Some(pool), Some(carrier)) = (pool.upgrade(), carrier.upgrade()) else { return };
        if carrier.has_ended() {
            return;
        }
        carrier.end_broken(tuning.exit_gap);
        let is_spare = |carrier: &Carrier| {
            // The last frame of a stream may still be on its way.
            let limit = if pool.shared.exits.is_wanted() { idle / 4 } else { idle };
            carrier.idle_for() >= limit
        };
        if is_spare(&carrier) {
            let _changing = pool.changing.lock().await;
            if is_spare(&carrier) {
                pool.carrier().take_if(|current| Arc::ptr_eq(current, &carrier));
                carrier.end();
                return;
            }
        }
        if carrier.unanswered_for() >= tuning.silence && Instant::now() >= next_probe {
            if !carrier.probe(tuning.probe_timeout).await {
                return pool.give_up(&carrier);
            }
            next_probe = Instant::now() + tuning.silence * 4;
        }
    }
}

/// The more specific of two answers.
fn worse(one: OpenError, other: OpenError) -> OpenError {
    let rank = |error: OpenError| match error {
        OpenError::Refused => 3,
        OpenError::Unreachable => 2,
        OpenError::Timeout => 1,
        _ => 0,
    };
    if rank(other) >= rank(one) { other } else { one }
}

/// `host:port` as exits read it.
fn remote(host: &str, port: u16) -> Option<String> {
    if port == 0 {
        return None;
    }
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    if let Ok(ip) = bare.parse::<Ipv6Addr>() {
        return Some(format!("[{ip}]:{port}"));
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
    let good = !host.is_empty() && host.len() <= LONGEST_HOST && host.chars().all(plain);
    good.then(|| format!("{host}:{port}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn hosts_are_names_or_addresses() {
        for (host, expected) in [
            ("example.org", Some("example.org:443")),
            ("127.0.0.1", Some("127.0.0.1:443")),
            ("::1", Some("[::1]:443")),
            ("[::1]", Some("[::1]:443")),
            ("", None),
            ("a b", None),
            ("a:80", None),
            ("a/b", None),
            ("user@host", None),
            ("ex\u{e4}mple.org", None),
            ("a\n", None),
        ] {
            assert_eq!(remote(host, 443).as_deref(), expected, "{host:?}");
        }
        assert!(remote("example.org", 0).is_none());
        assert!(remote(&"a".repeat(254), 1).is_none());
    }

    #[test]
    fn addresses_parse_back_and_are_not_shown() {
        let text = "CytBseW6yFXUMzz4SGAKdNLGR7q3sJLLYxyBGvutNEQV.4QXYyEVc5fUDjmmi8PrHN9tdUFV4PCvSJE1278cHyvoe\
                    @4sBbL1ngf1vtNqykydQKTFh26sQCw888GpUqvPvyNB4f";
        let address: ExitAddress = text.parse().unwrap();
        assert_eq!(address.to_string(), text);
        assert_eq!(format!("{address:?}"), "ExitAddress(..)");
        for bad in ["", "x", "a.b@c", text.get(1..).unwrap(), text.get(..100).unwrap()] {
            assert!(bad.parse::<ExitAddress>().is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn any_address_parses_back(keys in any::<[[u8; 32]; 3]>()) {
            // Not every 32 bytes are a key; those that are make one address with one text.
            if let Ok(recipient) = Recipient::try_from_bytes(keys.concat().try_into().unwrap()) {
                let address = ExitAddress(recipient);
                prop_assert!(address.to_string().parse() == Ok(address));
            }
        }

        #[test]
        fn no_text_makes_it_panic(text in ".{0,120}", near in "[1-9A-Za-z]{40,46}\\.[1-9A-Za-z]{40,46}@[1-9A-Za-z]{40,46}") {
            for text in [text, near] {
                if let Ok(address) = text.parse::<ExitAddress>() {
                    prop_assert!(address.to_string().parse() == Ok(address));
                }
            }
        }
    }

    #[test]
    fn the_most_telling_answer_is_reported() {
        assert_eq!(worse(OpenError::NoExit, OpenError::Timeout), OpenError::Timeout);
        assert_eq!(worse(OpenError::Refused, OpenError::Timeout), OpenError::Refused);
        assert_eq!(worse(OpenError::Timeout, OpenError::Unreachable), OpenError::Unreachable);
        assert_eq!(
            worse(OpenError::Unreachable, OpenError::Network(NoGateway::Silent)),
            OpenError::Unreachable
        );
    }
}
