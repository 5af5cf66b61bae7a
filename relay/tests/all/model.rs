//! Random sequences of operations, on the desk and on a simple model of what a relay promises.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::support::*;
use bauta_protocol::bundle::Prekeys;
use bauta_protocol::limits::TTL_DAYS;
use bauta_protocol::relay::{Deposited, Fetched, Refusal, Reply};
use bauta_protocol::time::{Day, Timestamp};
use bauta_protocol::work::measure_deposit_work;
use bauta_relay::policy::{Difficulty, Quotas, SEEN_DAYS, Stored};
use proptest::prelude::*;

const QUOTAS: Quotas = Quotas { boxes: 1_000_000, bytes: u64::MAX, bundles: 1_000_000, inbox: 2 };
const EIGHT_DAYS: u64 = 8 * 24 * 60 * 60 * 1000;

#[derive(Clone, Debug)]
enum Step {
    Put {
        name: u8,
        fill: u8,
    },
    Get {
        name: u8,
    },
    Deposit {
        inbox: u8,
        fill: u8,
    },
    /// Drains with a cursor: nothing, the last seen, or beyond everything.
    Drain {
        inbox: u8,
        cursor: Cursor,
    },
    Publish {
        who: u8,
        hours_old: u64,
    },
    PublishAgain {
        index: usize,
    },
    Fetch {
        who: u8,
    },
    Expire,
    Wait {
        hours: u64,
    },
    Restart,
}

#[derive(Clone, Copy, Debug)]
enum Cursor {
    Start,
    Seen,
    End,
}

fn step() -> impl Strategy<Value = Step> {
    let name = 0u8..5;
    let inbox = 0u8..2;
    let cursor = prop_oneof![Just(Cursor::Start), Just(Cursor::Seen), Just(Cursor::Seen), Just(Cursor::End)];
    let hours = prop_oneof![4 => 0u64..30, 1 => 400u64..620];
    prop_oneof![
        6 => (name.clone(), 0u8..2).prop_map(|(name, fill)| Step::Put { name, fill }),
        4 => name.prop_map(|name| Step::Get { name }),
        2 => (inbox.clone(), 0u8..4).prop_map(|(inbox, fill)| Step::Deposit { inbox, fill }),
        2 => (inbox, cursor).prop_map(|(inbox, cursor)| Step::Drain { inbox, cursor }),
        2 => (1u8..3, 0u64..220).prop_map(|(who, hours_old)| Step::Publish { who, hours_old }),
        1 => any::<prop::sample::Index>().prop_map(|index| Step::PublishAgain { index: index.index(16) }),
        2 => (1u8..3).prop_map(|who| Step::Fetch { who }),
        1 => Just(Step::Expire),
        3 => hours.prop_map(|hours| Step::Wait { hours }),
        1 => Just(Step::Restart),
    ]
}

/// What a relay promises, as plainly as it can be said.
#[derive(Default)]
struct Model {
    boxes: BTreeMap<u8, Kept>,
    /// By inbox, in order of arrival.
    inboxes: BTreeMap<u8, Vec<Left>>,
    /// First day on which a deposit is no longer remembered.
    seen: BTreeMap<(u8, u8), u32>,
    bundles: BTreeMap<u8, Published>,
}

/// A box, as long as its id is known.
#[derive(Clone, Copy)]
struct Kept {
    fill: u8,
    /// The first day without it if it never goes out.
    expires: u32,
    /// The hour in which it first went out.
    out: Option<u64>,
}

impl Kept {
    fn is_known(&self, now: Timestamp) -> bool {
        self.out.map_or(self.expires > now.day().0, |out| hour(now) < out + 97)
    }

    fn is_there(&self, now: Timestamp) -> bool {
        self.out.map_or(self.expires > now.day().0, |out| hour(now) < out + 25)
    }
}

fn hour(now: Timestamp) -> u64 {
    now.0 / (60 * 60 * 1000)
}

#[derive(Clone)]
struct Left {
    fill: u8,
    work: u8,
    expires: u32,
    seq: Option<u64>,
}

#[derive(Clone)]
struct Published {
    version: Timestamp,
    expiry: Timestamp,
    bytes: Vec<u8>,
}

impl Model {
    fn put(&mut self, name: u8, fill: u8, now: Timestamp) -> Reply {
        let expires = now.day().0 + TTL_DAYS + 1;
        match self.boxes.get_mut(&name).filter(|there| there.is_known(now)) {
            Some(there) if there.fill != fill => return Reply::Conflict,
            Some(there) => there.expires = expires,
            None => drop(self.boxes.insert(name, Kept { fill, expires, out: None })),
        }
        Reply::Done
    }

    fn get(&mut self, name: u8, now: Timestamp) -> Reply {
        match self.boxes.get_mut(&name).filter(|there| there.is_there(now)) {
            Some(there) => {
                there.out.get_or_insert(hour(now));
                Reply::Box(sealed(there.fill))
            }
            None => Reply::Absent,
        }
    }

    fn deposit(&mut self, inbox: u8, fill: u8, work: u8, today: u32) -> Reply {
        if self.seen.get(&(inbox, fill)).is_some_and(|until| *until > today) {
            return Reply::Done;
        }
        let left = self.inboxes.entry(inbox).or_default();
        left.retain(|deposit| deposit.expires > today);
        if left.len() >= QUOTAS.inbox {
            let least = left.iter().map(|deposit| deposit.work).min().unwrap();
            if work <= least {
                return Reply::Busy;
            }
            let youngest = left.iter().rposition(|deposit| deposit.work == least).unwrap();
            let gone = left.remove(youngest);
            self.seen.remove(&(inbox, gone.fill));
        }
        left.push(Left { fill, work, expires: today + TTL_DAYS + 1, seq: None });
        self.seen.insert((inbox, fill), today + SEEN_DAYS);
        Reply::Done
    }

    /// What the drain with this cursor must return: the deposit that follows.
    fn drain(&mut self, inbox: u8, after: u64, today: u32) -> Option<&mut Left> {
        let left = self.inboxes.entry(inbox).or_default();
        let end = after == u64::MAX;
        left.retain(|deposit| !end && deposit.seq.is_none_or(|seq| seq > after));
        left.iter_mut().find(|deposit| deposit.expires > today)
    }

    fn publish(&mut self, who: u8, bundle: &Prekeys, now: Timestamp) -> Reply {
        let bundle = bundle.bundle();
        if bundle.expiry() <= now {
            return Reply::Refused(Refusal::Expired);
        }
        let (version, expiry, bytes) = (bundle.version(), bundle.expiry(), bundle.as_bytes().to_vec());
        if let Some(there) = self.bundles.get(&who)
            && there.version.0 + EIGHT_DAYS > now.0
        {
            if there.version > version {
                return Reply::Refused(Refusal::Stale);
            }
            if there.version == version {
                return if there.bytes == bytes { Reply::Done } else { Reply::Conflict };
            }
        }
        self.bundles.insert(who, Published { version, expiry, bytes });
        Reply::Done
    }

    fn fetch(&self, who: u8, now: Timestamp) -> Reply {
        match self.bundles.get(&who) {
            Some(there) if there.expiry > now => Reply::Bundle(Fetched {
                bundle: there.bytes.clone().try_into().unwrap(),
                deposit_bits: Difficulty::EASY.deposit_bits,
            }),
            _ => Reply::Absent,
        }
    }

    /// What must be stored once everything expired is gone.
    fn stored(&self, now: Timestamp) -> Stored {
        let today = now.day().0;
        let known = self.boxes.values().filter(|there| there.is_known(now));
        let (there, dropped): (Vec<&Kept>, Vec<&Kept>) = known.partition(|there| there.is_there(now));
        let deposits = self.inboxes.values().flatten().filter(|deposit| deposit.expires > today).count();
        let bundles = self.bundles.values().filter(|there| there.version.0 + EIGHT_DAYS > now.0).count();
        Stored {
            boxes: there.len() as u64,
            tombstones: dropped.len() as u64,
            deposits: deposits as u64,
            bundles: bundles as u64,
        }
    }
}

/// The desk and the model side by side.
struct Pair {
    home: tempfile::TempDir,
    office: Option<Office>,
    model: Model,
    now: Timestamp,
    published: Vec<(u8, Prekeys)>,
    /// By inbox, the highest sequence number that was seen.
    cursors: BTreeMap<u8, u64>,
}

impl Pair {
    async fn new() -> Self {
        let mut pair = Self {
            home: tempfile::tempdir().unwrap(),
            office: None,
            model: Model::default(),
            now: Day(TODAY.0).start(),
            published: Vec::new(),
            cursors: BTreeMap::new(),
        };
        pair.restart().await;
        pair
    }

    async fn restart(&mut self) {
        if let Some(office) = self.office.take() {
            office.desk.finish().await;
            office.close().await;
        }
        let terms = Terms { hold: Duration::ZERO, quotas: QUOTAS, ..Terms::default() };
        self.office = Some(Office::open(self.home.path(), self.now, terms).await);
    }

    async fn ask(&self, request: bauta_protocol::relay::Request) -> Reply {
        self.office.as_ref().unwrap().ask(request).await
    }

    async fn take(&mut self, step: Step) -> (Reply, Reply) {
        let (now, day) = (self.now, self.now.day());
        match step {
            Step::Put { name, fill } => {
                (self.ask(put(name, fill, day)).await, self.model.put(name, fill, now))
            }
            Step::Get { name } => (self.ask(get(name)).await, self.model.get(name, now)),
            Step::Deposit { inbox, fill } => {
                let owner = cap(inbox).inbox_id();
                // The work is found once and serves on the days around it only, so days are taken in threes.
                let worked = Day(day.0 / 3 * 3 + 1);
                let nonce = deposit_work(owner, fill, worked).work_nonce;
                let work = measure_deposit_work(&relay(), &owner, worked, handshake(fill).as_slice(), nonce);
                let got = self.ask(deposit(inbox, fill, worked)).await;
                // Whoever was refused for a full inbox too often has spent the gate; the model does not follow that.
                let expected = self.model.deposit(inbox, fill, work, day.0);
                let spent = got == Reply::Refused(Refusal::WorkTooLow) && expected == Reply::Busy;
                (if spent { expected.clone() } else { got }, expected)
            }
            Step::Drain { inbox, cursor } => {
                let seen = self.cursors.get(&inbox).copied().unwrap_or(0);
                let after = match cursor {
                    Cursor::Start => 0,
                    Cursor::Seen => seen,
                    Cursor::End => u64::MAX,
                };
                let got = self.ask(drain(inbox, after)).await;
                let expected = match (self.model.drain(inbox, after, day.0), &got) {
                    (Some(next), Reply::Deposit(Deposited { seq, .. })) => {
                        // The relay chooses the number: one that grows, and stays with the deposit.
                        assert!(next.seq.is_none_or(|known| known == *seq), "a number has changed");
                        assert!(next.seq.is_some() || *seq > seen, "a number does not grow");
                        next.seq = Some(*seq);
                        self.cursors.insert(inbox, seen.max(*seq));
                        Reply::Deposit(Deposited { seq: *seq, work: next.work, sealed: handshake(next.fill) })
                    }
                    (Some(next), _) => {
                        Reply::Deposit(Deposited { seq: 0, work: next.work, sealed: handshake(next.fill) })
                    }
                    (None, _) => Reply::Absent,
                };
                (got, expected)
            }
            Step::Publish { who, hours_old } => {
                let version = Timestamp(now.0 - hours_old * 60 * 60 * 1000);
                let made = bundle(who, version, relay());
                let got = self.ask(publish(&made)).await;
                let expected = self.model.publish(who, &made, now);
                self.published.push((who, made));
                (got, expected)
            }
            Step::PublishAgain { index } => {
                let Some((who, made)) = self.published.get(index) else { return (Reply::Done, Reply::Done) };
                (self.ask(publish(made)).await, self.model.publish(*who, made, now))
            }
            Step::Fetch { who } => (self.ask(fetch(who)).await, self.model.fetch(who, now)),
            Step::Expire => {
                let office = self.office.as_ref().unwrap();
                office.desk.finish().await;
                while office.desk.expire_some().await.unwrap() > 0 {}
                assert_eq!(office.desk.levels().stored, self.model.stored(now));
                assert_eq!(office.store.recount().await.unwrap(), self.model.stored(now));
                (Reply::Done, Reply::Done)
            }
            Step::Wait { hours } => {
                // What went out is noted within seconds.
                self.office.as_ref().unwrap().desk.finish().await;
                self.now = now.plus(Duration::from_secs(hours * 60 * 60));
                self.office.as_ref().unwrap().clock.set(self.now);
                (Reply::Done, Reply::Done)
            }
            Step::Restart => {
                self.restart().await;
                (Reply::Done, Reply::Done)
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_desk_does_what_the_model_says(steps in prop::collection::vec(step(), 1..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut pair = Pair::new().await;
            for (number, step) in steps.into_iter().enumerate() {
                let (got, expected) = pair.take(step.clone()).await;
                prop_assert!(got == expected, "step {number}, {step:?}, on {}", pair.now.day());
            }
            pair.take(Step::Expire).await;
            Ok(())
        })?;
    }
}
