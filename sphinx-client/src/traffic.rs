//! Traffic profiles: what a client sends while there is nothing to send, and how fast the clocks above it run.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use bauta_protocol::error::{HasKind, Kind};
use thiserror::Error;

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
    /// How long an exchange may take in all whose answer the relay may hold back (at most 5 minutes there).
    pub hold_deadline: Duration,
    /// A client starts after a random delay of at most this, so that personas do not start together.
    pub start_delay_max: Duration,
}

impl Traffic {
    /// The clocks of this profile.
    pub fn pace(self) -> Pace {
        let full = Pace {
            tick_mean: Duration::from_secs(1),
            drain_mean: Duration::from_secs(60),
            publish_check: Duration::from_secs(30 * 60),
            delete_after: Duration::from_secs(4 * 3600),
            resend_after: Duration::from_secs(8),
            hold_resend_after: Duration::from_secs(60),
            exchange_deadline: Duration::from_secs(60),
            hold_deadline: Duration::from_secs(330),
            start_delay_max: Duration::from_secs(15),
        };
        match self {
            Traffic::Full => full,
            Traffic::Saver => Pace {
                tick_mean: Duration::from_secs(3),
                resend_after: Duration::from_secs(12),
                exchange_deadline: Duration::from_secs(90),
                ..full
            },
            Traffic::Metered => Pace {
                tick_mean: Duration::from_secs(15),
                drain_mean: Duration::from_secs(10 * 60),
                hold_resend_after: Duration::from_secs(120),
                ..full
            },
            Traffic::Paranoid => Pace {
                tick_mean: Duration::from_secs(5),
                drain_mean: Duration::from_secs(5 * 60),
                resend_after: Duration::from_secs(20),
                exchange_deadline: Duration::from_secs(180),
                start_delay_max: Duration::from_secs(60),
                ..full
            },
            Traffic::Test => Pace {
                tick_mean: Duration::from_millis(25),
                drain_mean: Duration::from_millis(200),
                publish_check: Duration::from_secs(1),
                delete_after: Duration::from_secs(1),
                resend_after: Duration::from_secs(1),
                hold_resend_after: Duration::from_secs(3),
                exchange_deadline: Duration::from_secs(30),
                hold_deadline: Duration::from_secs(60),
                start_delay_max: Duration::ZERO,
            },
        }
    }

    /// What the profile costs and what its price in privacy is, in words for a person.
    pub fn bandwidth_note(self) -> &'static str {
        match self {
            Traffic::Full => {
                "about 55 packets/s per active persona, 134 kB/s up, 350 GB a month; your network does not see when you send"
            }
            Traffic::Saver => {
                "about 11 packets/s per active persona, 27 kB/s up, 70 GB a month; your network does not see when you send, messages wait longer"
            }
            Traffic::Metered => {
                "about 2 GB a month per active persona; your network and your gateway see when something is sent"
            }
            Traffic::Paranoid => {
                "about 55 packets/s per active persona, 134 kB/s up, 350 GB a month; longer delays make timing attacks harder"
            }
            Traffic::Test => "no cover and no delays: protects nobody, for local networks only",
        }
    }

    /// Its name on the command line and in the API.
    pub fn name(self) -> &'static str {
        match self {
            Traffic::Full => "full",
            Traffic::Saver => "saver",
            Traffic::Metered => "metered",
            Traffic::Paranoid => "paranoid",
            Traffic::Test => "test",
        }
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
#[error("there is no traffic profile {0:?}: use full, saver, metered or paranoid")]
pub struct UnknownTraffic(String);

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
        assert!("Full".parse::<Traffic>().is_err());
        assert!("".parse::<Traffic>().is_err());
    }

    #[test]
    fn deadlines_leave_room_for_resends() {
        for profile in PROFILES {
            let pace = profile.pace();
            assert!(pace.exchange_deadline >= pace.resend_after * 4);
            assert!(pace.hold_deadline > pace.hold_resend_after);
        }
    }
}
