//! What is known of each browser, and from where.
//!
//! Chrome "Native messaging", Microsoft Edge "Native messaging", MDN "Native manifests"; for Brave, Vivaldi and Opera,
//! which read Chrome's places, their own sources and those of KeePassXC. The others are named where they are listed, as
//! `owner/repository#issue`. A browser without a source has no place here.

use super::Browser;

/// A browser, its title, its directory of profiles, and the directory of manifests if that is another one.
pub(super) type Row = (Browser, &'static str, &'static str, Option<&'static str>);

/// Below `$XDG_CONFIG_HOME`.
pub(super) const LINUX: [Row; 20] = [
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
    // Their directories only show that they are there; the manifest is the one above.
    (Browser::Opera, "Opera Beta", "opera-beta", Some("google-chrome")),
    (Browser::Opera, "Opera Developer", "opera-developer", Some("google-chrome")),
    // Alex313031/thorium#862, mika-cn/maoxian-web-clipper#322.
    (Browser::Thorium, "Thorium", "thorium", None),
    // config.toml of aclap-dev/vdhcoapp.
    (Browser::Yandex, "Yandex Browser", "yandex-browser", None),
];

/// Firefox's kin, below the user's home: the browser, its directory of profiles, and the directories of manifests.
/// Newer versions may keep their profiles below the XDG directory, under the same name without the dot.
pub(super) const LINUX_KIN: [(Browser, &str, &[&str]); 4] = [
    // "How do I get native messaging to work" in LibreWolf's FAQ, NativeMessageInstaller.cpp of KeePassXC.
    (Browser::LibreWolf, ".librewolf", &[".librewolf"]),
    // BrowserWorks/waterfox#3241 and #2875.
    (Browser::Waterfox, ".waterfox", &[".waterfox", ".mozilla"]),
    // gopasspw/gopass-jsonapi#156.
    (Browser::Floorp, ".floorp", &[".floorp"]),
    // Zen reads Firefox's: zen-browser/desktop#10622, zerx-lab/FluxDown#360.
    (Browser::Zen, ".zen", &[".mozilla"]),
];

/// Snaps of Chromium's kin: the title, the place of configurations below the user's home, and the rest of a row.
pub(super) const SNAPS: [(&str, Row); 4] = [
    ("snap/chromium/common", (Browser::Chromium, "Chromium (Snap)", "chromium", None)),
    // Those without a place of their own have a home in their current version's directory.
    ("snap/brave/current/.config", (Browser::Brave, "Brave (Snap)", "BraveSoftware/Brave-Browser", None)),
    ("snap/opera/current/.config", (Browser::Opera, "Opera (Snap)", "opera", Some("google-chrome"))),
    (
        "snap/opera-beta/current/.config",
        (Browser::Opera, "Opera Beta (Snap)", "opera-beta", Some("google-chrome")),
    ),
];

/// Flatpaks of Firefox's kin: the title, the id, and what of the directory it keeps for itself holds manifests. Zen's holds
/// none: it reads Firefox's in the user's home, if it is let in there.
pub(super) const KIN_FLATPAKS: [(Browser, &str, &str, Option<&str>); 4] = [
    // Frewacom/pywalfox#144.
    (Browser::LibreWolf, "LibreWolf (Flatpak)", "io.gitlab.librewolf-community", Some(".librewolf")),
    // As others keep their manifests there for KeePassXC and Plasma.
    (Browser::Waterfox, "Waterfox (Flatpak)", "net.waterfox.waterfox", Some(".waterfox")),
    (Browser::Floorp, "Floorp (Flatpak)", "one.ablaze.floorp", Some(".floorp")),
    (Browser::Zen, "Zen (Flatpak)", "app.zen_browser.zen", None),
];

/// Below `~/.var/app/ID/config`; the title, and the id.
pub(super) const FLATPAKS: [(Browser, &str, &str, &str); 8] = [
    (Browser::Chrome, "Chrome (Flatpak)", "com.google.Chrome", "google-chrome"),
    (Browser::Chrome, "Chrome Unstable (Flatpak)", "com.google.ChromeDev", "google-chrome-unstable"),
    (Browser::Chromium, "Chromium (Flatpak)", "org.chromium.Chromium", "chromium"),
    (Browser::Brave, "Brave (Flatpak)", "com.brave.Browser", "BraveSoftware/Brave-Browser"),
    (Browser::Edge, "Edge (Flatpak)", "com.microsoft.Edge", "microsoft-edge"),
    (Browser::Edge, "Edge Dev (Flatpak)", "com.microsoft.EdgeDev", "microsoft-edge-dev"),
    (Browser::Vivaldi, "Vivaldi (Flatpak)", "com.vivaldi.Vivaldi", "vivaldi"),
    // As outside of a Flatpak.
    (Browser::Opera, "Opera (Flatpak)", "com.opera.Opera", "google-chrome"),
];

/// Below the root.
pub(super) const LINUX_SYSTEM: [(Browser, &str); 14] = [
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
pub(super) const MACOS: [Row; 26] = [
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
    // config.toml of aclap-dev/vdhcoapp.
    (Browser::Yandex, "Yandex Browser", "Yandex/YandexBrowser", None),
    (Browser::Firefox, "Firefox", "Mozilla", None),
    // NativeMessageInstaller.cpp of KeePassXC.
    (Browser::LibreWolf, "LibreWolf", "LibreWolf", None),
    // modules/misc/mozilla-messaging-hosts.nix of nix-community/home-manager.
    (Browser::Floorp, "Floorp", "Floorp", None),
    // native-messaging.main.ts of bitwarden/clients.
    (Browser::Zen, "Zen", "Zen", None),
];

/// Below the root.
pub(super) const MACOS_SYSTEM: [(Browser, &str); 5] = [
    (Browser::Chrome, "Library/Google/Chrome/NativeMessagingHosts"),
    (Browser::Chromium, "Library/Application Support/Chromium/NativeMessagingHosts"),
    (Browser::Edge, "Library/Microsoft/Edge/NativeMessagingHosts"),
    (Browser::Brave, "Library/Google/Chrome/NativeMessagingHosts"),
    (Browser::Firefox, "Library/Application Support/Mozilla/NativeMessagingHosts"),
];

/// Below `HKCU\Software`, or `HKLM\Software`.
pub(super) const WINDOWS: [(Browser, &str); 11] = [
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
