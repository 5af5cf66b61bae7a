//! One signed descriptor for each UTC day.
//!
//! Clients tell their contacts which descriptor they saw, so two different ones for one day would look like a relay
//! that tags its clients. A descriptor is therefore stored before it is served, and then stays valid until midnight,
//! even if the doors or the difficulty would be others by now. What work is asked for at present is in the digest.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bauta_protocol::descriptor::{Descriptor, DescriptorError, DescriptorTerms, RelayIdentity, Size};
use bauta_protocol::digest::header::{Header, Interval};
use bauta_protocol::id::{DoorAddress, RelayId};
use bauta_protocol::limits::DESCRIPTOR_LIFETIME;
use bauta_protocol::time::Day;
use rand_core::CryptoRng;
use tokio::sync::Mutex;

use crate::crowd::Crowd;
use crate::error::StorageError;
use crate::policy::Difficulty;
use crate::storage::Storage;

/// Days kept in memory: today, and yesterday for the interval that ends at midnight.
const REMEMBERED: usize = 2;

/// A persona counts as one that uses the relay for this long after it last renewed its bundle: daemons renew every few
/// days while they are online.
const IN_USE: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Why there is no descriptor.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DailyError {
    #[error(transparent)]
    Storage(StorageError),
    #[error("the stored descriptor is not ours: {0}")]
    Foreign(DescriptorError),
    #[error("cannot sign a descriptor: {0}")]
    Sign(DescriptorError),
}

pub(crate) struct Daily {
    storage: Arc<dyn Storage>,
    relay: RelayId,
    /// How long an interval of the digest is.
    interval: Duration,
    crowd: Arc<Crowd>,
    book: Mutex<Book>,
}

struct Book {
    identity: RelayIdentity,
    doors: Vec<DoorAddress>,
    rng: Box<dyn CryptoRng + Send>,
    days: BTreeMap<Day, Arc<Descriptor>>,
}

impl Daily {
    pub(crate) fn new(
        storage: Arc<dyn Storage>,
        identity: RelayIdentity,
        doors: Vec<DoorAddress>,
        rng: Box<dyn CryptoRng + Send>,
        interval: Duration,
        crowd: Arc<Crowd>,
    ) -> Self {
        let relay = identity.id();
        let book = Book { identity, doors, rng, days: BTreeMap::new() };
        Self { storage, relay, interval, crowd, book: Mutex::new(book) }
    }

    pub(crate) fn relay(&self) -> RelayId {
        self.relay
    }

    /// The descriptor of the day, which is made and stored if there is none yet. Close what intervals ended before the
    /// day first, because it names the last of them.
    pub(crate) async fn of(&self, day: Day) -> Result<Arc<Descriptor>, DailyError> {
        let mut book = self.book.lock().await;
        if let Some(known) = book.days.get(&day) {
            return Ok(Arc::clone(known));
        }
        let kept = match self.storage.descriptor(day).await.map_err(DailyError::Storage)? {
            Some(kept) => kept,
            None => {
                let terms = self.terms(day, &book.doors).await.map_err(DailyError::Storage)?;
                let made = book.sign(&terms).map_err(DailyError::Sign)?;
                self.storage
                    .keep_descriptor(day, made.as_bytes().to_vec())
                    .await
                    .map_err(DailyError::Storage)?
            }
        };
        let descriptor = Descriptor::from_bytes(&kept, self.relay).map_err(DailyError::Foreign)?;
        Ok(book.remember(day, descriptor))
    }

    async fn terms(&self, day: Day, doors: &[DoorAddress]) -> Result<DescriptorTerms, StorageError> {
        let fill = self.storage.fill_permille();
        let difficulty = Difficulty::for_fill(fill);
        let personas = self.storage.personas_since(day.start().minus(IN_USE)).await?;
        Ok(DescriptorTerms {
            day,
            doors: doors.to_vec(),
            put_bits: difficulty.put_bits,
            deposit_bits: difficulty.deposit_bits,
            size: Size::of(personas),
            takes_personas: self.storage.takes_personas() && self.crowd.has_room(),
            last_header: self.last_header_before(day).await?,
            expiry: day.start().plus(DESCRIPTOR_LIFETIME),
        })
    }

    async fn last_header_before(&self, day: Day) -> Result<Option<Header>, StorageError> {
        let length = u64::try_from(self.interval.as_millis()).unwrap_or(u64::MAX);
        let ended = |number: Interval| number.0.saturating_add(1).saturating_mul(length) <= day.start().0;
        let intervals = self.storage.intervals().await?;
        let Some(last) = intervals.iter().rev().find(|one| ended(one.number)) else { return Ok(None) };
        let header = Header::decode(&last.header);
        header.map(Some).map_err(|_| StorageError::Damaged("an interval of the digest"))
    }
}

impl Book {
    fn sign(&mut self, terms: &DescriptorTerms) -> Result<Descriptor, DescriptorError> {
        Descriptor::sign(&self.identity, terms, self.rng.as_mut())
    }

    fn remember(&mut self, day: Day, descriptor: Descriptor) -> Arc<Descriptor> {
        let descriptor = Arc::new(descriptor);
        self.days.insert(day, Arc::clone(&descriptor));
        while self.days.len() > REMEMBERED {
            self.days.pop_first();
        }
        descriptor
    }
}
