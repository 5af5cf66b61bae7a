use std::collections::HashSet;
use std::fs;
use std::process::Stdio;
use std::sync::Arc;

use bauta_protocol::relay::Class;
use bauta_sphinx_client::{Mixnet, Network, RelayTarget, Traffic};

use crate::support::*;

#[tokio::test(flavor = "multi_thread")]
async fn two_personas_never_share_a_nym_address_and_a_restart_takes_a_new_one() {
    let net = net(3).await;
    let dir = tempfile::tempdir().unwrap();
    let echo = echo(service_config(&net, dir.path(), 2)).await;
    let mixnet = mixnet(&net);
    let mut addresses = HashSet::new();
    let mut gateways = HashSet::new();
    for label in 0..5 {
        let client = mixnet.client(label);
        let other = mixnet.client(label);
        ask(&client, &echo.target(), Class::Small, label).await;
        ask(&other, &echo.target(), Class::Small, 100 + label).await;
        for client in [client, other] {
            let address = client.nym_address().unwrap();
            assert!(addresses.insert(address.0), "an address was used twice");
            gateways.insert(client.gateway().unwrap());
            client.stop().await;
        }
    }
    let keys: HashSet<[u8; 32]> = addresses.iter().map(|address| address[..32].try_into().unwrap()).collect();
    assert_eq!(keys.len(), 10, "nor a key");
    assert!(gateways.len() <= 2, "but all share two guards");
    echo.stop().await;
}

const CHILD_API: &str = "BAUTA_TEST_CHILD_API";
const CHILD_DOORS: &str = "BAUTA_TEST_CHILD_DOORS";

#[tokio::test(flavor = "multi_thread")]
async fn a_client_writes_nothing_to_disk() {
    let net = net(2).await;
    let dir = tempfile::tempdir().unwrap();
    let echo = echo(service_config(&net, dir.path(), 2)).await;
    let doors: Vec<_> = echo.service.doors().iter().map(ToString::to_string).collect();
    let home = tempfile::tempdir().unwrap();
    // With a limit of no bytes, the first write to any file kills the process. Pipes are not files.
    let child = tokio::process::Command::new("sh")
        .args(["-c", "ulimit -c 0; ulimit -f 0; exec \"$@\"", "sh"])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "identity::the_client_that_may_not_write", "--ignored", "--nocapture"])
        .current_dir(home.path())
        .env(CHILD_API, net.api_url())
        .env(CHILD_DOORS, doors.join(","))
        .envs(
            ["HOME", "TMPDIR", "XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"]
                .map(|name| (name, home.path())),
        )
        .stdin(Stdio::null())
        .output()
        .await
        .unwrap();
    let told = String::from_utf8_lossy(&child.stdout);
    assert!(
        child.status.success() && told.contains("1 passed"),
        "{told}{}",
        String::from_utf8_lossy(&child.stderr)
    );
    let left: Vec<_> = fs::read_dir(home.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(left.is_empty(), "not even an empty file: {left:?}");
    echo.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "the child of the test above"]
async fn the_client_that_may_not_write() {
    let (Ok(api), Ok(doors)) = (std::env::var(CHILD_API), std::env::var(CHILD_DOORS)) else { return };
    let network = Network::local(&api).unwrap();
    let mixnet = Mixnet::new(network, Traffic::Test, Arc::new(Keeper::default())).unwrap();
    let doors = doors.split(',').map(|door| door.parse().unwrap()).collect();
    let client = mixnet.client(1);
    for n in 0..3 {
        ask(&client, &RelayTarget { id: RELAY, doors: Vec::clone(&doors) }, Class::Large, n).await;
    }
    client.stop().await;
}
