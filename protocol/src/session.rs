//! One conversation over one handshake: a ratchet and two lanes, with acknowledgements and fragments.
//!
//! The rule for callers: the session's state and what a call returned commit in one transaction, and only then is a box
//! put, a capability used, or a content shown. Then a crash at any point loses nothing and duplicates nothing.

use std::collections::BTreeMap;
use std::fmt;

use rand_core::CryptoRng;
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, Zeroizing};

pub use crate::lane::{OutgoingBox, WantedBox};

use crate::codec::SecretBytes;
use crate::descriptor::DescriptorSeen;
use crate::id::Capability;
use crate::lane::{ReceiveLane, SendLane};
use crate::limits::{BOX_LEN, MAX_BOXES, MAX_CONTENT};
use crate::payload::{self, MAX_FRAGMENT, Part, Payload};
use crate::ratchet::Ratchet;
use crate::secret::Secret32;

mod error;
mod feed;
mod stored;

pub use error::{OpenError, SealError, SkipError};

use feed::Feed;

/// Bytes of the content of a first message at most: one payload.
pub const MAX_FIRST: usize = MAX_FRAGMENT;

const STATE_VERSION: u8 = 1;

/// One conversation with one peer. Serialised with serde, for instance by [`crate::to_json`]; the result is secret.
#[derive(Deserialize, Serialize)]
#[serde(remote = "Self")]
pub struct Session {
    version: u8,
    ratchet: Ratchet,
    send: SendLane,
    receive: ReceiveLane,
    /// Accepted boxes beyond the first missing one, as ratchet messages, by index.
    ahead: BTreeMap<u64, SecretBytes>,
    /// The beginning of a content whose later boxes are missing.
    partial: Option<SecretBytes>,
    /// The rest of a lost content is still to come.
    dropping: bool,
    // Indices count boxes from 0, so "one more than the highest" is a count and zero means none.
    /// How many of our boxes the peer received in order; it only grows.
    acked: u64,
    /// Something came since the last box we sealed, so a receipt is owed.
    ack_due: bool,
    /// One more than the highest index on the peer's lane that we gave up. The peer gets it in every payload, because
    /// our acknowledgement counts boxes that were given up and must not make their content look delivered.
    given_up: u64,
    /// The same from the peer, about our lane.
    peer_given_up: u64,
    /// The peer acknowledged boxes that this state never sealed, or sealed one that it cannot follow: it is an old copy.
    /// It stays readable, but sealing again would use keys twice, so it never seals any more and the caller begins a new
    /// handshake.
    rolled_back: bool,
    /// E(0): the next epoch's keys will be derived from this and a fresh key exchange. Unused in this version.
    epoch: Secret32,
}

/// The result of one accepted box, and of boxes that waited behind it.
#[derive(Default)]
pub struct Opened {
    /// Complete contents, in order.
    pub contents: Vec<Vec<u8>>,
    /// Boxes the relay may forget; delete them hours later, at random times.
    pub deletable: Vec<Capability>,
    /// The peer has our boxes with a lower index than this.
    pub acked: u64,
    /// Which descriptors of the relay the peer saw.
    pub seen: Vec<DescriptorSeen>,
    /// A content was lost: a box was given up, or could not be used.
    pub gap: bool,
}

impl Session {
    /// A session whose ratchet has encrypted (initiator) or decrypted (responder) the handshake's first message.
    pub(crate) fn begin(ratchet: Ratchet, send: SendLane, receive: ReceiveLane, epoch: Secret32) -> Self {
        Self {
            version: STATE_VERSION,
            ratchet,
            send,
            receive,
            ahead: BTreeMap::new(),
            partial: None,
            dropping: false,
            acked: 0,
            ack_due: false,
            given_up: 0,
            peer_given_up: 0,
            rolled_back: false,
            epoch,
        }
    }

    /// The responder got a first message: its first box acknowledges this to the initiator.
    pub(crate) fn owe_ack(mut self) -> Self {
        self.ack_due = true;
        self
    }

    /// Whether [`Self::seal`] can work: not after a roll-back was noticed, nor in a full lane.
    pub fn can_send(&self) -> bool {
        !self.rolled_back && self.send.next_index() < MAX_BOXES
    }

    /// Seals a content into one box, or into several when it is longer than one payload.
    ///
    /// `seen` is the descriptor of the peer's relay that the boxes will be put by. Every box carries the cumulative
    /// acknowledgement, so none is due afterwards.
    ///
    /// # Errors
    /// One variant of [`SealError`] per cause.
    pub fn seal<R: CryptoRng + ?Sized>(
        &mut self,
        content: &[u8],
        seen: Option<DescriptorSeen>,
        rng: &mut R,
    ) -> Result<Vec<OutgoingBox>, SealError> {
        if content.len() > MAX_CONTENT {
            return Err(SealError::TooLong(content.len()));
        }
        let mut fragments = content.chunks(MAX_FRAGMENT);
        let mut parts = Vec::new();
        let mut fragment = fragments.next().unwrap_or_default();
        loop {
            let next = fragments.next();
            let data = Zeroizing::new(fragment.to_vec());
            parts.push(Part::Fragment { continues: !parts.is_empty(), more: next.is_some(), data });
            match next {
                Some(next) => fragment = next,
                None => return self.seal_parts(parts, seen, rng),
            }
        }
    }

    /// Seals a box that only acknowledges. It makes no acknowledgement due at the peer.
    ///
    /// # Errors
    /// One variant of [`SealError`] per cause.
    pub fn seal_ack<R: CryptoRng + ?Sized>(
        &mut self,
        seen: Option<DescriptorSeen>,
        rng: &mut R,
    ) -> Result<OutgoingBox, SealError> {
        self.seal_parts(vec![Part::AckOnly], seen, rng)?.pop().ok_or(SealError::Internal)
    }

    /// Boxes not accepted yet, in lane order, among the first `window` (at most [`crate::limits::WINDOW`]) places.
    pub fn wanted(&self, window: usize) -> Vec<WantedBox> {
        self.receive.wanted(window)
    }

    /// Accepts a box. One ahead of a missing one is kept inside; the ratchet is fed strictly in lane order.
    ///
    /// A kept box that turns out to be unusable when its turn comes is reported as a gap.
    ///
    /// # Errors
    /// One variant of [`OpenError`] per cause.
    pub fn open(&mut self, index: u64, bytes: &[u8; BOX_LEN]) -> Result<Opened, OpenError> {
        let plain = self.receive.open(index, bytes)?;
        let message = payload::unframe(&plain).ok_or(OpenError::Malformed(index))?;
        let mut receive = self.receive.copy();
        let mut feed = Feed::of(self);
        let head = index == receive.head();
        if head {
            feed.message(message).map_err(|error| error.at(index))?;
        }
        feed.opened.deletable.push(receive.accept(index)?);
        if head {
            feed.waiting(&self.ahead, index + 1);
        } else {
            feed.look_ahead(message);
            self.ahead.insert(index, SecretBytes(Zeroizing::new(message.to_vec())));
        }
        Ok(self.commit(feed, receive))
    }

    /// Gives up the first missing box if later ones are there, and continues with those.
    ///
    /// The content it belonged to is lost; the next sealed box reports this to the peer.
    ///
    /// # Errors
    /// [`SkipError::NothingLater`].
    pub fn skip_gap(&mut self) -> Result<Opened, SkipError> {
        if self.ahead.is_empty() {
            return Err(SkipError::NothingLater);
        }
        let mut receive = self.receive.copy();
        let mut feed = Feed::of(self);
        let head = receive.head();
        feed.give_up(head);
        feed.opened.deletable.push(receive.accept(head).map_err(|_| SkipError::Internal)?);
        feed.waiting(&self.ahead, head + 1);
        Ok(self.commit(feed, receive))
    }

    /// Boxes sealed so far: the next one's index.
    pub fn sent(&self) -> u64 {
        self.send.next_index()
    }

    /// Boxes received in order (given-up ones count): the first missing one's index.
    pub fn received(&self) -> u64 {
        self.receive.head()
    }

    /// The peer has our boxes with a lower index than this, except those it gave up.
    pub fn acked(&self) -> u64 {
        self.acked
    }

    /// Whether content (or a gap) came since the last acknowledgement sealed.
    pub fn ack_due(&self) -> bool {
        self.ack_due
    }

    /// The highest index of ours that the peer gave up: the content in that box never arrived, although
    /// [`Self::acked`] is beyond it.
    pub fn lost(&self) -> Option<u64> {
        self.peer_given_up.checked_sub(1)
    }

    fn seal_parts<R: CryptoRng + ?Sized>(
        &mut self,
        parts: Vec<Part>,
        seen: Option<DescriptorSeen>,
        rng: &mut R,
    ) -> Result<Vec<OutgoingBox>, SealError> {
        if self.rolled_back {
            return Err(SealError::RolledBack);
        }
        // On copies, so that an error after the first of several boxes leaves no trace.
        let mut ratchet = self.ratchet.copy();
        let mut send = self.send.copy();
        let mut boxes = Vec::with_capacity(parts.len());
        for part in parts {
            let payload = Payload { ack: self.receive.head(), given_up: self.given_up, seen, part };
            let payload = payload.encode().ok_or(SealError::Internal)?;
            let message = ratchet.encrypt(&payload).map_err(|_| SealError::Internal)?;
            let mut plain = payload::frame(&message).ok_or(SealError::Internal)?;
            let sealed = send.seal(&plain, rng);
            plain.zeroize();
            boxes.push(sealed?);
        }
        self.ratchet = ratchet;
        self.send = send;
        self.ack_due = false;
        Ok(boxes)
    }

    fn commit(&mut self, feed: Feed, receive: ReceiveLane) -> Opened {
        let Feed {
            ratchet,
            sent: _,
            partial,
            dropping,
            acked,
            ack_due,
            given_up,
            peer_given_up,
            rolled_back,
            mut opened,
        } = feed;
        self.ahead.retain(|index, _| *index >= receive.head());
        self.receive = receive;
        self.ratchet = ratchet;
        self.partial = partial;
        self.dropping = dropping;
        self.acked = acked;
        self.ack_due = ack_due;
        self.given_up = given_up;
        self.peer_given_up = peer_given_up;
        self.rolled_back = rolled_back;
        opened.acked = acked;
        opened
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Session(..)")
    }
}

impl fmt::Debug for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Opened({} contents, gap: {})", self.contents.len(), self.gap)
    }
}
