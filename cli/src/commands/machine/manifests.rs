//! The browsers of this machine, and the manifests through which they find `bauta-bridge`.

mod files;
mod host;

use std::path::{Path, PathBuf};

use bauta_bridge::{Browser, Family, Place, Platform, Roots, system_places, user_places};
use bauta_ipc::{RpcError, codes};

pub(crate) use self::files::{Condition, inspect, remove, write};
pub(crate) use self::host::{HostError, find_host, guarded, is_program};

/// A manifest, and the browsers that read it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Spot {
    /// The manifest's file; on Windows a key of the registry.
    pub(crate) path: PathBuf,
    /// The browsers that read it; at least one, all of one family.
    pub(crate) readers: Vec<Place>,
}

impl Spot {
    /// The kind of manifest that belongs here.
    pub(crate) fn family(&self) -> Family {
        self.readers.first().map_or(Family::Chromium, |reader| reader.browser.family())
    }

    /// The browsers that read it, in words: `Chrome, Opera`.
    pub(crate) fn title(&self) -> String {
        let mut titles: Vec<&str> = Vec::new();
        for reader in &self.readers {
            if !titles.contains(&reader.title) {
                titles.push(reader.title);
            }
        }
        titles.join(", ")
    }

    /// Their names on the command line.
    pub(crate) fn names(&self) -> Vec<&'static str> {
        let mut names: Vec<&str> = self.readers.iter().map(|reader| reader.browser.name()).collect();
        names.dedup();
        names
    }

    /// The same spot with only the readers that this user has; `None` without any, unless there is a manifest.
    pub(crate) fn found(&self) -> Option<Self> {
        let readers: Vec<Place> = self.readers.iter().filter(|reader| is_found(reader)).cloned().collect();
        if !readers.is_empty() {
            return Some(Self { path: self.path.clone(), readers });
        }
        (!matches!(inspect(self), Condition::Missing)).then(|| self.clone())
    }

    /// Whether one of these browsers reads it; an empty list means any.
    pub(crate) fn is_read_by(&self, browsers: &[Browser]) -> bool {
        browsers.is_empty() || self.readers.iter().any(|reader| browsers.contains(&reader.browser))
    }
}

/// Whose manifests.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Scope {
    /// This user's.
    User,
    /// Every user's.
    System,
}

impl Scope {
    /// Its name in JSON.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::System => "system",
        }
    }
}

/// The directories of this user.
///
/// Errors: `home.invalid` where there is no home directory.
pub(crate) fn roots() -> Result<Roots, RpcError> {
    let user = std::env::home_dir().filter(|home| home.is_absolute());
    let user = user.ok_or_else(|| {
        RpcError::new(&codes::HOME_INVALID, "This user has no home directory.").hint("Set HOME.")
    })?;
    // The XDG Base Directory Specification says to ignore a relative path.
    let config = std::env::var_os("XDG_CONFIG_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let config = config.unwrap_or_else(|| user.join(".config"));
    Ok(Roots { user, config, system: "/".into() })
}

/// Every spot of a platform, in the order of browsers.
pub(crate) fn spots(platform: Platform, scope: Scope, roots: &Roots) -> Vec<Spot> {
    let places = match scope {
        Scope::User => user_places(platform, roots),
        Scope::System => system_places(platform, roots),
    };
    let mut spots: Vec<Spot> = Vec::new();
    for place in places {
        match spots.iter_mut().find(|spot| spot.path == place.path) {
            Some(spot) => spot.readers.push(place),
            None => spots.push(Spot { path: place.path.clone(), readers: vec![place] }),
        }
    }
    spots
}

/// Whether this machine can have the browser: its own directory exists. The system's places have no such sign, except
/// `/usr/lib64`, which only some systems have, and LibreWolf's, which is its program's own.
fn is_found(place: &Place) -> bool {
    if place.signs.is_empty() {
        return place
            .path
            .ancestors()
            .find(|path| path.ends_with("lib64") || path.ends_with("librewolf"))
            .is_none_or(Path::is_dir);
    }
    place.signs.iter().any(|sign| is_a_browsers(sign))
}

/// Whether a directory is a browser's own. One that holds only manifests was made for them: Chrome's, for instance,
/// where only Opera is installed.
fn is_a_browsers(directory: &Path) -> bool {
    const FOR_MANIFESTS: [&str; 2] = ["NativeMessagingHosts", "native-messaging-hosts"];
    let Ok(entries) = std::fs::read_dir(directory) else { return false };
    let mut names = entries.flatten().map(|entry| entry.file_name()).peekable();
    names.peek().is_none() || names.any(|name| !FOR_MANIFESTS.iter().any(|manifests| name == *manifests))
}

/// Rewrites this user's manifests, so that they name the host of this version. Only what Bauta wrote and what differs
/// is touched. Returns how many were rewritten; failures are logged.
pub(crate) fn refresh() -> Result<usize, RpcError> {
    let Some(platform @ (Platform::Linux | Platform::Macos)) = Platform::HERE else { return Ok(0) };
    let spots = spots(platform, Scope::User, &roots()?);
    let ours: Vec<&Spot> =
        spots.iter().filter(|spot| matches!(inspect(spot), Condition::Ours { .. })).collect();
    if ours.is_empty() {
        return Ok(0);
    }
    let host = find_host(None)?;
    let mut rewritten = 0;
    for spot in ours {
        match write(spot, &host) {
            Ok(written) => rewritten += usize::from(written),
            Err(error) => tracing::debug!("A browser's manifest was not rewritten: {error}"),
        }
    }
    Ok(rewritten)
}

#[cfg(test)]
mod tests {
    use bauta_bridge::Sandbox;

    use super::*;

    fn roots(root: &Path) -> Roots {
        Roots { user: root.to_owned(), config: root.join(".config"), system: root.join("system") }
    }

    #[test]
    fn browsers_that_read_the_same_file_share_a_spot() {
        let root = tempfile::tempdir().unwrap();
        let spots = spots(Platform::Linux, Scope::System, &roots(root.path()));
        let chrome = spots.first().unwrap();
        assert_eq!(chrome.names(), ["chrome", "brave", "vivaldi", "opera"]);
        assert_eq!(chrome.title(), "Chrome, Brave, Vivaldi, Opera");
        let firefox = spots.iter().filter(|spot| spot.family() == Family::Firefox).collect::<Vec<_>>();
        assert_eq!(firefox.len(), 3);
        assert_eq!(firefox[0].title(), "Firefox, Waterfox, Zen");
        let found: Vec<bool> = firefox.iter().map(|spot| spot.found().is_some()).collect();
        assert_eq!(found, [true, false, false], "neither lib64 nor LibreWolf is here");
    }

    #[test]
    fn a_browser_is_found_by_its_own_directory() {
        let root = tempfile::tempdir().unwrap();
        let found = |browser: Browser| {
            let spots = spots(Platform::Linux, Scope::User, &roots(root.path()));
            spots
                .iter()
                .filter(|spot| spot.is_read_by(&[browser]))
                .filter_map(Spot::found)
                .collect::<Vec<_>>()
        };
        assert!(found(Browser::Opera).is_empty());
        std::fs::create_dir_all(root.path().join(".config/opera")).unwrap();
        let opera = found(Browser::Opera);
        assert_eq!((opera.len(), opera[0].names()), (1, vec!["opera"]));
        assert!(opera[0].path.starts_with(root.path().join(".config/google-chrome")));
        write(&opera[0], Path::new("/bauta-bridge")).unwrap();
        assert_eq!(
            found(Browser::Chrome)[0].names(),
            ["opera"],
            "a directory made for Opera does not mean Chrome"
        );
        std::fs::create_dir_all(root.path().join(".config/google-chrome/Default")).unwrap();
        assert_eq!(found(Browser::Chrome)[0].names(), ["chrome", "opera"]);
        std::fs::create_dir_all(root.path().join("snap/firefox")).unwrap();
        let sandboxes =
            || found(Browser::Firefox)[0].readers.iter().map(|reader| reader.sandbox).collect::<Vec<_>>();
        assert_eq!(sandboxes(), [Some(Sandbox::Snap)]);
        std::fs::create_dir_all(root.path().join(".mozilla")).unwrap();
        assert_eq!(sandboxes(), [None, Some(Sandbox::Snap)]);
    }
}
