//! Lanes: one direction of a conversation as a sequence of boxes whose ids do not show that they belong together.
//!
//! `L(i+1) || cap(i) || key(i) || tag(i) = HKDF-Expand(L(i), "bauta/lane/1", 104)`, and box `i` is
//! `nonce (24) || XChaCha20-Poly1305(key(i), nonce, AD = id(i), plain)` with `id(i) = cap(i).box_id()`.
//! Compare Katzenpost's BACAP, which does the same with blinded Ed25519 keys; this one needs hashes only.
//! What each side keeps and when it forgets is specified in `docs/protocol.md`, "Lanes".

use std::collections::VecDeque;
use std::fmt;

use rand_core::CryptoRng;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::aead::{self, NONCE_LEN};
use crate::digest::set::Tag;
use crate::error::{HasKind, Kind};
use crate::id::{BoxId, Capability};
use crate::kdf::{self, KdfError};
use crate::limits::{BOX_LEN, BOX_PLAIN, MAX_BOXES, WINDOW};
use crate::secret::Secret32;

/// A sealed box, ready to be put.
#[derive(Clone, Eq, PartialEq)]
pub struct OutgoingBox {
    /// Its place in the lane.
    pub index: u64,
    /// Its name at the relay.
    pub id: BoxId,
    /// What the relay's digest lists it by.
    pub tag: Tag,
    /// Its bytes.
    pub bytes: Box<[u8; BOX_LEN]>,
    /// What it is sealed with: the writer keeps it until the relay has the box.
    pub key: BoxKey,
}

/// What one box is sealed with. Whoever else knows it has the lane: the peer, or an older copy of this state.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct BoxKey(Secret32);

impl BoxKey {
    /// From [`Self::as_bytes`]; the caller erases its own copy.
    pub fn from_ref(bytes: &[u8; 32]) -> Self {
        Self(Secret32::from_ref(bytes))
    }

    /// Its bytes, which are secret.
    pub fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }

    /// Whether these bytes were sealed with it under this name, whatever is inside.
    pub fn opens(&self, id: &BoxId, bytes: &[u8; BOX_LEN]) -> bool {
        open_box(&self.0, id, bytes).is_some()
    }
}

/// A box the reader waits for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct WantedBox {
    /// Its place in the lane.
    pub index: u64,
    /// Its name at the relay.
    pub id: BoxId,
    /// What the relay's digest lists it by. It says nothing of the id, so that nobody can ask for a box that is listed
    /// without knowing its lane.
    pub tag: Tag,
}

/// Why a lane does not seal or open.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum LaneError {
    /// The reader does not wait for this box: it was accepted before, or is beyond the window.
    #[error("box {0} of the lane is not wanted")]
    NotWanted(u64),
    /// The seal is invalid: the relay returned other bytes than were put. Ask again.
    #[error("the seal of box {0} is invalid")]
    Forged(u64),
    /// The lane is used up.
    #[error("the lane is full")]
    Full,
    /// A bug.
    #[error("the lane's key derivation failed")]
    Internal,
}

impl HasKind for LaneError {
    fn kind(&self) -> Kind {
        match self {
            Self::NotWanted(_) => Kind::Usage,
            Self::Forged(_) => Kind::Forged,
            Self::Full => Kind::Full,
            Self::Internal => Kind::Internal,
        }
    }
}

impl From<KdfError> for LaneError {
    fn from(_: KdfError) -> Self {
        Self::Internal
    }
}

/// The writing end: `L(next)` and nothing of the boxes before it.
#[derive(Deserialize, Serialize)]
pub struct SendLane {
    next: u64,
    chain: Secret32,
}

impl SendLane {
    /// Begins a lane at `L(0)`; the caller erases its own copy.
    pub fn new(start: &[u8; 32]) -> Self {
        Self { next: 0, chain: Secret32::from_ref(start) }
    }

    /// Index of the next box.
    pub fn next_index(&self) -> u64 {
        self.next
    }

    /// Seals the next box and forgets its keys.
    ///
    /// The state after this call and the box belong in one transaction, before the box is put: a lane that is set back
    /// seals other bytes under the same id and gets `Conflict` from the relay.
    ///
    /// # Errors
    /// [`LaneError::Full`] after 2^48 boxes. On any error the lane is unchanged.
    pub fn seal<R: CryptoRng + ?Sized>(
        &mut self,
        plain: &[u8; BOX_PLAIN],
        rng: &mut R,
    ) -> Result<OutgoingBox, LaneError> {
        if self.next >= MAX_BOXES {
            return Err(LaneError::Full);
        }
        let step = Step::of(&self.chain)?;
        let id = step.pair.cap.box_id();
        let mut nonce = [0; NONCE_LEN];
        rng.fill_bytes(&mut nonce);
        let sealed =
            aead::seal(&step.pair.key, &nonce, id.as_bytes(), plain).map_err(|_| LaneError::Internal)?;
        let bytes = [nonce.as_slice(), &sealed].concat().try_into().map_err(|_| LaneError::Internal)?;
        let index = self.next;
        self.next += 1;
        self.chain = step.chain;
        Ok(OutgoingBox { index, id, tag: step.pair.tag, bytes, key: BoxKey(step.pair.key) })
    }

    pub(crate) fn copy(&self) -> Self {
        Self { next: self.next, chain: self.chain.clone() }
    }
}

/// The reading end: the pairs of a window of [`WINDOW`] boxes from the first missing one, and `L` beyond it.
#[derive(Deserialize, Serialize)]
#[serde(try_from = "StoredReceiveLane")]
pub struct ReceiveLane {
    // Boxes come in any order, because each is asked for by an exchange of its own and some are lost or held. A reader that
    // asked for one box at a time would wait a whole exchange per box; one that kept keys without a bound could be made to
    // derive and hold them for ever by a writer that skips. So the keys of a fixed window are derived ahead, and `beyond`
    // is the one chain key past it. A pair is taken when its box is accepted: from then on nothing here can open that box
    // again, and the window moves only when its first box was accepted or given up.
    head: u64,
    /// One per box of the window; `None` once the box was accepted.
    window: VecDeque<Option<Pair>>,
    beyond: Secret32,
}

impl ReceiveLane {
    /// Begins a lane at `L(0)`; the caller erases its own copy.
    ///
    /// # Errors
    /// [`LaneError::Internal`], which no input can cause.
    pub fn new(start: &[u8; 32]) -> Result<Self, LaneError> {
        let mut lane =
            Self { head: 0, window: VecDeque::with_capacity(WINDOW), beyond: Secret32::from_ref(start) };
        lane.fill()?;
        Ok(lane)
    }

    /// Index of the first box not accepted: all before it were.
    pub fn head(&self) -> u64 {
        self.head
    }

    /// Boxes not accepted, in lane order, from the first `window` (at most [`WINDOW`]) places.
    pub fn wanted(&self, window: usize) -> Vec<WantedBox> {
        (self.head..)
            .zip(self.window.iter().take(window))
            .filter_map(|(index, pair)| {
                pair.as_ref().map(|pair| WantedBox { index, id: pair.cap.box_id(), tag: pair.tag })
            })
            .collect()
    }

    /// Opens a box. The lane is unchanged: [`Self::accept`] follows once its content is safe.
    ///
    /// # Errors
    /// [`LaneError::NotWanted`] or [`LaneError::Forged`].
    pub fn open(&self, index: u64, bytes: &[u8; BOX_LEN]) -> Result<Zeroizing<Vec<u8>>, LaneError> {
        let pair = self.place(index).and_then(|place| self.window.get(place)).and_then(Option::as_ref);
        let pair = pair.ok_or(LaneError::NotWanted(index))?;
        open_box(&pair.key, &pair.cap.box_id(), bytes).ok_or(LaneError::Forged(index))
    }

    /// Forgets the key of a box and returns its capability, for deletion hours later.
    ///
    /// # Errors
    /// [`LaneError::NotWanted`]; the lane is unchanged.
    pub fn accept(&mut self, index: u64) -> Result<Capability, LaneError> {
        let pair = self.place(index).and_then(|place| self.window.get_mut(place)).and_then(Option::take);
        let pair = pair.ok_or(LaneError::NotWanted(index))?;
        while matches!(self.window.front(), Some(None)) {
            self.window.pop_front();
            self.head += 1;
        }
        self.fill()?;
        Ok(pair.cap)
    }

    /// Whether the box is beyond the first missing one and was accepted.
    pub(crate) fn was_accepted(&self, index: u64) -> bool {
        self.place(index).is_some_and(|place| matches!(self.window.get(place), Some(None)))
    }

    pub(crate) fn copy(&self) -> Self {
        Self { head: self.head, window: self.window.clone(), beyond: self.beyond.clone() }
    }

    fn place(&self, index: u64) -> Option<usize> {
        usize::try_from(index.checked_sub(self.head)?).ok()
    }

    fn fill(&mut self) -> Result<(), LaneError> {
        while self.window.len() < WINDOW {
            let step = Step::of(&self.beyond)?;
            self.beyond = step.chain;
            self.window.push_back(Some(step.pair));
        }
        Ok(())
    }
}

impl fmt::Debug for OutgoingBox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OutgoingBox({}, {:?})", self.index, self.id)
    }
}

impl fmt::Debug for SendLane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SendLane(..)")
    }
}

impl fmt::Debug for ReceiveLane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ReceiveLane(..)")
    }
}

#[derive(Clone, Deserialize, Serialize)]
struct Pair {
    cap: Capability,
    key: Secret32,
    tag: Tag,
}

/// One step of the chain: `L(i+1)` and the pair of box `i`.
struct Step {
    chain: Secret32,
    pair: Pair,
}

impl Step {
    fn of(chain: &Secret32) -> Result<Self, KdfError> {
        let mut okm = Zeroizing::new([0; 3 * 32 + 8]);
        kdf::expand(chain, b"bauta/lane/1", okm.as_mut_slice())?;
        let (secrets, tag) = okm.split_last_chunk::<8>().ok_or(KdfError::Length)?;
        let ([next, cap, key], []) = secrets.as_chunks::<32>() else { return Err(KdfError::Length) };
        Ok(Self {
            chain: Secret32::from_ref(next),
            pair: Pair { cap: Capability::from_bytes(cap), key: Secret32::from_ref(key), tag: Tag(*tag) },
        })
    }
}

fn open_box(key: &Secret32, id: &BoxId, bytes: &[u8; BOX_LEN]) -> Option<Zeroizing<Vec<u8>>> {
    let (nonce, sealed) = bytes.split_first_chunk::<NONCE_LEN>()?;
    aead::open(key, nonce, id.as_bytes(), sealed).ok()
}

#[derive(Deserialize)]
struct StoredReceiveLane {
    head: u64,
    window: VecDeque<Option<Pair>>,
    beyond: Secret32,
}

impl TryFrom<StoredReceiveLane> for ReceiveLane {
    type Error = &'static str;

    fn try_from(stored: StoredReceiveLane) -> Result<Self, &'static str> {
        let StoredReceiveLane { head, window, beyond } = stored;
        if window.len() != WINDOW || !matches!(window.front(), Some(Some(_))) || head > MAX_BOXES {
            return Err("a stored lane has a full window whose first box is missing");
        }
        Ok(Self { head, window, beyond })
    }
}
