//! The encrypted file: a magic number, a MessagePack array of salt, nonce and ciphertext, and a checksum.

use pbkdf2::pbkdf2_hmac;
use rand_core::CryptoRng;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::ExportError;
use super::read::BackupReadError;
use crate::error::{HasKind, Kind};
use crate::mask::cipher;
use crate::mask::limits::MAX_BACKUP;
use crate::mask::pack::{self, PackError, Value};

const MARK: &[u8; 16] = b"MASK-BACKUP-V000";
const ROUNDS: u32 = 10_000;

/// The password of a backup in the extension's cloud: the mail address or phone number, then the password.
#[must_use]
pub fn cloud_password(account: &str, password: &str) -> Zeroizing<String> {
    Zeroizing::new([account, password].concat())
}

/// What the key is derived from: the password as a MessagePack text, including the bytes that encode its length.
///
/// The extension encodes the password before it derives the key. A longer password therefore changes the first bytes too.
#[must_use]
pub fn password_bytes(password: &str) -> Zeroizing<Vec<u8>> {
    let length = password.len();
    let mut bytes = Zeroizing::new(Vec::with_capacity(length.saturating_add(5)));
    let size = (length as u32).to_be_bytes();
    match length {
        0..=31 => bytes.push(0xa0 | length as u8),
        32..=0xff => bytes.extend([0xd9, length as u8]),
        0x100..=0xffff => bytes.extend([&[0xda], size.split_at(2).1].concat()),
        _ => bytes.extend([&[0xdb], size.as_slice()].concat()),
    }
    bytes.extend(password.as_bytes());
    bytes
}

/// Decrypts a backup file.
///
/// # Errors
/// [`OpenError::NotABackup`], [`OpenError::Damaged`], [`OpenError::WrongPassword`], [`OpenError::TooLarge`].
pub fn decrypt_backup_file(file: &[u8], password: &str) -> Result<Zeroizing<Vec<u8>>, OpenError> {
    if file.len() > MAX_BACKUP {
        return Err(OpenError::TooLarge);
    }
    let rest = file.strip_prefix(MARK).ok_or(OpenError::NotABackup)?;
    let (body, checksum) = rest.split_last_chunk::<32>().ok_or(OpenError::Damaged)?;
    if Sha256::digest(body).as_slice() != checksum {
        return Err(OpenError::Damaged);
    }
    let Ok(Value::Array(parts)) = pack::read(body, 8) else { return Err(OpenError::Damaged) };
    let [Value::Binary(salt), Value::Binary(nonce), Value::Binary(sealed)] = parts.as_slice() else {
        return Err(OpenError::Damaged);
    };
    let nonce = nonce.as_slice().try_into().map_err(|_| OpenError::Damaged)?;
    // The checksum is right, so the file is as it was written, and only the password can be wrong. (The checksum is not a
    // MAC: whoever changes a file can write a new one. Such a file ends here too.)
    cipher::open(&derive(password, salt), nonce, sealed).ok_or(OpenError::WrongPassword)
}

/// Encrypts the bytes of a backup. Draws a salt and a nonce, 16 bytes each, in this order.
///
/// # Errors
/// [`ExportError`].
pub fn encrypt_backup_file<R: CryptoRng + ?Sized>(
    plain: &[u8],
    password: &str,
    rng: &mut R,
) -> Result<Vec<u8>, ExportError> {
    let (salt, nonce) = (cipher::draw(rng), cipher::draw(rng));
    let sealed =
        cipher::seal(&derive(password, &salt), &nonce, plain).ok_or(ExportError(PackError::TooMany))?;
    let body = Value::Array(vec![
        Value::Binary(salt.to_vec()),
        Value::Binary(nonce.to_vec()),
        Value::Binary(sealed),
    ]);
    let body = pack::write(&body).map_err(ExportError)?;
    let checksum = Sha256::digest(&body);
    Ok([MARK.as_slice(), &body, checksum.as_slice()].concat())
}

fn derive(password: &str, salt: &[u8]) -> Zeroizing<[u8; 32]> {
    let mut key = Zeroizing::new([0; 32]);
    pbkdf2_hmac::<Sha256>(&password_bytes(password), salt, ROUNDS, key.as_mut());
    key
}

/// Why a backup does not open.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// Another kind of file.
    #[error("this is not a backup file of Mask Network")]
    NotABackup,
    /// Its checksum is wrong.
    #[error("the backup file is damaged or incomplete; fetch it again from where it was saved")]
    Damaged,
    /// The file is whole, but the password does not open it.
    #[error(
        "the password is wrong; a backup from the cloud needs the mail address or phone number before it"
    )]
    WrongPassword,
    /// Larger than [`MAX_BACKUP`].
    #[error("the backup file has over {MAX_BACKUP} bytes")]
    TooLarge,
    /// It opened, but its content cannot be read.
    #[error("the backup cannot be read")]
    Read(#[source] BackupReadError),
}

impl HasKind for OpenError {
    fn kind(&self) -> Kind {
        match self {
            Self::WrongPassword => Kind::Locked,
            Self::Read(error) => error.kind(),
            Self::NotABackup | Self::Damaged | Self::TooLarge => Kind::Malformed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rng() -> impl CryptoRng {
        getrandom::rand_core::UnwrapErr(getrandom::SysRng)
    }

    #[test]
    fn password_lengths() {
        for (length, head) in [
            (3, vec![0xa3]),
            (31, vec![0xbf]),
            (32, vec![0xd9, 32]),
            (255, vec![0xd9, 255]),
            (256, vec![0xda, 1, 0]),
            (65_536, vec![0xdb, 0, 1, 0, 0]),
        ] {
            let password = "p".repeat(length);
            assert_eq!(password_bytes(&password).as_slice(), [&head, password.as_bytes()].concat());
        }
    }

    #[test]
    fn wrong_password_and_damage_differ() {
        let file = encrypt_backup_file(b"plain", "right", &mut rng()).unwrap();
        assert_eq!(decrypt_backup_file(&file, "right").unwrap().as_slice(), b"plain");
        assert_eq!(decrypt_backup_file(&file, "wrong"), Err(OpenError::WrongPassword));
        for place in 0..file.len() {
            let mut damaged = file.clone();
            damaged[place] ^= 0x10;
            let expected = if place < 16 { OpenError::NotABackup } else { OpenError::Damaged };
            assert_eq!(decrypt_backup_file(&damaged, "right"), Err(expected), "{place}");
            assert!(decrypt_backup_file(&file[..place], "right").is_err());
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_answered(bytes: Vec<u8>) {
            let _ = decrypt_backup_file(&bytes, "");
            let body = [&[0x93], bytes.as_slice()].concat();
            let checksum = Sha256::digest(&body);
            let _ = decrypt_backup_file(&[MARK.as_slice(), &body, checksum.as_slice()].concat(), "");
        }
    }
}
