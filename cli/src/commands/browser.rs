use std::path::Path;

use bauta_bridge::{Browser as Kind, Family, Place as Reader, Platform, profile_manifest};
use bauta_ipc::{Exit, RpcError, codes};
use comfy_table::Table;
use serde::Serialize;

use crate::args::{Browser, Selection};
use crate::browsers::{
    Condition, HostError, Scope, Spot, find_host, guarded, inspect, is_program, remove, roots, spots, write,
};
use crate::{Context, Output, shell_word};

/// `bauta browser …`
pub(super) fn run(command: Browser, context: &Context) -> Result<Exit, RpcError> {
    match command {
        Browser::Install { selection, host, dry_run, platform } => {
            let here = here()?;
            let platform = platform.unwrap_or(here);
            if dry_run {
                let host = if platform == here { Some(find_host(host.as_deref())) } else { None };
                return plan(&selection, platform, host, &context.out);
            }
            if platform != here {
                let message =
                    format!("Manifests for {} can only be shown from {}.", platform.title(), here.title());
                return Err(RpcError::new(&codes::USAGE, message).hint("Add --dry-run."));
            }
            let mut host = find_host(host.as_deref())?;
            if selection.place.system {
                host = guarded(host)?;
            }
            install(&selection, &host, &context.out)
        }
        Browser::List { selection } => list(&selection, &context.out),
        Browser::Remove { selection, dry_run } => uninstall(&selection, dry_run, &context.out),
    }
}

/// A spot as `--json` shows it.
#[derive(Serialize)]
struct Row {
    /// What the browsers are called on the command line.
    browsers: Vec<&'static str>,
    title: String,
    scope: &'static str,
    path: String,
    #[serde(flatten)]
    what: What,
}

/// What happened, or would happen, to a manifest; or how it stands.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
enum What {
    Written,
    Removed,
    Current,
    WouldWrite,
    WouldRemove,
    /// Of another platform: nobody can say from here.
    Planned,
    Missing,
    /// The browser is not there.
    NotFound,
    /// Another browser reads the same file.
    Shared {
        with: String,
    },
    /// It names another host, or was written by another version.
    Differs {
        host: String,
    },
    HostMissing {
        host: String,
    },
    Foreign {
        host: String,
    },
    Damaged,
    Unreadable {
        reason: String,
    },
}

impl What {
    fn words(&self) -> String {
        match self {
            Self::Written => "written".to_owned(),
            Self::Removed => "removed".to_owned(),
            Self::Current => "installed".to_owned(),
            Self::WouldWrite => "would be written".to_owned(),
            Self::WouldRemove => "would be removed".to_owned(),
            Self::Planned => String::new(),
            Self::Missing => "not installed".to_owned(),
            Self::NotFound => "browser not found".to_owned(),
            Self::Shared { with } => format!("left, because {with} reads it, too"),
            Self::Differs { host } => format!("installed, for {host}"),
            Self::HostMissing { host } => format!("installed, but {host} is no program"),
            Self::Foreign { .. } => "left, because Bauta did not write it".to_owned(),
            Self::Damaged => "damaged".to_owned(),
            Self::Unreadable { reason } => format!("cannot be read: {reason}"),
        }
    }
}

fn row(spot: &Spot, scope: Scope, what: What) -> Row {
    Row {
        browsers: spot.names(),
        title: spot.title(),
        scope: scope.name(),
        path: spot.path.display().to_string(),
        what,
    }
}

/// Shows where manifests belong; a host that is not there changes nothing of that.
fn plan(
    selection: &Selection,
    platform: Platform,
    host: Option<Result<std::path::PathBuf, HostError>>,
    out: &Output,
) -> Result<Exit, RpcError> {
    let scope = scope(selection);
    let host = match host {
        None => None,
        Some(Ok(host)) => Some(host),
        Some(Err(error)) => {
            let error = RpcError::from(error);
            out.note(&format!("{} {}", error.message, error.hint));
            None
        }
    };
    let rows: Vec<Row> = selected(selection, platform)?
        .iter()
        .map(|spot| {
            let what = match (platform == here()?, spot.found()) {
                (false, _) => What::Planned,
                (true, None) => What::NotFound,
                (true, Some(_)) => match (standing(spot, host.as_deref()), &host) {
                    (What::Current, Some(_)) => What::Current,
                    (what @ (What::Foreign { .. } | What::Unreadable { .. }), _) => what,
                    _ => What::WouldWrite,
                },
            };
            Ok(row(spot, scope, what))
        })
        .collect::<Result<_, RpcError>>()?;
    out.show(&rows, |rows| table(rows))?;
    Ok(Exit::Ok)
}

fn install(selection: &Selection, host: &Path, out: &Output) -> Result<Exit, RpcError> {
    let scope = scope(selection);
    let (mut rows, mut confined) = (Vec::new(), Vec::new());
    for spot in selected(selection, here()?)? {
        let Some(found) = spot.found() else {
            if !selection.browsers.is_empty() {
                rows.push(row(&spot, scope, What::NotFound));
            }
            continue;
        };
        let what = match inspect(&spot) {
            Condition::Foreign(manifest) => What::Foreign { host: shown(&manifest.host) },
            _ if write(&spot, host)? => What::Written,
            _ => What::Current,
        };
        if found.sandbox().is_some() && found.family() == Family::Chromium {
            confined.push(found.title());
        }
        rows.push(row(&found, scope, what));
    }
    let is_installed = |row: &Row| matches!(row.what, What::Written | What::Current);
    if !rows.iter().any(|row| is_installed(row) || matches!(row.what, What::Foreign { .. })) {
        return Err(none_found(selection));
    }
    out.show(&rows, |rows| table(rows))?;
    for title in confined {
        out.note(&format!("{title} runs in a sandbox, in which the host may not start."));
    }
    let refused: Vec<&Row> = rows.iter().filter(|row| matches!(row.what, What::Foreign { .. })).collect();
    for row in &refused {
        out.note(&format!("To replace it, remove it first: rm {}", shell_word(&row.path)));
    }
    Ok(if refused.is_empty() { Exit::Ok } else { Exit::User })
}

/// Which browsers were looked for in vain, and where.
fn none_found(selection: &Selection) -> RpcError {
    let looked = selected(selection, here().unwrap_or(Platform::Linux)).unwrap_or_default();
    let signs: Vec<String> = looked
        .iter()
        .flat_map(|spot| &spot.readers)
        .filter(|reader| selection.browsers.contains(&reader.browser))
        .flat_map(|reader| &reader.signs)
        .map(|sign| sign.display().to_string())
        .collect();
    let message = if selection.browsers.is_empty() {
        "No browser was found: this user has none of their directories.".to_owned()
    } else {
        let titles: Vec<&str> = selection.browsers.iter().map(|browser| browser.title()).collect();
        format!("{} was not found: this user has no {}.", titles.join(", "), signs.join(", no "))
    };
    RpcError::new(&codes::FILE_FAILED, message)
        .hint("Start the browser once, or name its directory: bauta browser install --dir DIR")
}

fn list(selection: &Selection, out: &Output) -> Result<Exit, RpcError> {
    let host = find_host(None).ok();
    let scopes: &[Scope] = match (&selection.place.dir, selection.place.system) {
        (Some(_), _) => &[Scope::User],
        (None, true) => &[Scope::System],
        (None, false) => &[Scope::User, Scope::System],
    };
    let mut rows = Vec::new();
    for scope in scopes {
        for spot in selected_in(selection, here()?, *scope)? {
            let what = standing(&spot, host.as_deref());
            // The system's are listed where they are, and the user's where the browser is.
            match (spot.found(), &what, scope) {
                (Some(found), What::Missing, Scope::User) => rows.push(row(&found, *scope, what)),
                (None, What::Missing, Scope::User) if !selection.browsers.is_empty() => {
                    rows.push(row(&spot, *scope, What::NotFound));
                }
                (_, What::Missing, Scope::System) if selection.place.system => {
                    rows.push(row(&spot, *scope, what));
                }
                (_, What::Missing, _) => {}
                (found, _, _) => rows.push(row(found.as_ref().unwrap_or(&spot), *scope, what)),
            }
        }
    }
    out.show(&rows, |rows| table(rows))?;
    if rows.is_empty() && !out.is_json() {
        out.note("No browser was found.");
    }
    Ok(Exit::Ok)
}

fn uninstall(selection: &Selection, dry_run: bool, out: &Output) -> Result<Exit, RpcError> {
    let scope = scope(selection);
    let mut rows = Vec::new();
    for spot in selected(selection, here()?)? {
        let what = match inspect(&spot) {
            Condition::Missing => continue,
            Condition::Unreadable(error) => What::Unreadable { reason: error.to_string() },
            Condition::Damaged => What::Damaged,
            Condition::Foreign(manifest) => What::Foreign { host: shown(&manifest.host) },
            Condition::Ours { .. } => match other_readers(&spot, &selection.browsers) {
                Some(with) => What::Shared { with },
                None if dry_run => What::WouldRemove,
                None => {
                    remove(&spot)?;
                    What::Removed
                }
            },
        };
        rows.push(row(spot.found().as_ref().unwrap_or(&spot), scope, what));
    }
    out.show(&rows, |rows| table(rows))?;
    if rows.is_empty() && !out.is_json() {
        out.note("There is nothing to remove.");
    }
    let is_gone = |row: &Row| matches!(row.what, What::Removed | What::WouldRemove);
    Ok(if rows.iter().all(is_gone) { Exit::Ok } else { Exit::User })
}

/// Who reads a manifest, but was not named.
fn other_readers(spot: &Spot, named: &[Kind]) -> Option<String> {
    if named.is_empty() {
        return None;
    }
    let mut others = spot.found()?;
    others.readers.retain(|reader: &Reader| !named.contains(&reader.browser));
    (!others.readers.is_empty()).then(|| others.title())
}

/// How a manifest stands, seen from this version and its host.
fn standing(spot: &Spot, host: Option<&Path>) -> What {
    match inspect(spot) {
        Condition::Missing => What::Missing,
        Condition::Unreadable(error) => What::Unreadable { reason: error.to_string() },
        Condition::Damaged => What::Damaged,
        Condition::Foreign(manifest) => What::Foreign { host: shown(&manifest.host) },
        Condition::Ours { manifest, .. } if !is_program(&manifest.host) => {
            What::HostMissing { host: shown(&manifest.host) }
        }
        Condition::Ours { manifest, .. } if !manifest.is_usable || !manifest.allows_extensions => {
            What::Differs { host: shown(&manifest.host) }
        }
        Condition::Ours { manifest, .. } => match host {
            Some(host) if host != manifest.host => What::Differs { host: shown(&manifest.host) },
            _ => What::Current,
        },
    }
}

fn shown(path: &Path) -> String {
    crate::printable(&path.display().to_string())
}

fn scope(selection: &Selection) -> Scope {
    if selection.place.system { Scope::System } else { Scope::User }
}

fn selected(selection: &Selection, platform: Platform) -> Result<Vec<Spot>, RpcError> {
    selected_in(selection, platform, scope(selection))
}

fn selected_in(selection: &Selection, platform: Platform, scope: Scope) -> Result<Vec<Spot>, RpcError> {
    if let Some(dir) = &selection.place.dir {
        let dir = std::path::absolute(dir).map_err(|error| {
            RpcError::new(&codes::USAGE, format!("{} cannot be used: {error}.", dir.display()))
        })?;
        let path = profile_manifest(&dir);
        let title = Kind::Chromium.title();
        let reader =
            Reader { browser: Kind::Chromium, title, path: path.clone(), signs: Vec::new(), sandbox: None };
        return Ok(vec![Spot { path, readers: vec![reader] }]);
    }
    let mut spots = spots(platform, scope, &roots()?);
    for browser in &selection.browsers {
        if !spots.iter().any(|spot| spot.is_read_by(&[*browser])) {
            let whose = match scope {
                Scope::User => "a user's manifests",
                Scope::System => "the system's manifests",
            };
            let message =
                format!("Where {} looks for {whose} on {} is not known.", browser.title(), platform.title());
            return Err(RpcError::new(&codes::USAGE, message).hint("Leave it out."));
        }
    }
    spots.retain(|spot| spot.is_read_by(&selection.browsers));
    Ok(spots)
}

/// The system this program runs on, when it can write manifests there.
fn here() -> Result<Platform, RpcError> {
    match Platform::HERE {
        Some(platform @ (Platform::Linux | Platform::Macos)) => Ok(platform),
        _ => Err(RpcError::new(&codes::USAGE, "On this system manifests cannot be written.").hint("")),
    }
}

fn table(rows: &[Row]) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let mut table = Table::new();
    table.load_preset(comfy_table::presets::NOTHING);
    table.set_header(["BROWSER", "MANIFEST", "STATE"]);
    for row in rows {
        table.add_row([row.title.clone(), crate::printable(&row.path), row.what.words()]);
    }
    table.lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>().join("\n")
}
