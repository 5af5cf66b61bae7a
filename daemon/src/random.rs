//! Random numbers, from the operating system only.

use getrandom::SysRng;
use rand_core::{Rng, UnwrapErr};

/// The generator. It panics if the operating system gives no random numbers: every key would be weak.
pub(crate) fn rng() -> UnwrapErr<SysRng> {
    UnwrapErr(SysRng)
}

pub(crate) fn fill(bytes: &mut [u8]) {
    rng().fill_bytes(bytes);
}

/// A number below `bound`, or zero for a bound of zero.
pub(crate) fn below(bound: usize) -> usize {
    let bound = u64::try_from(bound).unwrap_or(u64::MAX).max(1);
    // The bias of the remainder is below 2^-32 for any list of less than 2^32 entries.
    usize::try_from(rng().next_u64() % bound).unwrap_or(0)
}

/// A number in [0, 1).
pub(crate) fn uniform() -> f64 {
    // 53 bits: what an f64 holds exactly.
    (rng().next_u64() >> 11) as f64 / (1_u64 << 53) as f64
}
