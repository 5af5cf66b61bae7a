//! The frame of an exchange: `xid (16) || tag (16) || body`, both ways.
//!
//! Nym's payload encryption has no authentication: the gateways at both ends can flip bits.
//! The xid is random and known to the two ends only, so it serves as the key of an HMAC-SHA-256 (RFC 2104) cut to 16 bytes.
//! A request's tag covers `"req" || relay id || body`, a reply's `"rep" || SHA-256(request frame) || body`:
//! a reply belongs to one request and a request to one relay.
//!
//! The byte budget is a fact of nym-sdk 1.21 with regular packets, measured:
//! a request of at most [`ONE_PACKET_WITH_SURB`] bytes with one reply SURB travels in one packet,
//! one of [`DIGEST_FRAME`] bytes with three,
//! a reply of at most [`ONE_PACKET_REPLY`] bytes too.

use std::fmt;

use bauta_protocol::id::RelayId;
use bauta_protocol::limits::{LARGE_BODY, QUESTION_BODY, SMALL_BODY};
use bauta_protocol::relay::Class;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroize as _;

/// Bytes of an exchange id.
pub const XID_LEN: usize = 16;
/// Bytes of a tag.
pub const TAG_LEN: usize = 16;
/// Bytes before the body.
pub const HEADER_LEN: usize = XID_LEN + TAG_LEN;
/// Bytes of a frame of class [`Class::Small`].
pub const SMALL_FRAME: usize = HEADER_LEN + SMALL_BODY;
/// Bytes of a frame of class [`Class::Large`].
pub const LARGE_FRAME: usize = HEADER_LEN + LARGE_BODY;
/// Bytes of a request's frame of class [`Class::Digest`]; its reply has [`LARGE_FRAME`].
pub const DIGEST_FRAME: usize = HEADER_LEN + QUESTION_BODY;
/// The longest message that travels in one regular packet together with one reply SURB.
pub const ONE_PACKET_WITH_SURB: usize = 1121;
/// The longest reply that travels in one regular packet.
pub const ONE_PACKET_REPLY: usize = 1601;

const _: () = assert!(SMALL_FRAME <= ONE_PACKET_WITH_SURB, "a small request must travel in one packet");
const _: () = assert!(SMALL_FRAME <= ONE_PACKET_REPLY, "a small reply must travel in one packet");
const _: () = assert!(
    SMALL_FRAME == 1120 && LARGE_FRAME == 4128 && DIGEST_FRAME == 64,
    "the frame sizes are part of the protocol"
);

/// How many reply SURBs a request of this class carries: one for each packet of its reply.
pub const fn surbs(class: Class) -> u32 {
    match class {
        Class::Small => 1,
        Class::Large | Class::Digest => 3,
    }
}

/// The length of a request's frame of this class.
pub const fn request_len(class: Class) -> usize {
    HEADER_LEN + class.request_len()
}

/// The length of a reply's frame of this class.
pub const fn reply_len(class: Class) -> usize {
    HEADER_LEN + class.reply_len()
}

/// The class of a request's frame of this length.
pub fn class_of(len: usize) -> Option<Class> {
    Class::ALL.into_iter().find(|class| request_len(*class) == len)
}

fn is_reply(len: usize) -> bool {
    Class::ALL.into_iter().any(|class| reply_len(class) == len)
}

/// An exchange id: random, and secret between the two ends.
#[derive(Clone, Eq, Hash, PartialEq)]
pub struct Xid([u8; XID_LEN]);

impl Xid {
    /// An id from random bytes.
    pub fn new(bytes: [u8; XID_LEN]) -> Self {
        Self(bytes)
    }
}

impl Drop for Xid {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for Xid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Xid(..)")
    }
}

/// SHA-256 of a whole request frame.
#[derive(Clone, Copy, Eq, PartialEq)]
pub struct RequestDigest([u8; 32]);

impl RequestDigest {
    /// The digest of these bytes.
    pub fn of(request_frame: &[u8]) -> Self {
        Self(Sha256::digest(request_frame).into())
    }
}

impl fmt::Debug for RequestDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RequestDigest(..)")
    }
}

/// A request whose tag was right.
#[derive(Debug)]
pub struct OpenedRequest<'a> {
    /// The exchange.
    pub xid: Xid,
    /// Its class.
    pub class: Class,
    /// What identifies a resend of the same request.
    pub digest: RequestDigest,
    /// The body.
    pub body: &'a [u8],
}

/// A request frame for this relay.
///
/// `None` if the body does not have the length of a class.
pub fn seal_request(xid: &Xid, relay: &RelayId, body: &[u8]) -> Option<Vec<u8>> {
    class_of(HEADER_LEN + body.len())?;
    Some(assemble(xid, &request_tag(xid, relay, body), body))
}

/// Opens what may be a request frame for this relay.
///
/// `None` for any other length and for a wrong tag.
pub fn open_request<'a>(relay: &RelayId, frame: &'a [u8]) -> Option<OpenedRequest<'a>> {
    let class = class_of(frame.len())?;
    let parts = Parts::of(frame)?;
    bool::from(request_tag(&parts.xid, relay, parts.body).ct_eq(parts.tag)).then(|| OpenedRequest {
        class,
        digest: RequestDigest::of(frame),
        body: parts.body,
        xid: parts.xid,
    })
}

/// A reply frame.
///
/// `None` if the body does not have the length of a class.
pub fn seal_reply(xid: &Xid, request: &RequestDigest, body: &[u8]) -> Option<Vec<u8>> {
    is_reply(HEADER_LEN + body.len()).then_some(())?;
    Some(assemble(xid, &reply_tag(xid, request, body), body))
}

/// The exchange that a frame claims to answer. Nothing is checked but the length.
pub fn claimed_xid(frame: &[u8]) -> Option<Xid> {
    is_reply(frame.len()).then_some(())?;
    Parts::of(frame).map(|parts| parts.xid)
}

/// Opens the reply to this request; its body.
///
/// `None` for any other length, another exchange, and a wrong tag.
pub fn open_reply<'a>(xid: &Xid, request: &RequestDigest, frame: &'a [u8]) -> Option<&'a [u8]> {
    is_reply(frame.len()).then_some(())?;
    let parts = Parts::of(frame)?;
    let right = parts.xid == *xid && bool::from(reply_tag(xid, request, parts.body).ct_eq(parts.tag));
    right.then_some(parts.body)
}

struct Parts<'a> {
    xid: Xid,
    tag: &'a [u8],
    body: &'a [u8],
}

impl<'a> Parts<'a> {
    fn of(frame: &'a [u8]) -> Option<Self> {
        let (xid, rest) = frame.split_first_chunk::<XID_LEN>()?;
        let (tag, body) = rest.split_at_checked(TAG_LEN)?;
        Some(Self { xid: Xid(*xid), tag, body })
    }
}

fn assemble(xid: &Xid, tag: &[u8; TAG_LEN], body: &[u8]) -> Vec<u8> {
    let mut frame = Vec::with_capacity(HEADER_LEN + body.len());
    frame.extend_from_slice(&xid.0);
    frame.extend_from_slice(tag);
    frame.extend_from_slice(body);
    frame
}

fn request_tag(xid: &Xid, relay: &RelayId, body: &[u8]) -> [u8; TAG_LEN] {
    tag(xid, [b"req", &relay.0, body])
}

fn reply_tag(xid: &Xid, request: &RequestDigest, body: &[u8]) -> [u8; TAG_LEN] {
    tag(xid, [b"rep", &request.0, body])
}

fn tag(xid: &Xid, parts: [&[u8]; 3]) -> [u8; TAG_LEN] {
    // A key shorter than a block is padded with zeros (RFC 2104, section 2).
    let mut block = [0u8; 64];
    for (to, from) in block.iter_mut().zip(xid.0) {
        *to = from;
    }
    let mut mac = Hmac::<Sha256>::new(&block.into());
    block.zeroize();
    for part in parts {
        mac.update(part);
    }
    let full: [u8; 32] = mac.finalize().into_bytes().into();
    let mut tag = [0u8; TAG_LEN];
    for (to, from) in tag.iter_mut().zip(full) {
        *to = from;
    }
    tag
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn body(len: usize, fill: u8) -> Vec<u8> {
        (0..len).map(|i| (i as u8).wrapping_mul(31) ^ fill).collect()
    }

    fn question(class: Class, fill: u8) -> Vec<u8> {
        body(class.request_len(), fill)
    }

    fn answer(class: Class, fill: u8) -> Vec<u8> {
        body(class.reply_len(), fill)
    }

    fn class() -> impl Strategy<Value = Class> {
        prop::sample::select(Class::ALL.to_vec())
    }

    #[test]
    fn the_tag_is_hmac_sha256_of_the_padded_key() {
        // RFC 4231, test case 1 has a 20-byte key; the same construction with ours, computed with Python's hmac module.
        let tag = tag(&Xid([0x0b; 16]), [b"Hi", b" ", b"There"]);
        let mut mac = <Hmac<Sha256> as hmac::KeyInit>::new_from_slice(&[0x0b; 16]).unwrap();
        mac.update(b"Hi There");
        assert_eq!(tag[..], mac.finalize().into_bytes()[..16]);
    }

    #[test]
    fn a_body_of_another_length_makes_no_frame() {
        let xid = Xid([1; 16]);
        for len in [
            0,
            1,
            QUESTION_BODY - 1,
            QUESTION_BODY + 1,
            SMALL_BODY - 1,
            SMALL_BODY + 1,
            LARGE_BODY - 1,
            LARGE_BODY + 1,
        ] {
            assert!(seal_request(&xid, &RelayId([2; 32]), &vec![0; len]).is_none());
            assert!(seal_reply(&xid, &RequestDigest([3; 32]), &vec![0; len]).is_none());
        }
    }

    #[test]
    fn secrets_do_not_show() {
        let frame = seal_request(&Xid([77; 16]), &RelayId([2; 32]), &question(Class::Small, 0)).unwrap();
        assert_eq!(format!("{:?}", claimed_xid(&frame).unwrap()), "Xid(..)");
    }

    proptest! {
        #[test]
        fn requests_and_replies_come_back(xid: [u8; 16], relay: [u8; 32], asked in class(), told in class(), fill: u8) {
            let (xid, relay) = (Xid(xid), RelayId(relay));
            let request = seal_request(&xid, &relay, &question(asked, fill)).unwrap();
            prop_assert_eq!(request.len(), request_len(asked));
            let opened = open_request(&relay, &request).unwrap();
            prop_assert_eq!(&opened.xid, &xid);
            prop_assert_eq!(opened.class, asked);
            prop_assert_eq!(opened.body, &question(asked, fill)[..]);
            let reply = seal_reply(&opened.xid, &opened.digest, &answer(told, !fill)).unwrap();
            prop_assert_eq!(claimed_xid(&reply), Some(xid.clone()));
            prop_assert_eq!(open_reply(&xid, &RequestDigest::of(&request), &reply), Some(&answer(told, !fill)[..]));
        }

        #[test]
        fn any_flipped_bit_is_noticed(xid: [u8; 16], relay: [u8; 32], asked in class(), at in any::<prop::sample::Index>(), bit in 0u8..8) {
            let (xid, relay) = (Xid(xid), RelayId(relay));
            let mut request = seal_request(&xid, &relay, &question(asked, 0)).unwrap();
            let digest = RequestDigest::of(&request);
            let mut reply = seal_reply(&xid, &digest, &answer(asked, 1)).unwrap();
            let (in_request, in_reply) = (at.index(request.len()), at.index(reply.len()));
            request[in_request] ^= 1 << bit;
            reply[in_reply] ^= 1 << bit;
            prop_assert!(open_request(&relay, &request).is_none());
            prop_assert!(open_reply(&xid, &digest, &reply).is_none());
        }

        #[test]
        fn a_frame_belongs_to_its_relay_and_its_request(xid: [u8; 16], relay: [u8; 32], other: [u8; 32], fill: u8) {
            prop_assume!(relay != other);
            let xid = Xid(xid);
            let request = seal_request(&xid, &RelayId(relay), &question(Class::Small, fill)).unwrap();
            prop_assert!(open_request(&RelayId(other), &request).is_none());
            let reply = seal_reply(&xid, &RequestDigest(relay), &answer(Class::Small, fill)).unwrap();
            prop_assert!(open_reply(&xid, &RequestDigest(other), &reply).is_none());
            // A request is not a reply, nor the other way round.
            prop_assert!(open_reply(&xid, &RequestDigest(relay), &request).is_none());
            prop_assert!(open_request(&RelayId(relay), &reply).is_none());
        }

        #[test]
        fn foreign_bytes_do_no_harm(bytes in vec(any::<u8>(), 0..2 * SMALL_FRAME)) {
            prop_assert!(open_request(&RelayId([0; 32]), &bytes).is_none());
            prop_assert!(open_reply(&Xid([0; 16]), &RequestDigest([0; 32]), &bytes).is_none());
            let _ = claimed_xid(&bytes);
        }
    }
}
