//! Reading from all relays at a time, and joining what they say.

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};

use bauta_protocol::gun::{Get, GunNode};
use serde_json::{Map, Value as Json};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

use super::update::check_name;
use super::{CollectLimits, Collected, ConnectError, Ended, GetLimits, Gun, GunError, UPDATES, collect};

impl Gun {
    /// Reads a set's members from all relays and gives each to `on_node` as soon as it is whole: its soul, and its
    /// properties with links as `{"#": soul}`. A node that a relay changes meanwhile, or that relays have in different
    /// states, is given again.
    ///
    /// # Errors
    /// [`GunError::Unreachable`] and [`GunError::Timeout`] when no relay answered; [`GunError::Stopped`].
    pub async fn collect(
        &self,
        set: &str,
        limits: CollectLimits,
        mut on_node: impl FnMut(&str, &Map<String, Json>) -> ControlFlow<()> + Send,
    ) -> Result<Collected, GunError> {
        check_name(set)?;
        let until = Instant::now() + limits.deadline;
        let (found, mut nodes) = mpsc::channel::<GunNode>(UPDATES);
        let mut reading = JoinSet::new();
        for relay in &self.inner.relays {
            let (relay, set, found) = (Arc::clone(relay), set.to_owned(), found.clone());
            reading.spawn(async move {
                let last = Mutex::new(None);
                let read = timeout_at(until, collect::set(&relay, &set, limits, found, &last)).await;
                read.unwrap_or_else(|_| Err(too_late(last, relay.doubt())))
            });
        }
        drop(found);
        let mut given = HashSet::new();
        let mut count = 0;
        loop {
            let node = tokio::select! {
                node = nodes.recv() => node,
                () = self.inner.stop.cancelled() => return Err(GunError::Stopped),
            };
            let Some(node) = node else { break };
            let properties = node.to_map();
            let print = fingerprint(&node.soul, &properties);
            if !given.insert(print) {
                continue;
            }
            count += 1;
            if on_node(&node.soul, &properties).is_break() {
                return Ok(Collected { ended: Ended::Enough, nodes: count, members: count });
            }
        }
        let mut collected: Option<Collected> = None;
        let mut failure = GunError::Timeout;
        while let Some(read) = reading.join_next().await {
            match read {
                Ok(Ok(read)) => {
                    let so_far =
                        collected.get_or_insert(Collected { ended: read.ended, nodes: count, members: 0 });
                    so_far.ended = so_far.ended.max(read.ended);
                    so_far.members = so_far.members.max(read.members);
                }
                Ok(Err(error)) => failure = error,
                Err(_) => {}
            }
        }
        match collected {
            Some(collected) => Ok(collected),
            None if count > 0 => Ok(Collected { ended: Ended::Deadline, nodes: count, members: count }),
            None => Err(failure),
        }
    }

    /// Reads one node from all relays; `None` when none of those that answered has it.
    ///
    /// # Errors
    /// [`GunError::Unreachable`] and [`GunError::Timeout`] when no relay answered; [`GunError::Stopped`].
    pub async fn get(&self, soul: &str, limits: GetLimits) -> Result<Option<Map<String, Json>>, GunError> {
        Ok(self.get_dated(Get::node(soul), limits).await?.map(|node| node.to_map()))
    }

    /// Reads one property of a node; of a large node this is much cheaper.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub async fn get_property(
        &self,
        soul: &str,
        name: &str,
        limits: GetLimits,
    ) -> Result<Option<Json>, GunError> {
        let node = self.get_dated(Get::property(soul, name), limits).await?;
        Ok(node.and_then(|node| node.to_map().remove(name)))
    }

    /// As [`Self::get`], with the states.
    pub(crate) async fn get_dated(&self, get: Get, limits: GetLimits) -> Result<Option<GunNode>, GunError> {
        check_name(&get.soul)?;
        let until = Instant::now() + limits.deadline;
        let mut reading = JoinSet::new();
        for relay in &self.inner.relays {
            let (relay, get) = (Arc::clone(relay), get.clone());
            reading.spawn(async move {
                let last = Mutex::new(None);
                let read = timeout_at(until, collect::node(&relay, &get, limits.quiet, &last)).await;
                read.unwrap_or_else(|_| Err(too_late(last, relay.doubt())))
            });
        }
        let mut answer: Option<Option<GunNode>> = None;
        let mut failure = GunError::Timeout;
        loop {
            let read = tokio::select! {
                read = reading.join_next() => read,
                () = self.inner.stop.cancelled() => return Err(GunError::Stopped),
            };
            match read {
                None => break,
                Some(Ok(Ok(Some(node)))) => {
                    let all =
                        answer.get_or_insert_default().get_or_insert_with(|| GunNode::new(get.soul.clone()));
                    all.merge(node, f64::INFINITY);
                }
                Some(Ok(Ok(None))) => drop(answer.get_or_insert_default()),
                Some(Ok(Err(error))) => failure = error,
                Some(Err(_)) => {}
            }
        }
        answer.ok_or(failure)
    }
}

/// Why reading was not over at the deadline: the last failure to connect, or else what the relay seems to be.
fn too_late(last: Mutex<Option<ConnectError>>, doubt: Option<ConnectError>) -> GunError {
    let last = last.into_inner().unwrap_or_else(PoisonError::into_inner);
    last.or(doubt).map_or(GunError::Timeout, GunError::Unreachable)
}

/// A hash of a node's content, to recognise it without storing it.
fn fingerprint(soul: &str, properties: &Map<String, Json>) -> [u8; 32] {
    use sha2::{Digest, Sha256};
    let mut hash = Sha256::new();
    hash.update((soul.len() as u64).to_be_bytes());
    hash.update(soul);
    hash.update(serde_json::to_vec(properties).unwrap_or_default());
    hash.finalize().into()
}
