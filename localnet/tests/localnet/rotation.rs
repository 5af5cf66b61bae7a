//! Clients and key rotations.

use std::time::Duration;

use bauta_localnet::{Epochs, Localnet, LocalnetConfig};
use nym_sdk::mixnet::{IncludedSurbs, MixnetMessageSender};
use tokio::time::{Instant, sleep};

use crate::support::{PATIENCE, connect, hear, send, until, until_heard};

#[tokio::test(flavor = "multi_thread")]
async fn traffic_flows_over_two_rotations() {
    let net = Localnet::start(LocalnetConfig::default()).await.unwrap();
    let mut alice = connect(&net, &net.gateways()[0]).await;
    let mut bob = connect(&net, &net.gateways()[1]).await;
    until_heard(&alice, &mut bob, "before").await;
    assert_eq!(net.rotation(), 1);

    alice.send_message(*bob.nym_address(), "answer me", IncludedSurbs::new(30)).await.unwrap();
    let tag = hear(&mut bob, "answer me").await;
    assert_eq!(net.rotate_keys().await.unwrap(), 2);
    // Both still use the keys of rotation 1, and the reply block was made with them.
    bob.send_reply(tag.unwrap(), "old block").await.unwrap();
    hear(&mut alice, "old block").await;
    send(&alice, *bob.nym_address(), "old keys").await;
    hear(&mut bob, "old keys").await;
    assert_eq!(net.stats().total().malformed, 0, "the keys before are still there");

    assert_eq!(net.rotate_keys().await.unwrap(), 3);
    // Until the clients refresh their topology, their packets are for keys that are gone.
    send(&alice, *bob.nym_address(), "new keys").await;
    hear(&mut bob, "new keys").await;
    send(&bob, *alice.nym_address(), "and back").await;
    hear(&mut alice, "and back").await;
    net.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_asks_for_fresh_reply_blocks_after_a_rotation() {
    // A client looks for a new rotation every eighth of an epoch.
    let epochs = Epochs { duration: Duration::from_secs(16), ..Epochs::default() };
    let net = Localnet::start(LocalnetConfig { epochs, ..Default::default() }).await.unwrap();
    let mut alice = connect(&net, &net.gateways()[0]).await;
    let mut bob = connect(&net, &net.gateways()[1]).await;
    alice.send_message(*bob.nym_address(), "answer me", IncludedSurbs::new(40)).await.unwrap();
    let tag = hear(&mut bob, "answer me").await;

    let sent = || net.gateways()[0].stats().from_clients;
    until("all of the message has left", || sent() >= 10).await;
    quiet(&net).await;
    let before = sent();
    net.rotate_keys().await.unwrap();
    until("alice is asked for fresh blocks", || sent() > before).await;
    quiet(&net).await;

    net.rotate_keys().await.unwrap();
    // The first blocks are two rotations old and open nowhere; the fresh ones do.
    bob.send_reply(tag.unwrap(), "fresh block").await.unwrap();
    hear(&mut alice, "fresh block").await;
    net.stop().await;
}

/// Waits until no packet has moved for a while.
async fn quiet(net: &Localnet) {
    let deadline = Instant::now() + PATIENCE;
    let mut last = (net.stats(), Instant::now());
    while last.1.elapsed() < Duration::from_secs(1) {
        sleep(Duration::from_millis(20)).await;
        let stats = net.stats();
        if stats != last.0 {
            last = (stats, Instant::now());
        }
        assert!(Instant::now() < deadline, "it never gets quiet");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn epochs_follow_the_clock() {
    let epochs = Epochs { duration: Duration::from_secs(3), per_rotation: 2, automatic: true };
    let net = Localnet::start(LocalnetConfig { epochs, ..Default::default() }).await.unwrap();
    let alice = connect(&net, &net.gateways()[0]).await;
    let mut bob = connect(&net, &net.gateways()[1]).await;
    let deadline = Instant::now() + PATIENCE;
    let mut number = 0;
    while net.rotation() < 3 {
        let text = format!("message {number}");
        send(&alice, *bob.nym_address(), &text).await;
        hear(&mut bob, &text).await;
        number += 1;
        sleep(Duration::from_millis(50)).await;
        assert!(Instant::now() < deadline, "the clock stands still");
    }
    assert_eq!(net.stats().total().malformed, 0, "clients follow in time");
    net.stop().await;
}
