//! Looking for the reader's record in the partitions of a post.
//!
//! A look-up asks for a whole block of neighbouring tags, the same for every reader in it, each over a connection of
//! its own at its own random time. The reader's own tag is treated like the others until all of it is read:
//! only this machine knows which of them gave the key.

// Why a block of k tags, and not the own tag among random ones.
//
// Records are filed under the tag of their reader's key, 12 bits that never change, and a relay passes questions on to
// others: a look-up shows the whole network one tag. Random decoys would not hide it. Whoever links a few look-ups of
// one reader intersects the sets, and what is left is the tag that came with every post. The set must therefore be the
// same each time and the same for everybody in it, and so it is the block of k tags that begins at a multiple of k: 4096
// tags make 4096 / k blocks, and log2(k) bits of the tag do not show, however many look-ups are linked.
//
// That holds only while nothing else sets the own tag apart from the others. So every tag of the block
// - has a connection of its own: a relay numbers the connections, and questions on one of them belong together;
// - is asked for at a time drawn for itself within the same spread, so that the own one is not the first;
// - is read to its end, even if the key is found or the caller has gone away: whoever stops early shows where the key
//   was. This is why the visits are tasks that `look_up` does not wait for;
// - is bounded by the same limits. Records of other tags are counted and dropped, and only the own ones are tried.
//
// What is not hidden: that somebody looks for this post, and how many records each partition has.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bauta_protocol::mask::limits::MAX_RECORDS;
use bauta_protocol::mask::partition::{Tag, v37_set, v38_paths};
use bauta_protocol::mask::{
    DecryptError, Network, Opened, Payload, PostIv, PublicKey, Record, SecretKey, Version,
};
use serde_json::{Map, Value};
use tokio::sync::{Semaphore, mpsc};

use super::reading::open_with;
use super::{PostError, Settings, off_thread};
use crate::engine::Shared;
use crate::gun::{CollectLimits, Ended, GetLimits, Gun, GunError};
use crate::store::Happened;

/// How long one partition is read at most.
const DEADLINE: Duration = Duration::from_secs(60);
/// How long to wait for missing pieces of an answer.
const QUIET: Duration = Duration::from_secs(5);
/// Partitions that are read at a time, by all look-ups of a daemon.
pub(super) const AT_A_TIME: usize = 16;
/// Records that are tried at a time.
const BATCH: usize = 64;

/// What is looked for.
pub(super) struct Lookup {
    pub(super) shared: Arc<Shared>,
    pub(super) gun: Gun,
    pub(super) payload: Arc<Payload>,
    /// The reader's.
    pub(super) key: SecretKey,
    /// As known from the profile.
    pub(super) author_key: Option<PublicKey>,
    pub(super) iv: PostIv,
    pub(super) settings: Settings,
    /// [`AT_A_TIME`] permits.
    pub(super) permits: Arc<Semaphore>,
}

/// Where records may be.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Partition {
    soul: String,
    network: Network,
    /// The reader's own tag; the others hide it.
    is_own: bool,
    /// The node itself is the record, as before version -38.
    is_single: bool,
}

/// The partitions of a post for the readers of one block.
pub(super) fn partitions(
    version: Version,
    networks: &[Network],
    post: Tag,
    own: Tag,
    settings: Settings,
) -> Vec<Partition> {
    let mut partitions = Vec::new();
    for network in networks {
        for tag in settings.block_of(own) {
            let souls: Vec<String> = match version {
                Version::V37 => v37_set(*network, post, tag).into_iter().collect(),
                Version::V38 | Version::V39 => v38_paths(*network, post, tag)
                    .into_iter()
                    .map(|[parent, name]| format!("{parent}/{name}"))
                    .collect(),
                Version::V40 => Vec::new(),
            };
            partitions.extend(souls.into_iter().map(|soul| Partition {
                soul,
                network: *network,
                is_own: tag == own,
                is_single: false,
            }));
        }
    }
    partitions
}

/// The one node of a reader in version -40: a path of links, each of which is named after its place.
pub(super) fn single_node(path: &[String], network: Network) -> Partition {
    Partition { soul: path.join("/"), network, is_own: true, is_single: true }
}

/// The result of reading the reader's own partition.
enum Report {
    Opened(Box<Opened>, Network),
    /// A record gave the key, but the message does not read.
    Broken(DecryptError),
    /// All of it was read.
    Read,
    /// It has more records than are tried.
    Flooded,
    Failed(GunError),
}

/// Reads all partitions, and returns what the first record says that opens the post. The others are still read to their ends.
///
/// # Errors
/// [`PostError::Closed`] after everything was read; [`PostError::NotRead`] where something could not be.
pub(super) async fn look_up(
    lookup: Lookup,
    partitions: Vec<Partition>,
) -> Result<(Opened, Network), PostError> {
    let lookup = Arc::new(lookup);
    let (reports, mut reported) = mpsc::unbounded_channel();
    let progress = Arc::new(Progress {
        of: u32::try_from(partitions.len()).unwrap_or(u32::MAX),
        done: AtomicU32::new(0),
        records: AtomicU32::new(0),
    });
    progress.announce(&lookup);
    for partition in partitions {
        let (lookup, reports, progress) = (Arc::clone(&lookup), reports.clone(), Arc::clone(&progress));
        // A reader who has found the key, or gone away, still asks for all of them.
        tokio::spawn(async move {
            tokio::select! {
                () = lookup.shared.stop.cancelled() => {}
                () = visit(&lookup, &partition, &reports, &progress) => {}
            }
            progress.done.fetch_add(1, Ordering::Relaxed);
            progress.announce(&lookup);
        });
    }
    drop(reports);
    let (mut failure, mut flooded) = (None, false);
    while let Some(report) = reported.recv().await {
        match report {
            Report::Opened(opened, network) => return Ok((*opened, network)),
            Report::Broken(error) => return Err(PostError::Closed(error)),
            Report::Read => {}
            Report::Flooded => flooded = true,
            Report::Failed(error) => failure = Some(error),
        }
    }
    Err(match failure {
        Some(error) => PostError::NotRead(error),
        None if flooded => PostError::Closed(DecryptError::TooManyRecords),
        None => PostError::Closed(DecryptError::NotShared),
    })
}

/// Reads one partition.
async fn visit(
    lookup: &Lookup,
    partition: &Partition,
    reports: &mpsc::UnboundedSender<Report>,
    progress: &Progress,
) {
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
            if partition.is_own
                && count <= MAX_RECORDS
                && let Ok(record) = Record::from_properties(node, lookup.payload.version)
            {
                // Whoever tries them may be satisfied already.
                let _ = records.send(record);
            }
        };
        let read = read(lookup, partition, take).await;
        (read, count)
    };
    if !partition.is_own {
        let _ = reading.await;
        return;
    }
    let ((read, count), ()) = tokio::join!(reading, try_records(lookup, partition.network, found, reports));
    let _ = reports.send(match read {
        Ok(true) if count <= MAX_RECORDS => Report::Read,
        Ok(true) => Report::Flooded,
        Ok(false) => Report::Failed(GunError::Timeout),
        Err(error) => Report::Failed(error),
    });
}

/// Whether all of it was read.
async fn read(
    lookup: &Lookup,
    partition: &Partition,
    mut take: impl FnMut(&Map<String, Value>) + Send,
) -> Result<bool, GunError> {
    if partition.is_single {
        let limits = GetLimits { quiet: QUIET, deadline: DEADLINE };
        if let Some(node) = lookup.gun.get(&partition.soul, limits).await? {
            take(&node);
        }
        return Ok(true);
    }
    let limits =
        CollectLimits { members: MAX_RECORDS + 1, quiet: QUIET, deadline: DEADLINE, own_connection: true };
    let collected = lookup.gun.collect(&partition.soul, limits, |_, node| {
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
        let (payload, key, author_key) = (Arc::clone(&lookup.payload), lookup.key.clone(), lookup.author_key);
        let records = std::mem::take(&mut batch);
        let report = match off_thread(move || open_with(&payload, &key, author_key.as_ref(), &records)).await
        {
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
    fn announce(&self, lookup: &Lookup) {
        let now = lookup.shared.time.now();
        let what = Happened::PostLookup {
            iv: lookup.iv,
            done: self.done.load(Ordering::Relaxed),
            of: self.of,
            records: self.records.load(Ordering::Relaxed),
        };
        lookup.shared.store.later("announce a look-up", move |tx| tx.emit(what, now));
    }
}
