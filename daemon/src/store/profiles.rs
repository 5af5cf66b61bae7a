use bauta_protocol::id::PersonaKey;
use bauta_protocol::mask::ProfileId;
use bauta_protocol::time::Timestamp;
use rusqlite::Row;

use super::ids::ProfileRowId;
use super::tx::{signed, unsigned};
use super::{StoreError, Tx};

/// A profile on a social network and the persona key of whoever has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ProfileRow {
    pub(crate) profile: ProfileId,
    pub(crate) persona: PersonaKey,
    pub(crate) nickname: Option<String>,
    pub(crate) source: ProfileSource,
    pub(crate) learned_at: Timestamp,
}

/// Profiles that are learned from posts, at most. None is forgotten for a new one: whoever shows many would else make a
/// home forget a key, and believe another one for that profile.
pub(crate) const SEEN: u64 = 10_000;

/// What became of a key for a profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Learned {
    /// No key was known; now this one is.
    New(ProfileRow),
    /// It was known with this key.
    Same,
    /// It is known with another key, which stays.
    Other {
        /// As it is known.
        known: ProfileRow,
        /// The other key was not seen before.
        first: bool,
    },
    /// No key was known, and this one is not kept, because [`SEEN`] were learned from posts.
    Full,
}

/// How a profile's key became known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ProfileSource {
    /// In a payload whose author is the profile that showed it.
    Seen,
    /// In the text of a profile or public post.
    Text,
    /// Set by the user.
    Hand,
    /// From a backup.
    Backup,
}

impl ProfileSource {
    fn name(self) -> &'static str {
        match self {
            Self::Seen => "seen",
            Self::Text => "text",
            Self::Hand => "hand",
            Self::Backup => "backup",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        [Self::Seen, Self::Text, Self::Hand, Self::Backup].into_iter().find(|source| source.name() == name)
    }
}

const COLUMNS: &str = "network, user, persona, nickname, source, learned_at";

type Raw = (String, String, String, Option<String>, String, i64);

fn raw(row: &Row<'_>) -> rusqlite::Result<Raw> {
    Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?))
}

fn read((network, user, persona, nickname, source, learned_at): Raw) -> Result<ProfileRow, StoreError> {
    let damaged = || StoreError::Damaged("a profile");
    Ok(ProfileRow {
        profile: ProfileId::new(&network, &user).map_err(|_| damaged())?,
        persona: persona.parse().map_err(|_| damaged())?,
        nickname,
        source: ProfileSource::from_name(&source).ok_or_else(damaged)?,
        learned_at: Timestamp(unsigned(learned_at)),
    })
}

impl Tx<'_> {
    pub(crate) fn profile(&self, profile: &ProfileId) -> Result<Option<ProfileRow>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM profiles WHERE network = ?1 AND user = ?2");
        self.one("find a profile", &sql, (profile.network(), profile.user()), raw)?.map(read).transpose()
    }

    pub(crate) fn profiles(&self) -> Result<Vec<ProfileRow>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM profiles ORDER BY network, user");
        self.all("list profiles", &sql, [], raw)?.into_iter().map(read).collect()
    }

    /// By name; from the first, or after one, be it known or not.
    pub(crate) fn profiles_after(
        &self,
        after: Option<&ProfileId>,
        limit: u32,
    ) -> Result<Vec<ProfileRow>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM profiles WHERE (network, user) > (?1, ?2) ORDER BY network, user LIMIT ?3"
        );
        let (network, user) = after.map_or(("", ""), |after| (after.network(), after.user()));
        self.all("list profiles", &sql, (network, user, limit), raw)?.into_iter().map(read).collect()
    }

    /// Writes a profile, over what was known of it: the caller has compared the keys.
    pub(crate) fn put_profile(&self, row: &ProfileRow) -> Result<(), StoreError> {
        self.execute(
            "keep a profile",
            "INSERT INTO profiles (network, user, persona, nickname, source, learned_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT (network, user) DO UPDATE SET persona = excluded.persona,
             nickname = coalesce(excluded.nickname, nickname), source = excluded.source,
             learned_at = excluded.learned_at",
            (
                row.profile.network(),
                row.profile.user(),
                row.persona.to_string(),
                &row.nickname,
                row.source.name(),
                signed(row.learned_at.0),
            ),
        )?;
        Ok(())
    }

    /// The row of a profile.
    pub(crate) fn profile_row(&self, profile: &ProfileId) -> Result<Option<ProfileRowId>, StoreError> {
        self.one(
            "find a profile",
            "SELECT id FROM profiles WHERE network = ?1 AND user = ?2",
            (profile.network(), profile.user()),
            |row| row.get(0),
        )
    }

    pub(crate) fn profile_by_row(&self, row: ProfileRowId) -> Result<Option<ProfileRow>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM profiles WHERE id = ?1");
        self.one("read a profile", &sql, [row], raw)?.map(read).transpose()
    }

    /// Learns the key of a profile. A known key is never replaced: the other one is noted beside it.
    pub(crate) fn learn_profile(
        &self,
        profile: &ProfileId,
        persona: PersonaKey,
        source: ProfileSource,
        now: Timestamp,
    ) -> Result<Learned, StoreError> {
        let Some(known) = self.profile(profile)? else {
            let seen = "SELECT count(*) FROM profiles WHERE source = ?1";
            if source == ProfileSource::Seen && self.count("count profiles", seen, [source.name()])? >= SEEN {
                return Ok(Learned::Full);
            }
            let profile = profile.clone();
            let row = ProfileRow { profile, persona, nickname: None, source, learned_at: now };
            self.put_profile(&row)?;
            return Ok(Learned::New(row));
        };
        if known.persona == persona {
            return Ok(Learned::Same);
        }
        let first = self.doubt(profile)? != Some(persona);
        self.execute(
            "note another key",
            "INSERT INTO profile_doubts (network, user, persona, seen_at) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (network, user) DO UPDATE SET persona = excluded.persona, seen_at = excluded.seen_at",
            (profile.network(), profile.user(), persona.to_string(), signed(now.0)),
        )?;
        Ok(Learned::Other { known, first })
    }

    /// Another key that a post of this profile showed.
    pub(crate) fn doubt(&self, profile: &ProfileId) -> Result<Option<PersonaKey>, StoreError> {
        let found = self.one(
            "look for another key",
            "SELECT persona FROM profile_doubts WHERE network = ?1 AND user = ?2",
            (profile.network(), profile.user()),
            |row| row.get::<_, String>(0),
        )?;
        found.map(|key| key.parse().map_err(|_| StoreError::Damaged("a profile"))).transpose()
    }

    /// The user has decided which key is right.
    pub(crate) fn settle_profile(&self, profile: &ProfileId) -> Result<(), StoreError> {
        self.execute(
            "forget another key",
            "DELETE FROM profile_doubts WHERE network = ?1 AND user = ?2",
            (profile.network(), profile.user()),
        )?;
        Ok(())
    }

    /// The profiles of a key, the first known first.
    pub(crate) fn profiles_of(&self, persona: &PersonaKey) -> Result<Vec<ProfileRow>, StoreError> {
        let sql =
            format!("SELECT {COLUMNS} FROM profiles WHERE persona = ?1 ORDER BY learned_at, network, user");
        self.all("list profiles", &sql, [persona.to_string()], raw)?.into_iter().map(read).collect()
    }

    /// Whether there was one.
    pub(crate) fn forget_profile(&self, profile: &ProfileId) -> Result<bool, StoreError> {
        let gone = self.execute(
            "forget a profile",
            "DELETE FROM profiles WHERE network = ?1 AND user = ?2",
            (profile.network(), profile.user()),
        )?;
        Ok(gone > 0)
    }
}
