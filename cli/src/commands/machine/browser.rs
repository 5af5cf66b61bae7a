//! `bauta browser`

mod row;

use std::path::{Path, PathBuf};

use bauta_bridge::{Browser, Family, Place, Platform, manifest_in};
use bauta_ipc::{Exit, RpcError, codes};
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand};

use self::row::{Row, What, row, shown, state, table};
use super::manifests::{
    Condition, HostError, Scope, Spot, find_host, guarded, inspect, remove, roots, spots, write,
};
use crate::{Context, Output, shell_word};

const TOR_BROWSER: &str = "tor-browser";

#[derive(Debug, Subcommand)]
pub(crate) enum BrowserCommand {
    /// Write the manifest for each browser that is found
    Install {
        #[command(flatten)]
        selection: Selection,
        /// Program that browsers start [default: bauta-bridge beside bauta, or on PATH]
        #[arg(long, value_name = "PATH")]
        host: Option<PathBuf>,
        /// Only print where manifests belong and what would be done
        #[arg(long)]
        dry_run: bool,
        /// Print the places of another system; only with --dry-run
        #[arg(long, value_name = "PLATFORM", value_parser = platforms(), conflicts_with = "dir")]
        platform: Option<Platform>,
    },
    /// List the manifests and their state
    List {
        #[command(flatten)]
        selection: Selection,
    },
    /// Remove the manifests that Bauta wrote
    Remove {
        #[command(flatten)]
        selection: Selection,
        /// Only print what would be removed
        #[arg(long)]
        dry_run: bool,
    },
}

/// Which manifests.
#[derive(Args, Clone, Debug)]
pub(crate) struct Selection {
    /// Browser, with all its channels; may be given several times [default: all that are found]
    #[arg(long = "browser", value_name = "NAME", value_parser = browsers())]
    browsers: Vec<Browser>,
    /// For all users of this machine; needs root
    #[arg(long)]
    system: bool,
    /// In this directory: the --user-data-dir of a browser of Chromium's family, or what a browser of Firefox's family
    /// has in place of ~/.mozilla
    #[arg(long, value_name = "DIR", conflicts_with_all = ["system", "browsers"])]
    dir: Option<PathBuf>,
}

fn browsers() -> impl TypedValueParser<Value = Browser> {
    let all = Browser::ALL;
    let names = all.map(Browser::name).into_iter().map(PossibleValue::new);
    // Its directory is wherever it was unpacked, and an extension of its own sets its user apart from all others.
    let tor = PossibleValue::new(TOR_BROWSER).hide(true);
    PossibleValuesParser::new(names.chain([tor])).try_map(move |name| {
        all.into_iter().find(|browser| browser.name() == name).ok_or(
            "Tor Browser gets no manifest: an extension tells its user apart from the other users of Tor Browser. \
             Use another browser. If you want it all the same, name the directory .mozilla in its directory \
             TorBrowser/Data/Browser with --dir",
        )
    })
}

fn platforms() -> impl TypedValueParser<Value = Platform> {
    PossibleValuesParser::new(Platform::ALL.map(Platform::name)).try_map(|name| {
        Platform::ALL.into_iter().find(|platform| platform.name() == name).ok_or("there is no such platform")
    })
}

pub(crate) fn run(command: BrowserCommand, context: &Context) -> Result<Exit, RpcError> {
    match command {
        BrowserCommand::Install { selection, host, dry_run, platform } => {
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
            if selection.system {
                host = guarded(host)?;
            }
            install(&selection, &host, &context.out)
        }
        BrowserCommand::List { selection } => list(&selection, &context.out),
        BrowserCommand::Remove { selection, dry_run } => uninstall(&selection, dry_run, &context.out),
    }
}

/// Prints where manifests belong. This does not depend on the host, so a missing one is only reported.
fn plan(
    selection: &Selection,
    platform: Platform,
    host: Option<Result<PathBuf, HostError>>,
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
                (true, Some(_)) => match (state(spot, host.as_deref()), &host) {
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
        // Firefox has the desktop start the host.
        let is_confined = |reader: &&Place| reader.sandbox.is_some() && reader.browser != Browser::Firefox;
        confined.extend(found.readers.iter().filter(is_confined).map(|reader| reader.title));
        rows.push(row(&found, scope, what));
    }
    let is_installed = |row: &Row| matches!(row.what, What::Written | What::Current);
    if !rows.iter().any(|row| is_installed(row) || matches!(row.what, What::Foreign { .. })) {
        return Err(none_found(selection));
    }
    out.show(&rows, |rows| table(rows))?;
    for title in confined {
        out.note(&format!(
            "{title} runs in a sandbox, which may keep the host from starting. If the extension does not connect, \
             use a browser from the distribution's or the vendor's packages."
        ));
    }
    let refused: Vec<&Row> = rows.iter().filter(|row| matches!(row.what, What::Foreign { .. })).collect();
    for row in &refused {
        out.note(&format!("To replace it, remove it first: rm {}", shell_word(&row.path)));
    }
    Ok(if refused.is_empty() { Exit::Ok } else { Exit::User })
}

/// The error that names the browsers and directories that were not found.
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
    RpcError::new(&codes::FILE_FAILED, message).hint(
        "Start the browser once, or name its directory: bauta browser install --dir DIR. \
             One from a Flatpak or Snap that is not listed cannot start programs of this machine",
    )
}

fn list(selection: &Selection, out: &Output) -> Result<Exit, RpcError> {
    let host = find_host(None).ok();
    let scopes: &[Scope] = match (&selection.dir, selection.system) {
        (Some(_), _) => &[Scope::User],
        (None, true) => &[Scope::System],
        (None, false) => &[Scope::User, Scope::System],
    };
    let mut rows = Vec::new();
    for scope in scopes {
        for spot in selected_in(selection, here()?, *scope)? {
            let what = state(&spot, host.as_deref());
            // The system's manifests are listed where they exist, the user's where the browser exists.
            match (spot.found(), &what, scope) {
                (Some(found), What::Missing, Scope::User) => rows.push(row(&found, *scope, what)),
                (None, What::Missing, Scope::User) if !selection.browsers.is_empty() => {
                    rows.push(row(&spot, *scope, What::NotFound));
                }
                (_, What::Missing, Scope::System) if selection.system => {
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

/// Other browsers that read a manifest, besides the named ones.
fn other_readers(spot: &Spot, named: &[Browser]) -> Option<String> {
    if named.is_empty() {
        return None;
    }
    let mut others = spot.found()?;
    others.readers.retain(|reader: &Place| !named.contains(&reader.browser));
    (!others.readers.is_empty()).then(|| others.title())
}

fn scope(selection: &Selection) -> Scope {
    if selection.system { Scope::System } else { Scope::User }
}

fn selected(selection: &Selection, platform: Platform) -> Result<Vec<Spot>, RpcError> {
    selected_in(selection, platform, scope(selection))
}

fn selected_in(selection: &Selection, platform: Platform, scope: Scope) -> Result<Vec<Spot>, RpcError> {
    if let Some(dir) = &selection.dir {
        let dir = std::path::absolute(dir).map_err(|error| {
            RpcError::new(&codes::USAGE, format!("{} cannot be used: {error}.", dir.display()))
        })?;
        let Some((family, path)) = manifest_in(&dir, platform) else {
            let message =
                format!("{} is a profile of Firefox's family, which looks above it.", dir.display());
            return Err(RpcError::new(&codes::USAGE, message)
                .hint("Name what it has in place of ~/.mozilla, or use --browser."));
        };
        let browser = match family {
            Family::Chromium => Browser::Chromium,
            Family::Firefox => Browser::Firefox,
        };
        let reader =
            Place { browser, title: browser.title(), path: path.clone(), signs: Vec::new(), sandbox: None };
        return Ok(vec![Spot { path, readers: vec![reader] }]);
    }
    let mut spots = spots(platform, scope, &roots()?);
    for browser in &selection.browsers {
        if !spots.iter().any(|spot| spot.is_read_by(&[*browser])) {
            let whose = match scope {
                Scope::User => "a user's manifests",
                Scope::System => "the system's manifests",
            };
            let message = format!(
                "It is not known where {} looks for {whose} on {}.",
                browser.title(),
                platform.title()
            );
            return Err(RpcError::new(&codes::USAGE, message).hint("Leave it out."));
        }
    }
    spots.retain(|spot| spot.is_read_by(&selection.browsers));
    Ok(spots)
}

/// The system this program runs on, if it can write manifests there.
fn here() -> Result<Platform, RpcError> {
    match Platform::HERE {
        Some(platform @ (Platform::Linux | Platform::Macos)) => Ok(platform),
        _ => Err(RpcError::new(&codes::USAGE, "Manifests cannot be written on this system.").hint("")),
    }
}

#[cfg(test)]
mod tests {
    use crate::commands::tests::parse;

    #[test]
    fn places_exclude_each_other() {
        for good in ["", "--browser edge --browser firefox --system", "--dir d", "--dry-run --platform macos"]
        {
            assert!(parse(&format!("browser install {good}")).is_ok(), "{good}");
        }
        for bad in [
            "--dir d --system",
            "--dir d --browser chrome",
            "--dir d --platform linux --dry-run",
            "--browser netscape",
            "--platform beos --dry-run",
        ] {
            assert!(parse(&format!("browser install {bad}")).is_err(), "{bad}");
        }
    }
}
