use std::path::PathBuf;
use std::sync::Arc;

use bauta_ipc::{
    Access, Api, HomeLock, Listener, RpcError, ServerLimits, Service, Status, StatusApi, StatusOf, codes,
    serve_with,
};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::node::{Node, NodeConfig, NodeError};

/// A daemon in this process: a node and its sockets.
pub struct Daemon {
    node: Arc<Node>,
    running: Option<JoinHandle<Result<(), NodeError>>>,
    /// The socket of the user's own programs, and that of browser extensions.
    serving: [JoinHandle<()>; 2],
    socket: PathBuf,
    stop: CancellationToken,
    /// Released last, because whoever waits for it opens the store.
    _lock: HomeLock,
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
        let node = Node::open(config).await?;
        let listener = Listener::bind(&lock).await?;
        let socket = listener.path().to_owned();
        let bridge = Listener::bind_bridge(&lock).await?;
        let api: Arc<dyn Api> = node.clone();
        let desk = node.pairing_desk();
        let own = Service::new(Arc::clone(&api), Access::all()).with_desk(Arc::clone(&desk));
        let extensions = Service::for_extensions(api, desk);
        let serving = [(listener, own), (bridge, extensions)].map(|(listener, service)| {
            tokio::spawn(serve_with(listener, service, ServerLimits::default(), stop.clone()))
        });
        let running = Some(tokio::spawn(Arc::clone(&node).run(stop.clone())));
        Ok(Self { node, running, serving, socket, stop, _lock: lock })
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
    pub async fn ended(&mut self) -> Result<(), RpcError> {
        let Some(running) = self.running.as_mut() else { return Ok(()) };
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
        outcome
    }
}
