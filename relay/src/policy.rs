//! How much a relay keeps and how hard its work is. What clients can notice is in `bauta_protocol::limits`.

use bauta_protocol::limits::{
    KEPT_AFTER_OUT_HOURS, KNOWN_AFTER_OUT_HOURS, MAX_DEPOSIT_BITS, MAX_PUT_BITS, TTL_DAYS,
};
use bauta_protocol::time::{Day, Timestamp};

/// Personas that may be online before a relay takes no new ones. `relay/benches/capacity.rs` measures what one machine
/// answers; `docs/operating-a-relay.md` has the numbers.
pub const ONLINE: u64 = 12_000;

/// Deposits that one inbox holds.
pub const INBOX_CAP: usize = 128;

/// Days for which a deposit is remembered after it came: as long as its work could be shown again, and a day more.
pub const SEEN_DAYS: u32 = 3;

/// An hour of UTC, counted since the Unix epoch: the store must not say at which minute a box went out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hour(pub u32);

impl Hour {
    /// So many hours ago, not before 1970.
    #[must_use]
    pub fn minus(self, hours: u32) -> Self {
        Self(self.0.saturating_sub(hours))
    }

    /// The hour in which a moment is.
    pub fn of(moment: Timestamp) -> Self {
        Self(u32::try_from(moment.0 / (60 * 60 * 1000)).unwrap_or(u32::MAX))
    }
}

/// Boxes that first went out in this hour or before have lost their bytes. The hour in which they did counts whole.
pub fn dropped_since(now: Hour) -> Hour {
    now.minus(KEPT_AFTER_OUT_HOURS + 1)
}

/// Boxes that first went out in this hour or before are forgotten.
pub fn forgotten_since(now: Hour) -> Hour {
    now.minus(KNOWN_AFTER_OUT_HOURS + 1)
}

/// The first day on which something that came on `today` is gone.
pub fn expiry_day(today: Day) -> Day {
    Day(today.0.saturating_add(TTL_DAYS).saturating_add(1))
}

/// How much a relay stores before it answers `Refused(QuotaExceeded)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quotas {
    /// Boxes that hold bytes, all together.
    pub boxes: u64,
    /// Bytes of all that is stored, reckoned with [`Quotas::BOX_COST`] and its siblings.
    pub bytes: u64,
    /// Bundles, one for each persona.
    pub bundles: u64,
    /// Deposits in one inbox.
    pub inbox: usize,
}

impl Quotas {
    /// Bytes reckoned for a box.
    pub const BOX_COST: u64 = 1_600;
    /// Bytes reckoned for a tombstone.
    pub const TOMBSTONE_COST: u64 = 100;
    /// Bytes reckoned for a deposit.
    pub const DEPOSIT_COST: u64 = 6_000;
    /// Bytes reckoned for a bundle.
    pub const BUNDLE_COST: u64 = 2_600;
}

impl Default for Quotas {
    fn default() -> Self {
        Self { boxes: 4_000_000, bytes: 8 << 30, bundles: 200_000, inbox: INBOX_CAP }
    }
}

/// What the store holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stored {
    /// Boxes with bytes.
    pub boxes: u64,
    /// Ids of boxes that went out and were dropped.
    pub tombstones: u64,
    /// Deposits that no owner has drained.
    pub deposits: u64,
    /// Bundles, one for each persona.
    pub bundles: u64,
}

impl Stored {
    /// Bytes reckoned for all of it.
    pub fn bytes(&self) -> u64 {
        (self.boxes * Quotas::BOX_COST)
            .saturating_add(self.tombstones * Quotas::TOMBSTONE_COST)
            .saturating_add(self.deposits * Quotas::DEPOSIT_COST)
            .saturating_add(self.bundles * Quotas::BUNDLE_COST)
    }

    /// Whether this many more bytes fit under the quota.
    pub fn has_room(&self, quotas: &Quotas, cost: u64) -> bool {
        self.bytes().saturating_add(cost) <= quotas.bytes
    }

    /// How full the store is, in thousandths, 1000 being full.
    pub fn fill_permille(&self, quotas: &Quotas) -> u16 {
        let part = |used: u64, of: u64| u128::from(used) * 1000 / u128::from(of.max(1));
        let fullest = part(self.boxes, quotas.boxes).max(part(self.bytes(), quotas.bytes));
        u16::try_from(fullest.min(1000)).unwrap_or(1000)
    }
}

/// Leading zero bits that work must show.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Difficulty {
    /// Bits for a `Put`, of SHA-256.
    pub put_bits: u8,
    /// Bits for a `Deposit`, of Argon2id.
    pub deposit_bits: u8,
}

impl Difficulty {
    /// The difficulty of a store that is less than half full.
    pub const EASY: Self = Self { put_bits: 14, deposit_bits: 2 };

    /// The bits for a deposit to an inbox that got so many in a day: one more at 16, and with each doubling.
    ///
    /// Whoever floods an inbox makes it dear for himself, and those who pay the price outdo what he left before.
    pub fn for_inbox(self, deposits: u32) -> u8 {
        let more = deposits.checked_ilog2().unwrap_or(0).saturating_sub(3);
        self.deposit_bits.saturating_add(u8::try_from(more).unwrap_or(u8::MAX)).min(MAX_DEPOSIT_BITS)
    }

    /// What is enough where either was asked.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            put_bits: self.put_bits.min(other.put_bits),
            deposit_bits: self.deposit_bits.min(other.deposit_bits),
        }
    }

    /// The difficulty for a store that is `fill` thousandths full.
    ///
    /// One bit more for each tenth above a half, and for the last tenth one bit more for each hundredth:
    /// filling the rest costs ever more, while a relay in normal use stays easy.
    pub fn for_fill(fill: u16) -> Self {
        let fill = fill.min(1000);
        let tenths = fill.saturating_sub(500).min(400) / 100;
        let hundredths = fill.saturating_sub(900) / 10;
        let more = u8::try_from(tenths + hundredths).unwrap_or(100);
        Self {
            put_bits: (Self::EASY.put_bits + more).min(MAX_PUT_BITS),
            deposit_bits: (Self::EASY.deposit_bits + more).min(MAX_DEPOSIT_BITS),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_empty_store_is_easy_and_a_full_one_hard() {
        assert_eq!(Difficulty::for_fill(0), Difficulty::EASY);
        assert_eq!(Difficulty::for_fill(499), Difficulty::EASY);
        assert_eq!(Difficulty::for_fill(1000).put_bits, 24);
        assert_eq!(Difficulty::for_fill(u16::MAX), Difficulty::for_fill(1000));
    }

    #[test]
    fn the_fuller_measure_counts() {
        let quotas = Quotas { boxes: 10, bytes: 1 << 30, bundles: 1, inbox: 1 };
        let stored = Stored { boxes: 5, ..Stored::default() };
        assert_eq!(stored.fill_permille(&quotas), 500);
        let tight = Quotas { bytes: 5 * Quotas::BOX_COST, ..quotas };
        assert_eq!(stored.fill_permille(&tight), 1000);
    }

    proptest! {
        #[test]
        fn difficulty_never_falls_with_fill(a in 0u16..=1000, b in 0u16..=1000) {
            let (low, high) = (a.min(b), a.max(b));
            let (easy, hard) = (Difficulty::for_fill(low), Difficulty::for_fill(high));
            prop_assert!(easy.put_bits <= hard.put_bits);
            prop_assert!(easy.deposit_bits <= hard.deposit_bits);
        }

        #[test]
        fn fill_never_overflows(boxes: u32, tombstones: u32, deposits: u32, bundles: u32) {
            let stored = Stored {
                boxes: boxes.into(),
                tombstones: tombstones.into(),
                deposits: deposits.into(),
                bundles: bundles.into(),
            };
            prop_assert!(stored.fill_permille(&Quotas::default()) <= 1000);
        }
    }
}
