//! A node behind its sockets, and what a daemon does while it is locked.

mod idle;
mod locked;
mod supervisor;
mod suspend;

use std::path::PathBuf;
use std::sync::Arc;

use bauta_ipc::{
    Access, Activity, Api, HomeLock, Listener, RpcError, ServerLimits, Service, Status, StatusApi, StatusOf,
    codes, serve_with,
};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

pub use self::suspend::is_announced as suspend_is_announced;
use crate::node::{AtSuspend, Ending, Node, NodeConfig, NodeError};
use crate::unlock::{Mode, Unlock};

/// A daemon in this process: a node and its sockets.
pub struct Daemon {
    node: Arc<Node>,
    running: Option<JoinHandle<Result<Ending, NodeError>>>,
    /// The socket of the user's own programs, and that of browser extensions.
    serving: [JoinHandle<()>; 2],
    /// What may lock it, and what tells a watchdog that it is alive. They end with the process: what waits for sleep delays it until then.
    _watching: [AbortOnDropHandle<()>; 3],
    socket: PathBuf,
    stop: CancellationToken,
    /// Released last, because whoever waits for it opens the store.
    lock: HomeLock,
}

impl Daemon {
    /// Opens the node and its sockets. Cancelling `stop` ends them.
    ///
    /// # Errors
    /// When the store cannot be opened, or a socket not be bound.
    pub async fn start(
        config: NodeConfig,
        lock: HomeLock,
        stop: CancellationToken,
    ) -> Result<Self, RpcError> {
        let home = config.home.clone();
        let node = Node::open(config).await?;
        Self::serve(node, &home, lock, stop).await
    }

    /// Serves a locked daemon until it is unlocked. `None`: it was stopped before.
    ///
    /// # Errors
    /// When a socket cannot be bound.
    pub async fn start_locked(
        config: NodeConfig,
        lock: HomeLock,
        stop: CancellationToken,
    ) -> Result<Option<Self>, RpcError> {
        let home = config.home.clone();
        match locked::serve(config, &lock, stop.clone()).await? {
            Some(node) => Self::serve(node, &home, lock, stop).await.map(Some),
            None => Ok(None),
        }
    }

    async fn serve(
        node: Arc<Node>,
        home: &std::path::Path,
        lock: HomeLock,
        stop: CancellationToken,
    ) -> Result<Self, RpcError> {
        let listener = Listener::bind(&lock).await?;
        let socket = listener.path().to_owned();
        let bridge = Listener::bind_bridge(&lock).await?;
        let api: Arc<dyn Api> = node.clone();
        let desk = node.pairing_desk();
        let activity = Arc::new(Activity::default());
        let own = Service::new(Arc::clone(&api), Access::all()).with_desk(Arc::clone(&desk));
        let extensions = Service::for_extensions(api, desk);
        let moved = node.moved();
        let serving = [(listener, own), (bridge, extensions)].map(|(listener, service)| {
            let service = service.noting(Arc::clone(&activity)).unless_moved(Arc::clone(&moved));
            tokio::spawn(serve_with(listener, service, ServerLimits::default(), stop.clone()))
        });
        let asks_passphrase = Unlock::mode_of(home).is_ok_and(|mode| mode == Some(Mode::Passphrase));
        let (idler, sleeper, asked) = (Arc::clone(&node), Arc::clone(&node), Arc::clone(&node));
        let watching = [
            tokio::spawn(idle::watch(node.locking(), activity, move || idler.lock_now())),
            tokio::spawn(suspend::watch(
                node.locking(),
                move |at| match at {
                    AtSuspend::Auto => asks_passphrase,
                    AtSuspend::On => true,
                    AtSuspend::Off => false,
                },
                move || sleeper.lock_now(),
            )),
            tokio::spawn(supervisor::watch(move || {
                let node = Arc::clone(&asked);
                async move { node.status_get(StatusOf::default()).await.is_ok() }
            })),
        ];
        supervisor::ready();
        let running = Some(tokio::spawn(Arc::clone(&node).run(stop.clone())));
        let _watching = watching.map(AbortOnDropHandle::new);
        Ok(Self { node, running, serving, _watching, socket, stop, lock })
    }

    /// Where clients connect.
    pub fn socket(&self) -> &std::path::Path {
        &self.socket
    }

    /// What `status.get` answers.
    ///
    /// # Errors
    /// Those of `status.get`.
    pub async fn status(&self) -> Result<Status, RpcError> {
        self.node.status_get(StatusOf::default()).await
    }

    /// Waits until the node has ended, asked to or not.
    ///
    /// # Errors
    /// What ended it, when nobody had asked.
    pub async fn ended(&mut self) -> Result<Ending, RpcError> {
        let Some(running) = self.running.as_mut() else { return Ok(Ending::Stopped) };
        let outcome = running.await;
        self.running = None;
        match outcome {
            Ok(outcome) => outcome.map_err(RpcError::from),
            Err(error) => Err(RpcError::new(&codes::INTERNAL, format!("The daemon stopped: {error}."))),
        }
    }

    /// Stops the node and the server, and releases the home.
    ///
    /// # Errors
    /// As [`Daemon::ended`].
    pub async fn close(mut self) -> Result<(), RpcError> {
        self.stop.cancel();
        let outcome = self.ended().await;
        for serving in self.serving {
            let _ = serving.await;
        }
        drop(self.lock);
        outcome.map(drop)
    }
}
