use bauta_protocol::id::PersonaKey;
use bauta_protocol::time::Timestamp;
use rusqlite::Row;
use zeroize::Zeroizing;

use super::ids::{PersonaId, RequestId};
use super::tx::{damaged, signed, unsigned};
use super::{StoreError, Tx};

/// A stranger's first message.
pub(crate) struct RequestRow {
    pub(crate) id: RequestId,
    /// What the API calls it by.
    pub(crate) handle: String,
    pub(crate) persona: PersonaId,
    pub(crate) public: PersonaKey,
    /// As the protocol encodes it.
    pub(crate) content: Vec<u8>,
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
    /// As the protocol encodes it.
    pub(crate) content: &'a [u8],
    pub(crate) session: &'a [u8],
    pub(crate) stale: bool,
    pub(crate) bundle: &'a [u8],
    /// Leading zero bits of its deposit's work.
    pub(crate) work: u8,
}

const COLUMNS: &str = "handle, persona, public, content, received_at, session, stale, bundle, id";

fn read(row: &Row<'_>) -> rusqlite::Result<RequestRow> {
    let public: String = row.get(2)?;
    Ok(RequestRow {
        handle: row.get(0)?,
        persona: row.get(1)?,
        public: public.parse().map_err(|_| damaged(2))?,
        content: row.get(3)?,
        received_at: Timestamp(unsigned(row.get(4)?)),
        session: Zeroizing::new(row.get(5)?),
        stale: row.get(6)?,
        bundle: row.get(7)?,
        id: row.get(8)?,
    })
}

impl Tx<'_> {
    /// Keeps a request. One that the same stranger made before is deleted: a new handshake carries all that the old
    /// one did.
    pub(crate) fn keep_request(&self, new: &NewRequest<'_>, now: Timestamp) -> Result<RequestId, StoreError> {
        self.delete_request_of(new.persona, &new.public)?;
        self.advance();
        self.insert(
            "keep a request",
            "INSERT INTO requests (handle, persona, public, content, received_at, session, stale, bundle, work)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            (
                new.handle,
                new.persona,
                new.public.to_string(),
                new.content,
                signed(now.0),
                new.session,
                new.stale,
                new.bundle,
                new.work,
            ),
        )
        .map(RequestId)
    }

    pub(crate) fn request_by_id(&self, id: RequestId) -> Result<Option<RequestRow>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM requests WHERE id = ?1");
        self.one("read a request", &sql, [id], read)
    }

    /// Oldest first.
    #[cfg(test)]
    pub(crate) fn requests(&self, persona: Option<PersonaId>) -> Result<Vec<RequestRow>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM requests WHERE ?1 IS NULL OR persona = ?1 ORDER BY received_at, id"
        );
        self.all("list requests", &sql, [persona], read)
    }

    /// The request of a persona that cost its sender least, the oldest of those, and the bits of its work.
    pub(crate) fn cheapest_request(
        &self,
        persona: PersonaId,
    ) -> Result<Option<(PersonaKey, u8)>, StoreError> {
        self.one(
            "find the request of the least work",
            "SELECT public, work FROM requests WHERE persona = ?1 ORDER BY work, received_at, id LIMIT 1",
            [persona],
            |row| {
                let public: String = row.get(0)?;
                Ok((public.parse().map_err(|_| damaged(0))?, row.get(1)?))
            },
        )
    }

    /// Those of a persona after one, in order of arrival.
    pub(crate) fn requests_after(
        &self,
        persona: PersonaId,
        after: RequestId,
        limit: u32,
    ) -> Result<Vec<RequestRow>, StoreError> {
        let sql =
            format!("SELECT {COLUMNS} FROM requests WHERE persona = ?1 AND id > ?2 ORDER BY id LIMIT ?3");
        self.all("list requests", &sql, (persona, after, limit), read)
    }

    pub(crate) fn request_from(
        &self,
        persona: PersonaId,
        key: &PersonaKey,
    ) -> Result<Option<RequestRow>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM requests WHERE persona = ?1 AND public = ?2");
        self.one("find a request", &sql, (persona, key.to_string()), read)
    }

    pub(crate) fn request(&self, handle: &str) -> Result<Option<RequestRow>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM requests WHERE handle = ?1");
        self.one("find a request", &sql, [handle], read)
    }

    pub(crate) fn count_requests(&self, persona: PersonaId) -> Result<u64, StoreError> {
        self.count("count requests", "SELECT count(*) FROM requests WHERE persona = ?1", [persona])
    }

    /// Deletes a request, and with it whatever the home holds of its words: the event goes by its foreign key, and
    /// [`Tx::erase`] cleans the files.
    pub(crate) fn delete_request_of(&self, persona: PersonaId, key: &PersonaKey) -> Result<(), StoreError> {
        let gone = self.execute(
            "delete a request",
            "DELETE FROM requests WHERE persona = ?1 AND public = ?2",
            (persona, key.to_string()),
        )?;
        if gone > 0 {
            self.erase();
        }
        Ok(())
    }
}
