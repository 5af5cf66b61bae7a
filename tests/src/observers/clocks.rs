//! The clocks of a traffic profile in seconds, as the simulator needs them.
//!
//! All come from the code: `bauta_sphinx_client::Traffic::pace` (sphinx-client/src/traffic.rs), `Times::of`
//! (daemon/src/engine.rs), `limits::HOLD` (protocol/src/limits.rs).

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
    /// The clocks of a profile as the code has them.
    pub fn of(profile: Traffic) -> Self {
        let pace = profile.pace();
        let seconds = |span: std::time::Duration| span.as_secs_f64();
        Self {
            tick: seconds(pace.tick_mean),
            drain: seconds(pace.drain_mean),
            delete: seconds(pace.delete_after),
            resend: seconds(pace.resend_after),
            hold_resend: seconds(pace.hold_resend_after),
            start: seconds(pace.start_delay_max),
            hold: seconds(bauta_protocol::limits::HOLD),
            active: 120.0,
            // `Traffic::bandwidth_note`: about 55 packets a second in `full`, a fifth of it in `saver`.
            cover: match profile {
                Traffic::Full | Traffic::Paranoid => 55.0,
                Traffic::Saver => 11.0,
                Traffic::Metered | Traffic::Test => 0.0,
            },
        }
    }
}
