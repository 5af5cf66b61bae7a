use bauta_protocol::mask::PostIv;
use bauta_protocol::mask::partition::Tag;
use bauta_protocol::time::Timestamp;
use rusqlite::Row;

use super::ids::{PersonaId, PublicationId};
use super::reason::Reason;
use super::tx::{bytes, signed, unsigned};
use super::{StoreError, Tx};

/// A recipient's key of a post, on its way to the Gun relays.
pub(crate) struct NewPublication<'a> {
    pub(crate) iv: PostIv,
    pub(crate) persona: PersonaId,
    /// The nodes to put, in JSON.
    pub(crate) nodes: &'a str,
}

/// A publication that is due.
pub(crate) struct DuePublication {
    pub(crate) row: PublicationId,
    pub(crate) iv: PostIv,
    pub(crate) persona: PersonaId,
    pub(crate) nodes: String,
    pub(crate) attempts: u32,
    pub(crate) queued_at: Timestamp,
}

/// How far the publications of a post are.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct PublicationCount {
    /// The persona that wrote the post.
    pub(crate) persona: PersonaId,
    pub(crate) keys: u32,
    pub(crate) published: u32,
    pub(crate) failed: u32,
    /// Of the latest that has one.
    pub(crate) reason: Option<Reason>,
}

/// Which hash of a key a tag comes from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum TagKind {
    V37,
    V38,
    V39,
}

impl TagKind {
    fn number(self) -> u8 {
        match self {
            Self::V37 => 37,
            Self::V38 => 38,
            Self::V39 => 39,
        }
    }
}

fn due(row: &Row<'_>) -> rusqlite::Result<DuePublication> {
    Ok(DuePublication {
        row: row.get(0)?,
        iv: PostIv(bytes(row, 1)?),
        nodes: row.get(2)?,
        attempts: row.get(3)?,
        queued_at: Timestamp(unsigned(row.get(4)?)),
        persona: row.get(5)?,
    })
}

/// What waits to be published, but for personas that another home has.
const QUEUED: &str = "SELECT * FROM publications WHERE state = 'queued'
    AND persona NOT IN (SELECT id FROM personas WHERE elsewhere_at IS NOT NULL)";

impl Tx<'_> {
    pub(crate) fn queue_publication(
        &self,
        new: &NewPublication<'_>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.insert(
            "queue a publication",
            "INSERT INTO publications (iv, persona, nodes, state, queued_at, due_at)
             VALUES (?1, ?2, ?3, 'queued', ?4, ?4)",
            (new.iv.0, new.persona, new.nodes, signed(now.0)),
        )?;
        Ok(())
    }

    /// Publications to try now, those of the post that waits longest first, and none of another post.
    pub(crate) fn due_publications(
        &self,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<DuePublication>, StoreError> {
        self.all(
            "list publications",
            &format!(
                "WITH queued AS ({QUEUED})
                 SELECT id, iv, nodes, attempts, queued_at, persona FROM queued
                 WHERE due_at <= ?1
                   AND iv = (SELECT iv FROM queued WHERE due_at <= ?1 ORDER BY due_at, id LIMIT 1)
                 ORDER BY id LIMIT ?2"
            ),
            (signed(now.0), limit),
            due,
        )
    }

    /// When the next publication is due.
    pub(crate) fn next_publication(&self) -> Result<Option<Timestamp>, StoreError> {
        let next = self.one(
            "look for the next publication",
            &format!("SELECT min(due_at) FROM ({QUEUED})"),
            [],
            |row| row.get::<_, Option<i64>>(0),
        )?;
        Ok(next.flatten().map(|at| Timestamp(unsigned(at))))
    }

    /// A relay has it; its nodes are not needed any more.
    pub(crate) fn publication_done(&self, row: PublicationId) -> Result<(), StoreError> {
        self.execute(
            "note a publication",
            "UPDATE publications SET state = 'published', nodes = '', reason = NULL WHERE id = ?1",
            [row],
        )?;
        Ok(())
    }

    /// It is tried again at `at`; for the reason see [`PublicationCount::reason`].
    pub(crate) fn publication_later(
        &self,
        row: PublicationId,
        at: Timestamp,
        attempts: u32,
        reason: Reason,
    ) -> Result<(), StoreError> {
        self.execute(
            "plan a publication",
            "UPDATE publications SET due_at = ?2, attempts = ?3, reason = ?4 WHERE id = ?1",
            (row, signed(at.0), attempts, reason),
        )?;
        Ok(())
    }

    pub(crate) fn publication_failed(&self, row: PublicationId, reason: Reason) -> Result<(), StoreError> {
        self.execute(
            "give up a publication",
            "UPDATE publications SET state = 'failed', nodes = '', reason = ?2 WHERE id = ?1",
            (row, reason),
        )?;
        Ok(())
    }

    /// What waits until after `last` is due now.
    pub(crate) fn pull_back_publications(&self, now: Timestamp, last: Timestamp) -> Result<(), StoreError> {
        self.execute(
            "pull back publications",
            "UPDATE publications SET due_at = ?1 WHERE state = 'queued' AND due_at > ?2",
            (signed(now.0), signed(last.0)),
        )?;
        Ok(())
    }

    /// How far the publications of a post are; `None` when there is none.
    pub(crate) fn publications(&self, iv: PostIv) -> Result<Option<PublicationCount>, StoreError> {
        let found = self.one(
            "count publications",
            "SELECT max(persona), count(*), sum(state = 'published'), sum(state = 'failed'),
               (SELECT reason FROM publications WHERE iv = ?1 AND reason IS NOT NULL ORDER BY id DESC LIMIT 1)
             FROM publications WHERE iv = ?1",
            [iv.0],
            |row| {
                Ok((
                    row.get::<_, Option<PersonaId>>(0)?,
                    row.get(1)?,
                    row.get::<_, Option<u32>>(2)?,
                    row.get::<_, Option<u32>>(3)?,
                    row.get(4)?,
                ))
            },
        )?;
        Ok(found.and_then(|(persona, keys, published, failed, reason)| {
            Some(PublicationCount {
                persona: persona?,
                keys,
                published: published.unwrap_or(0),
                failed: failed.unwrap_or(0),
                reason,
            })
        }))
    }

    /// Keys of a persona's posts that could not be published so often that the user should know.
    pub(crate) fn count_stuck_publications(&self, persona: PersonaId) -> Result<u64, StoreError> {
        self.count(
            "count publications",
            "SELECT count(*) FROM publications WHERE state = 'queued' AND attempts >= 3 AND persona = ?1",
            [persona],
        )
    }

    /// Why the last of these could not be published.
    pub(crate) fn stuck_publication(&self, persona: PersonaId) -> Result<Option<Reason>, StoreError> {
        let found = self.one(
            "look for the reason of a publication",
            "SELECT reason FROM publications
             WHERE state = 'queued' AND attempts >= 3 AND persona = ?1 AND reason IS NOT NULL
             ORDER BY id DESC LIMIT 1",
            [persona],
            |row| row.get(0),
        )?;
        Ok(found)
    }

    /// Forgets what was published or given up before a time; the posts' keys stay.
    pub(crate) fn prune_publications(&self, before: Timestamp) -> Result<(), StoreError> {
        self.execute(
            "prune publications",
            "DELETE FROM publications WHERE state != 'queued' AND queued_at < ?1",
            [signed(before.0)],
        )?;
        Ok(())
    }

    /// The tag of a key, if it was ever computed.
    pub(crate) fn tag(&self, public: &str, kind: TagKind) -> Result<Option<Tag>, StoreError> {
        let found = self.one(
            "read a tag",
            "SELECT tag FROM tags WHERE public = ?1 AND kind = ?2",
            (public, kind.number()),
            |row| row.get::<_, u16>(0),
        )?;
        found.map(|index| Tag::from_index(index).ok_or(StoreError::Damaged("a tag"))).transpose()
    }

    pub(crate) fn keep_tag(&self, public: &str, kind: TagKind, tag: Tag) -> Result<(), StoreError> {
        self.execute(
            "keep a tag",
            "INSERT INTO tags (public, kind, tag) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
            (public, kind.number(), tag.index()),
        )?;
        Ok(())
    }
}
