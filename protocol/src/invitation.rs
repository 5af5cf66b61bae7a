//! Invitations: a secret seed gives two lanes, one for the host's bundle and one for the guest's handshake.
//!
//! To the relay these are boxes like any others; the inbox is not touched. The boxes of an invitation are never
//! deleted, so that a second guest gets `Conflict` at its first box.

use std::fmt;

use rand_core::CryptoRng;
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, Zeroizing};

use crate::bundle::{BUNDLE_LEN, Bundle, BundleError};
use crate::error::{HasKind, Kind};
use crate::handshake::HANDSHAKE_LEN;
use crate::lane::{LaneError, OutgoingBox, ReceiveLane, SendLane, WantedBox};
use crate::limits::{BOX_LEN, BOX_PLAIN, WINDOW};

pub use crate::invite_seed::InviteSeed;

/// Boxes of the host's lane.
pub const HOST_BOXES: usize = BUNDLE_LEN.div_ceil(BOX_PLAIN);

/// Boxes of the guest's lane.
pub const GUEST_BOXES: usize = HANDSHAKE_LEN.div_ceil(BOX_PLAIN);

const _: () =
    assert!(HOST_BOXES == 2 && GUEST_BOXES == 4 && GUEST_BOXES <= WINDOW, "docs/protocol.md states these");

const HOST_LABEL: &[u8] = b"bauta/invite/host/1";
const GUEST_LABEL: &[u8] = b"bauta/invite/guest/1";

/// Why an invitation does not proceed. The state is unchanged.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum InviteError {
    /// Accepted before, or not a box of an invitation.
    #[error("box {0} of the invitation is not wanted")]
    NotWanted(u64),
    /// The relay gave other bytes than were put: ask again.
    #[error("the relay returned a damaged box {0}")]
    Forged(u64),
    /// All boxes are there, but they do not hold a bundle.
    #[error("the invitation holds no usable bundle: {0}")]
    Bundle(BundleError),
    /// This invitation was answered before.
    #[error("this invitation was answered already")]
    Answered,
    /// A bug.
    #[error("the invitation's key derivation failed")]
    Internal,
}

impl HasKind for InviteError {
    fn kind(&self) -> Kind {
        match self {
            Self::NotWanted(_) => Kind::Usage,
            Self::Forged(_) => Kind::Forged,
            Self::Bundle(error) => error.kind(),
            Self::Answered => Kind::Conflict,
            Self::Internal => Kind::Internal,
        }
    }
}

impl From<LaneError> for InviteError {
    fn from(error: LaneError) -> Self {
        match error {
            LaneError::NotWanted(index) => Self::NotWanted(index),
            LaneError::Forged(index) => Self::Forged(index),
            LaneError::Full | LaneError::Internal => Self::Internal,
        }
    }
}

/// The host's side: waits for a guest's handshake. Serialised with serde; the result is secret.
#[derive(Deserialize, Serialize)]
pub struct InviteHost {
    seed: InviteSeed,
    guest: Chunks,
}

impl InviteHost {
    /// Makes an invitation: the seed for the address, the waiting state, and two boxes to put at the bundle's relay.
    /// It lasts as long as the bundle.
    ///
    /// # Errors
    /// [`InviteError::Internal`], which no input can cause.
    pub fn create<R: CryptoRng + ?Sized>(
        bundle: &Bundle,
        rng: &mut R,
    ) -> Result<(InviteSeed, Self, Vec<OutgoingBox>), InviteError> {
        let seed = InviteSeed::generate(rng);
        let boxes = seal_all(&seed, HOST_LABEL, bundle.as_bytes(), rng)?;
        let guest = Chunks::new(&seed, GUEST_LABEL, GUEST_BOXES)?;
        Ok((seed.clone(), Self { seed, guest }, boxes))
    }

    /// The seed, which the handshake is bound to.
    pub fn seed(&self) -> &InviteSeed {
        &self.seed
    }

    /// The guest's boxes not accepted yet.
    pub fn wanted(&self) -> Vec<WantedBox> {
        self.guest.wanted(GUEST_BOXES)
    }

    /// Accepts a box; returns the handshake when all are there.
    ///
    /// # Errors
    /// [`InviteError::NotWanted`] or [`InviteError::Forged`].
    pub fn open(
        &mut self,
        index: u64,
        bytes: &[u8; BOX_LEN],
    ) -> Result<Option<Box<[u8; HANDSHAKE_LEN]>>, InviteError> {
        let whole = self.guest.open(index, bytes, GUEST_BOXES, HANDSHAKE_LEN)?;
        let handshake = whole.map(|whole| whole.as_slice().try_into().map(Box::new)).transpose();
        handshake.map_err(|_| InviteError::Internal)
    }
}

/// The guest's side: reads the host's bundle, then answers with a handshake. Serialised with serde; secret.
#[derive(Deserialize, Serialize)]
pub struct InviteGuest {
    seed: InviteSeed,
    host: Chunks,
    answered: bool,
}

impl InviteGuest {
    /// Begins with the seed of an address.
    ///
    /// # Errors
    /// [`InviteError::Internal`], which no input can cause.
    pub fn new(seed: &InviteSeed) -> Result<Self, InviteError> {
        Ok(Self { seed: seed.clone(), host: Chunks::new(seed, HOST_LABEL, HOST_BOXES)?, answered: false })
    }

    /// The seed, which the handshake is bound to.
    pub fn seed(&self) -> &InviteSeed {
        &self.seed
    }

    /// The host's boxes not accepted yet.
    pub fn wanted(&self) -> Vec<WantedBox> {
        self.host.wanted(HOST_BOXES)
    }

    /// Accepts a box; returns the bundle when all are there. That it is the bundle of the persona in the address, and
    /// current, is the caller's to check.
    ///
    /// # Errors
    /// [`InviteError::NotWanted`], [`InviteError::Forged`] or [`InviteError::Bundle`].
    pub fn open(&mut self, index: u64, bytes: &[u8; BOX_LEN]) -> Result<Option<Bundle>, InviteError> {
        let mut host = self.host.copy();
        let Some(whole) = host.open(index, bytes, HOST_BOXES, BUNDLE_LEN)? else {
            self.host = host;
            return Ok(None);
        };
        let bundle = Bundle::from_bytes(&whole).map_err(InviteError::Bundle)?;
        self.host = host;
        Ok(Some(bundle))
    }

    /// Seals a handshake made with this seed into the guest's boxes, once.
    ///
    /// Put them in order, each after the one before was acknowledged: `Conflict` at the first box means that someone
    /// else accepted this invitation before.
    ///
    /// # Errors
    /// [`InviteError::Answered`].
    pub fn answer<R: CryptoRng + ?Sized>(
        &mut self,
        handshake: &[u8; HANDSHAKE_LEN],
        rng: &mut R,
    ) -> Result<Vec<OutgoingBox>, InviteError> {
        if self.answered {
            return Err(InviteError::Answered);
        }
        let boxes = seal_all(&self.seed, GUEST_LABEL, handshake, rng)?;
        self.answered = true;
        Ok(boxes)
    }
}

impl fmt::Debug for InviteHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InviteHost(..)")
    }
}

impl fmt::Debug for InviteGuest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InviteGuest(..)")
    }
}

/// The first boxes of a lane, joined to one object.
#[derive(Deserialize, Serialize)]
struct Chunks {
    lane: ReceiveLane,
    parts: Vec<Option<crate::codec::SecretBytes>>,
}

impl Chunks {
    fn new(seed: &InviteSeed, label: &[u8], count: usize) -> Result<Self, LaneError> {
        let start = seed.expand(label)?;
        Ok(Self { lane: ReceiveLane::new(start.as_bytes())?, parts: vec![None; count] })
    }

    fn wanted(&self, count: usize) -> Vec<WantedBox> {
        let mut wanted = self.lane.wanted(WINDOW);
        wanted.retain(|wanted| place(wanted.index, count).is_some());
        wanted
    }

    /// The first `len` bytes of all boxes together, once all are there and zeros follow.
    fn open(
        &mut self,
        index: u64,
        bytes: &[u8; BOX_LEN],
        count: usize,
        len: usize,
    ) -> Result<Option<Zeroizing<Vec<u8>>>, InviteError> {
        let place = place(index, count).ok_or(InviteError::NotWanted(index))?;
        let plain = self.lane.open(index, bytes)?;
        let slot = self.parts.get_mut(place).ok_or(InviteError::NotWanted(index))?;
        self.lane.accept(index)?;
        *slot = Some(crate::codec::SecretBytes(plain));
        let mut whole = Zeroizing::new(Vec::with_capacity(count * BOX_PLAIN));
        for part in &self.parts {
            match part {
                Some(part) => whole.extend_from_slice(&part.0),
                None => return Ok(None),
            }
        }
        whole.truncate(len);
        Ok(Some(whole))
    }

    fn copy(&self) -> Self {
        Self { lane: self.lane.copy(), parts: self.parts.clone() }
    }
}

fn place(index: u64, count: usize) -> Option<usize> {
    usize::try_from(index).ok().filter(|place| *place < count)
}

fn seal_all<R: CryptoRng + ?Sized>(
    seed: &InviteSeed,
    label: &[u8],
    object: &[u8],
    rng: &mut R,
) -> Result<Vec<OutgoingBox>, LaneError> {
    let start = seed.expand(label)?;
    let mut lane = SendLane::new(start.as_bytes());
    let mut boxes = Vec::new();
    for chunk in object.chunks(BOX_PLAIN) {
        let mut plain = [0; BOX_PLAIN];
        for (byte, from) in plain.iter_mut().zip(chunk) {
            *byte = *from;
        }
        let sealed = lane.seal(&plain, rng);
        plain.zeroize();
        boxes.push(sealed?);
    }
    Ok(boxes)
}
