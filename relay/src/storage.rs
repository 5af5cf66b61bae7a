//! What a relay needs from a store. Rules that need an atomic step are here; all others are in the desk.

use std::fmt;

use async_trait::async_trait;
use bauta_protocol::digest::header::Interval;
use bauta_protocol::digest::set::Tag;
use bauta_protocol::handshake::HANDSHAKE_LEN;
use bauta_protocol::id::{BoxId, InboxId};
use bauta_protocol::limits::BOX_LEN;
#[cfg(doc)]
use bauta_protocol::limits::KNOWN_HEADERS;
use bauta_protocol::relay::Deposited;
use bauta_protocol::time::{Day, Timestamp};
use futures::stream::BoxStream;

use crate::error::StorageError;
use crate::policy::Stored;

pub use crate::policy::Hour;

/// The bytes of a deposit.
pub type SealedHandshake = Box<[u8; HANDSHAKE_LEN]>;

/// The bytes of a box.
pub type SealedBox = Box<[u8; BOX_LEN]>;

/// The result of `put_box`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PutOutcome {
    /// The box is new, and is stored.
    Stored,
    /// The same bytes are there, or were dropped after they went out. Those that never went out are kept for another
    /// full time to live.
    Same,
    /// Other bytes are there, or were: nothing is changed.
    Different,
    /// A quota is used up: nothing is stored.
    Full,
}

/// The result of `deposit`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DepositOutcome {
    /// The deposit is new, and is stored. Another one may have been removed to make room.
    Stored,
    /// The same deposit came before: nothing is stored.
    Same,
    /// The inbox is full of deposits with as much work or more: nothing is stored.
    Outdone,
    /// A quota is used up: nothing is stored.
    Full,
}

/// How many deposits came to an inbox.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DepositsOfDay {
    /// In the last 24 hours.
    pub all: u32,
    /// Those of them that came before the last full hour.
    pub settled: u32,
}

/// The result of `publish`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PublishOutcome {
    /// The bundle is stored in place of any older one.
    Stored,
    /// The same bytes were there.
    Same,
    /// The stored version is higher, or one that the publisher does not know of: nothing is changed.
    Stale,
    /// The stored version is the same, the bytes are not: nothing is changed.
    Different,
    /// The persona has no bundle here, and no new ones are taken: nothing is stored.
    Full,
}

/// The name of a bundle in the store: a hash, so that the store does not show whose bundles it holds.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct BundleName(pub [u8; 32]);

impl fmt::Debug for BundleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BundleName(..)")
    }
}

/// A bundle as the store sees it: already checked, and sealed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredBundle {
    /// Its name.
    pub name: BundleName,
    /// Its version.
    pub version: Timestamp,
    /// When it stops being served.
    pub expiry: Timestamp,
    /// When its version may be forgotten: no lower version can be valid after that.
    pub forget: Timestamp,
    /// Its inbox, under the name that the store knows it by.
    pub inbox: InboxId,
    /// What the inbox is listed by. It is kept as long as a deposit, also when the bundle is stored already.
    pub bell: [u8; 32],
    /// The sealed bytes, always the same for the same bundle.
    pub bytes: Vec<u8>,
}

/// A closed interval of the digest as the store keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredInterval {
    /// Its number.
    pub number: Interval,
    /// The header, encoded.
    pub header: Vec<u8>,
    /// The set, encoded.
    pub set: Vec<u8>,
}

/// News from the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// This box can be read now.
    Box(BoxId),
    /// The subscriber was too slow, or the store lost sight of its changes: any box may have come.
    Missed,
}

/// A subscription to the news of a store. It ends when the store is dropped.
pub type Arrivals = BoxStream<'static, Arrival>;

/// The store of a relay.
///
/// Every method that changes something returns only after the change would survive a loss of power.
/// A method that fails may or may not have changed the store, so its request gets no `Done`.
/// From its day of expiry on, a row counts as absent, whether or not `expire` has removed it; and so a box that is to be
/// dropped or forgotten.
#[async_trait]
pub trait Storage: Send + Sync + 'static {
    /// Stores a box if its id is not known: first write wins, and its tag with it.
    async fn put_box(
        &self,
        id: BoxId,
        tag: Tag,
        sealed: SealedBox,
        now: Timestamp,
    ) -> Result<PutOutcome, StorageError>;

    /// The boxes that are stored from now on, by any process.
    ///
    /// A relay holds the reply to a `Get` of an absent box and answers it when the box comes. This is how it learns of
    /// that: after `put_box` returned `Stored`, here or in another process that shares the store, the id comes out of
    /// every subscription that began before the put. An id comes only when `get_box` gives the box; it may come twice,
    /// and late, but not after more than a second. A subscription that lost ids yields
    /// [`Arrival::Missed`] instead; the relay then looks for every box that somebody waits for.
    ///
    /// A store in one process feeds this from its own commits. One that several processes share needs a notification of
    /// its database, or a table of recent ids that each process reads.
    fn arrivals(&self) -> Arrivals;

    /// The bytes of a box, or `None` if it was never written, has expired, or was dropped after it went out.
    async fn get_box(&self, id: BoxId, now: Timestamp) -> Result<Option<SealedBox>, StorageError>;

    /// Notes that these boxes first went out in this hour: from now on they do not wait, and some time later they are
    /// dropped ([`policy::dropped_since`](crate::policy::dropped_since)) and forgotten. Ids without a box are skipped.
    async fn mark_out(&self, ids: Vec<BoxId>, hour: Hour) -> Result<(), StorageError>;

    /// The tags of all boxes that never went out, in any order. It may take seconds, and delays no other method.
    async fn waiting(&self, today: Day) -> Result<Vec<Tag>, StorageError>;

    /// Keeps a closed interval, and forgets all but the last [`KNOWN_HEADERS`].
    async fn keep_interval(&self, interval: StoredInterval) -> Result<(), StorageError>;

    /// The intervals that are kept, in ascending order.
    async fn intervals(&self) -> Result<Vec<StoredInterval>, StorageError>;

    /// Stores a deposit. `work` is its measured work; in a full inbox the least work goes first, the youngest of those.
    /// Sequence numbers of an inbox start above zero and grow, also across `drain`.
    async fn deposit(
        &self,
        inbox: InboxId,
        sealed: SealedHandshake,
        work: u8,
        now: Timestamp,
    ) -> Result<DepositOutcome, StorageError>;

    /// Whether this deposit was stored in the last days, also if it was drained since, but not if it had to give way.
    async fn deposit_seen(
        &self,
        inbox: InboxId,
        sealed: &SealedHandshake,
        today: Day,
    ) -> Result<bool, StorageError>;

    /// How many different deposits came to the inbox in the last day, whatever became of them.
    async fn deposits_of_day(&self, inbox: InboxId, now: Hour) -> Result<DepositsOfDay, StorageError>;

    /// What the inbox is listed by.
    async fn bell(&self, inbox: InboxId, today: Day) -> Result<Option<[u8; 32]>, StorageError>;

    /// What all inboxes are listed by in which a deposit waits. It may take seconds, and delays no other method.
    async fn waiting_bells(&self, today: Day) -> Result<Vec<[u8; 32]>, StorageError>;

    /// Erases all deposits up to `after`, and returns the first one that follows.
    async fn drain(&self, inbox: InboxId, after: u64, today: Day) -> Result<Option<Deposited>, StorageError>;

    /// Stores a bundle if its version is higher than the stored one, and that is not higher than `known`, the newest
    /// that the publisher knows of. `takes_new`: also one of a persona that has none.
    async fn publish(
        &self,
        bundle: StoredBundle,
        known: Timestamp,
        takes_new: bool,
        now: Timestamp,
    ) -> Result<PublishOutcome, StorageError>;

    /// The sealed bytes of a bundle, or `None` if there is none or it has expired.
    async fn bundle(&self, name: BundleName, now: Timestamp) -> Result<Option<Vec<u8>>, StorageError>;

    /// How many personas have a bundle whose version is later than this.
    async fn personas_since(&self, moment: Timestamp) -> Result<u64, StorageError>;

    /// Whether there is room for a persona that is not known.
    fn takes_personas(&self) -> bool;

    /// Stores the descriptor of a day if there is none yet, and returns the one that is stored.
    async fn keep_descriptor(&self, day: Day, bytes: Vec<u8>) -> Result<Vec<u8>, StorageError>;

    /// The descriptor of a day.
    async fn descriptor(&self, day: Day) -> Result<Option<Vec<u8>>, StorageError>;

    /// Removes at most `limit` expired rows of each kind, and returns how many it removed.
    async fn expire(&self, now: Timestamp, limit: u32) -> Result<usize, StorageError>;

    /// What the store holds. Expired rows count until `expire` removes them.
    fn stored(&self) -> Stored;

    /// How full the store is, in thousandths.
    fn fill_permille(&self) -> u16;

    /// Finishes what was started and closes the store. Later calls fail with [`StorageError::Closed`].
    async fn close(&self) -> Result<(), StorageError>;
}
