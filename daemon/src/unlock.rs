//! The master key of a home: drawn once, and kept where the user chose at the first run.
//!
//! The choice is in `HOME/unlock.json`, which holds no secret (for a passphrase: the wrapped key, its salt and the cost
//! parameters). There is no fallback from one mode to another.

mod file;
mod keychain;
mod passphrase;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use bauta_protocol::error::{HasKind, Kind};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use self::passphrase::Wrapped;

/// Where the master key of a home is kept.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// In the keychain of the operating system.
    Keychain,
    /// In `HOME/unlock.json`, encrypted under a passphrase.
    Passphrase,
    /// In the file `HOME/key`, which only its owner can read: for servers. Whoever can read the disk can read the store.
    KeyFile,
}

/// A mode, with what is needed to unlock.
#[derive(Clone)]
pub enum Unlock {
    /// See [`Mode::Keychain`].
    Keychain,
    /// See [`Mode::Passphrase`].
    Passphrase(Zeroizing<String>),
    /// See [`Mode::KeyFile`].
    KeyFile,
}

/// The key of a home's database.
pub(crate) struct MasterKey(Zeroizing<[u8; 32]>);

/// Why a home could not be unlocked, or could not be protected at the first run.
#[derive(Debug, thiserror::Error)]
pub enum UnlockError {
    /// The home was created with another mode.
    #[error("this home is protected by {expected}, not by {given}")]
    OtherMode {
        /// The home's mode.
        expected: Mode,
        /// What was tried.
        given: Mode,
    },
    /// The passphrase does not open the wrapped key.
    #[error("the passphrase is wrong")]
    WrongPassphrase,
    /// A passphrase must not be empty.
    #[error("the passphrase is empty")]
    EmptyPassphrase,
    /// The key file is gone.
    #[error("the key file {} is missing: put it back, the store cannot be opened without it", .0.display())]
    MissingKeyFile(PathBuf),
    /// The keychain holds no key for this home.
    #[error("the keychain has no key for this home: it was removed, or belongs to another user")]
    MissingInKeychain,
    /// No keychain answers.
    #[error(
        "the keychain of this system does not answer ({0}): unlock it, or choose passphrase or keyfile for a new home"
    )]
    NoKeychain(String),
    /// A file does not hold what Bauta writes there.
    #[error("{} is damaged: restore it from a backup", .0.display())]
    Damaged(PathBuf),
    /// A file was written by a newer version.
    #[error("{} was written by a newer version of Bauta", .0.display())]
    Newer(PathBuf),
    /// Others can read a secret file.
    #[error("{} can be read by other users: run chmod go= on it, and consider its content known", .0.display())]
    Exposed(PathBuf),
    /// A secret file belongs to another user.
    #[error("{} belongs to another user: run Bauta as that user, or give it to this one with chown", .0.display())]
    Foreign(PathBuf),
    /// A file could not be read or written.
    #[error("{} cannot be used: {source}", .path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// There is a database, but no `unlock.json`.
    #[error("{} is missing, although there is a store: put it back, the store cannot be opened without it", .0.display())]
    MissingMode(PathBuf),
    /// Key derivation failed because there was not enough memory.
    #[error("the passphrase could not be turned into a key: 64 MiB of memory are needed")]
    Memory,
}

impl HasKind for UnlockError {
    fn kind(&self) -> Kind {
        match self {
            Self::OtherMode { .. } | Self::EmptyPassphrase => Kind::Usage,
            Self::WrongPassphrase => Kind::Locked,
            Self::MissingKeyFile(_) | Self::MissingInKeychain | Self::MissingMode(_) => Kind::NotFound,
            Self::NoKeychain(_) | Self::Exposed(_) | Self::Foreign(_) => Kind::Refused,
            Self::Damaged(_) => Kind::Malformed,
            Self::Newer(_) => Kind::Unsupported,
            Self::File { .. } => Kind::Storage,
            Self::Memory => Kind::Full,
        }
    }
}

/// The content of `unlock.json`.
#[derive(Deserialize, Serialize)]
struct Description {
    version: u32,
    mode: Mode,
    /// Names the entry in the keychain; random, so that it says nothing about the home.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    entry: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    passphrase: Option<Wrapped>,
}

const VERSION: u32 = 1;
const DESCRIPTION: &str = "unlock.json";
const KEYFILE: &str = "key";

/// The master key of a home. At the first run (`fresh`: there is no database yet) it is drawn and stored as `unlock` says.
///
/// Takes about a quarter of a second with a passphrase; the keychain may ask the user.
pub(crate) fn master_key(home: &Path, unlock: &Unlock, fresh: bool) -> Result<MasterKey, UnlockError> {
    // The passphrase does not encrypt the database but wraps a random key: all three modes open the same kind of store,
    // and a new passphrase does not mean rewriting the database.
    //
    // Without a description but with a database a new key must not be drawn: the old database could never be opened, and
    // overwriting the description would destroy the only copy of a wrapped key that the user may still put back.
    match read_description(home)? {
        Some(description) => open(home, unlock, &description),
        None if fresh => create(home, unlock),
        None => Err(UnlockError::MissingMode(home.join(DESCRIPTION))),
    }
}

/// Removes what was kept for a home whose store was made in vain.
pub(crate) fn forget(home: &Path) -> Result<(), UnlockError> {
    if let Some(entry) = read_description(home)?.and_then(|description| description.entry) {
        keychain::forget(&entry);
    }
    file::remove(&home.join(DESCRIPTION))?;
    file::remove(&home.join(KEYFILE))
}

fn open(home: &Path, unlock: &Unlock, description: &Description) -> Result<MasterKey, UnlockError> {
    if unlock.mode() != description.mode {
        return Err(UnlockError::OtherMode { expected: description.mode, given: unlock.mode() });
    }
    let damaged = || UnlockError::Damaged(home.join(DESCRIPTION));
    let key = match unlock {
        Unlock::KeyFile => file::read_key(&home.join(KEYFILE))?,
        Unlock::Keychain => keychain::read(description.entry.as_deref().ok_or_else(damaged)?)?,
        Unlock::Passphrase(text) => {
            let wrapped = description.passphrase.as_ref().ok_or_else(damaged)?;
            passphrase::unwrap(text, wrapped).map_err(|error| error.unwrap_or_else(damaged))?
        }
    };
    if description.mode != Mode::KeyFile {
        // Left where a change of the mode was interrupted.
        file::remove(&home.join(KEYFILE))?;
    }
    Ok(MasterKey(key))
}

fn create(home: &Path, unlock: &Unlock) -> Result<MasterKey, UnlockError> {
    let mut key = Zeroizing::new([0; 32]);
    crate::random::fill(key.as_mut_slice());
    keep(home, unlock, &key)?;
    Ok(MasterKey(key))
}

/// Keeps the key as `unlock` says.
fn keep(home: &Path, unlock: &Unlock, key: &Zeroizing<[u8; 32]>) -> Result<(), UnlockError> {
    let mut description =
        Description { version: VERSION, mode: unlock.mode(), entry: None, passphrase: None };
    // The description is written last. If the process dies before, the home still counts as new and the next start draws
    // another key; a description without its key would lock the user out of a home that never held anything.
    match unlock {
        Unlock::KeyFile => file::write(&home.join(KEYFILE), key.as_slice())?,
        Unlock::Keychain => {
            let mut entry = [0; 16];
            crate::random::fill(&mut entry);
            let entry = data_encoding::HEXLOWER.encode(&entry);
            keychain::write(&entry, key)?;
            description.entry = Some(entry);
        }
        Unlock::Passphrase(text) => description.passphrase = Some(passphrase::wrap(text, key)?),
    }
    let path = home.join(DESCRIPTION);
    let text = serde_json::to_vec_pretty(&description)
        .map_err(|error| UnlockError::File { path: path.clone(), source: error.into() })?;
    file::write(&path, &text)
}

fn read_description(home: &Path) -> Result<Option<Description>, UnlockError> {
    let path = home.join(DESCRIPTION);
    let Some(bytes) = file::read(&path)? else { return Ok(None) };
    let damaged = |_| UnlockError::Damaged(path.clone());
    let value: serde_json::Value = serde_json::from_slice(&bytes).map_err(damaged)?;
    // Checked before the fields: a newer version may have others.
    if value
        .get("version")
        .and_then(serde_json::Value::as_u64)
        .is_some_and(|version| version > u64::from(VERSION))
    {
        return Err(UnlockError::Newer(path));
    }
    serde_json::from_value(value).map(Some).map_err(damaged)
}

impl Mode {
    /// Every mode, in the order they are shown.
    pub const ALL: [Self; 3] = [Self::Keychain, Self::Passphrase, Self::KeyFile];

    /// Its name, on the command line and in `unlock.json`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Keychain => "keychain",
            Self::Passphrase => "passphrase",
            Self::KeyFile => "keyfile",
        }
    }
}

impl Unlock {
    /// How a home is protected; `None` before its first run.
    ///
    /// # Errors
    /// When `unlock.json` is there and cannot be read.
    pub fn mode_of(home: &Path) -> Result<Option<Mode>, UnlockError> {
        Ok(read_description(home)?.map(|description| description.mode))
    }

    /// Whether this system has a keychain that answers. Blocks for as long as that takes, and asks the user nothing.
    ///
    /// # Errors
    /// When none does.
    pub fn keychain_answers() -> Result<(), UnlockError> {
        keychain::answers()
    }

    /// Whether this opens the key of a home that has a store.
    ///
    /// # Errors
    /// When it does not.
    pub fn check(&self, home: &Path) -> Result<(), UnlockError> {
        master_key(home, self, false).map(drop)
    }

    /// Protects a home in another way, or by another passphrase. The key of the store stays the same, so whoever has
    /// copied the old way to it together with the store can still open that copy.
    ///
    /// # Errors
    /// When this does not open the home, or the other way cannot be used; it is protected as before then.
    pub fn change(&self, home: &Path, to: &Self) -> Result<(), UnlockError> {
        let before = read_description(home)?;
        let before = before.ok_or_else(|| UnlockError::MissingMode(home.join(DESCRIPTION)))?;
        let MasterKey(key) = open(home, self, &before)?;
        keep(home, to, &key)?;
        // Last, so that at each moment one way leads to the key.
        if before.mode == Mode::KeyFile && to.mode() != Mode::KeyFile {
            file::remove(&home.join(KEYFILE))?;
        }
        if let Some(entry) = before.entry {
            keychain::forget(&entry);
        }
        Ok(())
    }

    /// The mode this belongs to.
    pub fn mode(&self) -> Mode {
        match self {
            Self::Keychain => Mode::Keychain,
            Self::Passphrase(_) => Mode::Passphrase,
            Self::KeyFile => Mode::KeyFile,
        }
    }
}

impl MasterKey {
    pub(crate) fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    #[cfg(test)]
    pub(crate) fn for_tests(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey(..)")
    }
}

impl fmt::Debug for Unlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Unlock({})", self.mode())
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// There is no mode of this name.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("choose keychain, passphrase or keyfile")]
pub struct UnknownMode;

impl FromStr for Mode {
    type Err = UnknownMode;

    fn from_str(text: &str) -> Result<Self, UnknownMode> {
        Self::ALL.into_iter().find(|mode| mode.name() == text).ok_or(UnknownMode)
    }
}

#[cfg(test)]
mod tests;
