//! Registration, messages, reply blocks, reconnection, messages for the absent.

use std::time::Duration;

use bauta_localnet::{Localnet, LocalnetConfig};
use nym_sdk::mixnet::{IncludedSurbs, MixnetMessageSender};
use tokio::time::Instant;

use crate::support::{PATIENCE, connect, connect_kept, hear, receive_all, send, until, until_heard};

#[tokio::test(flavor = "multi_thread")]
async fn messages_and_replies_arrive() {
    let net = Localnet::start(LocalnetConfig::default()).await.unwrap();
    let mut alice = connect(&net, &net.gateways()[0]).await;
    let mut bob = connect(&net, &net.gateways()[1]).await;

    send(&alice, *bob.nym_address(), "to bob").await;
    hear(&mut bob, "to bob").await;
    send(&bob, *alice.nym_address(), "to alice").await;
    hear(&mut alice, "to alice").await;

    let surbs = IncludedSurbs::new(30);
    alice.send_message(*bob.nym_address(), "answer me", surbs).await.unwrap();
    let tag = hear(&mut bob, "answer me").await;
    for answer in ["one", "two", "three"] {
        bob.send_reply(tag.unwrap(), answer).await.unwrap();
        hear(&mut alice, answer).await;
    }

    // Larger than a packet, in both directions of one gateway.
    let long = "x".repeat(50_000);
    let mut carol = connect(&net, &net.gateways()[1]).await;
    send(&bob, *carol.nym_address(), &long).await;
    hear(&mut carol, &long).await;

    let total = net.stats().total();
    assert!(total.forwarded > 0 && total.final_hops > 0 && total.acks > 0, "{total:?}");
    assert!(total.from_clients > 0);
    assert_eq!((total.malformed, total.replayed, total.dropped), (0, 0, 0), "{total:?}");
    for mix in net.mixes() {
        assert!(mix.stats().forwarded > 0, "every layer is used");
    }
    for client in [alice, bob, carol] {
        client.disconnect().await;
    }
    net.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_burst_arrives_whole() {
    let net = Localnet::start(LocalnetConfig::default()).await.unwrap();
    let alice = connect(&net, &net.gateways()[0]).await;
    let mut bob = connect(&net, &net.gateways()[1]).await;
    let texts: Vec<_> = (0..500).map(|number| format!("message {number}")).collect();
    for text in &texts {
        send(&alice, *bob.nym_address(), text).await;
    }
    receive_all(&mut bob, texts).await;
    net.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_for_the_absent_waits() {
    let net = Localnet::start(LocalnetConfig::default()).await.unwrap();
    let keys = tempfile::tempdir().unwrap();
    let alice = connect(&net, &net.gateways()[0]).await;
    let gateway = &net.gateways()[1];
    let bob = connect_kept(&net, gateway, keys.path()).await.unwrap();
    let address = *bob.nym_address();
    bob.disconnect().await;

    let deadline = Instant::now() + PATIENCE;
    while gateway.stats().stored == 0 {
        send(&alice, address, "while you were out").await;
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert!(Instant::now() < deadline, "nothing is stored");
    }
    let mut bob = connect_kept(&net, gateway, keys.path()).await.unwrap();
    assert_eq!(*bob.nym_address(), address, "the kept keys are used");
    hear(&mut bob, "while you were out").await;
    net.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_come_back_after_their_gateway() {
    let net = Localnet::start(LocalnetConfig::default()).await.unwrap();
    let mut alice = connect(&net, &net.gateways()[0]).await;
    let mut bob = connect(&net, &net.gateways()[1]).await;
    until_heard(&alice, &mut bob, "before").await;

    let gateway = &net.gateways()[1];
    let (mix, websocket) = (gateway.mix_address(), gateway.websocket_address().unwrap());
    gateway.stop().await;
    assert!(!gateway.is_up());
    for address in [mix, websocket] {
        assert!(tokio::net::TcpStream::connect(address).await.is_err(), "{address} is closed");
    }
    gateway.start().await.unwrap();
    assert!(gateway.is_up());
    assert_eq!((gateway.mix_address(), gateway.websocket_address()), (mix, Some(websocket)));

    // Without cover traffic a client notices the loss when it sends.
    until_heard(&bob, &mut alice, "back again").await;
    until_heard(&alice, &mut bob, "welcome").await;
    net.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_mix_loses_packets_and_comes_back() {
    let net = Localnet::start(LocalnetConfig::default()).await.unwrap();
    let alice = connect(&net, &net.gateways()[0]).await;
    let mut bob = connect(&net, &net.gateways()[1]).await;
    net.mixes()[1].stop().await;
    send(&alice, *bob.nym_address(), "through the gap").await;
    until("the packet is lost before the gap", || net.mixes()[0].stats().lost > 0).await;
    net.mixes()[1].start().await.unwrap();
    // The client sends it again.
    hear(&mut bob, "through the gap").await;
    net.stop().await;
}
