//! What one machine answers: the digest at several numbers of waiting boxes, and requests a second.
//!
//! `cargo bench -p bauta-relay --bench capacity` prints a table; with `--test` it runs once, small.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, clippy::panic, missing_docs)]

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bauta_protocol::descriptor::RelayIdentity;
use bauta_protocol::digest::chain::Closed;
use bauta_protocol::digest::header::{Header, Interval};
use bauta_protocol::digest::pages::PageSet;
use bauta_protocol::digest::set::{Set, Tag};
use bauta_protocol::id::{BoxId, DoorAddress};
use bauta_protocol::limits::{BOX_LEN, INTERVAL_ENTRIES};
use bauta_protocol::relay::{Class, Get, Listing, News, Page, Put, Reply, Request};
use bauta_protocol::time::{Clock as _, Timestamp};
use bauta_protocol::work::find_put_work;
use bauta_relay::policy::{self, Difficulty};
use bauta_relay::{Desk, DeskConfig, SqliteOptions, SqliteStorage, Storage};
use bauta_sphinx_client::SystemClock;
use getrandom::SysRng;
use rand_core::{Rng as _, UnwrapErr};
use sha2::{Digest, Sha256};
use tokio::runtime::Runtime;

/// Clients that each wait for an answer before they ask again.
const CLIENTS: usize = 64;

fn main() {
    let is_test = std::env::args().any(|argument| argument == "--test");
    let (sizes, puts): (&[u64], usize) = if is_test { (&[1_000], 64) } else { (&[10_000, 1_000_000], 4_000) };
    let runtime = Runtime::new().unwrap();
    println!("| what | time | a second |\n|---|---|---|");
    row(
        "an interval of 693 tags: set, header, answer to news",
        each(if is_test { 1 } else { 200 }, interval),
    );
    for boxes in sizes {
        runtime.block_on(pages(*boxes));
    }
    runtime.block_on(requests(puts));
}

fn row(what: &str, once: Duration) {
    println!("| {what} | {once:.2?} | {:.0} |", 1.0 / once.as_secs_f64());
}

/// The time of one of so many runs.
fn each(count: u32, mut run: impl FnMut()) -> Duration {
    let begun = Instant::now();
    (0..count).for_each(|_| run());
    begun.elapsed() / count
}

fn interval() {
    let tags = (0..INTERVAL_ENTRIES).map(|_| Tag(UnwrapErr(SysRng).next_u64().to_be_bytes()));
    let set = Set::new(tags).unwrap();
    let header = Header {
        interval: Interval(1),
        previous: [1; 32],
        set: set.hash(),
        root: [2; 32],
        descriptor: [3; 32],
        put_bits: 14,
        deposit_bits: 2,
        page_bits: 5,
    };
    let closed = [Closed { header, set: set.clone() }, Closed { header, set }];
    let listing = Listing::of_closed(&closed).unwrap();
    std::hint::black_box(Reply::News(listing).encode(Class::Digest).unwrap());
}

/// A store with so many waiting boxes. Their bytes are left out: what is measured reads the index alone.
fn fill(path: &Path, boxes: u64) {
    drop(SqliteStorage::open(path, SqliteOptions::default()).unwrap());
    let mut database = rusqlite::Connection::open(path).unwrap();
    let transaction = database.transaction().unwrap();
    {
        let mut insert = transaction
            .prepare("INSERT INTO boxes (id, expires, tag, digest, sealed) VALUES (?1, ?2, ?3, ?4, ?5)")
            .unwrap();
        let expires = policy::expiry_day(SystemClock.now().day()).0;
        for number in 0..boxes {
            let id: [u8; 32] = Sha256::digest(number.to_be_bytes()).into();
            let tag: [u8; 8] = *Sha256::digest(id).first_chunk().unwrap();
            insert.execute(rusqlite::params![id, expires, tag, [0u8; 32], [7u8; 1]]).unwrap();
        }
    }
    transaction.commit().unwrap();
}

async fn pages(boxes: u64) {
    let home = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let path = home.path().join("relay.db");
    fill(&path, boxes);
    let store = SqliteStorage::open(&path, SqliteOptions::default()).unwrap();
    let today = SystemClock.now().day();
    let begun = Instant::now();
    let tags = store.waiting(today).await.unwrap();
    row(&format!("{boxes} boxes: reading their tags"), begun.elapsed());
    assert_eq!(tags.len() as u64, boxes);
    let begun = Instant::now();
    let fixed = PageSet::fix(tags, &mut UnwrapErr(SysRng));
    row(&format!("{boxes} boxes: cutting them into 2^{} pages", fixed.bits()), begun.elapsed());
    let begun = Instant::now();
    let desk = open(Arc::new(store)).await;
    row(&format!("{boxes} boxes: a desk opens, with its first interval and pages"), begun.elapsed());
    let mask = (1u16 << fixed.bits()) - 1;
    let bodies = (0..4096u16).map(|index| Request::Page(Page { index: index & mask }).encode().to_vec());
    answers(&format!("{boxes} boxes: an answer to page"), &desk, Class::Digest, bodies.collect()).await;
}

async fn open(store: Arc<SqliteStorage>) -> Arc<Desk> {
    let identity = RelayIdentity::from_bytes(&[7; 32]).unwrap();
    let rng = Box::new(UnwrapErr(SysRng));
    Arc::new(
        Desk::open(store, identity, vec![DoorAddress([1; 96])], rng, DeskConfig::default()).await.unwrap(),
    )
}

async fn requests(count: usize) {
    let home = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let store =
        Arc::new(SqliteStorage::open(&home.path().join("relay.db"), SqliteOptions::default()).unwrap());
    let desk = open(store).await;
    let now = SystemClock.now();
    let puts: Vec<Vec<u8>> = (0..count).map(|number| put(&desk, number, now)).collect();
    let gets = (0..count).map(|number| Request::Get(Get { id: id(number) }).encode().to_vec()).collect();
    answers("a put", &desk, Class::Small, puts).await;
    answers("a get of a box that is there", &desk, Class::Small, gets).await;
    let news = (0..10 * count).map(|_| Request::News(News).encode().to_vec()).collect();
    answers("an answer to news", &desk, Class::Digest, news).await;
}

fn id(number: usize) -> BoxId {
    BoxId(Sha256::digest(number.to_be_bytes()).into())
}

fn put(desk: &Desk, number: usize, now: Timestamp) -> Vec<u8> {
    let (id, day) = (id(number), now.day());
    let go = AtomicBool::new(false);
    let nonce = find_put_work(&desk.relay(), day, &id, Difficulty::EASY.put_bits, &go).unwrap();
    let tag = Tag(*id.0.first_chunk().unwrap());
    Request::Put(Put { day, nonce, id, tag, sealed: Box::new([7; BOX_LEN]) }).encode().to_vec()
}

/// Asks all of these, from several clients at once.
async fn answers(what: &str, desk: &Arc<Desk>, class: Class, bodies: Vec<Vec<u8>>) {
    let (bodies, next) = (Arc::new(bodies), Arc::new(AtomicUsize::new(0)));
    let count = u32::try_from(bodies.len()).unwrap();
    let begun = Instant::now();
    let clients = (0..CLIENTS).map(|_| {
        let (desk, bodies, next) = (Arc::clone(desk), Arc::clone(&bodies), Arc::clone(&next));
        tokio::spawn(async move {
            while let Some(body) = bodies.get(next.fetch_add(1, Ordering::Relaxed)) {
                let answer = desk.answer_body(class, body.clone()).await.unwrap();
                // Reading the answer is the client's work.
                assert!(!matches!(answer.first(), Some(8 | 9) | None), "not answered");
            }
        })
    });
    for client in clients.collect::<Vec<_>>() {
        client.await.unwrap();
    }
    row(what, begun.elapsed() / count);
}
