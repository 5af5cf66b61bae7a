//! The games: each makes trials of a secret fair bit and what its observer sees.
//!
//! `play` gives one trial. Those that a relay plays are split into a scene, a question about a run and the numbers of the
//! observer, so that the same question can be put to a recorded run of whole engines. `probe` is a
//! curve in closed form (`curves`), not a game.

pub mod lanes;
pub mod listings;
pub mod naming;
pub mod packets;
pub mod people;
pub mod relays;

use rand::rngs::StdRng;

use super::attack::Sample;
use super::schedule::design::{Design, Rule};
use super::schedule::{Rules, Scene, Schedule, new::New, today::Today};
use super::trace::{Index, Run};
use super::workload::Workload;

/// What a trial is played under.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// The rules of the schedule of 2026-11-26.
    pub rules: Rules,
    /// The schedule under test; without one, that of 2026-11-26.
    pub design: Option<Design>,
    /// Personas online at the relay.
    pub users: u32,
    /// What people do.
    pub workload: Workload,
    /// Messages an hour of each online persona.
    pub per_hour: f64,
    /// Which facts of the code that are no matter of timing hold.
    pub shared: Shared,
}

/// What the personas of one home share.
#[derive(Clone, Copy, Debug)]
pub struct Shared {
    /// One table of descriptors (daemon/src/store/schema.rs `relays`).
    pub descriptors: bool,
    /// One Nym client, exit and Gun connection for streams (sphinx-client/src/exit.rs `Pool`).
    pub streams: bool,
    /// Cover packets have another version in their Sphinx header than real ones. It was so until one version was set for
    /// both (sphinx-client/src/tuning.rs); `sphinx-client/tests/all/marks.rs` holds that.
    pub marked_cover: bool,
}

impl Shared {
    /// As it was on 2026-11-26.
    pub const TODAY: Self = Self { descriptors: true, streams: true, marked_cover: false };

    /// As the design has it, without some rules.
    pub fn of_rules(without: &[Rule]) -> Self {
        let shared = without.contains(&Rule::OwnState);
        Self { descriptors: shared, streams: shared, marked_cover: false }
    }
}

/// One game.
pub trait Game: Sync {
    /// Its name in the table.
    fn name(&self) -> &'static str;

    /// Who observes.
    fn observer(&self) -> &'static str;

    /// The greatest advantage that is the goal in `full`; `None` where the number is published only.
    fn goal(&self, setting: &Setting) -> Option<f64>;

    /// Whether one is to be named among all, so that the number is the share of right names and not an advantage over a
    /// coin. The numbers of a sample are then, for each attack, 1 where it was right.
    fn names(&self) -> bool {
        false
    }

    /// The same setting without the protection: the attack must win there.
    fn off(&self, setting: Setting) -> Setting;

    /// One trial; `None` if the draw gave nothing to ask about.
    fn play(&self, setting: &Setting, rng: &mut StdRng) -> Option<Sample>;

    /// A question about a recorded run; `None` where this game needs a scene of its own.
    fn ask(&self, _run: &Run, _index: &Index, _rng: &mut StdRng) -> Option<Sample> {
        None
    }
}

/// Every game.
pub fn all() -> Vec<Box<dyn Game>> {
    vec![
        Box::new(lanes::Loops),
        Box::new(naming::Next { idle: false }),
        Box::new(naming::Next { idle: true }),
        Box::new(lanes::Order),
        Box::new(naming::Receipt),
        Box::new(lanes::Pair),
        Box::new(people::Presence { days: 7, a_day: 5.0 }),
        Box::new(people::Machine { days: 7, a_day: 5.0 }),
        Box::new(listings::Colisting),
        Box::new(listings::Digest),
        Box::new(relays::Name),
        Box::new(packets::Reader { messages: 0 }),
        Box::new(packets::Reader { messages: 20 }),
        Box::new(packets::Sent),
        Box::new(listings::Flips),
        Box::new(people::Streams),
        Box::new(people::Meeting),
    ]
}

/// The schedule under test.
pub(crate) fn schedule(setting: &Setting) -> Either {
    Either(*setting)
}

/// The schedule that a setting names.
pub(crate) struct Either(Setting);

impl Schedule for Either {
    fn run(&self, scene: &Scene, rng: &mut StdRng) -> Run {
        match self.0.design {
            Some(design) => New(design).run(scene, rng),
            None => Today(self.0.rules).run(scene, rng),
        }
    }
}

/// A setting without one rule of the design; the schedule of 2026-11-26 stays as it is.
pub(crate) fn without(mut setting: Setting, rule: Rule) -> Setting {
    if let Some(design) = &mut setting.design {
        design.rules = design.rules.without(rule);
    }
    setting
}
