//! The key schedule of the handshake.

use x_wing::{Ciphertext, SharedKey};
use zeroize::{Zeroize, Zeroizing};

use crate::bundle::Bundle;
use crate::id::hash;
use crate::invite_seed::InviteSeed;
use crate::kdf::{self, KdfError};
use crate::secret::Secret32;

/// The seal around the sender's bundle.
pub(super) struct Outer {
    pub(super) key: Secret32,
    /// SHA-256(bundle_B || EK || ct).
    pub(super) binding: [u8; 32],
}

impl Outer {
    pub(super) fn derive(
        receiver: &Bundle,
        ephemeral: &[u8; 32],
        ciphertext: &Ciphertext,
        kem: &Secret32,
    ) -> Result<Self, KdfError> {
        let binding = hash(&[receiver.as_bytes(), ephemeral, ciphertext]);
        let prk = kdf::extract(&binding, kem.as_bytes());
        Ok(Self { key: kdf::expand_key(&prk, b"bauta/hs/1/outer")?, binding })
    }
}

/// Everything derived from the agreed secrets.
pub(super) struct Keys {
    pub(super) root: Secret32,
    pub(super) lane_ab: Secret32,
    pub(super) lane_ba: Secret32,
    pub(super) epoch: Secret32,
    pub(super) first: Secret32,
}

impl Keys {
    /// `dh`: IK_A with SPK_B, EK with IK_B, EK with SPK_B.
    pub(super) fn derive(
        transcript: &[u8; 32],
        dh: &[Secret32; 3],
        kem: &Secret32,
        seed: Option<&InviteSeed>,
    ) -> Result<Self, KdfError> {
        let [identity_prekey, ephemeral_identity, ephemeral_prekey] = dh;
        let mut ikm = Zeroizing::new(Vec::with_capacity(5 * 32));
        for secret in [identity_prekey, ephemeral_identity, ephemeral_prekey, kem] {
            ikm.extend_from_slice(secret.as_bytes());
        }
        ikm.extend_from_slice(seed.map_or(&[0; 32], |seed| seed.as_bytes()));
        let prk = kdf::extract(transcript, &ikm);
        Ok(Self {
            root: kdf::expand_key(&prk, b"bauta/hs/1/root")?,
            lane_ab: kdf::expand_key(&prk, b"bauta/hs/1/lane-ab")?,
            lane_ba: kdf::expand_key(&prk, b"bauta/hs/1/lane-ba")?,
            epoch: kdf::expand_key(&prk, b"bauta/hs/1/epoch")?,
            first: kdf::expand_key(&prk, b"bauta/hs/1/first")?,
        })
    }
}

/// `T = SHA-256("bauta/hs/1" || bundle_A || bundle_B || EK || ct || SHA-256("bauta/seed/1" || seed) or zeros)`.
pub(super) fn transcript(
    sender: &Bundle,
    receiver: &Bundle,
    ephemeral: &[u8; 32],
    ciphertext: &Ciphertext,
    seed: Option<&InviteSeed>,
) -> [u8; 32] {
    let seed = seed.map_or([0; 32], InviteSeed::commitment);
    hash(&[b"bauta/hs/1", sender.as_bytes(), receiver.as_bytes(), ephemeral, ciphertext, &seed])
}

pub(super) fn take_shared(shared: &mut SharedKey) -> Secret32 {
    let mut secret = Secret32::zero();
    secret.as_mut().copy_from_slice(shared);
    shared.as_mut_slice().zeroize();
    secret
}
