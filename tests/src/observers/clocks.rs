//! The clocks of the schedule of 2026-11-26, in seconds.
//!
//! They are what the code had when the table "before" was made (sphinx-client/src/traffic.rs, `Times::of` in
//! daemon/src/engine.rs, protocol/src/limits.rs), and stay so: that schedule is what each rule of the new one is compared
//! with.

use bauta_sphinx_client::Traffic;

/// Seconds since the beginning of a run.
pub type Seconds = f64;

/// Times of one profile.
#[derive(Clone, Copy, Debug)]
pub struct Clocks {
    /// Mean gap of the clock.
    pub tick: Seconds,
    /// Mean gap between drains.
    pub drain: Seconds,
    /// Least wait before an accepted box is deleted; up to half as long again.
    pub delete: Seconds,
    /// When an ordinary exchange is sent again.
    pub resend: Seconds,
    /// When a get is sent again.
    pub hold_resend: Seconds,
    /// The longest random delay before a client connects.
    pub start: Seconds,
    /// How long a relay holds a get.
    pub hold: Seconds,
    /// How long the window of a lane stays open.
    pub active: Seconds,
    /// Packets a second that a client sends whatever happens; 0 where there is no cover.
    pub cover: f64,
}

impl Clocks {
    /// The clocks of a profile as the code had them.
    pub fn of(profile: Traffic) -> Self {
        let full = Self {
            tick: 1.0,
            drain: 60.0,
            delete: 4.0 * 3600.0,
            resend: 8.0,
            hold_resend: 60.0,
            start: 15.0,
            hold: 300.0,
            active: 120.0,
            // `Traffic::bandwidth_note`: about 55 packets a second in `full`, a fifth of it in `saver`.
            cover: 55.0,
        };
        match profile {
            Traffic::Full => full,
            Traffic::Saver => Self { tick: 3.0, resend: 12.0, cover: 11.0, ..full },
            Traffic::Metered => Self { tick: 15.0, drain: 600.0, hold_resend: 120.0, cover: 0.0, ..full },
            Traffic::Paranoid => Self { tick: 5.0, drain: 300.0, resend: 20.0, start: 60.0, ..full },
            Traffic::Test => Self {
                tick: 0.025,
                drain: 0.2,
                delete: 1.0,
                resend: 1.0,
                hold_resend: 3.0,
                start: 0.0,
                cover: 0.0,
                ..full
            },
        }
    }
}
