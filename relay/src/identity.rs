//! The relay's identity key, kept in the data directory.

use std::path::Path;

use bauta_protocol::descriptor::RelayIdentity;
use rand_core::CryptoRng;

use crate::error::RelayError;
use crate::files;

/// The name of the file in the data directory: 32 bytes, the secret scalar, big-endian.
pub const IDENTITY_FILE: &str = "identity.key";

/// Reads the identity in `data`, or makes one at the first start.
///
/// # Errors
/// [`RelayError::BadIdentity`] for a file that holds no key, [`RelayError::Exposed`] and [`RelayError::Foreign`]
/// for one that others can read.
pub fn load_or_generate<R: CryptoRng + ?Sized>(
    data: &Path,
    rng: &mut R,
) -> Result<RelayIdentity, RelayError> {
    let path = data.join(IDENTITY_FILE);
    let Some(bytes) = files::read_key(&path, 32)? else {
        let identity = RelayIdentity::generate(rng);
        files::write_whole(&path, identity.to_bytes().as_slice())?;
        return Ok(identity);
    };
    let bad = || RelayError::BadIdentity(path.clone());
    let secret: &[u8; 32] = bytes.as_slice().try_into().map_err(|_| bad())?;
    RelayIdentity::from_bytes(secret).map_err(|_| bad())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use getrandom::SysRng;
    use rand_core::UnwrapErr;

    use super::*;

    #[test]
    fn the_identity_stays_the_same() {
        let home = tempfile::tempdir().unwrap();
        let first = load_or_generate(home.path(), &mut UnwrapErr(SysRng)).unwrap().id();
        let again = load_or_generate(home.path(), &mut UnwrapErr(SysRng)).unwrap().id();
        assert_eq!(first, again);
        let other = tempfile::tempdir().unwrap();
        assert_ne!(first, load_or_generate(other.path(), &mut UnwrapErr(SysRng)).unwrap().id());
    }

    #[test]
    fn a_damaged_or_exposed_key_is_refused_and_kept() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join(IDENTITY_FILE);
        for bad in [&b"short"[..], &[0; 32], &[0xff; 32], &[1; 33]] {
            files::write_whole(&path, bad).unwrap();
            let refused = load_or_generate(home.path(), &mut UnwrapErr(SysRng));
            assert!(matches!(refused, Err(RelayError::BadIdentity(_))));
            assert_eq!(fs::read(&path).unwrap(), bad);
        }
        files::write_whole(&path, &[1; 32]).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        let refused = load_or_generate(home.path(), &mut UnwrapErr(SysRng));
        assert!(matches!(refused, Err(RelayError::Exposed(_))));
    }
}
