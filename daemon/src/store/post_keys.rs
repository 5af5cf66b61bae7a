use bauta_protocol::mask::{PostIv, PostIvId, PostKey, ProfileId};
use bauta_protocol::time::Timestamp;
use rusqlite::Row;
use zeroize::Zeroizing;

use super::tx::{bytes, signed, unsigned};
use super::{StoreError, Tx};

/// The key of a post: with it the post opens again without network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PostKeyRow {
    pub(crate) id: PostIvId,
    pub(crate) key: PostKey,
    /// As the payload claims.
    pub(crate) author: Option<ProfileId>,
    pub(crate) public: bool,
    pub(crate) found_at: Timestamp,
}

const COLUMNS: &str = "iv, network, key, author, public, found_at";

type Raw = ([u8; 16], String, Zeroizing<Vec<u8>>, Option<String>, bool, i64);

fn raw(row: &Row<'_>) -> rusqlite::Result<Raw> {
    Ok((bytes(row, 0)?, row.get(1)?, Zeroizing::new(row.get(2)?), row.get(3)?, row.get(4)?, row.get(5)?))
}

fn read((iv, network, key, author, public, found_at): Raw) -> Result<PostKeyRow, StoreError> {
    let damaged = || StoreError::Damaged("the key of a post");
    Ok(PostKeyRow {
        id: PostIvId { network, iv: PostIv(iv) },
        key: PostKey::from_bytes(&key).map_err(|_| damaged())?,
        author: author.map(|author| author.parse()).transpose().map_err(|_| damaged())?,
        public,
        found_at: Timestamp(unsigned(found_at)),
    })
}

impl Tx<'_> {
    /// The key of a post, on whatever network.
    pub(crate) fn post_key_of(&self, iv: PostIv) -> Result<Option<PostKeyRow>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM post_keys WHERE iv = ?1 ORDER BY found_at LIMIT 1");
        self.one("find the key of a post", &sql, [iv.0], raw)?.map(read).transpose()
    }

    /// Keeps the key of a post unless there is one; returns whether it was new.
    pub(crate) fn put_post_key(&self, row: &PostKeyRow) -> Result<bool, StoreError> {
        let added = self.execute(
            "keep the key of a post",
            "INSERT OR IGNORE INTO post_keys (iv, network, key, author, public, found_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            (
                row.id.iv.0,
                &row.id.network,
                row.key.as_bytes(),
                row.author.as_ref().map(ToString::to_string),
                row.public,
                signed(row.found_at.0),
            ),
        )?;
        Ok(added > 0)
    }

    /// Keys of posts, oldest first.
    pub(crate) fn post_keys(&self) -> Result<Vec<PostKeyRow>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM post_keys ORDER BY found_at, iv, network");
        self.all("list keys of posts", &sql, [], raw)?.into_iter().map(read).collect()
    }
}
