//! Games of those who see packets: `reader` (relay and gateway), `sent` (provider, gateway, mix).
//!
//! A model of packets, not of bytes: Level B has to show that the network does what it says.
//!
//! - `reader` (finding 6): each answer or resend of a held get puts one packet to the reader's gateway, a delay with density
//!   f after the relay's event, among Poisson packets of rate λ. Which of two clients is the reader? The best score is
//!   `Σ log(1 + f(t − tᵢ)/λ)`; with n events it is right with Φ(√(nκ/2)), κ = ∫f²dt/λ. One hour of one idle lane is
//!   played: an exchange every 300 s, five frames each, and its end.
//! - `sent` (finding 16): was a message sent in this half second? Nym's SDK sends packets as a Poisson stream whatever
//!   happens, so their number says nothing as long as cover cannot be told from real packets. Once it could: the SDK's
//!   cover packets have another Sphinx version by default, so real ones were counted, and what was left is one exchange
//!   more than the clock's. Without a stream (`metered`) that is so still.

use rand::Rng;
use rand::rngs::StdRng;

use super::{Game, Setting};
use crate::observers::attack::Sample;
use crate::observers::clocks::Seconds;
use crate::observers::schedule::design::Rule;
use crate::observers::stats::phi;
use crate::observers::workload::{exponential, transit};

/// What follows an event by more than this does not count.
const WINDOW: Seconds = 0.4;
const BINS: usize = 80;
const HOUR: Seconds = 3600.0;
/// The window of `sent`.
const HALF_SECOND: Seconds = 0.5;

/// Which of two clients reads this lane?
pub struct Reader {
    /// Messages that came on it; 0: it is idle, and watched for an hour.
    pub messages: u32,
}
/// Was a message sent in this window?
pub struct Sent;

/// The density of the time between the relay's event and the packet at the gateway, as a histogram.
#[derive(Debug)]
pub struct Delay {
    density: [f64; BINS],
}

impl Delay {
    /// Learned from draws.
    pub fn learn(rng: &mut impl Rng) -> Self {
        const DRAWS: usize = 100_000;
        let mut density = [0.0; BINS];
        for _ in 0..DRAWS {
            if let Some(bin) = Self::bin(transit(rng)) {
                density[bin] += BINS as f64 / WINDOW / DRAWS as f64;
            }
        }
        Self { density }
    }

    fn bin(wait: Seconds) -> Option<usize> {
        (0.0..WINDOW).contains(&wait).then(|| ((wait / WINDOW * BINS as f64) as usize).min(BINS - 1))
    }

    fn at(&self, wait: Seconds) -> f64 {
        Self::bin(wait).map_or(0.0, |bin| self.density[bin])
    }

    /// κ, among packets of a rate.
    pub fn kappa(&self, rate: f64) -> f64 {
        self.density.iter().map(|density| density * density).sum::<f64>() * WINDOW / BINS as f64 / rate
    }
}

/// The chance to name the right one of two clients after n events.
pub fn named_of_two(events: f64, kappa: f64) -> f64 {
    phi((events * kappa / 2.0).sqrt())
}

/// Events that the relay sees of one idle lane in an hour: frames of its gets, and the ends of its holds.
pub fn idle_events(setting: &Setting) -> u64 {
    let clocks = setting.rules.clocks;
    let frames = (clocks.hold / clocks.hold_resend).ceil().max(1.0);
    (HOUR / (clocks.hold + clocks.tick + 0.5) * (frames + 1.0)) as u64
}

/// What a passive relay sees of one message that its reader answers with packets: the answer, and two that are due to it.
pub const EVENTS_OF_A_MESSAGE: u64 = 3;

impl Reader {
    /// Events of this lane that the relay sees.
    fn events(&self, setting: &Setting) -> u64 {
        let idle = match setting.design {
            Some(design) if design.rules.has(Rule::Digest) => 0,
            _ => idle_events(setting),
        };
        if self.messages == 0 { idle } else { u64::from(self.messages) * EVENTS_OF_A_MESSAGE }
    }
}

/// Packets to a client: cover comes back to who sent it, and without cover the answers of other exchanges remain.
pub fn rate(setting: &Setting) -> f64 {
    let exchanges = setting.design.map_or(1.0 / setting.rules.clocks.tick, |design| design.exchanges());
    setting.rules.clocks.cover.max(2.0 * exchanges)
}

impl Game for Reader {
    fn name(&self) -> &'static str {
        if self.messages == 0 { "reader" } else { "reader-20" }
    }

    fn observer(&self) -> &'static str {
        "relay and gateway"
    }

    fn goal(&self, _: &Setting) -> Option<f64> {
        (self.messages == 0).then_some(0.05)
    }

    fn off(&self, mut setting: Setting) -> Setting {
        setting.design = None;
        let metered = crate::observers::clocks::Clocks::of(bauta_sphinx_client::Traffic::Metered);
        setting.rules.clocks = metered;
        setting
    }

    fn play(&self, setting: &Setting, rng: &mut StdRng) -> Option<Sample> {
        // The density is public: everybody can measure the network.
        static DELAY: std::sync::OnceLock<Delay> = std::sync::OnceLock::new();
        let delay = DELAY.get_or_init(|| {
            Delay::learn(&mut crate::observers::stats::rng_of(
                0,
                "delay",
                crate::observers::stats::Use::Tuning,
                0,
            ))
        });
        let rate = rate(setting);
        let bit: bool = rng.r#gen();
        let mut score = 0.0;
        for _ in 0..self.events(setting) {
            for (client, sign) in [(true, 1.0), (false, -1.0)] {
                let mut at = exponential(1.0 / rate, rng);
                while at < WINDOW {
                    score += sign * (1.0 + delay.at(at) / rate).ln();
                    at += exponential(1.0 / rate, rng);
                }
                if client == bit {
                    score += sign * (1.0 + delay.at(transit(rng)) / rate).ln();
                }
            }
        }
        Some((vec![score as f32], bit))
    }
}

impl Game for Sent {
    fn name(&self) -> &'static str {
        "sent"
    }

    fn observer(&self) -> &'static str {
        "provider, gateway, mix"
    }

    fn goal(&self, _: &Setting) -> Option<f64> {
        Some(0.05)
    }

    fn off(&self, mut setting: Setting) -> Setting {
        setting.shared.marked_cover = true;
        setting
    }

    fn play(&self, setting: &Setting, rng: &mut StdRng) -> Option<Sample> {
        let clocks = setting.rules.clocks;
        let bit: bool = rng.r#gen();
        let arrivals = |mean: Seconds, rng: &mut StdRng| {
            let (mut at, mut count) = (exponential(mean, rng), 0u32);
            while at < HALF_SECOND {
                count += 1;
                at += exponential(mean, rng);
            }
            count
        };
        let tick = setting.design.map_or(clocks.tick, |design| 1.0 / design.exchanges());
        let exchanges = arrivals(tick, rng) + u32::from(bit);
        // Two packets a request: the frame and its reply blocks.
        let real = 2 * exchanges;
        let readable = setting.shared.marked_cover || clocks.cover == 0.0;
        // In the stream a real packet takes the place of a cover packet: the number is that of the stream.
        let seen = if readable { real } else { arrivals(1.0 / clocks.cover, rng) };
        Some((vec![seen as f32], bit))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observers::stats::{Use, phi_inverse, rng_of};

    #[test]
    fn the_closed_form_is_that_of_the_design() {
        let delay = Delay::learn(&mut rng_of(1, "delay", Use::Tuning, 0));
        let kappa = delay.kappa(55.0);
        assert!((kappa - 0.20).abs() < 0.02, "{kappa}");
        // Events that name one of 1,000 clients with 95 %: 111 in section 1.
        let events = (phi_inverse(1.0 - 1e-3) + phi_inverse(0.95)).powi(2) / kappa;
        assert!((events - 111.0).abs() < 12.0, "{events}");
        assert!(named_of_two(111.0, kappa) > 0.99);
    }
}
