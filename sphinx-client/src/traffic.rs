//! Traffic profiles: what a client sends while there is nothing to send, and how fast the clocks above it run.
//!
//! One value holds all that a profile decides. The rest of the crate asks it, and names no profile.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use bauta_protocol::error::{HasKind, Kind};
use bauta_protocol::limits::HOLD;
use thiserror::Error;

use crate::timers::Tuning;

/// How much cover a client pays for.
///
/// The profile decides what the entry gateway and the local network see, and how long things take.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum Traffic {
    /// Nym's defaults: a Poisson stream of packets of one size, whatever the user does.
    #[default]
    Full,
    /// The same stream at a fifth of the rate: the same cover, more waiting.
    Saver,
    /// No stream: the gateway and the local network see when something is sent.
    Metered,
    /// The full stream, longer delays in the mixes, a slower clock.
    Paranoid,
    /// For tests on a local network: no cover, no delays, fast clocks. Refused on mainnet.
    Test,
}

/// Every profile, in the order they are shown.
pub const PROFILES: [Traffic; 5] =
    [Traffic::Full, Traffic::Saver, Traffic::Metered, Traffic::Paranoid, Traffic::Test];

/// The clocks of a profile. All users of a profile share them: settings would be fingerprints.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Pace {
    /// Mean gap of a persona's Poisson clock, which paces gets, receipts and fan-out.
    pub tick_mean: Duration,
    /// Mean gap between two drains of an inbox.
    pub drain_mean: Duration,
    /// Mean gap between two checks whether the bundle is due to be published again.
    pub publish_check: Duration,
    /// Mean wait before an accepted box is deleted.
    pub delete_after: Duration,
    /// When an ordinary exchange is sent again.
    pub resend_after: Duration,
    /// When an exchange is sent again whose answer the relay may hold back.
    pub hold_resend_after: Duration,
    /// How long an ordinary exchange may take in all.
    pub exchange_deadline: Duration,
    /// How long an exchange may take in all whose answer the relay may hold back (at most [`HOLD`] there).
    pub hold_deadline: Duration,
    /// A client starts after a random delay of at most this, so that personas do not start together.
    pub start_delay_max: Duration,
}

/// What a client sends and how long that takes in the mixes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Cover {
    /// Mean gap of the stream of packets that runs whatever there is to send. `None`: packets leave when there are any.
    pub(crate) stream: Option<Duration>,
    /// Mean gap of messages to oneself beside the stream. `None`: there are none.
    pub(crate) loops: Option<Duration>,
    /// Mean delay in each mix.
    pub(crate) mix_delay: Duration,
    /// The same for acknowledgements.
    pub(crate) ack_delay: Duration,
    /// How long an acknowledgement may take longer than expected before a packet is sent again.
    pub(crate) ack_slack: Duration,
}

/// All that a profile decides. To add one, add its variant to [`Traffic`], its value here, and both to [`PROFILES`] and
/// [`Traffic::profile`].
pub(crate) struct Profile {
    /// Its name on the command line and in the API.
    pub(crate) name: &'static str,
    /// What it costs, for a person.
    bandwidth: &'static str,
    /// What its price in privacy is, for a person.
    privacy: &'static str,
    /// What the Nym client sends.
    pub(crate) cover: Cover,
    /// The clocks of a persona.
    pace: Pace,
    /// The timers of supervision.
    pub(crate) tuning: Tuning,
}

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

/// The relay holds an answer for five minutes; the rest is for the way.
const HOLD_DEADLINE: Duration = HOLD.saturating_add(SECOND.saturating_mul(30));

const FULL: Profile = Profile {
    name: "full",
    bandwidth: "about 55 packets/s per active persona, 134 kB/s up, 350 GB a month",
    privacy: "your network does not see when you send",
    // Nym's own numbers: whoever differs from them is alone.
    cover: Cover {
        stream: Some(Duration::from_millis(20)),
        loops: Some(Duration::from_millis(200)),
        mix_delay: Duration::from_millis(15),
        ack_delay: Duration::from_millis(15),
        ack_slack: Duration::from_millis(1500),
    },
    pace: Pace {
        tick_mean: SECOND,
        drain_mean: MINUTE,
        publish_check: MINUTE.saturating_mul(30),
        delete_after: HOUR.saturating_mul(4),
        resend_after: SECOND.saturating_mul(8),
        hold_resend_after: MINUTE,
        exchange_deadline: MINUTE,
        hold_deadline: HOLD_DEADLINE,
        start_delay_max: SECOND.saturating_mul(15),
    },
    tuning: TUNING,
};

const SAVER: Profile = Profile {
    name: "saver",
    bandwidth: "about 11 packets/s per active persona, 27 kB/s up, 70 GB a month",
    privacy: "your network does not see when you send, messages wait longer",
    cover: Cover {
        stream: Some(Duration::from_millis(100)),
        loops: Some(Duration::from_millis(1000)),
        ..FULL.cover
    },
    pace: Pace {
        tick_mean: SECOND.saturating_mul(3),
        resend_after: SECOND.saturating_mul(12),
        exchange_deadline: SECOND.saturating_mul(90),
        ..FULL.pace
    },
    tuning: TUNING,
};

const METERED: Profile = Profile {
    name: "metered",
    bandwidth: "about 2 GB a month per active persona",
    privacy: "your network and your gateway see when something is sent",
    cover: Cover { stream: None, loops: Some(SECOND.saturating_mul(10)), ..FULL.cover },
    pace: Pace { tick_mean: SECOND.saturating_mul(15), drain_mean: MINUTE.saturating_mul(10), ..FULL.pace },
    tuning: TUNING,
};

const PARANOID: Profile = Profile {
    name: "paranoid",
    bandwidth: "about 55 packets/s per active persona, 134 kB/s up, 350 GB a month",
    privacy: "longer delays make timing attacks harder",
    cover: Cover {
        mix_delay: Duration::from_millis(200),
        ack_delay: Duration::from_millis(200),
        ..FULL.cover
    },
    pace: Pace {
        tick_mean: SECOND.saturating_mul(5),
        drain_mean: MINUTE.saturating_mul(5),
        resend_after: SECOND.saturating_mul(20),
        exchange_deadline: MINUTE.saturating_mul(3),
        start_delay_max: MINUTE,
        ..FULL.pace
    },
    tuning: Tuning {
        silence: SECOND.saturating_mul(45),
        probe_timeout: SECOND.saturating_mul(25),
        exit_answer: SECOND.saturating_mul(90),
        ..TUNING
    },
};

const TEST: Profile = Profile {
    name: "test",
    bandwidth: "no cover and no delays",
    privacy: "protects nobody, for local networks only",
    cover: Cover {
        stream: None,
        loops: None,
        mix_delay: Duration::from_millis(1),
        ack_delay: Duration::from_millis(1),
        ack_slack: Duration::from_millis(300),
    },
    pace: Pace {
        tick_mean: Duration::from_millis(25),
        drain_mean: Duration::from_millis(200),
        publish_check: SECOND,
        delete_after: SECOND,
        resend_after: SECOND,
        hold_resend_after: SECOND.saturating_mul(3),
        exchange_deadline: SECOND.saturating_mul(30),
        hold_deadline: MINUTE,
        start_delay_max: Duration::ZERO,
    },
    tuning: Tuning {
        topology_refresh: SECOND.saturating_mul(3),
        topology_hurry: SECOND,
        topology_look: Duration::from_millis(500),
        connect_timeout: SECOND.saturating_mul(5),
        silence: Duration::from_millis(2_500),
        probe_timeout: SECOND.saturating_mul(3),
        probe_every: SECOND.saturating_mul(2),
        backoff: (Duration::from_millis(100), SECOND.saturating_mul(2)),
        refused: (SECOND, SECOND.saturating_mul(2)),
        lost_after: SECOND.saturating_mul(15),
        gate_timeout: SECOND.saturating_mul(5),
        look: Duration::from_millis(100),
        exit_answer: SECOND.saturating_mul(10),
        exit_gap: SECOND.saturating_mul(15),
        exit_idle: SECOND.saturating_mul(4),
        exit_wait: Duration::from_millis(100),
        exit_list_refresh: SECOND.saturating_mul(3),
        apart_mean: Duration::from_millis(500),
        ..TUNING
    },
};

/// The timers that most profiles share.
const TUNING: Tuning = Tuning {
    topology_refresh: MINUTE.saturating_mul(5),
    topology_hurry: SECOND.saturating_mul(30),
    topology_look: SECOND.saturating_mul(30),
    connect_timeout: SECOND.saturating_mul(20),
    silence: SECOND.saturating_mul(20),
    probe_timeout: SECOND.saturating_mul(12),
    probe_every: SECOND.saturating_mul(30),
    backoff: (SECOND.saturating_mul(2), MINUTE.saturating_mul(5)),
    refused: (MINUTE, MINUTE.saturating_mul(15)),
    lost_after: MINUTE.saturating_mul(2),
    renew_after: HOUR.saturating_mul(24),
    drain_old: HOLD_DEADLINE,
    gate_timeout: SECOND.saturating_mul(30),
    look: SECOND,
    ready_within: MINUTE,
    exit_answer: SECOND.saturating_mul(45),
    exit_gap: SECOND.saturating_mul(45),
    exit_idle: MINUTE.saturating_mul(2),
    exit_wait: SECOND.saturating_mul(15),
    exit_list_refresh: HOUR,
    apart_mean: MINUTE.saturating_mul(20),
};

impl Traffic {
    /// All that this profile decides.
    pub(crate) const fn profile(self) -> &'static Profile {
        match self {
            Self::Full => &FULL,
            Self::Saver => &SAVER,
            Self::Metered => &METERED,
            Self::Paranoid => &PARANOID,
            Self::Test => &TEST,
        }
    }

    /// The timers of supervision.
    pub(crate) fn tuning(self) -> Tuning {
        self.profile().tuning
    }

    /// The clocks of this profile.
    pub fn pace(self) -> Pace {
        self.profile().pace
    }

    /// What the profile costs and what its price in privacy is, in words for a person.
    pub fn bandwidth_note(self) -> String {
        format!("{}; {}", self.profile().bandwidth, self.profile().privacy)
    }

    /// Its name on the command line and in the API.
    pub fn name(self) -> &'static str {
        self.profile().name
    }
}

impl fmt::Display for Traffic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Traffic {
    type Err = UnknownTraffic;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        PROFILES
            .into_iter()
            .find(|profile| profile.name() == text)
            .ok_or_else(|| UnknownTraffic(text.chars().take(32).collect()))
    }
}

/// There is no profile of this name.
#[derive(Debug, Eq, Error, PartialEq)]
#[error("there is no traffic profile {0:?}: use {list}", list = for_people())]
pub struct UnknownTraffic(String);

/// The names of the profiles that protect somebody.
fn for_people() -> String {
    let names: Vec<&str> =
        PROFILES.into_iter().filter(|one| *one != Traffic::Test).map(Traffic::name).collect();
    match names.split_last() {
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
        None => String::new(),
    }
}

impl HasKind for UnknownTraffic {
    fn kind(&self) -> Kind {
        Kind::Usage
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_parse_back() {
        for profile in PROFILES {
            assert_eq!(profile.to_string().parse(), Ok(profile));
            assert!(!profile.bandwidth_note().is_empty());
        }
        let error = "Full".parse::<Traffic>().unwrap_err().to_string();
        assert_eq!(error, r#"there is no traffic profile "Full": use full, saver, metered or paranoid"#);
        assert!("".parse::<Traffic>().is_err());
    }

    #[test]
    fn deadlines_leave_room_for_resends() {
        for profile in PROFILES {
            let pace = profile.pace();
            assert!(pace.exchange_deadline >= pace.resend_after * 4);
            assert!(pace.hold_deadline > pace.hold_resend_after);
            assert!(profile == Traffic::Test || pace.hold_deadline > HOLD, "the relay answers before");
        }
    }
}
