//! Exits: unmodified clients reach servers of this machine through them, and the directory names them.

use std::net::SocketAddr;

use bauta_localnet::{ExitPolicy, Localnet, LocalnetConfig, StartError};
use nym_api_requests::{models::described::v2::NymNodeDescriptionV2, pagination::PaginatedResponse};
use nym_sdk::mixnet::{MixnetClientBuilder, Recipient, Socks5};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::timeout,
};

use crate::support::{PATIENCE, fast, network_details, shutdown};

fn config(exits: usize) -> LocalnetConfig {
    LocalnetConfig { exit: ExitPolicy::Loopback, exits, ..LocalnetConfig::default() }
}

async fn echo() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut reader, mut writer) = stream.split();
                let _ = tokio::io::copy(&mut reader, &mut writer).await;
            });
        }
    });
    address
}

async fn described(net: &Localnet, page: u32) -> PaginatedResponse<NymNodeDescriptionV2> {
    let api = net.api_url();
    let host = api.trim_start_matches("http://").trim_end_matches("/api/");
    let mut stream = TcpStream::connect(host).await.unwrap();
    let path = format!("/api/v2/nym-nodes/described?page={page}");
    let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    serde_json::from_str(body).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn nyms_own_socks_client_goes_through() {
    let net = Localnet::start(config(1)).await.unwrap();
    let server = echo().await;
    // A free port is taken away between the two binds by nobody but bad luck.
    let bind = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let mut socks = Socks5::new(net.exits()[0].address());
    socks.bind_address = bind;
    socks.send_anonymously = true;
    let client = MixnetClientBuilder::new_ephemeral()
        .network_details(network_details(&net))
        .debug_config(fast())
        .socks5_config(socks)
        .custom_shutdown(shutdown())
        .build()
        .unwrap();
    let client = timeout(PATIENCE, client.connect_to_mixnet_via_socks5()).await.unwrap().unwrap();

    let talk = async {
        let mut stream = loop {
            // The listener is opened by a task of its own.
            match TcpStream::connect(bind).await {
                Ok(stream) => break stream,
                Err(_) => tokio::time::sleep(std::time::Duration::from_millis(20)).await,
            }
        };
        // RFC 1928: no authentication; connect to an IPv4 address.
        stream.write_all(&[5, 1, 0]).await.unwrap();
        let mut answer = [0; 2];
        stream.read_exact(&mut answer).await.unwrap();
        assert_eq!(answer, [5, 0]);
        let [high, low] = server.port().to_be_bytes();
        stream.write_all(&[5, 1, 0, 1, 127, 0, 0, 1, high, low]).await.unwrap();
        let mut answer = [0; 10];
        stream.read_exact(&mut answer).await.unwrap();
        assert_eq!(answer[1], 0);
        stream.write_all(b"through the mixnet").await.unwrap();
        let mut back = [0; 18];
        stream.read_exact(&mut back).await.unwrap();
        assert_eq!(&back, b"through the mixnet");
    };
    timeout(PATIENCE, talk).await.expect("an answer in time");
    client.disconnect().await;
    net.stop().await;
    assert!(!net.exits()[0].is_up());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_directory_names_every_exit_with_its_gateway() {
    let net = Localnet::start(config(3)).await.unwrap();
    let page = described(&net, 0).await;
    assert_eq!(page.pagination.total, page.data.len());
    let mut listed = Vec::new();
    for node in page.data {
        let identity = node.ed25519_identity_key().to_base58_string();
        let gateway = net.gateways().iter().find(|gateway| gateway.identity() == identity).unwrap();
        assert_eq!(node.description.mix_port(), gateway.mix_address().port());
        if let Some(exit) = node.description.network_requester {
            let address = Recipient::try_from_base58_string(&exit.address).unwrap();
            assert_eq!(address.gateway().to_base58_string(), identity);
            listed.push(exit.address);
        }
    }
    let mut exits: Vec<_> = net.exits().iter().map(bauta_localnet::Exit::address).collect();
    assert_eq!(net.network_file().exit, Some(exits[0].clone()));
    exits.sort();
    listed.sort();
    assert_eq!(listed, exits);
    assert!(described(&net, 1).await.data.is_empty());
    net.stop().await;

    let net = Localnet::start(LocalnetConfig::default()).await.unwrap();
    assert!(net.exits().is_empty() && net.network_file().exit.is_none());
    assert!(described(&net, 0).await.data.iter().all(|node| node.description.network_requester.is_none()));
    net.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exit_keeps_its_address() {
    let dir = tempfile::tempdir().unwrap();
    let kept = || LocalnetConfig { dir: Some(dir.path().join("net")), ..config(2) };
    let net = Localnet::start(kept()).await.unwrap();
    let addresses: Vec<_> = net.exits().iter().map(bauta_localnet::Exit::address).collect();
    assert_ne!(addresses[0], addresses[1]);
    net.exits()[1].stop().await;
    assert!(!net.exits()[1].is_up());
    net.exits()[1].start().await.unwrap();
    assert_eq!(net.exits()[1].address(), addresses[1]);
    net.stop().await;
    net.exits()[0].start().await.unwrap();
    assert!(!net.exits()[0].is_up(), "a stopped network starts nothing");
    drop(net);
    let net = Localnet::start(kept()).await.unwrap();
    let again: Vec<_> = net.exits().iter().map(bauta_localnet::Exit::address).collect();
    assert_eq!(again, addresses);
    net.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exit_is_for_this_machine_only() {
    for exit in ["10.0.0.1:80", "[::1]:80", "0.0.0.0:80"] {
        let exit = ExitPolicy::Only(vec![exit.parse().unwrap()]);
        let refused = Localnet::start(LocalnetConfig { exit, ..LocalnetConfig::default() }).await;
        assert!(matches!(refused, Err(StartError::Config(_))));
    }
    let none = Localnet::start(config(0)).await;
    assert!(matches!(none, Err(StartError::Config(_))));
}
