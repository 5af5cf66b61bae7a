//! A directory that forgets nodes for a while, and learns of them late.

use std::time::{Duration, Instant};

use bauta_localnet::{ExitPolicy, Localnet, Node};
use bauta_protocol::id::DoorAddress;
use bauta_protocol::relay::Class;
use bauta_sphinx_client::OpenError;
use nym_sdk::mixnet::NodeIdentity;
use tokio::net::TcpListener;

use crate::exit::net_with_exits;
use crate::support::*;

/// A Nym address ends with the identity key of its gateway.
fn gateway_of_door(net: &Localnet, door: DoorAddress) -> &Node {
    let is_its = |gateway: &&Node| {
        let identity = NodeIdentity::from_base58_string(gateway.identity()).unwrap();
        door.0[64..] == identity.to_bytes()
    };
    net.gateways().iter().find(is_its).unwrap()
}

/// Longer than two refreshes of the test profile.
const TWO_REFRESHES: Duration = Duration::from_secs(7);

#[tokio::test(flavor = "multi_thread")]
async fn gateways_that_miss_a_refresh_stay_in_use() {
    let net = net(4).await;
    let dir = tempfile::tempdir().unwrap();
    let echo = echo(service_config(&net, dir.path(), 1)).await;
    let client = mixnet(&net).client(1);
    ask(&client, &echo.target(), Class::Small, 0).await;
    net.hide(&[gateway_of(&net, &client), gateway_of_door(&net, echo.target().doors[0])]);
    let (start, mut asked) = (Instant::now(), 1);
    while start.elapsed() < TWO_REFRESHES {
        ask(&client, &echo.target(), Class::Small, asked).await;
        asked += 1;
    }
    net.hide(&[]);
    ask(&client, &echo.target(), Class::Small, asked).await;
    assert_eq!(client.state().borrow().rebuilds, 0);
    client.stop().await;
    echo.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_door_that_the_directory_does_not_know_yet_is_waited_for() {
    let net = net(4).await;
    let dir = tempfile::tempdir().unwrap();
    let echo = echo(service_config(&net, dir.path(), 1)).await;
    net.hide(&[gateway_of_door(&net, echo.target().doors[0])]);
    let client = mixnet(&net).client(1);
    let asking = tokio::spawn({
        let (client, target) = (client.clone(), echo.target());
        async move { ask(&client, &target, Class::Small, 1).await }
    });
    until("the client is connected", || client.nym_address().is_some()).await;
    net.hide(&[]);
    asking.await.unwrap();
    client.stop().await;
    echo.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn exits_that_come_up_late_are_found() {
    let net = net_with_exits(ExitPolicy::Loopback, 1, 2).await;
    let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = server.local_addr().unwrap().port();
    net.list_exits(false);
    let exits = mixnet(&net).exits(Vec::new());
    assert_eq!(exits.open("127.0.0.1", port).await.unwrap_err(), OpenError::NoExit);
    net.list_exits(true);
    let start = Instant::now();
    while let Err(error) = exits.open("127.0.0.1", port).await {
        assert!(error == OpenError::NoExit && start.elapsed() < Duration::from_secs(180), "{error}");
    }
    exits.stop().await;
}
