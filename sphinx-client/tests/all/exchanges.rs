use std::sync::Arc;
use std::time::{Duration, Instant};

use bauta_protocol::relay::Class;
use bauta_sphinx_client::{ExchangeError, Mixnet, Patience, Phase, RelayTarget, Traffic};

use crate::support::*;

#[tokio::test(flavor = "multi_thread")]
async fn small_and_large_exchanges_are_answered() {
    let net = net(2).await;
    let dir = tempfile::tempdir().unwrap();
    let echo = echo(service_config(&net, dir.path(), 2)).await;
    let client = mixnet(&net).client(1);
    for n in 0..5 {
        ask(&client, &echo.target(), Class::Small, n).await;
        ask(&client, &echo.target(), Class::Large, n).await;
    }
    let mut state = client.state();
    state.wait_for(|state| state.phase == Phase::Ready).await.unwrap();
    assert!(state.borrow().last_exchange.is_some());
    client.stop().await;
    assert_eq!(client.state().borrow().phase, Phase::Off);
    let late = client.exchange(&echo.target(), Class::Small, &body(Class::Small, 0), PATIENCE).await;
    assert!(matches!(late, Err(ExchangeError::Stopped)));
    echo.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn classes_take_one_packet_each_way_or_four_and_three_or_one_and_three() {
    let net = net(2).await;
    let dir = tempfile::tempdir().unwrap();
    let echo = echo(service_config(&net, dir.path(), 1)).await;
    let client = mixnet(&net).client(1);
    ask(&client, &echo.target(), Class::Small, 0).await;
    // What the client and the door hand to their gateways.
    let sent = || net.gateways().iter().map(|gateway| gateway.stats().from_clients).sum::<u64>();
    for (class, out, back) in [(Class::Small, 1, 1), (Class::Large, 4, 3), (Class::Digest, 1, 3)] {
        // The door's probes and the SDK's retransmissions count too; the quietest of some rounds holds none.
        let mut least = u64::MAX;
        for round in 0..8 {
            let before = sent();
            for n in 0..4 {
                ask(&client, &echo.target(), class, 100 * round + n).await;
            }
            least = least.min(sent() - before);
        }
        assert_eq!(least, 4 * (out + back), "{class:?}");
    }
    client.stop().await;
    echo.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_exchanges_show_two_hundred_senders() {
    let net = net(2).await;
    let dir = tempfile::tempdir().unwrap();
    let seen = Arc::new(Sightings::default());
    let config = bauta_sphinx_client::ServiceConfig {
        observer: Some(seen.clone()),
        ..service_config(&net, dir.path(), 2)
    };
    let echo = echo(config).await;
    let client = mixnet(&net).client(1);
    let target = echo.target();
    // Ten at a time, so that their sendings overlap.
    for round in 0..20 {
        let asks = (0..10).map(|n| {
            let (client, target) = (client.clone(), target.clone());
            tokio::spawn(async move { ask(&client, &target, Class::Small, 10 * round + n).await })
        });
        for ask in asks.collect::<Vec<_>>() {
            ask.await.unwrap();
        }
    }
    let requests = seen.requests.lock().unwrap().clone();
    assert!(requests.len() >= 200, "{}", requests.len());
    assert!(requests.values().all(|times| *times == 1), "no tag was seen twice");
    assert!(seen.replies.lock().unwrap().keys().all(|tag| requests.contains_key(tag)));
    client.stop().await;
    echo.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenth_lost_at_every_hop_loses_no_exchange() {
    let net = net(2).await;
    let dir = tempfile::tempdir().unwrap();
    let echo = echo(service_config(&net, dir.path(), 2)).await;
    let client = mixnet(&net).client(1);
    ask(&client, &echo.target(), Class::Small, 0).await;
    for node in net.mixes().iter().chain(net.gateways()) {
        node.set_drop(100);
    }
    let asks: Vec<_> = (1..60)
        .map(|n| {
            let (client, target) = (client.clone(), echo.target());
            let class = if n % 10 == 0 { Class::Large } else { Class::Small };
            tokio::spawn(async move { ask(&client, &target, class, n).await })
        })
        .collect();
    for ask in asks {
        ask.await.unwrap();
    }
    assert!(echo.done.lock().unwrap().values().all(|times| *times == 1), "each request was done once");
    client.stop().await;
    echo.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn flipped_bits_never_reach_anyone() {
    let net = net(2).await;
    let dir = tempfile::tempdir().unwrap();
    let echo = echo(service_config(&net, dir.path(), 2)).await;
    let client = mixnet(&net).client(1);
    ask(&client, &echo.target(), Class::Small, 0).await;
    for gateway in net.gateways() {
        gateway.flip_bits(400);
    }
    let asks: Vec<_> = (1..40)
        .map(|n| {
            let (client, target) = (client.clone(), echo.target());
            tokio::spawn(async move { ask(&client, &target, Class::Small, n).await })
        })
        .collect();
    for ask in asks {
        ask.await.unwrap();
    }
    assert!(net.gateways().iter().map(|gateway| gateway.stats().flipped).sum::<u64>() > 20);
    let done = echo.done.lock().unwrap().clone();
    assert!((0..40).all(|n| done.get(&body(Class::Small, n)) == Some(&1)));
    assert_eq!(done.len(), 40, "no forged request was let through");
    client.stop().await;
    echo.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_there_ends_at_the_deadline_and_nonsense_at_once() {
    let net = net(2).await;
    let dir = tempfile::tempdir().unwrap();
    let echo = echo(service_config(&net, dir.path(), 1)).await;
    let client = mixnet(&net).client(1);
    ask(&client, &echo.target(), Class::Small, 0).await;
    let target = echo.target();
    let stranger = RelayTarget { id: bauta_protocol::id::RelayId([1; 32]), doors: target.doors.clone() };
    let short = Patience { deadline: Duration::from_secs(2), resend_after: Duration::from_millis(500) };
    let start = Instant::now();
    let answer = client.exchange(&stranger, Class::Small, &body(Class::Small, 0), short).await;
    assert!(matches!(answer, Err(ExchangeError::Deadline)));
    assert!(start.elapsed() < Duration::from_secs(60), "long before an exchange with somebody ends");
    let answer = client.exchange(&target, Class::Small, &[0; 7], short).await;
    assert!(matches!(answer, Err(ExchangeError::WrongLength { expected: 1088, got: 7 })));
    let nowhere = RelayTarget { id: RELAY, doors: Vec::new() };
    let answer = client.exchange(&nowhere, Class::Small, &body(Class::Small, 0), short).await;
    assert!(matches!(answer, Err(ExchangeError::NoDoor)));
    client.stop().await;
    echo.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_full_traffic_the_gateway_cannot_tell_when_something_is_sent() {
    let net = net(4).await;
    let dir = tempfile::tempdir().unwrap();
    let echo = echo(service_config(&net, dir.path(), 1)).await;
    let mixnet = Mixnet::new(network(&net), Traffic::Full, Arc::new(Keeper::default())).unwrap();
    mixnet.avoid_gateways_of(&echo.service.doors());
    let client = mixnet.client(1);
    ask(&client, &echo.target(), Class::Small, 0).await;
    let gateway = gateway_of(&net, &client);
    let taken = || gateway.stats().from_clients;
    // In turns, so that a machine that is slower for a while is so for both. 55 packets a second are due.
    let begun = Instant::now();
    let (mut idle, mut busy) = ((0, Duration::ZERO), (0, Duration::ZERO));
    let mut asked = 1;
    while idle.0 < 400 || busy.0 < 400 || asked < 6 {
        assert!(begun.elapsed() < Duration::from_secs(180), "too few packets: {asked} {idle:?} {busy:?}");
        for (count, is_busy) in [(&mut idle, false), (&mut busy, true)] {
            let (start, before) = (Instant::now(), taken());
            if is_busy {
                ask(&client, &echo.target(), Class::Small, asked).await;
                asked += 1;
            }
            tokio::time::sleep(Duration::from_secs(1).saturating_sub(start.elapsed())).await;
            *count = (count.0 + taken() - before, count.1 + start.elapsed());
        }
    }
    // Of 400 packets five standard deviations are a quarter. Without cover traffic there is no packet while idle.
    let rate = |(packets, time): (u64, Duration)| packets as f64 / time.as_secs_f64();
    let ratio = rate(busy) / rate(idle);
    assert!((0.65..1.5).contains(&ratio), "{asked} {idle:?} {busy:?}");
    client.stop().await;
    echo.stop().await;
}
