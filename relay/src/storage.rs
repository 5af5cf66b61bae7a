//! What a relay needs from a store. Rules that need an atomic step are here; all others are in the desk.

use std::fmt;

use async_trait::async_trait;
use bauta_protocol::handshake::HANDSHAKE_LEN;
use bauta_protocol::id::{BoxId, InboxId};
use bauta_protocol::limits::BOX_LEN;
use bauta_protocol::relay::Deposited;
use bauta_protocol::time::{Day, Timestamp};
use futures::stream::BoxStream;

use crate::error::StorageError;
use crate::policy::Stored;

/// The bytes of a deposit.
pub type SealedHandshake = Box<[u8; HANDSHAKE_LEN]>;

/// The bytes of a box.
pub type SealedBox = Box<[u8; BOX_LEN]>;

/// The result of `put_box`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PutOutcome {
    /// The box is new, and is stored.
    Stored,
    /// The same bytes were there. They are kept for another full time to live.
    Same,
    /// Other bytes are there, and stay.
    Different,
    /// The box was deleted: nothing is stored.
    Deleted,
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
    /// The inbox is full of deposits with as much work or more, or a quota is used up: nothing is stored.
    Full,
}

/// The result of `publish`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PublishOutcome {
    /// The bundle is stored in place of any older one.
    Stored,
    /// The same bytes were there.
    Same,
    /// The stored version is higher: nothing is changed.
    Stale,
    /// The stored version is the same, the bytes are not: nothing is changed.
    Different,
    /// A quota is used up: nothing is stored.
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
    /// The sealed bytes, always the same for the same bundle.
    pub bytes: Vec<u8>,
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
/// From its day of expiry on, a row counts as absent, whether or not `expire` has removed it.
#[async_trait]
pub trait Storage: Send + Sync + 'static {
    /// Stores a box if its id was never used: first write wins.
    async fn put_box(&self, id: BoxId, sealed: SealedBox, today: Day) -> Result<PutOutcome, StorageError>;

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

    /// The bytes of a box, or `None` if it was never written, has expired or was deleted.
    async fn get_box(&self, id: BoxId, today: Day) -> Result<Option<SealedBox>, StorageError>;

    /// Erases a box and keeps its id until its time to live is over. Without the box nothing happens.
    ///
    /// A tombstone for an id that was never written would be free of work, and could fill the store.
    async fn delete_box(&self, id: BoxId, today: Day) -> Result<(), StorageError>;

    /// Stores a deposit. `work` is its measured work; in a full inbox the least work goes first, the youngest of those.
    /// Sequence numbers of an inbox start above zero and grow, also across `drain`.
    async fn deposit(
        &self,
        inbox: InboxId,
        sealed: SealedHandshake,
        work: u8,
        now: Timestamp,
    ) -> Result<DepositOutcome, StorageError>;

    /// Whether this deposit was stored in the last days, even if it is no longer there.
    async fn deposit_seen(
        &self,
        inbox: InboxId,
        sealed: &SealedHandshake,
        today: Day,
    ) -> Result<bool, StorageError>;

    /// Erases all deposits up to `after`, and returns the first one that follows.
    async fn drain(&self, inbox: InboxId, after: u64, today: Day) -> Result<Option<Deposited>, StorageError>;

    /// Stores a bundle if its version is higher than the stored one.
    async fn publish(&self, bundle: StoredBundle, now: Timestamp) -> Result<PublishOutcome, StorageError>;

    /// The sealed bytes of a bundle, or `None` if there is none or it has expired.
    async fn bundle(&self, name: BundleName, now: Timestamp) -> Result<Option<Vec<u8>>, StorageError>;

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
