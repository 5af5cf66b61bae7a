use bauta_ipc::{Event, EventBody, Utc};
use bauta_protocol::time::Timestamp;

use super::tx::{signed, unsigned};
use super::{StoreError, Tx};

/// Events kept at most.
const KEEP: u64 = 20_000;

impl Tx<'_> {
    /// Writes an event; subscribers get it once the transaction is committed.
    pub(crate) fn emit(&self, body: &EventBody, now: Timestamp) -> Result<(), StoreError> {
        let body = serde_json::to_string(body).map_err(|_| StoreError::Damaged("an event"))?;
        let cursor = self.insert(
            "write an event",
            "INSERT INTO events (at, body) VALUES (?1, ?2)",
            (signed(now.0), body),
        )?;
        self.wrote_event(unsigned(cursor));
        Ok(())
    }

    /// Events after a cursor, in order.
    pub(crate) fn events_after(&self, cursor: u64, limit: u32) -> Result<Vec<Event>, StoreError> {
        let rows = self.all(
            "read events",
            "SELECT cursor, at, body FROM events WHERE cursor > ?1 ORDER BY cursor LIMIT ?2",
            (signed(cursor), limit),
            |row| Ok((unsigned(row.get(0)?), unsigned(row.get(1)?), row.get::<_, String>(2)?)),
        )?;
        rows.into_iter()
            .map(|(cursor, at, body)| {
                let body = serde_json::from_str(&body).map_err(|_| StoreError::Damaged("an event"))?;
                Ok(Event { cursor, at: Utc::from_millis(at), body })
            })
            .collect()
    }

    /// The greatest cursor ever given; zero for none.
    pub(crate) fn last_event(&self) -> Result<u64, StoreError> {
        self.count(
            "read the log's end",
            "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'events'",
            [],
        )
    }

    /// The cursor before the first event kept.
    pub(crate) fn event_floor(&self) -> Result<u64, StoreError> {
        let first = self.one("read the log's beginning", "SELECT min(cursor) FROM events", [], |row| {
            row.get::<_, Option<i64>>(0)
        })?;
        match first.flatten() {
            Some(first) => Ok(unsigned(first).saturating_sub(1)),
            None => self.last_event(),
        }
    }

    /// Forgets what the log says of a request.
    pub(crate) fn forget_request_events(&self, handle: &str) -> Result<(), StoreError> {
        self.execute(
            "forget a request's events",
            "DELETE FROM events WHERE body ->> '$.kind' = 'contact.request' AND body ->> '$.request.id' = ?1",
            [handle],
        )?;
        Ok(())
    }

    /// Forgets events that are too old or too many.
    pub(crate) fn prune_events(&self, before: Timestamp) -> Result<(), StoreError> {
        let most = self.last_event()?.saturating_sub(KEEP);
        self.execute(
            "prune events",
            "DELETE FROM events WHERE at < ?1 OR cursor <= ?2",
            (signed(before.0), signed(most)),
        )?;
        Ok(())
    }
}
