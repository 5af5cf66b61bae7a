//! The keychain of the operating system: Secret Service, macOS Keychain, or Windows Credential Manager.

use keyring::{Entry, Error};
use zeroize::{Zeroize, Zeroizing};

use super::UnlockError;

const SERVICE: &str = "bauta";

pub(super) fn read(name: &str) -> Result<Zeroizing<[u8; 32]>, UnlockError> {
    let mut bytes = entry(name)?.get_secret().map_err(|error| match error {
        Error::NoEntry => UnlockError::MissingInKeychain,
        other => silent(&other),
    })?;
    let mut key = Zeroizing::new([0; 32]);
    let fits = bytes.len() == key.len();
    if fits {
        key.copy_from_slice(&bytes);
    }
    bytes.zeroize();
    if fits { Ok(key) } else { Err(UnlockError::MissingInKeychain) }
}

pub(super) fn write(name: &str, key: &[u8; 32]) -> Result<(), UnlockError> {
    entry(name)?.set_secret(key).map_err(|error| silent(&error))?;
    // Some keychains report success and store nothing. Read it back before the store depends on it.
    if read(name)?.as_slice() == key { Ok(()) } else { Err(UnlockError::MissingInKeychain) }
}

/// Removes an entry. One that stays opens nothing that this user could not open before.
pub(super) fn forget(name: &str) {
    if let Err(error) =
        entry(name).and_then(|entry| entry.delete_credential().map_err(|error| silent(&error)))
    {
        tracing::warn!("The old entry in the keychain was not removed: {error}.");
    }
}

/// Whether there is a keychain that answers. It is asked for an entry that it cannot have, so that it asks the user nothing.
pub(super) fn answers() -> Result<(), UnlockError> {
    match entry("nothing")?.get_secret() {
        Ok(mut bytes) => {
            bytes.zeroize();
            Ok(())
        }
        Err(Error::NoEntry) => Ok(()),
        Err(error) => Err(silent(&error)),
    }
}

fn entry(name: &str) -> Result<Entry, UnlockError> {
    Entry::new(SERVICE, name).map_err(|error| silent(&error))
}

/// The error in words. Its `Debug` must not be shown: some variants carry the secret's bytes.
fn silent(error: &Error) -> UnlockError {
    let text = match error {
        Error::PlatformFailure(source) | Error::NoStorageAccess(source) => source.to_string(),
        Error::NoDefaultStore => "there is none".to_owned(),
        _ => "it refused".to_owned(),
    };
    UnlockError::NoKeychain(text.chars().filter(|c| !c.is_control()).take(200).collect())
}
