//! From the bytes of a backup to personas, profiles and post keys, with a report of what was left out.

use zeroize::Zeroizing;

use super::{Backup, BackupPersona, BackupPost, BackupProfile, Linked};
use crate::error::{HasKind, Kind};
use crate::mask::id::{IdError, PersonaId, PostIvId, ProfileId};
use crate::mask::jwk::{self, JwkError};
use crate::mask::key::{LocalKey, PublicKey};
use crate::mask::limits::{MAX_BACKUP, MAX_BACKUP_NODES, MAX_PERSONAS, MAX_WORDS};
use crate::mask::pack::{self, PackError, Value, Wiped, as_text, as_whole, member};
use crate::mask::persona::{PATH, Persona, Words};
use crate::time::Timestamp;

/// Sections that this program does not use.
const UNUSED: [&str; 5] = ["relations", "userGroups", "wallets", "grantedHostPermissions", "plugin"];

/// What became of a backup.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Personas taken with a private key.
    pub own_personas: usize,
    /// Personas taken without one.
    pub other_personas: usize,
    /// Profiles taken.
    pub profiles: usize,
    /// Post keys taken.
    pub post_keys: usize,
    /// Entries, or parts of them, that were left out.
    pub left_out: Vec<LeftOut>,
    /// Sections that are not read, and how many entries each has.
    pub unused: Vec<(&'static str, usize)>,
}

/// Something that was left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// Its section, and its identifier or else its position, counted from 1.
    pub what: String,
    /// Why.
    pub why: WhyLeftOut,
}

/// Why something was left out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WhyLeftOut {
    /// The identifier cannot be read.
    #[error("its identifier cannot be read")]
    Identifier(#[source] IdError),
    /// A key cannot be used.
    #[error("its key cannot be used")]
    Key(#[source] JwkError),
    /// The key is not the one that the identifier names.
    #[error("its key is not the one its identifier names")]
    OtherKey,
    /// A member is missing or of the wrong type.
    #[error("its {0} is missing or damaged")]
    Member(&'static str),
    /// The persona was imported, but its words give another key.
    #[error("its recovery words give another key; the persona was imported without them")]
    OtherWords,
    /// There are more than [`MAX_WORDS`] personas with recovery words, which take long to check.
    #[error("over {MAX_WORDS} personas have recovery words; the persona was imported without them")]
    TooManyWords,
    /// A link was left out, but the rest was imported.
    #[error("a linked profile cannot be read; the rest was imported")]
    Link,
    /// There are more than [`MAX_PERSONAS`].
    #[error("there are over {MAX_PERSONAS} personas")]
    TooMany,
}

/// Why bytes are not a backup.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BackupReadError {
    /// Not MessagePack within bounds.
    #[error("it is damaged")]
    Pack(#[source] PackError),
    /// Not JSON within bounds.
    #[error("it is neither an encrypted backup nor whole JSON")]
    Json,
    /// Versions 0 and 1, plain JSON.
    #[error("it is of an old version; import it into the extension and save a new backup there")]
    Old,
    /// A version after 2.
    #[error("it is of version {0}, which this program does not read; a newer one may")]
    UnknownVersion(i64),
    /// Without the version number of a backup.
    #[error("it is not a backup of Mask Network, or one of a very old version")]
    NotABackup,
}

impl HasKind for BackupReadError {
    fn kind(&self) -> Kind {
        match self {
            Self::Old | Self::UnknownVersion(_) => Kind::Unsupported,
            _ => Kind::Malformed,
        }
    }
}

pub(super) fn from_pack(plain: &[u8]) -> Result<(Backup, Report), BackupReadError> {
    let value = Wiped(pack::read(plain, MAX_BACKUP_NODES).map_err(BackupReadError::Pack)?);
    from_value(&value.0)
}

pub(super) fn from_json(plain: &[u8]) -> Result<(Backup, Report), BackupReadError> {
    let text = std::str::from_utf8(plain).ok().filter(|text| text.len() <= MAX_BACKUP);
    let value = text.and_then(|text| crate::mask::json::read(text, MAX_BACKUP_NODES));
    from_value(&Wiped(value.ok_or(BackupReadError::Json)?).0)
}

fn from_value(root: &Value) -> Result<(Backup, Report), BackupReadError> {
    // A backup comes from years of use and from several versions of the extension, so one bad entry must not lose the
    // others: each is read by itself, and what is left out is named in the report, because a user who believes that a
    // persona was imported may delete the original. The identifiers decide which persona an entry is; keys and words that
    // do not fit them are not imported.
    let meta = member(root, "_meta_");
    match meta.and_then(|meta| member(meta, "version")).and_then(as_whole) {
        Some(2) => {}
        Some(0 | 1) => return Err(BackupReadError::Old),
        Some(other) => return Err(BackupReadError::UnknownVersion(other)),
        None => return Err(BackupReadError::NotABackup),
    }
    let saved = meta.map(|meta| time(meta, "createdAt", Timestamp(0))).unwrap_or(Timestamp(0));
    let mut reading = Reading { saved, words_tried: 0, report: Report::default() };
    let personas = reading.section(root, "personas", |reading, entry, name| reading.persona(entry, name));
    let profiles = reading.section(root, "profiles", |reading, entry, _| reading.profile(entry));
    let posts = reading.section(root, "posts", |reading, entry, _| reading.post(entry));
    let mut report = reading.report;
    report.own_personas = personas.iter().filter(|persona| persona.secret.is_some()).count();
    report.other_personas = personas.len() - report.own_personas;
    report.profiles = profiles.len();
    let posts: Vec<_> = posts.into_iter().flatten().collect();
    report.post_keys = posts.len();
    report.unused =
        UNUSED.iter().map(|name| (*name, count(root, name))).filter(|(_, count)| *count > 0).collect();
    Ok((Backup { personas, profiles, posts }, report))
}

struct Reading {
    /// When the backup was made, for entries without a time of their own.
    saved: Timestamp,
    /// For how many personas a key was derived from recovery words.
    words_tried: usize,
    report: Report,
}

impl Reading {
    fn section<T>(
        &mut self,
        root: &Value,
        section: &'static str,
        read: impl Fn(&mut Self, &Value, &str) -> Result<T, WhyLeftOut>,
    ) -> Vec<T> {
        let entries = member(root, section).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let mut taken = Vec::new();
        for (index, entry) in entries.iter().enumerate() {
            let name = match member(entry, "identifier").and_then(as_text) {
                Some(identifier) => {
                    format!("{section}: {}", identifier.chars().take(120).collect::<String>())
                }
                None => format!("{section}: number {}", index + 1),
            };
            let entry = if section == "personas" && index >= MAX_PERSONAS {
                Err(WhyLeftOut::TooMany)
            } else {
                read(self, entry, &name)
            };
            match entry {
                Ok(entry) => taken.push(entry),
                Err(why) => self.leave_out(&name, why),
            }
        }
        taken
    }

    fn leave_out(&mut self, what: &str, why: WhyLeftOut) {
        self.report.left_out.push(LeftOut { what: what.to_owned(), why });
    }

    fn persona(&mut self, entry: &Value, name: &str) -> Result<BackupPersona, WhyLeftOut> {
        let PersonaId(public) = identifier(entry)?;
        let mut secret =
            member(entry, "privateKey").map(jwk::read_private).transpose().map_err(WhyLeftOut::Key)?;
        if let Some(key) = member(entry, "publicKey")
            && jwk::read_public(key).map_err(WhyLeftOut::Key)? != public
        {
            return Err(WhyLeftOut::OtherKey);
        }
        if secret.as_ref().is_some_and(|secret| secret.public() != public) {
            return Err(WhyLeftOut::OtherKey);
        }
        let mut local_key = local_key(entry)?;
        let mut words = member(entry, "mnemonic").map(read_words).transpose()?;
        // Words that need a password cannot be checked here. All others must give the key that the identifier names:
        // otherwise somebody could hand out a backup whose words restore another persona than the one shown.
        if let Some(record) = words.as_ref().filter(|words| !words.with_password) {
            match self.try_words(record, &public) {
                Ok(persona) => {
                    secret = Some(persona.key);
                    local_key = local_key.or(persona.local_key);
                }
                Err(why) => {
                    words = None;
                    self.leave_out(name, why);
                }
            }
        }
        let linked = self.linked(entry, name);
        let address = optional_text(entry, "address");
        let (created, updated) = self.times(entry);
        let nickname = optional_text(entry, "nickname");
        Ok(BackupPersona { public, secret, local_key, words, nickname, linked, address, created, updated })
    }

    fn try_words(&mut self, record: &Words, public: &PublicKey) -> Result<Persona, WhyLeftOut> {
        if self.words_tried == MAX_WORDS {
            return Err(WhyLeftOut::TooManyWords);
        }
        self.words_tried += 1;
        let persona = Persona::from_words_at(&record.words, "", &record.path);
        persona.ok().filter(|persona| persona.key.public() == *public).ok_or(WhyLeftOut::OtherWords)
    }

    fn linked(&mut self, entry: &Value, name: &str) -> Vec<Linked> {
        let links =
            member(entry, "linkedProfiles").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let mut linked = Vec::new();
        for link in links {
            let pair = link.as_array().map(Vec::as_slice).unwrap_or_default();
            let profile = pair.first().and_then(as_text).and_then(|profile| profile.parse().ok());
            let state = pair.get(1).and_then(|details| optional_text(details, "connectionConfirmState"));
            match profile {
                Some(profile) => linked.push(Linked { profile, confirmation: state.unwrap_or_default() }),
                None => self.leave_out(name, WhyLeftOut::Link),
            }
        }
        linked
    }

    fn profile(&mut self, entry: &Value) -> Result<BackupProfile, WhyLeftOut> {
        let id: ProfileId = identifier(entry)?;
        let persona = member(entry, "linkedPersona").map(|persona| {
            let text = as_text(persona).ok_or(WhyLeftOut::Member("linkedPersona"))?;
            text.parse::<PersonaId>().map(|persona| persona.0).map_err(WhyLeftOut::Identifier)
        });
        let persona: Option<PublicKey> = persona.transpose()?;
        let (created, updated) = self.times(entry);
        let nickname = optional_text(entry, "nickname");
        Ok(BackupProfile { id, nickname, local_key: local_key(entry)?, persona, created, updated })
    }

    /// `None` for a post whose key is not in the backup, which is usual.
    fn post(&mut self, entry: &Value) -> Result<Option<BackupPost>, WhyLeftOut> {
        let Some(key) = member(entry, "postCryptoKey") else { return Ok(None) };
        let id: PostIvId = identifier(entry)?;
        let key = jwk::read_aes(key).map_err(WhyLeftOut::Key)?;
        let author = member(entry, "postBy").and_then(as_text).ok_or(WhyLeftOut::Member("postBy"))?;
        let author = author.parse().map_err(WhyLeftOut::Identifier)?;
        let public = optional_text(entry, "recipients").as_deref() == Some("everyone");
        Ok(Some(BackupPost { id, author, key, public, found: time(entry, "foundAt", self.saved) }))
    }

    fn times(&self, entry: &Value) -> (Timestamp, Timestamp) {
        let created = time(entry, "createdAt", self.saved);
        (created, time(entry, "updatedAt", created))
    }
}

fn identifier<T: std::str::FromStr<Err = IdError>>(entry: &Value) -> Result<T, WhyLeftOut> {
    let text = member(entry, "identifier").and_then(as_text).ok_or(WhyLeftOut::Member("identifier"))?;
    text.parse().map_err(WhyLeftOut::Identifier)
}

fn local_key(entry: &Value) -> Result<Option<LocalKey>, WhyLeftOut> {
    member(entry, "localKey").map(jwk::read_local).transpose().map_err(WhyLeftOut::Key)
}

fn read_words(record: &Value) -> Result<Words, WhyLeftOut> {
    let words = member(record, "words").and_then(as_text).ok_or(WhyLeftOut::Member("mnemonic"))?;
    let parameter = member(record, "parameter").unwrap_or(&Value::Nil);
    Ok(Words {
        words: Zeroizing::new(words.into_owned()),
        path: optional_text(parameter, "path").unwrap_or_else(|| PATH.to_owned()),
        with_password: member(parameter, "withPassword").and_then(Value::as_bool).unwrap_or_default(),
    })
}

fn optional_text(entry: &Value, name: &str) -> Option<String> {
    member(entry, name).and_then(as_text).map(|text| text.into_owned())
}

fn time(entry: &Value, name: &str, otherwise: Timestamp) -> Timestamp {
    let milliseconds = member(entry, name).and_then(Value::as_f64);
    milliseconds.map_or(otherwise, |milliseconds| Timestamp(milliseconds as u64))
}

fn count(root: &Value, section: &str) -> usize {
    match member(root, section) {
        Some(Value::Array(entries)) => entries.len(),
        Some(Value::Map(entries)) => entries.len(),
        _ => 0,
    }
}

#[cfg(test)]
mod tests;
