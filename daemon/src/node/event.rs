//! The event log as a stream.

use std::collections::VecDeque;
use std::sync::Arc;

use async_trait::async_trait;
use bauta_ipc::{Event, EventApi, EventStream, RpcError, Subscribe, codes};
use bauta_protocol::time::Timestamp;
use futures::StreamExt;
use futures::stream;
use tokio::sync::watch;

use super::Node;
use super::view::{self, utc};
use crate::engine::Shared;
use crate::store::{StoreError, Tx};

/// Events read at a time.
const BATCH: u32 = 64;

struct Follower {
    shared: Arc<Shared>,
    announced: watch::Receiver<u64>,
    /// Everything up to here was read.
    cursor: u64,
    read: VecDeque<Event>,
}

#[async_trait]
impl EventApi for Node {
    async fn event_subscribe(&self, params: Subscribe) -> Result<EventStream, RpcError> {
        let announced = self.shared.store.events();
        let cursor = self
            .shared
            .store
            .run(move |tx| {
                let (floor, last) = (tx.event_floor()?, tx.last_event()?);
                match params.since {
                    None => Ok(last),
                    Some(0) => Ok(floor),
                    Some(since) if (floor..=last).contains(&since) => Ok(since),
                    Some(_) => Err(RpcError::new(
                        &codes::EVENT_CURSOR,
                        format!("The log holds what came after {floor}, up to {last}."),
                    )),
                }
            })
            .await?;
        let follower =
            Follower { shared: Arc::clone(&self.shared), announced, cursor, read: VecDeque::new() };
        let events = stream::unfold(follower, |mut follower| async move {
            let event = follower.next().await?;
            Some((event, follower))
        });
        Ok(EventStream { cursor, events: events.boxed() })
    }
}

impl Follower {
    /// The next event; `None` when the daemon stops.
    async fn next(&mut self) -> Option<Result<Event, RpcError>> {
        loop {
            if let Some(event) = self.read.pop_front() {
                return Some(Ok(event));
            }
            self.announced.borrow_and_update();
            let (cursor, now) = (self.cursor, self.shared.time.now());
            let read = self.shared.store.run(move |tx| read(tx, cursor, now)).await;
            match read {
                Ok(None) => {}
                Ok(Some((last, read))) => {
                    self.cursor = last;
                    self.read = read;
                    continue;
                }
                Err(StoreError::Closed) => return None,
                Err(error) => return Some(Err(error.into())),
            }
            tokio::select! {
                () = self.shared.stop.cancelled() => return None,
                changed = self.announced.changed() => changed.ok()?,
            }
        }
    }
}

/// The next events after a cursor, and the cursor they reach to; `None` at the log's end.
fn read(tx: &Tx<'_>, cursor: u64, now: Timestamp) -> Result<Option<(u64, VecDeque<Event>)>, StoreError> {
    let rows = tx.events_after(cursor, BATCH)?;
    let Some(last) = rows.last().map(|row| row.cursor) else { return Ok(None) };
    let mut shown = VecDeque::new();
    for row in rows {
        if let Some(body) = view::event(tx, &row, now)? {
            shown.push_back(Event { cursor: row.cursor, at: utc(row.at), body });
        }
    }
    Ok(Some((last, shown)))
}
