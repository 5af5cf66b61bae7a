//! Nothing that a hop can read tells a client's packets apart: not cover from messages, nor questions from answers.

use std::collections::BTreeSet;
use std::sync::Arc;

use bauta_localnet::{ClientShapes, ExitPolicy, Localnet, LocalnetConfig, Shape};
use bauta_protocol::id::DoorAddress;
use bauta_protocol::relay::Class;
use bauta_sphinx_client::{Mixnet, Traffic};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::support::*;

/// The version of Sphinx that the SDK makes messages, replies and acknowledgements in.
const VERSION: u16 = 259;
/// Bytes of a packet that carries a message or cover.
const REGULAR: usize = 2413;
/// Bytes of an acknowledgement, which the SDK makes smaller than all else.
const ACK: usize = 386;
/// So many packets of a client show its cover too: it sends a few each second.
const ENOUGH: u64 = 60;

fn shapes_of(net: &Localnet, address: &DoorAddress) -> ClientShapes {
    let all = net.shapes();
    let one = all.into_iter().find(|(client, _)| client == address.0.first_chunk().unwrap());
    one.map(|(_, shapes)| shapes).unwrap_or_default()
}

fn sent(net: &Localnet, address: &DoorAddress) -> u64 {
    shapes_of(net, address).sent.values().sum()
}

fn check(who: &str, shapes: &ClientShapes) {
    let versions: BTreeSet<u16> =
        shapes.sent.keys().chain(shapes.received.keys()).map(|shape| shape.version).collect();
    assert_eq!(versions, [VERSION].into(), "{who} has packets of several versions of Sphinx: {shapes:?}");
    assert_eq!(shapes.sent.len(), 1, "{who} sends packets that can be told apart: {:?}", shapes.sent);
    assert!(shapes.sent.keys().all(|shape| shape.size == REGULAR), "{who}: {:?}", shapes.sent);
    let kinds: BTreeSet<(u8, u8)> =
        shapes.received.keys().map(|shape| (shape.kind, shape.rotation)).collect();
    assert!(kinds.len() <= 1, "{who} gets packets that can be told apart: {:?}", shapes.received);
    let documented = |shape: &Shape| shape.size == REGULAR || shape.size == ACK;
    assert!(shapes.received.keys().all(documented), "{who}: {:?}", shapes.received);
}

#[tokio::test(flavor = "multi_thread")]
async fn packets_of_a_client_look_alike_to_every_hop() {
    log();
    let config = LocalnetConfig { gateways: 2, exit: ExitPolicy::Loopback, exits: 1, ..Default::default() };
    let net = Localnet::start(config).await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let echo = echo(service_config(&net, dir.path(), 1)).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut reader, mut writer) = stream.split();
                let _ = tokio::io::copy(&mut reader, &mut writer).await;
            });
        }
    });
    // The profile of tests sends no cover, so this is the one that people use.
    let mixnet = Mixnet::new(network(&net), Traffic::Full, Arc::new(Keeper::default())).unwrap();
    let client = mixnet.client(1);
    let exits = mixnet.exits(Vec::new());
    for n in 0..3 {
        ask(&client, &echo.target(), Class::Small, n).await;
    }
    ask(&client, &echo.target(), Class::Large, 9).await;
    let mut stream = exits.open("127.0.0.1", port).await.unwrap();
    stream.write_all(&[7; 5000]).await.unwrap();
    stream.flush().await.unwrap();
    let mut back = [0; 5000];
    stream.read_exact(&mut back).await.unwrap();

    let door = echo.service.doors()[0];
    let (person, streams) = (client.nym_address().unwrap(), exits.nym_address().unwrap());
    until("both clients have sent cover", || {
        sent(&net, &person) >= ENOUGH && sent(&net, &streams) >= ENOUGH && sent(&net, &door) >= 4
    })
    .await;
    let whole = net.shapes();
    for (who, address) in [("a client", &person), ("the client of streams", &streams), ("a door", &door)] {
        check(who, &shapes_of(&net, address));
    }
    // The network's own exit is the fourth.
    assert_eq!(whole.len(), 4);
    for (_, shapes) in &whole {
        check("a client of the network", shapes);
    }
    exits.stop().await;
    client.stop().await;
    echo.stop().await;
}
