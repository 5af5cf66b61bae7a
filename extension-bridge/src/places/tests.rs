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
            .all(|place| place.path == Path::new("/u/.mozilla/native-messaging-hosts/app.bauta.bridge.json"))
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
        ("Yandex Browser", &["/c/yandex-browser/NativeMessagingHosts"]),
        ("LibreWolf", &["/u/.librewolf/native-messaging-hosts"]),
        (
            "LibreWolf (Flatpak)",
            &["/u/.var/app/io.gitlab.librewolf-community/.librewolf/native-messaging-hosts"],
        ),
        ("Waterfox", &["/u/.waterfox/native-messaging-hosts", "/u/.mozilla/native-messaging-hosts"]),
        ("Waterfox (Flatpak)", &["/u/.var/app/net.waterfox.waterfox/.waterfox/native-messaging-hosts"]),
        ("Floorp", &["/u/.floorp/native-messaging-hosts"]),
        ("Floorp (Flatpak)", &["/u/.var/app/one.ablaze.floorp/.floorp/native-messaging-hosts"]),
        ("Zen (Flatpak)", &["/u/.mozilla/native-messaging-hosts"]),
        ("Brave (Snap)", &["/u/snap/brave/current/.config/BraveSoftware/Brave-Browser/NativeMessagingHosts"]),
        ("Opera (Snap)", &["/u/snap/opera/current/.config/google-chrome/NativeMessagingHosts"]),
        ("Opera (Flatpak)", &["/u/.var/app/com.opera.Opera/config/google-chrome/NativeMessagingHosts"]),
        ("Zen", &["/u/.mozilla/native-messaging-hosts"]),
    ] {
        assert_eq!(of(title), expected, "{title}");
    }
    let zen = places.iter().find(|place| place.browser == Browser::Zen).unwrap();
    assert_eq!(zen.signs, [Path::new("/u/.zen"), Path::new("/c/zen")]);
    for browser in Browser::ALL {
        let is_kin = user_places(Platform::Linux, &roots()).iter().any(|place| {
            place.browser == browser && place.path.ends_with("native-messaging-hosts/app.bauta.bridge.json")
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
    for (places, is_user) in
        [(user_places(Platform::Linux, &roots()), true), (system_places(Platform::Linux, &roots()), false)]
    {
        for browser in Browser::ALL {
            // Of these no source names the place of the system.
            let known = is_user || ![Browser::Floorp, Browser::Yandex].contains(&browser);
            assert_eq!(!paths(&places, browser).is_empty(), known, "{}", browser.name());
        }
        for place in places {
            assert!(place.path.is_absolute() && place.signs.is_empty() != is_user, "{place:?}");
        }
    }
}
