//! The suite for stores, run on SQLite, and what is particular to SQLite.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bauta_protocol::digest::set::Tag;
use bauta_protocol::id::BoxId;
use bauta_protocol::limits::BOX_LEN;
use bauta_protocol::time::{Day, Timestamp};
use bauta_relay::policy::Quotas;
use bauta_relay::storage::{Hour, PutOutcome, Storage};
use bauta_relay::{Meter, RelayError, SqliteOptions, SqliteStorage};

const TODAY: Day = Day(20_000);
const NOON: Timestamp = Timestamp(20_000 * 24 * 60 * 60 * 1000 + 12 * 60 * 60 * 1000);

fn open(path: &Path) -> SqliteStorage {
    SqliteStorage::open(path, SqliteOptions::default()).unwrap()
}

/// Bytes that nothing else on the disk looks like.
fn telling(name: u8) -> Box<[u8; BOX_LEN]> {
    let mut bytes = Box::new([0; BOX_LEN]);
    for (place, byte) in bytes.iter_mut().enumerate() {
        *byte = name ^ u8::try_from(place * 7 % 251).unwrap();
    }
    bytes
}

fn contains(path: &Path, needle: &[u8]) -> bool {
    fs::read(path).unwrap_or_default().windows(needle.len()).any(|window| window == needle)
}

#[tokio::test]
async fn sqlite_does_what_every_store_must() {
    for (name, check) in crate::suite::CHECKS {
        for max_batch in [1, 256] {
            let home = tempfile::tempdir().unwrap();
            let options =
                SqliteOptions { quotas: crate::suite::QUOTAS, max_batch, ..SqliteOptions::default() };
            let store = Arc::new(SqliteStorage::open(&home.path().join("relay.db"), options).unwrap());
            println!("{name} in batches of {max_batch}");
            check(Arc::clone(&store) as crate::suite::Store).await;
            if *name != "a_closed_store_says_so" {
                assert_eq!(store.recount().await.unwrap(), store.stored(), "totals after {name}");
                store.close().await.unwrap();
            }
        }
    }
}

#[tokio::test]
async fn what_was_stored_is_there_after_a_restart() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("relay.db");
    let store = open(&path);
    store.put_box(BoxId([1; 32]), Tag([1; 8]), telling(1), NOON).await.unwrap();
    store.mark_out(vec![BoxId([1; 32])], Hour::of(NOON)).await.unwrap();
    store.put_box(BoxId([2; 32]), Tag([2; 8]), telling(2), NOON).await.unwrap();
    let before = store.stored();
    store.close().await.unwrap();
    let store = open(&path);
    assert_eq!(store.stored(), before);
    assert_eq!(store.get_box(BoxId([2; 32]), NOON).await.unwrap(), Some(telling(2)));
    assert_eq!(store.put_box(BoxId([1; 32]), Tag([1; 8]), telling(1), NOON).await.unwrap(), PutOutcome::Same);
}

#[tokio::test]
async fn the_files_are_private_and_exposed_ones_are_refused() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("relay.db");
    let store = open(&path);
    store.put_box(BoxId([1; 32]), Tag([1; 8]), telling(1), NOON).await.unwrap();
    for file in fs::read_dir(home.path()).unwrap() {
        let file = file.unwrap();
        assert_eq!(file.metadata().unwrap().mode() & 0o777, 0o600, "{:?}", file.file_name());
    }
    store.close().await.unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let refused = SqliteStorage::open(&path, SqliteOptions::default());
    assert!(matches!(refused, Err(RelayError::Exposed(_))));
}

#[tokio::test]
async fn erased_bytes_are_gone_from_the_disk() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("relay.db");
    let log = home.path().join("relay.db-wal");
    let store = open(&path);
    for name in 1..=20 {
        store.put_box(BoxId([name; 32]), Tag([name; 8]), telling(name), NOON).await.unwrap();
    }
    // Expiry with nothing to do moves the log into the database.
    store.expire(TODAY.start(), 1).await.unwrap();
    assert!(contains(&path, telling(7).as_slice()));
    store.mark_out(vec![BoxId([7; 32])], Hour::of(NOON)).await.unwrap();
    while store.expire(NOON.plus(Duration::from_secs(26 * 60 * 60)), 1).await.unwrap() > 0 {}
    assert!(!contains(&path, &telling(7)[..64]) && !contains(&log, &telling(7)[..64]));
    assert!(contains(&path, telling(8).as_slice()));
}

#[tokio::test]
async fn the_layout_does_not_say_in_which_order_boxes_came() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("relay.db");
    let store = open(&path);
    // The second comes first; in the file they lie in the order of their ids.
    for name in [9, 3] {
        store.put_box(BoxId([name; 32]), Tag([name; 8]), telling(name), NOON).await.unwrap();
    }
    store.close().await.unwrap();
    let database = rusqlite::Connection::open(&path).unwrap();
    let columns: String = database
        .query_row("SELECT group_concat(name) FROM pragma_table_info('boxes')", [], |row| row.get(0))
        .unwrap();
    assert_eq!(columns, "id,expires,tag,out_hour,digest,sealed");
    assert!(database.prepare("SELECT rowid FROM boxes").is_err());
}

#[tokio::test]
async fn a_store_of_a_newer_release_and_a_foreign_file_are_refused_and_kept() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("relay.db");
    open(&path).close().await.unwrap();
    let database = rusqlite::Connection::open(&path).unwrap();
    database.pragma_update(None, "user_version", 999).unwrap();
    drop(database);
    let refused = SqliteStorage::open(&path, SqliteOptions::default());
    assert!(matches!(refused, Err(RelayError::TooNew { found: 999, .. })));

    let foreign = home.path().join("foreign.db");
    fs::write(&foreign, vec![0x55; 9_000]).unwrap();
    fs::set_permissions(&foreign, fs::Permissions::from_mode(0o600)).unwrap();
    let refused = SqliteStorage::open(&foreign, SqliteOptions::default());
    assert!(matches!(refused, Err(RelayError::Open { .. })));
    assert_eq!(fs::read(&foreign).unwrap(), vec![0x55; 9_000]);
}

#[tokio::test]
async fn many_puts_share_few_commits() {
    let home = tempfile::tempdir().unwrap();
    let meter = Arc::new(Meter::on());
    let options =
        SqliteOptions { meter: Arc::clone(&meter), quotas: Quotas::default(), ..SqliteOptions::default() };
    let store = Arc::new(SqliteStorage::open(&home.path().join("relay.db"), options).unwrap());
    let puts = (0..=255u8).map(|name| {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            store.put_box(BoxId([name; 32]), Tag([name; 8]), telling(name), NOON).await.unwrap()
        })
    });
    for put in puts.collect::<Vec<_>>() {
        assert_eq!(put.await.unwrap(), PutOutcome::Stored);
    }
    let text = meter.render(bauta_relay::Levels::default()).unwrap();
    let read = |name: &str| -> f64 {
        let line = text.lines().find(|line| line.starts_with(name)).unwrap();
        line.rsplit(' ').next().unwrap().parse().unwrap()
    };
    let (changes, commits) =
        (read("bauta_relay_commit_batch_size_sum"), read("bauta_relay_commit_batch_size_count"));
    assert!((changes - 256.0).abs() < 0.5, "{changes} changes");
    assert!(commits < 128.0, "{commits} commits for {changes} puts");
}
