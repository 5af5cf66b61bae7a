//! First contact: the structure of Signal's PQXDH (its published specification, revision 3), with X-Wing as the KEM.
//!
//! The sender's bundle is sealed to the receiver's X-Wing key, so the relay learns the receiver only. Authentication
//! rests on X25519 and is classical; content is safe against an adversary who records now and has a quantum computer
//! later. Whoever steals a receiver's SPK secret can impersonate others to that receiver in first messages.

use std::fmt;

use rand_core::CryptoRng;
use x_wing::{Ciphertext, Encapsulate, TryDecapsulate};
use zeroize::Zeroizing;

use crate::aead::{self, NONCE_LEN, TAG_LEN};
use crate::bundle::{self, BUNDLE_LEN, Bundle, Prekeys};
use crate::descriptor::DescriptorSeen;
use crate::invite_seed::InviteSeed;
use crate::kdf;
use crate::lane::{ReceiveLane, SendLane};
use crate::limits::{BOX_PLAIN, KEEP_AFTER_EXPIRY};
use crate::payload::{self, Part, Payload};
use crate::persona::PersonaSecret;
use crate::ratchet::Ratchet;
use crate::secret::Secret32;
use crate::session::{MAX_FIRST, Session};
use crate::time::Timestamp;

mod error;
mod keys;

pub use error::{InitiateError, RespondError};

use keys::{Keys, Outer, take_shared, transcript};

/// Bytes of a handshake: EK, KEM ciphertext, sealed bundle, sealed first message.
pub const HANDSHAKE_LEN: usize = 32 + CIPHERTEXT_LEN + SEALED_BUNDLE_LEN + SEALED_FIRST_LEN;

const CIPHERTEXT_LEN: usize = x_wing::CIPHERTEXT_SIZE;
const SEALED_BUNDLE_LEN: usize = BUNDLE_LEN + TAG_LEN;
const SEALED_FIRST_LEN: usize = BOX_PLAIN + TAG_LEN;

const _: () = assert!(HANDSHAKE_LEN == 3854, "docs/protocol.md states this");

/// Each key seals one thing once, so the nonce carries nothing.
const NONCE: [u8; NONCE_LEN] = [0; NONCE_LEN];

/// A conversation that was started.
pub struct Initiated {
    /// The conversation.
    pub session: Session,
    /// What to deposit, or to put into an invitation's boxes.
    pub handshake: Box<[u8; HANDSHAKE_LEN]>,
}

/// A conversation that was accepted.
pub struct Responded {
    /// The conversation.
    pub session: Session,
    /// Who wrote, as their signed bundle.
    pub peer: Bundle,
    /// The first content.
    pub content: Vec<u8>,
    /// Which descriptor of this relay the peer saw.
    pub seen: Option<DescriptorSeen>,
    /// What to remember: a handshake with a transcript seen before is a replay and must be dropped.
    pub transcript: [u8; 32],
    /// How long to remember it: afterwards the prekeys are erased, and a replay opens nothing.
    pub remember_until: Timestamp,
}

/// Begins a conversation with a peer, with a first content of at most [`MAX_FIRST`] bytes.
///
/// `mine` is the private side of the bundle the peer will see; `seed` binds the handshake to an invitation; `seen` is
/// the peer's relay's descriptor. Session and handshake belong in one transaction, before anything is sent.
///
/// # Errors
/// One variant of [`InitiateError`] per cause.
#[allow(clippy::too_many_arguments, reason = "each is one input of the protocol")]
pub fn initiate<R: CryptoRng + ?Sized>(
    me: &PersonaSecret,
    mine: &Prekeys,
    peer: &Bundle,
    seed: Option<&InviteSeed>,
    content: &[u8],
    seen: Option<DescriptorSeen>,
    now: Timestamp,
    rng: &mut R,
) -> Result<Initiated, InitiateError> {
    if me.public() != mine.bundle().persona() {
        return Err(InitiateError::NotMine);
    }
    if me.public() == peer.persona() {
        return Err(InitiateError::Myself);
    }
    mine.bundle().check_fresh(now, Timestamp(0)).map_err(InitiateError::MyBundle)?;
    peer.check_fresh(now, Timestamp(0)).map_err(InitiateError::PeerBundle)?;
    if content.len() > MAX_FIRST {
        return Err(InitiateError::TooLong(content.len()));
    }

    let ephemeral = Secret32::generate(rng);
    let ephemeral_public = kdf::public_key(&ephemeral);
    let (ciphertext, mut shared) = peer.kem_key().encapsulate_with_rng(rng);
    let secret = take_shared(&mut shared);
    let outer = Outer::derive(peer, &ephemeral_public, &ciphertext, &secret)?;
    let sealed_bundle = aead::seal(&outer.key, &NONCE, &outer.binding, mine.bundle().as_bytes())
        .map_err(|_| InitiateError::Internal)?;

    let transcript = transcript(mine.bundle(), peer, &ephemeral_public, &ciphertext, seed);
    let dh = [
        kdf::diffie_hellman(&mine.identity, peer.signed_prekey())?,
        kdf::diffie_hellman(&ephemeral, peer.identity().as_bytes())?,
        kdf::diffie_hellman(&ephemeral, peer.signed_prekey())?,
    ];
    let keys = Keys::derive(&transcript, &dh, &secret, seed)?;

    let mut ratchet = Ratchet::initiator(&keys.root, peer.signed_prekey(), rng)?;
    let part = Part::Fragment { continues: false, more: false, data: Zeroizing::new(content.to_vec()) };
    let first = Payload { ack: 0, given_up: 0, seen, part }.encode().ok_or(InitiateError::Internal)?;
    let first = ratchet.encrypt(&first).map_err(|_| InitiateError::Internal)?;
    let first = Zeroizing::new(payload::frame(&first).ok_or(InitiateError::Internal)?);
    let sealed_first = aead::seal(&keys.first, &NONCE, &transcript, first.as_slice())
        .map_err(|_| InitiateError::Internal)?;

    let send = SendLane::new(keys.lane_ab.as_bytes());
    let receive = ReceiveLane::new(keys.lane_ba.as_bytes())?;
    let handshake = [ephemeral_public.as_slice(), &ciphertext, &sealed_bundle, &sealed_first].concat();
    let handshake = handshake.try_into().map_err(|_| InitiateError::Internal)?;
    Ok(Initiated { session: Session::begin(ratchet, send, receive, keys.epoch), handshake })
}

/// Accepts a conversation: tries each of the prekeys that are not to be erased yet.
///
/// `seed` is the invitation's when the handshake came by one. The caller drops it when
/// [`Responded::transcript`] was seen before.
///
/// # Errors
/// One variant of [`RespondError`] per cause.
pub fn respond<'a, R: CryptoRng + ?Sized>(
    prekeys: impl IntoIterator<Item = &'a Prekeys>,
    seed: Option<&InviteSeed>,
    handshake: &[u8; HANDSHAKE_LEN],
    now: Timestamp,
    rng: &mut R,
) -> Result<Responded, RespondError> {
    let parts = Parts::split(handshake).ok_or(RespondError::Internal)?;
    let mut prekeys = prekeys.into_iter().filter(|prekeys| now < prekeys.erase_at());
    let (mine, secret, bundle) =
        prekeys.find_map(|prekeys| parts.open_bundle(prekeys)).ok_or(RespondError::NotForUs)?;
    let peer = Bundle::from_bytes(&bundle).map_err(RespondError::PeerBundle)?;
    if peer.persona() == mine.bundle().persona() {
        return Err(RespondError::Forged);
    }
    // The handshake may have been in the inbox for its whole TTL.
    if now >= peer.expiry().plus(KEEP_AFTER_EXPIRY) {
        return Err(RespondError::Expired);
    }

    let transcript = transcript(&peer, mine.bundle(), parts.ephemeral, &parts.ciphertext, seed);
    let dh = [
        kdf::diffie_hellman(&mine.signed_prekey, peer.identity().as_bytes())?,
        kdf::diffie_hellman(&mine.identity, parts.ephemeral)?,
        kdf::diffie_hellman(&mine.signed_prekey, parts.ephemeral)?,
    ];
    let keys = Keys::derive(&transcript, &dh, &secret, seed)?;
    let first =
        aead::open(&keys.first, &NONCE, &transcript, parts.first).map_err(|_| RespondError::Forged)?;
    let first = payload::unframe(&first).ok_or(RespondError::Forged)?;
    let mut ratchet = Ratchet::responder(&keys.root, &mine.signed_prekey, rng);
    let plain = ratchet.decrypt(first).map_err(|_| RespondError::Forged)?;
    let payload = Payload::decode(&plain).map_err(|error| match error {
        payload::PayloadError::Version(version) => RespondError::Unsupported(version),
        payload::PayloadError::Malformed => RespondError::Forged,
    })?;
    let Part::Fragment { continues: false, more: false, mut data } = payload.part else {
        return Err(RespondError::Forged);
    };

    let send = SendLane::new(keys.lane_ba.as_bytes());
    let receive = ReceiveLane::new(keys.lane_ab.as_bytes())?;
    Ok(Responded {
        session: Session::begin(ratchet, send, receive, keys.epoch).owe_ack(),
        peer,
        content: std::mem::take(&mut *data),
        seen: payload.seen,
        transcript,
        remember_until: mine.erase_at(),
    })
}

impl fmt::Debug for Initiated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Initiated(..)")
    }
}

impl fmt::Debug for Responded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Responded(..)")
    }
}

/// A handshake's fields.
struct Parts<'a> {
    ephemeral: &'a [u8; 32],
    ciphertext: Ciphertext,
    bundle: &'a [u8],
    first: &'a [u8],
}

impl<'a> Parts<'a> {
    fn split(handshake: &'a [u8]) -> Option<Self> {
        let (ephemeral, rest) = handshake.split_first_chunk()?;
        let (ciphertext, rest) = rest.split_at_checked(CIPHERTEXT_LEN)?;
        let (bundle, first) = rest.split_at_checked(SEALED_BUNDLE_LEN)?;
        let ciphertext = Ciphertext::try_from(ciphertext).ok()?;
        (first.len() == SEALED_FIRST_LEN).then_some(Self { ephemeral, ciphertext, bundle, first })
    }

    /// The KEM's secret and the sender's bundle, if the handshake is for these prekeys.
    fn open_bundle<'p>(&self, prekeys: &'p Prekeys) -> Option<(&'p Prekeys, Secret32, Zeroizing<Vec<u8>>)> {
        let mut shared = bundle::kem_secret(&prekeys.kem_seed).try_decapsulate(&self.ciphertext).ok()?;
        let secret = take_shared(&mut shared);
        let outer = Outer::derive(prekeys.bundle(), self.ephemeral, &self.ciphertext, &secret).ok()?;
        let bundle = aead::open(&outer.key, &NONCE, &outer.binding, self.bundle).ok()?;
        Some((prekeys, secret, bundle))
    }
}
