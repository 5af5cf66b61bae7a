//! Brings the keys of posts from the store to the Gun relays, however often that takes.
//!
//! What is queued stays in the store until it was read back from a relay: a daemon that is killed at any point goes on
//! from there. An attempt carries keys of one post only.

// Why a key counts as published only when it was read back.
//
// A Gun relay acknowledges a write when it has stored at least one property of it, and says nothing to one that loses;
// an acknowledgement proves nothing (docs/gun.md). So `Gun::publish` asks for every property that it wrote and compares, and only its `Ok`
// reaches `keep`, which marks the rows in one transaction. The states of a row are then
//
//     queued --- read back ---------------> published
//        |--- anything else ---> queued, due later, with a reason
//        `--- after 30 days ----> failed, unless the clock is not trusted
//
// A crash between the read back and the transaction leaves the row queued, and it is written again: Gun merges the same
// node with itself into itself, so twice is as good as once. A crash anywhere else leaves it queued, too. No order of
// crashes loses a key or marks one that no relay has.
//
// An attempt carries keys of one post only, because a relay sees what is written over one connection at one time: keys
// of two posts together would show that both are by one author.

use std::sync::Arc;
use std::time::Duration;

use bauta_protocol::time::Timestamp;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::nodes::QueuedNode;
use super::{Guns, Way, announce};
use crate::engine::{self, Moment, Shared};
use crate::gun::{ConnectError, GunError, Instead, NodeUpdate};
use crate::store::{DuePublication, Reason, StoreError, Tx};

/// Keys of one post that are written at a time.
const BATCH: u32 = 32;
/// One attempt: connecting through the mixnet, writing, reading back.
const DEADLINE: Duration = Duration::from_secs(90);
/// The first wait after a failure; it doubles up to about 8 minutes.
const PATIENCE: Duration = Duration::from_secs(5);
/// No wait is longer: a time beyond was drawn by a clock that was ahead.
const LONGEST: Duration = PATIENCE.saturating_mul(100);
/// After this the keys are given up.
const GIVE_UP: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// Without anything to do, the clock is read this often: it may have been set.
const LOOK: Duration = Duration::from_secs(300);

/// The task that publishes; dropping it ends it at once, as a crash would.
pub(super) struct Publisher {
    wake: Arc<Notify>,
    task: JoinHandle<()>,
}

impl Publisher {
    /// Goes on with what is queued. Without a way to Gun relays, it stays queued.
    pub(super) fn start(shared: Arc<Shared>, guns: Option<Guns>) -> Self {
        let wake: Arc<Notify> = Arc::default();
        let task = tokio::spawn(run(shared, guns, Arc::clone(&wake)));
        Self { wake, task }
    }

    /// Something was queued.
    pub(super) fn wake(&self) {
        self.wake.notify_one();
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn run(shared: Arc<Shared>, guns: Option<Guns>, wake: Arc<Notify>) {
    loop {
        let woken = wake.notified();
        let wait = match attempt(&shared, guns.as_ref()).await {
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

/// Publishes what is due of one post, and returns how long there is nothing to do.
async fn attempt(shared: &Shared, guns: Option<&Guns>) -> Result<Duration, StoreError> {
    let now = shared.time.now();
    let (due, next) = shared.store.run(move |tx| due_by(tx, now)).await?;
    if due.is_empty() {
        let left = next.map_or(LOOK, |next| next.since(now));
        return Ok(left.clamp(Duration::from_millis(10), LOOK));
    }
    // All of them are keys of one post, and so of one persona.
    let way = guns.zip(due.first()).map(|(guns, first)| guns.of(first.persona));
    let outcome = match way {
        Some(Ok(way)) => tokio::select! {
            outcome = publish(&way, &due) => outcome,
            () = shared.stop.cancelled() => return Err(StoreError::Closed),
        },
        Some(Err(error)) => {
            tracing::warn!("There is no way to the Gun relays: {error}. It is tried again.");
            Err(Reason::Internal)
        }
        None => Err(Reason::GunNone),
    };
    let at = shared.moment();
    shared.store.run(move |tx| keep(tx, &due, outcome, &at)).await?;
    Ok(Duration::ZERO)
}

/// What is due of one post, and when more is.
fn due_by(tx: &Tx<'_>, now: Timestamp) -> Result<(Vec<DuePublication>, Option<Timestamp>), StoreError> {
    tx.pull_back_publications(now, now.plus(LONGEST))?;
    Ok((tx.due_publications(now, BATCH)?, tx.next_publication()?))
}

async fn publish(way: &Way, due: &[DuePublication]) -> Result<(), Reason> {
    let mut updates = Vec::new();
    for publication in due {
        let nodes: Vec<QueuedNode> = serde_json::from_str(&publication.nodes).map_err(|error| {
            tracing::warn!("The keys of a post in the store cannot be read: {error}.");
            Reason::Internal
        })?;
        updates.extend(nodes.into_iter().map(update));
    }
    way.settle().await;
    way.gun.publish(updates, DEADLINE).await.map_err(|error| {
        tracing::debug!("The keys of a post are not published yet: {error}. They are tried again.");
        reason(&error)
    })
}

fn update(node: QueuedNode) -> NodeUpdate {
    let mut properties = node.values;
    properties.extend(node.links.iter().map(|(name, soul)| (name.clone(), NodeUpdate::link(soul))));
    NodeUpdate { soul: node.soul, properties }
}

/// Why an attempt failed, as it is stored.
fn reason(error: &GunError) -> Reason {
    match error {
        GunError::Unreachable(ConnectError::WebSocket { instead, .. }) => match instead {
            Instead::WebPage => Reason::GunWebPage,
            Instead::Failure => Reason::GunFailure,
            Instead::Protocol => Reason::GunProtocol,
            Instead::Silence => Reason::GunSilence,
            Instead::Unclear => Reason::GunUnreachable,
        },
        GunError::Unreachable(ConnectError::Certificate { .. }) => Reason::GunCertificate,
        GunError::Unreachable(_) => Reason::GunUnreachable,
        GunError::Timeout => Reason::GunTimeout,
        GunError::NotKept => Reason::GunNotKept,
        GunError::Overwritten => Reason::GunOverwritten,
        GunError::Invalid(_) => Reason::GunInvalid,
        GunError::Stopped => Reason::Stopping,
    }
}

/// Notes what became of an attempt, and announces it.
fn keep(
    tx: &Tx<'_>,
    due: &[DuePublication],
    outcome: Result<(), Reason>,
    at: &Moment,
) -> Result<(), StoreError> {
    let now = at.now;
    for publication in due {
        match outcome {
            Ok(()) => tx.publication_done(publication.row)?,
            Err(_) if at.trusted && now.since(publication.queued_at) > GIVE_UP => {
                tx.publication_failed(publication.row, Reason::GivenUp)?;
            }
            Err(reason) => {
                let wait = engine::after(PATIENCE, publication.attempts);
                let attempts = publication.attempts.saturating_add(1);
                tx.publication_later(publication.row, now.plus(wait), attempts, reason)?;
            }
        }
    }
    match due.first() {
        Some(first) => announce(tx, first.iv, now),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use bauta_protocol::id::{Capability, RelayId};
    use bauta_protocol::mask::PostIv;
    use bauta_protocol::persona::PersonaSecret;
    use proptest::prelude::*;

    use super::*;
    use crate::random;
    use crate::store::{Happened, NewPublication, PersonaId, Store};
    use crate::unlock::MasterKey;

    const NOW: Timestamp = Timestamp(1_790_000_000_000);

    /// A store in which two posts wait, the first of them with two keys.
    async fn store(home: &std::path::Path) -> Store {
        let store = Store::open(home, &MasterKey::for_tests([7; 32]), NOW).unwrap();
        let persona = add_persona(&store).await;
        let filled = store.run(move |tx| -> Result<(), StoreError> {
            for (iv, at) in [(1, 0), (2, 1), (1, 2)] {
                let new = NewPublication { iv: PostIv([iv; 16]), persona, nodes: "[]" };
                tx.queue_publication(&new, Timestamp(NOW.0 + at))?;
            }
            Ok(())
        });
        filled.await.unwrap();
        store
    }

    async fn add_persona(store: &Store) -> PersonaId {
        run(store, |tx| {
            tx.name_relay(RelayId([1; 32]))?;
            let mut rng = random::rng();
            let (secret, inbox) = (PersonaSecret::generate(&mut rng), Capability::generate(&mut rng));
            tx.add_persona("alice", &secret, b"", &inbox, RelayId([1; 32]), NOW)
        })
        .await
    }

    async fn run<T: Send + 'static>(
        store: &Store,
        job: impl FnOnce(&Tx<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> T {
        store.run(job).await.unwrap()
    }

    fn moment(now: Timestamp) -> Moment {
        Moment { now, times: engine::Times::of(bauta_sphinx_client::Traffic::Test.pace()), trusted: true }
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
                keep(tx, &due, Err(Reason::GunUnreachable), &moment(at))?;
                // The other post is not held up.
                let other = tx.due_publications(at, BATCH)?;
                keep(tx, &other, Ok(()), &moment(at))?;
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
        assert_eq!(run(&store, |tx| tx.count_stuck_publications(tx.personas()?[0].id)).await, 2);
    }

    #[test]
    fn what_is_in_place_of_a_relay_is_kept_as_the_reason() {
        let relay = || "http://one/gun".to_owned();
        for (instead, expected) in [
            (Instead::WebPage, Reason::GunWebPage),
            (Instead::Failure, Reason::GunFailure),
            (Instead::Protocol, Reason::GunProtocol),
            (Instead::Silence, Reason::GunSilence),
            (Instead::Unclear, Reason::GunUnreachable),
        ] {
            let error = ConnectError::WebSocket { relay: relay(), reason: String::new(), instead, times: 1 };
            assert_eq!(reason(&GunError::Unreachable(error)), expected);
        }
        let error = ConnectError::Certificate { relay: relay(), reason: String::new() };
        assert_eq!(reason(&GunError::Unreachable(error)), Reason::GunCertificate);
        let error = ConnectError::Timeout { relay: relay() };
        assert_eq!(reason(&GunError::Unreachable(error)), Reason::GunUnreachable);
    }

    #[tokio::test]
    async fn what_no_relay_takes_is_given_up_and_announced() {
        let home = tempfile::tempdir().unwrap();
        let store = store(home.path()).await;
        let late = NOW.plus(GIVE_UP * 2);
        let events = run(&store, move |tx| {
            let due = tx.due_publications(late, BATCH)?;
            keep(tx, &due, Err(Reason::GunUnreachable), &moment(late))?;
            tx.prune_publications(Timestamp(NOW.0 + 1))?;
            tx.events_after(0, 10)
        })
        .await;
        let [event] = events.as_slice() else { panic!("{events:?}") };
        let Happened::PostState { count, .. } = event.what else { panic!("{event:?}") };
        assert_eq!((count.keys, count.failed, count.reason), (2, 2, Some(Reason::GivenUp)));
        let left = run(&store, |tx| tx.publications(PostIv([1; 16]))).await.unwrap();
        assert_eq!((left.keys, left.failed), (1, 1), "the older one was pruned");
        assert_eq!(run(&store, |tx| tx.count_stuck_publications(tx.personas()?[0].id)).await, 0);
    }

    /// A start with a clock that is far ahead reaches nobody; that must not end what waits.
    #[tokio::test]
    async fn nothing_is_given_up_while_the_clock_is_not_trusted() {
        let home = tempfile::tempdir().unwrap();
        let store = store(home.path()).await;
        let ahead = NOW.plus(GIVE_UP * 12);
        let count = run(&store, move |tx| {
            for _ in 0..2 {
                let due = tx.due_publications(ahead, BATCH)?;
                keep(tx, &due, Err(Reason::GunUnreachable), &Moment { trusted: false, ..moment(ahead) })?;
            }
            // The clock is right again, and nobody waits for the time that it showed.
            let right = Timestamp(NOW.0 + 10);
            loop {
                let due = due_by(tx, right)?.0;
                if due.is_empty() {
                    return tx.publications(PostIv([1; 16]));
                }
                keep(tx, &due, Ok(()), &moment(right))?;
            }
        });
        let count = count.await.unwrap();
        assert_eq!((count.keys, count.failed, count.published), (2, 0, 2));
    }

    /// What can happen to keys on their way.
    #[derive(Clone, Debug)]
    enum Step {
        Queue(u8),
        /// An attempt of which nothing is read back, for this reason.
        Fail(Reason),
        /// An attempt that is read back.
        Publish,
        /// The daemon is killed after the relay took the keys and before that is noted; then it starts again.
        Crash,
        Restart,
        /// So many seconds pass.
        Wait(u64),
    }

    fn any_step() -> impl Strategy<Value = Step> {
        let reasons = [Reason::GunNone, Reason::GunUnreachable, Reason::GunNotKept, Reason::Internal];
        prop_oneof![
            (0..3_u8).prop_map(Step::Queue),
            proptest::sample::select(reasons.to_vec()).prop_map(Step::Fail),
            Just(Step::Publish),
            Just(Step::Crash),
            Just(Step::Restart),
            prop_oneof![0..60_u64, 0..3_000_000_u64].prop_map(Step::Wait),
        ]
    }

    /// A daemon and a relay. The relay is the set of keys that reading back gives, by their nodes.
    struct Model {
        home: tempfile::TempDir,
        store: Option<Store>,
        now: Timestamp,
        queued: Vec<(u8, Timestamp)>,
        at_relay: BTreeSet<String>,
    }

    impl Model {
        async fn new() -> Self {
            let home = tempfile::tempdir().unwrap();
            let store = Store::open(home.path(), &MasterKey::for_tests([7; 32]), NOW).unwrap();
            add_persona(&store).await;
            Self { home, store: Some(store), now: NOW, queued: Vec::new(), at_relay: BTreeSet::new() }
        }

        fn store(&self) -> &Store {
            self.store.as_ref().unwrap()
        }

        async fn restart(&mut self) {
            if let Some(store) = self.store.take() {
                store.close().await;
            }
            self.store =
                Some(Store::open(self.home.path(), &MasterKey::for_tests([7; 32]), self.now).unwrap());
        }

        async fn step(&mut self, step: Step) {
            let now = self.now;
            match step {
                Step::Queue(iv) => {
                    // Each key has nodes of its own, by which the relay knows it.
                    let nodes = format!("[{{\"soul\":\"{}\"}}]", self.queued.len());
                    self.queued.push((iv, now));
                    run(self.store(), move |tx| {
                        let persona = tx.personas()?[0].id;
                        let new = NewPublication { iv: PostIv([iv; 16]), persona, nodes: &nodes };
                        tx.queue_publication(&new, now)
                    })
                    .await;
                }
                Step::Fail(reason) => {
                    let due = self.due().await;
                    run(self.store(), move |tx| keep(tx, &due, Err(reason), &moment(now))).await;
                }
                Step::Publish => {
                    let due = self.due().await;
                    self.at_relay.extend(due.iter().map(|one| one.nodes.clone()));
                    run(self.store(), move |tx| keep(tx, &due, Ok(()), &moment(now))).await;
                }
                Step::Crash => {
                    let due = self.due().await;
                    self.at_relay.extend(due.into_iter().map(|one| one.nodes));
                    self.restart().await;
                }
                Step::Restart => self.restart().await,
                Step::Wait(seconds) => self.now = now.plus(Duration::from_secs(seconds)),
            }
        }

        async fn due(&self) -> Vec<DuePublication> {
            let now = self.now;
            let due = run(self.store(), move |tx| tx.due_publications(now, BATCH)).await;
            assert!(due.iter().all(|one| one.iv == due[0].iv), "keys of one post at a time");
            due
        }

        async fn check(&self) {
            for iv in 0..3_u8 {
                let queued: Vec<&(u8, Timestamp)> = self.queued.iter().filter(|one| one.0 == iv).collect();
                let count = run(self.store(), move |tx| tx.publications(PostIv([iv; 16]))).await;
                let Some(count) = count else {
                    assert!(queued.is_empty());
                    continue;
                };
                assert_eq!(usize::try_from(count.keys).unwrap(), queued.len(), "no key is lost");
                let old = queued.iter().filter(|one| self.now.since(one.1) > GIVE_UP).count();
                assert!(usize::try_from(count.failed).unwrap() <= old, "none is given up early");
            }
            let published = self.counts().await.1;
            assert!(usize::try_from(published).unwrap() <= self.at_relay.len());
        }

        /// Keys, published ones and failed ones, of all posts.
        async fn counts(&self) -> (u32, u32, u32) {
            let mut all = (0, 0, 0);
            for iv in 0..3_u8 {
                if let Some(count) = run(self.store(), move |tx| tx.publications(PostIv([iv; 16]))).await {
                    all = (all.0 + count.keys, all.1 + count.published, all.2 + count.failed);
                }
            }
            all
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

        /// Whatever happens in between: a key is published exactly when it was read back, and none is lost.
        #[test]
        fn keys_are_published_when_read_back_and_never_lost(
            steps in proptest::collection::vec(any_step(), 1..24),
        ) {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let mut model = Model::new().await;
                for step in steps {
                    model.step(step).await;
                    model.check().await;
                }
                // In the end, a relay answers for long enough.
                loop {
                    let next = run(model.store(), |tx| tx.next_publication()).await;
                    let Some(next) = next else { break };
                    model.now = Timestamp(model.now.0.max(next.0));
                    model.step(Step::Publish).await;
                    model.check().await;
                }
                let (keys, published, failed) = model.counts().await;
                assert_eq!(keys, published + failed, "none waits for ever");
                let old = model.queued.iter().filter(|one| model.now.since(one.1) > GIVE_UP).count();
                assert!(usize::try_from(failed).unwrap() <= old);
            });
        }
    }
}
