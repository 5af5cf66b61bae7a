//! Expiry, and the totals that are kept beside the rows.

use bauta_protocol::time::Timestamp;
use rusqlite::{Connection, params};

use super::ledger::{Ledger, count, during, sql};
use crate::error::StorageError;
use crate::policy::{self, Stored};
use crate::storage::Hour;

/// Removes at most `limit` expired rows of each kind, and the bytes of as many boxes.
pub(super) fn expire(ledger: &mut Ledger<'_>, now: Timestamp, limit: u32) -> Result<usize, StorageError> {
    let today = i64::from(now.day().0);
    let remove = |statement: &str, until: i64| {
        ledger
            .connection
            .prepare_cached(statement)
            .and_then(|mut prepared| prepared.execute(params![until, limit]))
            .map_err(during("removes what has expired"))
    };
    let deposits = remove(
        "DELETE FROM deposits WHERE rowid IN (SELECT rowid FROM deposits WHERE expires <= ?1 LIMIT ?2)",
        today,
    )?;
    let inboxes = remove(
        "DELETE FROM inboxes WHERE inbox IN (SELECT inbox FROM inboxes WHERE expires <= ?1 LIMIT ?2)",
        today,
    )?;
    let seen = remove(
        "DELETE FROM deposits_seen WHERE digest IN
         (SELECT digest FROM deposits_seen WHERE expires <= ?1 LIMIT ?2)",
        today,
    )?;
    let counts = remove(
        "DELETE FROM deposit_counts WHERE (inbox, hour) IN
         (SELECT inbox, hour FROM deposit_counts WHERE hour <= ?1 LIMIT ?2)",
        i64::from(Hour::of(now).minus(24).0),
    )?;
    let bells = remove(
        "DELETE FROM bells WHERE inbox IN (SELECT inbox FROM bells WHERE expires <= ?1 LIMIT ?2)",
        today,
    )?;
    let bundles = remove(
        "DELETE FROM bundles WHERE name IN
         (SELECT name FROM bundles WHERE forget_ms <= ?1 LIMIT ?2)",
        sql(now.0),
    )?;
    let boxes = remove(
        "DELETE FROM boxes WHERE id IN
         (SELECT id FROM boxes WHERE out_hour IS NULL AND expires <= ?1 LIMIT ?2)",
        today,
    )?;
    let hour = Hour::of(now);
    let tombstones = remove(
        "DELETE FROM boxes WHERE id IN (SELECT id FROM boxes
         WHERE out_hour IS NOT NULL AND sealed IS NULL AND out_hour <= ?1 LIMIT ?2)",
        i64::from(policy::forgotten_since(hour).0),
    )?;
    let dropped = remove(
        "UPDATE boxes SET sealed = NULL WHERE id IN (SELECT id FROM boxes
         WHERE out_hour IS NOT NULL AND sealed IS NOT NULL AND out_hour <= ?1 LIMIT ?2)",
        i64::from(policy::dropped_since(hour).0),
    )?;
    ledger.forget_deposits(deposits);
    let stored = &mut *ledger.stored;
    stored.tombstones = stored.tombstones.saturating_sub(count(tombstones)) + count(dropped);
    stored.boxes = stored.boxes.saturating_sub(count(boxes) + count(dropped));
    stored.bundles = stored.bundles.saturating_sub(count(bundles));
    Ok(tombstones + boxes + dropped + deposits + inboxes + seen + counts + bells + bundles)
}

/// Counts the rows themselves, which takes a while in a large store: the totals must agree.
pub(super) fn recount(connection: &Connection) -> Result<Stored, StorageError> {
    connection
        .query_row(
            "SELECT (SELECT count(*) FROM boxes WHERE sealed IS NOT NULL),
                    (SELECT count(*) FROM boxes WHERE sealed IS NULL),
                    (SELECT count(*) FROM deposits),
                    (SELECT count(*) FROM bundles)",
            [],
            |row| {
                Ok(Stored {
                    boxes: row.get(0)?,
                    tombstones: row.get(1)?,
                    deposits: row.get(2)?,
                    bundles: row.get(3)?,
                })
            },
        )
        .map_err(during("counts its rows"))
}
