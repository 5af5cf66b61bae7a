//! The rules and the constants of the new schedule.

use super::super::clocks::{Clocks, Seconds};

/// A rule that can be switched off alone.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u16)]
pub enum Rule {
    /// Idle lanes are listed, and ask nobody. Off: the head of every lane is asked for and held, again and again.
    Digest = 1,
    /// Live lanes are asked ahead. Off: everything waits for a listing.
    Ahead = 1 << 1,
    /// What follows an answer waits for itself. Off: it is due at once.
    OwnWaits = 1 << 2,
    /// A listed box is due after a wait from the end of the interval. Off: from the moment the listing came.
    FromTheEnd = 1 << 3,
    /// Puts and gets have clocks of their own. Off: one clock, and what waits goes first.
    KindsFirst = 1 << 4,
    /// Loops go the way of real boxes. Off: a loop's box is put, asked for and deleted within seconds.
    LivingLoops = 1 << 5,
    /// Receipts take put ticks. Off: a receipt goes at once.
    ClockedReceipts = 1 << 6,
    /// Nothing is deleted. Off: boxes are deleted hours after they were read.
    NoDeletes = 1 << 7,
    /// What names a persona is seldom. Off: a bundle at every start, an inbox emptied once a minute.
    SlowNames = 1 << 8,
    /// Personas of one machine start apart.
    StaggeredStarts = 1 << 9,
    /// A `Conflict` is believed with a proof only.
    ProvenConflicts = 1 << 10,
    /// Pages are walked by the clock. Off: a client asks for what it missed.
    PagesByClock = 1 << 11,
    /// Descriptors and streams are each persona's own.
    OwnState = 1 << 12,
    /// Boxes of listings are asked for before places ahead. Off: at random, so that one lane's places ahead delay the
    /// listed box of another lane of the same client.
    ListedFirst = 1 << 13,
}

/// All rules, with their names on the command line.
pub const RULES: [(&str, Rule); 14] = [
    ("digest", Rule::Digest),
    ("ahead", Rule::Ahead),
    ("own-waits", Rule::OwnWaits),
    ("from-the-end", Rule::FromTheEnd),
    ("kinds-first", Rule::KindsFirst),
    ("living-loops", Rule::LivingLoops),
    ("clocked-receipts", Rule::ClockedReceipts),
    ("no-deletes", Rule::NoDeletes),
    ("slow-names", Rule::SlowNames),
    ("staggered-starts", Rule::StaggeredStarts),
    ("proven-conflicts", Rule::ProvenConflicts),
    ("pages-by-clock", Rule::PagesByClock),
    ("own-state", Rule::OwnState),
    ("listed-first", Rule::ListedFirst),
];

/// Rules that are on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct RuleSet(u16);

impl RuleSet {
    /// All of them.
    pub const ALL: Self = Self((1 << RULES.len()) - 1);

    /// Whether a rule is on.
    pub fn has(self, rule: Rule) -> bool {
        self.0 & rule as u16 != 0
    }

    /// Without a rule.
    #[must_use]
    pub fn without(self, rule: Rule) -> Self {
        Self(self.0 & !(rule as u16))
    }
}

/// What cover looks like.
#[derive(Clone, Copy, Debug)]
pub struct Loops {
    /// Off where nobody looks at it.
    pub on: bool,
    /// The share of boxes that are put while they are asked for.
    pub to_holds: f64,
    /// Of the others, the share that takes an id which was asked for ahead of time and not put then.
    pub left: f64,
    /// Of the others, the share whose reader is there and has not asked ahead.
    pub prompt: f64,
    /// The exponent of the Pareto law of absences, from a minute to two days.
    pub tail: f64,
    /// Boxes that may wait for their reader.
    pub lying: usize,
}

/// Rules and constants of one schedule.
#[derive(Clone, Copy, Debug)]
pub struct Design {
    /// What is on.
    pub rules: RuleSet,
    /// Put ticks a second.
    pub put_rate: f64,
    /// Get ticks a second.
    pub get_rate: f64,
    /// Length of an interval of the relay.
    pub interval: Seconds,
    /// How long a walk over all pages takes.
    pub walk: Seconds,
    /// Mean wait of a refill.
    pub refill: Seconds,
    /// Mean wait of a box that `news` showed.
    pub listed: Seconds,
    /// Mean wait of a box that a page showed.
    pub paged: Seconds,
    /// How long a relay holds what is asked ahead.
    pub hold: Seconds,
    /// How long a lane stays live after a message.
    pub live: Seconds,
    /// Places that are asked ahead.
    pub ahead: u64,
    /// Cover.
    pub loops: Loops,
}

impl Design {
    /// The design with the clocks of a profile (sphinx-client/src/traffic.rs): all that have a stream of cover share
    /// theirs, and `metered`, which pays for each exchange, has slower ones.
    pub fn of(clocks: Clocks) -> Self {
        let (put_rate, get_rate) =
            if clocks.cover == 0.0 && clocks.tick > 1.0 { (1.0 / 30.0, 1.0 / 20.0) } else { (0.15, 0.25) };
        Self {
            rules: RuleSet::ALL,
            put_rate,
            get_rate,
            interval: 10.0,
            walk: 120.0,
            refill: 8.0,
            listed: 8.0,
            paged: 120.0,
            hold: 90.0,
            live: 90.0,
            ahead: 4,
            loops: Loops { on: true, to_holds: 2.0 / 3.0, left: 1.0, prompt: 0.0, tail: 1.08, lying: 30 },
        }
    }

    /// Exchanges a second at a relay whose boxes fill one page.
    pub fn exchanges(&self) -> f64 {
        self.put_rate + self.get_rate + 1.0 / self.interval + 1.0 / self.walk
    }

    /// A mean wait, or none where waits are switched off.
    pub(super) fn wait(&self, mean: Seconds) -> Seconds {
        if self.rules.has(Rule::OwnWaits) { mean } else { 0.0 }
    }
}
