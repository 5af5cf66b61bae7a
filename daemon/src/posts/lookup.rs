//! Looking for the reader's record in the partitions of a post.
//!
//! A look-up asks for a whole block of neighbouring tags, the same for every reader in it, each over a connection of
//! its own at its own random time. The reader's own tag is treated like the others down to the end of its reading:
//! only this machine knows which of them gave the key.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bauta_ipc::{RpcError, codes};
use bauta_protocol::mask::limits::MAX_RECORDS;
use bauta_protocol::mask::partition::{Tag, v37_set, v38_paths};
use bauta_protocol::mask::{DecryptError, Network, Opened, Payload, PostIv, Record, Version};
use serde_json::{Map, Value};
use tokio::sync::{Semaphore, mpsc};

use super::{Keys, Settings, gun_failed, off_thread, open_with};
use crate::engine::Shared;
use crate::gun::{CollectLimits, Ended, GetLimits, Gun, GunError};
use crate::store::Happened;

/// One partition is read for so long at most.
const DEADLINE: Duration = Duration::from_secs(60);
/// How long to wait for missing pieces of an answer.
const QUIET: Duration = Duration::from_secs(5);
/// Places that are read at a time, by all look-ups of a daemon.
pub(crate) const AT_A_TIME: usize = 16;
/// Records that are tried at a time.
const BATCH: usize = 64;

/// What is looked for.
pub(crate) struct Lookup {
    pub(crate) shared: Arc<Shared>,
    pub(crate) gun: Gun,
    pub(crate) payload: Arc<Payload>,
    pub(crate) keys: Arc<Keys>,
    pub(crate) iv: PostIv,
    pub(crate) settings: Settings,
    /// [`AT_A_TIME`] permits.
    pub(crate) permits: Arc<Semaphore>,
}

/// Where records may lie.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Place {
    soul: String,
    network: Network,
    /// The reader's own tag; the others hide it.
    own: bool,
    /// The node itself is the record, as before version -38.
    single: bool,
}

/// The places of a post's records for the readers of one block.
pub(crate) fn places(
    version: Version,
    networks: &[Network],
    post: Tag,
    own: Tag,
    settings: Settings,
) -> Vec<Place> {
    let mut places = Vec::new();
    for network in networks {
        for tag in settings.block_of(own) {
            let souls = match version {
                Version::V37 => v37_set(*network, post, tag).into_iter().collect(),
                Version::V38 | Version::V39 => v38_paths(*network, post, tag)
                    .into_iter()
                    .map(|[parent, name]| format!("{parent}/{name}"))
                    .collect(),
                Version::V40 => Vec::new(),
            };
            let souls: Vec<String> = souls;
            places.extend(souls.into_iter().map(|soul| Place {
                soul,
                network: *network,
                own: tag == own,
                single: false,
            }));
        }
    }
    places
}

/// The one node of a reader in version -40: a path of links, each of which is named after its place.
pub(crate) fn single_place(path: &[String], network: Network) -> Place {
    Place { soul: path.join("/"), network, own: true, single: true }
}

/// What a reading of one's own place tells.
enum Report {
    Opened(Box<Opened>, Network),
    /// A record gave the key, but the message does not read.
    Broken(DecryptError),
    /// The place was read to its end.
    Read,
    /// More records than are tried.
    Flooded,
    Failed(GunError),
}

/// Reads all places, and comes back with the first record that opens the post. The others are read on behind it.
///
/// # Errors
/// `post.not_shared` after everything was read; `gun.unreachable` where something could not be.
pub(crate) async fn look_up(lookup: Lookup, places: Vec<Place>) -> Result<(Opened, Network), RpcError> {
    let lookup = Arc::new(lookup);
    let (reports, mut reported) = mpsc::unbounded_channel();
    let progress = Arc::new(Progress {
        of: u32::try_from(places.len()).unwrap_or(u32::MAX),
        done: AtomicU32::new(0),
        records: AtomicU32::new(0),
    });
    progress.tell(&lookup);
    for place in places {
        let (lookup, reports, progress) = (Arc::clone(&lookup), reports.clone(), Arc::clone(&progress));
        // A reader who has found the key, or gone away, still asks for all places.
        tokio::spawn(async move {
            tokio::select! {
                () = lookup.shared.stop.cancelled() => {}
                () = visit(&lookup, &place, &reports, &progress) => {}
            }
            progress.done.fetch_add(1, Ordering::Relaxed);
            progress.tell(&lookup);
        });
    }
    drop(reports);
    let (mut failure, mut flooded) = (None, false);
    while let Some(report) = reported.recv().await {
        match report {
            Report::Opened(opened, network) => return Ok((*opened, network)),
            Report::Broken(error) => return Err(super::unreadable(&error)),
            Report::Read => {}
            Report::Flooded => flooded = true,
            Report::Failed(error) => failure = Some(error),
        }
    }
    Err(match failure {
        Some(error) => {
            let error = gun_failed(&error);
            let message = format!(
                "{}, so it is not known whether the post is shared with you.",
                error.message.trim_end_matches('.')
            );
            RpcError::new(&codes::GUN_UNREACHABLE, message)
        }
        None if flooded => super::unreadable(&DecryptError::TooManyRecords),
        None => super::unreadable(&DecryptError::NotShared),
    })
}

/// Reads one place.
async fn visit(lookup: &Lookup, place: &Place, reports: &mpsc::UnboundedSender<Report>, progress: &Progress) {
    tokio::time::sleep(lookup.settings.delay()).await;
    // Never closed.
    let _permit = lookup.permits.acquire().await;
    let (records, found) = mpsc::unbounded_channel();
    let reading = async {
        // Nothing is left to try once this is dropped.
        let records = records;
        let mut count = 0_usize;
        let take = |node: &Map<String, Value>| {
            progress.records.fetch_add(1, Ordering::Relaxed);
            count += 1;
            if place.own
                && count <= MAX_RECORDS
                && let Ok(record) = Record::from_properties(node, lookup.payload.version)
            {
                // Whoever tries them may be satisfied already.
                let _ = records.send(record);
            }
        };
        let read = read(lookup, place, take).await;
        (read, count)
    };
    if !place.own {
        let _ = reading.await;
        return;
    }
    let ((read, count), ()) = tokio::join!(reading, try_records(lookup, place.network, found, reports));
    let _ = reports.send(match read {
        Ok(true) if count <= MAX_RECORDS => Report::Read,
        Ok(true) => Report::Flooded,
        Ok(false) => Report::Failed(GunError::Timeout),
        Err(error) => Report::Failed(error),
    });
}

/// Whether everything was read.
async fn read(
    lookup: &Lookup,
    place: &Place,
    mut take: impl FnMut(&Map<String, Value>) + Send,
) -> Result<bool, GunError> {
    if place.single {
        let limits = GetLimits { quiet: QUIET, deadline: DEADLINE };
        if let Some(node) = lookup.gun.get(&place.soul, limits).await? {
            take(&node);
        }
        return Ok(true);
    }
    let limits =
        CollectLimits { members: MAX_RECORDS + 1, quiet: QUIET, deadline: DEADLINE, own_connection: true };
    let collected = lookup.gun.collect(&place.soul, limits, |_, node| {
        take(node);
        ControlFlow::Continue(())
    });
    Ok(collected.await?.ended != Ended::Deadline)
}

/// Tries records as they come, until one opens the post.
async fn try_records(
    lookup: &Lookup,
    network: Network,
    mut found: mpsc::UnboundedReceiver<Record>,
    reports: &mpsc::UnboundedSender<Report>,
) {
    let mut batch = Vec::new();
    while found.recv_many(&mut batch, BATCH).await > 0 {
        let (payload, keys) = (Arc::clone(&lookup.payload), Arc::clone(&lookup.keys));
        let records = std::mem::take(&mut batch);
        let report = match off_thread(move || open_with(&payload, &keys, &records)).await {
            Ok(Ok(opened)) => Report::Opened(Box::new(opened), network),
            Ok(Err(DecryptError::NotShared)) | Err(_) => continue,
            Ok(Err(error)) => Report::Broken(error),
        };
        let _ = reports.send(report);
        return;
    }
}

struct Progress {
    of: u32,
    done: AtomicU32,
    records: AtomicU32,
}

impl Progress {
    fn tell(&self, lookup: &Lookup) {
        let now = lookup.shared.time.now();
        let event = Happened::PostLookup {
            iv: lookup.iv,
            done: self.done.load(Ordering::Relaxed),
            of: self.of,
            records: self.records.load(Ordering::Relaxed),
        };
        lookup.shared.store.later("write an event", move |tx| tx.emit(event, now));
    }
}
