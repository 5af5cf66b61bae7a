mod cascades;
mod contacts;
mod elsewhere;
mod events;
mod expiry;
mod forget;
mod invites;
mod keys;
mod lanes;
mod messages;
mod outbox;
mod records;
mod relays;
mod search;
mod sessions;
mod support;

use std::fs;

use super::sessions::{pack_wanted, unpack_wanted};
use bauta_protocol::digest::set::Tag;
use bauta_protocol::id::RelayId;

use super::*;

const NOW: Timestamp = Timestamp(1_790_000_000_000);

fn key() -> MasterKey {
    MasterKey::for_tests([7; 32])
}

fn open(home: &Path) -> Result<Store, StoreError> {
    Store::open(home, &key(), NOW)
}

/// Waits for the thread, so that its lock and files are free.
fn close(store: Store, home: &Path) {
    drop(store);
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(5);
    loop {
        let file = fs::File::open(home.join("store.lock")).unwrap();
        if rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive).is_ok() {
            return;
        }
        assert!(std::time::Instant::now() < deadline, "the store's thread goes on");
        std::thread::yield_now();
    }
}

async fn advance(store: &Store) {
    store
        .run(|tx| -> Result<(), StoreError> {
            tx.set_meta("x", b"y")?;
            tx.advance();
            Ok(())
        })
        .await
        .unwrap();
}

async fn rolled_back(store: &Store) -> bool {
    store.run(|tx| -> Result<_, StoreError> { tx.meta_u64(open::ROLLED_BACK_AT) }).await.unwrap().is_some()
}

#[tokio::test]
async fn an_error_undoes_everything() {
    let home = tempfile::tempdir().unwrap();
    let store = open(home.path()).unwrap();
    let failed: Result<(), StoreError> = store
        .run(|tx| {
            tx.set_meta("a", b"1")?;
            Err(StoreError::Damaged("nothing"))
        })
        .await;
    assert!(failed.is_err());
    assert_eq!(store.run(|tx| -> Result<_, StoreError> { tx.meta("a") }).await.unwrap(), None);
}

#[tokio::test]
async fn files_are_private_and_unreadable() {
    use std::os::unix::fs::MetadataExt;
    let home = tempfile::tempdir().unwrap();
    let store = open(home.path()).unwrap();
    store
        .run(|tx| -> Result<_, StoreError> { tx.set_meta("needle", b"a needle in the haystack") })
        .await
        .unwrap();
    advance(&store).await;
    for entry in fs::read_dir(home.path()).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o077, 0, "{}", path.display());
        let bytes = fs::read(&path).unwrap();
        assert!(
            !bytes.windows(6).any(|window| window == b"needle" || window == b"SQLite"),
            "{}",
            path.display()
        );
    }
}

#[tokio::test]
async fn the_wrong_key_and_a_second_daemon_are_refused() {
    let home = tempfile::tempdir().unwrap();
    let store = open(home.path()).unwrap();
    assert!(matches!(open(home.path()), Err(StoreError::InUse(_))));
    close(store, home.path());
    let wrong = Store::open(home.path(), &MasterKey::for_tests([8; 32]), NOW);
    assert!(matches!(wrong, Err(StoreError::WrongKey(_))));
    assert!(open(home.path()).is_ok());
}

#[tokio::test]
async fn a_newer_schema_is_refused() {
    let home = tempfile::tempdir().unwrap();
    let store = open(home.path()).unwrap();
    store
        .run(|tx| -> Result<_, StoreError> {
            tx.execute("raise the version", "PRAGMA user_version = 99", [])
        })
        .await
        .unwrap();
    close(store, home.path());
    assert!(matches!(open(home.path()), Err(StoreError::Newer { found: 99, .. })));
}

#[tokio::test]
async fn a_home_from_before_the_first_release_is_refused() {
    for version in 1..schema::FIRST_VERSION {
        let home = tempfile::tempdir().unwrap();
        let store = open(home.path()).unwrap();
        store
            .run(move |tx| -> Result<_, StoreError> {
                tx.execute("lower the version", &format!("PRAGMA user_version = {version}"), [])
            })
            .await
            .unwrap();
        close(store, home.path());
        let refused = open(home.path()).err().unwrap();
        assert!(matches!(refused, StoreError::Unreleased));
        assert!(refused.to_string().contains("bauta persona export"), "{refused}");
    }
}

#[tokio::test]
async fn a_lost_database_is_refused_and_an_unfinished_first_start_is_not() {
    /// What a file of the home holds.
    #[derive(Clone, Copy, Debug, PartialEq)]
    enum File {
        Missing,
        Empty,
        /// SQLite calls this empty, too.
        Byte,
        Whole,
    }
    use File::{Byte, Empty, Missing, Whole};
    let used = tempfile::tempdir().unwrap();
    // No session advanced: the first opening alone is enough.
    close(open(used.path()).unwrap(), used.path());
    for database in [Missing, Empty, Byte, Whole] {
        for mark in [Missing, Empty, Whole] {
            for log in [Missing, Empty, Whole] {
                for lock in [Missing, Empty] {
                    let case = format!("database {database:?}, mark {mark:?}, log {log:?}, lock {lock:?}");
                    let home = tempfile::tempdir().unwrap();
                    for (name, file) in [
                        ("store.db", database),
                        ("store.mark", mark),
                        ("store.db-wal", log),
                        ("store.lock", lock),
                    ] {
                        let content = match (file, name) {
                            (Missing, _) => continue,
                            (Whole, "store.db-wal") => vec![0; 64],
                            (Whole, _) => fs::read(used.path().join(name)).unwrap(),
                            (Empty, _) => Vec::new(),
                            (Byte, _) => vec![b'x'],
                        };
                        fs::write(home.path().join(name), content).unwrap();
                    }
                    let was_lost = database != Whole && (mark == Whole || log == Whole);
                    match open(home.path()) {
                        Err(StoreError::Gone { path, is_empty }) => {
                            assert!(was_lost && is_empty == (database != Missing), "{case}");
                            assert_eq!(path, home.path().join("store.db"), "{case}");
                            let left = fs::metadata(path).map(|metadata| metadata.len()).ok();
                            let kept = match database {
                                Empty => Some(0),
                                Byte => Some(1),
                                Missing | Whole => None,
                            };
                            assert_eq!(left, kept, "{case}: nothing was made");
                        }
                        Err(error) => panic!("{case}: {error}"),
                        Ok(store) => {
                            assert!(!was_lost, "{case}");
                            assert!(!rolled_back(&store).await, "{case}");
                        }
                    }
                }
            }
        }
    }
}

#[tokio::test]
async fn pairings_and_their_end_are_kept() {
    let home = tempfile::tempdir().unwrap();
    let store = open(home.path()).unwrap();
    let pairing = |id: &str, personas: Option<Vec<String>>| PairingRow {
        id: id.to_owned(),
        origin: "chrome-extension://abc/".to_owned(),
        label: "Chromium".to_owned(),
        key: vec![4; 65],
        grants: vec!["status.read".to_owned(), "posts.use".to_owned()],
        personas,
        since: NOW,
        last_used: None,
        revoked: false,
    };
    let [mut first, second] = [pairing("b", None), pairing("a", Some(vec!["alice".to_owned()]))];
    for pairing in [first.clone(), second.clone()] {
        store.run(move |tx| -> Result<_, StoreError> { tx.add_pairing(&pairing) }).await.unwrap();
    }
    store.run(|tx| -> Result<_, StoreError> { tx.revoke_pairing("b") }).await.unwrap();
    close(store, home.path());
    let store = open(home.path()).unwrap();
    let found = store.run(|tx| -> Result<_, StoreError> { Ok((tx.pairing("a")?, tx.pairing("c")?)) });
    assert_eq!(found.await.unwrap(), (Some(second.clone()), None));
    first.revoked = true;
    let all = store.run(|tx| -> Result<_, StoreError> { tx.pairings() }).await.unwrap();
    assert_eq!(all, [first, second]);
}

#[tokio::test]
async fn an_old_copy_is_noticed_once() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path();
    let store = open(path).unwrap();
    advance(&store).await;
    close(store, path);
    let copy = fs::read(path.join("store.db")).unwrap();

    let store = open(path).unwrap();
    assert!(!rolled_back(&store).await);
    advance(&store).await;
    close(store, path);
    fs::write(path.join("store.db"), copy).unwrap();
    drop(fs::remove_file(path.join("store.db-wal")));
    drop(fs::remove_file(path.join("store.db-shm")));

    let store = open(path).unwrap();
    assert!(rolled_back(&store).await);
    store
        .run(|tx| -> Result<(), StoreError> {
            tx.execute("forget", "DELETE FROM meta WHERE key = 'rolled_back_at'", []).map(|_| ())
        })
        .await
        .unwrap();
    advance(&store).await;
    close(store, path);
    let store = open(path).unwrap();
    assert!(!rolled_back(&store).await, "it was noticed and made good already");
    close(store, path);

    fs::remove_file(path.join("store.mark")).unwrap();
    assert!(rolled_back(&open(path).unwrap()).await, "a lost mark counts as an old copy");
}

#[tokio::test]
async fn events_are_kept_in_order_and_announced() {
    let home = tempfile::tempdir().unwrap();
    let store = open(home.path()).unwrap();
    let mut announced = store.events();
    assert_eq!(*announced.borrow_and_update(), 0);
    for doubt in [Doubt::Suspect, Doubt::Dishonest] {
        store
            .run(move |tx| -> Result<(), StoreError> {
                let persona = match tx.personas()?.first() {
                    Some(row) => row.id,
                    None => support::persona(tx, "alice")?,
                };
                tx.emit(Happened::Relay(persona, RelayId([1; 32]), doubt), NOW)
            })
            .await
            .unwrap();
    }
    assert_eq!(*announced.borrow_and_update(), 2);
    let events = store.run(|tx| -> Result<_, StoreError> { tx.events_after(0, 10) }).await.unwrap();
    assert_eq!(events.iter().map(|event| event.cursor).collect::<Vec<_>>(), [1, 2]);
    store.run(|tx| -> Result<_, StoreError> { tx.prune_events(Timestamp(u64::MAX)) }).await.unwrap();
    close(store, home.path());
    let store = open(home.path()).unwrap();
    assert_eq!(*store.events().borrow(), 2, "cursors are not given twice");
    assert_eq!(store.run(|tx| -> Result<_, StoreError> { tx.event_floor() }).await.unwrap(), 2);
}

#[test]
fn wanted_boxes_survive() {
    let wanted = [(3, [1; 32]), (u64::MAX, [2; 32])].map(|(index, id)| Wanted {
        index,
        id: bauta_protocol::id::BoxId(id),
        tag: Tag([5; 8]),
    });
    assert_eq!(unpack_wanted(&pack_wanted(&wanted)), wanted);
    assert!(unpack_wanted(&[0; 39]).is_empty());
}

#[test]
fn stored_enums_survive_and_unknown_numbers_are_damage() {
    let connection = rusqlite::Connection::open_in_memory().unwrap();
    macro_rules! check {
        ($($name:ty)+) => {$(
            for variant in <$name>::ALL {
                let again: $name = connection.query_row("SELECT ?1", [variant], |row| row.get(0)).unwrap();
                assert_eq!(again, *variant);
            }
            for number in [-1, 0, 10_000] {
                assert!(connection.query_row("SELECT ?1", [number], |row| row.get::<_, $name>(0)).is_err());
            }
        )+};
    }
    check!(Change Connection ContactState Doubt GuestPhase MessageState Reason super::events::Kind);
}
