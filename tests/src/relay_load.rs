//! A relay under the load of many personas who only exist as a schedule: what `relay-load` measures.
//!
//! Each draws its exchanges as a daemon with nothing to say does: puts, gets, `news` and pages on Poisson clocks of its
//! own. It writes to itself: two thirds of its boxes are asked for before they are put, the others lie for a while.

pub mod mixnet;
mod persona;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use bauta_protocol::id::{BoxId, RelayId};
use bauta_protocol::relay::{Reply, Request};
use bauta_protocol::time::Day;
use bauta_protocol::work::find_put_work;
use bauta_relay::{Desk, policy::Difficulty};
use bauta_sphinx_client::{Client, Patience, RelayTarget};

use crate::e2e_bench::Times;
use persona::Persona;

/// How often each kind is asked, a second and persona.
#[derive(Clone, Copy, Debug)]
pub struct Rates {
    /// Puts.
    pub puts: f64,
    /// Gets.
    pub gets: f64,
    /// The last intervals.
    pub news: f64,
    /// Pages.
    pub pages: f64,
}

/// The profile `full` at a relay whose boxes fit one page.
pub const FULL: Rates = Rates { puts: 0.15, gets: 0.25, news: 0.1, pages: 1.0 / 120.0 };

impl Rates {
    /// Exchanges a second and persona.
    pub fn sum(&self) -> f64 {
        self.puts + self.gets + self.news + self.pages
    }
}

/// The way from a persona to the relay.
#[derive(Clone)]
pub enum Way {
    /// Straight to the desk, as the relay's own doors do after a request has arrived.
    Desk(Arc<Desk>),
    /// Through the mixnet.
    Mixnet(Arc<Client>, RelayTarget),
}

/// The longest that an answer may take. A get that is held may take as long as its hold.
const PATIENCE: Patience =
    Patience { deadline: Duration::from_secs(60), resend_after: Duration::from_secs(20) };

impl Way {
    fn relay(&self) -> RelayId {
        match self {
            Self::Desk(desk) => desk.relay(),
            Self::Mixnet(_, target) => target.id,
        }
    }

    /// `None`: no answer, or one that cannot be read.
    async fn ask(&self, request: Request, deadline: Duration) -> Option<Reply> {
        let class = request.class();
        let body = request.encode();
        let answer = match self {
            Self::Desk(desk) => desk.answer_body(class, body.to_vec()).await?,
            Self::Mixnet(client, target) => {
                let patience = Patience { deadline, ..PATIENCE };
                client.exchange(target, class, &body, patience).await.ok()?.to_vec()
            }
        };
        Reply::decode(class, &answer).ok()
    }
}

/// What one kind of request came to.
#[derive(Debug, Default)]
pub struct Line {
    /// Answers as they should be.
    pub good: usize,
    /// Anything else, no answer included.
    pub bad: usize,
    /// How long the answers took.
    pub times: Times,
}

/// What a run came to.
#[derive(Debug)]
pub struct Outcome {
    /// How long it ran.
    pub span: Duration,
    /// How long the personas worked for their puts, all together.
    pub work: Duration,
    /// Puts; gets of boxes that lie there; gets asked ahead; `news`; pages.
    pub lines: [(&'static str, Line); 5],
}

impl Outcome {
    /// Exchanges that ended.
    pub fn exchanges(&self) -> usize {
        self.lines.iter().map(|(_, line)| line.good + line.bad).sum()
    }

    /// Exchanges that did not go well.
    pub fn bad(&self) -> usize {
        self.lines.iter().map(|(_, line)| line.bad).sum()
    }
}

/// What happened in an exchange.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Kind {
    Put,
    Lying,
    Ahead,
    News,
    Page,
    /// Not an exchange: a put's work.
    Work,
}

struct Done {
    kind: Kind,
    good: bool,
    took: Duration,
}

/// Lets personas do what they do until `span` is over. Each has the way that its number leads to.
pub async fn run(ways: &[Way], personas: usize, rates: Rates, span: Duration) -> Outcome {
    let (done, mut ended) = tokio::sync::mpsc::unbounded_channel();
    let begun = Instant::now();
    let running: Vec<_> = (0..personas)
        .map(|number| {
            let way = ways[number % ways.len()].clone();
            tokio::spawn(Persona::new(way, rates, done.clone()).live(span))
        })
        .collect();
    drop(done);
    let kinds = [Kind::Put, Kind::Lying, Kind::Ahead, Kind::News, Kind::Page];
    let mut counts = [(0, 0); 5];
    let mut times: [Vec<Duration>; 5] = Default::default();
    let mut work = Duration::ZERO;
    while let Some(Done { kind, good, took }) = ended.recv().await {
        let Some(place) = kinds.iter().position(|one| *one == kind) else {
            work += took;
            continue;
        };
        counts[place].0 += usize::from(good);
        counts[place].1 += usize::from(!good);
        times[place].push(took);
    }
    for persona in running {
        persona.await.unwrap();
    }
    let span = begun.elapsed();
    let names = ["put", "get of a box that lies there", "get asked ahead", "news", "page"];
    let mut lines = names.into_iter().zip(counts).zip(times);
    let lines = std::array::from_fn(|_| {
        let ((name, (good, bad)), times) = lines.next().unwrap();
        (name, Line { good, bad, times: times.into_iter().collect() })
    });
    Outcome { span, work, lines }
}

/// The work of a put, for a relay that is less than half full.
fn work(relay: RelayId, day: Day, id: &BoxId) -> u64 {
    find_put_work(&relay, day, id, Difficulty::EASY.put_bits, &AtomicBool::new(false)).unwrap()
}
