//! Brings the keys of posts from the store to the Gun relays, however often that takes.
//!
//! What is queued stays in the store until it was read back from a relay: a daemon that is killed at any point goes on
//! from there. An attempt carries keys of one post only.

use std::sync::Arc;
use std::time::Duration;

use bauta_protocol::time::Timestamp;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::Node;
use crate::engine::{self, Shared};
use crate::gun::{Gun, GunError, NodeUpdate};
use crate::store::{DuePublication, Reason, StoreError, Tx};

/// Keys of one post that are written at a time.
const BATCH: u32 = 32;
/// One attempt: connecting through the mixnet, writing, reading back.
const DEADLINE: Duration = Duration::from_secs(90);
/// The first wait after a failure; it doubles up to about 8 minutes.
const PATIENCE: Duration = Duration::from_secs(5);
/// After this the keys are given up.
const GIVE_UP: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// Without anything to do, the clock is looked at this often: it may have been set.
const LOOK: Duration = Duration::from_secs(300);

/// The task that publishes; dropping it ends it at once, as a crash would.
pub(crate) struct Publisher {
    wake: Arc<Notify>,
    task: JoinHandle<()>,
}

impl Publisher {
    /// Goes on with what is queued. Without a way to Gun relays, it stays queued.
    pub(crate) fn start(shared: Arc<Shared>, gun: Option<Gun>) -> Self {
        let wake: Arc<Notify> = Arc::default();
        let task = tokio::spawn(run(shared, gun, Arc::clone(&wake)));
        Self { wake, task }
    }

    /// Something was queued.
    pub(crate) fn wake(&self) {
        self.wake.notify_one();
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn run(shared: Arc<Shared>, gun: Option<Gun>, wake: Arc<Notify>) {
    loop {
        let woken = wake.notified();
        let wait = match attempt(&shared, gun.as_ref()).await {
            Ok(wait) => wait,
            Err(StoreError::Closed) => return,
            Err(error) => {
                tracing::warn!("Keys of posts could not be read or written: {error}. It is tried again.");
                PATIENCE
            }
        };
        tokio::select! {
            () = shared.stop.cancelled() => return,
            () = woken => {}
            () = tokio::time::sleep(wait) => {}
        }
    }
}

/// Publishes what is due of one post, and tells how long there is nothing to do.
async fn attempt(shared: &Shared, gun: Option<&Gun>) -> Result<Duration, StoreError> {
    let now = shared.time.now();
    let (due, next) = shared
        .store
        .run(move |tx| -> Result<_, StoreError> {
            Ok((tx.due_publications(now, BATCH)?, tx.next_publication()?))
        })
        .await?;
    if due.is_empty() {
        let left = next.map_or(LOOK, |next| next.since(now));
        return Ok(left.clamp(Duration::from_millis(10), LOOK));
    }
    let outcome = match gun {
        Some(gun) => tokio::select! {
            outcome = publish(gun, &due) => outcome,
            () = shared.stop.cancelled() => return Err(StoreError::Closed),
        },
        None => Err(Reason::GunNone),
    };
    let now = shared.time.now();
    shared.store.run(move |tx| keep(tx, &due, outcome.err(), now)).await?;
    Ok(Duration::ZERO)
}

async fn publish(gun: &Gun, due: &[DuePublication]) -> Result<(), Reason> {
    let mut updates = Vec::new();
    for publication in due {
        let nodes: Vec<Node> = serde_json::from_str(&publication.nodes).map_err(|_| Reason::Internal)?;
        updates.extend(nodes.into_iter().map(update));
    }
    gun.publish(updates, DEADLINE).await.map_err(|error| {
        tracing::debug!("The keys of a post are not published yet: {error}.");
        match error {
            GunError::Unreachable(_) => Reason::GunUnreachable,
            GunError::Timeout => Reason::GunTimeout,
            GunError::NotKept => Reason::GunNotKept,
            GunError::Overwritten => Reason::GunOverwritten,
            GunError::Invalid(_) => Reason::GunInvalid,
            GunError::Stopped => Reason::Stopping,
        }
    })
}

fn update(node: Node) -> NodeUpdate {
    let mut properties = node.values;
    properties.extend(node.links.iter().map(|(name, soul)| (name.clone(), NodeUpdate::link(soul))));
    NodeUpdate { soul: node.soul, properties }
}

/// Notes what became of an attempt, and tells.
fn keep(
    tx: &Tx<'_>,
    due: &[DuePublication],
    reason: Option<Reason>,
    now: Timestamp,
) -> Result<(), StoreError> {
    for publication in due {
        match reason {
            None => tx.publication_done(publication.row)?,
            Some(_) if now.since(publication.queued_at) > GIVE_UP => {
                tx.publication_failed(publication.row, Reason::GivenUp)?;
            }
            Some(reason) => {
                let wait = engine::after(PATIENCE, publication.attempts);
                let attempts = publication.attempts.saturating_add(1);
                tx.publication_later(publication.row, now.plus(wait), attempts, reason)?;
            }
        }
    }
    match due.first() {
        Some(first) => crate::node::tell_post(tx, first.iv, now),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use bauta_protocol::id::{Capability, RelayId};
    use bauta_protocol::mask::PostIv;
    use bauta_protocol::persona::PersonaSecret;

    use super::*;
    use crate::random;
    use crate::store::{Happened, NewPublication, Store};
    use crate::unlock::MasterKey;

    const NOW: Timestamp = Timestamp(1_790_000_000_000);

    /// A store in which two posts wait, the first of them with two keys.
    async fn store(home: &std::path::Path) -> Store {
        let store = Store::open(home, &MasterKey::for_tests([7; 32]), NOW).unwrap();
        let filled = store.run(|tx| -> Result<(), StoreError> {
            tx.learn_relay(RelayId([1; 32]), &[])?;
            let mut rng = random::rng();
            let (secret, inbox) = (PersonaSecret::generate(&mut rng), Capability::generate(&mut rng));
            let persona = tx.add_persona("alice", &secret, b"", &inbox, RelayId([1; 32]), NOW)?;
            for (iv, at) in [(1, 0), (2, 1), (1, 2)] {
                let new = NewPublication { iv: PostIv([iv; 16]), persona, nodes: "[]" };
                tx.queue_publication(&new, Timestamp(NOW.0 + at))?;
            }
            Ok(())
        });
        filled.await.unwrap();
        store
    }

    async fn run<T: Send + 'static>(
        store: &Store,
        job: impl FnOnce(&Tx<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> T {
        store.run(job).await.unwrap()
    }

    fn ivs(due: &[DuePublication]) -> Vec<u8> {
        due.iter().map(|one| one.iv.0[0]).collect()
    }

    #[tokio::test]
    async fn keys_go_out_post_by_post_and_failures_wait_longer_each_time() {
        let home = tempfile::tempdir().unwrap();
        let store = store(home.path()).await;
        let mut now = Timestamp(NOW.0 + 10);
        let mut waits = Vec::new();
        for _ in 0..3 {
            let at = now;
            let (due, next) = run(&store, move |tx| {
                let due = tx.due_publications(at, BATCH)?;
                keep(tx, &due, Some(Reason::GunUnreachable), at)?;
                // The other post is not held up.
                let other = tx.due_publications(at, BATCH)?;
                keep(tx, &other, None, at)?;
                Ok((due, tx.next_publication()?))
            })
            .await;
            assert_eq!(ivs(&due), [1, 1]);
            waits.push(next.unwrap().since(now));
            now = next.unwrap().plus(Duration::from_secs(60));
        }
        assert!(waits[0] >= PATIENCE && waits[1] >= PATIENCE * 2 && waits[2] >= PATIENCE * 4, "{waits:?}");
        let (failing, done) = run(&store, |tx| {
            Ok((tx.publications(PostIv([1; 16]))?.unwrap(), tx.publications(PostIv([2; 16]))?.unwrap()))
        })
        .await;
        assert_eq!(
            (failing.keys, failing.published, failing.failed, failing.reason.is_some()),
            (2, 0, 0, true)
        );
        assert_eq!((done.keys, done.published, done.reason), (1, 1, None));
        assert_eq!(run(&store, |tx| tx.count_stuck_publications()).await, 2);
    }

    #[tokio::test]
    async fn what_no_relay_takes_is_given_up_and_told() {
        let home = tempfile::tempdir().unwrap();
        let store = store(home.path()).await;
        let late = NOW.plus(GIVE_UP * 2);
        let events = run(&store, move |tx| {
            let due = tx.due_publications(late, BATCH)?;
            keep(tx, &due, Some(Reason::GunUnreachable), late)?;
            tx.prune_publications(Timestamp(NOW.0 + 1))?;
            tx.events_after(0, 10)
        })
        .await;
        let [event] = events.as_slice() else { panic!("{events:?}") };
        let Happened::PostState { count, .. } = event.what else { panic!("{event:?}") };
        assert_eq!((count.keys, count.failed, count.reason), (2, 2, Some(Reason::GivenUp)));
        let left = run(&store, |tx| tx.publications(PostIv([1; 16]))).await.unwrap();
        assert_eq!((left.keys, left.failed), (1, 1), "the older one was pruned");
        assert_eq!(run(&store, |tx| tx.count_stuck_publications()).await, 0);
    }
}
