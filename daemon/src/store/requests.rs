use bauta_protocol::id::{MessageId, PersonaKey};
use bauta_protocol::time::Timestamp;
use rusqlite::Row;
use zeroize::Zeroizing;

use super::ids::PersonaId;
use super::tx::{signed, unsigned};
use super::{StoreError, Tx};

/// A stranger's first message.
pub(crate) struct RequestRow {
    /// What the API calls it by.
    pub(crate) handle: String,
    pub(crate) persona: PersonaId,
    pub(crate) public: PersonaKey,
    /// Empty for a greeting.
    pub(crate) text: String,
    pub(crate) message: Option<MessageId>,
    pub(crate) sent_at: Timestamp,
    pub(crate) received_at: Timestamp,
    pub(crate) session: Zeroizing<Vec<u8>>,
    pub(crate) stale: bool,
    pub(crate) bundle: Vec<u8>,
}

/// What a new request begins with.
pub(crate) struct NewRequest<'a> {
    pub(crate) handle: &'a str,
    pub(crate) persona: PersonaId,
    pub(crate) public: PersonaKey,
    pub(crate) text: &'a str,
    pub(crate) message: Option<MessageId>,
    pub(crate) sent_at: Timestamp,
    pub(crate) session: &'a [u8],
    pub(crate) stale: bool,
    pub(crate) bundle: &'a [u8],
}

const COLUMNS: &str = "handle, persona, public, text, message, sent_at, received_at, session, stale, bundle";

fn read(row: &Row<'_>) -> rusqlite::Result<RequestRow> {
    let public: String = row.get(2)?;
    let wrong = || {
        rusqlite::Error::FromSqlConversionFailure(
            2,
            rusqlite::types::Type::Text,
            "not what was written".into(),
        )
    };
    Ok(RequestRow {
        handle: row.get(0)?,
        persona: row.get(1)?,
        public: public.parse().map_err(|_| wrong())?,
        text: row.get(3)?,
        message: row.get::<_, Option<[u8; 16]>>(4)?.map(MessageId),
        sent_at: Timestamp(unsigned(row.get(5)?)),
        received_at: Timestamp(unsigned(row.get(6)?)),
        session: Zeroizing::new(row.get(7)?),
        stale: row.get(8)?,
        bundle: row.get(9)?,
    })
}

impl Tx<'_> {
    /// Keeps a request. One that the same stranger made before is replaced: a new handshake carries all that the old
    /// one did.
    pub(crate) fn keep_request(&self, new: &NewRequest<'_>, now: Timestamp) -> Result<(), StoreError> {
        self.advance();
        self.execute(
            "keep a request",
            "INSERT INTO requests (handle, persona, public, text, message, sent_at, received_at, session, stale, bundle)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
             ON CONFLICT (persona, public) DO UPDATE SET handle = excluded.handle, text = excluded.text,
               message = excluded.message, sent_at = excluded.sent_at, received_at = excluded.received_at,
               session = excluded.session, stale = excluded.stale, bundle = excluded.bundle",
            (
                new.handle,
                new.persona,
                new.public.to_string(),
                new.text,
                new.message.map(|id| id.0),
                signed(new.sent_at.0),
                signed(now.0),
                new.session,
                new.stale,
                new.bundle,
            ),
        )?;
        Ok(())
    }

    /// Oldest first.
    pub(crate) fn requests(&self, persona: Option<PersonaId>) -> Result<Vec<RequestRow>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM requests WHERE ?1 IS NULL OR persona = ?1 ORDER BY received_at, id"
        );
        self.all("list requests", &sql, [persona], read)
    }

    pub(crate) fn request(&self, handle: &str) -> Result<Option<RequestRow>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM requests WHERE handle = ?1");
        self.one("find a request", &sql, [handle], read)
    }

    pub(crate) fn count_requests(&self, persona: PersonaId) -> Result<u64, StoreError> {
        self.count("count requests", "SELECT count(*) FROM requests WHERE persona = ?1", [persona])
    }

    pub(crate) fn delete_request_of(&self, persona: PersonaId, key: &PersonaKey) -> Result<(), StoreError> {
        self.execute(
            "delete a request",
            "DELETE FROM requests WHERE persona = ?1 AND public = ?2",
            (persona, key.to_string()),
        )?;
        Ok(())
    }
}
