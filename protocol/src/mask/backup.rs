//! Mask's backup: personas, profiles and post keys in one encrypted file.

use rand_core::CryptoRng;
use zeroize::Zeroizing;

use super::id::{PostIvId, ProfileId};
use super::key::{LocalKey, PostKey, PublicKey, SecretKey};
use super::pack::PackError;
use super::persona::Words;
use crate::error::{HasKind, Kind};
use crate::time::Timestamp;

mod file;
mod read;
mod write;

pub use file::{OpenError, cloud_password, decrypt_backup_file, encrypt_backup_file, password_bytes};
pub use read::{BackupReadError, LeftOut, Report, WhyLeftOut};

/// What a backup holds, as far as this program uses it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Backup {
    /// Personas: the user's own, with a private key, and those of others.
    pub personas: Vec<BackupPersona>,
    /// Profiles on social networks, and the personas they belong to.
    pub profiles: Vec<BackupProfile>,
    /// Keys of posts that were read or written.
    pub posts: Vec<BackupPost>,
}

/// A persona.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupPersona {
    /// The public key.
    pub public: PublicKey,
    /// The private key, if it is the user's own.
    pub secret: Option<SecretKey>,
    /// The local key.
    pub local_key: Option<LocalKey>,
    /// The recovery words.
    pub words: Option<Words>,
    /// The name its owner gave it.
    pub nickname: Option<String>,
    /// Profiles it is linked to.
    pub linked: Vec<Linked>,
    /// The Ethereum address.
    pub address: Option<String>,
    /// When it was made.
    pub created: Timestamp,
    /// When it was last changed.
    pub updated: Timestamp,
}

/// A profile that a persona is linked to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Linked {
    /// The profile.
    pub profile: ProfileId,
    /// How sure the link is, in the extension's words: `confirmed`, `pending` or another.
    pub confirmation: String,
}

/// A profile on a social network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupProfile {
    /// The profile.
    pub id: ProfileId,
    /// Its name.
    pub nickname: Option<String>,
    /// A local key of its own, from old versions.
    pub local_key: Option<LocalKey>,
    /// The persona behind it.
    pub persona: Option<PublicKey>,
    /// When it was first seen.
    pub created: Timestamp,
    /// When it was last changed.
    pub updated: Timestamp,
}

/// The key of a post.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupPost {
    /// The post.
    pub id: PostIvId,
    /// Its author.
    pub author: ProfileId,
    /// Its key.
    pub key: PostKey,
    /// Whether everybody can read it.
    pub public: bool,
    /// When it was found.
    pub found: Timestamp,
}

impl Backup {
    /// Opens a backup file: the encrypted one, or a plain JSON file of version 2.
    ///
    /// # Errors
    /// [`OpenError`]: wrong password, damaged file, an old or unknown version.
    pub fn open(file: &[u8], password: &str) -> Result<(Self, Report), OpenError> {
        if let Some(json) = plain_json(file) {
            return Self::read_json(json).map_err(OpenError::Read);
        }
        Self::read(&decrypt_backup_file(file, password)?).map_err(OpenError::Read)
    }

    /// Whether a backup file is plain JSON, which has no password.
    #[must_use]
    pub fn is_plain(file: &[u8]) -> bool {
        plain_json(file).is_some()
    }

    /// Reads the decrypted bytes of a backup. The report names what cannot be imported.
    ///
    /// # Errors
    /// [`BackupReadError`] when it is not a backup of version 2.
    pub fn read(plain: &[u8]) -> Result<(Self, Report), BackupReadError> {
        read::from_pack(plain)
    }

    /// Reads a backup in plain JSON.
    ///
    /// # Errors
    /// [`BackupReadError`] when it is not a backup of version 2.
    pub fn read_json(plain: &[u8]) -> Result<(Self, Report), BackupReadError> {
        read::from_json(plain)
    }

    /// The bytes that go into the encrypted file, in the form the extension reads.
    ///
    /// # Errors
    /// [`ExportError`].
    pub fn write(&self, now: Timestamp) -> Result<Zeroizing<Vec<u8>>, ExportError> {
        write::to_pack(self, now).map_err(ExportError)
    }

    /// The encrypted file that the extension imports. Draws a salt and a nonce, 16 bytes each.
    ///
    /// # Errors
    /// [`ExportError`].
    pub fn to_file<R: CryptoRng + ?Sized>(
        &self,
        password: &str,
        now: Timestamp,
        rng: &mut R,
    ) -> Result<Vec<u8>, ExportError> {
        encrypt_backup_file(&self.write(now)?, password, rng)
    }
}

/// A plain file from its first brace on.
fn plain_json(file: &[u8]) -> Option<&[u8]> {
    let mut json = file.trim_ascii_start();
    while let Some(rest) = json.strip_prefix("\u{feff}".as_bytes()) {
        json = rest.trim_ascii_start();
    }
    json.starts_with(b"{").then_some(json)
}

/// The library refused to write a backup.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the backup could not be put into bytes")]
pub struct ExportError(#[source] PackError);

impl HasKind for ExportError {
    fn kind(&self) -> Kind {
        Kind::Internal
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_files_need_no_password() {
        let json = r#"{"_meta_":{"version":2,"type":"maskbook-backup"},"personas":[]}"#;
        for before in ["", "\u{feff}", " \r\n", "\u{feff}\n", "\n\u{feff}", "\u{feff}\u{feff}"] {
            let file = format!("{before}{json}\n");
            assert!(Backup::is_plain(file.as_bytes()), "{before:?}");
            assert_eq!(Backup::open(file.as_bytes(), "").unwrap().0, Backup::default());
        }
        assert!(!Backup::is_plain(b"MASK-BACKUP-V000{") && !Backup::is_plain(b""));
    }
}
