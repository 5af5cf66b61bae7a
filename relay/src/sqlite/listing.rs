//! What the digest keeps and reads.

use bauta_protocol::digest::header::Interval;
use bauta_protocol::digest::set::Tag;
use bauta_protocol::id::InboxId;
use bauta_protocol::limits::KNOWN_HEADERS;
use bauta_protocol::time::Day;
use rusqlite::{Connection, OptionalExtension, params};

use super::ledger::{Ledger, during, sql};
use crate::error::StorageError;
use crate::storage::{DepositsOfDay, Hour, StoredInterval};

/// The tags of the boxes that wait. What went out alone is ever dropped, so these have their bytes.
pub(super) const WAITING: &str =
    "SELECT tag FROM boxes INDEXED BY boxes_waiting WHERE out_hour IS NULL AND expires > ?1";

pub(super) fn waiting(connection: &Connection, today: Day) -> Result<Vec<Tag>, StorageError> {
    let reading = "lists the boxes that wait";
    let mut statement = connection.prepare_cached(WAITING).map_err(during(reading))?;
    let tags = statement.query_map([today.0], |row| row.get(0).map(Tag)).map_err(during(reading))?;
    tags.collect::<Result<_, _>>().map_err(during(reading))
}

pub(super) fn keep_interval(ledger: &mut Ledger<'_>, interval: &StoredInterval) -> Result<(), StorageError> {
    let doing = "keeps an interval";
    ledger
        .connection
        .prepare_cached("INSERT OR REPLACE INTO intervals (number, header, entries) VALUES (?1, ?2, ?3)")
        .map_err(during(doing))?
        .execute(params![sql(interval.number.0), interval.header, interval.set])
        .map_err(during(doing))?;
    ledger
        .connection
        .prepare_cached(
            "DELETE FROM intervals WHERE number <=
             (SELECT number FROM intervals ORDER BY number DESC LIMIT 1 OFFSET ?1)",
        )
        .map_err(during(doing))?
        .execute([KNOWN_HEADERS])
        .map_err(during(doing))?;
    Ok(())
}

pub(super) fn intervals(connection: &Connection) -> Result<Vec<StoredInterval>, StorageError> {
    let reading = "reads the intervals";
    let mut statement = connection
        .prepare_cached("SELECT number, header, entries FROM intervals ORDER BY number")
        .map_err(during(reading))?;
    let rows = statement
        .query_map([], |row| {
            let number: i64 = row.get(0)?;
            Ok(StoredInterval {
                number: Interval(u64::try_from(number).unwrap_or_default()),
                header: row.get(1)?,
                set: row.get(2)?,
            })
        })
        .map_err(during(reading))?;
    rows.collect::<Result<_, _>>().map_err(during(reading))
}

pub(super) fn bell(
    connection: &Connection,
    inbox: &InboxId,
    today: Day,
) -> Result<Option<[u8; 32]>, StorageError> {
    connection
        .prepare_cached("SELECT bell FROM bells WHERE inbox = ?1 AND expires > ?2")
        .map_err(during("looks for a bell"))?
        .query_row(params![inbox.as_bytes(), today.0], |row| row.get(0))
        .optional()
        .map_err(during("looks for a bell"))
}

pub(super) fn waiting_bells(connection: &Connection, today: Day) -> Result<Vec<[u8; 32]>, StorageError> {
    let reading = "lists the inboxes in which a deposit waits";
    let mut statement = connection
        // By the deposits' key alone: their rows are large.
        .prepare_cached(
            "SELECT bell FROM bells WHERE expires > ?1 AND inbox IN (SELECT DISTINCT inbox FROM deposits)",
        )
        .map_err(during(reading))?;
    let bells = statement.query_map([today.0], |row| row.get(0)).map_err(during(reading))?;
    bells.collect::<Result<_, _>>().map_err(during(reading))
}

pub(super) fn deposits_of_day(
    connection: &Connection,
    inbox: &InboxId,
    now: Hour,
) -> Result<DepositsOfDay, StorageError> {
    let reading = "counts the deposits of a day";
    connection
        .prepare_cached(
            "SELECT coalesce(sum(came), 0), coalesce(sum(came) FILTER (WHERE hour < ?3), 0)
             FROM deposit_counts WHERE inbox = ?1 AND hour > ?2",
        )
        .map_err(during(reading))?
        .query_row(params![inbox.as_bytes(), now.minus(24).0, now.minus(1).0], |row| {
            Ok(DepositsOfDay { all: row.get(0)?, settled: row.get(1)? })
        })
        .map_err(during(reading))
}
