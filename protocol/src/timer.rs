//! How long messages of a conversation stay: what each side wants, and what both have agreed to.

use std::time::Duration;

use crate::time::Timestamp;

/// How long a message stays: whole seconds, from [`Timer::MIN`] to [`Timer::MAX`].
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Timer(u32);

impl Timer {
    /// The shortest, in seconds: long enough to be read.
    pub const MIN: u32 = 30;

    /// The longest, in seconds: a year of 365.25 days.
    pub const MAX: u32 = 31_557_600;

    /// A timer of so many seconds; `None` where that is out of bounds.
    pub fn new(seconds: u32) -> Option<Self> {
        (Self::MIN..=Self::MAX).contains(&seconds).then_some(Self(seconds))
    }

    /// In seconds.
    pub fn seconds(self) -> u32 {
        self.0
    }

    /// As a duration.
    pub fn duration(self) -> Duration {
        Duration::from_secs(self.0.into())
    }
}

/// What one side of a conversation wants.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Wish {
    /// How long messages should stay; `None`: as long as their reader likes.
    pub timer: Option<Timer>,
    /// When it was said, by that side's clock, and later than what it said before. Zero: nothing was said yet.
    pub at: Timestamp,
}

/// The wishes of both sides, as one of them knows them.
//
// Whoever wants messages to stay for a week has agreed to nothing that takes them away after a day. So a message stays
// as long as the one who wants that longest, and for ever where one of the two wants that. No answer is needed, and no
// side can be overruled: whoever proposes waits until the other wants something, too, and whoever takes back is heard.
//
// Each side says its own wish only, and a later one replaces an earlier one. So it does not matter in which order, or
// how often, what was said arrives: two sides that have heard the last of each other know the same two wishes, and the
// same comes of them. Until then a side knows that the other has not heard it (`told`).
//
// A message carries the time that was in force for its writer, who saw it. Its reader may have changed its own wish
// meanwhile. It keeps its word for what is on its way, down to the shortest wish that the writer may rely on
// (`relied`), and no further: otherwise a contact could take away, by naming a time, what nobody agreed to lose.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Agreement {
    /// What this side wants.
    pub own: Wish,
    /// The other side has confirmed that it heard so.
    pub told: bool,
    /// The shortest own wish that the other side may think is the present one.
    pub relied: Option<Timer>,
    /// What the other side said last.
    pub theirs: Wish,
}

impl Default for Agreement {
    fn default() -> Self {
        Self { own: Wish::default(), told: true, relied: None, theirs: Wish::default() }
    }
}

impl Agreement {
    /// How long what this side writes now stays on both sides.
    pub fn in_force(&self) -> Option<Timer> {
        longer(self.own.timer, self.theirs.timer)
    }

    /// This side wants something, or says again what it wants. It is to be sent as said at `own.at`.
    pub fn wish(&mut self, timer: Option<Timer>, now: Timestamp) {
        self.relied = shorter(self.relied, timer);
        self.own = Wish { timer, at: now.max(Timestamp(self.own.at.0.saturating_add(1))) };
        self.told = false;
    }

    /// The other side has confirmed what was said at that time.
    pub fn confirm(&mut self, at: Timestamp) {
        if at == self.own.at {
            self.told = true;
            self.relied = self.own.timer;
        }
    }

    /// The other side said what it wants; whether that is something new.
    pub fn hear(&mut self, wish: Wish) -> bool {
        if wish.at <= self.theirs.at {
            return false;
        }
        let before = std::mem::replace(&mut self.theirs, wish);
        before.timer != wish.timer
    }

    /// How long a message stays that came with a time. Where its writer thinks that this side agreed to less than it
    /// did, this side's wish is to be sent again.
    pub fn receive(&mut self, carried: Option<Timer>, now: Timestamp) -> Option<Timer> {
        let stays = longer(carried, self.relied);
        if carried != stays && self.told {
            self.wish(self.own.timer, now);
        }
        stays
    }
}

/// The longer of two, where none is for ever.
fn longer(one: Option<Timer>, other: Option<Timer>) -> Option<Timer> {
    one.zip(other).map(|(one, other)| one.max(other))
}

/// The shorter of two, where none is for ever.
fn shorter(one: Option<Timer>, other: Option<Timer>) -> Option<Timer> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        _ => one.or(other),
    }
}

#[cfg(test)]
mod tests;
