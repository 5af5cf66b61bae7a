use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use crate::{RpcError, codes};

/// The home: the one chosen (`--home`, `BAUTA_HOME`), or `bauta` below the XDG data directory
/// (XDG Base Directory Specification 0.8). Always absolute. An empty choice is none.
///
/// Errors: `home.invalid`.
pub fn home_directory(chosen: Option<&Path>) -> Result<PathBuf, RpcError> {
    let home = match chosen {
        Some(home) if home.as_os_str().is_empty() => None,
        Some(home) => Some(home.to_owned()),
        None => default_home(std::env::var_os("XDG_DATA_HOME").as_deref(), std::env::home_dir().as_deref()),
    };
    let home = home.ok_or_else(|| RpcError::new(&codes::HOME_INVALID, "There is no home directory."))?;
    std::path::absolute(&home).map_err(|error| {
        RpcError::new(&codes::HOME_INVALID, format!("{} cannot be used: {error}.", home.display()))
    })
}

fn default_home(data: Option<&OsStr>, user: Option<&Path>) -> Option<PathBuf> {
    // The specification says to ignore a relative path.
    let data = data.map(PathBuf::from).filter(|path| path.is_absolute());
    let data = data.or_else(|| Some(user.filter(|path| path.is_absolute())?.join(".local").join("share")));
    data.map(|data| data.join("bauta"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_home_follows_xdg() {
        let home =
            |data: Option<&str>, user: Option<&str>| default_home(data.map(OsStr::new), user.map(Path::new));
        assert_eq!(home(Some("/d"), Some("/u")), Some("/d/bauta".into()));
        assert_eq!(home(Some("relative"), Some("/u")), Some("/u/.local/share/bauta".into()));
        assert_eq!(home(None, Some("/u")), Some("/u/.local/share/bauta".into()));
        assert_eq!(home(None, Some("relative")), None);
        assert_eq!(home(None, None), None);
    }

    #[test]
    fn a_choice_is_made_absolute_and_an_empty_one_refused() {
        assert!(home_directory(Some(Path::new("somewhere"))).unwrap().is_absolute());
        assert!(home_directory(Some(Path::new(""))).unwrap_err().is(&codes::HOME_INVALID));
    }
}
