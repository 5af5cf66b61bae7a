//! A network with a directory is the same network after a restart.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use bauta_localnet::{Localnet, LocalnetConfig, NetworkFile, StartError};

use crate::support::{connect, connect_kept, hear, send, until_heard};

fn config(dir: &Path, gateways: usize) -> LocalnetConfig {
    LocalnetConfig { dir: Some(dir.join("net")), gateways, ..LocalnetConfig::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_ports_and_clients_survive() {
    let dir = tempfile::tempdir().unwrap();
    let keys = dir.path().join("client");
    let net = Localnet::start(config(dir.path(), 2)).await.unwrap();
    net.rotate_keys().await.unwrap();
    let file = net.network_file();
    let mut bob = connect_kept(&net, &net.gateways()[1], &keys).await.unwrap();
    let address = *bob.nym_address();
    let alice = connect(&net, &net.gateways()[0]).await;
    until_heard(&alice, &mut bob, "before").await;
    bob.disconnect().await;
    alice.disconnect().await;
    net.stop().await;

    // Asked for one gateway, it still runs the two it has.
    let net = Localnet::start(config(dir.path(), 1)).await.unwrap();
    assert_eq!(net.network_file(), file);
    assert_eq!(net.rotation(), 2);
    let mut bob = connect_kept(&net, &net.gateways()[1], &keys).await.unwrap();
    assert_eq!(*bob.nym_address(), address);
    let alice = connect(&net, &net.gateways()[0]).await;
    send(&alice, address, "after").await;
    hear(&mut bob, "after").await;

    let taken = Localnet::start(config(dir.path(), 2)).await;
    assert!(matches!(taken, Err(StartError::PortTaken { .. })), "one at a time");
    net.stop().await;

    for entry in fs::read_dir(dir.path().join("net")).unwrap() {
        let mode = entry.unwrap().metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_network_grows() {
    let dir = tempfile::tempdir().unwrap();
    let net = Localnet::start(config(dir.path(), 1)).await.unwrap();
    let before = net.network_file();
    net.stop().await;
    let net = Localnet::start(config(dir.path(), 3)).await.unwrap();
    let after = net.network_file();
    assert_eq!(after.nodes[..4], before.nodes);
    assert_eq!(after.nodes.len(), 6);

    let path = dir.path().join("network.json");
    after.write(&path).unwrap();
    assert_eq!(NetworkFile::read(&path).unwrap(), after);
    net.stop().await;
}

#[tokio::test]
async fn a_wipe_lasts() {
    let dir = tempfile::tempdir().unwrap();
    let keys = dir.path().join("client");
    let net = Localnet::start(config(dir.path(), 1)).await.unwrap();
    let bob = connect_kept(&net, &net.gateways()[0], &keys).await.unwrap();
    bob.disconnect().await;
    net.gateways()[0].wipe().await.unwrap();
    net.stop().await;
    let net = Localnet::start(config(dir.path(), 1)).await.unwrap();
    assert!(connect_kept(&net, &net.gateways()[0], &keys).await.is_err());
    net.stop().await;
}

#[tokio::test]
async fn nonsense_is_refused() {
    for gateways in [0, LocalnetConfig::MAX_GATEWAYS + 1] {
        let config = LocalnetConfig { gateways, ..LocalnetConfig::default() };
        assert!(matches!(Localnet::start(config).await, Err(StartError::Config(_))));
    }
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("net")).unwrap();
    fs::write(dir.path().join("net/network-keys.json"), "{").unwrap();
    let error = Localnet::start(config(dir.path(), 1)).await.unwrap_err();
    assert!(matches!(error, StartError::Store(_)));
}
