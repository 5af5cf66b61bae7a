//! A door's Nym keys and its registration with its gateway, in one file that survives a kill.
//!
//! The file is plain JSON with mode 0600: a relay has to start without a passphrase.
//! It is replaced as a whole, so a kill leaves the old one or the new one.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bauta_private_file::{self as private_file, ReadError};
use nym_client_core_gateways_storage::{
    GatewayDetails, GatewayPublishedData, RawGatewayPublishedData, RawRemoteGatewayDetails,
    RemoteGatewayDetails,
};
use nym_sdk::mixnet::{
    ActiveGateway, BadGateway, ClientKeys, GatewayRegistration, GatewaysDetailsStore, KeyStore, NodeIdentity,
    Recipient, ed25519, x25519,
};
use nym_sphinx::acknowledgements::AckKey;
use rand::rngs::OsRng;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use zeroize::{Zeroize as _, Zeroizing};

use crate::guards::GatewayId;

const VERSION: u8 = 1;
/// A file is a few hundred bytes; a longer one was not written by this program.
const MAX_BYTES: u64 = 64 * 1024;

/// Why a door's file cannot be used.
#[derive(Debug, Error)]
pub(super) enum DoorFileError {
    /// Reading or writing failed.
    #[error("it cannot be read or written")]
    Io(#[source] io::Error),
    /// Other users can read it, or it belongs to one.
    #[error("other users can read it: run chmod go= on it, and give it to this user with chown")]
    Exposed,
    /// It holds something else.
    #[error("it does not hold the keys of a door")]
    Malformed,
    /// The SDK asked for a gateway that this door never had.
    #[error("the door is not registered with this gateway")]
    UnknownGateway,
    /// The SDK could not use the stored registration.
    #[error("the stored registration is malformed")]
    BadGateway(#[source] Box<BadGateway>),
}

impl From<BadGateway> for DoorFileError {
    fn from(source: BadGateway) -> Self {
        Self::BadGateway(Box::new(source))
    }
}

/// The storage of one door. Clones share it.
#[derive(Clone)]
pub(super) struct DoorFile {
    path: Arc<PathBuf>,
    content: Arc<Mutex<Content>>,
}

#[derive(Deserialize, Serialize)]
struct Content {
    version: u8,
    identity: [u8; 32],
    encryption: [u8; 32],
    ack: [u8; 16],
    /// Part of the address: never changes once set.
    gateway: Option<GatewayId>,
    registration: Option<Registration>,
}

#[derive(Deserialize, Serialize)]
struct Registration {
    made: i64,
    details: RawRemoteGatewayDetails,
}

impl Drop for Content {
    fn drop(&mut self) {
        self.identity.zeroize();
        self.encryption.zeroize();
        self.ack.zeroize();
    }
}

impl DoorFile {
    /// Reads the file, or makes fresh keys where there is none. Makes the directory with mode 0700.
    pub(super) fn open(path: &Path) -> Result<Self, DoorFileError> {
        if let Some(dir) = path.parent() {
            private_file::make_dir(dir).map_err(DoorFileError::Io)?;
        }
        let content = match Content::read(path)? {
            Some(content) => content,
            None => {
                let content = Content::generate()?;
                content.write(path)?;
                content
            }
        };
        // Keys that do not parse are an error now, not when the address is needed.
        content.keys()?;
        Ok(Self { path: Arc::new(path.to_owned()), content: Arc::new(Mutex::new(content)) })
    }

    /// The gateway of this door's address.
    pub(super) fn gateway(&self) -> Option<GatewayId> {
        self.lock().gateway.clone()
    }

    /// Makes this gateway part of the address, if there is none yet.
    pub(super) fn remember_gateway(&self, gateway: &GatewayId) -> Result<(), DoorFileError> {
        self.change(|content| {
            content.gateway.get_or_insert_with(|| gateway.clone());
        })
    }

    /// Makes the next connection register again, with the same keys.
    pub(super) fn forget_registration(&self) {
        self.lock().registration = None;
    }

    /// The Nym address, once the gateway is known.
    pub(super) fn address(&self) -> Option<[u8; 96]> {
        let content = self.lock();
        let gateway = NodeIdentity::from_base58_string(content.gateway.as_ref()?).ok()?;
        let keys = content.keys().ok()?;
        let address = Recipient::new(
            *keys.identity_keypair().public_key(),
            *keys.encryption_keypair().public_key(),
            gateway,
        );
        Some(address.to_bytes())
    }

    fn change(&self, change: impl FnOnce(&mut Content)) -> Result<(), DoorFileError> {
        let mut content = self.lock();
        change(&mut content);
        content.write(&self.path)
    }

    fn registration(&self) -> Result<Option<GatewayRegistration>, DoorFileError> {
        let content = self.lock();
        let Some(Registration { made, details }) = &content.registration else {
            return Ok(None);
        };
        let raw = RawRemoteGatewayDetails {
            gateway_id_bs58: details.gateway_id_bs58.clone(),
            derived_aes256_gcm_siv_key: details.derived_aes256_gcm_siv_key.clone(),
            published_data: details.published_data.clone(),
        };
        Ok(Some(GatewayRegistration {
            details: GatewayDetails::Remote(RemoteGatewayDetails::try_from(raw)?),
            registration_timestamp: time::OffsetDateTime::from_unix_timestamp(*made)
                .map_err(|_| DoorFileError::Malformed)?,
        }))
    }

    fn lock(&self) -> MutexGuard<'_, Content> {
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Content {
    fn generate() -> Result<Self, DoorFileError> {
        let keys = ClientKeys::generate_new(&mut OsRng);
        Ok(Self {
            version: VERSION,
            identity: keys.identity_keypair().private_key().to_bytes(),
            encryption: keys.encryption_keypair().private_key().to_bytes(),
            ack: keys.ack_key().as_bytes().try_into().map_err(|_| DoorFileError::Malformed)?,
            gateway: None,
            registration: None,
        })
    }

    fn read(path: &Path) -> Result<Option<Self>, DoorFileError> {
        let bytes = private_file::read_private(path, MAX_BYTES).map_err(|error| match error {
            ReadError::Exposed | ReadError::Foreign => DoorFileError::Exposed,
            ReadError::TooLong => DoorFileError::Malformed,
            ReadError::Io(error) => DoorFileError::Io(error),
        })?;
        let Some(bytes) = bytes else { return Ok(None) };
        let content: Self = serde_json::from_slice(&bytes).map_err(|_| DoorFileError::Malformed)?;
        if content.version == VERSION { Ok(Some(content)) } else { Err(DoorFileError::Malformed) }
    }

    fn write(&self, path: &Path) -> Result<(), DoorFileError> {
        let bytes = Zeroizing::new(serde_json::to_vec(self).map_err(|_| DoorFileError::Malformed)?);
        private_file::write(path, &bytes).map_err(DoorFileError::Io)
    }

    fn keys(&self) -> Result<ClientKeys, DoorFileError> {
        let identity =
            ed25519::PrivateKey::from_bytes(&self.identity).map_err(|_| DoorFileError::Malformed)?;
        let encryption =
            x25519::PrivateKey::from_bytes(&self.encryption).map_err(|_| DoorFileError::Malformed)?;
        let ack = AckKey::try_from_bytes(&self.ack).map_err(|_| DoorFileError::Malformed)?;
        Ok(ClientKeys::from_keys(identity.into(), encryption.into(), ack))
    }
}

#[async_trait]
impl KeyStore for DoorFile {
    type StorageError = DoorFileError;

    async fn load_keys(&self) -> Result<ClientKeys, Self::StorageError> {
        self.lock().keys()
    }

    /// The keys are made together with the file, and never replaced: they are the address.
    async fn store_keys(&self, _: &ClientKeys) -> Result<(), Self::StorageError> {
        Ok(())
    }
}

#[async_trait]
impl GatewaysDetailsStore for DoorFile {
    type StorageError = DoorFileError;

    async fn active_gateway(&self) -> Result<ActiveGateway, Self::StorageError> {
        Ok(ActiveGateway { registration: self.registration()? })
    }

    async fn set_active_gateway(&self, gateway_id: &str) -> Result<(), Self::StorageError> {
        self.load_gateway_details(gateway_id).await.map(drop)
    }

    async fn all_gateways(&self) -> Result<Vec<GatewayRegistration>, Self::StorageError> {
        Ok(self.registration()?.into_iter().collect())
    }

    async fn has_gateway_details(&self, gateway_id: &str) -> Result<bool, Self::StorageError> {
        let content = self.lock();
        Ok(content.registration.as_ref().is_some_and(|known| known.details.gateway_id_bs58 == gateway_id))
    }

    async fn load_gateway_details(
        &self,
        gateway_id: &str,
    ) -> Result<GatewayRegistration, Self::StorageError> {
        self.registration()?
            .filter(|known| known.gateway_id().to_base58_string() == gateway_id)
            .ok_or(DoorFileError::UnknownGateway)
    }

    async fn store_gateway_details(&self, details: &GatewayRegistration) -> Result<(), Self::StorageError> {
        let GatewayDetails::Remote(remote) = &details.details else {
            return Err(DoorFileError::UnknownGateway);
        };
        let made = details.registration_timestamp.unix_timestamp();
        self.change(|content| content.registration = Some(Registration { made, details: remote.into() }))
    }

    async fn update_gateway_published_data(
        &self,
        gateway_id: &NodeIdentity,
        published_data: &GatewayPublishedData,
    ) -> Result<(), Self::StorageError> {
        let id = gateway_id.to_base58_string();
        self.change(|content| {
            if let Some(known) =
                content.registration.as_mut().filter(|known| known.details.gateway_id_bs58 == id)
            {
                known.details.published_data = RawGatewayPublishedData::from(published_data);
            }
        })
    }

    async fn remove_gateway_details(&self, gateway_id: &str) -> Result<(), Self::StorageError> {
        self.change(|content| {
            if content.registration.as_ref().is_some_and(|known| known.details.gateway_id_bs58 == gateway_id)
            {
                content.registration = None;
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn the_same_file_gives_the_same_address() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("doors/door-0.json");
        let door = DoorFile::open(&path).unwrap();
        assert_eq!(door.address(), None);
        let gateway = ed25519::KeyPair::new(&mut OsRng).public_key().to_base58_string();
        door.remember_gateway(&gateway).unwrap();
        let address = door.address().unwrap();
        let other = ed25519::KeyPair::new(&mut OsRng).public_key().to_base58_string();
        door.remember_gateway(&other).unwrap();
        assert_eq!(DoorFile::open(&path).unwrap().address(), Some(address));
        assert_eq!(mode(&path), 0o600);
        assert_eq!(mode(path.parent().unwrap()), 0o700);
    }

    #[test]
    fn a_damaged_file_is_never_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("door-0.json");
        for damage in ["", "{}", r#"{"version":9}"#] {
            private_file::write(&path, damage.as_bytes()).unwrap();
            assert!(matches!(DoorFile::open(&path), Err(DoorFileError::Malformed)));
            assert_eq!(fs::read_to_string(&path).unwrap(), damage);
        }
    }

    #[test]
    fn keys_that_others_can_read_are_not_used() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("door-0.json");
        DoorFile::open(&path).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(DoorFile::open(&path), Err(DoorFileError::Exposed)));
    }
}
