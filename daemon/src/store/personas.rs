use std::time::Duration;

use bauta_protocol::id::{Capability, PersonaKey, RelayId};
use bauta_protocol::mask::{LocalKey, Words};
use bauta_protocol::persona::PersonaSecret;
use bauta_protocol::time::Timestamp;
use rusqlite::Row;
use zeroize::Zeroizing;

use super::ids::PersonaId;
use super::tx::{bytes, signed, unsigned};
use super::{StoreError, Tx};

/// A persona of this home, secrets included.
pub(crate) struct PersonaRow {
    pub(crate) id: PersonaId,
    pub(crate) name: String,
    pub(crate) public: PersonaKey,
    pub(crate) secret: PersonaSecret,
    /// The long-term session key, in the protocol's own serialisation.
    pub(crate) identity: Zeroizing<Vec<u8>>,
    pub(crate) inbox: Capability,
    pub(crate) relay: RelayId,
    pub(crate) drain_after: u64,
    pub(crate) created_at: Timestamp,
}

/// What Mask keeps beside a persona's key.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Recovery {
    pub(crate) words: Option<Words>,
    /// Opens the author's own copy in posts of version -38.
    pub(crate) local_key: Option<LocalKey>,
}

/// The persona that the user worked with last: its row.
const IN_USE: &str = "persona_in_use";

const COLUMNS: &str = "id, name, public, secret, identity, inbox, relay, drain_after, created_at";

type Raw = (
    PersonaId,
    String,
    String,
    Zeroizing<[u8; 32]>,
    Zeroizing<Vec<u8>>,
    Zeroizing<[u8; 32]>,
    RelayId,
    i64,
    i64,
);

fn raw(row: &Row<'_>) -> rusqlite::Result<Raw> {
    Ok((
        row.get(0)?,
        row.get(1)?,
        row.get(2)?,
        Zeroizing::new(bytes(row, 3)?),
        Zeroizing::new(row.get(4)?),
        Zeroizing::new(bytes(row, 5)?),
        RelayId(bytes(row, 6)?),
        row.get(7)?,
        row.get(8)?,
    ))
}

fn read(raw: Raw) -> Result<PersonaRow, StoreError> {
    let (id, name, public, secret, identity, inbox, relay, drain_after, created_at) = raw;
    Ok(PersonaRow {
        id,
        name,
        public: public.parse().map_err(|_| StoreError::Damaged("a persona's key"))?,
        secret: PersonaSecret::from_bytes(&secret).map_err(|_| StoreError::Damaged("a persona's secret"))?,
        identity,
        inbox: Capability::from_bytes(&inbox),
        relay,
        drain_after: unsigned(drain_after),
        created_at: Timestamp(unsigned(created_at)),
    })
}

impl Tx<'_> {
    pub(crate) fn add_persona(
        &self,
        name: &str,
        secret: &PersonaSecret,
        identity: &[u8],
        inbox: &Capability,
        relay: RelayId,
        now: Timestamp,
    ) -> Result<PersonaId, StoreError> {
        self.insert(
            "add a persona",
            "INSERT INTO personas (name, public, secret, identity, inbox, relay, created_at, inboxes)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            (
                name,
                secret.public().to_string(),
                secret.to_bytes().as_slice(),
                identity,
                inbox.as_bytes().as_slice(),
                relay.0,
                signed(now.0),
                inbox.inbox_id().as_bytes().as_slice(),
            ),
        )
        .map(PersonaId)
    }

    pub(crate) fn personas(&self) -> Result<Vec<PersonaRow>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM personas ORDER BY id");
        self.all("list personas", &sql, [], raw)?.into_iter().map(read).collect()
    }

    /// Those after one, in order of creation.
    pub(crate) fn personas_after(&self, after: PersonaId, limit: u32) -> Result<Vec<PersonaRow>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM personas WHERE id > ?1 ORDER BY id LIMIT ?2");
        self.all("list personas", &sql, (after, limit), raw)?.into_iter().map(read).collect()
    }

    pub(crate) fn persona(&self, id: PersonaId) -> Result<PersonaRow, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM personas WHERE id = ?1");
        match self.one("read a persona", &sql, [id], raw)? {
            Some(found) => read(found),
            None => Err(StoreError::Damaged("a persona")),
        }
    }

    pub(crate) fn persona_named(&self, name: &str) -> Result<Option<PersonaRow>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM personas WHERE name = ?1");
        self.one("find a persona", &sql, [name], raw)?.map(read).transpose()
    }

    pub(crate) fn persona_of(&self, public: &PersonaKey) -> Result<Option<PersonaRow>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM personas WHERE public = ?1");
        self.one("find a persona", &sql, [public.to_string()], raw)?.map(read).transpose()
    }

    /// Recovery words and local key of a persona, as far as it has them.
    pub(crate) fn recovery(&self, persona: PersonaId) -> Result<Recovery, StoreError> {
        let found = self.one(
            "read a persona's words",
            "SELECT words, words_path, words_password, local_key FROM personas WHERE id = ?1",
            [persona],
            |row| {
                let words: Option<String> = row.get(0)?;
                let path: Option<String> = row.get(1)?;
                let with_password = row.get(2)?;
                let local_key: Option<[u8; 32]> = row.get(3)?;
                Ok(Recovery {
                    words: words.map(|words| Words {
                        words: Zeroizing::new(words),
                        path: path.unwrap_or_default(),
                        with_password,
                    }),
                    local_key: local_key.map(|key| LocalKey::from_bytes(&Zeroizing::new(key))),
                })
            },
        )?;
        found.ok_or(StoreError::Damaged("a persona"))
    }

    /// Adds these; what a persona has already stays.
    pub(crate) fn add_recovery(&self, persona: PersonaId, recovery: &Recovery) -> Result<(), StoreError> {
        if let Some(words) = &recovery.words {
            self.execute(
                "keep a persona's words",
                "UPDATE personas SET words = ?2, words_path = ?3, words_password = ?4
                 WHERE id = ?1 AND words IS NULL",
                (persona, words.words.as_str(), &words.path, words.with_password),
            )?;
        }
        if let Some(key) = &recovery.local_key {
            self.execute(
                "keep a persona's local key",
                "UPDATE personas SET local_key = ?2 WHERE id = ?1 AND local_key IS NULL",
                (persona, key.as_bytes().as_slice()),
            )?;
        }
        Ok(())
    }

    /// The persona that the user worked with last.
    pub(crate) fn persona_in_use(&self) -> Result<Option<PersonaId>, StoreError> {
        let Some(id) = self.meta_u64(IN_USE)? else { return Ok(None) };
        self.one("find the persona in use", "SELECT id FROM personas WHERE id = ?1", [signed(id)], |row| {
            row.get(0)
        })
    }

    pub(crate) fn set_persona_in_use(&self, persona: PersonaId) -> Result<(), StoreError> {
        self.set_meta(IN_USE, &unsigned(persona.0).to_be_bytes())
    }

    /// Time online until the bundle is published; zero: now. `None`: it need not be.
    pub(crate) fn publish_wait(&self, persona: PersonaId) -> Result<Option<Duration>, StoreError> {
        let left = self.one(
            "read when to publish",
            "SELECT publish_wait FROM personas WHERE id = ?1",
            [persona],
            |row| row.get::<_, Option<i64>>(0),
        )?;
        Ok(left.flatten().map(|left| Duration::from_millis(unsigned(left))))
    }

    pub(crate) fn set_publish_wait(
        &self,
        persona: PersonaId,
        left: Option<Duration>,
    ) -> Result<(), StoreError> {
        let left = left.map(|left| i64::try_from(left.as_millis()).unwrap_or(i64::MAX));
        self.execute(
            "plan a publication",
            "UPDATE personas SET publish_wait = ?2 WHERE id = ?1 AND publish_wait IS NOT ?2",
            (persona, left),
        )?;
        Ok(())
    }

    /// A request was evicted; the user has not seen it.
    pub(crate) fn lose_request(&self, persona: PersonaId) -> Result<(), StoreError> {
        self.execute(
            "count a lost request",
            "UPDATE personas SET requests_lost = requests_lost + 1 WHERE id = ?1",
            [persona],
        )?;
        Ok(())
    }

    /// How many requests were evicted since the user last listed them.
    pub(crate) fn lost_requests(&self, persona: PersonaId) -> Result<u64, StoreError> {
        self.count("read lost requests", "SELECT requests_lost FROM personas WHERE id = ?1", [persona])
    }

    /// The user has listed the requests and was told how many are lost.
    pub(crate) fn forget_lost_requests(&self, persona: PersonaId) -> Result<(), StoreError> {
        self.execute(
            "forget lost requests",
            "UPDATE personas SET requests_lost = 0 WHERE id = ?1 AND requests_lost > 0",
            [persona],
        )?;
        Ok(())
    }

    pub(crate) fn set_drain_after(&self, persona: PersonaId, seq: u64) -> Result<(), StoreError> {
        self.execute(
            "keep the inbox's place",
            "UPDATE personas SET drain_after = ?2 WHERE id = ?1 AND drain_after < ?2",
            (persona, signed(seq)),
        )?;
        Ok(())
    }
}
