//! vodozemac's Double Ratchet, started from keys of our own handshake.
//!
//! vodozemac's low-level constructor builds an active sender only. So the initiator does Olm's first Diffie-Hellman
//! step by hand, and the responder holds a sender that must not encrypt before it has decrypted: the first
//! decryption replaces it. Ratchet keys after the first come from vodozemac's own generator (the operating system's).

use rand_core::CryptoRng;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use vodozemac::Curve25519PublicKey;
use vodozemac::olm::{Message, OlmMessage, Session, SessionConfig, SessionKeys, SessionPickle};
use zeroize::Zeroizing;

use crate::kdf::{self, KdfError};
use crate::secret::Secret32;

/// Bytes of an encoded message around its ciphertext at most: version 1, ratchet key 34, chain index 1 + 7 (below
/// 2^49), ciphertext tag and length 3, MAC 8.
const OVERHEAD: usize = 1 + 34 + 8 + 3 + 8;

/// The longest plaintext whose encoded message always fits `room` bytes: whole AES blocks, less one byte of padding.
pub(crate) const fn plaintext_len(room: usize) -> usize {
    (room - OVERHEAD) / 16 * 16 - 1
}

/// Olm's only message version whose constructor vodozemac's stable features offer.
const VERSION: u8 = 3;

pub(crate) struct Ratchet(Session);

/// The ratchet refuses a message, or (never in practice) cannot make one.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct RatchetError;

impl Ratchet {
    /// The initiator's side: may encrypt at once. `remote` is the responder's signed prekey.
    pub(crate) fn initiator<R: CryptoRng + ?Sized>(
        root: &Secret32,
        remote: &[u8; 32],
        rng: &mut R,
    ) -> Result<Self, KdfError> {
        let own = Secret32::generate(rng);
        let shared = kdf::diffie_hellman(&own, remote)?;
        let mut okm = Zeroizing::new([[0; 32]; 2]);
        // Olm's root ratchet step (the Olm specification, "Advancing the root key").
        kdf::expand(
            &kdf::extract(root.as_bytes(), shared.as_bytes()),
            b"OLM_RATCHET",
            okm.as_flattened_mut(),
        )?;
        let [root, chain] = &*okm;
        Ok(Self(Session::from_root_key_material(
            SessionConfig::version_1(),
            session_keys(),
            *root,
            *chain,
            *own.as_bytes(),
        )))
    }

    /// The responder's side: must decrypt before it encrypts. `own` is its signed prekey's secret.
    pub(crate) fn responder<R: CryptoRng + ?Sized>(root: &Secret32, own: &Secret32, rng: &mut R) -> Self {
        // A chain nobody else can know: were it ever used, nothing could be read, and nothing would leak.
        let unused = Secret32::generate(rng);
        Self(Session::from_root_key_material(
            SessionConfig::version_1(),
            session_keys(),
            *root.as_bytes(),
            *unused.as_bytes(),
            *own.as_bytes(),
        ))
    }

    /// Encrypts; gives the bare message, never the longer pre-key form.
    pub(crate) fn encrypt(&mut self, plain: &[u8]) -> Result<Vec<u8>, RatchetError> {
        match self.0.encrypt(plain).map_err(|_| RatchetError)? {
            OlmMessage::Normal(message) => Ok(message.to_bytes()),
            OlmMessage::PreKey(message) => Ok(message.message().to_bytes()),
        }
    }

    /// Decrypts. On an error the ratchet may have moved: work on a [`Self::copy`].
    pub(crate) fn decrypt(&mut self, message: &[u8]) -> Result<Zeroizing<Vec<u8>>, RatchetError> {
        let message = parse(message).ok_or(RatchetError)?;
        self.0.decrypt(&OlmMessage::Normal(message)).map(Zeroizing::new).map_err(|_| RatchetError)
    }

    pub(crate) fn copy(&self) -> Self {
        Self(Session::from_pickle(self.0.pickle()))
    }
}

/// Whether the bytes have the form of a message, whatever they decrypt to.
pub(crate) fn is_message(bytes: &[u8]) -> bool {
    parse(bytes).is_some()
}

fn parse(bytes: &[u8]) -> Option<Message> {
    let message = Message::from_bytes(bytes).ok()?;
    // Protobuf has many encodings of one message; only the one that would be written passes.
    (message.version() == VERSION && message.to_bytes() == bytes).then_some(message)
}

/// vodozemac wants these for session ids and pre-key envelopes, and we use neither.
fn session_keys() -> SessionKeys {
    let key = Curve25519PublicKey::from_bytes([0; 32]);
    SessionKeys { identity_key: key, base_key: key, one_time_key: key }
}

impl Serialize for Ratchet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.pickle().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Ratchet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        SessionPickle::deserialize(deserializer).map(|pickle| Self(Session::from_pickle(pickle)))
    }
}
