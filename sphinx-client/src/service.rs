//! The other side of exchanges: a relay's Nym addresses ("doors"), and each request answered once.

mod door;
mod door_file;
mod ledger;
mod stash;

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Instant;

use bauta_protocol::error::{HasKind, Kind};
use bauta_protocol::id::{DoorAddress, RelayId};
use bauta_protocol::relay::Class;
use futures::future::BoxFuture;
use nym_sdk::mixnet::{AnonymousSenderTag, ReconstructedMessage};
use thiserror::Error;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::directory::Directory;
use crate::frame::{self, RequestDigest, Xid};
use crate::mixnet::{MixnetError, allow};
use crate::network::Network;
use crate::refusal::NoGateway;
use crate::timers::Tuning;
use crate::traffic::Traffic;
use door::Door;
use door_file::DoorFile;
use ledger::{Ledger, Verdict};

/// The most doors a relay may have: as many as its descriptor holds.
pub const MOST_DOORS: usize = 4;
/// The most requests that wait for the relay. More are dropped, and their senders try again.
const INCOMING: usize = 1024;

/// How a service is set up.
#[derive(Clone)]
pub struct ServiceConfig {
    /// The network.
    pub network: Network,
    /// Who the relay is: requests for another are dropped.
    pub relay_id: RelayId,
    /// The directory of the doors' Nym keys and registrations, files of mode 0600. Created with mode 0700.
    pub dir: PathBuf,
    /// How many doors, 1 to [`MOST_DOORS`], on different gateways if there are enough.
    pub doors: usize,
    /// The traffic profile. A service sends no cover in any of them.
    pub traffic: Traffic,
    /// Observes what a hostile operator would see.
    pub observer: Option<Arc<dyn Observer>>,
}

/// Sees what the service sees of its clients. For measurements of what a relay learns.
pub trait Observer: Send + Sync {
    /// A message came in under this sender tag.
    fn request(&self, sender_tag: [u8; 16], bytes: usize);
    /// A reply left over reply SURBs that came under this sender tag.
    fn reply(&self, sender_tag: [u8; 16], bytes: usize);
}

/// A request to the relay. It was not seen before, or its answer is long forgotten.
#[derive(Debug)]
pub struct Incoming {
    /// The door it came through, counted from 0.
    pub door: usize,
    /// Its class.
    pub class: Class,
    /// Its body, `class.request_len()` bytes.
    pub body: Vec<u8>,
    /// Where the answer goes.
    pub responder: Responder,
}

/// Answers one request. Dropping it forgets the request, so a resend counts as new.
///
/// A request that is sent again while it waits brings fresh reply SURBs, and the answer goes over the newest.
/// Once it is answered, a resend gets the same answer again for some minutes.
pub struct Responder {
    core: Weak<Core>,
    xid: Xid,
    digest: RequestDigest,
    class: Class,
    turn: u64,
    used: bool,
}

/// A running service. Dropping it ends it at once.
pub struct Service {
    core: Arc<Core>,
    tasks: JoinSet<()>,
}

/// Why a service did not start.
#[derive(Debug, Error)]
pub enum ServiceError {
    /// The number of doors is out of range.
    #[error("a relay has 1 to {MOST_DOORS} doors, not {0}")]
    Doors(usize),
    /// The profile cannot be used on this network.
    #[error(transparent)]
    Traffic(MixnetError),
    /// The doors' files cannot be read or written.
    #[error(
        "the Nym keys of a door in {path} cannot be used: check the file and its rights; without it the door's address is lost"
    )]
    Storage {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// No door came up in time.
    #[error("no door of the relay came up: {0}")]
    NoGateway(NoGateway),
}

impl HasKind for ServiceError {
    fn kind(&self) -> Kind {
        match self {
            Self::Doors(_) => Kind::Usage,
            Self::Traffic(error) => error.kind(),
            Self::Storage { .. } => Kind::Storage,
            Self::NoGateway(why) => why.kind(),
        }
    }
}

/// Where an answer goes: a door, and the tag its SURBs came under.
#[derive(Clone, Copy)]
struct Route {
    door: usize,
    tag: AnonymousSenderTag,
}

struct Core {
    relay_id: RelayId,
    network: Network,
    directory: Directory,
    traffic: Traffic,
    tuning: Tuning,
    doors: Vec<Door>,
    /// Held by a new door while it chooses a gateway of its own.
    choosing: tokio::sync::Mutex<()>,
    ledger: Mutex<Ledger<Route>>,
    incoming: mpsc::Sender<Incoming>,
    observer: Option<Arc<dyn Observer>>,
    /// How many doors are connected now.
    connected: watch::Sender<usize>,
    /// Why a gateway did not take a door, last.
    refused: Mutex<Option<NoGateway>>,
    stop: CancellationToken,
}

impl Service {
    /// Opens the doors and returns once requests can come in: as soon as one door is connected, and each door has an
    /// address or has had time to get one. Doors that are not connected are retried for ever.
    ///
    /// The same directory gives the same addresses again, also after a kill.
    ///
    /// # Errors
    /// [`ServiceError`]; nothing runs then.
    pub fn start(
        config: ServiceConfig,
    ) -> BoxFuture<'static, Result<(Self, mpsc::Receiver<Incoming>), ServiceError>> {
        // Boxed, so that other crates do not compile all of it once more.
        Box::pin(Self::start_all(config))
    }

    async fn start_all(config: ServiceConfig) -> Result<(Self, mpsc::Receiver<Incoming>), ServiceError> {
        allow(&config.network, config.traffic).map_err(ServiceError::Traffic)?;
        if config.doors == 0 || config.doors > MOST_DOORS {
            return Err(ServiceError::Doors(config.doors));
        }
        let tuning = config.traffic.tuning();
        let mut doors = Vec::with_capacity(config.doors);
        for number in 0..config.doors {
            let path = config.dir.join(format!("door-{number}.json"));
            let file = DoorFile::open(&path)
                .map_err(|source| ServiceError::Storage { path, source: Box::new(source) })?;
            doors.push(Door::new(number, file));
        }
        let (incoming, requests) = mpsc::channel(INCOMING);
        let core = Arc::new(Core {
            relay_id: config.relay_id,
            directory: Directory::new(config.network.clone(), &tuning),
            network: config.network,
            traffic: config.traffic,
            tuning,
            doors,
            choosing: tokio::sync::Mutex::new(()),
            ledger: Mutex::new(Ledger::new()),
            incoming,
            observer: config.observer,
            connected: watch::Sender::new(0),
            refused: Mutex::default(),
            stop: CancellationToken::new(),
        });
        let mut tasks = JoinSet::new();
        for number in 0..core.doors.len() {
            tasks.spawn(door::run(Arc::clone(&core), number));
        }
        let service = Self { core, tasks };
        service.wait_for_doors().await?;
        Ok((service, requests))
    }

    /// The addresses of all doors that ever worked, connected or not.
    pub fn doors(&self) -> Vec<DoorAddress> {
        self.core.doors.iter().filter_map(|door| door.address()).map(DoorAddress).collect()
    }

    /// How many doors are connected now.
    pub fn connected_doors(&self) -> watch::Receiver<usize> {
        self.core.connected.subscribe()
    }

    /// Ends the service. The doors' addresses stay its own.
    pub fn stop(self) -> BoxFuture<'static, ()> {
        // Boxed, so that other crates do not compile all of it once more.
        Box::pin(self.stop_all())
    }

    async fn stop_all(mut self) {
        self.core.stop.cancel();
        while self.tasks.join_next().await.is_some() {}
    }

    async fn wait_for_doors(&self) -> Result<(), ServiceError> {
        let mut connected = self.core.connected.subscribe();
        let patience = self.core.tuning.connect_timeout * 4;
        tokio::select! {
            first = connected.wait_for(|doors| *doors > 0) => drop(first),
            () = sleep(patience) => return Err(ServiceError::NoGateway(self.core.last_reason().unwrap_or(NoGateway::Directory))),
        }
        // A relay signs its addresses into its descriptor at start, so a new door gets some time to obtain one.
        let named = async {
            while self.core.doors.iter().any(|door| door.address().is_none()) {
                if connected.changed().await.is_err() {
                    break;
                }
            }
        };
        tokio::select! {
            () = named => {}
            () = sleep(self.core.tuning.connect_timeout) => {}
        }
        Ok(())
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.core.stop.cancel();
    }
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Service").field("doors", &self.core.doors.len()).finish_non_exhaustive()
    }
}

impl Core {
    /// Handles a message from a door. Whatever is not a request for this relay is dropped.
    fn on_message(self: &Arc<Self>, door: usize, message: ReconstructedMessage) {
        let Some(tag) = message.sender_tag else { return };
        if let Some(observer) = &self.observer {
            observer.request(tag.to_bytes(), message.message.len());
        }
        let Some(request) = frame::open_request(&self.relay_id, &message.message) else {
            tracing::debug!("A message that is not a request for this relay was dropped.");
            return;
        };
        let route = Route { door, tag };
        let verdict = self.ledger().request(Instant::now(), &request.xid, request.digest, route);
        match verdict {
            Verdict::New(turn) => {
                let responder = Responder {
                    core: Arc::downgrade(self),
                    xid: request.xid,
                    digest: request.digest,
                    class: request.class,
                    turn,
                    used: false,
                };
                let incoming =
                    Incoming { door, class: request.class, body: request.body.to_vec(), responder };
                if self.incoming.try_send(incoming).is_err() {
                    tracing::debug!("A request was dropped: too many wait.");
                }
            }
            Verdict::Waits => {}
            Verdict::Again(reply) => self.reply(route, reply),
            Verdict::Refused => {
                tracing::debug!("An exchange id came again with another request, which was dropped.")
            }
        }
    }

    fn reply(&self, route: Route, frame: Vec<u8>) {
        if let Some(observer) = &self.observer {
            observer.reply(route.tag.to_bytes(), frame.len());
        }
        if let Some(door) = self.doors.get(route.door) {
            door.reply(route.tag, frame);
        }
    }

    /// Why a gateway did not take a door, if the last attempt failed.
    fn last_reason(&self) -> Option<NoGateway> {
        *self.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes note of how an attempt ended, and tells the log when that changes.
    fn note(&self, why: Option<NoGateway>) {
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(why) = why.filter(|why| *refused != Some(*why)) {
            tracing::warn!("A door is closed: {why}. It is tried again, ever more rarely.");
        }
        *refused = why;
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger<Route>> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Responder {
    /// Sends the answer, `class.reply_len()` bytes. One of another length is dropped: that is a fault of the relay.
    pub fn send(mut self, body: Vec<u8>) {
        let Some(core) = self.core.upgrade() else { return };
        if body.len() != self.class.reply_len() {
            tracing::error!(
                "An answer of {} bytes was dropped: its class has another length. Please report this.",
                body.len()
            );
            return;
        }
        let Some(frame) = frame::seal_reply(&self.xid, &self.digest, &body) else { return };
        self.used = true;
        let route = match self.class {
            // Nothing is done twice when it comes again, and kept answers would push out what waits.
            Class::Digest => core.ledger().release(&self.xid, self.turn),
            _ => core.ledger().finish(Instant::now(), &self.xid, self.turn, frame.clone()),
        };
        if let Some(route) = route {
            core.reply(route, frame);
        }
    }
}

impl Drop for Responder {
    fn drop(&mut self) {
        if !self.used
            && let Some(core) = self.core.upgrade()
        {
            core.ledger().forget(&self.xid, self.turn);
        }
    }
}

impl fmt::Debug for Responder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Responder(..)")
    }
}
