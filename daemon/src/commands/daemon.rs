use std::path::PathBuf;
use std::sync::Arc;

use bauta_ipc::{Access, Api, Empty, HomeLock, Listener, RpcError, Status, codes, serve};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::node::{Node, NodeConfig, NodeError};

/// A daemon in this process: a node and its socket.
pub(super) struct Daemon {
    node: Arc<Node>,
    running: Option<JoinHandle<Result<(), NodeError>>>,
    serving: JoinHandle<()>,
    socket: PathBuf,
    stop: CancellationToken,
    /// Given back last: who waits for it may open the store.
    _lock: HomeLock,
}

impl Daemon {
    /// Opens the node and the socket. Cancelling `stop` ends both.
    pub(super) async fn start(
        config: NodeConfig,
        lock: HomeLock,
        stop: CancellationToken,
    ) -> Result<Self, RpcError> {
        let node = Node::open(config).await?;
        let listener = Listener::bind(&lock).await?;
        let socket = listener.path().to_owned();
        let api: Arc<dyn Api> = node.clone();
        let serving = tokio::spawn(serve(listener, api, Access::all(), stop.clone()));
        let running = Some(tokio::spawn(Arc::clone(&node).run(stop.clone())));
        Ok(Self { node, running, serving, socket, stop, _lock: lock })
    }

    /// Where clients connect.
    pub(super) fn socket(&self) -> &std::path::Path {
        &self.socket
    }

    pub(super) async fn status(&self) -> Result<Status, RpcError> {
        self.node.status_get(Empty {}).await
    }

    /// Waits until the node has come to its end, asked to or not.
    pub(super) async fn ended(&mut self) -> Result<(), RpcError> {
        let Some(running) = self.running.as_mut() else { return Ok(()) };
        let outcome = running.await;
        self.running = None;
        match outcome {
            Ok(outcome) => outcome.map_err(RpcError::from),
            Err(error) => Err(RpcError::new(&codes::INTERNAL, format!("The daemon stopped: {error}."))),
        }
    }

    /// Stops the node and the server, and gives the home back.
    pub(super) async fn close(mut self) -> Result<(), RpcError> {
        self.stop.cancel();
        let outcome = self.ended().await;
        let _ = self.serving.await;
        outcome
    }
}
