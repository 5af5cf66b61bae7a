//! Who may start the host: the extensions in `ids.json`, which is compiled in.

use std::ffi::OsString;
use std::path::Path;

use bauta_ipc::{RpcError, codes};
use serde::Deserialize;

/// The host's name, by which browsers find its manifest.
pub const HOST_NAME: &str = "app.bauta.bridge";

static IDS: &str = include_str!("../ids.json");

#[derive(Deserialize)]
pub(crate) struct Ids {
    host: String,
    pub(crate) chromium: Vec<Extension>,
    pub(crate) firefox: Vec<Extension>,
}

#[derive(Deserialize)]
pub(crate) struct Extension {
    pub(crate) id: String,
}

impl Ids {
    pub(crate) fn compiled() -> Result<Self, CallerError> {
        serde_json::from_str(IDS).map_err(|_| CallerError::List)
    }
}

/// An extension that may use the host, as the browser named it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Caller {
    /// Of Chromium and its relatives: 32 letters from a to p.
    Chromium(String),
    /// Of Firefox: the id of its manifest.
    Firefox(String),
}

/// Why the host does not serve its caller.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum CallerError {
    /// The arguments are not those of a browser.
    #[error("this program is for browsers to start, and these are not the arguments of one")]
    NotABrowser,
    /// The extension is not in the list.
    #[error("the extension {0} may not use Bauta")]
    Unknown(String),
    /// The list that was compiled in cannot be read.
    #[error("the list of extensions cannot be read")]
    List,
}

impl From<CallerError> for RpcError {
    fn from(error: CallerError) -> Self {
        let code = match error {
            CallerError::NotABrowser => &codes::USAGE,
            CallerError::Unknown(_) => &codes::ACCESS_ORIGIN,
            CallerError::List => &codes::INTERNAL,
        };
        let text = error.to_string();
        let mut letters = text.chars();
        let first = letters.next().map(|letter| letter.to_ascii_uppercase());
        let sentence: String = first.into_iter().chain(letters).chain(['.']).collect();
        let error = Self::new(code, sentence);
        if error.is(&codes::USAGE) { error.hint("Install it: bauta browser install") } else { error }
    }
}

impl Caller {
    /// Reads the arguments after the program's name.
    ///
    /// Chromium gives the extension's origin first (and on some systems a window after it); Firefox gives the path of
    /// the host's manifest, then the extension's id (Chrome "Native messaging", MDN "Native messaging").
    pub fn of(arguments: &[OsString]) -> Result<Self, CallerError> {
        let ids = Ids::compiled()?;
        let text = |place: usize| arguments.get(place).and_then(|argument| argument.to_str());
        let first = text(0).ok_or(CallerError::NotABrowser)?;
        if let Some(rest) = first.strip_prefix("chrome-extension://") {
            let known = ids.chromium.iter().find(|known| rest.strip_suffix('/') == Some(&known.id));
            return match known {
                Some(known) => Ok(Self::Chromium(known.id.clone())),
                None => Err(CallerError::Unknown(shown(rest))),
            };
        }
        let manifest = Path::new(first);
        let is_ours = manifest.is_absolute()
            && manifest.file_name().and_then(|name| name.to_str()?.strip_suffix(".json"))
                == Some(ids.host.as_str());
        let id = text(1).filter(|_| is_ours).ok_or(CallerError::NotABrowser)?;
        match ids.firefox.iter().find(|known| known.id == id) {
            Some(known) => Ok(Self::Firefox(known.id.clone())),
            None => Err(CallerError::Unknown(shown(id))),
        }
    }

    /// The origin that the daemon gets and the extension signs: `chrome-extension://ID/` or `firefox-extension://ID/`.
    ///
    /// Firefox draws a random `moz-extension:` origin for each profile and gives the host only the id.
    pub fn origin(&self) -> String {
        match self {
            Self::Chromium(id) => format!("chrome-extension://{id}/"),
            Self::Firefox(id) => format!("firefox-extension://{id}/"),
        }
    }
}

fn shown(text: &str) -> String {
    text.chars().filter(|c| c.is_ascii_graphic()).take(64).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CHROMIUM: &str = "chrome-extension://glggelpbdmnoognbkiacemakhjalbeki/";
    const MANIFEST: &str = "/home/u/.mozilla/native-messaging-hosts/app.bauta.bridge.json";

    fn of(arguments: &[&str]) -> Result<Caller, CallerError> {
        Caller::of(&arguments.iter().map(OsString::from).collect::<Vec<_>>())
    }

    #[test]
    fn the_list_is_well_formed() {
        let ids = Ids::compiled().unwrap();
        assert_eq!(ids.host, HOST_NAME);
        let letters = |id: &str| id.len() == 32 && id.bytes().all(|byte| (b'a'..=b'p').contains(&byte));
        assert!(!ids.chromium.is_empty() && ids.chromium.iter().all(|known| letters(&known.id)));
        assert!(!ids.firefox.is_empty() && ids.firefox.iter().all(|known| known.id.contains('@')));
    }

    #[test]
    fn known_extensions_may() {
        for arguments in [&[CHROMIUM][..], &[CHROMIUM, "--parent-window=0"]] {
            assert_eq!(of(arguments).unwrap().origin(), CHROMIUM);
        }
        assert_eq!(
            of(&[MANIFEST, "extension@bauta.app"]).unwrap().origin(),
            "firefox-extension://extension@bauta.app/"
        );
    }

    #[test]
    fn others_may_not() {
        for origin in [
            "chrome-extension://aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/",
            "chrome-extension://glggelpbdmnoognbkiacemakhjalbeki",
            "chrome-extension://glggelpbdmnoognbkiacemakhjalbeki/x",
            "chrome-extension://glggelpbdmnoognbkiacemakhjalbeki//",
            "chrome-extension://",
        ] {
            assert!(matches!(of(&[origin]), Err(CallerError::Unknown(_))), "{origin}");
        }
        assert!(matches!(of(&[MANIFEST, "other@example.org"]), Err(CallerError::Unknown(_))));
        for arguments in [
            &[][..],
            &["--help"],
            &["https://example.org/"],
            &[MANIFEST],
            &["extension@bauta.app", MANIFEST],
            &["app.bauta.bridge.json", "extension@bauta.app"],
            &["/tmp/other.json", "extension@bauta.app"],
        ] {
            assert_eq!(of(arguments), Err(CallerError::NotABrowser), "{arguments:?}");
        }
    }

    proptest! {
        #[test]
        fn any_arguments_are_answered(arguments in prop::collection::vec(any::<String>(), 0..4)) {
            let arguments: Vec<_> = arguments.into_iter().map(OsString::from).collect();
            prop_assert!(Caller::of(&arguments).is_err());
        }
    }
}
