//! Following a node for as long as somebody takes the updates.

use std::sync::{Arc, Mutex};

use bauta_protocol::gun::{Get, GunNode, State};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::collect::{FIRST_ANSWER, NODE_PROPERTIES, both, connect};
use super::relay::Relay;
use super::{Gun, UPDATES};

/// Updates of a node, as long as it is kept.
pub struct Subscription {
    updates: mpsc::Receiver<GunNode>,
    _watching: JoinSet<()>,
}

impl Subscription {
    /// The next change: a node with the properties that changed. The same change may come from more than one relay.
    /// `None` once the client is stopped.
    pub async fn next(&mut self) -> Option<GunNode> {
        self.updates.recv().await
    }
}

impl Gun {
    /// Watches a node at all relays, from its present state on, while they are connected.
    #[must_use]
    pub fn subscribe(&self, soul: &str) -> Subscription {
        self.follow(Get::node(soul))
    }

    /// Like [`Self::subscribe`], but sends only what is asked for of the present state.
    pub(crate) fn follow(&self, get: Get) -> Subscription {
        let (sender, updates) = mpsc::channel(UPDATES);
        let mut watching = JoinSet::new();
        for relay in &self.inner.relays {
            let (relay, get, sender) = (Arc::clone(relay), get.clone(), sender.clone());
            let stop = self.inner.stop.clone();
            watching.spawn(async move {
                tokio::select! {
                    () = watch(&relay, &get, sender) => {}
                    () = stop.cancelled() => {}
                }
            });
        }
        Subscription { updates, _watching: watching }
    }
}

/// Watches one node at one relay for as long as somebody takes the updates.
async fn watch(relay: &Arc<Relay>, get: &Get, updates: mpsc::Sender<GunNode>) {
    let soul = get.soul.as_str();
    let mut node = GunNode::new(soul);
    let last = Mutex::new(None);
    while !updates.is_closed() {
        // A relay that cannot be reached now may be later; its growing pauses keep this from spinning.
        let Ok(mut exchange) = connect(relay, false, &last).await else {
            tokio::time::sleep(FIRST_ANSWER).await;
            continue;
        };
        exchange.watch(soul);
        if exchange.ask(both(get)).await.is_err() {
            continue;
        }
        loop {
            let message = tokio::select! {
                message = exchange.next() => message,
                () = updates.closed() => return,
            };
            let Ok(message) = message else { break };
            for mut part in message.put.into_iter().flatten().filter(|part| part.soul == soul) {
                part.properties.retain(|name, property| {
                    node.properties.get(name).is_none_or(|known| property.wins_over(known))
                });
                let has_room = node.properties.len().saturating_add(part.properties.len()) <= NODE_PROPERTIES;
                if part.properties.is_empty() || !has_room {
                    continue;
                }
                node.merge(part.clone(), State::INFINITY);
                if updates.send(part).await.is_err() {
                    return;
                }
            }
        }
    }
}
