//! A relay's store under load, killed without warning, again and again: what was acknowledged is there.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bauta_protocol::digest::set::Tag;
use bauta_protocol::handshake::HANDSHAKE_LEN;
use bauta_protocol::id::{BoxId, InboxId};
use bauta_protocol::limits::BOX_LEN;
use bauta_protocol::time::{Day, Timestamp};
use bauta_relay::policy::Stored;
use bauta_relay::storage::{DepositOutcome, Hour, PutOutcome, SealedHandshake, Storage};
use bauta_relay::{SqliteOptions, SqliteStorage};
use sha2::{Digest, Sha256};

const TODAY: Day = Day(20_000);
const ROUNDS: u64 = 12;
const WRITERS: u64 = 32;
const HOME: &str = "BAUTA_RELAY_CRASH_HOME";
const ROUND: &str = "BAUTA_RELAY_CRASH_ROUND";

/// What a line of the child says: this is durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Durable {
    Put,
    Out,
    Deposited,
}

fn name(number: u64) -> [u8; 32] {
    Sha256::digest(number.to_be_bytes()).into()
}

fn tag(number: u64) -> Tag {
    Tag(*name(number).first_chunk().unwrap())
}

fn content(number: u64) -> Box<[u8; BOX_LEN]> {
    let mut bytes = Box::new([0; BOX_LEN]);
    for (place, chunk) in bytes.chunks_mut(32).enumerate() {
        chunk.copy_from_slice(&Sha256::digest([number.to_be_bytes(), (place as u64).to_be_bytes()].concat()));
    }
    bytes
}

fn letter(number: u64) -> SealedHandshake {
    let mut bytes = Box::new([0; HANDSHAKE_LEN]);
    bytes[..BOX_LEN].copy_from_slice(content(number).as_slice());
    bytes
}

fn inbox(number: u64) -> InboxId {
    InboxId(name(number))
}

fn open(home: &Path) -> SqliteStorage {
    SqliteStorage::open(&home.join("relay.db"), SqliteOptions::default()).unwrap()
}

/// Not a test of its own: what the killed process runs. It writes until it is killed, and says what is durable.
#[test]
#[ignore = "run by the test below in a process of its own"]
fn child() {
    let Some(home) = std::env::var_os(HOME) else { return };
    let round: u64 = std::env::var(ROUND).unwrap().parse().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let store = Arc::new(open(Path::new(&home)));
        let next = Arc::new(AtomicU64::new(round << 32));
        let mut writers = tokio::task::JoinSet::new();
        for _ in 0..WRITERS {
            let (store, next) = (Arc::clone(&store), Arc::clone(&next));
            writers.spawn(async move {
                loop {
                    write_one(&store, next.fetch_add(1, Ordering::Relaxed)).await;
                }
            });
        }
        // No writer ends but by a panic, and the first panic ends the child.
        if let Some(ended) = writers.join_next().await {
            ended.unwrap();
        }
    });
}

async fn write_one(store: &SqliteStorage, number: u64) {
    let put = store.put_box(BoxId(name(number)), tag(number), content(number), TODAY.start()).await.unwrap();
    assert_eq!(put, PutOutcome::Stored);
    say("put", number);
    match number % 5 {
        0 => {
            store.mark_out(vec![BoxId(name(number))], Hour::of(TODAY.start())).await.unwrap();
            say("out", number);
        }
        1 => {
            let now = Timestamp(TODAY.start().0 + 1);
            let left = store.deposit(inbox(number), letter(number), 5, now).await.unwrap();
            assert_eq!(left, DepositOutcome::Stored);
            say("deposited", number);
        }
        _ => {}
    }
}

fn say(what: &str, number: u64) {
    let mut out = std::io::stdout().lock();
    // The parent may be gone already.
    let _ = writeln!(out, "durable {what} {number}");
    let _ = out.flush();
}

/// Reads one line of the child. `None` for anything else, such as a line that the kill cut off.
fn parse(line: &str) -> Option<(u64, Durable)> {
    let mut words = line.strip_prefix("durable ")?.strip_suffix('\n')?.split(' ');
    let what = match words.next()? {
        "put" => Durable::Put,
        "out" => Durable::Out,
        "deposited" => Durable::Deposited,
        _ => return None,
    };
    Some((words.next()?.parse().ok()?, what))
}

/// Runs the child until it has said `lines` things, kills it, and returns all it said.
fn run_and_kill(home: &Path, round: u64, lines: u64) -> Vec<(u64, Durable)> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["crash::child", "--exact", "--ignored", "--nocapture", "--test-threads=1"])
        .env(HOME, home)
        .env(ROUND, round.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut said = Vec::new();
    let mut killed = false;
    loop {
        let mut line = String::new();
        if out.read_line(&mut line).unwrap() == 0 {
            break;
        }
        said.extend(parse(&line));
        if !killed && said.len() as u64 >= lines {
            child.kill().unwrap();
            killed = true;
        }
    }
    let mut errors = String::new();
    child.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
    child.wait().unwrap();
    assert!(killed, "the child ended by itself: {errors}");
    said
}

#[tokio::test]
async fn what_was_acknowledged_survives_kill_9() {
    let home = tempfile::tempdir().unwrap();
    let mut durable: BTreeMap<u64, Vec<Durable>> = BTreeMap::new();
    for round in 1..=ROUNDS {
        // Early, late, and at no particular place of a commit. The first round dies while the store is made.
        let lines = if round == 1 { 1 } else { 37 * round * round % 1_500 + 1 };
        let said = run_and_kill(home.path(), round, lines);
        assert!(!said.is_empty());
        for (number, what) in said {
            durable.entry(number).or_default().push(what);
        }
        verify(home.path(), &durable).await;
    }
    let all: usize = durable.values().map(Vec::len).sum();
    println!("{all} acknowledged changes survived {ROUNDS} kills");
}

async fn verify(home: &Path, durable: &BTreeMap<u64, Vec<Durable>>) {
    let store = open(home);
    let waiting: BTreeSet<Tag> = store.waiting(TODAY).await.unwrap().into_iter().collect();
    for (number, what) in durable {
        let there = store.get_box(BoxId(name(*number)), TODAY.start()).await.unwrap();
        assert!(there.is_some_and(|bytes| bytes == content(*number)), "an acknowledged box is lost");
        if what.contains(&Durable::Out) {
            assert!(!waiting.contains(&tag(*number)), "a box that went out waits again");
        } else if number % 5 != 0 {
            assert!(waiting.contains(&tag(*number)), "a box that waits is not listed");
        }
        if what.contains(&Durable::Deposited) {
            let left = store.drain(inbox(*number), 0, TODAY).await.unwrap().expect("a deposit is lost");
            assert_eq!(left.sealed, letter(*number));
        }
    }
    let counted: Stored = store.recount().await.unwrap();
    assert_eq!(counted, store.stored(), "the totals are committed with what they count");
    store.close().await.unwrap();
    let database = rusqlite::Connection::open(home.join("relay.db")).unwrap();
    let check: String = database.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(check, "ok");
}
