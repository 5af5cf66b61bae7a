//! How posts are looked up: how many neighbouring tags hide the reader's own, and over how long a time.

use std::time::Duration;

use bauta_protocol::error::{HasKind, Kind};
use bauta_protocol::mask::partition::Tag;

use crate::store::{StoreError, Tx};

const BLOCK: &str = "posts.block";
const SPREAD: &str = "posts.spread";

/// Past this, a look-up costs more than it hides.
const MOST: u16 = 64;
/// The longest spread, in seconds.
const LONGEST: u32 = 3600;

/// The settings of look-ups.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Settings {
    /// Tags asked for at each look-up: a power of two.
    block: u16,
    /// Each tag is asked for at a random time within this.
    spread: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self { block: 4, spread: Duration::from_secs(8) }
    }
}

/// The settings to change.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Change {
    pub(crate) block: Option<u16>,
    /// In seconds.
    pub(crate) spread: Option<u32>,
}

/// Why the settings were not changed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SettingsError {
    /// A block of tags of another size.
    #[error("a block has 1, 2, 4, … or {MOST} tags, not {0}")]
    Block(u16),
    /// A look-up that would take too long.
    #[error("look-ups spread over at most {LONGEST} seconds, not {0}")]
    Spread(u32),
    /// The store failed.
    #[error(transparent)]
    Store(StoreError),
}

impl From<StoreError> for SettingsError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl HasKind for SettingsError {
    fn kind(&self) -> Kind {
        match self {
            Self::Block(_) | Self::Spread(_) => Kind::Usage,
            Self::Store(error) => error.kind(),
        }
    }
}

impl Settings {
    pub(crate) fn load(tx: &Tx<'_>) -> Result<Self, StoreError> {
        let mut settings = Self::default();
        if let Some(block) = tx.meta_u64(BLOCK)? {
            settings.block = u16::try_from(block).map_err(|_| StoreError::Damaged("a setting"))?;
        }
        if let Some(seconds) = tx.meta_u64(SPREAD)? {
            settings.spread = Duration::from_secs(seconds);
        }
        Ok(settings)
    }

    /// Stores what is given, and returns all of them.
    ///
    /// # Errors
    /// [`SettingsError::Block`] and [`SettingsError::Spread`] for what is out of bounds.
    pub(crate) fn change(tx: &Tx<'_>, change: Change) -> Result<Self, SettingsError> {
        if let Some(block) = change.block {
            if !block.is_power_of_two() || block > MOST {
                return Err(SettingsError::Block(block));
            }
            tx.set_meta(BLOCK, &u64::from(block).to_be_bytes())?;
        }
        if let Some(seconds) = change.spread {
            if seconds > LONGEST {
                return Err(SettingsError::Spread(seconds));
            }
            tx.set_meta(SPREAD, &u64::from(seconds).to_be_bytes())?;
        }
        Ok(Self::load(tx)?)
    }

    /// Tags asked for at each look-up.
    pub(crate) fn block(self) -> u16 {
        self.block
    }

    /// Each tag is asked for at a random time within this.
    pub(crate) fn spread(self) -> Duration {
        self.spread
    }

    /// How many of the 12 bits of the reader's tag a look-up shows.
    pub(crate) fn bits(self) -> u32 {
        Tag::COUNT.ilog2().saturating_sub(self.block.ilog2())
    }

    /// All tags to ask for, in order: the fixed block that holds `own`, the same for everybody in it.
    pub(super) fn block_of(self, own: Tag) -> Vec<Tag> {
        let size = self.block.max(1);
        let first = own.index() - own.index() % size;
        (first..first.saturating_add(size)).filter_map(Tag::from_index).collect()
    }

    /// How long one look-up waits. Alone, it would gain nothing from waiting.
    pub(super) fn delay(self) -> Duration {
        if self.block > 1 { self.spread.mul_f64(crate::random::uniform()) } else { Duration::ZERO }
    }
}

#[cfg(test)]
mod tests {
    use bauta_protocol::time::Timestamp;
    use proptest::prelude::*;

    use super::*;
    use crate::store::Store;
    use crate::unlock::MasterKey;

    proptest! {
        #[test]
        fn everybody_in_a_block_asks_for_the_same(own in 0..Tag::COUNT, other in 0..Tag::COUNT, exponent in 0u32..7) {
            let settings = Settings { block: 1 << exponent, spread: Duration::from_secs(3) };
            let tags = settings.block_of(Tag::from_index(own).unwrap());
            prop_assert_eq!(tags.len(), usize::from(settings.block));
            prop_assert!(tags.iter().any(|tag| tag.index() == own));
            let others = settings.block_of(Tag::from_index(other).unwrap());
            prop_assert_eq!(tags == others, own / settings.block == other / settings.block);
            prop_assert!(settings.delay() <= settings.spread);
            prop_assert_eq!(settings.bits() + exponent, 12);
        }
    }

    #[test]
    fn a_look_up_of_one_tag_does_not_wait() {
        let alone = Settings { block: 1, ..Settings::default() };
        assert_eq!((alone.delay(), alone.bits()), (Duration::ZERO, 12));
    }

    #[tokio::test]
    async fn settings_stay_and_what_is_out_of_bounds_changes_nothing() {
        let home = tempfile::tempdir().unwrap();
        let store =
            Store::open(home.path(), &MasterKey::for_tests([7; 32]), Timestamp(1_790_000_000_000)).unwrap();
        let change = async |change: Change| store.run(move |tx| Settings::change(tx, change)).await;
        assert_eq!(change(Change::default()).await.unwrap(), Settings::default());
        let set = change(Change { block: Some(64), spread: None }).await.unwrap();
        assert_eq!((set.block(), set.spread()), (64, Settings::default().spread()));
        for block in [0, 3, 65, 128, u16::MAX] {
            let refused = change(Change { block: Some(block), spread: Some(1) }).await;
            assert!(matches!(refused, Err(SettingsError::Block(refused)) if refused == block));
        }
        let refused = change(Change { block: Some(1), spread: Some(3601) }).await;
        assert!(matches!(refused, Err(SettingsError::Spread(3601))));
        let after = store.run(Settings::load).await.unwrap();
        assert_eq!(after, set, "a refused change is not kept in part");
        let set = change(Change { block: Some(1), spread: Some(0) }).await.unwrap();
        assert_eq!((set.block(), set.spread()), (1, Duration::ZERO));
    }
}
