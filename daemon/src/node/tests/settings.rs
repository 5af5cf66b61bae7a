//! What a start was given is kept until it is changed.

use std::path::Path;
use std::sync::Arc;

use bauta_ipc::{ChangeSetting, ConfigApi, Empty, SettingRef, StatusApi, StatusOf, codes};
use bauta_protocol::address::RelayAddress;
use bauta_protocol::id::{DoorAddress, RelayId};
use bauta_sphinx_client::{Network, Traffic};
use tokio_util::sync::CancellationToken;

use super::super::{GunSettings, Node, NodeConfig, NodeError};
use crate::unlock::Unlock;

fn relay(number: u8) -> RelayAddress {
    RelayAddress { id: RelayId([number; 32]), doors: vec![DoorAddress([number; 96])] }
}

/// What is given at a start.
#[derive(Default)]
struct Given {
    relays: Option<Vec<RelayAddress>>,
    traffic: Option<Traffic>,
    gun: GunSettings,
}

async fn open(home: &Path, network: Network, given: Given) -> Result<Arc<Node>, NodeError> {
    let config = NodeConfig {
        home: home.to_owned(),
        network,
        relays: vec![relay(1)],
        own_relays: given.relays,
        traffic: given.traffic,
        lock_after: None,
        unlock: Unlock::KeyFile,
        gun: given.gun,
    };
    Node::open(config).await
}

/// A network of this machine that nothing answers for.
fn nowhere() -> Network {
    Network::local("http://127.0.0.1:9/api/").unwrap()
}

async fn close(node: Arc<Node>) {
    let now = CancellationToken::new();
    now.cancel();
    node.run(now).await.unwrap();
}

/// The traffic profile in use, the known relays, and the values of all settings that were set.
async fn shown(node: &Node) -> (String, Vec<String>, Vec<String>) {
    let status = node.status_get(StatusOf::default()).await.unwrap();
    let settings = node.config_list(Empty {}).await.unwrap().settings;
    let set = settings.into_iter().filter(|setting| setting.is_set);
    (
        status.traffic,
        status.relays.into_iter().map(|relay| relay.id).collect(),
        set.map(|setting| format!("{}={}", setting.key, setting.values.join(","))).collect(),
    )
}

async fn set(node: &Node, key: &str, values: &[&str]) -> Result<bauta_ipc::Setting, bauta_ipc::RpcError> {
    let values = values.iter().map(|value| (*value).to_owned()).collect();
    node.config_set(ChangeSetting { key: key.to_owned(), values }).await
}

#[tokio::test]
async fn what_was_given_is_kept_until_it_is_changed() {
    let home = tempfile::tempdir().unwrap();
    let ids = |numbers: &[u8]| -> Vec<String> {
        numbers.iter().map(|number| RelayId([*number; 32]).to_string()).collect()
    };
    let gun = GunSettings {
        relays: Some(vec!["http://127.0.0.1:8765/gun".parse().unwrap()]),
        exits: Some(Vec::new()),
        endpoint: Some(0),
        ..GunSettings::default()
    };
    let given = Given { relays: Some(vec![relay(2)]), traffic: Some(Traffic::Saver), gun };
    let node = open(home.path(), nowhere(), given).await.unwrap();
    let all = [
        "gun.endpoint=0".to_owned(),
        "gun.exits=directory".to_owned(),
        "gun.relays=http://127.0.0.1:8765/gun".to_owned(),
        format!("relays={}", relay(2)),
        "traffic=saver".to_owned(),
    ];
    let first = shown(&node).await;
    assert_eq!(first, ("saver".to_owned(), ids(&[1, 2]), all.to_vec()));
    close(node).await;

    // Nothing is given, and all is as it was.
    let node = open(home.path(), nowhere(), Given::default()).await.unwrap();
    assert_eq!(shown(&node).await, first);
    let gun = node.status_get(StatusOf::default()).await.unwrap().gun;
    assert!(gun.endpoint.is_some() && gun.exits.is_empty());
    // Relays change at once, the rest at the next start.
    set(&node, "relays", &[&relay(3).to_string()]).await.unwrap();
    set(&node, "gun.endpoint", &["off"]).await.unwrap();
    set(&node, "traffic", &[]).await.unwrap();
    assert_eq!(shown(&node).await.1, ids(&[1, 3]));
    assert!(set(&node, "traffic", &["loud"]).await.unwrap_err().is(&codes::CONFIG_VALUE));
    assert!(set(&node, "colour", &["red"]).await.unwrap_err().is(&codes::CONFIG_UNKNOWN));
    close(node).await;

    // What is given wins, and is kept.
    let given = Given { traffic: Some(Traffic::Paranoid), ..Given::default() };
    let node = open(home.path(), nowhere(), given).await.unwrap();
    assert!(node.status_get(StatusOf::default()).await.unwrap().gun.endpoint.is_none());
    close(node).await;
    let node = open(home.path(), nowhere(), Given::default()).await.unwrap();
    let (traffic, relays, _) = shown(&node).await;
    assert_eq!((traffic, relays), ("paranoid".to_owned(), ids(&[1, 3])));
    let setting = node.config_get(SettingRef { key: "traffic".to_owned() }).await.unwrap();
    assert_eq!((setting.values, setting.is_set), (vec!["paranoid".to_owned()], true));
    close(node).await;
}

#[tokio::test]
async fn roots_that_cannot_be_used_are_not_kept() {
    let home = tempfile::tempdir().unwrap();
    for bad in [&b""[..], b"rubbish", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
        let gun = GunSettings { extra_roots_pem: Some(bad.to_vec()), ..GunSettings::default() };
        let refused = open(home.path(), nowhere(), Given { gun, ..Given::default() }).await;
        assert!(matches!(refused, Err(NodeError::Gun(_))));
    }
    let node = open(home.path(), nowhere(), Given::default()).await.unwrap();
    let root = node.config_get(SettingRef { key: "gun.root".to_owned() }).await.unwrap();
    assert!(!root.is_set);
    close(node).await;
}

#[tokio::test]
async fn a_profile_for_local_networks_is_not_used_on_another() {
    let home = tempfile::tempdir().unwrap();
    let given = Given { traffic: Some(Traffic::Test), ..Given::default() };
    close(open(home.path(), nowhere(), given).await.unwrap()).await;
    let refused = open(home.path(), Network::mainnet(), Given::default()).await;
    assert!(matches!(refused, Err(NodeError::TestTraffic)));
    // The store is free again.
    close(open(home.path(), nowhere(), Given::default()).await.unwrap()).await;
}
