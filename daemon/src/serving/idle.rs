//! Locking when nobody has used the daemon for a while.

use std::sync::Arc;

use bauta_ipc::Activity;
use tokio::sync::watch;

use crate::node::Locking;

/// Calls `lock` once, when the time that is set has passed without use.
pub(super) async fn watch(
    mut locking: watch::Receiver<Locking>,
    activity: Arc<Activity>,
    lock: impl Fn() + Send,
) {
    loop {
        let after = locking.borrow_and_update().after;
        let left = match after.map(|after| after.saturating_sub(activity.idle())) {
            Some(left) if left.is_zero() => {
                tracing::info!("Nobody used the daemon for a while, so it locks itself.");
                return lock();
            }
            left => left,
        };
        let passed = async {
            match left {
                Some(left) => tokio::time::sleep(left).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = passed => {}
            changed = locking.changed() => if changed.is_err() { return },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn it_locks_when_the_time_is_set_and_has_passed() {
        let settings = watch::Sender::new(Locking::default());
        let (locked, mut lockings) = tokio::sync::mpsc::unbounded_channel();
        let watching =
            tokio::spawn(watch(settings.subscribe(), Arc::default(), move || locked.send(()).unwrap()));
        settings.send_modify(|settings| settings.after = Some(Duration::from_secs(3600)));
        settings.send_modify(|settings| settings.after = None);
        assert!(lockings.try_recv().is_err());
        settings.send_modify(|settings| settings.after = Some(Duration::from_millis(1)));
        tokio::time::timeout(Duration::from_secs(120), lockings.recv()).await.unwrap().unwrap();
        watching.await.unwrap();
    }
}
