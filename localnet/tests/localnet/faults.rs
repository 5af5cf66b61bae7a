//! Each fault has its effect and no other.

use std::time::Duration;

use bauta_localnet::{Limits, Localnet, LocalnetConfig};
use tokio::time::{Instant, timeout};

use crate::support::{PATIENCE, connect, connect_kept, hear, receive_all, send, until};

#[tokio::test(flavor = "multi_thread")]
async fn all_arrives_though_a_fifth_is_lost_at_each_hop() {
    let config = LocalnetConfig { seed: 1, ..LocalnetConfig::default() };
    let net = Localnet::start(config).await.unwrap();
    let alice = connect(&net, &net.gateways()[0]).await;
    let mut bob = connect(&net, &net.gateways()[1]).await;
    for node in net.mixes().iter().chain(net.gateways()) {
        node.set_drop(200);
    }
    let texts: Vec<_> = (0..50).map(|number| format!("message {number}")).collect();
    for text in &texts {
        send(&alice, *bob.nym_address(), text).await;
    }
    receive_all(&mut bob, texts).await;
    for node in net.mixes().iter().chain(net.gateways()) {
        assert!(node.stats().dropped > 0, "{node:?} lost some");
    }
    net.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delay_is_felt() {
    let net = Localnet::start(LocalnetConfig::default()).await.unwrap();
    let alice = connect(&net, &net.gateways()[0]).await;
    let mut bob = connect(&net, &net.gateways()[1]).await;
    let delay = Duration::from_millis(200);
    for mix in net.mixes() {
        mix.set_delay(delay);
    }
    let sent = Instant::now();
    send(&alice, *bob.nym_address(), "slow").await;
    hear(&mut bob, "slow").await;
    assert!(sent.elapsed() >= delay * 3, "it came after {:?}", sent.elapsed());
    net.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flipped_bit_reaches_the_receiver() {
    let config = LocalnetConfig { seed: 2, ..LocalnetConfig::default() };
    let net = Localnet::start(config).await.unwrap();
    let alice = connect(&net, &net.gateways()[0]).await;
    let mut bob = connect(&net, &net.gateways()[1]).await;
    net.gateways()[1].flip_bits(1000);
    let text = "a".repeat(1400);
    let deadline = Instant::now() + PATIENCE;
    loop {
        send(&alice, *bob.nym_address(), &text).await;
        // A flip in the headers of the message loses it.
        let received = timeout(Duration::from_secs(1), bob.wait_for_messages()).await;
        let mut received = received.ok().flatten().into_iter().flatten();
        if received.any(|message| flipped_bits(&message.message, text.as_bytes()) == Some(1)) {
            break;
        }
        assert!(Instant::now() < deadline, "no flip was seen");
    }
    assert!(net.gateways()[1].stats().flipped > 0);
    assert_eq!(net.gateways()[0].stats().flipped, 0, "acknowledgements are left alone");
    net.stop().await;
}

/// In how many bits two messages of equal length differ.
fn flipped_bits(one: &[u8], other: &[u8]) -> Option<u32> {
    let pairs = one.iter().zip(other);
    (one.len() == other.len()).then(|| pairs.map(|(one, other)| (one ^ other).count_ones()).sum())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wiped_gateway_knows_nobody() {
    let net = Localnet::start(LocalnetConfig::default()).await.unwrap();
    let keys = tempfile::tempdir().unwrap();
    let gateway = &net.gateways()[0];
    let client = connect_kept(&net, gateway, keys.path()).await.unwrap();
    client.disconnect().await;
    gateway.wipe().await.unwrap();
    let refused = connect_kept(&net, gateway, keys.path()).await;
    assert!(refused.is_err(), "the kept keys are of no use");

    let mut new = connect(&net, gateway).await;
    let other = connect(&net, &net.gateways()[1]).await;
    send(&other, *new.nym_address(), "hello").await;
    hear(&mut new, "hello").await;
    net.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_inbox_refuses_and_an_old_message_goes() {
    let limits = Limits { inbox_messages: 3, inbox_age: Duration::from_millis(500), ..Limits::default() };
    let config = LocalnetConfig { limits, ..LocalnetConfig::default() };
    let net = Localnet::start(config).await.unwrap();
    let keys = tempfile::tempdir().unwrap();
    let gateway = &net.gateways()[1];
    let alice = connect(&net, &net.gateways()[0]).await;
    let bob = connect_kept(&net, gateway, keys.path()).await.unwrap();
    let address = *bob.nym_address();
    bob.disconnect().await;
    let deadline = Instant::now() + PATIENCE;
    while gateway.stats().lost == 0 {
        send(&alice, address, "too much").await;
        tokio::time::sleep(Duration::from_millis(10)).await;
        assert!(Instant::now() < deadline, "the inbox never fills");
    }
    // What was refused is not acknowledged, so the client sends it again once there is room.
    let before = gateway.stats().stored;
    until("expiry makes room", || gateway.stats().stored > before).await;
    net.stop().await;
}
