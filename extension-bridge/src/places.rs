//! Where each browser looks for manifests.
//!
//! Sources: Chrome "Native messaging", Microsoft Edge "Native messaging", MDN "Native manifests"; for Brave, Vivaldi and
//! Opera, which read Chrome's places, their own sources and those of KeePassXC. The others are named where they are
//! listed, as `owner/repository#issue`. A browser without a source has no place here.

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
    /// Thorium.
    Thorium,
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
    pub const ALL: [Self; 13] = [
        Self::Chrome,
        Self::ChromeForTesting,
        Self::Chromium,
        Self::Brave,
        Self::Edge,
        Self::Vivaldi,
        Self::Opera,
        Self::Thorium,
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

/// A browser, its title, its directory of profiles, and the directory of manifests if that is another one.
type Row = (Browser, &'static str, &'static str, Option<&'static str>);

const HOSTS: &str = "NativeMessagingHosts";

/// The directory of Firefox and its kin on Linux; elsewhere it is called as Chromium's.
const LINUX_HOSTS: &str = "native-messaging-hosts";

/// Below `$XDG_CONFIG_HOME`.
const LINUX: [Row; 19] = [
    (Browser::Chrome, "Chrome", "google-chrome", None),
    (Browser::Chrome, "Chrome Beta", "google-chrome-beta", None),
    // Chrome Dev.
    (Browser::Chrome, "Chrome Unstable", "google-chrome-unstable", None),
    // chrome/common/channel_info_posix.cc of Chromium.
    (Browser::Chrome, "Chrome Canary", "google-chrome-canary", None),
    (Browser::ChromeForTesting, "Chrome for Testing", "google-chrome-for-testing", None),
    (Browser::Chromium, "Chromium", "chromium", None),
    // Brave reads this place even with another --user-data-dir.
    (Browser::Brave, "Brave", "BraveSoftware/Brave-Browser", None),
    // browserpass/browserpass-legacy#294, darktrojan/openwith#250, omacom/omarchy#10292.
    (Browser::Brave, "Brave Beta", "BraveSoftware/Brave-Browser-Beta", None),
    (Browser::Brave, "Brave Dev", "BraveSoftware/Brave-Browser-Dev", None),
    (Browser::Brave, "Brave Nightly", "BraveSoftware/Brave-Browser-Nightly", None),
    (Browser::Edge, "Edge", "microsoft-edge", None),
    (Browser::Edge, "Edge Beta", "microsoft-edge-beta", None),
    (Browser::Edge, "Edge Dev", "microsoft-edge-dev", None),
    (Browser::Vivaldi, "Vivaldi", "vivaldi", None),
    // config.toml of aclap-dev/vdhcoapp.
    (Browser::Vivaldi, "Vivaldi Snapshot", "vivaldi-snapshot", None),
    (Browser::Opera, "Opera", "opera", Some("google-chrome")),
    (Browser::Opera, "Opera Beta", "opera-beta", Some("google-chrome")),
    (Browser::Opera, "Opera Developer", "opera-developer", Some("google-chrome")),
    // Alex313031/thorium#862, mika-cn/maoxian-web-clipper#322.
    (Browser::Thorium, "Thorium", "thorium", None),
];

/// Firefox's kin, below the user's home: the browser, its directory of profiles, and the directories of manifests.
/// Newer versions may keep their profiles below the XDG directory, under the same name without the dot.
const LINUX_KIN: [(Browser, &str, &[&str]); 4] = [
    // "How do I get native messaging to work" in LibreWolf's FAQ, NativeMessageInstaller.cpp of KeePassXC.
    (Browser::LibreWolf, ".librewolf", &[".librewolf"]),
    // BrowserWorks/waterfox#3241 and #2875.
    (Browser::Waterfox, ".waterfox", &[".waterfox", ".mozilla"]),
    // gopasspw/gopass-jsonapi#156.
    (Browser::Floorp, ".floorp", &[".floorp"]),
    // Zen reads Firefox's: zen-browser/desktop#10622, zerx-lab/FluxDown#360.
    (Browser::Zen, ".zen", &[".mozilla"]),
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
const LINUX_SYSTEM: [(Browser, &str); 14] = [
    (Browser::Chrome, "etc/opt/chrome/native-messaging-hosts"),
    (Browser::ChromeForTesting, "etc/opt/chrome_for_testing/native-messaging-hosts"),
    (Browser::Chromium, "etc/chromium/native-messaging-hosts"),
    (Browser::Brave, "etc/opt/chrome/native-messaging-hosts"),
    (Browser::Edge, "etc/opt/edge/native-messaging-hosts"),
    (Browser::Vivaldi, "etc/opt/chrome/native-messaging-hosts"),
    (Browser::Opera, "etc/opt/chrome/native-messaging-hosts"),
    // Alex313031/thorium#953.
    (Browser::Thorium, "etc/thorium/native-messaging-hosts"),
    (Browser::Firefox, "usr/lib/mozilla/native-messaging-hosts"),
    (Browser::Firefox, "usr/lib64/mozilla/native-messaging-hosts"),
    // LibreWolf's FAQ.
    (Browser::LibreWolf, "usr/lib/librewolf/native-messaging-hosts"),
    // BrowserWorks/waterfox#2875, zen-browser/desktop#12805.
    (Browser::Waterfox, "usr/lib/mozilla/native-messaging-hosts"),
    (Browser::Zen, "usr/lib/mozilla/native-messaging-hosts"),
    (Browser::Zen, "usr/lib64/mozilla/native-messaging-hosts"),
];

/// Below `~/Library/Application Support`.
const MACOS: [Row; 25] = [
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
    // The cask "choosy" of Homebrew.
    (Browser::Brave, "Brave Beta", "BraveSoftware/Brave-Browser-Beta", Some("Google/Chrome")),
    (Browser::Brave, "Brave Beta", "BraveSoftware/Brave-Browser-Beta", None),
    (Browser::Brave, "Brave Nightly", "BraveSoftware/Brave-Browser-Nightly", Some("Google/Chrome")),
    (Browser::Brave, "Brave Nightly", "BraveSoftware/Brave-Browser-Nightly", None),
    // NativeMessageInstaller.cpp of KeePassXC.
    (Browser::Vivaldi, "Vivaldi", "Vivaldi", None),
    // The cask "choosy" of Homebrew lists what Choosy writes: these three.
    (Browser::Opera, "Opera", "com.operasoftware.Opera", None),
    (Browser::Opera, "Opera Beta", "com.operasoftware.OperaNext", None),
    (Browser::Opera, "Opera Developer", "com.operasoftware.OperaDeveloper", None),
    // Alex313031/Thorium-Special#36, Alex313031/thorium#363.
    (Browser::Thorium, "Thorium", "Thorium", None),
    (Browser::Firefox, "Firefox", "Mozilla", None),
    // NativeMessageInstaller.cpp of KeePassXC.
    (Browser::LibreWolf, "LibreWolf", "LibreWolf", None),
    // modules/misc/mozilla-messaging-hosts.nix of nix-community/home-manager.
    (Browser::Floorp, "Floorp", "Floorp", None),
    // native-messaging.main.ts of bitwarden/clients.
    (Browser::Zen, "Zen", "Zen", None),
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
const WINDOWS: [(Browser, &str); 11] = [
    (Browser::Chrome, r"Google\Chrome"),
    (Browser::Chromium, "Chromium"),
    (Browser::Edge, r"Microsoft\Edge"),
    (Browser::Brave, r"BraveSoftware\Brave-Browser"),
    (Browser::Brave, r"Google\Chrome"),
    // KeePassXC's installer has Chrome's key, Bitwarden's has Vivaldi's.
    (Browser::Vivaldi, r"Google\Chrome"),
    (Browser::Vivaldi, "Vivaldi"),
    // asamuzaK/webExtNativeMsg.
    (Browser::Opera, r"Google\Chrome"),
    (Browser::Firefox, "Mozilla"),
    // NativeMessageInstaller.cpp of KeePassXC; BrowserWorks/waterfox#1095.
    (Browser::LibreWolf, "Mozilla"),
    (Browser::Waterfox, "Mozilla"),
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
    // Frewacom/pywalfox#144.
    const ID: &str = "io.gitlab.librewolf-community";
    let sandboxed = roots.user.join(".var/app").join(ID);
    places.push(Place {
        browser: Browser::LibreWolf,
        title: "LibreWolf (Flatpak)",
        path: manifest(&sandboxed, ".librewolf"),
        signs: vec![sandboxed],
        sandbox: Some(Sandbox::Flatpak(ID)),
    });
    places
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
    fn channels_and_kin_have_places_of_their_own() {
        let places = user_places(Platform::Linux, &roots());
        let of = |title: &str| -> Vec<String> {
            let of = places.iter().filter(|place| place.title == title);
            of.map(|place| place.path.parent().unwrap().display().to_string()).collect()
        };
        for (title, expected) in [
            ("Chrome Canary", &["/c/google-chrome-canary/NativeMessagingHosts"][..]),
            ("Brave Beta", &["/c/BraveSoftware/Brave-Browser-Beta/NativeMessagingHosts"]),
            ("Brave Dev", &["/c/BraveSoftware/Brave-Browser-Dev/NativeMessagingHosts"]),
            ("Brave Nightly", &["/c/BraveSoftware/Brave-Browser-Nightly/NativeMessagingHosts"]),
            ("Vivaldi Snapshot", &["/c/vivaldi-snapshot/NativeMessagingHosts"]),
            ("Opera Beta", &["/c/google-chrome/NativeMessagingHosts"]),
            ("Opera Developer", &["/c/google-chrome/NativeMessagingHosts"]),
            ("Thorium", &["/c/thorium/NativeMessagingHosts"]),
            ("LibreWolf", &["/u/.librewolf/native-messaging-hosts"]),
            (
                "LibreWolf (Flatpak)",
                &["/u/.var/app/io.gitlab.librewolf-community/.librewolf/native-messaging-hosts"],
            ),
            ("Waterfox", &["/u/.waterfox/native-messaging-hosts", "/u/.mozilla/native-messaging-hosts"]),
            ("Floorp", &["/u/.floorp/native-messaging-hosts"]),
            ("Zen", &["/u/.mozilla/native-messaging-hosts"]),
        ] {
            assert_eq!(of(title), expected, "{title}");
        }
        let zen = places.iter().find(|place| place.browser == Browser::Zen).unwrap();
        assert_eq!(zen.signs, [Path::new("/u/.zen"), Path::new("/c/zen")]);
        for browser in Browser::ALL {
            let is_kin = user_places(Platform::Linux, &roots()).iter().any(|place| {
                place.browser == browser
                    && place.path.ends_with("native-messaging-hosts/app.bauta.bridge.json")
            });
            assert_eq!(browser.family() == Family::Firefox, is_kin, "{}", browser.name());
        }
    }

    #[test]
    fn a_directory_tells_which_family_reads_it() {
        let root = tempfile::tempdir().unwrap();
        let make = |path: &str| {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        };
        make("kin/profiles.ini");
        make("old/firefox/profiles.ini");
        make("hosts/native-messaging-hosts/other.json");
        make("profile/prefs.js");
        make("chromium/Local State");
        let found = |directory: &str| {
            let (family, path) = manifest_in(&root.path().join(directory), Platform::Linux)?;
            Some((family, path.strip_prefix(root.path()).unwrap().parent().unwrap().to_owned()))
        };
        for kin in ["kin", "old", "hosts", "new/.mozilla", "new/.librewolf", "new/.zen"] {
            let expected = Path::new(kin).join("native-messaging-hosts");
            assert_eq!(found(kin), Some((Family::Firefox, expected)), "{kin}");
        }
        let named = Path::new("hosts/native-messaging-hosts").to_owned();
        assert_eq!(found("hosts/native-messaging-hosts"), Some((Family::Firefox, named)));
        for directory in ["chromium", "new/directory"] {
            let expected = Path::new(directory).join("NativeMessagingHosts");
            assert_eq!(found(directory), Some((Family::Chromium, expected)), "{directory}");
        }
        assert_eq!(found("profile"), None);
        let (family, path) = manifest_in(&root.path().join("kin"), Platform::Macos).unwrap();
        assert!(family == Family::Firefox && path.ends_with("NativeMessagingHosts/app.bauta.bridge.json"));
    }

    #[test]
    fn brave_has_two_places_where_it_is_undecided() {
        let mut mac = user_places(Platform::Macos, &roots());
        mac.retain(|place| place.title == "Brave");
        let mac = paths(&mac, Browser::Brave);
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
                // Of this one no source names the system's place.
                let known = is_user || browser != Browser::Floorp;
                assert_eq!(!paths(&places, browser).is_empty(), known, "{}", browser.name());
            }
            for place in places {
                assert!(place.path.is_absolute() && place.signs.is_empty() != is_user, "{place:?}");
            }
        }
    }
}
