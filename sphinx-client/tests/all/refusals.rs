//! Why no gateway takes a client: named, and not asked about over and over.

use std::sync::Arc;
use std::time::Duration;

use bauta_localnet::{ExitPolicy, Localnet, LocalnetConfig, Refusal};
use bauta_protocol::relay::Class;
use bauta_sphinx_client::{
    Client, ConnectPhase, Mixnet, NoGateway, OpenError, Phase, Service, ServiceError, State, Traffic,
};
use tokio::time::{Instant, timeout};

use crate::support::*;

const PATIENCE: Duration = Duration::from_secs(180);

fn refuse(net: &Localnet, refusal: Option<Refusal>) {
    for gateway in net.gateways() {
        gateway.refuse(refusal);
    }
}

fn registrations(net: &Localnet) -> u64 {
    net.stats().total().registrations
}

async fn reaches(client: &Client, what: &str, holds: impl FnMut(&State) -> bool) {
    let mut state = client.state();
    timeout(PATIENCE, state.wait_for(holds)).await.expect(what).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn each_reason_is_named_and_passes_with_its_cause() {
    let net = net(4).await;
    let dir = tempfile::tempdir().unwrap();
    let echo = echo(service_config(&net, dir.path(), 1)).await;
    for (refusal, why) in [
        (Refusal::Clock, NoGateway::Clock),
        (Refusal::Tickets, NoGateway::Tickets),
        (Refusal::Full, NoGateway::Full),
        (Refusal::Protocol(3), NoGateway::Protocol),
        (Refusal::Broken, NoGateway::Refused),
    ] {
        refuse(&net, Some(refusal));
        let client = mixnet(&net).client(1);
        reaches(&client, &format!("{refusal:?}"), |state| state.no_gateway == Some(why)).await;
        refuse(&net, None);
        ask(&client, &echo.target(), Class::Small, 1).await;
        assert_eq!(client.state().borrow().no_gateway, None, "it is forgotten");
        client.stop().await;
    }
    echo.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn gateways_that_are_down_are_no_refusal() {
    let net = net(2).await;
    for gateway in net.gateways() {
        gateway.stop().await;
    }
    let client = mixnet(&net).client(1);
    reaches(&client, "unreachable", |state| state.no_gateway == Some(NoGateway::Unreachable)).await;
    client.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_are_refused_do_not_register_over_and_over() {
    let net = net(6).await;
    refuse(&net, Some(Refusal::Tickets));
    let mixnet = Mixnet::new(network(&net), Traffic::Test, Arc::new(Keeper::default())).unwrap();
    let start = Instant::now();
    let clients = [mixnet.client(1), mixnet.client(2)];
    // One client is refused four times; all wait for the same gateways.
    for round in 1..=4 {
        let pausing = |state: &State| state.phase == Phase::Connecting(ConnectPhase::Pausing);
        let lost = |state: &State| state.phase == Phase::Lost;
        let what = format!("round {round}");
        reaches(&clients[0], &what, |state| pausing(state) || lost(state)).await;
        if lost(&clients[0].state().borrow()) {
            break;
        }
        reaches(&clients[0], &what, |state| !pausing(state)).await;
    }
    let (asked, elapsed) = (registrations(&net), start.elapsed());
    // Each client may meet two guards and a stand-in before either knows; then each gateway has a pause of 1 second, of 2,
    // of 4, all a little longer, and is asked once after each.
    let over = (1..).take_while(|n| elapsed.as_secs() >= (1 << n) - 1).count() as u64;
    assert!((3..=6 + 3 * over).contains(&asked), "{asked} registrations in {elapsed:?}");
    for client in clients {
        assert_eq!(client.state().borrow().no_gateway, Some(NoGateway::Tickets));
        client.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_that_ends_is_asked_for_again_and_loses_nothing() {
    let net = net(4).await;
    let dir = tempfile::tempdir().unwrap();
    let echo = echo(service_config(&net, dir.path(), 1)).await;
    let client = mixnet(&net).client(1);
    for round in 0..4 {
        ask(&client, &echo.target(), Class::Small, round).await;
        for gateway in net.gateways() {
            gateway.end_grants();
        }
    }
    ask(&client, &echo.target(), Class::Large, 9).await;
    assert_eq!(client.state().borrow().rebuilds, 0);
    client.stop().await;
    echo.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_and_services_name_the_reason_too() {
    let config =
        LocalnetConfig { gateways: 4, exit: ExitPolicy::Loopback, exits: 1, ..LocalnetConfig::default() };
    log();
    let net = Localnet::start(config).await.unwrap();
    refuse(&net, Some(Refusal::Clock));
    let exits = mixnet(&net).exits(Vec::new());
    let refused = timeout(PATIENCE, exits.open("127.0.0.1", 80)).await.unwrap();
    assert_eq!(refused.unwrap_err(), OpenError::Network(NoGateway::Clock));
    let before = registrations(&net);
    let again = timeout(PATIENCE, exits.open("127.0.0.1", 80)).await.unwrap();
    assert_eq!(again.unwrap_err(), OpenError::Network(NoGateway::Clock));
    assert!(registrations(&net) <= before + 1, "the guards' answer is known, and a stand-in is asked once");
    exits.stop().await;

    let dir = tempfile::tempdir().unwrap();
    let started = timeout(PATIENCE, Service::start(service_config(&net, dir.path(), 1))).await.unwrap();
    assert!(matches!(started, Err(ServiceError::NoGateway(NoGateway::Clock))), "{:?}", started.map(|_| ()));
    net.stop().await;
}
