//! Remembers requests and their answers: a resend gets the same answer, and nothing is done twice.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use crate::frame::{RequestDigest, Xid};

/// A request is remembered this long after it was last seen or answered: longer than any exchange lasts.
pub(super) const REMEMBER: Duration = Duration::from_secs(7 * 60);
/// The most requests that are remembered; the one not seen for longest is dropped first.
const MOST: usize = 32 * 1024;
/// The most bytes of answers that are kept.
const MOST_BYTES: usize = 64 * 1024 * 1024;

/// The memory of a service. `R` says where an answer goes.
pub(super) struct Ledger<R> {
    entries: HashMap<Xid, Entry<R>>,
    /// By the turn at which they were last seen: oldest first.
    by_age: BTreeMap<u64, (Xid, Instant)>,
    next_turn: u64,
    bytes: usize,
    most: usize,
    most_bytes: usize,
}

struct Entry<R> {
    digest: RequestDigest,
    route: R,
    /// The turn at which the request was new. Distinguishes its responder from one for an earlier use of the xid.
    born: u64,
    seen: u64,
    reply: Option<Vec<u8>>,
}

/// What to do with a request.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Verdict {
    /// Do it, and answer under this turn.
    New(u64),
    /// It is under way; the answer will take the new route.
    Waits,
    /// It is done: send this again.
    Again(Vec<u8>),
    /// The xid belongs to another request.
    Refused,
}

impl<R: Copy> Ledger<R> {
    pub(super) fn new() -> Self {
        Self::with_bounds(MOST, MOST_BYTES)
    }

    fn with_bounds(most: usize, most_bytes: usize) -> Self {
        Self { entries: HashMap::new(), by_age: BTreeMap::new(), next_turn: 0, bytes: 0, most, most_bytes }
    }

    /// A request came in over this route.
    pub(super) fn request(&mut self, now: Instant, xid: &Xid, digest: RequestDigest, route: R) -> Verdict {
        self.expire(now);
        let turn = self.turn();
        let verdict = match self.entries.get_mut(xid) {
            Some(entry) if entry.digest != digest => return Verdict::Refused,
            Some(entry) => {
                entry.route = route;
                match &entry.reply {
                    Some(reply) => Verdict::Again(reply.clone()),
                    None => Verdict::Waits,
                }
            }
            None => {
                let entry = Entry { digest, route, born: turn, seen: turn, reply: None };
                self.entries.insert(xid.clone(), entry);
                Verdict::New(turn)
            }
        };
        self.touch(now, xid, turn);
        self.trim();
        verdict
    }

    /// A request is answered. The route of its newest sending, unless it is forgotten.
    pub(super) fn finish(&mut self, now: Instant, xid: &Xid, born: u64, reply: Vec<u8>) -> Option<R> {
        let entry = self.entries.get_mut(xid).filter(|entry| entry.born == born && entry.reply.is_none())?;
        self.bytes += reply.len();
        entry.reply = Some(reply);
        let route = entry.route;
        let turn = self.turn();
        self.touch(now, xid, turn);
        self.trim();
        Some(route)
    }

    /// A request is answered with what is not worth keeping: a resend of it is a new one. The route of its newest sending.
    pub(super) fn release(&mut self, xid: &Xid, born: u64) -> Option<R> {
        let route = self.entries.get(xid).filter(|entry| entry.born == born).map(|entry| entry.route);
        self.forget(xid, born);
        route
    }

    /// A request will not be answered: a resend of it is a new one.
    pub(super) fn forget(&mut self, xid: &Xid, born: u64) {
        if self.entries.get(xid).is_some_and(|entry| entry.born == born && entry.reply.is_none()) {
            self.remove(xid);
        }
    }

    /// Forgets what is too old.
    pub(super) fn expire(&mut self, now: Instant) {
        while let Some((xid, seen)) = self.by_age.first_key_value().map(|(_, value)| value.clone()) {
            if now.saturating_duration_since(seen) < REMEMBER {
                break;
            }
            self.remove(&xid);
        }
    }

    fn turn(&mut self) -> u64 {
        self.next_turn += 1;
        self.next_turn
    }

    fn touch(&mut self, now: Instant, xid: &Xid, turn: u64) {
        if let Some(entry) = self.entries.get_mut(xid) {
            self.by_age.remove(&entry.seen);
            entry.seen = turn;
            self.by_age.insert(turn, (xid.clone(), now));
        }
    }

    fn trim(&mut self) {
        while self.entries.len() > self.most || self.bytes > self.most_bytes {
            let Some((xid, _)) = self.by_age.first_key_value().map(|(_, value)| value.clone()) else { break };
            self.remove(&xid);
        }
    }

    fn remove(&mut self, xid: &Xid) {
        if let Some(entry) = self.entries.remove(xid) {
            self.by_age.remove(&entry.seen);
            self.bytes -= entry.reply.map_or(0, |reply| reply.len());
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn xid(n: u8) -> Xid {
        Xid::new([n; 16])
    }

    fn digest(n: u8) -> RequestDigest {
        RequestDigest::of(&[n])
    }

    #[test]
    fn a_request_is_new_once_and_answered_the_same_ever_after() {
        let (mut ledger, now) = (Ledger::new(), Instant::now());
        let Verdict::New(turn) = ledger.request(now, &xid(1), digest(1), 'a') else { panic!() };
        assert_eq!(ledger.request(now, &xid(1), digest(1), 'b'), Verdict::Waits);
        assert_eq!(ledger.finish(now, &xid(1), turn, vec![7]), Some('b'), "over the newest route");
        assert_eq!(ledger.finish(now, &xid(1), turn, vec![8]), None, "once");
        assert_eq!(ledger.request(now, &xid(1), digest(1), 'c'), Verdict::Again(vec![7]));
    }

    #[test]
    fn another_request_under_the_same_xid_is_refused_before_and_after_the_answer() {
        let (mut ledger, now) = (Ledger::new(), Instant::now());
        let Verdict::New(turn) = ledger.request(now, &xid(1), digest(1), 'a') else { panic!() };
        assert_eq!(ledger.request(now, &xid(1), digest(2), 'z'), Verdict::Refused);
        assert_eq!(ledger.finish(now, &xid(1), turn, vec![7]), Some('a'), "a refused one diverts nothing");
        assert_eq!(ledger.request(now, &xid(1), digest(2), 'z'), Verdict::Refused);
    }

    #[test]
    fn a_dropped_request_is_new_again() {
        let (mut ledger, now) = (Ledger::new(), Instant::now());
        let Verdict::New(first) = ledger.request(now, &xid(1), digest(1), 'a') else { panic!() };
        ledger.forget(&xid(1), first);
        let Verdict::New(second) = ledger.request(now, &xid(1), digest(1), 'b') else { panic!() };
        ledger.forget(&xid(1), first);
        assert_eq!(ledger.finish(now, &xid(1), first, vec![1]), None, "an old responder has no say");
        assert_eq!(ledger.finish(now, &xid(1), second, vec![2]), Some('b'));
    }

    #[test]
    fn memory_fades_with_age_but_not_before_six_minutes() {
        let (mut ledger, now) = (Ledger::new(), Instant::now());
        let Verdict::New(turn) = ledger.request(now, &xid(1), digest(1), 'a') else { panic!() };
        ledger.finish(now, &xid(1), turn, vec![7]);
        let six = now + Duration::from_secs(360);
        assert_eq!(ledger.request(six, &xid(1), digest(1), 'b'), Verdict::Again(vec![7]));
        assert!(matches!(ledger.request(six + REMEMBER, &xid(1), digest(1), 'b'), Verdict::New(_)));
    }

    #[test]
    fn what_is_not_kept_is_answered_over_the_newest_route_and_anew() {
        let (mut ledger, now) = (Ledger::new(), Instant::now());
        let Verdict::New(turn) = ledger.request(now, &xid(1), digest(1), 'a') else { panic!() };
        assert_eq!(ledger.request(now, &xid(1), digest(1), 'b'), Verdict::Waits);
        assert_eq!(ledger.release(&xid(1), turn), Some('b'));
        assert_eq!(ledger.release(&xid(1), turn), None);
        assert!(matches!(ledger.request(now, &xid(1), digest(1), 'c'), Verdict::New(_)));
    }

    #[derive(Clone, Debug)]
    enum Event {
        Request(u8, u8),
        Finish(u8, usize),
        Forget(u8),
        Wait(u64),
    }

    fn event() -> impl Strategy<Value = Event> {
        prop_oneof![
            (0u8..12, 0u8..2).prop_map(|(x, d)| Event::Request(x, d)),
            (0u8..12, 0usize..40).prop_map(|(x, len)| Event::Finish(x, len)),
            (0u8..12).prop_map(Event::Forget),
            (0u64..500).prop_map(Event::Wait),
        ]
    }

    proptest! {
        #[test]
        fn bounds_hold_and_no_request_is_done_twice(events in vec(event(), 0..120)) {
            let (mut ledger, mut now) = (Ledger::with_bounds(6, 100), Instant::now());
            let mut turns: HashMap<u8, u64> = HashMap::new();
            for event in events {
                match event {
                    Event::Request(x, d) => match ledger.request(now, &xid(x), digest(d), x) {
                        Verdict::New(turn) => {
                            turns.insert(x, turn);
                        }
                        Verdict::Waits | Verdict::Again(_) | Verdict::Refused => prop_assert!(turns.contains_key(&x)),
                    },
                    Event::Finish(x, len) => {
                        if let Some(turn) = turns.get(&x) {
                            let route = ledger.finish(now, &xid(x), *turn, vec![0; len]);
                            prop_assert!(route.is_none() || route == Some(x));
                        }
                    }
                    Event::Forget(x) => {
                        if let Some(turn) = turns.get(&x) {
                            ledger.forget(&xid(x), *turn);
                        }
                    }
                    Event::Wait(seconds) => now += Duration::from_secs(seconds),
                }
                prop_assert!(ledger.entries.len() <= 6 && ledger.bytes <= 100);
                prop_assert_eq!(ledger.entries.len(), ledger.by_age.len());
                let bytes: usize = ledger.entries.values().filter_map(|e| e.reply.as_ref()).map(Vec::len).sum();
                prop_assert_eq!(bytes, ledger.bytes);
            }
        }
    }
}
