//! `bauta persona import` and `bauta persona export`

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use bauta_ipc::methods::{PersonaBackup, PersonaExport, PersonaImport};
use bauta_ipc::{
    Client, ExportedPersona, ImportPersonas, ImportSource, Imported, MakeBackup, PersonaRef, RpcError,
    Secret, codes, file_code,
};
use bauta_protocol::error::{HasKind, Kind};
use bauta_protocol::mask::{Backup, BackupPersona, BackupReadError, OpenError, limits};
use clap::Args;
use data_encoding::BASE64;
use getrandom::SysRng;
use rand_core::UnwrapErr;
use serde::Serialize;
use zeroize::Zeroizing;

use super::parts::{WHOLE, parts};
use crate::{Output, first_line_of, now, printable, prompt, secret_input, shell_word, unreadable};

#[derive(Args, Debug)]
pub(crate) struct ImportArgs {
    /// Name of the persona [default: its name in the backup, or the first digits of its key]
    name: Option<String>,
    #[command(flatten)]
    from: ImportFrom,
    /// Read the backup's password from the first line of this file; "-" is standard input
    #[arg(long, value_name = "FILE", requires = "backup")]
    password_file: Option<PathBuf>,
}

#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
struct ImportFrom {
    /// Import recovery words, 12 to 24
    #[arg(long)]
    words: bool,
    /// Import a secret key, as Mask shows it or as 64 hex digits
    #[arg(long)]
    key: bool,
    /// Import a JSON Web Key
    #[arg(long)]
    jwk: bool,
    /// Import Mask's encrypted backup, with all its personas, profiles and post keys
    #[arg(long, value_name = "FILE")]
    backup: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub(crate) struct ExportArgs {
    /// Name of the persona
    #[arg(required_unless_present = "backup", conflicts_with = "backup")]
    name: Option<String>,
    /// Print the key as Mask imports it
    #[arg(long, requires = "name", conflicts_with = "words")]
    mask: bool,
    /// Print the recovery words
    #[arg(long, requires = "name")]
    words: bool,
    /// Write all personas, profiles and post keys into this new file, encrypted, as Mask's extension reads it
    #[arg(long, value_name = "FILE")]
    backup: Option<PathBuf>,
    /// Read the backup's password from the first line of this file; "-" is standard input
    #[arg(long, value_name = "FILE", requires = "backup")]
    password_file: Option<PathBuf>,
}

pub(super) async fn import(args: ImportArgs, client: &Client, out: &Output) -> Result<(), RpcError> {
    let ImportArgs { name, from, password_file } = args;
    let imported = match from.backup {
        Some(path) => {
            let file = read_backup(&path)?;
            let password = password_of(&file, password_file.as_deref())?;
            import_backup(client, name, &file, &password).await?
        }
        None => {
            let source = if from.words {
                let words = secret_input("Recovery words: ")?;
                ImportSource::Words { words: Secret::new(words.to_string()) }
            } else if from.key {
                let key = secret_input("Secret key: ")?;
                ImportSource::Key { key: Secret::new(key.to_string()) }
            } else {
                let jwk = secret_input("JSON Web Key: ")?;
                ImportSource::Jwk { jwk: Secret::new(jwk.to_string()) }
            };
            client.call::<PersonaImport>(&ImportPersonas { source, name }).await?
        }
    };
    out.show(&imported, describe)?;
    for entry in imported.left_out.iter().filter(|_| !out.is_json()) {
        out.note(&format!("Not imported: {}: {}.", printable(&entry.what), printable(&entry.why)));
    }
    if imported.unlisted > 0 && !out.is_json() {
        out.note(&format!(
            "{} more lines are not shown. All personas: bauta persona list",
            imported.unlisted
        ));
    }
    Ok(())
}

/// Nobody is asked for the password of a plain file, which has none, or of what no password opens.
fn password_of(file: &[u8], password_file: Option<&Path>) -> Result<Zeroizing<String>, RpcError> {
    match password_file {
        Some(path) => first_line_of(path),
        None if Backup::is_plain(file) => Ok(Zeroizing::default()),
        None => match Backup::open(file, "") {
            Ok(_) => Ok(Zeroizing::default()),
            Err(OpenError::WrongPassword) => {
                prompt("Password of the backup: ", "Use --password-file FILE, or - for standard input.")
            }
            Err(error) => Err(unreadable_backup(&error)),
        },
    }
}

fn read_backup(path: &Path) -> Result<Zeroizing<Vec<u8>>, RpcError> {
    let failed = |error: io::Error| unreadable(&path.display().to_string(), &error);
    let mut file = Zeroizing::new(Vec::new());
    let longest = limits::MAX_BACKUP as u64;
    File::open(path).map_err(failed)?.take(longest + 1).read_to_end(&mut file).map_err(failed)?;
    Ok(file)
}

/// As a whole where the file fits into a frame; otherwise in parts, the personas first.
async fn import_backup(
    client: &Client,
    name: Option<String>,
    file: &[u8],
    password: &str,
) -> Result<Imported, RpcError> {
    let source = |file: &[u8]| ImportSource::Backup {
        file: Secret::new(BASE64.encode(file)),
        password: Secret::new(password.to_owned()),
    };
    if file.len() <= WHOLE {
        return client.call::<PersonaImport>(&ImportPersonas { source: source(file), name }).await;
    }
    let (backup, report) = Backup::open(file, password).map_err(|error| unreadable_backup(&error))?;
    let is_own = |persona: &BackupPersona| persona.secret.is_some();
    let own = backup.personas.iter().filter(|persona| is_own(persona)).count();
    if name.is_some() && own != 1 {
        let message = format!("The backup holds {own} personas of your own, so one name does not fit.");
        return Err(RpcError::new(&codes::NAME_INVALID, message).hint("Leave the name out."));
    }
    let mut all: Option<Imported> = None;
    for part in parts(backup)? {
        let source = source(&to_file(&part, password)?);
        let name = name.clone().filter(|_| part.personas.iter().any(is_own));
        let imported = client.call::<PersonaImport>(&ImportPersonas { source, name }).await?;
        match &mut all {
            None => all = Some(imported),
            Some(all) => {
                all.personas.extend(imported.personas);
                all.profiles += imported.profiles;
                all.post_keys += imported.post_keys;
                all.left_out.extend(imported.left_out);
                all.unlisted += imported.unlisted;
            }
        }
    }
    let mut all = all.ok_or_else(|| RpcError::new(&codes::INTERNAL, "A backup has no parts."))?;
    let left_out = report
        .left_out
        .into_iter()
        .map(|entry| bauta_ipc::LeftOut { what: entry.what, why: entry.why.to_string() });
    let unused = report.unused.into_iter().map(|(section, count)| bauta_ipc::LeftOut {
        what: format!("{section}: {count}"),
        why: "nothing here uses them".to_owned(),
    });
    all.left_out.splice(0..0, left_out.chain(unused));
    Ok(all)
}

/// As the daemon reports it for a file that fits into a frame.
fn unreadable_backup(error: &OpenError) -> RpcError {
    let code = match error.kind() {
        Kind::Locked => &codes::BACKUP_PASSWORD,
        Kind::Unsupported => &codes::BACKUP_VERSION,
        _ => &codes::BACKUP_INVALID,
    };
    let refused = RpcError::of(code, error);
    match error {
        OpenError::Read(BackupReadError::UnknownVersion(_)) => refused.hint("Import it with a newer Bauta."),
        _ => refused,
    }
}

fn to_file(backup: &Backup, password: &str) -> Result<Vec<u8>, RpcError> {
    backup
        .to_file(password, now(), &mut UnwrapErr(SysRng))
        .map_err(|error| RpcError::of(&codes::INTERNAL, &error))
}

fn describe(imported: &Imported) -> String {
    let mut lines: Vec<String> = imported
        .personas
        .iter()
        .map(|persona| {
            let news = if persona.new { "" } else { "  (already here)" };
            format!("{}  {}{news}", persona.public_key, printable(&persona.name))
        })
        .collect();
    let (profiles, posts) = (imported.profiles, imported.post_keys);
    if profiles > 0 || posts > 0 || lines.is_empty() {
        lines.push(format!(
            "{} personas, {profiles} profiles, {posts} keys of posts",
            imported.personas.len()
        ));
    }
    lines.join("\n")
}

pub(super) async fn export(args: ExportArgs, client: &Client, out: &Output) -> Result<(), RpcError> {
    if let Some(path) = &args.backup {
        return export_backup(path, args.password_file.as_deref(), client, out).await;
    }
    let persona = args.name.unwrap_or_default();
    let exported = client.call::<PersonaExport>(&PersonaRef { persona }).await?;
    if args.words && exported.words.is_none() {
        let message = format!("{} was imported without recovery words.", printable(&exported.name));
        return Err(RpcError::new(&codes::PERSONA_SECRET, message).hint("Export its key: leave --words out."));
    }
    out.show(&exported, |exported: &ExportedPersona| {
        let secret = match &exported.words {
            Some(words) if args.words => words,
            _ if args.mask => &exported.mask_key,
            _ => &exported.secret_key,
        };
        secret.reveal().to_owned()
    })?;
    out.note("Anyone who has this can act as this persona. Keep it where nobody else reads it.");
    Ok(())
}

/// What `persona export --backup` prints.
#[derive(Serialize)]
struct Written {
    file: String,
    personas: usize,
    profiles: usize,
    post_keys: usize,
}

async fn export_backup(
    path: &Path,
    password_file: Option<&Path>,
    client: &Client,
    out: &Output,
) -> Result<(), RpcError> {
    let password = match password_file {
        Some(path) => first_line_of(path)?,
        None => ask_new_password()?,
    };
    let mut all = Backup::default();
    let mut after = None;
    loop {
        let params = MakeBackup { password: Secret::new(password.to_string()), after };
        let page = client.call::<PersonaBackup>(&params).await?;
        let file = BASE64
            .decode(page.file.reveal().as_bytes())
            .map_err(|_| RpcError::new(&codes::INTERNAL, "The daemon sent a backup that is not base64."))?;
        let (backup, _) = Backup::open(&file, &password).map_err(|error| unreadable_backup(&error))?;
        all.personas.extend(backup.personas);
        all.profiles.extend(backup.profiles);
        all.posts.extend(backup.posts);
        match page.next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    write_new(path, &checked_file(&all, &password)?)?;
    let written = Written {
        file: path.display().to_string(),
        personas: all.personas.len(),
        profiles: all.profiles.len(),
        post_keys: all.posts.len(),
    };
    out.show(&written, |written| {
        format!(
            "{}: {} personas, {} profiles, {} keys of posts",
            shell_word(&written.file),
            written.personas,
            written.profiles,
            written.post_keys
        )
    })?;
    out.note("Anyone who has this file and its password can act as these personas. Passwords can be tried without limit: use a long one.");
    Ok(())
}

/// The file of a backup, which was opened again: an import has bounds that a home may be past.
fn checked_file(all: &Backup, password: &str) -> Result<Vec<u8>, RpcError> {
    let file = to_file(all, password)?;
    let whole = Backup::open(&file, password).map(|(back, _)| {
        let counts = |backup: &Backup| (backup.personas.len(), backup.profiles.len(), backup.posts.len());
        counts(&back) == counts(all)
    });
    let why = match whole {
        Ok(true) => return Ok(file),
        Ok(false) => "not all of it would be read again".to_owned(),
        Err(error) => error.to_string(),
    };
    let message = format!("The backup could not be imported again, so it was not written: {why}.");
    Err(RpcError::new(&codes::BACKUP_INVALID, message)
        .hint("If it is too large, forget profiles that you do not need: bauta profile forget PROFILE"))
}

fn ask_new_password() -> Result<Zeroizing<String>, RpcError> {
    let otherwise = "Use --password-file FILE, or - for standard input.";
    let password = prompt("Password for the backup: ", otherwise)?;
    if *password != *prompt("The same again: ", otherwise)? {
        return Err(RpcError::new(&codes::BACKUP_PASSWORD, "The two passwords differ.").hint("Try again."));
    }
    Ok(password)
}

/// Creates a file that only this user can read, written whole or not at all.
fn write_new(path: &Path, bytes: &[u8]) -> Result<(), RpcError> {
    bauta_private_file::write_new(path, bytes).map_err(|error| {
        let code = file_code(&error, &codes::FILE_FAILED);
        RpcError::new(code, format!("{} cannot be written: {error}.", path.display()))
    })
}

#[cfg(test)]
mod tests {
    use bauta_protocol::mask::{BackupProfile, ProfileId};

    use super::super::super::tests::parse;
    use super::*;

    #[test]
    fn a_backup_that_could_not_be_read_again_is_not_written() {
        let profile = |number: usize| BackupProfile {
            id: ProfileId::new("twitter.com", &number.to_string()).unwrap(),
            nickname: None,
            local_key: None,
            persona: None,
            created: now(),
            updated: now(),
        };
        let of = |count: usize| Backup { profiles: (0..count).map(profile).collect(), ..Backup::default() };
        let file = checked_file(&of(10), "password").unwrap();
        assert_eq!(Backup::open(&file, "password").unwrap().0.profiles.len(), 10);
        let refused = checked_file(&of(limits::MAX_BACKUP_NODES / 7 + 1), "password").unwrap_err();
        assert!(refused.is(&codes::BACKUP_INVALID) && refused.hint.contains("profile forget"), "{refused:?}");
    }

    #[test]
    fn a_plain_backup_has_no_password_to_ask_for() {
        assert_eq!(password_of("\u{feff}{\"_meta_\": {}}".as_bytes(), None).unwrap().as_str(), "");
    }

    #[test]
    fn nobody_is_asked_for_the_password_of_what_is_no_backup() {
        let mut damaged = to_file(&Backup::default(), "secret").unwrap();
        let last = damaged.last_mut().unwrap();
        *last ^= 1;
        for file in [b"".as_slice(), b"\xff\xfe{\0", b"MASK-BACKUP-V000", b"PK\x03\x04", &damaged] {
            let refused = password_of(file, None).unwrap_err();
            assert!(refused.is(&codes::BACKUP_INVALID), "{refused:?}");
        }
        assert_eq!(password_of(&to_file(&Backup::default(), "").unwrap(), None).unwrap().as_str(), "");
    }

    #[test]
    fn an_export_is_of_one_or_of_all() {
        for good in
            ["export ann", "export ann --words", "export ann --mask", "export --backup f --password-file -"]
        {
            assert!(parse(&format!("persona {good}")).is_ok(), "{good}");
        }
        for bad in [
            "export",
            "export ann --backup f",
            "export --words",
            "export ann --words --mask",
            "import",
            "import --key --jwk",
        ] {
            assert!(parse(&format!("persona {bad}")).is_err(), "{bad}");
        }
    }
}
