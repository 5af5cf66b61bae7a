//! Serving an [`Api`] on a [`Listener`].

mod connection;
mod scope;
mod seats;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::net::UnixStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::seats::{Seats, Taken};
use crate::methods::{StatusGet, Unlock};
use crate::socket::is_same_user;
use crate::{
    Access, Activity, Api, Listener, LockedApi, Method, MethodInfo, NetworkUse, PairingDesk, RpcError, codes,
    limits,
};

/// The limits of one server.
#[derive(Clone, Copy, Debug)]
pub struct ServerLimits {
    /// Connections at a time; for a further one the longest idle one makes place, or it gets `daemon.busy`.
    pub connections: usize,
    /// Calls at a time on one connection; a further one gets `daemon.busy`.
    pub calls: usize,
    /// The time until the first frame must arrive.
    pub hello: Duration,
    /// The time in which the other side must read a frame; a slower reader is dropped.
    pub write: Duration,
    /// The time that calls under way have when the other side closes or the server stops.
    pub finish: Duration,
}

impl Default for ServerLimits {
    fn default() -> Self {
        Self {
            connections: limits::MAX_CONNECTIONS,
            calls: limits::MAX_CALLS,
            hello: Duration::from_millis(limits::HELLO_MS),
            write: Duration::from_millis(limits::READ_MS),
            finish: Duration::from_millis(limits::FINISH_MS),
        }
    }
}

/// What a listener serves, and to whom.
#[derive(Clone)]
pub struct Service {
    offer: Offer,
    /// `None`: connections have only the access that they prove at the desk.
    access: Option<Access>,
    desk: Option<Arc<PairingDesk>>,
    activity: Option<Arc<Activity>>,
    moved: Arc<AtomicBool>,
}

#[derive(Clone)]
enum Offer {
    All(Arc<dyn Api>),
    /// The store is closed.
    Locked(Arc<dyn LockedApi>),
}

impl Service {
    /// For the user's own programs: every connection has the same access.
    pub fn new(api: Arc<dyn Api>, access: Access) -> Self {
        Self::of(Offer::All(api), Some(access), None)
    }

    /// Like [`Self::new`]; and whoever has `persona.admin` approves and revokes pairings at this desk.
    #[must_use]
    pub fn with_desk(self, desk: Arc<PairingDesk>) -> Self {
        Self { desk: Some(desk), ..self }
    }

    /// For browser extensions behind a bridge: a connection has no grants until it has proven a pairing of this desk.
    pub fn for_extensions(api: Arc<dyn Api>, desk: Arc<PairingDesk>) -> Self {
        Self::of(Offer::All(api), None, Some(desk))
    }

    /// Of a locked daemon, for the user's own programs.
    pub fn locked(api: Arc<dyn LockedApi>) -> Self {
        Self::of(Offer::Locked(api), Some(Access::all()), None)
    }

    /// Of a locked daemon, for browser extensions: each call after hello is answered with `daemon.locked`.
    pub fn locked_for_extensions(api: Arc<dyn LockedApi>) -> Self {
        Self { access: None, ..Self::locked(api) }
    }

    fn of(offer: Offer, access: Option<Access>, desk: Option<Arc<PairingDesk>>) -> Self {
        Self { offer, access, desk, activity: None, moved: Arc::default() }
    }

    /// While it is true, calls that lead to traffic are answered with `home.moved`.
    #[must_use]
    pub fn unless_moved(self, moved: Arc<AtomicBool>) -> Self {
        Self { moved, ..self }
    }

    /// Calls are noted there.
    #[must_use]
    pub fn noting(self, activity: Arc<Activity>) -> Self {
        Self { activity: Some(activity), ..self }
    }

    fn api(&self) -> Result<&dyn Api, RpcError> {
        match &self.offer {
            Offer::All(api) => Ok(api.as_ref()),
            Offer::Locked(_) => Err(locked()),
        }
    }

    /// Refuses what a locked daemon, or one whose home was moved, does not do.
    fn permit(&self, method: &MethodInfo) -> Result<(), RpcError> {
        match (&self.offer, &self.access, method.name) {
            (Offer::All(_), ..)
                if method.network != NetworkUse::None && self.moved.load(Ordering::Relaxed) =>
            {
                Err(RpcError::new(&codes::HOME_MOVED, "This home was moved to another machine."))
            }
            (Offer::All(_), ..) | (Offer::Locked(_), Some(_), StatusGet::NAME | Unlock::NAME) => Ok(()),
            (Offer::Locked(_), ..) => Err(locked()),
        }
    }
}

/// Serves every connection of the listener with the same access, until `stop`; see [`serve_with`].
pub async fn serve(listener: Listener, api: Arc<dyn Api>, access: Access, stop: CancellationToken) {
    serve_with(listener, Service::new(api, access), ServerLimits::default(), stop).await;
}

/// Serves until `stop` is cancelled; then calls under way may finish, and the socket is removed.
/// A second listener with other grants is a second call.
pub async fn serve_with(listener: Listener, service: Service, limits: ServerLimits, stop: CancellationToken) {
    let seats = Arc::new(Seats::new(limits.connections));
    let connections = TaskTracker::new();
    let context = Arc::new(connection::Context { service, limits, stop: stop.clone() });
    loop {
        let stream = tokio::select! {
            () = stop.cancelled() => break,
            stream = listener.accept() => stream,
        };
        let stream = match stream {
            Ok(stream) => stream,
            Err(error) => {
                // Out of file descriptors, most likely: others close in time.
                tracing::warn!(%error, "A connection could not be accepted. The others are not affected.");
                tokio::time::sleep(Duration::from_millis(200)).await;
                continue;
            }
        };
        if !is_same_user(&stream) {
            connections.spawn(connection::turn_away(
                stream,
                RpcError::new(&codes::ACCESS_PEER, "This daemon belongs to another user."),
            ));
            continue;
        }
        match seats.take() {
            Some(seat) => spawn_connection(&connections, stream, Arc::clone(&context), seat),
            None => {
                let error =
                    RpcError::new(&codes::DAEMON_BUSY, "Too many programs are connected to the daemon.");
                connections.spawn(connection::turn_away(stream, error));
            }
        }
    }
    drop(listener);
    connections.close();
    connections.wait().await;
}

fn spawn_connection(
    connections: &TaskTracker,
    stream: UnixStream,
    context: Arc<connection::Context>,
    seat: Taken,
) {
    connections.spawn(async move {
        connection::run(stream, context, seat.seat()).await;
        drop(seat);
    });
}

fn locked() -> RpcError {
    RpcError::new(&codes::DAEMON_LOCKED, "The daemon is locked.")
}
