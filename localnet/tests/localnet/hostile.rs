//! Nonsense on every port ends at most its own connection.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use bauta_localnet::{Localnet, LocalnetConfig, Node};
use futures::{SinkExt, StreamExt};
use nym_crypto::asymmetric::ed25519;
use nym_gateway_requests::{
    CURRENT_PROTOCOL_VERSION, ClientControlRequest, SharedSymmetricKey,
    registration::handshake::client_handshake,
};
use nym_task::ShutdownToken;
use rand::{Rng, RngCore, SeedableRng, rngs::StdRng};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async, tungstenite::Message};

use crate::support::{PATIENCE, connect, hear, send};

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Writes bytes and waits until the other side closes.
async fn throw(address: SocketAddr, bytes: &[u8]) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    // It may be closed before everything is written.
    let _ = stream.write_all(bytes).await;
    let _ = stream.shutdown().await;
    let mut rest = Vec::new();
    let _ = timeout(PATIENCE, stream.read_to_end(&mut rest)).await.expect("it is closed");
}

async fn still_works(net: &Localnet) {
    let alice = connect(net, &net.gateways()[0]).await;
    let mut bob = connect(net, &net.gateways()[1]).await;
    send(&alice, *bob.nym_address(), "still here").await;
    hear(&mut bob, "still here").await;
}

fn url(node: &Node) -> String {
    format!("ws://{}/", node.websocket_address().unwrap())
}

async fn dial(node: &Node) -> Socket {
    connect_async(url(node)).await.unwrap().0
}

/// A client of our own that has registered.
async fn register(node: &Node) -> (Socket, SharedSymmetricKey) {
    let mut socket = dial(node).await;
    let identity = Arc::new(ed25519::KeyPair::new(&mut rand::rngs::OsRng));
    let gateway = ed25519::PublicKey::from_base58_string(node.identity()).unwrap();
    let mut rng = rand::rngs::OsRng;
    let handshake = client_handshake(
        &mut rng,
        &mut socket,
        &identity,
        gateway,
        CURRENT_PROTOCOL_VERSION,
        ShutdownToken::default(),
    );
    let agreed = handshake.await.unwrap();
    let registered = socket.next().await.unwrap().unwrap();
    assert!(registered.to_text().unwrap().contains("register"));
    (socket, agreed.derived_key)
}

/// Waits until the gateway closes the connection.
async fn closed(socket: &mut Socket) {
    let end = async {
        while let Some(Ok(message)) = socket.next().await {
            if message.is_close() {
                break;
            }
        }
    };
    timeout(PATIENCE, end).await.expect("it is closed");
}

#[tokio::test(flavor = "multi_thread")]
async fn noise_on_every_port() {
    let net = Localnet::start(LocalnetConfig::default()).await.unwrap();
    let mut rng = StdRng::seed_from_u64(3);
    let api: SocketAddr =
        net.api_url().trim_start_matches("http://").trim_end_matches("/api/").parse().unwrap();
    let mut ports = vec![api];
    for node in net.mixes().iter().chain(net.gateways()) {
        ports.push(node.mix_address());
        ports.extend(node.websocket_address());
    }
    for port in ports {
        for length in [0, 1, 3, 4, 100, 10_000, 200_000] {
            let mut noise = vec![0; length];
            rng.fill_bytes(&mut noise);
            throw(port, &noise).await;
        }
        throw(port, &[b'A'; 200_000]).await;
        throw(port, b"GET / HTTP/1.1\r\n\r\n").await;
    }
    // A well-formed frame of each kind around noise: a version, a size, a type, a rotation.
    for mix in net.mixes() {
        for size in 1..=5 {
            let mut frame = vec![8, size, 0, rng.gen_range(0..3)];
            frame.resize(40_000, 0);
            rng.fill_bytes(&mut frame[4..]);
            throw(mix.mix_address(), &frame).await;
        }
        assert!(mix.stats().malformed > 0);
    }
    still_works(&net).await;
    net.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn strange_requests_before_the_login() {
    let net = Localnet::start(LocalnetConfig::default()).await.unwrap();
    let gateway = &net.gateways()[0];
    let many = format!(r#"{{"type":"registerHandshakeInitRequest","data":[{}0]}}"#, "0,".repeat(50_000));
    let requests = [
        "",
        "{}",
        "null",
        r#"{"type":"nonsense"}"#,
        r#"{"type":"registerHandshakeInitRequest","protocol_version":6,"data":[]}"#,
        r#"{"type":"registerHandshakeInitRequest","protocol_version":255,"data":[1,2,3]}"#,
        r#"{"type":"claimFreeTestnetBandwidth"}"#,
        r#"{"type":"encryptedRequest","ciphertext":[],"nonce":[]}"#,
        &"[".repeat(100_000),
        &many,
    ];
    for request in requests {
        let mut socket = dial(gateway).await;
        socket.send(Message::Text(request.into())).await.unwrap();
        closed(&mut socket).await;
    }
    let mut socket = dial(gateway).await;
    let too_long = Message::Binary(vec![0; 1 << 20]);
    let _ = socket.send(too_long).await;
    closed(&mut socket).await;
    still_works(&net).await;
    net.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn strange_requests_after_the_login() {
    let net = Localnet::start(LocalnetConfig::default()).await.unwrap();
    let gateway = &net.gateways()[0];
    let mut rng = StdRng::seed_from_u64(4);
    let mut requests = vec![
        Message::Binary(vec![]),
        Message::Binary(vec![1]),
        Message::Binary(vec![1, 0]),
        Message::Binary(vec![1, 1]),
        Message::Binary(vec![2, 0, 1, 2, 3]),
        Message::Binary(vec![1, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
        Message::Binary(vec![1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
        Message::Text("{".into()),
        Message::Text(r#"{"type":"encryptedRequest","ciphertext":[1],"nonce":[1]}"#.into()),
    ];
    for length in [14, 30, 2500] {
        let mut noise = vec![0; length];
        rng.fill_bytes(&mut noise);
        noise[..2].copy_from_slice(&[2, 1]);
        requests.push(Message::Binary(noise));
    }
    let before = gateway.stats().malformed;
    let count = requests.len() as u64;
    for request in requests {
        let (mut socket, _) = register(gateway).await;
        socket.send(request).await.unwrap();
        closed(&mut socket).await;
    }
    assert_eq!(gateway.stats().malformed - before, count);

    // Well encrypted nonsense: packet type, rotation, address, and no packet.
    for plaintext in [
        &[][..],
        &[0],
        &[0, 1],
        &[0, 1, 4],
        &[0, 1, 4, 0, 80, 127, 0, 0, 1],
        &[0, 1, 4, 0, 80, 127, 0, 0, 1, 9, 9],
    ] {
        for kind in [0, 1, 2, 3] {
            let (mut socket, key) = register(gateway).await;
            let nonce = key.random_nonce();
            let sealed = key.encrypt(plaintext, &nonce).unwrap();
            let frame = [&[kind, 1][..], &nonce[..], &sealed].concat();
            socket.send(Message::Binary(frame)).await.unwrap();
            closed(&mut socket).await;
        }
    }
    still_works(&net).await;
    net.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_login_takes_over() {
    let net = Localnet::start(LocalnetConfig::default()).await.unwrap();
    let gateway = &net.gateways()[0];
    let mut socket = dial(gateway).await;
    let identity = ed25519::KeyPair::new(&mut rand::rngs::OsRng);
    let remote = ed25519::PublicKey::from_base58_string(gateway.identity()).unwrap();
    let mut rng = rand::rngs::OsRng;
    let version = CURRENT_PROTOCOL_VERSION;
    let handshake =
        client_handshake(&mut rng, &mut socket, &identity, remote, version, ShutdownToken::default());
    let key = handshake.await.unwrap().derived_key;
    socket.next().await.unwrap().unwrap();

    let mut second = dial(gateway).await;
    let login = ClientControlRequest::new_authenticate_v2(&key, &identity, version).unwrap();
    second.send(login.into()).await.unwrap();
    let answer = second.next().await.unwrap().unwrap();
    assert!(answer.to_text().unwrap().contains("authenticate"), "{answer}");
    closed(&mut socket).await;

    let stranger = ed25519::KeyPair::new(&mut rand::rngs::OsRng);
    let mut third = dial(gateway).await;
    let login = ClientControlRequest::new_authenticate_v2(&key, &stranger, version).unwrap();
    third.send(login.into()).await.unwrap();
    let answer = third.next().await.unwrap().unwrap();
    assert!(answer.to_text().unwrap().contains("not registered"), "{answer}");
    closed(&mut third).await;
    net.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_does_not_log_in_is_cut_off() {
    let net = Localnet::start(LocalnetConfig::default()).await.unwrap();
    let websocket = net.gateways()[0].websocket_address().unwrap();
    let mut silent = TcpStream::connect(websocket).await.unwrap();
    let mut bytes = Vec::new();
    let end = timeout(Duration::from_secs(120), silent.read_to_end(&mut bytes)).await;
    assert!(end.is_ok(), "a silent connection is closed");
    net.stop().await;
}
