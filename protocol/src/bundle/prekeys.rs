//! The private side of a bundle.

use std::fmt;

use rand_core::CryptoRng;
use serde::{Deserialize, Serialize};
use x_wing::{DecapsulationKeyRejectNonContrib, Decapsulator, KeyExport};
use zeroize::Zeroizing;

use super::{Bundle, BundleError, BundleTerms, KEM_KEY_LEN};
use crate::address::RelayAddress;
use crate::descriptor::DescriptorSeen;
use crate::id::{Capability, IdentityKey};
use crate::kdf;
use crate::limits::{BUNDLE_LIFETIME, KEEP_AFTER_EXPIRY};
use crate::persona::PersonaSecret;
use crate::secret::Secret32;
use crate::time::Timestamp;

/// A persona's long-lived X25519 identity secret (IK).
#[derive(Clone, Deserialize, Serialize)]
#[serde(transparent)]
pub struct IdentitySecret(Secret32);

impl IdentitySecret {
    /// Draws a new secret.
    pub fn generate<R: CryptoRng + ?Sized>(rng: &mut R) -> Self {
        Self(Secret32::generate(rng))
    }

    /// Copies the bytes; the caller erases its own copy.
    pub fn from_bytes(bytes: &[u8; 32]) -> Self {
        Self(Secret32::from_ref(bytes))
    }

    /// The secret bytes.
    pub fn to_bytes(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(*self.0.as_bytes())
    }

    /// The public key.
    pub fn public(&self) -> IdentityKey {
        IdentityKey(kdf::public_key(&self.0))
    }
}

impl fmt::Debug for IdentitySecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IdentitySecret(..)")
    }
}

/// The private side of one bundle. Serialised with serde; the result is secret.
#[derive(Deserialize, Serialize)]
#[serde(try_from = "StoredPrekeys")]
pub struct Prekeys {
    pub(crate) identity: Secret32,
    pub(crate) signed_prekey: Secret32,
    pub(crate) kem_seed: Secret32,
    inbox: Capability,
    #[serde(with = "bundle_bytes")]
    bundle: Bundle,
}

impl Prekeys {
    /// Makes a bundle with a fresh SPK and X-Wing key that lives eight days from `now`, and its private side.
    ///
    /// # Errors
    /// [`BundleError::BadTerms`] when `relay` has no door.
    pub fn generate<R: CryptoRng + ?Sized>(
        persona: &PersonaSecret,
        identity: &IdentitySecret,
        inbox: &Capability,
        relay: &RelayAddress,
        seen: DescriptorSeen,
        now: Timestamp,
        rng: &mut R,
    ) -> Result<Self, BundleError> {
        let signed_prekey = Secret32::generate(rng);
        let kem_seed = Secret32::generate(rng);
        let terms = BundleTerms {
            identity: identity.public(),
            signed_prekey: kdf::public_key(&signed_prekey),
            kem_key: kem_public(&kem_seed),
            inbox: inbox.inbox_id(),
            relay: relay.clone(),
            descriptor: seen,
            version: now,
            expiry: now.plus(BUNDLE_LIFETIME),
        };
        let bundle = Bundle::sign(persona, &terms, rng)?;
        Ok(Self { identity: identity.0.clone(), signed_prekey, kem_seed, inbox: inbox.clone(), bundle })
    }

    /// The public side.
    pub fn bundle(&self) -> &Bundle {
        &self.bundle
    }

    /// What drains the inbox this bundle names.
    pub fn inbox(&self) -> &Capability {
        &self.inbox
    }

    /// When the private side must be erased: no handshake for it can come later.
    pub fn erase_at(&self) -> Timestamp {
        self.bundle.expiry.plus(KEEP_AFTER_EXPIRY)
    }
}

impl fmt::Debug for Prekeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Prekeys(..)")
    }
}

pub(crate) fn kem_secret(seed: &Secret32) -> DecapsulationKeyRejectNonContrib {
    DecapsulationKeyRejectNonContrib::from(*seed.as_bytes())
}

fn kem_public(seed: &Secret32) -> Box<[u8; KEM_KEY_LEN]> {
    let mut bytes = Box::new([0; KEM_KEY_LEN]);
    bytes.copy_from_slice(&kem_secret(seed).encapsulation_key().to_bytes());
    bytes
}

mod bundle_bytes {
    use serde::{Deserializer, Serializer};

    use crate::bundle::{BUNDLE_LEN, Bundle};
    use crate::codec::base64;

    pub(super) fn serialize<S: Serializer>(bundle: &Bundle, serializer: S) -> Result<S::Ok, S::Error> {
        base64::serialize::<S, [u8; BUNDLE_LEN]>(bundle.as_bytes(), serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Bundle, D::Error> {
        let bytes: Vec<u8> = base64::deserialize(deserializer)?;
        Bundle::from_bytes(&bytes).map_err(serde::de::Error::custom)
    }
}

#[derive(Deserialize)]
struct StoredPrekeys {
    identity: Secret32,
    signed_prekey: Secret32,
    kem_seed: Secret32,
    inbox: Capability,
    #[serde(with = "bundle_bytes")]
    bundle: Bundle,
}

impl TryFrom<StoredPrekeys> for Prekeys {
    type Error = &'static str;

    fn try_from(stored: StoredPrekeys) -> Result<Self, &'static str> {
        let StoredPrekeys { identity, signed_prekey, kem_seed, inbox, bundle } = stored;
        let sound = kdf::public_key(&identity) == bundle.identity.0
            && kdf::public_key(&signed_prekey) == bundle.signed_prekey
            && kem_secret(&kem_seed).encapsulation_key() == bundle.kem_key()
            && inbox.inbox_id() == bundle.inbox;
        if !sound {
            return Err("stored prekeys do not belong to their bundle");
        }
        Ok(Self { identity, signed_prekey, kem_seed, inbox, bundle })
    }
}
