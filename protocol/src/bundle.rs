//! Bundles: what a persona publishes so that strangers can write to it, and the private side of one.

use std::fmt;

use rand_core::CryptoRng;
use x_wing::EncapsulationKey;

use crate::address::RelayAddress;
use crate::codec::{Reader, Short};
use crate::descriptor::{DescriptorSeen, put_doors, read_doors};
use crate::error::{HasKind, Kind};
use crate::id::{DoorAddress, IdentityKey, InboxId, PersonaKey, RelayId, hash};
use crate::kdf;
use crate::limits::{ADDRESS_DOORS, BUNDLE_LIFETIME, CLOCK_SKEW};
use crate::persona::{PersonaSecret, SIGNATURE_LEN};
use crate::time::{Day, Timestamp};

mod prekeys;

pub(crate) use prekeys::kem_secret;
pub use prekeys::{IdentitySecret, Prekeys};

/// Bytes of a bundle.
pub const BUNDLE_LEN: usize = SIGNED_LEN + SIGNATURE_LEN;

/// Bytes of an X-Wing encapsulation key.
pub const KEM_KEY_LEN: usize = x_wing::ENCAPSULATION_KEY_SIZE;
const LABEL: &[u8] = b"bauta/bundle/1";
const SIGNED_LEN: usize =
    PersonaKey::LEN + 32 + 32 + KEM_KEY_LEN + 32 + 32 + 1 + ADDRESS_DOORS * DoorAddress::LEN + 4 + 32 + 8 + 8;

const _: () = assert!(BUNDLE_LEN == 1686, "docs/protocol.md states this");

/// A persona's signed bundle. Every value of this type has a valid signature and usable keys.
#[derive(Clone, Eq, PartialEq)]
pub struct Bundle {
    bytes: Box<[u8; BUNDLE_LEN]>,
    persona: PersonaKey,
    identity: IdentityKey,
    signed_prekey: [u8; 32],
    kem_key: Box<EncapsulationKey>,
    inbox: InboxId,
    relay: RelayAddress,
    descriptor: DescriptorSeen,
    version: Timestamp,
    expiry: Timestamp,
}

/// Why bytes are not a bundle, or one cannot be used or made.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum BundleError {
    /// Wrong length, door count, padding or lifetime.
    #[error("the bundle is malformed")]
    Malformed,
    /// A key in it is not a key, or of small order.
    #[error("the bundle holds an unusable key")]
    BadKey,
    /// The signature is invalid.
    #[error("the bundle's signature is invalid")]
    BadSignature,
    /// Its time is over.
    #[error("the bundle has expired: its owner has not been online for days")]
    Expired,
    /// Its version is further in the future than clocks differ.
    #[error("the bundle is dated in the future: check this machine's clock")]
    NotYet,
    /// A newer version was seen before: the relay shows an old one.
    #[error("the relay shows an older bundle than was seen before")]
    Stale,
    /// The terms to be signed are out of bounds.
    #[error("a bundle needs a relay with at least one door")]
    BadTerms,
    /// Signing failed, which no input can cause.
    #[error("could not sign the bundle")]
    Signing,
}

impl HasKind for BundleError {
    fn kind(&self) -> Kind {
        match self {
            Self::Malformed => Kind::Malformed,
            Self::BadKey | Self::BadSignature => Kind::Forged,
            Self::Expired | Self::NotYet | Self::Stale => Kind::Expired,
            Self::BadTerms => Kind::Usage,
            Self::Signing => Kind::Internal,
        }
    }
}

impl From<Short> for BundleError {
    fn from(_: Short) -> Self {
        Self::Malformed
    }
}

/// What is signed besides the persona's own key.
#[derive(Clone, Debug)]
pub struct BundleTerms {
    /// IK.
    pub identity: IdentityKey,
    /// SPK, an X25519 public key.
    pub signed_prekey: [u8; 32],
    /// X-Wing encapsulation key.
    pub kem_key: Box<[u8; KEM_KEY_LEN]>,
    /// The inbox at `relay`.
    pub inbox: InboxId,
    /// The relay; its first one or two doors are named.
    pub relay: RelayAddress,
    /// The relay's descriptor as the persona saw it.
    pub descriptor: DescriptorSeen,
    /// Must grow from bundle to bundle.
    pub version: Timestamp,
    /// At most eight days after `version`.
    pub expiry: Timestamp,
}

impl Bundle {
    /// Signs the terms.
    ///
    /// # Errors
    /// [`BundleError::BadTerms`] when they are out of bounds.
    pub fn sign<R: CryptoRng + ?Sized>(
        persona: &PersonaSecret,
        terms: &BundleTerms,
        rng: &mut R,
    ) -> Result<Self, BundleError> {
        let mut bytes = Vec::with_capacity(BUNDLE_LEN);
        bytes.extend_from_slice(persona.public().as_bytes());
        bytes.extend_from_slice(terms.identity.as_bytes());
        bytes.extend_from_slice(&terms.signed_prekey);
        bytes.extend_from_slice(terms.kem_key.as_slice());
        bytes.extend_from_slice(terms.inbox.as_bytes());
        bytes.extend_from_slice(terms.relay.id.as_bytes());
        let doors = terms.relay.doors.get(..ADDRESS_DOORS).unwrap_or(&terms.relay.doors);
        put_doors::<ADDRESS_DOORS>(&mut bytes, doors).ok_or(BundleError::BadTerms)?;
        bytes.extend_from_slice(&terms.descriptor.day.0.to_be_bytes());
        bytes.extend_from_slice(&terms.descriptor.hash);
        bytes.extend_from_slice(&terms.version.0.to_be_bytes());
        bytes.extend_from_slice(&terms.expiry.0.to_be_bytes());
        let signature = persona.sign(&hash(&[LABEL, &bytes]), rng).map_err(|_| BundleError::Signing)?;
        bytes.extend_from_slice(&signature);
        Self::from_bytes(&bytes).map_err(|_| BundleError::BadTerms)
    }

    /// Reads a bundle and verifies its signature and keys. Whether it is current is [`Self::check_fresh`]'s question,
    /// and whether it is the expected persona's the caller's.
    ///
    /// # Errors
    /// One variant of [`BundleError`] per cause.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, BundleError> {
        let whole: Box<[u8; BUNDLE_LEN]> = Box::new(bytes.try_into().map_err(|_| BundleError::Malformed)?);
        let mut reader = Reader::new(bytes);
        let persona = PersonaKey::from_bytes(&reader.array()?).map_err(|_| BundleError::BadKey)?;
        let identity = IdentityKey(reader.array()?);
        let signed_prekey = reader.array()?;
        let kem_bytes = reader.slice(KEM_KEY_LEN)?;
        let inbox = InboxId(reader.array()?);
        let relay = RelayId(reader.array()?);
        let doors = read_doors::<ADDRESS_DOORS>(&mut reader).ok_or(BundleError::Malformed)?;
        let descriptor = DescriptorSeen { day: Day(reader.u32()?), hash: reader.array()? };
        let (version, expiry) = (Timestamp(reader.u64()?), Timestamp(reader.u64()?));
        let signature = reader.array()?;

        let signed = bytes.get(..SIGNED_LEN).ok_or(BundleError::Malformed)?;
        persona.verify(&hash(&[LABEL, signed]), &signature).map_err(|_| BundleError::BadSignature)?;
        if expiry <= version || expiry > version.plus(BUNDLE_LIFETIME) {
            return Err(BundleError::Malformed);
        }
        let kem_key = Box::new(EncapsulationKey::try_from(kem_bytes).map_err(|_| BundleError::BadKey)?);
        // Encapsulation does not check X-Wing's X25519 half (its last 32 bytes), so this does.
        let (_, kem_x25519) = kem_bytes.split_last_chunk().ok_or(BundleError::Malformed)?;
        if [&identity.0, &signed_prekey, kem_x25519].into_iter().any(kdf::has_small_order) {
            return Err(BundleError::BadKey);
        }
        let relay = RelayAddress { id: relay, doors };
        Ok(Self {
            bytes: whole,
            persona,
            identity,
            signed_prekey,
            kem_key,
            inbox,
            relay,
            descriptor,
            version,
            expiry,
        })
    }

    /// Checks that the bundle is current, and not older than one seen before (`last_seen_version`; zero for none).
    ///
    /// # Errors
    /// [`BundleError::Stale`], [`BundleError::Expired`] or [`BundleError::NotYet`].
    pub fn check_fresh(&self, now: Timestamp, last_seen_version: Timestamp) -> Result<(), BundleError> {
        if self.version < last_seen_version {
            return Err(BundleError::Stale);
        }
        if now >= self.expiry {
            return Err(BundleError::Expired);
        }
        if self.version > now.plus(CLOCK_SKEW) {
            return Err(BundleError::NotYet);
        }
        Ok(())
    }

    /// The bytes as signed and sent.
    pub fn as_bytes(&self) -> &[u8; BUNDLE_LEN] {
        &self.bytes
    }

    /// Whose it is.
    pub fn persona(&self) -> PersonaKey {
        self.persona
    }

    /// IK. A contact whose IK changed is shown as changed.
    pub fn identity(&self) -> IdentityKey {
        self.identity
    }

    /// SPK.
    pub fn signed_prekey(&self) -> &[u8; 32] {
        &self.signed_prekey
    }

    /// Where strangers deposit.
    pub fn inbox(&self) -> InboxId {
        self.inbox
    }

    /// The relay, with one or two doors.
    pub fn relay(&self) -> &RelayAddress {
        &self.relay
    }

    /// The relay's descriptor as the persona saw it.
    pub fn descriptor(&self) -> DescriptorSeen {
        self.descriptor
    }

    /// When it was made; grows from bundle to bundle.
    pub fn version(&self) -> Timestamp {
        self.version
    }

    /// When it ends.
    pub fn expiry(&self) -> Timestamp {
        self.expiry
    }

    pub(crate) fn kem_key(&self) -> &EncapsulationKey {
        &self.kem_key
    }
}

impl fmt::Debug for Bundle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Bundle({:?})", self.persona)
    }
}
