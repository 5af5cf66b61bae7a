use std::sync::{Arc, Mutex};
use std::time::Duration;

use bauta_protocol::relay::Class;
use bauta_sphinx_client::{
    ExchangeError, GuardKeeper as _, Mixnet, Patience, Phase, Service, ServiceConfig, Traffic,
};

use crate::support::*;

#[tokio::test(flavor = "multi_thread")]
async fn an_exchange_survives_a_restart_of_the_gateway() {
    let net = net(3).await;
    let dir = tempfile::tempdir().unwrap();
    let echo = echo(service_config(&net, dir.path(), 2)).await;
    let client = mixnet(&net).client(1);
    ask(&client, &echo.target(), Class::Small, 0).await;
    let gateway = gateway_of(&net, &client).clone();
    gateway.stop().await;
    let asking = tokio::spawn({
        let (client, target) = (client.clone(), echo.target());
        async move { ask(&client, &target, Class::Small, 1).await }
    });
    tokio::time::sleep(Duration::from_millis(700)).await;
    gateway.start().await.unwrap();
    asking.await.unwrap();
    ask(&client, &echo.target(), Class::Small, 2).await;
    client.stop().await;
    echo.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_moves_to_the_other_guard_when_its_gateway_is_gone() {
    let net = net(6).await;
    let dir = tempfile::tempdir().unwrap();
    let echo = echo(service_config(&net, dir.path(), 2)).await;
    let keeper = Arc::new(Keeper::default());
    let mixnet = Mixnet::new(network(&net), Traffic::Test, keeper.clone()).unwrap();
    // Where there is a choice, no relay's gateway becomes a guard; so the relay outlives what follows.
    mixnet.avoid_gateways_of(&echo.service.doors());
    let client = mixnet.client(1);
    ask(&client, &echo.target(), Class::Small, 0).await;
    let first = client.gateway().unwrap();
    gateway_of(&net, &client).stop().await;
    let start = std::time::Instant::now();
    ask(&client, &echo.target(), Class::Small, 1).await;
    assert!(start.elapsed() < Duration::from_secs(90), "given up long before the SDK would");
    let second = client.gateway().unwrap();
    assert_ne!(first, second);
    let stored = String::from_utf8(keeper.load().unwrap()).unwrap();
    assert!(stored.contains(&first) && stored.contains(&second), "both are the installation's guards");

    // The second fails too: a third is the stand-in.
    gateway_of(&net, &client).stop().await;
    ask(&client, &echo.target(), Class::Small, 2).await;
    let third = client.gateway().unwrap();
    assert!(third != first && third != second);

    // Another run knows the same guards.
    for gateway in net.gateways() {
        gateway.start().await.unwrap();
    }
    client.stop().await;
    let again = Mixnet::new(network(&net), Traffic::Test, keeper).unwrap();
    let client = again.client(2);
    ask(&client, &echo.target(), Class::Small, 3).await;
    assert!([first, second, third].contains(&client.gateway().unwrap()));
    client.stop().await;
    echo.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_relay_costs_no_gateway() {
    let net = net(4).await;
    let dir = tempfile::tempdir().unwrap();
    let echo = echo(service_config(&net, dir.path(), 1)).await;
    let mixnet = mixnet(&net);
    mixnet.avoid_gateways_of(&echo.service.doors());
    let client = mixnet.client(1);
    ask(&client, &echo.target(), Class::Small, 0).await;
    let address = client.nym_address().unwrap();
    let target = echo.target();
    echo.stop().await;
    let patience = Patience { deadline: Duration::from_secs(9), ..PATIENCE };
    assert!(client.exchange(&target, Class::Small, &body(Class::Small, 1), patience).await.is_err());
    assert!(client.nym_address() == Some(address), "the Nym client was kept");
    client.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_comes_back_after_everything_was_down() {
    let net = net(2).await;
    let dir = tempfile::tempdir().unwrap();
    let echo = echo(service_config(&net, dir.path(), 2)).await;
    let client = mixnet(&net).client(1);
    ask(&client, &echo.target(), Class::Small, 0).await;
    let mut state = client.state();
    state.wait_for(|state| state.phase == Phase::Ready).await.unwrap();
    for gateway in net.gateways() {
        gateway.stop().await;
    }
    let asking = tokio::spawn({
        let (client, target) = (client.clone(), echo.target());
        async move { ask(&client, &target, Class::Small, 1).await }
    });
    state.wait_for(|state| matches!(state.phase, Phase::Connecting(_) | Phase::Lost)).await.unwrap();
    for gateway in net.gateways() {
        gateway.start().await.unwrap();
    }
    asking.await.unwrap();
    state.wait_for(|state| state.phase == Phase::Ready).await.unwrap();
    assert!(state.borrow().rebuilds > 0);
    client.stop().await;
    echo.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_was_sent_is_sent_again_after_a_loss() {
    let net = net(4).await;
    let dir = tempfile::tempdir().unwrap();
    let seen = Arc::new(Sightings::default());
    let config = ServiceConfig { observer: Some(seen.clone()), ..service_config(&net, dir.path(), 1) };
    // A relay that holds back every answer, as for boxes that have not come.
    let (service, mut requests) = Service::start(config).await.unwrap();
    let held = Arc::new(Mutex::new(Vec::new()));
    let holding = tokio::spawn({
        let held = Arc::clone(&held);
        async move {
            while let Some(incoming) = requests.recv().await {
                held.lock().unwrap().push(incoming);
            }
        }
    });
    let mixnet = mixnet(&net);
    mixnet.avoid_gateways_of(&service.doors());
    let client = mixnet.client(1);
    let waiting: Vec<_> = (0..20)
        .map(|n| {
            let (client, target) = (client.clone(), target(&service));
            let patience = Patience { deadline: Duration::from_secs(180), resend_after: PATIENCE.deadline };
            tokio::spawn(async move {
                client.exchange(&target, Class::Small, &body(Class::Small, n), patience).await
            })
        })
        .collect();
    until("all wait at the relay", || held.lock().unwrap().len() == 20).await;
    let address = client.nym_address();
    gateway_of(&net, &client).stop().await;
    // Something must be sent for the loss to be noticed.
    let noticed = tokio::spawn({
        let (client, target) = (client.clone(), target(&service));
        async move { client.exchange(&target, Class::Small, &body(Class::Small, 99), PATIENCE).await }
    });
    for exchange in waiting {
        let outcome = exchange.await.unwrap();
        assert!(matches!(outcome, Err(ExchangeError::Interrupted)), "{outcome:?}");
    }
    assert!(matches!(noticed.await.unwrap(), Err(ExchangeError::Interrupted)));
    until("another client is there", || client.nym_address().is_some_and(|new| Some(new) != address)).await;
    let before = held.lock().unwrap().len();
    let fresh = tokio::spawn({
        let (client, target) = (client.clone(), target(&service));
        async move { client.exchange(&target, Class::Small, &body(Class::Small, 100), PATIENCE).await }
    });
    until("a new exchange arrives", || held.lock().unwrap().len() > before).await;
    let requests: u32 = seen.requests.lock().unwrap().values().sum();
    assert!(requests <= 22, "of 20 waiting exchanges none came again: {requests}");
    client.stop().await;
    assert!(matches!(fresh.await.unwrap(), Err(ExchangeError::Stopped)));
    service.stop().await;
    holding.abort();
}
