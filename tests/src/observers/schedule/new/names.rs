//! Requests that name a persona: seldom, and never because of something.

use rand::Rng;

use super::{Ask, What, World};
use crate::observers::clocks::Seconds;
use crate::observers::schedule::design::Rule;
use crate::observers::trace::Operation;
use crate::observers::workload::{DAY, exponential};

const HOUR: Seconds = 3600.0;
/// A bundle is new for so long, then it is due by a hazard of the time online.
const RENEW_AFTER: Seconds = 3.0 * DAY;
const RENEW_MEAN: Seconds = 4.0 * HOUR;
/// First contacts that somebody makes with a persona, one a week: an assumption.
const GREETED_EVERY: Seconds = 7.0 * DAY;
const DRAIN_MEAN: Seconds = 180.0;
/// Without the rule `SlowNames`.
const DRAIN_OF_TODAY: Seconds = 60.0;

impl World<'_> {
    /// Bundles are of any age when a run begins.
    pub(super) fn begin_names(&mut self, who: usize) {
        self.clients[who].bundle_from = -self.rng.r#gen::<f64>() * (RENEW_AFTER + RENEW_MEAN);
    }

    pub(super) fn names_after_start(&mut self, who: usize, epoch: u32) {
        if !self.has(Rule::SlowNames) {
            self.send(who, Ask::Named(Operation::Publish, who));
            return self.after(DRAIN_OF_TODAY, What::Name(who, epoch, Operation::Drain));
        }
        let due = self.clients[who].bundle_from + RENEW_AFTER;
        let at = self.now.max(due) + self.cut(RENEW_MEAN);
        self.at(at, What::Name(who, epoch, Operation::Publish));
        let at = self.now + exponential(GREETED_EVERY, self.rng);
        self.at(at, What::Name(who, epoch, Operation::Drain));
    }

    pub(super) fn name(&mut self, who: usize, epoch: u32, operation: Operation) {
        if self.clients[who].epoch != epoch {
            return;
        }
        let slow = self.has(Rule::SlowNames);
        self.send(who, Ask::Named(operation, who));
        let wait = match operation {
            Operation::Publish => {
                self.clients[who].bundle_from = self.now;
                RENEW_AFTER + self.cut(RENEW_MEAN)
            }
            _ if slow => exponential(GREETED_EVERY, self.rng) + self.cut(DRAIN_MEAN),
            _ => exponential(DRAIN_OF_TODAY, self.rng),
        };
        self.at(self.now + wait, What::Name(who, epoch, operation));
    }

    /// Exponential, and cut at three means.
    fn cut(&mut self, mean: Seconds) -> Seconds {
        loop {
            let wait = exponential(mean, self.rng);
            if wait <= 3.0 * mean {
                return wait;
            }
        }
    }
}
