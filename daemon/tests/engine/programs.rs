//! Random programs: whatever happens to homes, relay and network, what was queued arrives once and in order.
//!
//! A program that fails is made shorter before it is shown. Times and the engine's own draws are real, so the same
//! program may need several runs to fail again. `PROPTEST_CASES` sets how many programs run.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use proptest::prelude::*;
use proptest::test_runner::TestCaseError;

use crate::restarts::check_files;
use crate::rollback::{copy_out, put_back};
use crate::support::{Home, Sea, friends};

const NAMES: [&str; 2] = ["alice", "bob"];
const STALLED: Duration = Duration::from_secs(180);
const HOUR: Duration = Duration::from_secs(3600);
/// Threads of these tests, so that a panic on one of them is counted.
const THREADS: &str = "program";

/// How the two came to know each other.
#[derive(Clone, Copy, Debug)]
enum Meeting {
    Invitation,
    BothAdd,
}

/// Who is 0 or 1.
#[derive(Clone, Copy, Debug)]
enum Step {
    Send {
        who: usize,
        long: bool,
    },
    /// Lets everybody work for a while.
    Work {
        millis: u64,
    },
    /// Kills a daemon and starts it again.
    Restart {
        who: usize,
    },
    /// Kills a daemon, or starts it.
    Toggle {
        who: usize,
    },
    /// Cuts a home off, or joins it again.
    Cut {
        who: usize,
    },
    /// Exchanges of 1000 that are lost or doubled, and the longest delay, which lets one overtake another.
    Weather {
        lost: u32,
        doubled: u32,
        delay_ms: u32,
    },
    /// The relay answers so many puts and forgets them.
    Forget {
        boxes: u32,
    },
    /// Time passes.
    Pass {
        hours: u32,
    },
    /// Messages are sent, then an old copy of the database is put back; with the mark, only a conflict shows it.
    RollBack {
        who: usize,
        sends: usize,
        mark: bool,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let who = 0..2_usize;
    prop_oneof![
        12 => (who.clone(), prop::bool::weighted(0.2)).prop_map(|(who, long)| Step::Send { who, long }),
        5 => (1..120_u64).prop_map(|millis| Step::Work { millis }),
        3 => who.clone().prop_map(|who| Step::Restart { who }),
        2 => who.clone().prop_map(|who| Step::Toggle { who }),
        2 => who.clone().prop_map(|who| Step::Cut { who }),
        2 => (0..300_u32, 0..300_u32, 0..40_u32)
            .prop_map(|(lost, doubled, delay_ms)| Step::Weather { lost, doubled, delay_ms }),
        1 => (1..4_u32).prop_map(|boxes| Step::Forget { boxes }),
        1 => (1..30_u32).prop_map(|hours| Step::Pass { hours }),
        1 => (who, 0..3_usize, any::<bool>()).prop_map(|(who, sends, mark)| Step::RollBack { who, sends, mark }),
    ]
}

fn meeting() -> impl Strategy<Value = Meeting> {
    prop_oneof![Just(Meeting::Invitation), Just(Meeting::BothAdd)]
}

/// What one person wrote to the other, and what of it may be missing: an old copy knows nothing of it.
#[derive(Default)]
struct Written {
    texts: Vec<String>,
    may_be_missing: BTreeSet<String>,
}

struct Stage {
    sea: Arc<Sea>,
    homes: [Home; 2],
    written: [Written; 2],
    /// A box that the relay forgot is sent again days later, behind what came after it.
    in_order: bool,
    /// Where database and mark are put back together, only the relay's answer shows that a key was used before. By then
    /// what was sealed behind that message may have arrived.
    keys_are_fresh: bool,
}

impl Stage {
    async fn open(meeting: Meeting) -> Self {
        let sea = Sea::new();
        let relays = [sea.relay().await, sea.relay().await];
        let (alice, bob) = match meeting {
            Meeting::Invitation => friends(&sea, &relays).await,
            Meeting::BothAdd => {
                let (alice, a) = Home::with(&sea, &relays, NAMES[0]).await;
                let (bob, b) = Home::with(&sea, &relays, NAMES[1]).await;
                alice.add(NAMES[1], &b.address).await.unwrap();
                bob.add(NAMES[0], &a.address).await.unwrap();
                (alice, bob)
            }
        };
        Self { sea, homes: [alice, bob], written: Default::default(), in_order: true, keys_are_fresh: true }
    }

    async fn send(&mut self, who: usize, long: bool) -> String {
        let number = self.written[who].texts.len();
        // A long one takes several boxes.
        let text = format!(
            "the words of {}, number {number} {}",
            NAMES[who],
            "x".repeat(if long { 3000 } else { 0 })
        );
        self.homes[who].send(NAMES[1 - who], &text).await;
        self.written[who].texts.push(text.clone());
        text
    }

    async fn take(&mut self, step: Step) {
        match step {
            Step::Send { who, long } if self.homes[who].is_running() => drop(self.send(who, long).await),
            Step::Send { .. } => {}
            Step::Work { millis } => tokio::time::sleep(Duration::from_millis(millis)).await,
            Step::Restart { who } => self.restart(who).await,
            Step::Toggle { who } if self.homes[who].is_running() => self.homes[who].crash().await,
            Step::Toggle { who } => self.homes[who].start().await,
            Step::Cut { who } => drop(self.homes[who].boats.cut.fetch_xor(true, Ordering::Relaxed)),
            Step::Weather { lost, doubled, delay_ms } => self.weather(lost, doubled, delay_ms),
            Step::Forget { boxes } => {
                self.in_order = false;
                self.sea.swallow_puts.store(boxes, Ordering::Relaxed);
            }
            Step::Pass { hours } => self.sea.clock.skip(HOUR * hours),
            Step::RollBack { who, sends, mark } => self.roll_back(who, sends, mark).await,
        }
    }

    fn weather(&self, lost: u32, doubled: u32, delay_ms: u32) {
        self.sea.lost_permille.store(lost, Ordering::Relaxed);
        self.sea.doubled_permille.store(doubled, Ordering::Relaxed);
        self.sea.delay_ms.store(delay_ms, Ordering::Relaxed);
    }

    async fn restart(&mut self, who: usize) {
        if self.homes[who].is_running() {
            self.homes[who].crash().await;
        }
        self.homes[who].start().await;
    }

    async fn roll_back(&mut self, who: usize, sends: usize, with_mark: bool) {
        self.restart(who).await;
        let here: BTreeSet<String> = self.homes[who].texts().await.into_iter().collect();
        self.homes[who].crash().await;
        let copy = copy_out(&self.homes[who]);
        let mark = std::fs::read(self.homes[who].path().join("store.mark")).unwrap();
        self.homes[who].start().await;
        for _ in 0..sends {
            let text = self.send(who, false).await;
            self.written[who].may_be_missing.insert(text);
        }
        tokio::time::sleep(Duration::from_millis(60)).await;
        self.homes[who].crash().await;
        put_back(&self.homes[who], copy);
        if with_mark {
            self.keys_are_fresh = false;
            std::fs::write(self.homes[who].path().join("store.mark"), mark).unwrap();
        }
        // What arrived after the copy was made is gone with the newer database.
        let other = &mut self.written[1 - who];
        other.may_be_missing.extend(other.texts.iter().filter(|text| !here.contains(*text)).cloned());
        self.homes[who].start().await;
    }

    /// Lets everything come to rest: both run, the network is good.
    async fn rest(&mut self) {
        self.weather(0, 0, 0);
        self.sea.swallow_puts.store(0, Ordering::Relaxed);
        for home in &mut self.homes {
            home.boats.cut.store(false, Ordering::Relaxed);
            if !home.is_running() {
                home.start().await;
            }
        }
    }

    /// What `who` should have and has not.
    async fn missing(&self, who: usize) -> Vec<String> {
        let here: BTreeSet<String> = self.homes[who].texts().await.into_iter().collect();
        let Written { texts, may_be_missing } = &self.written[1 - who];
        texts
            .iter()
            .filter(|text| !here.contains(*text) && !may_be_missing.contains(*text))
            .cloned()
            .collect()
    }

    async fn check(&mut self) -> Result<(), TestCaseError> {
        self.rest().await;
        let begun = Instant::now();
        let mut last = (Instant::now(), usize::MAX);
        // Days that pass ever more slowly: on a busy machine no day may be too short for what has to be done in it.
        let mut day = Duration::from_millis(500);
        for who in [0, 1] {
            loop {
                let missing = self.missing(who).await;
                if missing.is_empty() {
                    break;
                }
                if missing.len() < last.1 {
                    last = (Instant::now(), missing.len());
                }
                prop_assert!(last.0.elapsed() < STALLED, "{} never got {missing:?}", NAMES[who]);
                // What the relay forgot is missed after days.
                if !self.in_order
                    && begun.elapsed() > Duration::from_secs(2)
                    && last.0.elapsed() > Duration::from_secs(2)
                {
                    self.sea.clock.skip(HOUR * 24);
                    tokio::time::sleep(day).await;
                    day = day.mul_f64(1.2);
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            last = (Instant::now(), usize::MAX);
        }
        for who in [0, 1] {
            let texts = self.homes[who].texts().await;
            let written = &self.written[1 - who].texts;
            let places: Vec<usize> =
                texts.iter().map(|text| written.iter().position(|one| one == text).unwrap()).collect();
            let once: BTreeSet<usize> = places.iter().copied().collect();
            prop_assert_eq!(once.len(), places.len(), "{} got something twice: {:?}", NAMES[who], places);
            let in_order = self.in_order && self.keys_are_fresh;
            prop_assert!(!in_order || places.is_sorted(), "{} got {places:?}", NAMES[who]);
        }
        let reused = !self.sea.reused.lock().unwrap().is_empty();
        prop_assert!(!(reused && self.keys_are_fresh), "a box was sealed twice");
        for running in [true, false] {
            for home in &mut self.homes {
                if !running {
                    home.crash().await;
                }
                check_files(&home.path(), &[b"the words of alice".to_vec(), b"the words of bob".to_vec()]);
            }
        }
        Ok(())
    }
}

/// Counts panics on the threads of these tests, besides what the test harness does with them.
fn panics() -> &'static AtomicUsize {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    static HOOK: std::sync::Once = std::sync::Once::new();
    HOOK.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if std::thread::current().name() == Some(THREADS) {
                COUNT.fetch_add(1, Ordering::Relaxed);
            }
            before(info);
        }));
    });
    &COUNT
}

fn run(meeting: Meeting, steps: &[Step]) -> Result<(), TestCaseError> {
    let before = panics().load(Ordering::Relaxed);
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let runtime = builder.worker_threads(2).thread_name(THREADS).enable_all().build().unwrap();
    runtime.block_on(async {
        let mut stage = Stage::open(meeting).await;
        for step in steps {
            stage.take(*step).await;
        }
        stage.check().await
    })?;
    drop(runtime);
    prop_assert_eq!(panics().load(Ordering::Relaxed), before, "something panicked");
    Ok(())
}

fn config() -> ProptestConfig {
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(8);
    ProptestConfig { cases, max_shrink_iters: 60, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn what_is_queued_arrives_once_and_in_order(meeting in meeting(), steps in prop::collection::vec(step(), 5..30)) {
        run(meeting, &steps)?;
    }
}
