//! Exchanges with relays over one throw-away Nym identity at a time.

mod health;
mod pending;
mod supervisor;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bauta_protocol::error::{HasKind, Kind};
use bauta_protocol::id::{DoorAddress, RelayId};
use bauta_protocol::relay::Class;
use nym_sdk::mixnet::Recipient;
use rand::seq::SliceRandom as _;
use rand::{RngCore as _, rngs::OsRng};
use thiserror::Error;
use tokio::sync::{Mutex, Notify, watch};
use tokio::task::JoinHandle;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::clock::{jittered, up_to};
use crate::frame::{self, RequestDigest, Xid};
use crate::link::Link;
use crate::shared::Shared;
use crate::state::State;
use health::Health;
use pending::Pending;

/// One persona's way into the mixnet. Cheap to clone; stops when the last handle is dropped.
#[derive(Clone)]
pub struct Client {
    handle: Arc<Handle>,
}

/// A relay to exchange with.
#[derive(Clone, Debug)]
pub struct RelayTarget {
    /// Who it is: requests are bound to it.
    pub id: RelayId,
    /// Where it can be reached. Each attempt picks one at random.
    pub doors: Vec<DoorAddress>,
}

/// How long an exchange may take.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// In total.
    pub deadline: Duration,
    /// Before the same request is sent again, give or take a quarter.
    pub resend_after: Duration,
}

/// Why an exchange gave no answer.
#[derive(Debug, Error)]
pub enum ExchangeError {
    /// The body is not of the class's length.
    #[error("a request of this class has {expected} bytes, not {got}")]
    WrongLength {
        /// The class's length.
        expected: usize,
        /// The body's.
        got: usize,
    },
    /// The relay has no door, or none that is a Nym address.
    #[error("the relay's address holds no usable Nym address: ask its operator for a new one")]
    NoDoor,
    /// Too many exchanges of this client wait for an answer.
    #[error("too many requests wait for an answer: try again once some are done")]
    TooMany,
    /// No answer came in time. The relay may have done what was asked all the same.
    #[error(
        "the relay did not answer in time: it or the mixnet may be down; the request may have had its effect"
    )]
    Deadline,
    /// The request was sent, and then its connection was lost. It is not sent again over the next one.
    #[error("the connection to the mixnet was lost; the request may have had its effect")]
    Interrupted,
    /// The client was stopped.
    #[error("the mixnet client was stopped")]
    Stopped,
}

impl HasKind for ExchangeError {
    fn kind(&self) -> Kind {
        match self {
            Self::WrongLength { .. } => Kind::Usage,
            Self::NoDoor => Kind::Malformed,
            Self::TooMany => Kind::Full,
            Self::Deadline => Kind::Timeout,
            Self::Interrupted | Self::Stopped => Kind::Network,
        }
    }
}

/// What the handle and the supervisor share.
struct Core {
    shared: Arc<Shared>,
    label: u32,
    pending: Pending,
    health: Health,
    link: watch::Sender<Option<Arc<Link>>>,
    state: watch::Sender<State>,
    /// It connects at once where it has to connect.
    in_use: AtomicBool,
    /// Ends a wait before it connects.
    now: Notify,
    stop: CancellationToken,
}

struct Handle {
    core: Arc<Core>,
    supervisor: Mutex<Option<JoinHandle<()>>>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.core.stop.cancel();
    }
}

impl Client {
    pub(crate) fn start(shared: Arc<Shared>, label: u32) -> Self {
        let core = Arc::new(Core {
            shared,
            label,
            pending: Pending::default(),
            health: Health::default(),
            link: watch::Sender::new(None),
            state: watch::Sender::new(supervisor::initial_state()),
            in_use: AtomicBool::new(true),
            now: Notify::new(),
            stop: CancellationToken::new(),
        });
        let supervisor = tokio::spawn(supervisor::run(Arc::clone(&core)));
        Self { handle: Arc::new(Handle { core, supervisor: Mutex::new(Some(supervisor)) }) }
    }

    /// Whether it connects at once where it has to, which is so at first, or after a random time of some 20 minutes: at
    /// its start, after a suspend, and when it has lost its gateway. Clients of one machine that come together are seen
    /// to belong together.
    pub fn set_in_use(&self, in_use: bool) {
        self.handle.core.in_use.store(in_use, Ordering::Relaxed);
    }

    /// Ends such a wait.
    pub fn connect_now(&self) {
        self.handle.core.now.notify_waiters();
    }

    /// Sends a request and returns the body of its answer.
    ///
    /// `body` has exactly `class.request_len()` bytes, and the answer `class.reply_len()`.
    /// The same frame is sent again and again until the deadline, each time under a fresh sender tag with fresh reply
    /// SURBs through another door, also when the Nym client below is renewed meanwhile.
    /// The relay handles it once. Dropping the future gives the exchange up.
    ///
    /// A connection that is lost ends all exchanges that were sent over it: the same bytes again from a new client would
    /// show which requests are one client's.
    ///
    /// # Errors
    /// [`ExchangeError`]. A wrong or forged answer is ignored.
    pub async fn exchange(
        &self,
        relay: &RelayTarget,
        class: Class,
        body: &[u8],
        patience: Patience,
    ) -> Result<Vec<u8>, ExchangeError> {
        let core = &self.handle.core;
        let wrong_length = ExchangeError::WrongLength { expected: class.request_len(), got: body.len() };
        if body.len() != class.request_len() {
            return Err(wrong_length);
        }
        let doors: Vec<Recipient> =
            relay.doors.iter().filter_map(|door| Recipient::try_from_bytes(door.0).ok()).collect();
        if doors.is_empty() {
            return Err(ExchangeError::NoDoor);
        }
        let mut xid = [0; frame::XID_LEN];
        OsRng.fill_bytes(&mut xid);
        let xid = Xid::new(xid);
        let request = frame::seal_request(&xid, &relay.id, body).ok_or(wrong_length)?;
        let mut waiting =
            core.pending.register(xid, RequestDigest::of(&request), class).ok_or(ExchangeError::TooMany)?;

        tokio::select! {
            biased;
            answer = waiting.answer() => answer.ok_or(ExchangeError::Stopped),
            () = core.stop.cancelled() => Err(ExchangeError::Stopped),
            () = sleep(patience.deadline) => Err(ExchangeError::Deadline),
            Lost = core.keep_sending(&doors, &request, frame::surbs(class), patience.resend_after) => {
                Err(ExchangeError::Interrupted)
            }
        }
    }

    /// The state of the client, now and from now on.
    pub fn state(&self) -> watch::Receiver<State> {
        self.handle.core.state.subscribe()
    }

    /// Ends the client for all its handles. Exchanges under way fail with [`ExchangeError::Stopped`].
    pub async fn stop(&self) {
        self.handle.core.stop.cancel();
        if let Some(supervisor) = self.handle.supervisor.lock().await.take() {
            let _ = supervisor.await;
        }
    }

    /// The Nym address in use, for tests that two clients never share one.
    #[doc(hidden)]
    pub fn nym_address(&self) -> Option<DoorAddress> {
        let link = self.handle.core.link.borrow();
        link.as_ref().map(|link| DoorAddress(link.address().to_bytes()))
    }

    /// The identity key of the gateway in use, in base 58.
    #[doc(hidden)]
    pub fn gateway(&self) -> Option<String> {
        self.handle.core.link.borrow().as_ref().map(|link| link.gateway().clone())
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Client").field(&self.handle.core.label).finish()
    }
}

/// The connection over which something was sent has ended.
struct Lost;

impl Core {
    async fn keep_sending(
        &self,
        doors: &[Recipient],
        request: &[u8],
        surbs: u32,
        resend_after: Duration,
    ) -> Lost {
        let mut links = self.link.subscribe();
        let mut last_door = None;
        let mut prompt = true;
        let mut used: Option<Arc<Link>> = None;
        loop {
            if used.as_ref().is_some_and(|link| link.is_lost()) {
                return Lost;
            }
            let current = links.borrow_and_update().clone();
            let Some(link) = current.filter(|link| !link.has_ended()) else {
                prompt = false;
                if links.changed().await.is_err() {
                    std::future::pending::<()>().await;
                }
                continue;
            };
            if !prompt {
                // Spread queued requests after a reconnect: leaving together they could be linked to one client.
                sleep(up_to(resend_after / 2)).await;
                prompt = true;
                if link.has_ended() {
                    prompt = false;
                    continue;
                }
            }
            let Some(door) = pick(doors, last_door) else { std::future::pending().await };
            self.shared.directory.need(door.gateway());
            last_door = Some(door);
            // Even if this fails, the packet may have left.
            used = Some(Arc::clone(&link));
            if link.send(door, request.to_vec(), surbs).await.is_err() {
                continue;
            }
            self.health.sent();
            tokio::select! {
                () = sleep(jittered(resend_after)) => {}
                () = link.lost() => return Lost,
            }
        }
    }
}

/// Any door except the last one used, if there are several.
fn pick(doors: &[Recipient], last: Option<Recipient>) -> Option<Recipient> {
    let others: Vec<&Recipient> = doors.iter().filter(|door| Some(**door) != last).collect();
    others.choose(&mut OsRng).copied().or(doors.first()).copied()
}
