//! How posts are looked up: how many neighbouring tags hide the reader's own, and for how long the look-ups spread.

use std::time::Duration;

use bauta_ipc::{PostSettings, RpcError, codes};
use bauta_protocol::mask::partition::Tag;

use crate::store::{StoreError, Tx};

const BLOCK: &str = "posts.block";
const SPREAD: &str = "posts.spread";

/// Past this, a look-up costs more than it hides.
const MOST: u16 = 64;
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

    /// Keeps what is given, and gives all of them.
    ///
    /// # Errors
    /// `request.params` for what is out of bounds.
    pub(crate) fn change(tx: &Tx<'_>, params: &PostSettings) -> Result<Self, RpcError> {
        if let Some(block) = params.block {
            if !block.is_power_of_two() || block > MOST {
                let message = format!("A block has 1, 2, 4, … or {MOST} tags, not {block}.");
                return Err(RpcError::new(&codes::REQUEST_PARAMS, message));
            }
            tx.set_meta(BLOCK, &u64::from(block).to_be_bytes())?;
        }
        if let Some(seconds) = params.spread_seconds {
            if seconds > LONGEST {
                let message = format!("Look-ups spread over at most {LONGEST} seconds, not {seconds}.");
                return Err(RpcError::new(&codes::REQUEST_PARAMS, message));
            }
            tx.set_meta(SPREAD, &u64::from(seconds).to_be_bytes())?;
        }
        Ok(Self::load(tx)?)
    }

    pub(crate) fn shown(self) -> PostSettings {
        let seconds = self.spread.as_secs();
        let bits = Tag::COUNT.ilog2().saturating_sub(self.block.ilog2());
        let cost = match self.block {
            1 => format!(
                "One look-up per post and network, at once; Gun relays, and others connected to them, see {bits} bits \
                 about the reader."
            ),
            block => format!(
                "{block} look-ups per post and network, each over its own connection at a random time within {seconds} \
                 s, so a post that was not opened before waits up to {seconds} s; Gun relays, and others connected to \
                 them, see {bits} of 12 bits about the reader."
            ),
        };
        PostSettings {
            block: Some(self.block),
            spread_seconds: Some(u32::try_from(seconds).unwrap_or(u32::MAX)),
            cost: Some(cost),
        }
    }

    /// All tags to ask for, in order: the fixed block that holds `own`, the same for everybody in it.
    pub(crate) fn block_of(self, own: Tag) -> Vec<Tag> {
        let size = self.block.max(1);
        let first = own.index() - own.index() % size;
        (first..first.saturating_add(size)).filter_map(Tag::from_index).collect()
    }

    /// How long one look-up waits. Alone, it would gain nothing from waiting.
    pub(crate) fn delay(self) -> Duration {
        if self.block > 1 { self.spread.mul_f64(crate::random::uniform()) } else { Duration::ZERO }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

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
        }
    }

    #[test]
    fn the_cost_is_stated() {
        let cost = Settings::default().shown().cost.unwrap();
        assert!(cost.contains("10 of 12 bits") && cost.contains("4 look-ups"), "{cost}");
        let alone = Settings { block: 1, ..Settings::default() };
        assert!(alone.shown().cost.unwrap().contains("12 bits"));
        assert_eq!(alone.delay(), Duration::ZERO);
    }
}
