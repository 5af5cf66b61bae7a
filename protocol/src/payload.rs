//! What the ratchet encrypts: always the same number of bytes, whatever the content.

use zeroize::Zeroizing;

use crate::codec::{Reader, Short};
use crate::descriptor::DescriptorSeen;
use crate::limits::BOX_PLAIN;
use crate::ratchet;
use crate::time::Day;

/// Bytes of a frame's length prefix: the ratchet's message follows it, then zeros.
const FRAME_HEADER: usize = 2;

/// Bytes of every payload.
pub(crate) const PAYLOAD_LEN: usize = ratchet::plaintext_len(BOX_PLAIN - FRAME_HEADER);

/// version 1, ack 8, given up 8, descriptor day 4 and hash 32, flags 1, length 2.
const HEADER_LEN: usize = 1 + 8 + 8 + 4 + 32 + 1 + 2;

/// Content bytes of one payload at most.
pub(crate) const MAX_FRAGMENT: usize = PAYLOAD_LEN - HEADER_LEN;

const _: () = assert!(PAYLOAD_LEN == 927 && MAX_FRAGMENT == 871, "docs/protocol.md states these");

const VERSION: u8 = 1;
const MORE: u8 = 1;
const ACK_ONLY: u8 = 2;
const CONTINUES: u8 = 4;

/// One payload, decoded.
#[derive(Clone, Eq, PartialEq)]
#[cfg_attr(test, derive(Debug))]
pub(crate) struct Payload {
    /// Boxes received in order on the peer's lane.
    pub(crate) ack: u64,
    /// One more than the highest index on the peer's lane that was given up; zero for none.
    pub(crate) given_up: u64,
    pub(crate) seen: Option<DescriptorSeen>,
    pub(crate) part: Part,
}

/// What the payload carries.
#[derive(Clone, Eq, PartialEq)]
#[cfg_attr(test, derive(Debug))]
pub(crate) enum Part {
    /// Only the acknowledgement.
    AckOnly,
    Fragment {
        /// It continues the content of the box before.
        continues: bool,
        /// The next box continues it.
        more: bool,
        data: Zeroizing<Vec<u8>>,
    },
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum PayloadError {
    Version(u8),
    Malformed,
}

impl From<Short> for PayloadError {
    fn from(_: Short) -> Self {
        Self::Malformed
    }
}

impl Payload {
    /// `None` when the data is longer than [`MAX_FRAGMENT`].
    pub(crate) fn encode(&self) -> Option<Zeroizing<Vec<u8>>> {
        let (flags, data) = match &self.part {
            Part::AckOnly => (ACK_ONLY, [].as_slice()),
            Part::Fragment { continues, more, data } => {
                let flags = if *more { MORE } else { 0 } | if *continues { CONTINUES } else { 0 };
                (flags, data.as_slice())
            }
        };
        if data.len() > MAX_FRAGMENT {
            return None;
        }
        let mut bytes = Zeroizing::new(Vec::with_capacity(PAYLOAD_LEN));
        bytes.push(VERSION);
        bytes.extend_from_slice(&self.ack.to_be_bytes());
        bytes.extend_from_slice(&self.given_up.to_be_bytes());
        let (day, hash) = self.seen.map_or((0, [0; 32]), |seen| (seen.day.0, seen.hash));
        bytes.extend_from_slice(&day.to_be_bytes());
        bytes.extend_from_slice(&hash);
        bytes.push(flags);
        bytes.extend_from_slice(&u16::try_from(data.len()).ok()?.to_be_bytes());
        bytes.extend_from_slice(data);
        bytes.resize(PAYLOAD_LEN, 0);
        Some(bytes)
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, PayloadError> {
        let mut reader = Reader::new(bytes);
        match reader.u8()? {
            VERSION => {}
            other => return Err(PayloadError::Version(other)),
        }
        if bytes.len() != PAYLOAD_LEN {
            return Err(PayloadError::Malformed);
        }
        let (ack, given_up) = (reader.u64()?, reader.u64()?);
        let seen = DescriptorSeen { day: Day(reader.u32()?), hash: reader.array()? };
        let seen = (seen != DescriptorSeen { day: Day(0), hash: [0; 32] }).then_some(seen);
        let flags = reader.u8()?;
        let len = usize::from(reader.u16()?);
        let data = reader.slice(len)?;
        let part = match flags {
            ACK_ONLY if len == 0 => Part::AckOnly,
            _ if flags & !(MORE | CONTINUES) == 0 => Part::Fragment {
                continues: flags & CONTINUES != 0,
                more: flags & MORE != 0,
                data: Zeroizing::new(data.to_vec()),
            },
            _ => return Err(PayloadError::Malformed),
        };
        if !reader.rest_is_zero() {
            return Err(PayloadError::Malformed);
        }
        Ok(Self { ack, given_up, seen, part })
    }
}

/// Puts a ratchet message into the plaintext of a box. `None` when it does not fit, which its length excludes.
pub(crate) fn frame(message: &[u8]) -> Option<[u8; BOX_PLAIN]> {
    let mut plain = [0; BOX_PLAIN];
    let (len, room) = plain.split_first_chunk_mut::<FRAME_HEADER>()?;
    *len = u16::try_from(message.len()).ok()?.to_be_bytes();
    room.get_mut(..message.len())?.copy_from_slice(message);
    Some(plain)
}

/// The ratchet message in the plaintext of a box; `None` unless [`frame`] could have written it.
pub(crate) fn unframe(plain: &[u8]) -> Option<&[u8]> {
    let mut reader = Reader::new(plain);
    let len = usize::from(reader.u16().ok()?);
    let message = reader.slice(len).ok()?;
    (plain.len() == BOX_PLAIN && reader.rest_is_zero() && ratchet::is_message(message)).then_some(message)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn payloads() -> impl Strategy<Value = Payload> {
        let seen = proptest::option::of((any::<u32>(), any::<[u8; 32]>()));
        let part = proptest::option::of((
            any::<bool>(),
            any::<bool>(),
            proptest::collection::vec(any::<u8>(), 0..=MAX_FRAGMENT),
        ));
        (any::<u64>(), any::<u64>(), seen, part).prop_map(|(ack, given_up, seen, part)| Payload {
            ack,
            given_up,
            seen: seen.map(|(day, hash)| DescriptorSeen { day: Day(day), hash }),
            part: part.map_or(Part::AckOnly, |(continues, more, data)| Part::Fragment {
                continues,
                more,
                data: Zeroizing::new(data),
            }),
        })
    }

    proptest! {
        #[test]
        fn round_trip(payload in payloads()) {
            let bytes = payload.encode().unwrap();
            prop_assert_eq!(bytes.len(), PAYLOAD_LEN);
            prop_assert_eq!(Payload::decode(&bytes).unwrap(), payload);
        }

        #[test]
        fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..1200)) {
            let _ = Payload::decode(&bytes);
            let _ = unframe(&bytes);
        }

        #[test]
        fn one_encoding_only(payload in payloads(), place in 0..PAYLOAD_LEN, bit in 0..8) {
            let mut bytes = payload.encode().unwrap();
            bytes[place] ^= 1u8 << bit;
            if let Ok(other) = Payload::decode(&bytes) {
                prop_assert_eq!(other.encode().unwrap(), bytes);
            }
        }
    }

    #[test]
    fn too_much_data_is_not_encoded() {
        let data = Zeroizing::new(vec![0; MAX_FRAGMENT + 1]);
        let part = Part::Fragment { continues: false, more: false, data };
        assert!(Payload { ack: 0, given_up: 0, seen: None, part }.encode().is_none());
    }

    #[test]
    fn framing_takes_exactly_what_fits() {
        assert!(frame(&[7; BOX_PLAIN - FRAME_HEADER]).is_some());
        assert!(frame(&[7; BOX_PLAIN - FRAME_HEADER + 1]).is_none());
        assert!(unframe(&frame(&[7; 60]).unwrap()).is_none(), "not a ratchet message");
    }
}
