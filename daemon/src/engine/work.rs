//! Searches for the work that a relay asks for.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::{Semaphore, oneshot};

/// What is searched for. Each kind has its own turn: a put is found in milliseconds, a deposit may take many seconds.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    Put,
    Deposit,
}

/// One search of each kind at a time, over all personas: relays choose how much they ask for, and this machine is not
/// theirs. More threads would find no more.
static PUTS: Semaphore = Semaphore::const_new(1);
static DEPOSITS: Semaphore = Semaphore::const_new(1);

/// The lowest priority of Unix.
const IDLE: i32 = 19;

/// Searches on a thread of its own at the lowest priority. `None`: not found `within` this time, which counts from now.
/// Dropping the future ends the search.
pub(super) async fn search<T: Send + 'static>(
    kind: Kind,
    within: Duration,
    find: impl FnOnce(&AtomicBool) -> Option<T> + Send + 'static,
) -> Option<T> {
    struct StopOnDrop(Arc<AtomicBool>);
    impl Drop for StopOnDrop {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Relaxed);
        }
    }
    let turns = match kind {
        Kind::Put => &PUTS,
        Kind::Deposit => &DEPOSITS,
    };
    let searching = async {
        let _turn = turns.acquire().await.ok()?;
        let guard = StopOnDrop(Arc::new(AtomicBool::new(false)));
        let stop = Arc::clone(&guard.0);
        let (reply, found) = oneshot::channel();
        // A pool's thread would keep its priority for whatever comes after.
        let thread = std::thread::Builder::new().name("work".to_owned()).spawn(move || {
            if let Err(error) = rustix::process::setpriority_process(None, IDLE) {
                tracing::debug!("A search runs at normal priority: {error}.");
            }
            // Nobody may wait for it any more.
            drop(reply.send(find(&stop)));
        });
        thread.ok()?;
        let found = found.await.ok()?;
        drop(guard);
        found
    };
    tokio::time::timeout(within, searching).await.ok().flatten()
}

#[cfg(test)]
mod tests {
    use bauta_protocol::id::{BoxId, RelayId};
    use bauta_protocol::time::Day;
    use bauta_protocol::work::find_put_work;

    use super::*;

    #[tokio::test]
    async fn a_search_ends_at_its_deadline_and_the_next_one_has_its_turn() {
        let endless =
            |stop: &AtomicBool| find_put_work(&RelayId([1; 32]), Day(1), &BoxId([2; 32]), 255, stop);
        let short = Duration::from_millis(50);
        assert!(search(Kind::Put, short, endless).await.is_none());
        let easy = |stop: &AtomicBool| find_put_work(&RelayId([1; 32]), Day(1), &BoxId([2; 32]), 4, stop);
        assert!(search(Kind::Put, Duration::from_secs(60), easy).await.is_some());
        let ended = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&ended);
        let watched = move |stop: &AtomicBool| {
            let found = endless(stop);
            told.store(true, Ordering::Relaxed);
            found
        };
        assert!(search(Kind::Deposit, short, watched).await.is_none());
        let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
        while !ended.load(Ordering::Relaxed) {
            assert!(tokio::time::Instant::now() < deadline, "its thread goes on");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}
