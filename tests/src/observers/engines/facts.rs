//! Findings shown on whole engines: what the relay sees after a lie, a long text and a first contact.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use bauta_protocol::relay::{Reply, Request};

use super::network::{Home, Network, befriend, number};
use super::{FASTER, Traffic};
use crate::observers::clocks::Seconds;
use crate::observers::findings::Finding;
use crate::observers::stats::{ERROR, Estimate, clopper_pearson};
use crate::observers::trace::{Id, Operation, Seen};

/// The longest text that a message may have.
const LONG: usize = bauta_ipc::MAX_TEXT;
/// The protocol's time until which something must have happened.
const PATIENCE: Seconds = 240.0;
/// Messages until one meets a get that waits, at most.
const MESSAGES: usize = 5;

/// All of them, once for each pair of `homes` daemons.
pub fn measure(homes: usize) -> Vec<Finding> {
    tokio::runtime::Runtime::new().unwrap().block_on(measure_in(homes.max(4) / 2 * 2))
}

async fn measure_in(count: usize) -> Vec<Finding> {
    let network = Network::new(Traffic::Full, FASTER).await;
    let mut homes = Vec::new();
    for number in 0..count {
        homes.push(Home::start(&network, number).await);
    }
    let mut greetings = Vec::new();
    let (mut bursts, mut lies) = (Vec::new(), Vec::new());
    for pair in 0..count / 2 {
        let (first, second) = (2 * pair, 2 * pair + 1);
        befriend(&homes[first], &homes[second]).await;
        bursts.push(burst(&network, &homes, first).await);
        lies.push(lie(&network, &homes, first).await);
        // A stranger: the next pair's first home.
        let stranger = (second + 1) % count;
        greetings.push(greeting(&network, &homes, first, stranger).await);
    }
    let named = lies.iter().flatten().count();
    let (low, high) = clopper_pearson(named as u64, lies.len() as u64, ERROR);
    let value = named as f64 / lies.len() as f64;
    let pairs = lies.len() as u64;
    let told: Vec<Seconds> = lies.into_iter().flatten().collect();
    let waits: Vec<Seconds> = greetings.into_iter().flatten().collect();
    vec![
        Finding {
            finding: 1,
            what: "engines: one forged conflict is followed by a fetch of the lane's reader".to_owned(),
            estimate: Estimate { value, low, high },
            of: pairs,
        },
        spread(1, "engines: seconds from the lie to that fetch (least, median, most)", told),
        spread(
            11,
            "engines: seconds from the fetch of a stranger to the first get of the new lane (least, median, most)",
            waits,
        ),
        spread(12, "engines: boxes of the longest text put within one second (least, median, most)", bursts),
    ]
}

/// The median between the extremes.
fn spread(finding: u32, what: &str, mut all: Vec<f64>) -> Finding {
    all.sort_by(f64::total_cmp);
    let at = |place: usize| all.get(place).copied().unwrap_or(f64::NAN);
    let estimate = Estimate { value: at(all.len() / 2), low: at(0), high: at(all.len().saturating_sub(1)) };
    Finding { finding, what: what.to_owned(), estimate, of: all.len() as u64 }
}

/// Waits for something at the relay, in the protocol's time.
async fn wait_for(network: &Network, from: Seconds, is: impl Fn(&Seen, usize) -> bool) -> Option<Seconds> {
    loop {
        if let Some((seen, _)) = network.since(from).iter().find(|(seen, by)| is(seen, *by)) {
            return Some(seen.at);
        }
        if network.now() > from + PATIENCE {
            return None;
        }
        network.sleep_until(network.now() + 1.0).await;
    }
}

/// Finding 12: how many boxes of one text come within a second.
async fn burst(network: &Network, homes: &[Home], writer: usize) -> f64 {
    let from = network.now();
    homes[writer].send(homes[writer + 1].name(), &"x".repeat(LONG)).await;
    let is_put = move |seen: &Seen, by: usize| by == writer && seen.operation == Operation::Put;
    let first = wait_for(network, from, is_put).await.unwrap_or(from);
    network.sleep_until(first + 5.0).await;
    let puts: Vec<Seconds> =
        network.since(from).iter().filter(|(seen, by)| is_put(seen, *by)).map(|(seen, _)| seen.at).collect();
    // The fullest second.
    let within = |at: &Seconds| puts.iter().filter(|other| (*at..at + 1.0).contains(*other)).count();
    puts.iter().map(within).max().unwrap_or(0) as f64
}

/// Finding 1: the next box that somebody waits for is answered with `Conflict`. How long until its reader is named.
async fn lie(network: &Network, homes: &[Home], writer: usize) -> Option<Seconds> {
    let told = Arc::new(Mutex::new(None::<Seconds>));
    // The relay needs no truth for this: it lies about a put of an id that it has seen asked for.
    let mut asked: HashSet<Id> = network
        .since(0.0)
        .iter()
        .filter(|(seen, _)| seen.operation == Operation::Get)
        .map(|(seen, _)| seen.id)
        .collect();
    let (once, began, clock) = (Arc::clone(&told), network.now(), Instant::now());
    network.set_forge(Some(Box::new(move |home, request| {
        let id = match request {
            Request::Get(get) => {
                asked.insert(number(&get.id.0));
                return None;
            }
            Request::Put(put) => number(&put.id.0),
            _ => return None,
        };
        let mut once = once.lock().unwrap();
        (home == writer && asked.contains(&id) && once.is_none()).then(|| {
            *once = Some(began + clock.elapsed().as_secs_f64() * FASTER);
            Reply::Conflict
        })
    })));
    // Until one of them meets a get that waits.
    for _ in 0..MESSAGES {
        network.sleep_until(network.now() + 30.0).await;
        homes[writer].send(homes[writer + 1].name(), "again").await;
        network.sleep_until(network.now() + 2.0).await;
        if told.lock().unwrap().is_some() {
            break;
        }
    }
    let lied = *told.lock().unwrap();
    let reader = network.name_of(writer + 1);
    let is_named = |seen: &Seen, _| seen.operation == Operation::Fetch && Some(seen.id) == reader;
    let named = wait_for(network, lied?, is_named).await;
    network.set_forge(None);
    named.zip(lied).map(|(named, lied)| named - lied)
}

/// Finding 11: a first contact by a plain address, from the fetch to the first new id of the writer.
async fn greeting(network: &Network, homes: &[Home], writer: usize, stranger: usize) -> Option<Seconds> {
    let from = network.now();
    homes[writer].add(&homes[stranger]).await;
    homes[writer].send(homes[stranger].name(), "good day").await;
    let name = network.name_of(stranger);
    let fetched = wait_for(network, from, |seen, by| {
        by == writer && seen.operation == Operation::Fetch && Some(seen.id) == name
    })
    .await?;
    let before: HashSet<Id> = network
        .since(0.0)
        .iter()
        .filter(|(seen, _)| seen.at < fetched && matches!(seen.operation, Operation::Get | Operation::Put))
        .map(|(seen, _)| seen.id)
        .collect();
    let mut put = HashSet::new();
    loop {
        for (seen, by) in network.since(fetched) {
            if by != writer || before.contains(&seen.id) {
                continue;
            }
            match seen.operation {
                // Loop boxes are put first.
                Operation::Put => drop(put.insert(seen.id)),
                Operation::Get if !put.contains(&seen.id) => return Some(seen.at - fetched),
                _ => {}
            }
        }
        if network.now() > fetched + PATIENCE {
            return None;
        }
        network.sleep_until(network.now() + 1.0).await;
    }
}
