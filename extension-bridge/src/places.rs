//! Where each browser looks for manifests.

mod tables;

use std::path::{Path, PathBuf};

use self::tables::{
    FLATPAKS, KIN_FLATPAKS, LINUX, LINUX_KIN, LINUX_SYSTEM, MACOS, MACOS_SYSTEM, Row, SNAPS, WINDOWS,
};
use crate::caller::HOST_NAME;
use crate::manifest::{Family, MANIFEST_NAME};

/// An operating system.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Platform {
    /// Linux.
    Linux,
    /// macOS.
    Macos,
    /// Windows, where keys of the registry name the manifests' paths.
    Windows,
}

impl Platform {
    /// Every platform.
    pub const ALL: [Self; 3] = [Self::Linux, Self::Macos, Self::Windows];

    /// The platform this program was built for; `None` for any other.
    pub const HERE: Option<Self> = if cfg!(target_os = "linux") {
        Some(Self::Linux)
    } else if cfg!(target_os = "macos") {
        Some(Self::Macos)
    } else if cfg!(windows) {
        Some(Self::Windows)
    } else {
        None
    };

    /// Its name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Linux => "linux",
            Self::Macos => "macos",
            Self::Windows => "windows",
        }
    }

    /// Its name in a sentence.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Linux => "Linux",
            Self::Macos => "macOS",
            Self::Windows => "Windows",
        }
    }
}

/// A browser, with all its channels.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Browser {
    /// Google Chrome.
    Chrome,
    /// Chrome for Testing, from version 146 on.
    ChromeForTesting,
    /// Chromium.
    Chromium,
    /// Brave.
    Brave,
    /// Microsoft Edge.
    Edge,
    /// Vivaldi.
    Vivaldi,
    /// Opera.
    Opera,
    /// Thorium.
    Thorium,
    /// Yandex Browser.
    Yandex,
    /// Firefox.
    Firefox,
    /// LibreWolf.
    LibreWolf,
    /// Waterfox.
    Waterfox,
    /// Floorp.
    Floorp,
    /// Zen.
    Zen,
}

impl Browser {
    /// Every browser.
    pub const ALL: [Self; 14] = [
        Self::Chrome,
        Self::ChromeForTesting,
        Self::Chromium,
        Self::Brave,
        Self::Edge,
        Self::Vivaldi,
        Self::Opera,
        Self::Thorium,
        Self::Yandex,
        Self::Firefox,
        Self::LibreWolf,
        Self::Waterfox,
        Self::Floorp,
        Self::Zen,
    ];

    /// Its name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Chrome => "chrome",
            Self::ChromeForTesting => "chrome-for-testing",
            Self::Chromium => "chromium",
            Self::Brave => "brave",
            Self::Edge => "edge",
            Self::Vivaldi => "vivaldi",
            Self::Opera => "opera",
            Self::Thorium => "thorium",
            Self::Yandex => "yandex",
            Self::Firefox => "firefox",
            Self::LibreWolf => "librewolf",
            Self::Waterfox => "waterfox",
            Self::Floorp => "floorp",
            Self::Zen => "zen",
        }
    }

    /// Its name in a sentence.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Chrome => "Chrome",
            Self::ChromeForTesting => "Chrome for Testing",
            Self::Chromium => "Chromium",
            Self::Brave => "Brave",
            Self::Edge => "Edge",
            Self::Vivaldi => "Vivaldi",
            Self::Opera => "Opera",
            Self::Thorium => "Thorium",
            Self::Yandex => "Yandex Browser",
            Self::Firefox => "Firefox",
            Self::LibreWolf => "LibreWolf",
            Self::Waterfox => "Waterfox",
            Self::Floorp => "Floorp",
            Self::Zen => "Zen",
        }
    }

    /// The kind of manifest it reads.
    pub const fn family(self) -> Family {
        match self {
            Self::Firefox | Self::LibreWolf | Self::Waterfox | Self::Floorp | Self::Zen => Family::Firefox,
            _ => Family::Chromium,
        }
    }
}

/// The sandbox that a browser is packaged in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Sandbox {
    /// Snap.
    Snap,
    /// Flatpak, with the application's id.
    Flatpak(&'static str),
}

/// Directories that places are named from.
#[derive(Clone, Debug)]
pub struct Roots {
    /// The user's home.
    pub user: PathBuf,
    /// `$XDG_CONFIG_HOME`, or `.config` in the user's home; Linux only.
    pub config: PathBuf,
    /// `/`, except in tests.
    pub system: PathBuf,
}

/// A place where a browser looks for the host's manifest.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Place {
    /// The browser.
    pub browser: Browser,
    /// The browser's channel or package, in words: `Chrome Beta`.
    pub title: &'static str,
    /// The manifest; on Windows the key whose default value is the manifest's path.
    pub path: PathBuf,
    /// Directories that the browser makes. If none of them exists, this user does not have the browser.
    /// Empty for places of the whole system.
    pub signs: Vec<PathBuf>,
    /// What the browser is packaged in.
    pub sandbox: Option<Sandbox>,
}

const HOSTS: &str = "NativeMessagingHosts";

/// The directory of Firefox and its kin on Linux; elsewhere it is called as Chromium's.
const LINUX_HOSTS: &str = "native-messaging-hosts";

/// The places of one user.
pub fn user_places(platform: Platform, roots: &Roots) -> Vec<Place> {
    match platform {
        Platform::Linux => {
            let mut places: Vec<Place> = LINUX.iter().map(|row| profile_place(&roots.config, *row)).collect();
            places.extend(SNAPS.iter().map(|(configurations, row)| Place {
                sandbox: Some(Sandbox::Snap),
                ..profile_place(&roots.user.join(configurations), *row)
            }));
            places.extend(FLATPAKS.iter().map(|(browser, title, id, directory)| {
                let config = roots.user.join(".var/app").join(id).join("config");
                let mut place = profile_place(&config, (*browser, title, directory, None));
                place.signs = vec![roots.user.join(".var/app").join(id)];
                place.sandbox = Some(Sandbox::Flatpak(id));
                place
            }));
            places.extend(firefox_places(roots));
            places.extend(kin_places(roots));
            places
        }
        Platform::Macos => {
            let support = roots.user.join("Library/Application Support");
            MACOS.iter().map(|row| profile_place(&support, *row)).collect()
        }
        Platform::Windows => registry("HKCU"),
    }
}

/// The places for every user of a machine.
pub fn system_places(platform: Platform, roots: &Roots) -> Vec<Place> {
    let below = |rows: &[(Browser, &'static str)]| {
        let place = |(browser, directory): &(Browser, &'static str)| {
            bare_place(*browser, roots.system.join(directory).join(MANIFEST_NAME))
        };
        rows.iter().map(place).collect()
    };
    match platform {
        Platform::Linux => below(&LINUX_SYSTEM),
        Platform::Macos => below(&MACOS_SYSTEM),
        Platform::Windows => registry("HKLM"),
    }
}

/// The manifest in a directory of profiles of Chromium (`--user-data-dir`); Brave and Opera do not read it.
fn profile_manifest(directory: &Path) -> PathBuf {
    directory.join(HOSTS).join(MANIFEST_NAME)
}

/// The manifest of a browser that is told apart by its directory: `~/.mozilla` of Firefox or what its kin has instead,
/// or a `--user-data-dir`. `None` for one profile of Firefox, where no browser looks.
pub fn manifest_in(directory: &Path, platform: Platform) -> Option<(Family, PathBuf)> {
    let name = directory.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let has = |file: &str| directory.join(file).exists();
    // Firefox's programs write these into each profile; Chromium's are called otherwise.
    if has("compatibility.ini") || has("prefs.js") {
        return None;
    }
    if name == LINUX_HOSTS {
        return Some((Family::Firefox, directory.join(MANIFEST_NAME)));
    }
    let is_kin = name == ".mozilla"
        || LINUX_KIN.iter().any(|(_, profiles, _)| name == *profiles)
        || MACOS.iter().any(|row| row.0.family() == Family::Firefox && name == row.2)
        || has("profiles.ini")
        || has("firefox/profiles.ini")
        || has(LINUX_HOSTS);
    if !is_kin {
        return Some((Family::Chromium, profile_manifest(directory)));
    }
    let hosts = if platform == Platform::Macos { HOSTS } else { LINUX_HOSTS };
    Some((Family::Firefox, directory.join(hosts).join(MANIFEST_NAME)))
}

fn bare_place(browser: Browser, path: PathBuf) -> Place {
    Place { browser, title: browser.title(), path, signs: Vec::new(), sandbox: None }
}

fn profile_place(root: &Path, (browser, title, directory, manifests): Row) -> Place {
    let path = profile_manifest(&root.join(manifests.unwrap_or(directory)));
    Place { browser, title, path, signs: vec![root.join(directory)], sandbox: None }
}

/// Firefox from a Snap or Flatpak reads the same file: the desktop's portal (`org.freedesktop.portal.WebExtensions`)
/// finds it, asks the user, and starts the host outside of the sandbox.
fn firefox_places(roots: &Roots) -> Vec<Place> {
    let path = roots.user.join(".mozilla/native-messaging-hosts").join(MANIFEST_NAME);
    let place = |title, sandbox, signs: Vec<PathBuf>| Place {
        browser: Browser::Firefox,
        title,
        path: path.clone(),
        signs,
        sandbox,
    };
    const ID: &str = "org.mozilla.firefox";
    vec![
        // Newer versions may keep their profiles below the XDG directory.
        place("Firefox", None, vec![roots.user.join(".mozilla"), roots.config.join("mozilla")]),
        place("Firefox (Snap)", Some(Sandbox::Snap), vec![roots.user.join("snap/firefox")]),
        place("Firefox (Flatpak)", Some(Sandbox::Flatpak(ID)), vec![roots.user.join(".var/app").join(ID)]),
    ]
}

/// The kin have no portal: what their sandbox cannot see, they do not start.
fn kin_places(roots: &Roots) -> Vec<Place> {
    let manifest = |root: &Path, directory: &str| root.join(directory).join(LINUX_HOSTS).join(MANIFEST_NAME);
    let mut places = Vec::new();
    for (browser, profiles, directories) in LINUX_KIN {
        let signs = vec![roots.user.join(profiles), roots.config.join(profiles.trim_start_matches('.'))];
        places.extend(directories.iter().map(|directory| Place {
            browser,
            title: browser.title(),
            path: manifest(&roots.user, directory),
            signs: signs.clone(),
            sandbox: None,
        }));
    }
    places.extend(KIN_FLATPAKS.iter().map(|(browser, title, id, directory)| {
        let sandboxed = roots.user.join(".var/app").join(id);
        Place {
            browser: *browser,
            title,
            path: match directory {
                Some(directory) => manifest(&sandboxed, directory),
                None => manifest(&roots.user, ".mozilla"),
            },
            signs: vec![sandboxed],
            sandbox: Some(Sandbox::Flatpak(id)),
        }
    }));
    places
}

fn registry(hive: &str) -> Vec<Place> {
    let place = |(browser, vendor): &(Browser, &str)| {
        bare_place(*browser, format!(r"{hive}\Software\{vendor}\{HOSTS}\{HOST_NAME}").into())
    };
    WINDOWS.iter().map(place).collect()
}

#[cfg(test)]
mod tests;
