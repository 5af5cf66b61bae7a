//! The settings of a home, each in one place: the daemon keeps and checks them, the command line completes their names,
//! and `docs/api.md` lists them.

use crate::Applies;

/// What there is to know about one setting.
#[derive(Debug)]
pub struct SettingInfo {
    /// Its name.
    pub name: &'static str,
    /// What a value is, in a few words.
    pub values: &'static str,
    /// The values while it is not set.
    pub default: &'static [&'static str],
    /// The word for no value at all.
    pub none: Option<&'static str>,
    /// How many values it has, at most.
    pub most: usize,
    /// From when on a change holds.
    pub applies: Applies,
    /// What it is, in a sentence.
    pub meaning: &'static str,
}

/// Values of one setting, at most.
const SEVERAL: usize = 64;

/// Every setting, by name.
pub static SETTINGS: &[SettingInfo] = &[
    SettingInfo {
        name: "backup.dir",
        values: "an absolute directory, or none",
        default: &["none"],
        none: Some("none"),
        most: 1,
        applies: Applies::Now,
        meaning: "The directory of the backups that the daemon makes by itself. It must be there, on another disk best.",
    },
    SettingInfo {
        name: "backup.every",
        values: "a time such as 1d, or never",
        default: &["never"],
        none: Some("never"),
        most: 1,
        applies: Applies::Now,
        meaning: "The daemon makes a backup when the last one is so old, or never. A locked daemon makes none.",
    },
    SettingInfo {
        name: "backup.keep",
        values: "a number",
        default: &["7"],
        none: None,
        most: 1,
        applies: Applies::Now,
        meaning: "How many of these backups are kept; older ones are deleted.",
    },
    SettingInfo {
        name: "gun.endpoint",
        values: "a port, or off",
        default: &["off"],
        none: Some("off"),
        most: 1,
        applies: Applies::Start,
        meaning: "The loopback port on which Gun clients of this machine are served, or off.",
    },
    SettingInfo {
        name: "gun.exits",
        values: "Nym addresses, or directory",
        default: &["directory"],
        none: Some("directory"),
        most: SEVERAL,
        applies: Applies::Start,
        meaning: "The exits of the mixnet to reach Gun relays through, or directory for any that the network lists.",
    },
    SettingInfo {
        name: "gun.relays",
        values: "URLs",
        default: &["https://gun.r2d2.to/gun"],
        none: None,
        most: SEVERAL,
        applies: Applies::Start,
        meaning: "The Gun relays for the keys of posts. Each sees that somebody writes and asks.",
    },
    SettingInfo {
        name: "gun.root",
        values: "certificates in PEM, or none",
        default: &["none"],
        none: Some("none"),
        most: 1,
        applies: Applies::Start,
        meaning: "Certificates, in PEM, that are trusted for Gun relays besides those of the web, or none.",
    },
    SettingInfo {
        name: "history.days",
        values: "a number of days, or forever",
        default: &["forever"],
        none: Some("forever"),
        most: 1,
        applies: Applies::Now,
        meaning: "After how many days messages are deleted from this home, within the hour, or forever to keep them.",
    },
    SettingInfo {
        name: "lock.after",
        values: "a time such as 15m, or never",
        default: &["never"],
        none: Some("never"),
        most: 1,
        applies: Applies::Now,
        meaning: "The daemon locks itself when no program has used it for so long, or never.",
    },
    SettingInfo {
        name: "lock.suspend",
        values: "auto, on or off",
        default: &["auto"],
        none: None,
        most: 1,
        applies: Applies::Now,
        meaning: "Whether the daemon locks itself before this machine sleeps; auto: if a passphrase protects the home.",
    },
    SettingInfo {
        name: "relays",
        values: "addresses of relays",
        default: &[],
        none: None,
        most: SEVERAL,
        applies: Applies::Now,
        meaning: "The relays of new personas, besides those of the network file. A persona keeps the one it has.",
    },
    SettingInfo {
        name: "traffic",
        values: "full, saver, metered, paranoid or test",
        default: &["full"],
        none: None,
        most: 1,
        applies: Applies::Start,
        meaning: "How much cover traffic hides yours: full, saver, metered or paranoid; test is for local networks.",
    },
];

impl SettingInfo {
    /// The setting of this name.
    pub fn find(name: &str) -> Option<&'static Self> {
        SETTINGS.iter().find(|setting| setting.name == name)
    }
}
