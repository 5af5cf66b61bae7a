//! Opening: the lock, the key, the settings of the connection, migrations, and the comparison with the mark.

use std::fs::File;
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use bauta_private_file as private_file;
use bauta_protocol::time::Timestamp;
use data_encoding::HEXLOWER;
use rusqlite::{Connection, OpenFlags};
use rustix::fs::{FlockOperation, flock};
use tokio::sync::watch;
use zeroize::{Zeroize, Zeroizing};

use super::mark::Mark;
use super::worker::{COUNTER, Full, Worker};
use super::{StoreError, Tx, schema};
use crate::unlock::MasterKey;

/// The database's name inside a home.
pub(crate) const DATABASE: &str = "store.db";

const MARK: &str = "store.mark";
/// SQLite's write-ahead log of the database.
const LOG: &str = "store.db-wal";
const LOCK: &str = "store.lock";

/// When an old copy was put back last: a time.
pub(crate) const ROLLED_BACK_AT: &str = "rolled_back_at";

/// Makes the home where it is missing, readable by its owner only.
pub(crate) fn private_home(home: &Path) -> Result<(), StoreError> {
    private_file::close_dir(home).map_err(StoreError::file(home.to_owned()))
}

/// Whether a home has a database already.
///
/// # Errors
/// [`StoreError::Gone`] when it had one; when the home cannot be read.
pub fn is_there(home: &Path) -> Result<bool, StoreError> {
    // A first start that is killed may leave an empty database. It writes the log and the mark only when the database is
    // on the disk: a home with one of them, but without a database, has lost it. A new one would hide that.
    let length = |name: &str| -> Result<Option<u64>, StoreError> {
        let path = home.join(name);
        match std::fs::metadata(&path) {
            Ok(metadata) => Ok(Some(metadata.len())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(StoreError::file(path)(error)),
        }
    };
    let database = length(DATABASE)?;
    let is_empty = |length: Option<u64>| length.unwrap_or(0) == 0;
    // SQLite takes a database of one byte for an empty one.
    if database.unwrap_or(0) <= 1 && !(is_empty(length(MARK)?) && is_empty(length(LOG)?)) {
        return Err(StoreError::Gone { path: home.join(DATABASE), is_empty: database.is_some() });
    }
    Ok(database.is_some())
}

/// Removes the files of a store that was made in vain.
pub(crate) fn remove(home: &Path) -> Result<(), StoreError> {
    // The mark goes first: with it, a home without a database has lost it.
    for name in [MARK, LOG, "store.db-shm", DATABASE, LOCK] {
        let path = home.join(name);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(StoreError::file(path)(error));
            }
            _ => {}
        }
    }
    Ok(())
}

pub(super) fn open(home: &Path, key: &MasterKey, now: Timestamp) -> Result<Worker, StoreError> {
    open_with(home, key, now, |path| connect(path, key)).map_err(|error| error.looked_at(home))
}

/// As [`open`], with a database that is not encrypted, so that a test can look for what was deleted.
#[cfg(test)]
pub(super) fn open_readable(home: &Path, key: &MasterKey, now: Timestamp) -> Result<Worker, StoreError> {
    open_with(home, key, now, |path| {
        let connection = Connection::open(path).map_err(StoreError::during("open the database"))?;
        set_up(&connection)?;
        Ok(connection)
    })
}

fn open_with(
    home: &Path,
    key: &MasterKey,
    now: Timestamp,
    connect: impl FnOnce(&Path) -> Result<Connection, StoreError>,
) -> Result<Worker, StoreError> {
    let lock = take_lock(home)?;
    is_there(home)?;
    let path = home.join(DATABASE);
    // SQLite gives its other files the mode of this one.
    private_file::open(&path).map_err(StoreError::file(path.clone()))?;
    let mut connection = connect(&path)?;
    schema::migrate(&mut connection)?;
    let mark_path = home.join(MARK);
    let mark = Mark::open(&mark_path, key).map_err(StoreError::file(mark_path.clone()))?;
    let (events, _) = watch::channel(0);
    let written = mark.written();
    let mut worker =
        Worker { connection, mark, mark_path, owed: None, events, full: Full::default(), _lock: lock };
    let last = worker.transact(move |tx| -> Result<u64, StoreError> {
        compare(tx, written, now)?;
        tx.last_event()
    })?;
    if worker.mark.written().is_none() {
        // Says from now on that there is a database, even if no session ever advances: its name must be durable first.
        File::open(home).and_then(|home| home.sync_all()).map_err(StoreError::file(home.to_owned()))?;
        worker.mark.write(0).map_err(StoreError::file(worker.mark_path.clone()))?;
    }
    worker.events.send_replace(last);
    Ok(worker)
}

/// A daemon that was killed a moment ago may still be on its way out.
fn take_lock(home: &Path) -> Result<File, StoreError> {
    let path = home.join(LOCK);
    let file = private_file::open(&path).map_err(StoreError::file(path.clone()))?;
    let deadline = Instant::now() + Duration::from_secs(2);
    loop {
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(file),
            Err(rustix::io::Errno::WOULDBLOCK) if Instant::now() < deadline => {
                std::thread::sleep(Duration::from_millis(20));
            }
            Err(rustix::io::Errno::WOULDBLOCK) => return Err(StoreError::InUse(home.to_owned())),
            Err(error) => return Err(StoreError::File { path, source: io::Error::from(error) }),
        }
    }
}

fn connect(path: &Path, key: &MasterKey) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection =
        Connection::open_with_flags(path, flags).map_err(StoreError::during("open the database"))?;
    connection.set_prepared_statement_cache_capacity(256);
    // A raw key: SQLCipher derives nothing from it (its documentation, "PRAGMA key", third form).
    let mut hex = HEXLOWER.encode(key.as_bytes());
    let mut pragma = Zeroizing::new(String::with_capacity(96));
    pragma.push_str("PRAGMA key = \"x'");
    pragma.push_str(&hex);
    pragma.push_str("'\"");
    hex.zeroize();
    connection.execute_batch(&pragma).map_err(StoreError::during("set the key"))?;
    connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get::<_, i64>(0)).map_err(
        |error| match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::NotADatabase) => StoreError::WrongKey(path.to_owned()),
            _ => StoreError::during("read the database")(error),
        },
    )?;
    set_up(&connection)?;
    Ok(connection)
}

fn set_up(connection: &Connection) -> Result<(), StoreError> {
    connection
        .execute_batch(
            "PRAGMA journal_mode = WAL;
             PRAGMA synchronous = FULL;
             PRAGMA secure_delete = ON;
             PRAGMA foreign_keys = ON;
             PRAGMA temp_store = MEMORY;
             PRAGMA trusted_schema = OFF;
             PRAGMA cell_size_check = ON;
             PRAGMA wal_autocheckpoint = 256;",
        )
        .map_err(StoreError::during("set up the connection"))
}

/// Notices an old copy of the database. One whose mark was lost counts as old too: nothing shows that it is not.
fn compare(tx: &Tx<'_>, written: Option<u64>, now: Timestamp) -> Result<(), StoreError> {
    let counter = tx.meta_u64(COUNTER)?.unwrap_or(0);
    if written.map_or(counter == 0, |written| written <= counter) {
        return Ok(());
    }
    tracing::warn!(
        "An old copy of the store was put back. Every conversation begins again; what came since is lost here."
    );
    tx.set_meta(COUNTER, &counter.max(written.unwrap_or(0)).to_be_bytes())?;
    tx.set_meta(ROLLED_BACK_AT, &now.0.to_be_bytes())?;
    tx.make_all_stale(now)?;
    // Also raises the counter above the mark.
    tx.advance();
    Ok(())
}
