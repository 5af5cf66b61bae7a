use std::sync::Arc;
use std::time::Duration;

use bauta_protocol::relay::Class;
use bauta_sphinx_client::frame::{self, RequestDigest, Xid};
use bauta_sphinx_client::{Patience, Service, ServiceConfig, ServiceError, Traffic};
use nym_sdk::mixnet::{IncludedSurbs, MixnetMessageSender as _, Recipient};

use crate::hostile_relay::plain;
use crate::support::*;

const IMPATIENT: Patience =
    Patience { deadline: Duration::from_secs(180), resend_after: Duration::from_millis(400) };

#[tokio::test(flavor = "multi_thread")]
async fn a_resend_is_the_same_request_and_gets_the_same_answer_over_the_newest_surb() {
    let net = net(2).await;
    let dir = tempfile::tempdir().unwrap();
    let seen = Arc::new(Sightings::default());
    let config = ServiceConfig { observer: Some(seen.clone()), ..service_config(&net, dir.path(), 2) };
    let (service, mut requests) = Service::start(config).await.unwrap();
    let client = mixnet(&net).client(1);
    let asking = tokio::spawn({
        let (client, target) = (client.clone(), target(&service));
        async move { client.exchange(&target, Class::Small, &body(Class::Small, 1), IMPATIENT).await }
    });
    let request = requests.recv().await.unwrap();
    until("it was sent four times", || seen.requests.lock().unwrap().len() >= 4).await;
    assert!(requests.try_recv().is_err(), "asked once");
    request.responder.send(answer_to(&request.body));
    assert_eq!(asking.await.unwrap().unwrap(), answer_to(&body(Class::Small, 1)));
    assert!(
        seen.requests.lock().unwrap().values().all(|times| *times == 1),
        "each sending under a tag of its own"
    );

    // An answer that gets lost is given again. The gateways lose everything until the service has answered.
    let lose = |permille| net.mixes().iter().for_each(|mix| mix.set_drop(permille));
    let asking = tokio::spawn({
        let (client, target) = (client.clone(), target(&service));
        async move { client.exchange(&target, Class::Large, &body(Class::Large, 2), IMPATIENT).await }
    });
    let request = requests.recv().await.unwrap();
    lose(1000);
    request.responder.send(answer_to(&request.body));
    until("the answer is lost", || net.mixes().iter().map(|mix| mix.stats().dropped).sum::<u64>() > 0).await;
    lose(0);
    assert_eq!(asking.await.unwrap().unwrap(), answer_to(&body(Class::Large, 2)));
    assert!(requests.try_recv().is_err());
    client.stop().await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_the_relay_drops_comes_again() {
    let net = net(2).await;
    let dir = tempfile::tempdir().unwrap();
    let (service, mut requests) = Service::start(service_config(&net, dir.path(), 1)).await.unwrap();
    let client = mixnet(&net).client(1);
    let asking = tokio::spawn({
        let (client, target) = (client.clone(), target(&service));
        async move { client.exchange(&target, Class::Small, &body(Class::Small, 1), IMPATIENT).await }
    });
    drop(requests.recv().await.unwrap());
    let again = requests.recv().await.unwrap();
    again.responder.send(vec![5; 1088]);
    assert_eq!(asking.await.unwrap().unwrap(), vec![5; 1088]);
    client.stop().await;
    service.stop().await;
}

#[test]
fn a_killed_service_comes_back_at_the_same_addresses() {
    let dir = tempfile::tempdir().unwrap();
    let world = tokio::runtime::Runtime::new().unwrap();
    let net = world.block_on(net(3));
    // A runtime of its own, so that all its tasks, the SDK's too, can be stopped dead.
    let victim = tokio::runtime::Runtime::new().unwrap();
    let first = victim.block_on(echo(service_config(&net, dir.path(), 2)));
    let target = first.target();
    assert_eq!(target.doors.len(), 2);
    assert_ne!(target.doors[0].0[64..], target.doors[1].0[64..], "doors sit on different gateways");
    let client = world.block_on(async {
        let client = mixnet(&net).client(1);
        ask(&client, &target, Class::Small, 0).await;
        client
    });
    std::mem::forget(first);
    victim.shutdown_background();

    world.block_on(async {
        let asking = tokio::spawn({
            let (client, target) = (client.clone(), target.clone());
            async move { ask(&client, &target, Class::Small, 1).await }
        });
        let second = echo(service_config(&net, dir.path(), 2)).await;
        assert_eq!(second.service.doors(), target.doors);
        asking.await.unwrap();
        client.stop().await;
        second.stop().await;
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_door_whose_gateway_forgot_it_comes_back_at_the_same_address() {
    let net = net(2).await;
    let dir = tempfile::tempdir().unwrap();
    let echo = echo(service_config(&net, dir.path(), 2)).await;
    let doors = echo.service.doors();
    let client = mixnet(&net).client(1);
    ask(&client, &echo.target(), Class::Small, 0).await;
    for gateway in net.gateways() {
        gateway.wipe().await.unwrap();
    }
    for door in &doors {
        let one = bauta_sphinx_client::RelayTarget { id: RELAY, doors: vec![*door] };
        ask(&client, &one, Class::Small, 1).await;
    }
    assert_eq!(echo.service.doors(), doors);
    client.stop().await;
    echo.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_gateway_closes_one_door_and_neither_the_relay_nor_its_start() {
    let net = net(5).await;
    let dir = tempfile::tempdir().unwrap();
    let echo = echo(service_config(&net, dir.path(), 2)).await;
    let doors = echo.service.doors();
    let mixnet = mixnet(&net);
    mixnet.avoid_gateways_of(&doors);
    let client = mixnet.client(1);
    ask(&client, &echo.target(), Class::Small, 0).await;
    let of_door = |door: &bauta_protocol::id::DoorAddress| {
        let own = net.gateways().iter().position(|gateway| {
            let key = nym_sdk::mixnet::NodeIdentity::from_base58_string(gateway.identity()).unwrap();
            key.to_bytes() == door.0[64..]
        });
        net.gateways()[own.unwrap()].clone()
    };
    let lost = of_door(&doors[0]);
    lost.stop().await;
    for n in 1..4 {
        ask(&client, &echo.target(), Class::Small, n).await;
    }
    echo.stop().await;

    let echo = crate::support::echo(service_config(&net, dir.path(), 2)).await;
    assert_eq!(echo.service.doors(), doors, "the closed door keeps its address");
    ask(&client, &echo.target(), Class::Small, 9).await;
    let mut connected = echo.service.connected_doors();
    assert_eq!(*connected.borrow_and_update(), 1);
    lost.start().await.unwrap();
    connected.wait_for(|open| *open == 2).await.unwrap();
    let one = bauta_sphinx_client::RelayTarget { id: RELAY, doors: vec![doors[0]] };
    ask(&client, &one, Class::Small, 10).await;
    client.stop().await;
    echo.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_refuses_what_makes_no_sense() {
    let net = net(1).await;
    let dir = tempfile::tempdir().unwrap();
    for doors in [0, 5] {
        let start = Service::start(service_config(&net, dir.path(), doors)).await;
        assert!(matches!(start, Err(ServiceError::Doors(_))));
    }
    let mainnet = ServiceConfig {
        network: bauta_sphinx_client::Network::mainnet(),
        traffic: Traffic::Test,
        ..service_config(&net, dir.path(), 1)
    };
    assert!(matches!(Service::start(mainnet).await, Err(ServiceError::Traffic(_))));
    std::fs::write(dir.path().join("door-0.json"), "damaged").unwrap();
    let start = Service::start(service_config(&net, dir.path(), 1)).await;
    assert!(matches!(start, Err(ServiceError::Storage { .. })));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exchange_id_used_for_another_request_is_refused() {
    let net = net(2).await;
    let dir = tempfile::tempdir().unwrap();
    let echo = echo(service_config(&net, dir.path(), 1)).await;
    let (mut sender, _) = plain(&net, 0, 0).await;
    let door = Recipient::try_from_bytes(echo.service.doors()[0].0).unwrap();
    let xid = Xid::new([3; 16]);
    let requests: Vec<_> = [1, 2, 1]
        .map(|n| frame::seal_request(&xid, &RELAY, &body(Class::Small, n)).unwrap())
        .into_iter()
        .collect();
    let mut answers = Vec::new();
    for (at, request) in requests.iter().enumerate() {
        sender.send_message(door, request, IncludedSurbs::new(1)).await.unwrap();
        let wait = if at == 1 { Duration::from_secs(2) } else { Duration::from_secs(90) };
        if let Ok(Some(messages)) = tokio::time::timeout(wait, sender.wait_for_messages()).await {
            answers.extend(messages.into_iter().map(|message| message.message));
        }
    }
    let digest = RequestDigest::of(&requests[0]);
    assert_eq!(answers.len(), 2, "the second request got none");
    for answer in &answers {
        assert_eq!(frame::open_reply(&xid, &digest, answer), Some(&answer_to(&body(Class::Small, 1))[..]));
    }
    let done = echo.done.lock().unwrap().clone();
    assert_eq!(done.get(&body(Class::Small, 1)), Some(&1));
    assert_eq!(done.len(), 1);
    sender.disconnect().await;
    echo.stop().await;
}
