//! Gateways that turn clients away or meter them, as those of the real network do.

use bauta_localnet::{Localnet, LocalnetConfig, Refusal};

use crate::support::{connect, hear, receive_all, send, try_connect};

/// What an unmodified client says when the first gateway turns it away.
async fn answer(net: &Localnet, refusal: Refusal) -> String {
    let gateway = &net.gateways()[0];
    gateway.refuse(Some(refusal));
    let outcome = try_connect(net, gateway).await;
    gateway.refuse(None);
    outcome.err().expect("it is refused").to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_turns_clients_away_in_the_words_of_the_real_network() {
    let net = Localnet::start(LocalnetConfig::default()).await.unwrap();
    for (refusal, words, registrations) in [
        (Refusal::Clock, "timestamp is excessively skewed", 1),
        (Refusal::Tickets, "only accepting coconut credentials", 1),
        (Refusal::Full, "connection failed", 0),
        (Refusal::Protocol(3), "incompatible protocol version", 0),
        (Refusal::Broken, "storage error", 1),
    ] {
        let before = net.gateways()[0].stats().registrations;
        let answer = answer(&net, refusal).await;
        assert!(answer.contains(words), "{refusal:?}: {answer}");
        assert_eq!(net.gateways()[0].stats().registrations - before, registrations, "{refusal:?}");
    }
    connect(&net, &net.gateways()[0]).await;
    net.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_asks_for_bandwidth_at_first_and_when_it_ends() {
    let net = Localnet::start(LocalnetConfig::default()).await.unwrap();
    let gateway = &net.gateways()[0];
    let alice = connect(&net, gateway).await;
    let mut bob = connect(&net, &net.gateways()[1]).await;
    send(&alice, *bob.nym_address(), "with the first grant").await;
    hear(&mut bob, "with the first grant").await;
    assert_eq!((gateway.stats().claims, gateway.stats().unpaid), (1, 0));
    for round in 2..5 {
        let before = gateway.stats().claims;
        gateway.end_grants();
        let texts: Vec<_> = (0..5).map(|number| format!("{round} {number}")).collect();
        for text in &texts {
            send(&alice, *bob.nym_address(), text).await;
        }
        receive_all(&mut bob, texts).await;
        // The SDK asks again for each packet that is refused while it asks, and never without a refusal.
        let claims = gateway.stats().claims;
        assert!(claims > before, "it asks again");
        assert!(claims - 1 <= gateway.stats().unpaid, "{claims} claims, {:?}", gateway.stats());
    }
    assert!(gateway.stats().unpaid > 0, "packets are refused before the client knows");
    net.stop().await;
}
