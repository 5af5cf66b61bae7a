//! Packets per second through one mix node, against the bare Sphinx unwrap.
//!
//! Both run on the same kind of packets in one run; the last line is their ratio.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::unreachable,
    missing_docs
)]

use std::{
    hint::black_box,
    net::SocketAddr,
    time::{Duration, Instant},
};

use bauta_localnet::{Localnet, LocalnetConfig};
use criterion::{Criterion, Throughput};
use futures::SinkExt;
use nym_crypto::asymmetric::x25519;
use nym_sphinx_framing::{codec::NymCodec, packet::FramedNymPacket, processing::process_framed_packet};
use nym_sphinx_params::{PacketSize, PacketType, key_rotation::SphinxKeyRotation};
use nym_sphinx_types::{
    DESTINATION_ADDRESS_LENGTH, Delay, Destination, DestinationAddressBytes, IDENTIFIER_LENGTH,
    NODE_ADDRESS_LENGTH, Node, NodeAddressBytes, NymPacket, PrivateKey,
};
use rand::rngs::OsRng;
use tokio::{
    io::AsyncReadExt,
    net::{TcpListener, TcpStream},
    runtime::Runtime,
};
use tokio_util::codec::Framed;

/// A header and a regular packet.
const FRAME: u64 = 4 + 2413;
const ROUNDS: usize = 15;
const BATCH: u64 = 1000;

/// An address as nodes find it in a packet (nym-sphinx-addressing): version, port, octets, zeros.
fn node_address(address: SocketAddr) -> NodeAddressBytes {
    let SocketAddr::V4(address) = address else { unreachable!("loopback is IPv4") };
    let mut bytes = [0; NODE_ADDRESS_LENGTH];
    bytes[0] = 4;
    bytes[1..3].copy_from_slice(&address.port().to_be_bytes());
    bytes[3..7].copy_from_slice(&address.ip().octets());
    NodeAddressBytes::from_bytes(bytes)
}

/// A packet for `key`, to be forwarded to `next` without delay.
fn packet(key: &x25519::PublicKey, next: SocketAddr) -> FramedNymPacket {
    let node = |address, key| Node::new(node_address(address), key);
    let other = || (&PrivateKey::random()).into();
    let route = [
        node(next, key.inner().to_bytes().into()),
        node(next, other()),
        node(next, other()),
        node(next, other()),
    ];
    let destination = Destination::new(
        DestinationAddressBytes::from_bytes([3; DESTINATION_ADDRESS_LENGTH]),
        [4; IDENTIFIER_LENGTH],
    );
    let delays = [Delay::new_from_nanos(0); 4];
    let size = PacketSize::RegularPacket;
    let packet = NymPacket::sphinx_build(false, size.payload_size(), b"bench", &route, &destination, &delays);
    FramedNymPacket::new(packet.unwrap(), PacketType::Mix, SphinxKeyRotation::OddRotation, false)
}

fn packets(count: u64, key: &x25519::PublicKey, next: SocketAddr) -> Vec<FramedNymPacket> {
    (0..count).map(|_| packet(key, next)).collect()
}

/// The time from the first packet into the mix to the last one out of it.
async fn through(mix: SocketAddr, sink: &TcpListener, packets: Vec<FramedNymPacket>) -> Duration {
    let count = packets.len() as u64;
    let mut framed = Framed::new(TcpStream::connect(mix).await.unwrap(), NymCodec);
    let start = Instant::now();
    let sender = tokio::spawn(async move {
        for packet in packets {
            framed.feed(packet).await.unwrap();
        }
        framed.flush().await.unwrap();
        framed
    });
    let (mut stream, _) = sink.accept().await.unwrap();
    let mut buffer = vec![0; 1 << 16];
    let mut missing = count * FRAME;
    while missing > 0 {
        let read = stream.read(&mut buffer).await.unwrap() as u64;
        assert!(read > 0, "the mix lost its connection");
        missing -= read;
    }
    let elapsed = start.elapsed();
    drop(sender.await);
    elapsed
}

/// The time to unwrap the packets and do nothing with them.
fn unwrap(secret: &x25519::PrivateKey, packets: Vec<FramedNymPacket>) -> Duration {
    let start = Instant::now();
    for packet in packets {
        black_box(process_framed_packet(packet, secret.as_ref()).unwrap());
    }
    start.elapsed()
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args().sample_size(10);
    let runtime = Runtime::new().unwrap();
    let net = runtime.block_on(Localnet::start(LocalnetConfig::default())).unwrap();
    let mix = net.mixes()[0].mix_address();
    // The bench takes the place of the next hop, so that nothing but the one mix unwraps.
    let next = net.mixes()[1].mix_address();
    let sink = runtime.block_on(async {
        net.mixes()[1].stop().await;
        TcpListener::bind(next).await.unwrap()
    });
    let key = runtime.block_on(sphinx_key(&net));
    let secret = x25519::PrivateKey::new(&mut OsRng);
    let bare = |count| unwrap(&secret, packets(count, &secret.public_key(), next));
    let node = |count| {
        let packets = packets(count, &key, next);
        runtime.block_on(through(mix, &sink, packets))
    };

    let mut group = criterion.benchmark_group("mix");
    group.throughput(Throughput::Elements(1));
    group.bench_function("bare unwrap", |bencher| bencher.iter_custom(bare));
    group.bench_function("through a mix", |bencher| bencher.iter_custom(node));
    group.finish();
    criterion.final_summary();

    // In turns, so that whatever else the machine does burdens both alike.
    let mut rounds: Vec<_> = (0..ROUNDS).map(|_| (bare(BATCH), node(BATCH))).collect();
    rounds.sort_by(|one, other| ratio(one).total_cmp(&ratio(other)));
    let (bare, node) = rounds[ROUNDS / 2];
    println!(
        "median of {ROUNDS} rounds of {BATCH} packets: bare unwrap {:.0}/s, through a mix {:.0}/s, ratio {:.2} (from {:.2} to {:.2})",
        BATCH as f64 / bare.as_secs_f64(),
        BATCH as f64 / node.as_secs_f64(),
        ratio(&rounds[ROUNDS / 2]),
        ratio(&rounds[0]),
        ratio(&rounds[ROUNDS - 1]),
    );
    runtime.block_on(net.stop());
}

/// The mix's rate as a share of the bare rate.
fn ratio((bare, node): &(Duration, Duration)) -> f64 {
    bare.as_secs_f64() / node.as_secs_f64()
}

/// The first mix's Sphinx key, as the api tells it.
async fn sphinx_key(net: &Localnet) -> x25519::PublicKey {
    use tokio::io::AsyncWriteExt;
    let host = net.api_url().replace("http://", "").replace("/api/", "");
    let mut stream = TcpStream::connect(&host).await.unwrap();
    let path = "/api/v2/unstable/nym-nodes/skimmed/mixnodes/active";
    let request = format!("GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).await.unwrap();
    let body = response.split_once("\r\n\r\n").unwrap().1;
    let body: serde_json::Value = serde_json::from_str(body).unwrap();
    let key = body["nodes"]["data"][0]["x25519_sphinx_pubkey"].as_str().unwrap();
    x25519::PublicKey::from_base58_string(key).unwrap()
}
