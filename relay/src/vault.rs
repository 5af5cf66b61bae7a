//! Bundles at rest: filed and sealed under the key of their persona.
//!
//! A bundle is public, but the disk need not show its thief which personas have an inbox at this relay.
//! Whoever publishes or fetches a bundle names the persona, and so brings the key: the relay stores none.

use bauta_protocol::id::{PersonaKey, RelayId};
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::storage::BundleName;

const NONCE_LEN: usize = 24;

/// The place of one persona's bundle in the store of one relay.
pub(crate) struct Vault {
    name: BundleName,
    key: Zeroizing<[u8; 32]>,
}

impl Vault {
    pub(crate) fn of(relay: RelayId, persona: &PersonaKey) -> Self {
        let hash = |label: &[u8]| -> [u8; 32] {
            Sha256::new()
                .chain_update(label)
                .chain_update(relay.as_bytes())
                .chain_update(persona.as_bytes())
                .finalize()
                .into()
        };
        Self {
            name: BundleName(hash(b"bauta/relay/bundle-name/1")),
            key: Zeroizing::new(hash(b"bauta/relay/bundle-key/1")),
        }
    }

    pub(crate) fn name(&self) -> BundleName {
        self.name
    }

    /// Nonce (24 bytes) and XChaCha20-Poly1305 of the bundle. The same bundle always gives the same bytes, so that the
    /// store can recognise it; another bundle has another nonce.
    /// `None` only beyond the cipher's limit of 2^38 bytes.
    pub(crate) fn seal(&self, bundle: &[u8]) -> Option<Vec<u8>> {
        let digest = Sha256::new()
            .chain_update(b"bauta/relay/bundle-nonce/1")
            .chain_update(self.key.as_slice())
            .chain_update(bundle)
            .finalize();
        let nonce: [u8; NONCE_LEN] = digest.first_chunk().copied()?;
        let payload = Payload { msg: bundle, aad: &self.name.0 };
        let sealed = self.cipher().encrypt(&XNonce::from(nonce), payload).ok()?;
        Some([nonce.as_slice(), &sealed].concat())
    }

    /// The bundle, or `None` if the bytes are not what [`Vault::seal`] made for this persona.
    pub(crate) fn open(&self, stored: &[u8]) -> Option<Vec<u8>> {
        let (nonce, sealed) = stored.split_first_chunk::<NONCE_LEN>()?;
        let payload = Payload { msg: sealed, aad: &self.name.0 };
        self.cipher().decrypt(&XNonce::from(*nonce), payload).ok()
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        let key: &[u8; 32] = &self.key;
        XChaCha20Poly1305::new(key.into())
    }
}

#[cfg(test)]
mod tests {
    use bauta_protocol::persona::PersonaSecret;
    use proptest::prelude::*;

    use super::*;

    fn persona(who: u8) -> PersonaKey {
        PersonaSecret::from_bytes(&[who; 32]).unwrap().public()
    }

    const RELAY: RelayId = RelayId([9; 32]);

    #[test]
    fn only_the_persona_opens_its_bundle() {
        let vault = Vault::of(RELAY, &persona(1));
        let sealed = vault.seal(b"bundle").unwrap();
        assert_eq!(sealed, vault.seal(b"bundle").unwrap());
        assert_ne!(sealed, vault.seal(b"bundlf").unwrap());
        assert_eq!(vault.open(&sealed).unwrap(), b"bundle");
        let (other, elsewhere) = (Vault::of(RELAY, &persona(2)), Vault::of(RelayId([8; 32]), &persona(1)));
        assert!(other.open(&sealed).is_none() && elsewhere.open(&sealed).is_none());
        assert!(other.name() != vault.name() && elsewhere.name() != vault.name());
    }

    proptest! {
        #[test]
        fn what_was_changed_does_not_open(bundle: Vec<u8>, place: prop::sample::Index, bit in 0u8..8) {
            let vault = Vault::of(RELAY, &persona(1));
            let mut sealed = vault.seal(&bundle).unwrap();
            let place = place.index(sealed.len());
            sealed[place] ^= 1 << bit;
            prop_assert!(vault.open(&sealed).is_none());
            prop_assert!(vault.open(&sealed[..place]).is_none());
        }
    }
}
