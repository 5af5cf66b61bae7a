use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};

use crate::{RpcError, codes, file_code};

/// The longest path of a home, in bytes. SQLite refuses a path of more than 512 with its end and the longest of its
/// suffixes (`MAX_PATHNAME` in its os_unix.c), and the store is `HOME/store.db`.
pub(crate) const MAX_HOME_PATH: usize = 512 - "-journal".len() - "/store.db".len() - 1;

/// Why no home can be at a path.
#[derive(Debug, thiserror::Error)]
pub enum HomeError {
    /// The store could not be opened there.
    #[error("{} cannot be a home: its path has more than {MAX_HOME_PATH} bytes", .0.display())]
    TooLong(PathBuf),
    /// There is something else.
    #[error("{} cannot be a home: it is not a directory", .0.display())]
    NotADirectory(PathBuf),
    /// The operating system says why.
    #[error("{} cannot be a home: {source}", .path.display())]
    Unusable {
        /// The home.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl HomeError {
    pub(crate) fn unusable(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Unusable { path: path.to_owned(), source }
    }
}

impl From<HomeError> for RpcError {
    fn from(error: HomeError) -> Self {
        let code = match &error {
            HomeError::Unusable { source, .. } => file_code(source, &codes::HOME_INVALID),
            _ => &codes::HOME_INVALID,
        };
        Self::of(code, &error)
    }
}

/// Whether a home can be at an absolute path, as far as can be seen without making one.
pub(crate) fn check_home(home: &Path) -> Result<(), HomeError> {
    let is_long = |path: &Path| path.as_os_str().len() > MAX_HOME_PATH;
    // SQLite follows links before it measures.
    if is_long(home) || std::fs::canonicalize(home).is_ok_and(|home| is_long(&home)) {
        return Err(HomeError::TooLong(home.to_owned()));
    }
    match std::fs::metadata(home) {
        Ok(metadata) if metadata.is_dir() => Ok(()),
        Ok(_) => Err(HomeError::NotADirectory(home.to_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(HomeError::unusable(home)(error)),
    }
}

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
    let home = std::path::absolute(&home).map_err(HomeError::unusable(&home))?;
    check_home(&home)?;
    Ok(home)
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

    #[test]
    fn a_path_where_no_home_can_be_is_refused() {
        let there = tempfile::tempdir().unwrap();
        let file = there.path().join("file");
        std::fs::write(&file, "").unwrap();
        // Directories of 100 bytes, and a last one that fills the path up to `length`.
        let deep = |length: usize| {
            let mut path = there.path().to_owned();
            while length - path.as_os_str().len() > 201 {
                path.push("h".repeat(100));
            }
            let rest = length - path.as_os_str().len() - 1;
            path.join("h".repeat(rest))
        };
        let linked = there.path().join("link");
        std::fs::create_dir_all(deep(MAX_HOME_PATH + 1)).unwrap();
        std::os::unix::fs::symlink(deep(MAX_HOME_PATH + 1), &linked).unwrap();
        for bad in [
            file.clone(),
            file.join("home"),
            there.path().join("h".repeat(256)),
            deep(MAX_HOME_PATH + 1),
            deep(540),
            deep(5000),
            linked,
        ] {
            let refused = home_directory(Some(&bad)).unwrap_err();
            assert!(refused.is(&codes::HOME_INVALID), "{}: {refused:?}", bad.display());
        }
        for good in [there.path().to_owned(), there.path().join("new/home"), deep(MAX_HOME_PATH)] {
            assert_eq!(home_directory(Some(&good)).unwrap(), good);
        }
    }
}
