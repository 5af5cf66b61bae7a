//! The master key under a passphrase: Argon2id (RFC 9106), then XChaCha20-Poly1305.

use argon2::{Algorithm, Argon2, Params, Version};
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, Zeroizing};

use super::UnlockError;

/// Memory in KiB, passes and lanes for a new home: the second recommendation of RFC 9106, section 4.
const COST: Cost = Cost { memory_kib: 64 * 1024, passes: 3, lanes: 1 };

/// The highest cost that is accepted from a file: somebody could change the file to exhaust this machine.
const MAX_COST: Cost = Cost { memory_kib: 1024 * 1024, passes: 64, lanes: 16 };

const LABEL: &[u8] = b"bauta/unlock/1";

#[derive(Clone, Copy, Deserialize, Eq, PartialEq, Serialize)]
struct Cost {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
}

/// A wrapped key and what is needed to unwrap it, as hex. Not secret, but whoever has it can guess passphrases: keep it
/// 0600.
#[derive(Clone, Deserialize, Serialize)]
pub(super) struct Wrapped {
    argon2id: Cost,
    salt: String,
    nonce: String,
    key: String,
}

pub(super) fn wrap(passphrase: &str, key: &[u8; 32]) -> Result<Wrapped, UnlockError> {
    wrap_at(COST, passphrase, key)
}

fn wrap_at(cost: Cost, passphrase: &str, key: &[u8; 32]) -> Result<Wrapped, UnlockError> {
    if passphrase.is_empty() {
        return Err(UnlockError::EmptyPassphrase);
    }
    let (mut salt, mut nonce) = ([0; 16], [0; 24]);
    crate::random::fill(&mut salt);
    crate::random::fill(&mut nonce);
    let sealed = cipher(cost, passphrase, &salt)?
        .encrypt(&XNonce::from(nonce), Payload { msg: key, aad: LABEL })
        .map_err(|_| UnlockError::Memory)?;
    Ok(Wrapped {
        argon2id: cost,
        salt: HEXLOWER.encode(&salt),
        nonce: HEXLOWER.encode(&nonce),
        key: HEXLOWER.encode(&sealed),
    })
}

/// `Err(None)`: the file is damaged.
pub(super) fn unwrap(
    passphrase: &str,
    wrapped: &Wrapped,
) -> Result<Zeroizing<[u8; 32]>, Option<UnlockError>> {
    let salt: [u8; 16] = hex(&wrapped.salt)?;
    let nonce: [u8; 24] = hex(&wrapped.nonce)?;
    let sealed: [u8; 48] = hex(&wrapped.key)?;
    let cost = wrapped.argon2id;
    if cost.memory_kib > MAX_COST.memory_kib || cost.passes > MAX_COST.passes || cost.lanes > MAX_COST.lanes {
        return Err(None);
    }
    let mut plain = cipher(cost, passphrase, &salt)
        .map_err(Some)?
        .decrypt(&XNonce::from(nonce), Payload { msg: &sealed, aad: LABEL })
        .map_err(|_| Some(UnlockError::WrongPassphrase))?;
    let mut key = Zeroizing::new([0; 32]);
    key.copy_from_slice(plain.get(..32).ok_or(None)?);
    plain.zeroize();
    Ok(key)
}

fn cipher(cost: Cost, passphrase: &str, salt: &[u8; 16]) -> Result<XChaCha20Poly1305, UnlockError> {
    let params =
        Params::new(cost.memory_kib, cost.passes, cost.lanes, Some(32)).map_err(|_| UnlockError::Memory)?;
    let mut key = Zeroizing::new([0; 32]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(passphrase.as_bytes(), salt, key.as_mut_slice())
        .map_err(|_| UnlockError::Memory)?;
    Ok(XChaCha20Poly1305::new((&*key).into()))
}

fn hex<const N: usize>(text: &str) -> Result<[u8; N], Option<UnlockError>> {
    HEXLOWER.decode(text.as_bytes()).ok().and_then(|bytes| bytes.try_into().ok()).ok_or(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHEAP: Cost = Cost { memory_kib: 64, passes: 1, lanes: 1 };

    #[test]
    fn only_the_passphrase_opens() {
        let wrapped = wrap_at(CHEAP, "correct horse", &[7; 32]).unwrap();
        assert_eq!(unwrap("correct horse", &wrapped).ok().map(|key| *key), Some([7; 32]));
        assert!(matches!(unwrap("correct horsf", &wrapped), Err(Some(UnlockError::WrongPassphrase))));
        assert!(matches!(wrap_at(CHEAP, "", &[7; 32]), Err(UnlockError::EmptyPassphrase)));
    }

    #[test]
    fn a_changed_file_is_refused() {
        let good = wrap_at(CHEAP, "p", &[7; 32]).unwrap();
        let greedy = Cost { memory_kib: u32::MAX, ..CHEAP };
        assert!(matches!(unwrap("p", &Wrapped { argon2id: greedy, ..good.clone() }), Err(None)));
        assert!(matches!(unwrap("p", &Wrapped { salt: "zz".to_owned(), ..good.clone() }), Err(None)));
        assert!(matches!(unwrap("p", &Wrapped { key: String::new(), ..good }), Err(None)));
    }
}
