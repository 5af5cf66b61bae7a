//! Whether what answers at a relay's address speaks Gun at all.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// A server that speaks WebSocket, and something else than Gun in it.
const NOT_GUN: &str = "it speaks WebSocket, but not Gun";
/// A server that accepts a WebSocket and never says a word.
pub(super) const SAYS_NOTHING: &str = "it opens a WebSocket and says nothing";

/// What came over one connection.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Heard {
    /// Something that only a relay sends.
    pub(super) is_gun: bool,
    /// Something that is not Gun.
    pub(super) is_foreign: bool,
    /// Whether anything was asked.
    pub(super) asked: bool,
}

/// What the last connections to one address have shown.
#[derive(Debug, Default)]
pub(super) struct Doubt(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    times: u32,
    reason: Option<&'static str>,
}

impl Doubt {
    /// A connection ended, or something came over it.
    pub(super) fn note(&self, heard: Heard) {
        let mut inner = self.lock();
        match heard {
            Heard { is_gun: true, .. } => *inner = Inner::default(),
            Heard { is_foreign: true, .. } => {
                *inner = Inner { times: inner.times.saturating_add(1), reason: Some(NOT_GUN) };
            }
            // A relay that is overloaded is silent, too: this is never certain.
            Heard { asked: true, .. } => inner.reason = inner.reason.or(Some(SAYS_NOTHING)),
            _ => {}
        }
    }

    /// Why it seems to be no relay, and how many connections in a row have shown it.
    pub(super) fn get(&self) -> Option<(&'static str, u32)> {
        let inner = self.lock();
        inner.reason.map(|reason| (reason, inner.times))
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_is_a_reason_and_never_certain_and_gun_ends_all_doubt() {
        let doubt = Doubt::default();
        doubt.note(Heard::default());
        assert_eq!(doubt.get(), None, "nothing was asked");
        let (silent, foreign) =
            (Heard { asked: true, ..Heard::default() }, Heard { is_foreign: true, ..Heard::default() });
        for _ in 0..9 {
            doubt.note(silent);
        }
        assert_eq!(doubt.get(), Some((SAYS_NOTHING, 0)));
        doubt.note(foreign);
        doubt.note(silent);
        doubt.note(foreign);
        assert_eq!(doubt.get(), Some((NOT_GUN, 2)));
        doubt.note(Heard { is_gun: true, ..foreign });
        assert_eq!(doubt.get(), None);
    }
}
