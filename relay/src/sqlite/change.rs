//! The changes themselves. Each runs inside the writer's transaction, and may run twice if its group fails.

use bauta_protocol::digest::set::Tag;
use bauta_protocol::id::{BoxId, InboxId};
use bauta_protocol::limits::TTL_DAYS;
use bauta_protocol::relay::Deposited;
use bauta_protocol::time::{Day, Timestamp};
use rusqlite::{Connection, OptionalExtension, params};
use sha2::{Digest, Sha256};

use super::ledger::{Ledger, during, sql};
use crate::error::StorageError;
use crate::policy::{self, Quotas, SEEN_DAYS};
use crate::storage::{
    DepositOutcome, Hour, PublishOutcome, PutOutcome, SealedBox, SealedHandshake, StoredBundle,
};

/// The key under which a deposit is remembered.
pub(super) fn deposit_digest(inbox: &InboxId, sealed: &[u8]) -> [u8; 32] {
    Sha256::new()
        .chain_update(b"bauta/relay/seen/1")
        .chain_update(inbox.as_bytes())
        .chain_update(sealed)
        .finalize()
        .into()
}

/// What is known of a box's id.
struct Known {
    expires: u32,
    out_hour: Option<u32>,
    digest: [u8; 32],
    is_dropped: bool,
}

impl Known {
    fn is_kept(&self, now: Timestamp) -> bool {
        match self.out_hour {
            None => self.expires > now.day().0,
            Some(hour) => hour > policy::forgotten_since(Hour::of(now)).0,
        }
    }
}

pub(super) fn put_box(
    ledger: &mut Ledger<'_>,
    id: &BoxId,
    tag: Tag,
    sealed: &SealedBox,
    now: Timestamp,
) -> Result<PutOutcome, StorageError> {
    let doing = "stores a box";
    let digest: [u8; 32] = Sha256::digest(sealed.as_slice()).into();
    let there: Option<Known> = ledger
        .connection
        .prepare_cached("SELECT expires, out_hour, digest, sealed IS NULL FROM boxes WHERE id = ?1")
        .map_err(during(doing))?
        .query_row(params![id.as_bytes()], |row| {
            Ok(Known {
                expires: row.get(0)?,
                out_hour: row.get(1)?,
                digest: row.get(2)?,
                is_dropped: row.get(3)?,
            })
        })
        .optional()
        .map_err(during(doing))?;
    let expires = policy::expiry_day(now.day()).0;
    if let Some(known) = there.as_ref().filter(|known| known.is_kept(now)) {
        if known.digest != digest {
            return Ok(PutOutcome::Different);
        }
        if known.out_hour.is_none() && known.expires < expires {
            ledger
                .connection
                .prepare_cached("UPDATE boxes SET expires = ?2 WHERE id = ?1")
                .map_err(during(doing))?
                .execute(params![id.as_bytes(), expires])
                .map_err(during(doing))?;
        }
        return Ok(PutOutcome::Same);
    }
    if ledger.stored.boxes >= ledger.quotas.boxes || !ledger.has_room(Quotas::BOX_COST) {
        return Ok(PutOutcome::Full);
    }
    ledger
        .connection
        .prepare_cached(
            "INSERT OR REPLACE INTO boxes (id, expires, tag, digest, sealed) VALUES (?1, ?2, ?3, ?4, ?5)",
        )
        .map_err(during(doing))?
        .execute(params![id.as_bytes(), expires, tag.0, digest, sealed.as_slice()])
        .map_err(during(doing))?;
    match there {
        // An expired row that was still there is replaced.
        Some(Known { is_dropped: false, .. }) => {}
        Some(Known { is_dropped: true, .. }) => {
            ledger.stored.tombstones = ledger.stored.tombstones.saturating_sub(1);
            ledger.stored.boxes += 1;
        }
        None => ledger.stored.boxes += 1,
    }
    ledger.arrived.push(*id);
    Ok(PutOutcome::Stored)
}

pub(super) fn mark_out(ledger: &mut Ledger<'_>, ids: &[BoxId], hour: Hour) -> Result<(), StorageError> {
    let doing = "notes which boxes went out";
    let mut mark = ledger
        .connection
        .prepare_cached("UPDATE boxes SET out_hour = ?2 WHERE id = ?1 AND out_hour IS NULL")
        .map_err(during(doing))?;
    for id in ids {
        mark.execute(params![id.as_bytes(), hour.0]).map_err(during(doing))?;
    }
    Ok(())
}

pub(super) fn deposit(
    ledger: &mut Ledger<'_>,
    inbox: &InboxId,
    sealed: &[u8],
    work: u8,
    now: Timestamp,
) -> Result<DepositOutcome, StorageError> {
    let doing = "stores a deposit";
    let today = now.day();
    let digest = deposit_digest(inbox, sealed);
    let before = seen(ledger.connection, &digest, today)?;
    if before == Some(true) {
        return Ok(DepositOutcome::Same);
    }
    let gone = ledger
        .connection
        .prepare_cached("DELETE FROM deposits WHERE inbox = ?1 AND expires <= ?2")
        .map_err(during(doing))?
        .execute(params![inbox.as_bytes(), today.0])
        .map_err(during(doing))?;
    ledger.forget_deposits(gone);
    if !ledger.has_room(Quotas::DEPOSIT_COST) {
        return Ok(DepositOutcome::Full);
    }
    if before.is_none() {
        count_deposit(ledger, inbox, Hour::of(now))?;
    }
    if !make_room(ledger, inbox, work)? {
        note_seen(ledger, &digest, false, today)?;
        return Ok(DepositOutcome::Outdone);
    }
    let expires = policy::expiry_day(today).0;
    let last: Option<i64> = ledger
        .connection
        .prepare_cached("SELECT last_seq FROM inboxes WHERE inbox = ?1")
        .map_err(during(doing))?
        .query_row(params![inbox.as_bytes()], |row| row.get(0))
        .optional()
        .map_err(during(doing))?;
    // Starting with the time keeps the numbers growing even after the row of a quiet inbox is forgotten.
    let seq = last.unwrap_or(0).saturating_add(1).max(sql(now.0));
    ledger
        .connection
        .prepare_cached("INSERT OR REPLACE INTO inboxes (inbox, last_seq, expires) VALUES (?1, ?2, ?3)")
        .map_err(during(doing))?
        .execute(params![inbox.as_bytes(), seq, expires])
        .map_err(during(doing))?;
    ledger
        .connection
        .prepare_cached(
            "INSERT INTO deposits (inbox, seq, work, expires, sealed) VALUES (?1, ?2, ?3, ?4, ?5)",
        )
        .map_err(during(doing))?
        .execute(params![inbox.as_bytes(), seq, work, expires, sealed])
        .map_err(during(doing))?;
    note_seen(ledger, &digest, true, today)?;
    ledger.stored.deposits += 1;
    Ok(DepositOutcome::Stored)
}

/// Remembers a deposit. One that had to give way is stored when it comes with more work, or when there is room, but
/// counts once: otherwise one deposit sent again and again would raise what the inbox asks for.
fn note_seen(
    ledger: &mut Ledger<'_>,
    digest: &[u8; 32],
    stored: bool,
    today: Day,
) -> Result<(), StorageError> {
    ledger
        .connection
        .prepare_cached("INSERT OR REPLACE INTO deposits_seen (digest, expires, stored) VALUES (?1, ?2, ?3)")
        .map_err(during("remembers a deposit"))?
        .execute(params![digest, today.0.saturating_add(SEEN_DAYS), stored])
        .map_err(during("remembers a deposit"))?;
    Ok(())
}

fn count_deposit(ledger: &mut Ledger<'_>, inbox: &InboxId, hour: Hour) -> Result<(), StorageError> {
    ledger
        .connection
        .prepare_cached(
            "INSERT INTO deposit_counts (inbox, hour, came) VALUES (?1, ?2, 1)
             ON CONFLICT (inbox, hour) DO UPDATE SET came = came + 1",
        )
        .map_err(during("counts a deposit"))?
        .execute(params![inbox.as_bytes(), hour.0])
        .map_err(during("counts a deposit"))?;
    Ok(())
}

/// Whether the inbox has room for a deposit with this much work; removes the weakest one if necessary.
fn make_room(ledger: &mut Ledger<'_>, inbox: &InboxId, work: u8) -> Result<bool, StorageError> {
    let doing = "makes room in an inbox";
    let there: i64 = ledger
        .connection
        .prepare_cached("SELECT count(*) FROM deposits WHERE inbox = ?1")
        .map_err(during(doing))?
        .query_row(params![inbox.as_bytes()], |row| row.get(0))
        .map_err(during(doing))?;
    if usize::try_from(there).unwrap_or(usize::MAX) < ledger.quotas.inbox {
        return Ok(true);
    }
    let weakest: Option<(i64, u8, u32, Vec<u8>)> = ledger
        .connection
        // Among equals the youngest is removed, so that a flood does not push out what was there before it.
        .prepare_cached(
            "SELECT seq, work, expires, sealed FROM deposits WHERE inbox = ?1 ORDER BY work, seq DESC LIMIT 1",
        )
        .map_err(during(doing))?
        .query_row(params![inbox.as_bytes()], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
        })
        .optional()
        .map_err(during(doing))?;
    let Some((seq, _, expires, sealed)) = weakest.filter(|(_, least, ..)| *least < work) else {
        return Ok(false);
    };
    let came = Day(expires.saturating_sub(TTL_DAYS + 1));
    note_seen(ledger, &deposit_digest(inbox, &sealed), false, came)?;
    let gone = ledger
        .connection
        .prepare_cached("DELETE FROM deposits WHERE inbox = ?1 AND seq = ?2")
        .map_err(during(doing))?
        .execute(params![inbox.as_bytes(), seq])
        .map_err(during(doing))?;
    ledger.forget_deposits(gone);
    Ok(true)
}

/// Whether a deposit that came in the last days was stored, or had to give way.
pub(super) fn seen(
    connection: &Connection,
    digest: &[u8; 32],
    today: Day,
) -> Result<Option<bool>, StorageError> {
    connection
        .prepare_cached("SELECT stored FROM deposits_seen WHERE digest = ?1 AND expires > ?2")
        .map_err(during("looks for a deposit"))?
        .query_row(params![digest, today.0], |row| row.get(0))
        .optional()
        .map_err(during("looks for a deposit"))
}

pub(super) fn drain(
    ledger: &mut Ledger<'_>,
    inbox: &InboxId,
    after: u64,
    today: Day,
) -> Result<Option<Deposited>, StorageError> {
    let gone = ledger
        .connection
        .prepare_cached("DELETE FROM deposits WHERE inbox = ?1 AND seq <= ?2")
        .map_err(during("drains an inbox"))?
        .execute(params![inbox.as_bytes(), sql(after)])
        .map_err(during("drains an inbox"))?;
    ledger.forget_deposits(gone);
    next_deposit(ledger.connection, inbox, after, today)
}

pub(super) fn next_deposit(
    connection: &Connection,
    inbox: &InboxId,
    after: u64,
    today: Day,
) -> Result<Option<Deposited>, StorageError> {
    let found: Option<(i64, u8, Vec<u8>)> = connection
        .prepare_cached(
            "SELECT seq, work, sealed FROM deposits
             WHERE inbox = ?1 AND seq > ?2 AND expires > ?3 ORDER BY seq LIMIT 1",
        )
        .map_err(during("reads an inbox"))?
        .query_row(params![inbox.as_bytes(), sql(after), today.0], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })
        .optional()
        .map_err(during("reads an inbox"))?;
    found
        .map(|(seq, work, sealed)| {
            let seq = u64::try_from(seq).map_err(|_| StorageError::Damaged("a deposit"))?;
            let sealed = SealedHandshake::try_from(sealed).map_err(|_| StorageError::Damaged("a deposit"))?;
            Ok(Deposited { seq, work, sealed })
        })
        .transpose()
}

pub(super) fn publish(
    ledger: &mut Ledger<'_>,
    bundle: &StoredBundle,
    known: Timestamp,
    takes_new: bool,
    now: Timestamp,
) -> Result<PublishOutcome, StorageError> {
    let doing = "stores a bundle";
    let hang_bell = |ledger: &Ledger<'_>| {
        ledger
            .connection
            .prepare_cached("INSERT OR REPLACE INTO bells (inbox, bell, expires) VALUES (?1, ?2, ?3)")
            .and_then(|mut hang| {
                hang.execute(params![bundle.inbox.as_bytes(), bundle.bell, policy::expiry_day(now.day()).0])
            })
            .map_err(during("hangs a bell"))
    };
    let there: Option<(i64, i64, Vec<u8>)> = ledger
        .connection
        .prepare_cached("SELECT version, forget_ms, bytes FROM bundles WHERE name = ?1")
        .map_err(during(doing))?
        .query_row(params![bundle.name.0], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()
        .map_err(during(doing))?;
    match &there {
        Some((version, forget, bytes)) if *forget > sql(now.0) => {
            if *version == sql(bundle.version.0) {
                if *bytes != bundle.bytes {
                    return Ok(PublishOutcome::Different);
                }
                hang_bell(ledger)?;
                return Ok(PublishOutcome::Same);
            }
            if *version > sql(known.0.min(bundle.version.0)) {
                return Ok(PublishOutcome::Stale);
            }
        }
        Some(_) => {}
        None => {
            if !takes_new
                || ledger.stored.bundles >= ledger.quotas.bundles
                || !ledger.has_room(Quotas::BUNDLE_COST)
            {
                return Ok(PublishOutcome::Full);
            }
        }
    }
    ledger
        .connection
        .prepare_cached(
            "INSERT OR REPLACE INTO bundles (name, version, expires_ms, forget_ms, bytes)
             VALUES (?1, ?2, ?3, ?4, ?5)",
        )
        .map_err(during(doing))?
        .execute(params![
            bundle.name.0,
            sql(bundle.version.0),
            sql(bundle.expiry.0),
            sql(bundle.forget.0),
            bundle.bytes
        ])
        .map_err(during(doing))?;
    hang_bell(ledger)?;
    if there.is_none() {
        ledger.stored.bundles += 1;
    }
    Ok(PublishOutcome::Stored)
}

pub(super) fn keep_descriptor(
    ledger: &mut Ledger<'_>,
    day: Day,
    bytes: &[u8],
) -> Result<Vec<u8>, StorageError> {
    ledger
        .connection
        .prepare_cached("INSERT OR IGNORE INTO descriptors (day, bytes) VALUES (?1, ?2)")
        .map_err(during("stores a descriptor"))?
        .execute(params![day.0, bytes])
        .map_err(during("stores a descriptor"))?;
    descriptor(ledger.connection, day)?.ok_or(StorageError::Damaged("a descriptor"))
}

pub(super) fn descriptor(connection: &Connection, day: Day) -> Result<Option<Vec<u8>>, StorageError> {
    connection
        .prepare_cached("SELECT bytes FROM descriptors WHERE day = ?1")
        .map_err(during("looks for a descriptor"))?
        .query_row(params![day.0], |row| row.get(0))
        .optional()
        .map_err(during("looks for a descriptor"))
}
