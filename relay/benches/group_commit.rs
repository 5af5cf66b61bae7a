//! Puts acknowledged per second: with group commit, and with one transaction for each put, on the same disk.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bauta_protocol::digest::set::Tag;
use bauta_protocol::id::BoxId;
use bauta_protocol::limits::BOX_LEN;
use bauta_protocol::time::Day;
use bauta_relay::storage::{PutOutcome, Storage};
use bauta_relay::{SqliteOptions, SqliteStorage};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use sha2::{Digest, Sha256};
use tokio::runtime::Runtime;

/// Clients that each wait for their acknowledgement before they put again.
const CLIENTS: u64 = 64;
const TODAY: Day = Day(20_000);

struct Load {
    runtime: Runtime,
    store: Arc<SqliteStorage>,
    next: Arc<AtomicU64>,
    _home: tempfile::TempDir,
}

impl Load {
    fn new(max_batch: usize) -> Self {
        // In the target directory: a temporary directory may lie in memory, where a commit costs nothing.
        let home = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let options = SqliteOptions { max_batch, ..SqliteOptions::default() };
        let store = Arc::new(SqliteStorage::open(&home.path().join("relay.db"), options).unwrap());
        let runtime = Runtime::new().unwrap();
        Self { runtime, store, next: Arc::new(AtomicU64::new(0)), _home: home }
    }

    /// The time for `puts` acknowledged puts.
    fn run(&self, puts: u64) -> Duration {
        self.runtime.block_on(async {
            let left = Arc::new(AtomicU64::new(puts));
            let begun = Instant::now();
            let clients = (0..CLIENTS).map(|_| {
                let (store, next, left) =
                    (Arc::clone(&self.store), Arc::clone(&self.next), Arc::clone(&left));
                tokio::spawn(async move {
                    while left
                        .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1))
                        .is_ok()
                    {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        let id = BoxId(Sha256::digest(number.to_be_bytes()).into());
                        let put = store
                            .put_box(id, Tag([7; 8]), Box::new([7; BOX_LEN]), TODAY.start())
                            .await
                            .unwrap();
                        assert_eq!(put, PutOutcome::Stored);
                    }
                })
            });
            for client in clients.collect::<Vec<_>>() {
                client.await.unwrap();
            }
            begun.elapsed()
        })
    }
}

fn acknowledged_puts(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("acknowledged_puts");
    group.throughput(Throughput::Elements(1)).sample_size(10).measurement_time(Duration::from_secs(5));
    for (name, max_batch) in [("group_commit", 256), ("one_transaction_each", 1)] {
        let load = Load::new(max_batch);
        group.bench_function(name, |bencher| bencher.iter_custom(|puts| load.run(puts)));
    }
    group.finish();
    ratio();
}

/// Both in turns, so that a disk that is busy with something else slows both.
#[allow(clippy::print_stdout)]
fn ratio() {
    let (grouped, single) = (Load::new(256), Load::new(1));
    let (mut with_groups, mut without) = (Duration::ZERO, Duration::ZERO);
    for _ in 0..8 {
        with_groups += grouped.run(512);
        without += single.run(512);
    }
    let rate = |time: Duration| 8.0 * 512.0 / time.as_secs_f64();
    println!(
        "acknowledged puts per second with {CLIENTS} clients: {:.0} with group commit, {:.0} with one transaction \
         each: ratio {:.1}",
        rate(with_groups),
        rate(without),
        without.as_secs_f64() / with_groups.as_secs_f64()
    );
}

criterion_group!(benches, acknowledged_puts);
criterion_main!(benches);
