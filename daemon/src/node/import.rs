//! Personas from Mask: recovery words, keys, and whole backups; and back.

use async_trait::async_trait;
use bauta_ipc::limits::PAGE_BYTES;
use bauta_ipc::{
    BackUpHome, BackedUpHome, BackupApi, BackupPage, BackupPassphrase, ChangeBackupPassphrase,
    ImportPersonas, ImportSource, Imported, ImportedPersona, LeftOut, MakeBackup, RpcError, Secret, codes,
    shorten,
};
use bauta_protocol::error::{HasKind, Kind};
use bauta_protocol::id::PersonaKey;
use bauta_protocol::mask::{
    Backup, BackupPersona, BackupPost, BackupProfile, BackupReadError, ExportError, Linked, OpenError,
    Persona, PersonaError, PersonaId, PublicKey, SecretKey, without_byte_order_mark,
};
use bauta_protocol::time::Timestamp;
use data_encoding::{BASE64, HEXLOWER_PERMISSIVE};
use zeroize::Zeroizing;

use super::Node;
use super::key::{NewKey, address, make};
use crate::random;
use crate::store::{
    self, KeyOrigin, PersonaRow, PostKeyRow, ProfileRow, ProfileSource, Recovery, StoreError, Tx,
};

/// Bytes of one page of a backup. In base64 they fit a frame of 1 MiB.
const PAGE_LEN: usize = 640 * 1024;
/// Bytes of an entry without its long texts, at most.
const ENTRY_LEN: usize = 1500;
/// Bytes of a link from a persona to a profile, without the profile's name.
const LINK_LEN: usize = 48;
/// Characters of a nickname that are kept.
const NICKNAME: usize = 256;
/// The extension's word for a link that both sides know of.
const CONFIRMED: &str = "confirmed";
/// What to do about a backup of a later version: saving it again would give the same.
const NEWER: &str = "Import it with a newer Bauta.";
/// Who wrote a post whose author nobody named.
const NOBODY: (&str, &str) = ("localhost", "$unknown");

/// What was read, before anything is kept.
struct Taken {
    backup: Backup,
    /// The caller's name for the only persona.
    name: Option<String>,
    left_out: Vec<LeftOut>,
}

#[async_trait]
impl BackupApi for Node {
    async fn persona_import(&self, params: ImportPersonas) -> Result<Imported, RpcError> {
        let now = self.shared.time.now();
        // Deriving keys takes a while for each persona.
        let reading = tokio::task::spawn_blocking(move || read(params, now));
        let taken = reading
            .await
            .map_err(|_| RpcError::new(&codes::INTERNAL, "Reading the personas came to a sudden end."))??;
        let (mut imported, fresh) = self.shared.store.run(move |tx| keep(tx, taken, now)).await?;
        for id in fresh {
            self.start_persona(id);
        }
        // All of it is done, so the answer must get through, even where it cannot say everything.
        imported.unlisted = shorten(&mut imported.personas, PAGE_BYTES / 2)
            .saturating_add(shorten(&mut imported.left_out, PAGE_BYTES / 2));
        Ok(imported)
    }

    async fn home_backup(&self, params: BackUpHome) -> Result<BackedUpHome, RpcError> {
        self.back_up(params).await
    }

    async fn backup_passphrase(&self, params: ChangeBackupPassphrase) -> Result<BackupPassphrase, RpcError> {
        self.passphrase_of_backups(params).await
    }

    async fn persona_backup(&self, params: MakeBackup) -> Result<BackupPage, RpcError> {
        let now = self.shared.time.now();
        if params.password.reveal().is_empty() {
            return Err(
                RpcError::new(&codes::BACKUP_PASSWORD, "A backup needs a password.").hint("Choose one.")
            );
        }
        let after = usize::try_from(params.after.unwrap_or(0)).unwrap_or(usize::MAX);
        let (page, next) = self.shared.store.run(move |tx| page(tx, after)).await?;
        let file = page
            .to_file(params.password.reveal(), now, &mut random::rng())
            .map_err(|error| export_failed(&error))?;
        Ok(BackupPage {
            file: Secret::new(BASE64.encode(&file)),
            next: next.and_then(|next| u64::try_from(next).ok()),
        })
    }
}

fn export_failed(error: &ExportError) -> RpcError {
    RpcError::of(&codes::INTERNAL, error)
}

fn read(params: ImportPersonas, now: Timestamp) -> Result<Taken, RpcError> {
    let persona = match params.source {
        ImportSource::Words { words } => Persona::from_words(words.reveal(), ""),
        ImportSource::Key { key } => match hex_key(key.reveal()) {
            Some(key) => Ok(Persona { key, local_key: None, words: None }),
            None => Persona::from_key_string(key.reveal()),
        },
        ImportSource::Jwk { jwk } => Persona::from_jwk(jwk.reveal()),
        ImportSource::Backup { file, password } => return read_backup(&file, &password, params.name),
    };
    let persona = persona.map_err(|error| unreadable(&error))?;
    let entry = BackupPersona {
        public: persona.key.public(),
        secret: Some(persona.key),
        local_key: persona.local_key,
        words: persona.words,
        nickname: None,
        linked: Vec::new(),
        address: None,
        created: now,
        updated: now,
    };
    let backup = Backup { personas: vec![entry], ..Backup::default() };
    Ok(Taken { backup, name: params.name, left_out: Vec::new() })
}

/// A secret key in the form of `persona.export`.
fn hex_key(text: &str) -> Option<SecretKey> {
    let text = without_byte_order_mark(text).trim();
    let bytes =
        Zeroizing::new(HEXLOWER_PERMISSIVE.decode(text.strip_prefix("0x").unwrap_or(text).as_bytes()).ok()?);
    SecretKey::from_bytes(bytes.as_slice().try_into().ok()?).ok()
}

fn unreadable(error: &PersonaError) -> RpcError {
    let code = if error.kind() == Kind::Internal { &codes::INTERNAL } else { &codes::PERSONA_SECRET };
    RpcError::of(code, error)
}

fn read_backup(file: &Secret, password: &Secret, name: Option<String>) -> Result<Taken, RpcError> {
    let file = BASE64
        .decode(file.reveal().as_bytes())
        .map_err(|_| RpcError::new(&codes::REQUEST_PARAMS, "The file is not base64."))?;
    let (backup, report) = Backup::open(&file, password.reveal()).map_err(|error| unopened(&error))?;
    let own = backup.personas.iter().filter(|persona| persona.secret.is_some()).count();
    if name.is_some() && own != 1 {
        let message = format!("The backup holds {own} personas of your own, so one name does not fit.");
        return Err(RpcError::new(&codes::NAME_INVALID, message).hint("Leave the name out."));
    }
    let entries =
        report.left_out.into_iter().map(|entry| LeftOut { what: entry.what, why: entry.why.to_string() });
    let unused = report.unused.into_iter().map(|(section, count)| LeftOut {
        what: format!("{section}: {count}"),
        why: "nothing here uses them".to_owned(),
    });
    let left_out = entries.chain(unused).collect();
    Ok(Taken { backup, name, left_out })
}

/// Why a backup file does not open, for people.
fn unopened(error: &OpenError) -> RpcError {
    let code = match error {
        OpenError::WrongPassword => &codes::BACKUP_PASSWORD,
        OpenError::Read(BackupReadError::Old | BackupReadError::UnknownVersion(_)) => &codes::BACKUP_VERSION,
        _ => &codes::BACKUP_INVALID,
    };
    let refused = RpcError::of(code, error);
    match error {
        OpenError::Read(BackupReadError::UnknownVersion(_)) => refused.hint(NEWER),
        _ => refused,
    }
}

/// Stores what was imported; returns the personas that are new.
fn keep(tx: &Tx<'_>, taken: Taken, now: Timestamp) -> Result<(Imported, Vec<store::PersonaId>), RpcError> {
    let Taken { backup, name, left_out } = taken;
    let mut imported = Imported { personas: Vec::new(), profiles: 0, post_keys: 0, left_out, unlisted: 0 };
    let mut fresh = Vec::new();
    for persona in backup.personas {
        let key = PersonaKey::from(&persona.public);
        for linked in &persona.linked {
            let row = ProfileRow {
                profile: linked.profile.clone(),
                persona: key,
                nickname: None,
                source: ProfileSource::Backup,
                learned_at: now,
            };
            keep_profile(tx, row, &mut imported)?;
        }
        let Some(secret) = persona.secret else {
            if persona.linked.is_empty() {
                let what = format!("personas: {}", PersonaId(persona.public));
                let why = format!("it is someone else's and no profile leads to it; add {key} as a contact");
                imported.left_out.push(LeftOut { what, why });
            }
            continue;
        };
        let (row, new) = match tx.persona_of(&key)? {
            Some(row) => (row, false),
            None => {
                let wanted = match &name {
                    Some(name) => name.clone(),
                    None => free_name(tx, persona.nickname.as_deref(), &key)?,
                };
                (make(tx, &wanted, NewKey::new(&secret, Recovery::default()), false, now)?, true)
            }
        };
        tx.add_recovery(row.id, &Recovery { words: persona.words, local_key: persona.local_key })?;
        if new {
            fresh.push(row.id);
        }
        imported.personas.push(ImportedPersona {
            address: address(tx, &row)?.to_string(),
            public_key: row.public.to_string(),
            new,
            has_words: tx.recovery(row.id)?.words.is_some(),
            name: row.name,
        });
    }
    for profile in backup.profiles {
        let Some(persona) = profile.persona else { continue };
        let row = ProfileRow {
            profile: profile.id,
            persona: PersonaKey::from(&persona),
            nickname: profile.nickname.map(|name| name.chars().take(NICKNAME).collect()),
            source: ProfileSource::Backup,
            learned_at: now,
        };
        keep_profile(tx, row, &mut imported)?;
    }
    for post in backup.posts {
        let author = (!post.author.is_nobody()).then_some(post.author);
        let row = PostKeyRow {
            persona: None,
            id: post.id,
            digest: None,
            key: post.key,
            author,
            public: post.public,
            origin: KeyOrigin::Imported,
            site: None,
            found_at: post.found,
        };
        imported.post_keys += u64::from(tx.put_post_key(&row)?);
    }
    Ok((imported, fresh))
}

/// A profile whose key is known already as another one keeps it: a backup may be older than what was learned since.
fn keep_profile(tx: &Tx<'_>, row: ProfileRow, imported: &mut Imported) -> Result<(), StoreError> {
    match tx.profile(&row.profile)? {
        Some(known) if known.persona != row.persona => imported.left_out.push(LeftOut {
            what: format!("profiles: {}", row.profile),
            why: "another key is known here for this profile; set it by hand if the backup is right"
                .to_owned(),
        }),
        Some(known) if known.nickname.is_some() || row.nickname.is_none() => {}
        Some(known) => tx.put_profile(&ProfileRow { nickname: row.nickname, ..known })?,
        None => {
            tx.put_profile(&row)?;
            imported.profiles += 1;
        }
    }
    Ok(())
}

/// The nickname or the first digits of the key, with a number behind where a persona has that name.
fn free_name(tx: &Tx<'_>, nickname: Option<&str>, key: &PersonaKey) -> Result<String, StoreError> {
    let printable: String =
        nickname.unwrap_or_default().chars().filter(|c| !c.is_control()).take(56).collect();
    let base = match printable.trim() {
        "" => key.to_string().chars().take(8).collect(),
        name => name.to_owned(),
    };
    let mut name = base.clone();
    let mut number = 2_u32;
    while tx.persona_named(&name)?.is_some() {
        name = format!("{base} {number}");
        number = number.saturating_add(1);
    }
    Ok(name)
}

/// One page of everything that a backup holds, and where the next begins: personas first, then profiles and posts.
fn page(tx: &Tx<'_>, after: usize) -> Result<(Backup, Option<usize>), RpcError> {
    let (personas, profiles, posts) = (tx.personas()?, tx.profiles()?, tx.post_keys()?);
    let first_post = personas.len().saturating_add(profiles.len());
    let all = first_post.saturating_add(posts.len());
    let (mut backup, mut left) = (Backup::default(), PAGE_LEN);
    for place in after..all {
        let at = |first: usize| place.checked_sub(first);
        let persona = personas.get(place).map(|row| own_persona(tx, row, &profiles)).transpose()?;
        let known = at(personas.len()).and_then(|place| profiles.get(place));
        let post_key = at(first_post).and_then(|place| posts.get(place));
        let texts = persona.as_ref().map_or(0, |persona| persona.linked.iter().map(linked_len).sum())
            + known.map_or(0, profile_len);
        let length = texts.saturating_add(ENTRY_LEN);
        if length > left && place > after {
            return Ok((backup, Some(place)));
        }
        left = left.saturating_sub(length);
        backup.personas.extend(persona);
        backup.profiles.extend(known.map(profile).transpose()?);
        backup.posts.extend(post_key.map(post).transpose()?);
    }
    Ok((backup, None))
}

/// The texts of a profile, which may be long, in bytes.
fn profile_len(row: &ProfileRow) -> usize {
    row.profile.to_string().len().saturating_add(row.nickname.as_deref().map_or(0, str::len))
}

fn linked_len(linked: &Linked) -> usize {
    linked.profile.to_string().len().saturating_add(LINK_LEN)
}

/// With as many of its profiles as leave room in the page; each of the others names the persona itself.
fn own_persona(tx: &Tx<'_>, row: &PersonaRow, profiles: &[ProfileRow]) -> Result<BackupPersona, RpcError> {
    let mut room = PAGE_LEN / 2;
    let secret = SecretKey::from(&row.secret);
    let Recovery { words, local_key } = tx.recovery(row.id)?;
    let linked = profiles
        .iter()
        .filter(|profile| profile.persona == row.public)
        .map(|row| Linked { profile: row.profile.clone(), confirmation: CONFIRMED.to_owned() })
        .take_while(|linked| {
            let length = linked_len(linked);
            let fits = length <= room;
            room = room.saturating_sub(length);
            fits
        });
    Ok(BackupPersona {
        public: secret.public(),
        secret: Some(secret),
        local_key,
        words,
        nickname: Some(row.name.clone()),
        linked: linked.collect(),
        address: None,
        created: row.created_at,
        updated: row.created_at,
    })
}

fn profile(row: &ProfileRow) -> Result<BackupProfile, StoreError> {
    let persona =
        PublicKey::from_sec1(row.persona.as_bytes()).map_err(|_| StoreError::Damaged("a profile"))?;
    Ok(BackupProfile {
        id: row.profile.clone(),
        nickname: row.nickname.clone(),
        local_key: None,
        persona: Some(persona),
        created: row.learned_at,
        updated: row.learned_at,
    })
}

fn post(row: &PostKeyRow) -> Result<BackupPost, StoreError> {
    let (network, user) = NOBODY;
    let author = match &row.author {
        Some(author) => author.clone(),
        None => {
            bauta_protocol::mask::ProfileId::new(network, user).map_err(|_| StoreError::Damaged("a post"))?
        }
    };
    Ok(BackupPost {
        id: row.id.clone(),
        author,
        key: row.key.clone(),
        public: row.public,
        found: row.found_at,
    })
}
