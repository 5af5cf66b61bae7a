//! One persona that is only a schedule.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bauta_protocol::digest::set::Tag;
use bauta_protocol::id::BoxId;
use bauta_protocol::limits::{BOX_LEN, HOLD};
use bauta_protocol::relay::{Get, News, Page, Put, Reply, Request};
use bauta_protocol::time::Clock as _;
use bauta_sphinx_client::SystemClock;
use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use tokio::sync::mpsc::UnboundedSender;
use tokio::task::JoinSet;

use super::{Done, Kind, Rates, Way, work};

/// Ids asked ahead at a time.
const AHEAD: usize = 4;
/// A box lies at least so long before it is read.
const LIES: Duration = Duration::from_secs(60);
/// An answer at the desk that takes longer is none.
const SOON: Duration = Duration::from_secs(60);

pub(super) struct Persona {
    way: Way,
    rates: Rates,
    done: UnboundedSender<Done>,
    rng: StdRng,
    /// Asked for, and not put yet.
    ahead: VecDeque<BoxId>,
    /// Put, and not read yet.
    lying: VecDeque<(BoxId, Instant)>,
    under_way: JoinSet<()>,
}

impl Persona {
    pub(super) fn new(way: Way, rates: Rates, done: UnboundedSender<Done>) -> Self {
        let rng = StdRng::from_entropy();
        Self {
            way,
            rates,
            done,
            rng,
            ahead: VecDeque::new(),
            lying: VecDeque::new(),
            under_way: JoinSet::new(),
        }
    }

    pub(super) async fn live(mut self, span: Duration) {
        let end = Instant::now() + span;
        loop {
            let wait = -self.rng.gen_range(f64::MIN_POSITIVE..1.0).ln() / self.rates.sum();
            let next = Instant::now() + Duration::from_secs_f64(wait);
            tokio::time::sleep_until(next.min(end).into()).await;
            if next >= end {
                break;
            }
            self.act();
            while self.under_way.try_join_next().is_some() {}
        }
        // What is held would be answered after minutes only: its box comes now.
        while let Some(id) = self.ahead.pop_front() {
            self.put(id);
        }
        while self.under_way.join_next().await.is_some() {}
    }

    fn act(&mut self) {
        let Rates { puts, gets, news, .. } = self.rates;
        let drawn = self.rng.gen_range(0.0..self.rates.sum());
        if drawn < puts {
            let id = if self.rng.gen_bool(2.0 / 3.0) { self.ahead.pop_front() } else { None };
            let id = id.unwrap_or_else(|| {
                let id = BoxId(self.rng.r#gen());
                self.lying.push_back((id, Instant::now()));
                id
            });
            self.put(id);
        } else if drawn < puts + gets {
            match self.lying.front() {
                Some((id, since)) if since.elapsed() >= LIES => {
                    let id = *id;
                    self.lying.pop_front();
                    self.ask(Kind::Lying, Get { id }.into(), SOON, |reply| matches!(reply, Reply::Box(_)));
                }
                _ if self.ahead.len() < AHEAD => {
                    let id = BoxId(self.rng.r#gen());
                    self.ahead.push_back(id);
                    self.ask(Kind::Ahead, Get { id }.into(), HOLD, |reply| matches!(reply, Reply::Box(_)));
                }
                _ => {}
            }
        } else if drawn < puts + gets + news {
            self.ask(Kind::News, News.into(), SOON, |reply| matches!(reply, Reply::News(_)));
        } else {
            self.ask(Kind::Page, Page { index: 0 }.into(), SOON, |reply| matches!(reply, Reply::Page(_)));
        }
    }

    fn put(&mut self, id: BoxId) {
        let (day, tag) = (SystemClock.now().day(), Tag(self.rng.r#gen()));
        let begun = Instant::now();
        let nonce = work(self.way.relay(), day, &id);
        let _ = self.done.send(Done { kind: Kind::Work, good: true, took: begun.elapsed() });
        let mut sealed = Box::new([0; BOX_LEN]);
        self.rng.fill(sealed.as_mut_slice());
        let put = Put { day, nonce, id, tag, sealed };
        self.ask(Kind::Put, put.into(), SOON, |reply| matches!(reply, Reply::Done));
    }

    fn ask(&mut self, kind: Kind, request: Request, deadline: Duration, good: fn(&Reply) -> bool) {
        let (way, done) = (self.way.clone(), self.done.clone());
        self.under_way.spawn(async move {
            let begun = Instant::now();
            let reply = way.ask(request, deadline).await;
            let good = reply.as_ref().is_some_and(good);
            let _ = done.send(Done { kind, good, took: begun.elapsed() });
        });
    }
}
