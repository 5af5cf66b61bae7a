//! What hops can read of packets besides where they go, by client.
//!
//! Whatever differs here between two packets of one client tells them apart: cover from messages, answers from
//! questions. Tests hold it against each other.
//!
//! A mix sees no client, and a gateway does not see under the first layer of what its clients send. So the gateway notes
//! the first key of each packet, and the mix that unwraps the packet says what it has read.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Mutex;

use nym_sphinx_types::{DestinationAddressBytes, NymPacket};

use crate::lock;

/// Packets between their gateway and their first mix that are remembered; older ones are lost.
const ON_THE_WAY: usize = 1 << 13;
/// Clients that are remembered; more are not counted.
const CLIENTS: usize = 1 << 10;

/// What a hop can read of one packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Shape {
    /// The version of Sphinx.
    pub version: u16,
    /// Bytes of the packet.
    pub size: usize,
    /// The type of packet in the frame.
    pub kind: u8,
    /// The key rotation in the frame: odd (1) or even (2).
    pub rotation: u8,
}

/// The packets of one client, and how many of each shape there were.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientShapes {
    /// What it gave to its gateway.
    pub sent: BTreeMap<Shape, u64>,
    /// What came to its gateway for it: messages, its own cover, and acknowledgements.
    pub received: BTreeMap<Shape, u64>,
}

/// The shapes of all packets of a network.
#[derive(Default)]
pub(crate) struct Shapes(Mutex<Book>);

/// A packet's first public key, which no other packet has.
type FirstKey = [u8; 32];

#[derive(Default)]
struct Book {
    on_the_way: HashMap<FirstKey, DestinationAddressBytes>,
    order: VecDeque<FirstKey>,
    clients: HashMap<DestinationAddressBytes, ClientShapes>,
}

impl Shapes {
    /// A client gave a packet to its gateway.
    pub(crate) fn sent(&self, client: DestinationAddressBytes, packet: &NymPacket) {
        let Some(key) = first_key(packet) else { return };
        let mut book = lock(&self.0);
        let Book { on_the_way, order, .. } = &mut *book;
        on_the_way.insert(key, client);
        order.push_back(key);
        if order.len() > ON_THE_WAY
            && let Some(oldest) = order.pop_front()
        {
            on_the_way.remove(&oldest);
        }
    }

    /// A node has unwrapped a packet whose key was this.
    pub(crate) fn unwrapped(&self, key: Option<FirstKey>, shape: Shape) {
        let mut book = lock(&self.0);
        let client = key.and_then(|key| book.on_the_way.remove(&key));
        if let Some(client) = client
            && let Some(shapes) = book.client(client)
        {
            *shapes.sent.entry(shape).or_default() += 1;
        }
    }

    /// A packet has come to the gateway of this client.
    pub(crate) fn received(&self, client: DestinationAddressBytes, shape: Shape) {
        if let Some(shapes) = lock(&self.0).client(client) {
            *shapes.received.entry(shape).or_default() += 1;
        }
    }

    /// By client: the first 32 bytes of its Nym address.
    pub(crate) fn by_client(&self) -> Vec<([u8; 32], ClientShapes)> {
        let book = lock(&self.0);
        book.clients.iter().map(|(client, shapes)| (client.as_bytes(), shapes.clone())).collect()
    }
}

impl Book {
    fn client(&mut self, client: DestinationAddressBytes) -> Option<&mut ClientShapes> {
        let known = self.clients.contains_key(&client) || self.clients.len() < CLIENTS;
        known.then(|| self.clients.entry(client).or_default())
    }
}

/// The public key in the packet's header, from which its next hop derives what it needs.
pub(crate) fn first_key(packet: &NymPacket) -> Option<FirstKey> {
    packet.sphinx_packet_ref().map(|packet| packet.shared_secret().to_bytes())
}
