//! One signed descriptor for each UTC day.
//!
//! Clients tell their contacts which descriptor they saw, so two different ones for one day would look like a relay
//! that tags its clients. A descriptor is therefore stored before it is served, and then stays valid until midnight,
//! even if the doors or the difficulty would be others by now.

use std::collections::BTreeMap;
use std::sync::Arc;

use bauta_protocol::descriptor::{Descriptor, DescriptorError, DescriptorTerms, RelayIdentity};
use bauta_protocol::id::{DoorAddress, RelayId};
use bauta_protocol::limits::DESCRIPTOR_LIFETIME;
use bauta_protocol::time::Day;
use rand_core::CryptoRng;
use tokio::sync::Mutex;

use crate::error::StorageError;
use crate::policy::Difficulty;
use crate::storage::Storage;

/// Days kept in memory: the ones that work may be shown for, and one to spare.
const REMEMBERED: usize = 4;

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
    ) -> Self {
        let relay = identity.id();
        let book = Book { identity, doors, rng, days: BTreeMap::new() };
        Self { storage, relay, book: Mutex::new(book) }
    }

    pub(crate) fn relay(&self) -> RelayId {
        self.relay
    }

    /// The descriptor of the day, which is made and stored if there is none yet.
    pub(crate) async fn of(&self, day: Day) -> Result<Arc<Descriptor>, DailyError> {
        let mut book = self.book.lock().await;
        if let Some(known) = book.days.get(&day) {
            return Ok(Arc::clone(known));
        }
        let kept = match self.storage.descriptor(day).await.map_err(DailyError::Storage)? {
            Some(kept) => kept,
            None => {
                let made = book.sign(day, self.storage.fill_permille()).map_err(DailyError::Sign)?;
                self.storage
                    .keep_descriptor(day, made.as_bytes().to_vec())
                    .await
                    .map_err(DailyError::Storage)?
            }
        };
        let descriptor = Descriptor::from_bytes(&kept, self.relay).map_err(DailyError::Foreign)?;
        Ok(book.remember(day, descriptor))
    }

    /// The work that is asked for on `day`, today being `today`.
    ///
    /// That is what the day's descriptor says. If there never was one, as on a relay's first evening, today's counts.
    pub(crate) async fn difficulty(&self, day: Day, today: Day) -> Result<Difficulty, DailyError> {
        let descriptor = match self.before(day, today).await? {
            Some(descriptor) => descriptor,
            None => self.of(today).await?,
        };
        Ok(Difficulty { put_bits: descriptor.put_bits(), deposit_bits: descriptor.deposit_bits() })
    }

    async fn before(&self, day: Day, today: Day) -> Result<Option<Arc<Descriptor>>, DailyError> {
        // A descriptor for tomorrow may be in the store if the clock was set back: clients have not seen it.
        if day >= today {
            return Ok(None);
        }
        let mut book = self.book.lock().await;
        if let Some(known) = book.days.get(&day) {
            return Ok(Some(Arc::clone(known)));
        }
        let kept = self.storage.descriptor(day).await.map_err(DailyError::Storage)?;
        kept.map(|bytes| {
            let descriptor = Descriptor::from_bytes(&bytes, self.relay).map_err(DailyError::Foreign)?;
            Ok(book.remember(day, descriptor))
        })
        .transpose()
    }
}

impl Book {
    fn sign(&mut self, day: Day, fill: u16) -> Result<Descriptor, DescriptorError> {
        let difficulty = Difficulty::for_fill(fill);
        let terms = DescriptorTerms {
            day,
            doors: self.doors.clone(),
            put_bits: difficulty.put_bits,
            deposit_bits: difficulty.deposit_bits,
            expiry: day.start().plus(DESCRIPTOR_LIFETIME),
        };
        Descriptor::sign(&self.identity, &terms, self.rng.as_mut())
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
