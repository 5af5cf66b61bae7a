use bauta_protocol::id::PersonaKey;
use bauta_protocol::mask::{PostDigest, PostIv, PostIvId, PostKey, ProfileId};
use bauta_protocol::time::Timestamp;
use rusqlite::Row;
use zeroize::Zeroizing;

use super::contacts::ContactState;
use super::ids::{ContactId, PersonaId};
use super::numbers::stored_enum;
use super::tx::{bytes, signed, unsigned};
use super::{StoreError, Tx};

/// Keys that contacts sent and that are kept, for each contact: the newest.
pub(crate) const RECEIVED_PER_CONTACT: u32 = 1000;
/// Bytes of a claimed author's name that are kept with a key; a longer one is left out.
const AUTHOR: usize = 256;
/// Keys that are tried for one post: one for each persona or contact that has one.
const TRIED: u32 = 64;

stored_enum! {
    /// Where the key of a post is from.
    enum KeyOrigin {
        /// A persona of this home wrote the post.
        Written = 1,
        /// It was looked up, or a contact sent it.
        Found = 2,
        /// The post itself holds it for its reader, who could do without this row.
        Own = 3,
        /// A backup.
        Imported = 4,
    }
}

impl KeyOrigin {
    /// Keys that are kept, those used last. Whatever pages show and backups hold, all of them fit one backup
    /// (`bauta_protocol::mask::limits`), and what a page causes never takes the place of what the user wrote.
    pub(crate) fn bound(self) -> u32 {
        match self {
            Self::Written | Self::Found => 4096,
            Self::Own => 1024,
            Self::Imported => 16_384,
        }
    }
}

/// The key of a post: with it the post opens again without network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PostKeyRow {
    /// Whose key opened it; `None` from a backup.
    pub(crate) persona: Option<PersonaId>,
    pub(crate) id: PostIvId,
    /// Of what the post says; `None` from a backup.
    pub(crate) digest: Option<PostDigest>,
    pub(crate) key: PostKey,
    /// As the payload claims.
    pub(crate) author: Option<ProfileId>,
    pub(crate) public: bool,
    pub(crate) origin: KeyOrigin,
    /// The site where it was first used, as a caller said.
    pub(crate) site: Option<String>,
    pub(crate) found_at: Timestamp,
}

/// The key of a post that a contact sent.
#[derive(Clone, Debug)]
pub(crate) struct ReceivedKey {
    /// Whose contact it is.
    pub(crate) persona: PersonaId,
    /// The contact's.
    pub(crate) sender: PersonaKey,
    pub(crate) key: PostKey,
}

const COLUMNS: &str = "persona, iv, digest, network, key, author, public, origin, site, found_at";

/// A row whose key, digest and author are not checked yet.
struct Raw {
    persona: Option<PersonaId>,
    id: PostIvId,
    digest: Vec<u8>,
    key: Zeroizing<Vec<u8>>,
    author: Option<String>,
    public: bool,
    origin: KeyOrigin,
    site: Option<String>,
    found_at: Timestamp,
}

fn raw(row: &Row<'_>) -> rusqlite::Result<Raw> {
    Ok(Raw {
        persona: row.get(0)?,
        id: PostIvId { network: row.get(3)?, iv: PostIv(bytes(row, 1)?) },
        digest: row.get(2)?,
        key: Zeroizing::new(row.get(4)?),
        author: row.get(5)?,
        public: row.get(6)?,
        origin: row.get(7)?,
        site: row.get(8)?,
        found_at: Timestamp(unsigned(row.get(9)?)),
    })
}

fn read(raw: Raw) -> Result<PostKeyRow, StoreError> {
    let damaged = || StoreError::Damaged("the key of a post");
    let Raw { persona, id, digest, key, author, public, origin, site, found_at } = raw;
    let digest = match digest.as_slice() {
        [] => None,
        bytes => Some(PostDigest(bytes.try_into().map_err(|_| damaged())?)),
    };
    let author = author.map(|author| author.parse()).transpose().map_err(|_| damaged())?;
    Ok(PostKeyRow { persona, id, digest, key: key_of(&key)?, author, public, origin, site, found_at })
}

fn key_of(bytes: &[u8]) -> Result<PostKey, StoreError> {
    PostKey::from_bytes(bytes).map_err(|_| StoreError::Damaged("the key of a post"))
}

fn digest_bytes(digest: Option<&PostDigest>) -> &[u8] {
    digest.map_or(&[], |digest| &digest.0)
}

impl Tx<'_> {
    /// Keys under the IV of a post that may open it, those of its own content first.
    pub(crate) fn post_keys_of(&self, iv: PostIv, digest: PostDigest) -> Result<Vec<PostKeyRow>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM post_keys WHERE iv = ?1 AND digest IN (?2, x'')
             ORDER BY digest DESC, origin, id LIMIT ?3"
        );
        let found = self.all("find the key of a post", &sql, (iv.0, digest.0, TRIED), raw)?;
        found.into_iter().map(read).collect()
    }

    /// The persona that wrote a post here; `None` where nobody did.
    pub(crate) fn writer_of(&self, iv: PostIv) -> Result<Option<PersonaId>, StoreError> {
        let found = self.one(
            "find the writer of a post",
            "SELECT persona FROM post_keys WHERE iv = ?1 AND origin = ?2 LIMIT 1",
            (iv.0, KeyOrigin::Written),
            |row| row.get(0),
        )?;
        Ok(found.flatten())
    }

    /// Keeps the key of a post unless there is one; returns whether it was new. Of keys of its origin, those used longest
    /// ago are forgotten if there are too many.
    pub(crate) fn put_post_key(&self, row: &PostKeyRow) -> Result<bool, StoreError> {
        let author = row.author.as_ref().map(ToString::to_string).filter(|author| author.len() <= AUTHOR);
        let added = self.execute(
            "keep the key of a post",
            "INSERT OR IGNORE INTO post_keys
               (persona, iv, digest, network, key, author, public, origin, site, found_at, used_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?10)",
            (
                row.persona,
                row.id.iv.0,
                digest_bytes(row.digest.as_ref()),
                &row.id.network,
                row.key.as_bytes(),
                author,
                row.public,
                row.origin,
                &row.site,
                signed(row.found_at.0),
            ),
        )?;
        if added > 0 {
            self.execute(
                "forget keys of posts",
                "DELETE FROM post_keys WHERE id IN (
                   SELECT id FROM post_keys WHERE origin = ?1 ORDER BY used_at DESC, id DESC LIMIT -1 OFFSET ?2)",
                (row.origin, row.origin.bound()),
            )?;
        }
        Ok(added > 0)
    }

    /// Notes who can read a post, in addition, if it was written here.
    pub(crate) fn add_post_readers(
        &self,
        row: &PostKeyRow,
        readers: &[PersonaKey],
    ) -> Result<(), StoreError> {
        for reader in readers {
            self.execute(
                "note a reader of a post",
                "INSERT OR IGNORE INTO post_readers (post, public)
                 SELECT id, ?5 FROM post_keys WHERE iv = ?1 AND digest = ?2 AND persona IS ?3 AND origin = ?4",
                (
                    row.id.iv.0,
                    digest_bytes(row.digest.as_ref()),
                    row.persona,
                    KeyOrigin::Written,
                    reader.to_string(),
                ),
            )?;
        }
        Ok(())
    }

    /// How many can read a post that was written here.
    pub(crate) fn count_post_readers(&self, row: &PostKeyRow) -> Result<u64, StoreError> {
        self.count(
            "count the readers of a post",
            "SELECT count(*) FROM post_readers WHERE post =
               (SELECT id FROM post_keys WHERE iv = ?1 AND digest = ?2 AND persona IS ?3)",
            (row.id.iv.0, digest_bytes(row.digest.as_ref()), row.persona),
        )
    }

    /// Notes that a kept key opened a post: what it said, and where it was shown if that is not known yet.
    pub(crate) fn used_post_key(
        &self,
        row: &PostKeyRow,
        digest: PostDigest,
        site: Option<&str>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.execute(
            "note the use of a post's key",
            "UPDATE OR IGNORE post_keys SET digest = ?4, site = coalesce(site, ?5), used_at = ?6
             WHERE iv = ?1 AND digest = ?2 AND persona IS ?3",
            (row.id.iv.0, digest_bytes(row.digest.as_ref()), row.persona, digest.0, site, signed(now.0)),
        )?;
        Ok(())
    }

    /// Keys of posts, oldest first; one that several personas have is listed once.
    pub(crate) fn post_keys(&self) -> Result<Vec<PostKeyRow>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM post_keys GROUP BY iv, network, key ORDER BY found_at, iv, network, id"
        );
        self.all("list keys of posts", &sql, [], raw)?.into_iter().map(read).collect()
    }

    /// Keeps the key of a post that a contact sent, in place of an earlier one, and forgets the oldest of too many.
    pub(crate) fn put_received_key(
        &self,
        contact: ContactId,
        (iv, digest): (PostIv, PostDigest),
        key: &PostKey,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.execute(
            "keep a contact's key of a post",
            "INSERT OR REPLACE INTO received_keys (contact, iv, digest, key, received_at)
             VALUES (?1, ?2, ?3, ?4, ?5)",
            (contact, iv.0, digest.0, key.as_bytes(), signed(now.0)),
        )?;
        self.execute(
            "forget a contact's keys of posts",
            "DELETE FROM received_keys WHERE rowid IN (
               SELECT rowid FROM received_keys WHERE contact = ?1
               ORDER BY received_at DESC, rowid DESC LIMIT -1 OFFSET ?2)",
            (contact, RECEIVED_PER_CONTACT),
        )?;
        Ok(())
    }

    /// Keys of a post that contacts sent.
    pub(crate) fn received_keys(
        &self,
        iv: PostIv,
        digest: PostDigest,
    ) -> Result<Vec<ReceivedKey>, StoreError> {
        let found = self.all(
            "find a contact's key of a post",
            "SELECT c.persona, c.public, r.key FROM received_keys AS r JOIN contacts AS c ON c.id = r.contact
             WHERE iv = ?1 AND digest = ?2 AND c.public IS NOT NULL AND c.state != ?4
             ORDER BY r.rowid LIMIT ?3",
            (iv.0, digest.0, TRIED, ContactState::Blocked),
            |row| {
                let key: Zeroizing<Vec<u8>> = Zeroizing::new(row.get(2)?);
                Ok((row.get(0)?, row.get::<_, String>(1)?, key))
            },
        )?;
        let read = |(persona, sender, key): (PersonaId, String, Zeroizing<Vec<u8>>)| {
            let sender = sender.parse().map_err(|_| StoreError::Damaged("the key of a contact"))?;
            Ok(ReceivedKey { persona, sender, key: key_of(&key)? })
        };
        found.into_iter().map(read).collect()
    }
}
