use async_trait::async_trait;
use futures::stream::BoxStream;

use crate::RpcError;
use crate::types::*;

/// What [`EventApi::event_subscribe`] gives.
pub struct EventStream {
    /// Events with a greater cursor will come.
    pub cursor: u64,
    /// The events in order of their cursors; polled only as fast as the reader reads.
    /// It ends when the daemon stops. An error ends the subscription and closes the connection.
    pub events: BoxStream<'static, Result<Event, RpcError>>,
}

/// The daemon's log. Written by hand, because no other method continues after its answer.
#[async_trait]
pub trait EventApi: Send + Sync + 'static {
    /// Opens the log at a cursor. `event.cursor` when the log does not reach there.
    async fn event_subscribe(&self, params: Subscribe) -> Result<EventStream, RpcError>;
}

/// What a locked daemon still does. All other calls are answered with `daemon.locked`.
#[async_trait]
pub trait LockedApi: Send + Sync + 'static {
    /// See `status.get`.
    async fn status(&self) -> Result<Status, RpcError>;
    /// See `unlock`.
    async fn unlock(&self, params: UnlockStore) -> Result<Empty, RpcError>;
}
