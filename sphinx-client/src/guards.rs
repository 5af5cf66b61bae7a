//! The gateways through which an installation enters the mixnet.
//!
//! Two guards are drawn at random, kept for 60 to 90 days and shared by all clients.
//! With a new gateway at each start an installation would soon use a hostile one (Wright et al., "The Predecessor Attack", 2004);
//! the numbers follow Tor's guards (Dingledine et al., "One Fast Guard for Life", 2014).
//! The state machine is pure: time, candidates and randomness are passed in.

use std::collections::HashSet;

use rand::Rng;
use rand::seq::SliceRandom as _;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// How many guards an installation has.
pub(crate) const GUARDS: usize = 2;
const DAY: u64 = 24 * 3600;
const KEEP_AT_LEAST: u64 = 60 * DAY;
const KEEP_AT_MOST: u64 = 90 * DAY;
/// A guard that fails for this long while another gateway works is replaced.
const REPLACE_AFTER: u64 = DAY;
/// Failures this close together, with no attempt after them, do not count as failing for a long time.
const LEAST_FAILURES: u32 = 8;
/// After this many failures in a row a guard is tried after a stand-in that works...
const PATIENCE: u32 = 3;
/// ...until this much time has passed.
const RETRY_EVERY: u64 = 15 * 60;
/// A stand-in that fails is replaced no sooner: otherwise, whoever cuts the line could lead us through all gateways.
const STAND_IN_FOR: u64 = 3600;
const VERSION: u8 = 1;
/// A longer stored state was not written by this program.
const MAX_BYTES: usize = 64 * 1024;

/// A gateway, by its identity key in base 58, as the directory names it.
pub(crate) type GatewayId = String;

/// The guards of an installation, and a third gateway, the stand-in, for when none of them works.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) struct Guards {
    version: u8,
    guards: Vec<Guard>,
    stand_in: Option<Guard>,
}

/// Times are seconds since the Unix epoch.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
struct Guard {
    id: GatewayId,
    keep_until: u64,
    failing_since: Option<u64>,
    last_failure: u64,
    failures: u32,
}

/// The stored bytes are not guards.
#[derive(Debug, Error)]
pub(crate) enum LoadError {
    #[error("the stored guards do not parse")]
    Malformed(#[source] serde_json::Error),
    #[error("the stored guards are of another version or out of bounds")]
    Unsupported,
}

impl Guards {
    pub(crate) fn new() -> Self {
        Self { version: VERSION, guards: Vec::new(), stand_in: None }
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self, LoadError> {
        if bytes.len() > MAX_BYTES {
            return Err(LoadError::Unsupported);
        }
        let guards: Self = serde_json::from_slice(bytes).map_err(LoadError::Malformed)?;
        let distinct: HashSet<_> =
            guards.guards.iter().chain(&guards.stand_in).map(|guard| &guard.id).collect();
        let count = guards.guards.len() + usize::from(guards.stand_in.is_some());
        if guards.version != VERSION || guards.guards.len() > GUARDS || distinct.len() != count {
            return Err(LoadError::Unsupported);
        }
        Ok(guards)
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// The gateways to try, in order: guards that work, guards worth another try, a stand-in that works, the rest.
    ///
    /// A stand-in that works comes before guards that failed again and again.
    /// While nothing works, guards come first: most likely the network is down, and no further gateway needs to see us.
    /// Missing guards are drawn from `candidates`, and from those in `avoid` only if nothing else is left.
    pub(crate) fn order<R: Rng>(
        &mut self,
        now: u64,
        candidates: &[GatewayId],
        avoid: &HashSet<GatewayId>,
        rng: &mut R,
    ) -> Vec<GatewayId> {
        // Two dangers pull in opposite directions. Whoever uses many gateways will soon use a hostile one; whoever insists on
        // one that is down is cut off. So the order changes only on evidence that the network works and the guard does not:
        // failures alone may be our own line, and an attacker who cuts it must not be able to walk us through all gateways.
        self.settle(now, candidates, avoid, rng);
        let listed: HashSet<&GatewayId> = candidates.iter().collect();
        let mut ranked: Vec<(u8, &Guard)> = self
            .guards
            .iter()
            .map(|guard| (guard.rank(now), guard))
            .chain(self.stand_in.iter().map(|guard| (guard.rank_as_stand_in(), guard)))
            .filter(|(_, guard)| listed.contains(&guard.id))
            .collect();
        ranked.shuffle(rng);
        ranked.sort_by_key(|(rank, _)| *rank);
        ranked.into_iter().map(|(_, guard)| guard.id.clone()).collect()
    }

    /// An exchange or a probe came back over this gateway.
    pub(crate) fn worked(&mut self, id: &GatewayId) {
        if let Some(guard) = self.find(id) {
            guard.failing_since = None;
            guard.failures = 0;
        }
        // The stand-in is dropped once a guard works again.
        if self.guards.iter().any(|guard| guard.id == *id) {
            self.stand_in = None;
        }
    }

    /// A connection over this gateway failed or could not be made.
    pub(crate) fn failed(&mut self, id: &GatewayId, now: u64) {
        if let Some(guard) = self.find(id) {
            guard.failing_since.get_or_insert(now);
            guard.last_failure = now;
            guard.failures = guard.failures.saturating_add(1);
        }
    }

    fn find(&mut self, id: &GatewayId) -> Option<&mut Guard> {
        self.guards.iter_mut().chain(&mut self.stand_in).find(|guard| guard.id == *id)
    }

    /// Drops guards that are too old, replaces those that failed too long, and draws missing ones.
    fn settle<R: Rng>(
        &mut self,
        now: u64,
        candidates: &[GatewayId],
        avoid: &HashSet<GatewayId>,
        rng: &mut R,
    ) {
        // If the clock was far ahead when a guard was drawn, the guard must not stay for ever.
        self.guards.retain(|guard| guard.keep_until > now && guard.keep_until <= now + KEEP_AT_MOST);
        // A guard that the directory no longer lists counts as failed without a try.
        if !candidates.is_empty() {
            self.stand_in.take_if(|guard| !candidates.contains(&guard.id));
            for guard in &mut self.guards {
                if !candidates.contains(&guard.id) {
                    guard.failing_since.get_or_insert(now);
                    guard.failures = guard.failures.max(LEAST_FAILURES);
                    guard.last_failure = now;
                }
            }
        }
        // Only another gateway that works proves that the network is up and the guard is at fault.
        let network_up = self.guards.iter().chain(&self.stand_in).any(|guard| guard.failing_since.is_none());
        if network_up {
            self.guards.retain(|guard| !guard.given_up(now));
        }
        let spent = |guard: &Guard| {
            guard.failing_since.is_some_and(|since| now.saturating_sub(since) >= STAND_IN_FOR)
        };
        if self.stand_in.as_ref().is_some_and(spent) {
            self.stand_in = None;
        }
        while self.guards.len() < GUARDS {
            // A stand-in that works becomes a guard, so no further gateway needs to see us.
            let proven = self.stand_in.take_if(|guard| guard.failing_since.is_none());
            let Some(guard) = proven.or_else(|| self.draw(now, candidates, avoid, rng)) else {
                break;
            };
            self.guards
                .push(Guard { keep_until: now + rng.gen_range(KEEP_AT_LEAST..=KEEP_AT_MOST), ..guard });
        }
        let all_failing = self.guards.iter().all(|guard| guard.failing_since.is_some());
        if all_failing && self.stand_in.is_none() {
            self.stand_in = self.draw(now, candidates, avoid, rng);
        }
    }

    fn draw<R: Rng>(
        &self,
        now: u64,
        candidates: &[GatewayId],
        avoid: &HashSet<GatewayId>,
        rng: &mut R,
    ) -> Option<Guard> {
        let taken: HashSet<&GatewayId> =
            self.guards.iter().chain(&self.stand_in).map(|guard| &guard.id).collect();
        let free: Vec<&GatewayId> = candidates.iter().filter(|id| !taken.contains(id)).collect();
        let wished: Vec<&GatewayId> = free.iter().copied().filter(|id| !avoid.contains(*id)).collect();
        let id = wished.choose(rng).or_else(|| free.choose(rng))?;
        Some(Guard {
            id: (*id).clone(),
            keep_until: now + KEEP_AT_LEAST,
            failing_since: None,
            last_failure: 0,
            failures: 0,
        })
    }
}

impl Guard {
    fn rank(&self, now: u64) -> u8 {
        if self.failing_since.is_none() {
            0
        } else if self.failures < PATIENCE || now.saturating_sub(self.last_failure) >= RETRY_EVERY {
            1
        } else {
            3
        }
    }

    fn rank_as_stand_in(&self) -> u8 {
        if self.failing_since.is_none() { 2 } else { 4 }
    }

    fn given_up(&self, now: u64) -> bool {
        self.failures >= LEAST_FAILURES
            && self.failing_since.is_some_and(|since| now.saturating_sub(since) >= REPLACE_AFTER)
    }
}

#[cfg(test)]
#[path = "guards/tests.rs"]
mod tests;
