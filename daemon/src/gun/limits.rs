//! How long and how much is read, and how it ended.

use std::time::Duration;

/// How long and how much a set is read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct CollectLimits {
    /// The most members to read. Anybody can add some.
    pub members: usize,
    /// How long to wait after the last piece of an answer of which pieces are missing.
    pub quiet: Duration,
    /// How long it may take in all.
    pub deadline: Duration,
    /// Whether it runs on a connection of its own, which is closed afterwards.
    pub own_connection: bool,
}

impl Default for CollectLimits {
    fn default() -> Self {
        Self {
            members: 4096,
            quiet: Duration::from_secs(5),
            deadline: Duration::from_secs(120),
            own_connection: false,
        }
    }
}

/// How long to wait for one node.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct GetLimits {
    /// How long to wait after the last piece of an answer of which pieces are missing.
    pub quiet: Duration,
    /// How long it may take in all.
    pub deadline: Duration,
}

impl Default for GetLimits {
    fn default() -> Self {
        Self { quiet: Duration::from_secs(5), deadline: Duration::from_secs(60) }
    }
}

/// The result of reading a set.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Collected {
    /// Why it ended.
    pub ended: Ended,
    /// How many nodes were delivered.
    pub nodes: usize,
    /// How many members the set has, according to the relay that listed the most.
    pub members: usize,
}

/// Why reading a set ended.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Ended {
    /// Every member was read.
    Complete,
    /// The receiver of the nodes had enough.
    Enough,
    /// The set is larger than the limit.
    Limit,
    /// Pieces are missing, and nothing came for the quiet period.
    Quiet,
    /// The deadline passed, or a relay did not answer.
    Deadline,
}
