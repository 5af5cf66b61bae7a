//! The games: each makes trials of a secret fair bit and what its observer sees.
//!
//! `play` gives one trial. Those that a relay plays are split into a scene, a question about a run and the numbers of the
//! observer, so that the same question can be put to a recorded run of whole engines. Games for operations that the code
//! does not have yet (`digest`, `flips`, `probe`) have their names reserved and are not played.

pub mod lanes;
pub mod packets;
pub mod people;
pub mod relays;

use rand::rngs::StdRng;

use super::attack::Sample;
use super::schedule::{Rules, Schedule, today::Today};
use super::trace::{Index, Run};
use super::workload::Workload;

/// What a trial is played under.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// The rules under test.
    pub rules: Rules,
    /// Personas online at the relay.
    pub users: u32,
    /// What people do.
    pub workload: Workload,
    /// Messages an hour of each online persona.
    pub per_hour: f64,
    /// Which facts of the code that are no matter of timing hold.
    pub shared: Shared,
}

/// What the personas of one home share today.
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
    /// As it is.
    pub const TODAY: Self = Self { descriptors: true, streams: true, marked_cover: false };
}

/// One game.
pub trait Game: Sync {
    /// Its name in the table.
    fn name(&self) -> &'static str;

    /// Who observes.
    fn observer(&self) -> &'static str;

    /// The greatest advantage that is the goal in `full`; `None` where the number is published only.
    fn goal(&self) -> Option<f64>;

    /// The same setting without the protection: the attack must win there.
    fn off(&self, setting: Setting) -> Setting;

    /// One trial; `None` if the draw gave nothing to ask about.
    fn play(&self, setting: &Setting, rng: &mut StdRng) -> Option<Sample>;

    /// A question about a recorded run; `None` where this game needs a scene of its own.
    fn ask(&self, _run: &Run, _index: &Index, _rng: &mut StdRng) -> Option<Sample> {
        None
    }
}

/// Every game that today's code can play.
pub fn all() -> Vec<Box<dyn Game>> {
    vec![
        Box::new(lanes::Loops),
        Box::new(lanes::Next),
        Box::new(lanes::Pair),
        Box::new(people::Presence),
        Box::new(people::Machine),
        Box::new(relays::Colisting),
        Box::new(relays::Name),
        Box::new(packets::Reader),
        Box::new(packets::Sent),
        Box::new(people::Streams),
        Box::new(people::Meeting),
    ]
}

/// The schedule under test.
pub(crate) fn schedule(setting: &Setting) -> impl Schedule + use<> {
    Today(setting.rules)
}
