//! The Sphinx keys of one node: the current rotation's and the one before.

use std::sync::{Arc, Mutex, PoisonError, RwLock};

use nym_crypto::asymmetric::x25519;
use nym_sphinx_framing::{
    packet::FramedNymPacket,
    processing::{MixPacketVersion, MixProcessingResultData, PartiallyUnwrappedPacket},
};
use nym_sphinx_params::key_rotation::SphinxKeyRotation;
use rand::rngs::OsRng;

use crate::{
    lock,
    replay::ReplayFilter,
    shapes::{self, Shape},
};

/// The key of one rotation, with the packets it has opened.
pub(crate) struct SphinxKey {
    rotation: u32,
    pair: x25519::KeyPair,
    opened: Mutex<ReplayFilter>,
}

impl SphinxKey {
    pub(crate) fn generate(rotation: u32) -> Self {
        SphinxKey::new(rotation, x25519::PrivateKey::new(&mut OsRng))
    }

    pub(crate) fn new(rotation: u32, secret: x25519::PrivateKey) -> Self {
        SphinxKey { rotation, pair: secret.into(), opened: Mutex::default() }
    }

    pub(crate) fn rotation(&self) -> u32 {
        self.rotation
    }

    pub(crate) fn public(&self) -> x25519::PublicKey {
        *self.pair.public_key()
    }

    pub(crate) fn secret(&self) -> &x25519::PrivateKey {
        self.pair.private_key()
    }
}

/// Why a packet was not unwrapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UnwrapError {
    /// Not for this node, damaged, or made with a key that is gone.
    Malformed,
    /// Opened before.
    Replayed,
}

/// A packet without its outer layer.
pub(crate) struct Unwrapped {
    pub(crate) data: MixProcessingResultData,
    /// What could be read of it.
    pub(crate) shape: Shape,
    /// The public key it came with.
    pub(crate) first_key: Option<[u8; 32]>,
}

/// What a node can open packets with.
#[derive(Clone)]
pub(crate) struct KeyPair {
    pub(crate) current: Arc<SphinxKey>,
    /// Its parity always differs from that of `current`: the packet header shows only whether it is odd or even.
    pub(crate) previous: Option<Arc<SphinxKey>>,
}

impl KeyPair {
    pub(crate) fn new(current: SphinxKey) -> Self {
        KeyPair { current: Arc::new(current), previous: None }
    }

    /// The pair after a rotation. The old key stays only if the new one follows it directly.
    pub(crate) fn next(&self, new: SphinxKey) -> Self {
        let follows = new.rotation == self.current.rotation.wrapping_add(1);
        let previous = follows.then(|| self.current.clone());
        KeyPair { current: Arc::new(new), previous }
    }
}

/// The keys in use.
pub(crate) struct KeyRing(RwLock<KeyPair>);

impl KeyRing {
    pub(crate) fn new(keys: KeyPair) -> Self {
        KeyRing(RwLock::new(keys))
    }

    pub(crate) fn keys(&self) -> KeyPair {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn install(&self, keys: KeyPair) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = keys;
    }

    /// Takes one layer off the packet, with the key its header asks for.
    pub(crate) fn unwrap(&self, packet: FramedNymPacket) -> Result<Unwrapped, UnwrapError> {
        let KeyPair { current, previous } = self.keys();
        let rotation = packet.key_rotation();
        let (size, kind) = (packet.packet().len(), packet.packet_type() as u8);
        let first_key = shapes::first_key(packet.packet());
        // A packet of an old client says nothing about the rotation: then both keys are tried.
        let (first, second) = if rotation.is_unknown() || rotation == parity(&current) {
            (current, previous.filter(|_| rotation.is_unknown()))
        } else {
            (previous.ok_or(UnwrapError::Malformed)?, None)
        };
        let (opened, key) = match PartiallyUnwrappedPacket::new(packet, first.secret().as_ref()) {
            Ok(opened) => (opened, first),
            Err((packet, _)) => {
                let key = second.ok_or(UnwrapError::Malformed)?;
                let opened = PartiallyUnwrappedPacket::new(packet, key.secret().as_ref())
                    .map_err(|_| UnwrapError::Malformed)?;
                (opened, key)
            }
        };
        let tag = opened.replay_tag().ok_or(UnwrapError::Malformed)?;
        if !lock(&key.opened).insert(tag) {
            return Err(UnwrapError::Replayed);
        }
        let unwrapped = opened.finalise_unwrapping().map_err(|_| UnwrapError::Malformed)?;
        let version = match unwrapped.packet_version {
            MixPacketVersion::Sphinx(version) => version.value(),
            MixPacketVersion::Outfox => 0,
        };
        let shape = Shape { version, size, kind, rotation: rotation as u8 };
        Ok(Unwrapped { data: unwrapped.processing_data, shape, first_key })
    }
}

fn parity(key: &SphinxKey) -> SphinxKeyRotation {
    SphinxKeyRotation::from_key_rotation_id(key.rotation)
}

#[cfg(test)]
mod tests {
    use nym_sphinx_params::{PacketSize, PacketType};
    use nym_sphinx_types::{
        DESTINATION_ADDRESS_LENGTH, Delay, Destination, DestinationAddressBytes, IDENTIFIER_LENGTH,
        NODE_ADDRESS_LENGTH, Node, NodeAddressBytes, NymPacket, PrivateKey,
    };

    use super::*;

    /// A packet whose first hop has this key; the second is at 127.0.0.1:80.
    fn packet(key: &SphinxKey, rotation: u32) -> FramedNymPacket {
        let mut address = [0; NODE_ADDRESS_LENGTH];
        address[..7].copy_from_slice(&[4, 0, 80, 127, 0, 0, 1]);
        let node = |key| Node::new(NodeAddressBytes::from_bytes(address), key);
        let other = || (&PrivateKey::random()).into();
        let first = key.public().inner().to_bytes().into();
        let destination = Destination::new(
            DestinationAddressBytes::from_bytes([1; DESTINATION_ADDRESS_LENGTH]),
            [2; IDENTIFIER_LENGTH],
        );
        let packet = NymPacket::sphinx_build(
            false,
            PacketSize::RegularPacket.payload_size(),
            b"text",
            &[node(first), node(other()), node(other())],
            &destination,
            &[Delay::new_from_nanos(1); 3],
        );
        let rotation = SphinxKeyRotation::from_key_rotation_id(rotation);
        FramedNymPacket::new(packet.unwrap(), PacketType::Mix, rotation, false)
    }

    fn opens(ring: &KeyRing, packet: FramedNymPacket) -> Result<(), UnwrapError> {
        ring.unwrap(packet).map(|unwrapped| {
            assert!(matches!(unwrapped.data, MixProcessingResultData::ForwardHop { .. }));
        })
    }

    #[test]
    fn the_header_tells_the_key_and_two_rotations_are_kept() {
        let ring = KeyRing::new(KeyPair::new(SphinxKey::generate(1)));
        let first = ring.keys().current;
        assert_eq!(opens(&ring, packet(&first, 1)), Ok(()));
        assert_eq!(opens(&ring, packet(&first, 0)), Ok(()), "rotation unknown");
        assert_eq!(opens(&ring, packet(&first, 2)), Err(UnwrapError::Malformed), "none yet");

        ring.install(ring.keys().next(SphinxKey::generate(2)));
        let second = ring.keys().current;
        assert_eq!(opens(&ring, packet(&first, 1)), Ok(()));
        assert_eq!(opens(&ring, packet(&first, 0)), Ok(()), "both are tried");
        assert_eq!(opens(&ring, packet(&second, 2)), Ok(()));
        assert_eq!(opens(&ring, packet(&second, 0)), Ok(()));
        assert_eq!(opens(&ring, packet(&second, 1)), Err(UnwrapError::Malformed), "wrong key");

        ring.install(ring.keys().next(SphinxKey::generate(3)));
        let third = ring.keys().current;
        assert_eq!(opens(&ring, packet(&second, 2)), Ok(()));
        assert_eq!(opens(&ring, packet(&third, 3)), Ok(()));
        assert_eq!(opens(&ring, packet(&first, 1)), Err(UnwrapError::Malformed), "gone");
    }

    #[test]
    fn a_skipped_rotation_leaves_no_key_before() {
        let keys = KeyPair::new(SphinxKey::generate(1));
        assert!(keys.next(SphinxKey::generate(2)).previous.is_some());
        assert!(keys.next(SphinxKey::generate(3)).previous.is_none(), "it has the same parity");
    }

    #[test]
    fn a_packet_opens_once() {
        let ring = KeyRing::new(KeyPair::new(SphinxKey::generate(1)));
        let once = packet(&ring.keys().current, 1);
        let bytes = once.packet().to_bytes().unwrap();
        let again = NymPacket::sphinx_from_bytes(&bytes).unwrap();
        let again = FramedNymPacket::new(again, PacketType::Mix, SphinxKeyRotation::OddRotation, false);
        assert_eq!(opens(&ring, once), Ok(()));
        assert_eq!(opens(&ring, again), Err(UnwrapError::Replayed));
    }
}
