//! Backups of a home: one file in the age format, under a passphrase.

mod error;
mod read;
mod write;

use std::path::Path;

use bauta_protocol::time::{Clock, Timestamp};
use bauta_sphinx_client::SystemClock;

pub use self::error::BackupError;
pub(crate) use self::write::{Timers, write};
use crate::store::{Store, is_there, private_home};
use crate::unlock::{Unlock, forget, master_key};

/// What a backup holds.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Contents {
    /// Personas.
    pub personas: u64,
    /// Contacts.
    pub contacts: u64,
    /// Messages.
    pub messages: u64,
    /// All rows.
    pub rows: u64,
    /// When it was made, in milliseconds since the Unix epoch.
    pub made_at: u64,
}

impl Contents {
    fn count(&mut self, table: &str) {
        let one = match table {
            "personas" => &mut self.personas,
            "contacts" => &mut self.contacts,
            "messages" => &mut self.messages,
            _ => &mut 0,
        };
        *one = one.saturating_add(1);
        self.rows = self.rows.saturating_add(1);
    }
}

/// Makes a home from a backup. It is protected as `unlock` says; its conversations begin again by themselves when its
/// daemon runs.
///
/// # Errors
/// [`BackupError::NotEmpty`] where there is a store; see [`BackupError`]. Nothing is left of the home then.
pub async fn restore(
    home: &Path,
    unlock: &Unlock,
    file: &Path,
    passphrase: &str,
) -> Result<Contents, BackupError> {
    restore_at(home, unlock, file, passphrase, SystemClock.now()).await
}

async fn restore_at(
    home: &Path,
    unlock: &Unlock,
    file: &Path,
    passphrase: &str,
    now: Timestamp,
) -> Result<Contents, BackupError> {
    // All of it is read once before anything is made.
    let checked = read::check(file, passphrase)?;
    private_home(home)?;
    if is_there(home)? {
        return Err(BackupError::NotEmpty(home.to_owned()));
    }
    let key = master_key(home, unlock, true)?;
    let store = Store::open(home, &key, now)?;
    let rows = read::Rows::open(file, passphrase)?;
    let restored = store.run(move |tx| -> Result<Contents, BackupError> {
        let contents = rows.each(|table, cells| Ok(tx.restore_row(table, &cells)?))?;
        tx.begin_restored(Timestamp(contents.made_at), now)?;
        Ok(contents)
    });
    let restored = restored.await.and_then(|contents| match contents == checked {
        true => Ok(contents),
        false => Err(BackupError::Changed),
    });
    store.close().await;
    if restored.is_err() {
        crate::store::remove(home)?;
        forget(home)?;
    }
    restored
}
