//! Writing, and reading back what was written. A relay's acknowledgement is not enough.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bauta_protocol::gun::{Answer, Get, GunNode, Progress, Property};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout_at};

use super::connection::{Exchange, Lost};
use super::relay::Relay;
use super::update::dated;
use super::{ConnectError, Gun, GunError, MAX_RELAYS, NodeUpdate};

/// A relay acknowledges when it has written to its disk, and never if a write changes nothing.
const ACKNOWLEDGEMENTS: Duration = Duration::from_secs(4);
/// How long reading back may take.
const READING: Duration = Duration::from_secs(10);
/// The wait before the next attempt.
const RETRY: Duration = Duration::from_secs(1);
/// Nodes in one message.
const NODES: usize = 16;

impl Gun {
    /// Writes nodes and reads them back, again and again until one relay has them all or the deadline passes.
    /// If there are more relays, they continue until the deadline.
    ///
    /// # Errors
    /// [`GunError::Invalid`] for what Gun cannot hold; [`GunError::NotKept`] and [`GunError::Unreachable`] when the
    /// deadline passed, by what went wrong last; [`GunError::Overwritten`]; [`GunError::Stopped`].
    pub async fn publish(&self, nodes: Vec<NodeUpdate>, deadline: Duration) -> Result<(), GunError> {
        let state = self.inner.clock.next();
        let nodes: Result<Vec<GunNode>, GunError> =
            nodes.into_iter().map(|node| dated(node, state)).collect();
        self.publish_dated(nodes?, deadline).await
    }

    /// Like [`Self::publish`], with states that the caller gives.
    pub(crate) async fn publish_dated(
        &self,
        nodes: Vec<GunNode>,
        deadline: Duration,
    ) -> Result<(), GunError> {
        let until = Instant::now() + deadline;
        let (outcomes, mut outcome) = mpsc::channel(MAX_RELAYS);
        let inner = &self.inner;
        let permit = Arc::clone(&inner.publications).acquire_owned();
        let permit = tokio::select! {
            permit = timeout_at(until, permit) => match permit {
                Ok(Ok(permit)) => permit,
                Ok(Err(_)) => return Err(GunError::Stopped),
                Err(_) => return Err(GunError::Timeout),
            },
            () = inner.stop.cancelled() => return Err(GunError::Stopped),
        };
        for relay in &inner.relays {
            let (relay, nodes, outcomes) = (Arc::clone(relay), nodes.clone(), outcomes.clone());
            let stop = inner.stop.clone();
            // A relay that has failed for long is left out.
            let Some(place) = relay.place() else { continue };
            inner.tasks.spawn(async move {
                let doubt = Mutex::new(Doubt::default());
                let result = tokio::select! {
                    result = timeout_at(until, publish(&relay, nodes, &doubt)) => result,
                    () = stop.cancelled() => Ok(Err(GunError::Stopped)),
                };
                let result = result.unwrap_or_else(|_| Err(verdict(doubt, relay.doubt())));
                let _ = outcomes.send(result).await;
                drop(place);
            });
        }
        drop(outcomes);
        let mut worst = GunError::Timeout;
        while let Some(result) = outcome.recv().await {
            match result {
                Ok(()) => return Ok(()),
                Err(error) => worst = error,
            }
        }
        drop(permit);
        Err(worst)
    }
}

/// Why publishing was not over at the deadline.
fn verdict(doubt: Mutex<Doubt>, seems: Option<ConnectError>) -> GunError {
    let doubt = doubt.into_inner().unwrap_or_else(PoisonError::into_inner);
    match doubt.unreachable.or(seems) {
        _ if doubt.not_kept => GunError::NotKept,
        Some(error) => GunError::Unreachable(error),
        None => GunError::Timeout,
    }
}

/// Why the nodes are not confirmed to be at this relay, so far.
#[derive(Default)]
pub(super) struct Doubt {
    /// The relay answered, but does not have them.
    pub(super) not_kept: bool,
    /// The last failure to connect.
    pub(super) unreachable: Option<ConnectError>,
}

/// Writes to one relay until reading back returns the nodes, as often as necessary: the caller sets the deadline, and
/// finds in `doubt` why it was not enough.
pub(super) async fn publish(
    relay: &Arc<Relay>,
    mut nodes: Vec<GunNode>,
    doubt: &Mutex<Doubt>,
) -> Result<(), GunError> {
    let note =
        |change: &dyn Fn(&mut Doubt)| change(&mut doubt.lock().unwrap_or_else(|lock| lock.into_inner()));
    loop {
        let connection = match relay.connection().await {
            Ok(connection) => connection,
            Err(error) if error.is_final() => return Err(GunError::Unreachable(error)),
            Err(error) => {
                note(&|doubt| doubt.unreachable = Some(error.clone()));
                continue;
            }
        };
        let mut exchange = connection.exchange();
        match attempt(&mut exchange, &nodes).await {
            Ok(Outcome { overwritten: true, .. }) => return Err(GunError::Overwritten),
            Ok(Outcome { missing, .. }) if missing.is_empty() => return Ok(()),
            Ok(Outcome { missing, .. }) => {
                note(&|doubt| doubt.not_kept = true);
                nodes = missing;
            }
            Err(Lost) => exchange.give_up(),
        }
        drop(exchange);

        sleep(RETRY).await;
    }
}

struct Outcome {
    /// What the relay did not return.
    missing: Vec<GunNode>,
    /// Whether it returned something that wins over ours.
    overwritten: bool,
}

/// One round of writing and reading back.
async fn attempt(exchange: &mut Exchange, nodes: &[GunNode]) -> Result<Outcome, Lost> {
    let lists: Vec<Vec<GunNode>> = nodes.chunks(NODES).map(<[GunNode]>::to_vec).collect();
    let mut awaited: HashSet<_> = exchange.tell(lists).await?.into_iter().collect();
    let until = Instant::now() + ACKNOWLEDGEMENTS;
    while !awaited.is_empty() {
        let Ok(message) = timeout_at(until, exchange.next()).await else { break };
        if let Some(id) = message?.answers {
            awaited.remove(&id);
        }
    }
    read_back(exchange, nodes).await
}

async fn read_back(exchange: &mut Exchange, nodes: &[GunNode]) -> Result<Outcome, Lost> {
    let mut properties = Vec::new();
    for node in nodes {
        properties.extend(node.properties.keys().map(|name| (node, name)));
    }
    let gets = properties.iter().map(|(node, name)| Get::property(&node.soul, *name)).collect();
    let ids = exchange.ask(gets).await?;
    let mut open: HashMap<_, _> =
        ids.into_iter().zip(properties).map(|(id, asked)| (id, (asked, Answer::new(64)))).collect();
    let mut confirmed: HashSet<(&str, &str)> = HashSet::new();
    let mut overwritten = false;
    let until = Instant::now() + READING;
    let mut unanswered = open.len();
    while unanswered > 0 {
        let Ok(message) = timeout_at(until, exchange.next()).await else { break };
        let message = message?;
        let Some(((node, name), answer)) = message.answers.as_ref().and_then(|id| open.get_mut(id)) else {
            continue;
        };
        let is_first = answer.progress() == Progress::Waiting;
        answer.push(message);
        let ours = node.properties.get(*name);
        let theirs = answer.node(&node.soul).and_then(|node| node.properties.get(*name));
        match (ours, theirs) {
            (Some(ours), Some(theirs)) if is_same(ours, theirs) => {
                confirmed.insert((&node.soul, name));
            }
            (Some(ours), Some(theirs)) => overwritten |= theirs.wins_over(ours),
            _ => {}
        }
        if is_first {
            unanswered -= 1;
        }
    }
    let is_missing = |node: &&GunNode| {
        node.properties.keys().any(|name| !confirmed.contains(&(node.soul.as_str(), name.as_str())))
    };
    Ok(Outcome { missing: nodes.iter().filter(is_missing).cloned().collect(), overwritten })
}

/// Somebody may have written the same again, later.
fn is_same(ours: &Property, theirs: &Property) -> bool {
    ours.value == theirs.value && theirs.state >= ours.state
}
