//! Where each browser looks for manifests.
//!
//! Sources: Chrome "Native messaging", Microsoft Edge "Native messaging", MDN "Native manifests"; for Brave, Vivaldi and
//! Opera, which read Chrome's places, their own sources and those of KeePassXC.

use std::path::{Path, PathBuf};

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
    /// Firefox.
    Firefox,
}

impl Browser {
    /// Every browser.
    pub const ALL: [Self; 8] = [
        Self::Chrome,
        Self::ChromeForTesting,
        Self::Chromium,
        Self::Brave,
        Self::Edge,
        Self::Vivaldi,
        Self::Opera,
        Self::Firefox,
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
            Self::Firefox => "firefox",
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
            Self::Firefox => "Firefox",
        }
    }

    /// The kind of manifest it reads.
    pub const fn family(self) -> Family {
        if matches!(self, Self::Firefox) { Family::Firefox } else { Family::Chromium }
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

/// A browser, its title, its directory of profiles, and the directory of manifests if that is another one.
type Row = (Browser, &'static str, &'static str, Option<&'static str>);

const HOSTS: &str = "NativeMessagingHosts";

/// Below `$XDG_CONFIG_HOME`.
const LINUX: [Row; 11] = [
    (Browser::Chrome, "Chrome", "google-chrome", None),
    (Browser::Chrome, "Chrome Beta", "google-chrome-beta", None),
    (Browser::Chrome, "Chrome Unstable", "google-chrome-unstable", None),
    (Browser::ChromeForTesting, "Chrome for Testing", "google-chrome-for-testing", None),
    (Browser::Chromium, "Chromium", "chromium", None),
    // Brave reads this place even with another --user-data-dir.
    (Browser::Brave, "Brave", "BraveSoftware/Brave-Browser", None),
    (Browser::Edge, "Edge", "microsoft-edge", None),
    (Browser::Edge, "Edge Beta", "microsoft-edge-beta", None),
    (Browser::Edge, "Edge Dev", "microsoft-edge-dev", None),
    (Browser::Vivaldi, "Vivaldi", "vivaldi", None),
    (Browser::Opera, "Opera", "opera", Some("google-chrome")),
];

/// Below `~/.var/app/ID/config`; the title, and the id.
const FLATPAKS: [(Browser, &str, &str, &str); 7] = [
    (Browser::Chrome, "Chrome (Flatpak)", "com.google.Chrome", "google-chrome"),
    (Browser::Chrome, "Chrome Unstable (Flatpak)", "com.google.ChromeDev", "google-chrome-unstable"),
    (Browser::Chromium, "Chromium (Flatpak)", "org.chromium.Chromium", "chromium"),
    (Browser::Brave, "Brave (Flatpak)", "com.brave.Browser", "BraveSoftware/Brave-Browser"),
    (Browser::Edge, "Edge (Flatpak)", "com.microsoft.Edge", "microsoft-edge"),
    (Browser::Edge, "Edge Dev (Flatpak)", "com.microsoft.EdgeDev", "microsoft-edge-dev"),
    (Browser::Vivaldi, "Vivaldi (Flatpak)", "com.vivaldi.Vivaldi", "vivaldi"),
];

/// Below the root.
const LINUX_SYSTEM: [(Browser, &str); 9] = [
    (Browser::Chrome, "etc/opt/chrome/native-messaging-hosts"),
    (Browser::ChromeForTesting, "etc/opt/chrome_for_testing/native-messaging-hosts"),
    (Browser::Chromium, "etc/chromium/native-messaging-hosts"),
    (Browser::Brave, "etc/opt/chrome/native-messaging-hosts"),
    (Browser::Edge, "etc/opt/edge/native-messaging-hosts"),
    (Browser::Vivaldi, "etc/opt/chrome/native-messaging-hosts"),
    (Browser::Opera, "etc/opt/chrome/native-messaging-hosts"),
    (Browser::Firefox, "usr/lib/mozilla/native-messaging-hosts"),
    (Browser::Firefox, "usr/lib64/mozilla/native-messaging-hosts"),
];

/// Below `~/Library/Application Support`.
const MACOS: [Row; 13] = [
    (Browser::Chrome, "Chrome", "Google/Chrome", None),
    (Browser::Chrome, "Chrome Beta", "Google/Chrome Beta", None),
    (Browser::Chrome, "Chrome Dev", "Google/Chrome Dev", None),
    (Browser::Chrome, "Chrome Canary", "Google/Chrome Canary", None),
    (Browser::ChromeForTesting, "Chrome for Testing", "Google/ChromeForTesting", None),
    (Browser::Chromium, "Chromium", "Chromium", None),
    (Browser::Edge, "Edge", "Microsoft Edge", None),
    (Browser::Edge, "Edge Beta", "Microsoft Edge Beta", None),
    (Browser::Edge, "Edge Dev", "Microsoft Edge Dev", None),
    (Browser::Edge, "Edge Canary", "Microsoft Edge Canary", None),
    // Brave reads Chrome's directory, and some versions read their own.
    (Browser::Brave, "Brave", "BraveSoftware/Brave-Browser", Some("Google/Chrome")),
    (Browser::Brave, "Brave", "BraveSoftware/Brave-Browser", None),
    (Browser::Firefox, "Firefox", "Mozilla", None),
];

/// Below the root.
const MACOS_SYSTEM: [(Browser, &str); 5] = [
    (Browser::Chrome, "Library/Google/Chrome/NativeMessagingHosts"),
    (Browser::Chromium, "Library/Application Support/Chromium/NativeMessagingHosts"),
    (Browser::Edge, "Library/Microsoft/Edge/NativeMessagingHosts"),
    (Browser::Brave, "Library/Google/Chrome/NativeMessagingHosts"),
    (Browser::Firefox, "Library/Application Support/Mozilla/NativeMessagingHosts"),
];

/// Below `HKCU\Software`, or `HKLM\Software`.
const WINDOWS: [(Browser, &str); 6] = [
    (Browser::Chrome, r"Google\Chrome"),
    (Browser::Chromium, "Chromium"),
    (Browser::Edge, r"Microsoft\Edge"),
    (Browser::Brave, r"BraveSoftware\Brave-Browser"),
    (Browser::Brave, r"Google\Chrome"),
    (Browser::Firefox, "Mozilla"),
];

/// The places of one user.
pub fn user_places(platform: Platform, roots: &Roots) -> Vec<Place> {
    match platform {
        Platform::Linux => {
            let mut places: Vec<Place> = LINUX.iter().map(|row| profile_place(&roots.config, *row)).collect();
            let mut snap = profile_place(
                &roots.user,
                (Browser::Chromium, "Chromium (Snap)", "snap/chromium/common/chromium", None),
            );
            snap.sandbox = Some(Sandbox::Snap);
            places.push(snap);
            places.extend(FLATPAKS.iter().map(|(browser, title, id, directory)| {
                let config = roots.user.join(".var/app").join(id).join("config");
                let mut place = profile_place(&config, (*browser, title, directory, None));
                place.signs = vec![roots.user.join(".var/app").join(id)];
                place.sandbox = Some(Sandbox::Flatpak(id));
                place
            }));
            places.extend(firefox_places(roots));
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
pub fn profile_manifest(directory: &Path) -> PathBuf {
    directory.join(HOSTS).join(MANIFEST_NAME)
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

fn registry(hive: &str) -> Vec<Place> {
    let place = |(browser, vendor): &(Browser, &str)| {
        bare_place(*browser, format!(r"{hive}\Software\{vendor}\{HOSTS}\{HOST_NAME}").into())
    };
    WINDOWS.iter().map(place).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn roots() -> Roots {
        Roots { user: "/u".into(), config: "/c".into(), system: "/".into() }
    }

    fn paths(places: &[Place], browser: Browser) -> Vec<String> {
        let of = places.iter().filter(|place| place.browser == browser);
        of.map(|place| place.path.display().to_string()).collect()
    }

    #[test]
    fn linux_honours_the_configuration_directory() {
        let places = user_places(Platform::Linux, &roots());
        let opera = places.iter().find(|place| place.browser == Browser::Opera).unwrap();
        assert_eq!(opera.path, Path::new("/c/google-chrome/NativeMessagingHosts/app.bauta.bridge.json"));
        assert_eq!(opera.signs, [Path::new("/c/opera")]);
        assert_eq!(
            paths(&places, Browser::Chromium),
            [
                "/c/chromium/NativeMessagingHosts/app.bauta.bridge.json",
                "/u/snap/chromium/common/chromium/NativeMessagingHosts/app.bauta.bridge.json",
                "/u/.var/app/org.chromium.Chromium/config/chromium/NativeMessagingHosts/app.bauta.bridge.json",
            ]
        );
        let firefox: Vec<_> = places.iter().filter(|place| place.browser == Browser::Firefox).collect();
        assert_eq!(firefox.len(), 3);
        assert!(
            firefox
                .iter()
                .all(|place| place.path
                    == Path::new("/u/.mozilla/native-messaging-hosts/app.bauta.bridge.json"))
        );
    }

    #[test]
    fn brave_has_two_places_where_it_is_undecided() {
        let mac = paths(&user_places(Platform::Macos, &roots()), Browser::Brave);
        assert_eq!(
            mac,
            [
                "/u/Library/Application Support/Google/Chrome/NativeMessagingHosts/app.bauta.bridge.json",
                "/u/Library/Application Support/BraveSoftware/Brave-Browser/NativeMessagingHosts/app.bauta.bridge.json",
            ]
        );
        let windows = paths(&user_places(Platform::Windows, &roots()), Browser::Brave);
        assert_eq!(
            windows,
            [
                r"HKCU\Software\BraveSoftware\Brave-Browser\NativeMessagingHosts\app.bauta.bridge",
                r"HKCU\Software\Google\Chrome\NativeMessagingHosts\app.bauta.bridge",
            ]
        );
    }

    #[test]
    fn linux_has_a_place_for_each_browser_and_the_system_needs_no_sign() {
        for (places, is_user) in [
            (user_places(Platform::Linux, &roots()), true),
            (system_places(Platform::Linux, &roots()), false),
        ] {
            for browser in Browser::ALL {
                assert!(!paths(&places, browser).is_empty(), "{}", browser.name());
            }
            for place in places {
                assert!(place.path.is_absolute() && place.signs.is_empty() != is_user, "{place:?}");
            }
        }
    }
}
