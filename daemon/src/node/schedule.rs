//! Backups that the daemon makes by itself.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bauta_ipc::{RpcError, codes};
use bauta_protocol::time::Timestamp;
use data_encoding::HEXLOWER;
use tokio::sync::Notify;
use tokio_util::task::AbortOnDropHandle;
use zeroize::Zeroizing;

use super::config::{self, BACKUP_DIR, BACKUP_EVERY, BACKUP_KEEP};
use super::moved::moved_at;
use super::view::utc;
use crate::backup::{BackupError, Timers, write};
use crate::engine::Shared;
use crate::random;
use crate::store::{StoreError, Tx};

/// Where the passphrase is in the store.
pub(super) const PASSPHRASE: &str = "backup.passphrase";
/// When the last one was made: a time.
const MADE_AT: &str = "backup.made_at";
/// What the names of this home's backups have in common: two homes may use one directory.
const NAME: &str = "backup.name";

/// After a failure, unless a setting changes.
const AGAIN: Duration = Duration::from_secs(3600);

/// Files of the directory that are looked at, at most.
const MOST_FILES: usize = 100_000;

/// Kept when no number is set, as the setting says.
const KEEP: usize = 7;

/// The task that makes backups; dropping it ends it.
pub(super) struct Schedule {
    changed: Arc<Notify>,
    failed: Arc<Mutex<Option<RpcError>>>,
    _task: AbortOnDropHandle<()>,
}

impl Schedule {
    pub(super) fn start(shared: Arc<Shared>) -> Self {
        let (changed, failed) = (Arc::<Notify>::default(), Arc::<Mutex<Option<RpcError>>>::default());
        let task = tokio::spawn(run(shared, Arc::clone(&changed), Arc::clone(&failed)));
        Self { changed, failed, _task: AbortOnDropHandle::new(task) }
    }

    /// A setting may have changed.
    pub(super) fn look(&self) {
        self.changed.notify_one();
    }

    /// Why the last backup was not made, while that is so.
    pub(super) fn failure(&self) -> Option<RpcError> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn run(shared: Arc<Shared>, changed: Arc<Notify>, failed: Arc<Mutex<Option<RpcError>>>) {
    let mut failed_at: Option<Timestamp> = None;
    loop {
        tokio::select! {
            () = shared.stop.cancelled() => return,
            () = changed.notified() => failed_at = None,
            () = tokio::time::sleep(shared.times.waits.check) => {}
        }
        let now = shared.time.now();
        // A clock that was set back does not make it wait.
        if failed_at.is_some_and(|at| at <= now && now.since(at) < AGAIN) {
            continue;
        }
        let made = make_due(&shared, now).await;
        failed_at = made.as_ref().err().map(|_| now);
        if let Err(error) = &made {
            tracing::warn!("A backup was not made: {} It is tried again within the hour.", error.message);
        }
        *failed.lock().unwrap_or_else(PoisonError::into_inner) = made.err().map(shown);
    }
}

fn shown(error: RpcError) -> RpcError {
    RpcError::new(&codes::BACKUP_FAILED, format!("A backup was not made: {}", error.message))
}

/// What is to be made now.
struct Due {
    dir: PathBuf,
    name: String,
    keep: usize,
    passphrase: Zeroizing<String>,
}

fn due(tx: &Tx<'_>, now: Timestamp) -> Result<Option<Due>, RpcError> {
    let missing = |message: &str| Err(RpcError::new(&codes::BACKUP_FAILED, message));
    if moved_at(tx)?.is_some() {
        return Ok(None);
    }
    let every = config::kept::<humantime::Duration>(tx, BACKUP_EVERY)?.unwrap_or_default().pop();
    let Some(every) = every else { return Ok(None) };
    // One of a later time was made by a clock that was ahead.
    let is_fresh = |at: u64| at <= now.0 && now.since(Timestamp(at)) < *every;
    if tx.meta_u64(MADE_AT)?.is_some_and(is_fresh) {
        return Ok(None);
    }
    let dir = config::kept_text(tx, BACKUP_DIR)?.filter(|dir| !dir.is_empty());
    let Some(dir) = dir else { return missing("No directory is set: bauta config set backup.dir DIRECTORY") };
    let Some(passphrase) = passphrase(tx)? else {
        return missing("They have no passphrase yet: bauta config set backup.every 1d asks for it.");
    };
    let keep = config::kept::<usize>(tx, BACKUP_KEEP)?.unwrap_or_default().pop().unwrap_or(KEEP);
    Ok(Some(Due { dir: dir.into(), name: name(tx)?, keep, passphrase }))
}

fn passphrase(tx: &Tx<'_>) -> Result<Option<Zeroizing<String>>, StoreError> {
    let kept = tx.meta(PASSPHRASE)?.map(String::from_utf8).transpose();
    kept.map(|kept| kept.map(Zeroizing::new)).map_err(|_| StoreError::Damaged("a setting"))
}

fn name(tx: &Tx<'_>) -> Result<String, StoreError> {
    if let Some(kept) = config::kept_text(tx, NAME)? {
        return Ok(kept);
    }
    let mut drawn = [0; 4];
    random::fill(&mut drawn);
    let name = HEXLOWER.encode(&drawn);
    tx.set_meta(NAME, name.as_bytes())?;
    Ok(name)
}

/// Makes a backup where one is due.
async fn make_due(shared: &Shared, now: Timestamp) -> Result<(), RpcError> {
    let Some(due) = shared.store.run(move |tx| due(tx, now)).await? else { return Ok(()) };
    let Due { dir, name, keep, passphrase } = due;
    let stem = format!("bauta-{name}-");
    let time: String = utc(now).to_string().chars().filter(|digit| !":.-".contains(*digit)).collect();
    let path = dir.join(format!("{stem}{time}.age"));
    let (place, start) = (dir.clone(), stem.clone());
    tidy(move || remove_parts(&place, &start), &dir).await?;
    write(&shared.store, &path, &passphrase, Timers::LeftOut, now).await?;
    // Only now: until there is a new one, the old ones are all there is.
    let (place, made) = (dir.clone(), path);
    tidy(move || remove_old(&place, &stem, &made, keep), &dir).await?;
    let noted = shared.store.run(move |tx| tx.set_meta(MADE_AT, &now.0.to_be_bytes()));
    Ok(noted.await?)
}

async fn tidy(
    work: impl FnOnce() -> std::io::Result<()> + Send + 'static,
    dir: &Path,
) -> Result<(), RpcError> {
    let done = tokio::task::spawn_blocking(work).await.unwrap_or(Ok(()));
    done.map_err(|source| BackupError::File { path: dir.to_owned(), source }.into())
}

/// Names in the directory that begin and end so, in order; the time in them makes that the order of their making.
fn names(dir: &Path, start: &str, end: &str) -> std::io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(dir)?.take(MOST_FILES) {
        if let Ok(name) = entry?.file_name().into_string()
            && name.starts_with(start)
            && name.ends_with(end)
        {
            names.push(name);
        }
    }
    names.sort_unstable();
    Ok(names)
}

/// A daemon that was killed may have left one.
fn remove_parts(dir: &Path, stem: &str) -> std::io::Result<()> {
    names(dir, stem, ".age.part")?.iter().try_for_each(|name| fs::remove_file(dir.join(name)))
}

/// Leaves as many as are to be kept, among them the one that was just made. Those of a later time were made by a clock
/// that was ahead: they go first, or else each new one would seem older than they are and go at once.
fn remove_old(dir: &Path, stem: &str, made: &Path, keep: usize) -> std::io::Result<()> {
    let all = names(dir, stem, ".age")?;
    let made = made.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let (later, rest): (Vec<String>, Vec<String>) = all.into_iter().partition(|name| name.as_str() > made);
    let old = later.len().saturating_add(rest.len()).saturating_sub(keep);
    later.iter().chain(&rest).take(old).try_for_each(|name| fs::remove_file(dir.join(name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_one_just_made_stays_whatever_a_clock_that_was_ahead_has_left() {
        let dir = tempfile::tempdir().unwrap();
        let make = |time: &str| {
            let path = dir.path().join(format!("bauta-ab-{time}.age"));
            fs::write(&path, "").unwrap();
            path
        };
        let left = || names(dir.path(), "bauta-", ".age").unwrap();
        let of = |times: &[&str]| -> Vec<String> {
            times.iter().map(|time| format!("bauta-ab-{time}.age")).collect()
        };
        for time in ["20260101T000000000Z", "20260102T000000000Z", "20270601T000000000Z"] {
            make(time);
        }
        for (time, expected) in [
            ("20260103T000000000Z", ["20260102T000000000Z", "20260103T000000000Z"]),
            ("20260104T000000000Z", ["20260103T000000000Z", "20260104T000000000Z"]),
        ] {
            let made = make(time);
            remove_old(dir.path(), "bauta-ab-", &made, 2).unwrap();
            assert_eq!(left(), of(&expected));
        }
        make("20270601T000000000Z");
        let made = make("20260105T000000000Z");
        remove_old(dir.path(), "bauta-ab-", &made, 1).unwrap();
        assert_eq!(left(), of(&["20260105T000000000Z"]));
    }
}
