//! A daemon whose store is closed: it says so, and waits to be unlocked.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use bauta_ipc::{
    ConnectionState, Empty, GunStatus, HomeLock, Listener, LockedApi, RpcError, ServerLimits, Service,
    Status, UnlockStore, Utc, codes, serve_with,
};
use bauta_protocol::time::Clock;
use bauta_sphinx_client::SystemClock;
use tokio::sync::{Mutex, mpsc};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use zeroize::Zeroizing;

use super::supervisor;
use crate::node::{Node, NodeConfig};
use crate::unlock::{Mode, Unlock};

/// Answers until the store is open, or `stop` is cancelled: then there is no node.
pub(super) async fn serve(
    config: NodeConfig,
    lock: &HomeLock,
    stop: CancellationToken,
) -> Result<Option<Arc<Node>>, RpcError> {
    let (opened, mut node) = mpsc::channel(1);
    let api: Arc<dyn LockedApi> = Arc::new(Locked {
        home: config.home.clone(),
        network: if config.network.is_local() { "local" } else { "mainnet" },
        since: Utc::from_millis(SystemClock.now().0),
        config: Arc::new(Mutex::new(Some(config))),
        opened,
    });
    let done = stop.child_token();
    let own = (Listener::bind(lock).await?, Service::locked(Arc::clone(&api)));
    let extensions = (Listener::bind_bridge(lock).await?, Service::locked_for_extensions(api));
    let serving = [own, extensions].map(|(listener, service)| {
        tokio::spawn(serve_with(listener, service, ServerLimits::default(), done.clone()))
    });
    let _watching = AbortOnDropHandle::new(tokio::spawn(supervisor::watch(|| std::future::ready(true))));
    supervisor::ready();
    let node = tokio::select! {
        () = stop.cancelled() => None,
        node = node.recv() => node,
    };
    // The answer to `unlock` is still written.
    done.cancel();
    for serving in serving {
        let _ = serving.await;
    }
    Ok(node)
}

struct Locked {
    home: PathBuf,
    network: &'static str,
    since: Utc,
    /// Taken when the store is open. One attempt at a time: each costs what the passphrase costs to try.
    config: Arc<Mutex<Option<NodeConfig>>>,
    opened: mpsc::Sender<Arc<Node>>,
}

#[async_trait]
impl LockedApi for Locked {
    async fn status(&self) -> Result<Status, RpcError> {
        Ok(Status {
            state: ConnectionState::Locked,
            phase: None,
            since: self.since,
            last_exchange: None,
            traffic: String::new(),
            traffic_note: String::new(),
            network: self.network.to_owned(),
            personas: Vec::new(),
            relays: Vec::new(),
            gun: GunStatus::default(),
            health: vec![RpcError::new(&codes::DAEMON_LOCKED, "The daemon is locked.")],
            version: env!("CARGO_PKG_VERSION").to_owned(),
            queued: 0,
            unlisted: 0,
        })
    }

    async fn unlock(&self, params: UnlockStore) -> Result<Empty, RpcError> {
        let unlock = match (Unlock::mode_of(&self.home)?, params.passphrase) {
            (Some(Mode::Keychain), _) => Unlock::Keychain,
            (Some(Mode::Passphrase), Some(passphrase)) => {
                Unlock::Passphrase(Zeroizing::new(passphrase.reveal().to_owned()))
            }
            (Some(Mode::Passphrase), None) => {
                let message = "This home is protected by a passphrase, and none was given.";
                return Err(RpcError::new(&codes::UNLOCK_REQUIRED, message).hint("Run: bauta unlock"));
            }
            (Some(Mode::KeyFile) | None, _) => Unlock::KeyFile,
        };
        let (config, opened) = (Arc::clone(&self.config), self.opened.clone());
        // On its own: a caller who goes away in the middle must not leave a store that is half open.
        let opening = tokio::spawn(async move {
            let mut waiting = config.lock().await;
            let Some(config) = waiting.as_ref() else { return Ok(()) };
            let node = Node::open(NodeConfig { unlock, ..config.clone() }).await?;
            *waiting = None;
            let _ = opened.send(node).await;
            Ok::<_, RpcError>(())
        });
        opening.await.unwrap_or_else(|error| {
            Err(RpcError::new(&codes::INTERNAL, format!("The store was not opened: {error}.")))
        })?;
        Ok(Empty {})
    }
}
